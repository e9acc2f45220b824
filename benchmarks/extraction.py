"""From images to principal components of several layers: ddrlib, captum's hooks, the straightforward way.

    python benchmarks/extraction.py

Straightforward: a forward pass for each layer and image, features kept whole in float32,
scikit-learn's PCA of the N x D matrix. captum (`pip install captum`): its LayerActivation, one pass
for all layers, the same PCA.
"""

from __future__ import annotations

import os
import tempfile

import numpy as np
import torch
from harness import Report, timed
from sklearn.decomposition import PCA

from ddrlib.data.photographs import load_patches
from ddrlib.degrade.samples import Samples
from ddrlib.features.extraction import extract
from ddrlib.features.grams import gram, layer_grams
from ddrlib.measure.projection import pca
from ddrlib.zoo.loading import Network, load_network

NETWORK, COMPONENTS = "srresnet-wgr-reduced-s0", 20
DEGRADATIONS = ["clean", "blur4", "noise20"]
Scores = list[np.ndarray]


def ours(network: Network, images: torch.Tensor, layers: list[str], precision: str) -> Scores:
    os.environ["DDR_PRECISION"] = precision
    features = extract(network, images, layers, device="cpu")
    return [pca(gram(values), COMPONENTS).scores for values in features.values()]


def cached(network: Network, images: torch.Tensor, layers: list[str]) -> Scores:
    found = layer_grams(network, images, layers, device="cpu").values()
    return [pca(one.gram, COMPONENTS).scores for one in found]


def straightforward(network: Network, images: torch.Tensor, layers: list[str]) -> Scores:
    scores = []
    for layer in layers:
        rows: list[torch.Tensor] = []
        handle = network.module.get_submodule(network.layers[layer]).register_forward_hook(
            lambda module, inputs, output, rows=rows: rows.append(output.flatten())
        )
        with torch.no_grad():
            for image in images:
                network.module(image[None])
        handle.remove()
        scores.append(_pca(torch.stack(rows).numpy()))
    return scores


def with_captum(network: Network, images: torch.Tensor, layers: list[str]) -> Scores:
    from captum.attr import LayerActivation

    modules = [network.module.get_submodule(network.layers[layer]) for layer in layers]
    activation = LayerActivation(network.module, modules)
    with torch.no_grad():
        batches = [activation.attribute(batch) for batch in images.split(4)]
    return [_pca(torch.cat(maps).flatten(1).numpy()) for maps in zip(*batches, strict=True)]


def _pca(features: np.ndarray) -> np.ndarray:
    return PCA(COMPONENTS, svd_solver="full").fit_transform(features)


def disagreement(scores: Scores, expected: Scores) -> float:
    """The largest error of the first two components relative to their length, up to the sign."""
    errors = [
        np.linalg.norm(np.abs(a[:, k]) - np.abs(b[:, k])) / np.linalg.norm(b[:, k])
        for a, b in zip(scores, expected, strict=True)
        for k in range(2)
    ]
    return max(errors)


def grow(report: Report, images: torch.Tensor) -> None:
    """How the time grows with the number of networks."""
    what = "Gram matrices of all layers of SRResNets"
    print(what)
    first = None
    for number in (1, 2, 4):
        networks = [load_network(f"srresnet-wgr-reduced-s0@random{i}") for i in range(number)]
        with tempfile.TemporaryDirectory() as folder:
            os.environ["DDR_CACHE"] = folder
            clock, cpu, _ = timed(lambda n=networks: [layer_grams(net, images) for net in n])
        first = first or (clock, cpu)
        report.add(what, f"{number} networks", clock, cpu, *first)


def main() -> None:
    report = Report("extraction", "Images to principal components of several layers")
    network = load_network(NETWORK)
    layers = network.trunk
    images = Samples.of(load_patches("eval", 12), DEGRADATIONS).images
    images = images.repeat(2, 1, 1, 1)[:64]  # the least number that bfloat16 is tried with
    network.module(images[:1])  # warm up
    ways = {
        "ddrlib, float32": lambda: ours(network, images, layers, "float32"),
        "ddrlib, bfloat16 where allowed": lambda: ours(network, images, layers, "auto"),
        "captum": lambda: with_captum(network, images, layers),
        "straightforward": lambda: straightforward(network, images, layers),
    }
    expected: list[Scores] = []

    def note(scores: Scores) -> str:
        expected.append(scores)  # the first is exact
        return f"first components differ by {disagreement(scores, expected[0]):.0e}"

    what = f"{len(layers)} layers of {NETWORK}, {len(images)} images, {COMPONENTS} components"
    report.compare(what, ways, note=note)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DDR_CACHE": folder, "DDR_PRECISION": "float32"}
        again = {
            "ddrlib, nothing in the cache": lambda: cached(network, images, layers),
            "ddrlib, from the cache": lambda: cached(network, images, layers),
        }
        report.compare("the same, through the cache", again, note=note)
    grow(report, images)
    report.keep()


if __name__ == "__main__":
    main()
