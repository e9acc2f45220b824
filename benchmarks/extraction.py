"""From images to the features of several layers: ddrlib, captum's hooks, the straightforward way.

    python benchmarks/extraction.py

Straightforward: a forward pass for each layer and image. captum (`pip install captum`): its
LayerActivation, one whole pass for all layers, four images at a time. Both keep float32. What is made
of the features is the subject of `components.py`.
"""

from __future__ import annotations

import os
import tempfile

import numpy as np
import torch
from harness import Report, timed

from ddrlib.data.photographs import load_patches
from ddrlib.degrade.samples import Samples
from ddrlib.features.extraction import extract
from ddrlib.features.grams import layer_grams
from ddrlib.zoo.loading import load_network
from ddrlib.zoo.network import Network

NETWORK = "srresnet-wgr-reduced-s0"
DEGRADATIONS = ["clean", "blur4", "noise20"]
Features = list[np.ndarray]


def ours(network: Network, images: torch.Tensor, precision: str) -> Features:
    os.environ["DDR_PRECISION"] = precision
    return [*extract(network, images, network.trunk, device="cpu").values()]


def straightforward(network: Network, images: torch.Tensor) -> Features:
    features = []
    for layer in network.trunk:
        rows: list[torch.Tensor] = []
        handle = network.module.get_submodule(network.layers[layer]).register_forward_hook(
            lambda module, inputs, output, rows=rows: rows.append(output.flatten())
        )
        with torch.no_grad():
            for image in images:
                network.module(image[None])
        handle.remove()
        features.append(torch.stack(rows).numpy())
    return features


def with_captum(network: Network, images: torch.Tensor) -> Features:
    from captum.attr import LayerActivation

    modules = [network.module.get_submodule(network.layers[layer]) for layer in network.trunk]
    activation = LayerActivation(network.module, modules)
    with torch.no_grad():
        batches = [activation.attribute(batch) for batch in images.split(4)]
    return [torch.cat(maps).flatten(1).numpy() for maps in zip(*batches, strict=True)]


def error(found: Features, wanted: Features) -> float:
    """The largest difference of a layer, as a share of its variance between images."""
    shares = [
        np.square(a.astype(np.float64) - b).sum() / np.square(b - b.mean(axis=0)).sum()
        for a, b in zip(found, wanted, strict=True)
    ]
    return max(shares)


def grow(report: Report, images: torch.Tensor) -> None:
    """How the time grows with the number of networks, and what a second time costs."""
    what = "Gram matrices of all layers of SRResNets"
    print(what)
    os.environ["DDR_PRECISION"] = "float32"
    first = None
    for number in (1, 2, 4):
        networks = [load_network(f"srresnet-wgr-reduced-s0@random{i}") for i in range(number)]
        with tempfile.TemporaryDirectory() as folder:
            os.environ["DDR_CACHE"] = folder
            clock, cpu, _ = timed(lambda n=networks: [layer_grams(net, images) for net in n])
            first = first or (clock, cpu)
            report.add(what, f"{number} network{'s' * (number > 1)}", clock, cpu, *first)
            clock, cpu, _ = timed(lambda n=networks: [layer_grams(net, images) for net in n])
    report.add(what, "4 networks, from the cache", clock, cpu, *first)


def main() -> None:
    report = Report("extraction", "Images to the features of several layers")
    network = load_network(NETWORK)
    images = Samples.of(load_patches("eval", 24), DEGRADATIONS).images
    wanted = straightforward(network, images)
    ways = {
        "ddrlib, float32": lambda: ours(network, images, "float32"),
        "ddrlib, bfloat16 where allowed": lambda: ours(network, images, "auto"),
        "captum": lambda: with_captum(network, images),
        "straightforward": lambda: straightforward(network, images),
    }
    what = f"{len(network.trunk)} layers of {NETWORK}, {len(images)} images"

    def note(found: Features) -> str:
        off = error(found, wanted)
        return f"differs by {off:.0e} of the variance" if off else "held against itself"

    report.compare(what, ways, turns=2, note=note)
    grow(report, images)
    report.keep()


if __name__ == "__main__":
    main()
