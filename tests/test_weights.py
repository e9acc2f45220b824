"""Weights in files: what is read, exactly; what is refused, unread."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from ddrlib.errors import DDRError
from ddrlib.zoo.identity import walk
from ddrlib.zoo.ncnn import read_convolutions
from ddrlib.zoo.weights import dequantise, fill, quantised, read_weights


def ncnn_files(path: Path, convolutions: list, half: bool = True) -> Path:
    """Write (weight, bias) pairs as ncnn's converter does, `.bin` to `path`; returns the `.param`."""
    lines, data = ["7767517", f"{len(convolutions) + 1} {len(convolutions) + 1}"], b""
    lines.append("Input                    image                    0 1 b0")
    for i, (weight, bias) in enumerate(convolutions):
        out, _, kernel, _ = weight.shape
        lines.append(
            f"Convolution              conv{i} 1 1 b{i} b{i + 1} 0={out} 1={kernel} 4=1 5=1 "
            f"6={weight.numel()} 9=2 -23310=1,2.000000e-01"
        )
        values = weight.numpy().astype(np.float16 if half else np.float32).tobytes()
        data += struct.pack("<I", 0x01306B47 if half else 0) + values + b"\0" * (-len(values) % 4)
        data += bias.numpy().tobytes()
    path.write_bytes(data)
    param = path.with_suffix(".param")
    param.write_text("\n".join(lines) + "\n")
    return param


SHAPE = st.tuples(st.integers(1, 5), st.integers(1, 3), st.sampled_from([1, 3, 5]))


@settings(max_examples=25, deadline=None)
@given(shapes=st.lists(SHAPE, max_size=4), half=st.booleans(), cut=st.integers(1, 40))
def test_ncnn_files_are_read_exactly_or_not_at_all(shapes, half, cut, tmp_path_factory):
    convolutions = [
        (torch.randn(out, into, kernel, kernel).half().float(), torch.randn(out))
        for out, into, kernel in shapes
    ]
    param = ncnn_files(tmp_path_factory.mktemp("ncnn") / "net.bin", convolutions, half)
    read = read_convolutions(param)
    assert len(read) == len(convolutions)
    for (weight, bias), (wanted, wanted_bias) in zip(read, convolutions, strict=True):
        assert weight.dtype == (torch.float16 if half else torch.float32)
        assert torch.equal(weight.float(), wanted) and torch.equal(bias, wanted_bias)

    binary = param.with_suffix(".bin")
    whole = binary.read_bytes()
    for damaged in {whole[:-cut], whole + b"x" * cut} - {whole}:
        binary.write_bytes(damaged)
        with pytest.raises(DDRError, match="net.bin"):
            read_convolutions(param)


def test_dequantised_by_hand():
    codes = torch.tensor([0, 1, 255], dtype=torch.uint8)
    entry = quantised("w", codes, scale=0.1, minimum=-3.0)
    assert entry.keys() == {"w", "w:scale_min"}
    given = dequantise(*entry.values())
    assert given.dtype == torch.float32
    torch.testing.assert_close(given, torch.tensor([-3.0, -2.9, 22.5]), atol=0, rtol=1e-7)


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)


@pytest.fixture
def state():
    torch.manual_seed(0)
    return Toy().state_dict()


@pytest.mark.parametrize("key", [None, "state_dict", "params", "params_ema"])
def test_torch_state_dict_plain_or_nested(state, key, tmp_path):
    torch.save(state if key is None else {key: state, "step": 3}, tmp_path / "c.pth")
    read = read_weights(tmp_path / "c.pth", Toy())
    assert all(torch.equal(read[k], state[k]) for k in state) and read.keys() == state.keys()


def test_averaged_weights_come_before_the_last_ones(state, tmp_path):
    ema = {key: value + 1 for key, value in state.items()}
    torch.save({"params": state, "params_ema": ema}, tmp_path / "c.pth")
    assert torch.equal(read_weights(tmp_path / "c.pth", Toy())["conv.bias"], ema["conv.bias"])


def test_a_pytorch_bin_file_is_not_taken_for_ncnn(state, tmp_path):
    torch.save(state, tmp_path / "pytorch_model.bin")
    assert read_weights(tmp_path / "pytorch_model.bin", Toy()).keys() == state.keys()


def test_half_precision_fills_float32_weights(state, tmp_path):
    safetensors.torch.save_file({k: v.half() for k, v in state.items()}, tmp_path / "c.safetensors")
    module = Toy()
    fill(module, read_weights(tmp_path / "c.safetensors", module), tmp_path)
    assert module.conv.weight.dtype == torch.float32
    assert torch.equal(module.conv.weight, state["conv.weight"].half().float())


class Bomb:
    """Unpickled, it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("save", [torch.save, lambda o, p: Path(p).write_bytes(pickle.dumps(o))])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".bin"])
def test_a_malicious_pickle_is_refused_and_not_executed(save, suffix, tmp_path):
    path, folder = tmp_path / f"bad{suffix}", tmp_path / "executed"
    save({"state_dict": Bomb(folder)}, path)
    with pytest.raises(DDRError, match=r"\A.*bad.*would run code.*\Z"):
        read_weights(path, Toy())
    assert not folder.exists()
    # The test can fail: the file is what it claims to be.
    if save is not torch.save:
        pickle.loads(path.read_bytes())
        assert folder.exists()


def test_a_whole_pickled_module_is_refused(tmp_path):
    torch.save(Toy(), tmp_path / "module.pth")
    with pytest.raises(DDRError, match="would run code.*safetensors"):
        read_weights(tmp_path / "module.pth", Toy())


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".pth", ".safetensors"]))
@example(content=b"text", suffix=".pth")
@example(content=b"PK\x03\x04 broken", suffix=".pth")
def test_what_is_no_checkpoint_is_told_in_one_line(content, suffix, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / f"c{suffix}"
    path.write_bytes(content)
    with pytest.raises(DDRError, match=rf"\A.*c{suffix}.*\Z"):
        read_weights(path, Toy())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_truncated_checkpoint_is_told(state, suffix, tmp_path):
    path = tmp_path / f"c{suffix}"
    (torch.save if suffix == ".pth" else safetensors.torch.save_file)(state, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DDRError, match=rf"\A.*c{suffix}.*\Z"):
        read_weights(path, Toy())


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {"state_dict": {"epoch": 3}}])
def test_no_state_dict_in_the_file(content, tmp_path):
    torch.save(content, tmp_path / "c.pth")
    with pytest.raises(DDRError, match="c.pth holds no state dict"):
        read_weights(tmp_path / "c.pth", Toy())


def test_missing_file(tmp_path):
    with pytest.raises(DDRError, match="nowhere.pth does not exist"):
        read_weights(tmp_path / "nowhere.pth", Toy())


def test_fill_leaves_the_module_alone_where_something_does_not_fit(state):
    module = Toy()
    before = walk(module.state_dict())
    other = {"conv.weight": state["conv.weight"], "conv.gain": torch.ones(1)}
    with pytest.raises(DDRError, match="w.pth .* Toy: missing: conv.bias; surplus: conv.gain"):
        fill(module, other, Path("w.pth"))
    assert walk(module.state_dict()) == before
