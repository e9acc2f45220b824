"""How the layers of a network sort their inputs: by what was done to them, or by what they show.

patches x degradations -> features -> Gram matrix -> PCA -> t-SNE, several seeds -> CHI
                                           |-> variance split, neighbours, permutation p
"""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import degrade, parse
from ddrlib.errors import DDRError
from ddrlib.features.extraction import extract, feature_keys, layer_paths
from ddrlib.files import cache_dir
from ddrlib.measure.measurement import Chi, LayerMeasurement, Measurement
from ddrlib.measure.metrics import (
    FACTORS,
    TwoWay,
    VarianceSplit,
    bootstrap,
    calinski_harabasz,
    knn_hits,
    permutation_p,
)
from ddrlib.measure.projection import gram, pca
from ddrlib.measure.tsne import tsne_each, usable_perplexity
from ddrlib.zoo.loading import Network
from ddrlib.zoo.weights import write_atomically

__all__ = ["Chi", "LayerMeasurement", "Measurement", "measure"]

VERSION = 2  # raise it where the same features get other projections
NEIGHBOURS = 10

logger = logging.getLogger(__name__)


def measure(
    network: Network,
    patches: Patches,
    degradations: Sequence[str] = ("clean", "blur4", "noise20"),
    layers: Sequence[str] | None = None,
    *,
    seeds: int = 5,
    perplexity: float = 30.0,
    device: str | torch.device = "auto",
    cache: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Measurement:
    """Measure layers (default: all) of a network on every patch under every degradation.

    t-SNE runs with the seeds 0..seeds - 1, all runs side by side through joblib, whose
    `parallel_config` can send them to a cluster. A perplexity above a third of the samples is
    lowered to it. With `cache`, features and projections are kept under `cache_dir()`, layer by
    layer. `progress` takes a line of text a layer.

    Raises DDRError for fewer than two contents or degradations, for a layer that is unknown or the
    same for all inputs, and as `extract` does.
    """
    names = tuple(str(parse(degradation)) for degradation in degradations)
    n, k = len(patches), len(names)
    if n < 2 or k < 2 or len(set(names)) < k or seeds < 1:
        raise DDRError(
            f"{n} patches, degradations {', '.join(names)}, {seeds} t-SNE seeds: measuring needs 2 "
            "patches, 2 different degradations and 1 seed at least"
        )
    content, degradation = np.tile(np.arange(n), k), np.repeat(np.arange(k), n)
    perplexity = usable_perplexity(n * k, perplexity)
    images = torch.cat([degrade(patches.images, name, network.scale) for name in names])
    files = _files(network, images, layers, perplexity) if cache else {}
    projected = _project(network, images, layers, device, files)
    measured = []
    for layer, embeddings in _embed(projected, seeds, perplexity):
        if layer in files and len(embeddings) > len(projected[layer].embeddings):
            _save(replace(projected[layer], embeddings=embeddings), files[layer])
        ours = replace(projected[layer], embeddings=embeddings[:seeds])
        measured.append(_measure_layer(layer, ours, content, degradation))
        if progress:
            progress(_line(measured[-1], len(measured), len(projected)))
    trunk = [layer.layer for layer in measured if layer.layer in network.trunk]
    return Measurement(
        network.name, n, names, seeds, perplexity, content, degradation, measured, trunk
    )


# ---- projections, kept in the cache ----


@dataclass(frozen=True)
class _Projection:
    """A layer once D is out of the way; `embeddings` (s, N, 2) are those of seeds 0..s - 1."""

    dim: int
    gram: np.ndarray
    scores: np.ndarray
    embeddings: np.ndarray


def _files(
    network: Network, images: torch.Tensor, layers: Sequence[str] | None, perplexity: float
) -> dict[str, Path]:
    folder = cache_dir() / "projections"
    return {
        layer: folder / f"{key}-{VERSION}-perplexity{perplexity:g}.npz"
        for layer, key in feature_keys(network, images, layers).items()
    }


def _project(
    network: Network,
    images: torch.Tensor,
    layers: Sequence[str] | None,
    device: str | torch.device,
    files: dict[str, Path],
) -> dict[str, _Projection]:
    """The layers, those that are not in the files computed, in order of depth."""
    names = layer_paths(network, layers)
    found = {layer: kept for layer, file in files.items() if (kept := _load(file))}
    missing = [layer for layer in names if layer not in found]
    features = {}
    if missing:
        features = extract(network, images, missing, device=device, cache=bool(files))
    for layer in missing:
        values = features.pop(layer)
        matrix = gram(values)
        scores = pca(matrix).scores
        if scores.shape[1] == 0:
            raise DDRError(
                f"layer {layer} of {network.name} gives the same for all images: nothing to "
                "measure; leave it out"
            )
        none_yet = np.empty((0, len(images), 2), np.float32)
        found[layer] = _Projection(values.shape[1], matrix, scores, none_yet)
    return {layer: found[layer] for layer in names}


def _embed(
    projected: dict[str, _Projection], seeds: int, perplexity: float
) -> Iterator[tuple[str, np.ndarray]]:
    """Each layer with its t-SNE projections (seeds or more, N, 2), as soon as they are there."""
    missing = {layer: range(len(kept.embeddings), seeds) for layer, kept in projected.items()}
    runs = tsne_each(
        [
            (projected[layer].scores, seed, perplexity)
            for layer, new in missing.items()
            for seed in new
        ]
    )
    for layer, kept in projected.items():
        yield layer, np.stack([*kept.embeddings, *islice(runs, len(missing[layer]))])


def _save(projection: _Projection, file: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **vars(projection))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, buffer.getvalue())


def _load(file: Path) -> _Projection | None:
    """What a file holds; None where there is none, or it is damaged (zip has checksums)."""
    try:
        with np.load(file) as arrays:
            return _Projection(
                int(arrays["dim"]), arrays["gram"], arrays["scores"], arrays["embeddings"]
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile):
        logger.warning("%s is damaged; its projections are computed again", file)
        return None


# ---- measures ----


@threadpool_limits.wrap(limits=1, user_api="blas")  # many small products, best on one core
def _measure_layer(
    layer: str, projection: _Projection, content: np.ndarray, degradation: np.ndarray
) -> LayerMeasurement:
    matrix, embeddings = projection.gram, projection.embeddings
    design = TwoWay.of(matrix, content, degradation)
    shares = [
        bootstrap(partial(design.share, factor), content, bounds=(0, 1)) for factor in FACTORS
    ]
    maps = [TwoWay.of(gram(points), content, degradation) for points in embeddings]
    n = content.max() + 1
    # Neighbours are those in the full sample: a content drawn twice would be its own neighbour.
    hits = knn_hits(matrix, degradation, min(NEIGHBOURS, n - 1)).reshape(-1, n).mean(axis=0)
    return LayerMeasurement(
        layer=layer,
        dim=projection.dim,
        chi_degradation=_chi("degradation", degradation, embeddings, maps, content),
        chi_content=_chi("content", content, embeddings, maps, content),
        variance=VarianceSplit(*shares),
        knn_degradation=bootstrap(lambda counts: counts @ hits / n, content, bounds=(0, 1)),
        p=permutation_p(matrix, content, degradation),
        embeddings=embeddings,
        scores=projection.scores,
        gram=matrix,
    )


def _chi(
    factor: str,
    labels: np.ndarray,
    embeddings: np.ndarray,
    maps: list[TwoWay],
    content: np.ndarray,
) -> Chi:
    found = [calinski_harabasz(points, labels) for points in embeddings]
    return Chi(
        values=tuple(dispersion.chi for dispersion in found),
        wd=float(np.mean([dispersion.wd for dispersion in found])),
        bd=float(np.mean([dispersion.bd for dispersion in found])),
        interval=bootstrap(
            lambda counts: np.mean([design.chi(factor, counts) for design in maps], axis=0),
            content,
            bounds=(0, np.inf),
        ),
    )


def _line(layer: LayerMeasurement, done: int, of: int) -> str:
    return (
        f"{layer.layer} ({done} of {of}): CHI {layer.chi_degradation.mean:.3g} by degradation, "
        f"{layer.chi_content.mean:.3g} by content"
    )
