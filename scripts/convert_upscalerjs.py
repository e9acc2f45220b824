"""Convert networks of npm's @upscalerjs/esrgan-legacy: rdn-div2k-x4, psnr-small-x2, gans-x4.

    python scripts/convert_upscalerjs.py [upscalerjs-esrgan-legacy-1.0.0.tgz] [--folder data/networks]

The originals are Keras "layers models": a JSON graph and, in one file, weights quantised to uint8
with a scale and a minimum per tensor. The codes are kept, so that nothing is lost; kernels are
transposed from (height, width, in, out) to PyTorch's (out, in, height, width), and the channels
that a pixel shuffle spreads are put into PyTorch's order. The output is the same byte for byte on
every run.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable

import numpy as np
import torch
from published import arguments, checked
from torch import Tensor

from ddrlib.zoo.cards import write_network
from ddrlib.zoo.weights import quantised

PACKAGE = "@upscalerjs/esrgan-legacy"
VERSION = "1.0.0"
SHA256 = "fcf8aea836069facd61b43caf6c212da67465eefe010d5e5db2d644aefa4f206"
MODELS = "package/models/"
TRAINED_ON = "DIV2K, as the package says."
README = (
    "the recipe in the README of idealo's image-super-resolution, whose layer names the graph has,"
)
# By path in the package.
NETWORKS = {
    "div2k/x4": {
        "name": "rdn-div2k-x4",
        "title": "Residual Dense Network x4, in PSNR below nearest-neighbour interpolation",
        "training": f"{TRAINED_ON} The loss is not documented; {README} gives a pixel loss the "
        "weight 0.0.",
        "architecture": "RDN",
        "arguments": {"channels": 64, "blocks": 10},
        "scale": 4,
    },
    "psnr-small": {
        "name": "psnr-small-x2",
        "title": "Residual Dense Network x2, trained for PSNR",
        "training": f"{TRAINED_ON} That it was trained for PSNR, its name alone says.",
        "architecture": "RDN",
        "arguments": {"channels": 64, "blocks": 10, "scale": 2},
        "scale": 2,
    },
    "gans": {
        "name": "gans-x4",
        "title": "Residual in Residual Dense Network x4, trained adversarially",
        "training": f"{TRAINED_ON} That it was trained adversarially, its name alone says; {README} "
        "has an adversarial loss and one on VGG features, and no pixel loss.",
        "architecture": "RRDN",
        "arguments": {"channels": 32, "blocks": 10, "growth": 32},
        "scale": 4,
    },
}
NAMES = {
    "RDN": (
        (r"F_(\d+)_(\d+)", "blocks.{0}.convs.{1}"),
        (r"LFF_(\d+)", "blocks.{0}.fuse"),
        (r"(\w+)", "{0}"),
    ),
    "RRDN": (
        (r"F_(\d+)_(\d+)_(\d+)", "body.{0}.body.{1}.convs.{2}"),
        (r"LFF_(\d+)_(\d+)", "body.{0}.body.{1}.fuse"),
        (r"Pre_blocks_conv", "conv_first"),
        (r"post_blocks_conv", "trunk"),
        (r"PreShuffle", "up.0"),
        (r"SR", "conv_last"),
    ),
}


def pytorch_name(keras: str, architecture: str) -> str:
    """'F_10_2/kernel' -> 'blocks.9.convs.1.weight', 'LFF_3/bias' -> 'blocks.2.fuse.bias', ..."""
    layer, kind = keras.split("/")
    for pattern, name in NAMES[architecture]:
        if match := re.fullmatch(pattern, layer):
            parts = (int(x) - 1 if x.isdigit() else x.lower() for x in match.groups())
            return f"{name.format(*parts)}.{'weight' if kind == 'kernel' else kind}"
    raise ValueError(f"{architecture} has no layer {layer}")


def pytorch_order(codes: Tensor, keras: str, scale: int) -> Tensor:
    """The axes, and before a pixel shuffle the output channels, in PyTorch's order.

    TensorFlow's depth_to_space has the channels of an output pixel side by side, PyTorch's
    pixel_shuffle the pixels of an output channel.
    """
    if keras.startswith("PreShuffle/"):
        codes = codes.unflatten(-1, (scale**2, -1)).mT.flatten(-2)
    return codes.permute(3, 2, 0, 1) if codes.ndim == 4 else codes


def convert(
    read: Callable[[str], bytes], folder: str, architecture: str, scale: int
) -> dict[str, Tensor]:
    """The state dict of the network in a folder of the package; `read` gives a file's content.

    Where the published weights are quantised, so are these.
    """
    graph = json.loads(read(f"{folder}/model.json"))
    (group,) = graph["weightsManifest"]
    data = b"".join(read(f"{folder}/{path}") for path in group["paths"])
    state, at = {}, 0
    for entry in group["weights"]:
        form = entry.get("quantization")
        count, dtype = int(np.prod(entry["shape"])), np.dtype(np.uint8 if form else np.float32)
        values = np.frombuffer(data, dtype, count, at).reshape(entry["shape"])
        at += values.nbytes
        tensor = pytorch_order(torch.from_numpy(values.copy()), entry["name"], scale)
        name = pytorch_name(entry["name"], architecture)
        state |= quantised(name, tensor, form["scale"], form["min"]) if form else {name: tensor}
    return state


def main() -> None:
    options = arguments(__doc__.splitlines()[0])
    tarball = checked(options.package, ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], SHA256)
    with tarfile.open(fileobj=io.BytesIO(tarball)) as archive:
        licence = archive.extractfile("package/LICENSE").read().decode()

        def read(path: str) -> bytes:
            return archive.extractfile(path).read()

        for path, card in NETWORKS.items():
            state = convert(read, MODELS + path, card["architecture"], card["scale"])
            provenance = {
                "task": "sr",
                "source": f"npm {PACKAGE} {VERSION}, {MODELS}{path}/",
                "source_sha256": SHA256,
                "licence": "MIT",
                "licence_text": licence,
                "conversion": "scripts/convert_upscalerjs.py: the published uint8 codes, scales and "
                "minima, in PyTorch's order; exact",
            }
            print(write_network(state, card | provenance, options.folder))


if __name__ == "__main__":
    main()
