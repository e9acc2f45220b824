"""Measure every published network that is here against interpolation, and put it on its card.

    python scripts/psnr.py

PSNR in dB, the mean over the first 100 patches of the "eval" photographs, reduced bicubically and
not degraded otherwise; `n` is their number.
"""

from __future__ import annotations

import json

import torch.nn.functional as F

from ddrlib.data.photographs import Patches, load_patches
from ddrlib.degrade.degradation import degrade, upsample
from ddrlib.features.extraction import super_resolve
from ddrlib.files import write_atomically
from ddrlib.measure.fidelity import psnr
from ddrlib.zoo.cards import NETWORKS, networks
from ddrlib.zoo.loading import load_network
from ddrlib.zoo.network import Network

N = 100
SIZE = 128  # pixels of a patch


def fidelity(network: Network, patches: Patches) -> dict[str, float]:
    """Mean PSNR of the network, and of bicubic and nearest-neighbour interpolation."""
    images = degrade(patches.images, "clean", network.scale)
    restored = {
        "network": super_resolve(network, images),
        "bicubic": upsample(images, network.scale),
        "nearest": F.interpolate(images, scale_factor=network.scale, mode="nearest"),
    }
    found = {way: float(psnr(made, patches.images).mean()) for way, made in restored.items()}
    return {way: round(value, 2) for way, value in found.items()} | {"n": len(patches)}


def main() -> None:
    patches = load_patches("eval", N, SIZE)
    for card in networks():
        if "licence_text" in card and card["task"] == "sr" and card["available"]:
            path = NETWORKS / f"{card['name']}.json"
            found = fidelity(load_network(card["name"]), patches)
            text = json.dumps(
                json.loads(path.read_text()) | {"psnr": found}, indent=2, ensure_ascii=False
            )
            write_atomically(path, f"{text}\n".encode())
            print(card["name"], found)


if __name__ == "__main__":
    main()
