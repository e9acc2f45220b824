"""What the explorer shows, in a compact form: an index (JSON), coordinates (bytes), thumbnails (WebP).

A *view* is one projection of one layer of one network. Views are numbered network by network, layer
by layer, projection by projection; each takes 4 bytes a sample.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch.nn.functional as F
from PIL import Image
from scipy.linalg import orthogonal_procrustes
from torch import Tensor

from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import parse
from ddrlib.errors import DDRError
from ddrlib.measure.layer import Layer
from ddrlib.measure.measurement import Measurement
from ddrlib.measure.metrics import calinski_harabasz
from ddrlib.measure.tsne import tsne_each, usable_perplexity
from ddrlib.plots.palette import MARKERS, PALETTE, SHARES

THUMBNAIL = 32  # pixels a side, at most
ATLAS_QUALITY = 80  # thumbnails are for recognising; the gallery shows exact pixels


class Packed(NamedTuple):
    index: dict
    coordinates: bytes
    atlas: bytes


def pack(
    measurements: Sequence[Measurement],
    patches: Patches,
    images: Tensor,
    perplexities: Sequence[float] = (),
    seed: int = 0,
    folder: str = "",
    progress: Callable[[str], None] = lambda text: None,
) -> Packed:
    """Everything an explorer shows of networks measured on the same samples.

    `images` are the LR images (N, 3, H, W) in [0, 1], one a sample, in the measurements' order.
    Each layer gets its PCA, the t-SNE projection of the measurement, and one for each of
    `perplexities`. Each projection is turned to lie as near as it can to that of the layer before:
    a rotation changes no distance, and the film stays calm. `folder` is where the photographs come
    from, "" for the book's own.
    """
    if len({(m.degradations, m.n, m.perplexity) for m in measurements}) != 1:
        raise DDRError(
            "explorer: the measurements are of different contents, degradations or perplexities; "
            "measure all networks on the same ones"
        )
    measured = measurements[0].perplexity
    wanted = [usable_perplexity(len(images), perplexity) for perplexity in perplexities]
    perplexities = list(dict.fromkeys([measured, *wanted]))
    labels = _labels(measurements[0], patches)
    views, coordinates = [], []
    for points in _projections(measurements, perplexities, seed, progress):
        words, centre, radius = quantise(points)
        chi = {label["name"]: _chi(points, label["codes"]) for label in labels}
        views.append({"centre": centre, "radius": radius, "chi": chi})
        coordinates.append(words.tobytes())
    images = _thumbnails(images)
    index = {
        "samples": len(images),
        "networks": [
            {"name": m.network, "layers": list(map(_figures, m.layers))} for m in measurements
        ],
        "projections": ["PCA", *(f"t-SNE, perplexity {p:g}" for p in perplexities)],
        "views": views,
        "labels": [{**label, "codes": label["codes"].tolist()} for label in labels],
        "thumbnail": images.shape[-1],
        "columns": atlas_columns(len(images)),
        "palette": PALETTE,
        "markers": MARKERS,
        # A list, since notebooks are saved with sorted keys; of lists, since JSON has no tuples.
        "shares": [list(share) for share in SHARES.items()],
        "defaults": {
            "degradations": ", ".join(measurements[0].degradations),
            "contents": measurements[0].n,
            "perplexity": measured,
            "folder": folder,
        },
    }
    return Packed(index, b"".join(coordinates), webp(_atlas(images), ATLAS_QUALITY))


def quantise(points: np.ndarray) -> tuple[np.ndarray, list[float], float]:
    """Points (N, 2) as little-endian uint16 words, with the centre and radius of their square.

    A coordinate is centre + radius * (word / 32767.5 - 1), to 1.6e-5 of the radius.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    centre = (low + high) / 2
    radius = float((high - low).max() / 2) or 1.0
    words = np.rint(((points - centre) / radius + 1) * 32767.5).clip(0, 65535).astype("<u2")
    return words, centre.tolist(), radius


def webp(image: Tensor, quality: int | None = None) -> bytes:
    """An image (3, H, W) in [0, 1] as WebP, lossless where no quality is given."""
    pixels = image.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().cpu().numpy()
    options = {"lossless": True} if quality is None else {"quality": quality}
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", method=4, **options)
    return file.getvalue()


def photograph_name(source: str) -> str:
    """A short name of a photograph's file: without folder, package prefix and ending."""
    return Path(source).stem.rpartition("__")[2]


def atlas_columns(n: int) -> int:
    return int(np.ceil(np.sqrt(n)))


def _projections(
    measurements: Sequence[Measurement],
    perplexities: Sequence[float],
    seed: int,
    progress: Callable[[str], None],
) -> Iterator[np.ndarray]:
    """The points (N, 2) of all views in their order."""
    runs = [
        (layer.scores, seed, perplexity)
        for measurement in measurements
        for layer in measurement.layers
        for perplexity in perplexities
        if not _is_measured(measurement, perplexity, seed)
    ]
    if runs:
        progress(f"{len(runs)} more t-SNE projections ...")
    made = tsne_each(runs)
    for measurement in measurements:
        before: list[np.ndarray | None] = [None] * (1 + len(perplexities))
        for layer in measurement.layers:
            maps = [
                layer.embeddings[seed]
                if _is_measured(measurement, perplexity, seed)
                else next(made)
                for perplexity in perplexities
            ]
            projections = [_plane(layer.scores), *maps]
            before = [_align(*pair) for pair in zip(projections, before, strict=True)]
            yield from before


def _is_measured(measurement: Measurement, perplexity: float, seed: int) -> bool:
    return perplexity == measurement.perplexity and seed < measurement.seeds


def _plane(scores: np.ndarray) -> np.ndarray:
    """The first two components (N, 2), the second 0 where there is only one."""
    return np.pad(scores[:, :2], ((0, 0), (0, 2 - min(scores.shape[1], 2))))


def _align(points: np.ndarray, reference: np.ndarray | None) -> np.ndarray:
    """The points turned and mirrored, about their mean, to lie nearest to the reference."""
    points = points - points.mean(axis=0)
    if reference is None:
        return points
    rotation, _ = orthogonal_procrustes(points, reference)
    return points @ rotation


def _labels(measurement: Measurement, patches: Patches) -> list[dict]:
    """What points can be coloured by: each a name, the names of its labels, and a code a sample."""
    types = ["+".join(s.name for s in parse(d).steps) or "clean" for d in measurement.degradations]
    names = [photograph_name(source) for source in patches.source]
    per_degradation = {"degradation type": types, "degree": measurement.degradations}
    per_content = {
        "content": range(len(patches)),
        "category": [category or "none" for category in patches.category],
        "photograph": names,
    }
    rows = [(k, np.asarray(v)[measurement.degradation]) for k, v in per_degradation.items()]
    rows += [(k, np.asarray(v)[measurement.content]) for k, v in per_content.items()]
    return [{"name": name, **_encode(values)} for name, values in rows]


def _encode(values: np.ndarray) -> dict:
    """Distinct values in the order in which they appear, and the code of each sample."""
    names = list(dict.fromkeys(values.tolist()))
    codes = {name: code for code, name in enumerate(names)}
    return {"names": list(map(str, names)), "codes": np.array([codes[v] for v in values.tolist()])}


def _chi(points: np.ndarray, codes: np.ndarray) -> float | None:
    """CHI of the points by these labels; None where there is none (JSON knows no infinity)."""
    if not 1 <= codes.max() < len(codes) - 1:
        return None
    return _finite(calinski_harabasz(points, codes).chi)


def _figures(layer: Layer) -> dict:
    """What the measurement says of a layer, apart from any one projection."""
    chi = {"degradation": layer.chi_degradation, "content": layer.chi_content}
    return {
        "name": layer.name,
        "dim": layer.dim,
        "chi": {k: [_finite(c.mean), _finite(c.sd), len(c.values)] for k, c in chi.items()},
        "variance": {
            share: list(map(_finite, getattr(layer.variance, share)[:3])) for share in SHARES
        },
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _thumbnails(images: Tensor) -> Tensor:
    small = images.shape[-1] <= THUMBNAIL
    return images if small else F.interpolate(images, (THUMBNAIL, THUMBNAIL), mode="area")


def _atlas(images: Tensor) -> Tensor:
    """The images (N, 3, S, S) row by row in one (3, rows * S, columns * S)."""
    columns = atlas_columns(len(images))
    rows = -(-len(images) // columns)
    images = F.pad(images, (0, 0, 0, 0, 0, 0, 0, rows * columns - len(images)))
    grid = images.unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4)
    return grid.flatten(3, 4).flatten(1, 2)
