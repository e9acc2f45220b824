"""What the explorer shows, in a compact form: an index, coordinates (bytes), thumbnails (WebP).

A view is one projection of one layer of one network. Views are numbered network by network, layer
by layer, projection by projection; each takes 4 bytes per sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import orthogonal_procrustes

from ddrlib.degrade.degradation import parse
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError
from ddrlib.measure.embedded import EmbeddedLayer
from ddrlib.measure.measurement import Measurement
from ddrlib.measure.metrics import calinski_harabasz
from ddrlib.measure.projection import plane
from ddrlib.measure.tsne import tsne_each, usable_perplexity
from ddrlib.plots.palette import MARKERS, PALETTE, SHARES
from ddrlib.widgets.thumbnails import photograph_name, sheet, sheet_columns
from ddrlib.zoo.names import plain_name


@dataclass(frozen=True)
class Packed:
    """An index (plain values), the coordinates of all views, one sheet of thumbnails per scale."""

    index: dict
    coordinates: bytes
    sheets: list[bytes]


def pack(
    measurements: Sequence[Measurement],
    perplexities: Sequence[float] = (),
    seed: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> Packed:
    """Pack everything that an explorer shows of networks measured on the same contents.

    Each layer gets its PCA, the t-SNE projection of the measurement, and one for each of
    `perplexities`. Each projection is turned to lie as near as it can to that of the layer before:
    a rotation changes no distance, and the film stays calm. The thumbnails are what the networks
    saw: networks of one scale share a sheet. A further perplexity costs a projection per layer, as
    does a `seed` of t-SNE that was not measured; `progress` takes a line of text before.

    DDRError where the measurements are of different contents, degradations or perplexities.
    """
    samples, perplexity = measurements[0].samples, measurements[0].perplexity
    if not all(_alike(measurements[0], other) for other in measurements[1:]):
        raise DDRError(
            "explorer: the measurements are of different contents, degradations or perplexities; "
            "measure all networks on the same ones"
        )
    usable = [usable_perplexity(len(samples.images), p) for p in perplexities]
    perplexities = list(dict.fromkeys([perplexity, *usable]))
    labels = _labels(samples)
    views, coordinates = [], []
    for points in _projections(measurements, perplexities, seed, progress):
        words, centre, radius = quantise(points)
        chi = {label["name"]: _chi(points, label["codes"]) for label in labels}
        views.append({"centre": centre, "radius": radius, "chi": chi})
        coordinates.append(words.tobytes())
    by_scale = {m.samples.scale: m.samples.images for m in measurements}
    index = {
        "samples": len(samples.images),
        "networks": [
            {
                "name": m.network,
                "title": plain_name(m.network),
                "seeds": m.seeds,
                "sheet": list(by_scale).index(m.samples.scale),
                "layers": list(map(_figures, m.layers)),
                "film": _film_end(m),
            }
            for m in measurements
        ],
        "projections": ["PCA", *(f"t-SNE, perplexity {p:g}" for p in perplexities)],
        "views": views,
        "labels": [{**label, "codes": label["codes"].tolist()} for label in labels],
        "columns": sheet_columns(len(samples.images)),
        "palette": PALETTE,
        "markers": MARKERS,
        # A list, since notebooks are saved with sorted keys; of lists, since JSON has no tuples.
        "shares": [list(share) for share in SHARES.items()],
        "settings": _settings(samples, perplexity),
    }
    return Packed(index, b"".join(coordinates), [sheet(images) for images in by_scale.values()])


def _film_end(measurement: Measurement) -> int:
    """The number of the layer that a film through the network ends at: the last of its trunk.

    Without a trunk it is the last but one, since the output sorts nothing.
    """
    layers = measurement.layers
    trunk = [k for k, layer in enumerate(layers) if layer.name in measurement.trunk]
    return trunk[-1] if trunk else max(len(layers) - 2, 0)


def _alike(one: Measurement, other: Measurement) -> bool:
    """Whether they are of the same contents, degradations and perplexity; scales may differ."""
    return (one.degradations, one.n, one.perplexity) == (
        other.degradations,
        other.n,
        other.perplexity,
    ) and torch.equal(one.samples.patches.images, other.samples.patches.images)


def _settings(samples: Samples, perplexity: float) -> dict:
    """What was measured, for the page to ask for it again: `ddrlib.widgets.explorer_view.recompute`."""
    return {
        "degradations": ", ".join(samples.degradations),
        "contents": samples.n,
        "perplexity": perplexity,
        "images": samples.patches.split,
        "size": samples.patches.images.shape[-1],
        "patch_seed": samples.patches.seed,
    }


def quantise(points: np.ndarray) -> tuple[np.ndarray, list[float], float]:
    """Points (N, 2) as little-endian uint16 words, with the centre and radius of their square.

    A coordinate is centre + radius * (word / 32767.5 - 1), to 1.6e-5 of the radius.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    centre = (low + high) / 2
    radius = float((high - low).max() / 2) or 1.0
    words = np.rint(((points - centre) / radius + 1) * 32767.5).clip(0, 65535).astype("<u2")
    return words, centre.tolist(), radius


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
            projections = [plane(layer.scores), *maps]
            aligned = [align(*pair) for pair in zip(projections, before, strict=True)]
            yield from aligned
            before = [*aligned]


def _is_measured(measurement: Measurement, perplexity: float, seed: int) -> bool:
    return perplexity == measurement.perplexity and seed < measurement.seeds


def align(points: np.ndarray, reference: np.ndarray | None) -> np.ndarray:
    """The points turned and mirrored, about their mean, to lie nearest to the reference."""
    points = points - points.mean(axis=0)
    if reference is None:
        return points
    rotation, _ = orthogonal_procrustes(points, reference)
    return points @ rotation


def _labels(samples: Samples) -> list[dict]:
    """What points can be coloured by: a name, the names of its labels, and a code per sample."""
    kinds = ["+".join(s.name for s in parse(d).steps) or "clean" for d in samples.degradations]
    patches = samples.patches
    per_degradation = {"degradation type": kinds, "degree": samples.degradations}
    per_content = {
        "content": range(len(patches)),
        "category": [category or "none" for category in patches.category],
        "photograph": [photograph_name(source) for source in patches.source],
    }
    rows = [(k, np.asarray(v)[samples.degradation]) for k, v in per_degradation.items()]
    rows += [(k, np.asarray(v)[samples.content]) for k, v in per_content.items()]
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


def _figures(layer: EmbeddedLayer) -> dict:
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
