"""Convert the RDN of npm's @upscalerjs/esrgan-legacy into data/networks/rdn-div2k-x4.

    python scripts/convert_rdn.py [upscalerjs-esrgan-legacy-1.0.0.tgz] [--folder data/networks]

The original is a Keras "layers model": a JSON graph and, in one file, weights quantised to uint8
with a scale and a minimum per tensor. The codes are kept, so that nothing is lost; kernels are
transposed from (height, width, in, out) to PyTorch's (out, in, height, width). The output is the
same byte for byte on every run.
"""

from __future__ import annotations

import io
import json
import re
import tarfile

import numpy as np
import torch
from published import arguments, checked

from ddrlib.zoo.cards import write_network
from ddrlib.zoo.weights import quantised

PACKAGE = "@upscalerjs/esrgan-legacy"
VERSION = "1.0.0"
SHA256 = "fcf8aea836069facd61b43caf6c212da67465eefe010d5e5db2d644aefa4f206"
FOLDER = "package/models/div2k/x4/"


def pytorch_name(keras: str) -> str:
    """'F_10_2/kernel' -> 'blocks.9.convs.1.weight', 'LFF_3/bias' -> 'blocks.2.fuse.bias', ..."""
    layer, kind = keras.split("/")
    if match := re.fullmatch(r"F_(\d+)_(\d+)", layer):
        layer = f"blocks.{int(match[1]) - 1}.convs.{int(match[2]) - 1}"
    elif match := re.fullmatch(r"LFF_(\d+)", layer):
        layer = f"blocks.{int(match[1]) - 1}.fuse"
    return f"{layer.lower()}.{'weight' if kind == 'kernel' else kind}"


def convert(tarball: bytes) -> tuple[dict[str, torch.Tensor], str]:
    """The quantised state dict of `ddrlib.networks.rdn.RDN`, and the package's licence."""
    with tarfile.open(fileobj=io.BytesIO(tarball)) as archive:

        def read(name: str) -> bytes:
            return archive.extractfile(name).read()

        (group,) = json.loads(read(f"{FOLDER}model.json"))["weightsManifest"]
        codes = np.frombuffer(b"".join(read(FOLDER + path) for path in group["paths"]), np.uint8)
        licence = read("package/LICENSE").decode()
    state, at = {}, 0
    for entry in group["weights"]:
        count = int(np.prod(entry["shape"]))
        tensor = torch.from_numpy(codes[at : at + count].reshape(entry["shape"]).copy())
        at += count
        if tensor.ndim == 4:
            tensor = tensor.permute(3, 2, 0, 1)
        form = entry["quantization"]
        state |= quantised(pytorch_name(entry["name"]), tensor, form["scale"], form["min"])
    return state, licence


def main() -> None:
    options = arguments(__doc__.splitlines()[0])
    tarball = checked(options.package, ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], SHA256)
    state, licence = convert(tarball)
    card = {
        "name": "rdn-div2k-x4",
        "title": "Residual Dense Network, trained on clean DIV2K with a pixel loss",
        "architecture": "RDN",
        "arguments": {"channels": 64, "blocks": 10},
        "scale": 4,
        "task": "sr",
        "source": f"npm {PACKAGE} {VERSION}, {FOLDER}",
        "source_sha256": SHA256,
        "licence": "MIT",
        "licence_text": licence,
        "conversion": "scripts/convert_rdn.py: the published uint8 codes, scales and minima, "
        "kernels transposed to PyTorch's order; exact",
    }
    print(write_network(state, card, options.folder))


if __name__ == "__main__":
    main()
