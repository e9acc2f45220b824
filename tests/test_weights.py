"""Weights in files: what is read, exactly; what is refused, unread."""

from __future__ import annotations

import os
import pickle
import struct
from argparse import Namespace
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
from ddrlib.zoo.ncnn import read_layers
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
    read = read_layers(param)
    assert len(read) == len(convolutions)
    for (weight, bias), (wanted, wanted_bias) in zip(read, convolutions, strict=True):
        assert weight.dtype == (torch.float16 if half else torch.float32)
        assert torch.equal(weight.float(), wanted) and torch.equal(bias, wanted_bias)

    binary = param.with_suffix(".bin")
    whole = binary.read_bytes()
    for damaged in {whole[:-cut], whole + b"x" * cut} - {whole}:
        binary.write_bytes(damaged)
        with pytest.raises(DDRError, match="net.bin"):
            read_layers(param)


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


KEYS = [
    *("params_ema", "params-ema", "params", "state_dict", "model_state_dict", "model", "net"),
    *("generator", "netG", "ema", "weights"),
]


@pytest.mark.parametrize("key", [None, *KEYS])
def test_a_state_dict_under_whatever_name(state, key, tmp_path):
    rest = {"step": 3, "loss": torch.ones(1), "optimizer": {"state": {0: {"a": torch.ones(1)}}}}
    torch.save(state if key is None else {**rest, key: state}, tmp_path / "c.pth")
    read = read_weights(tmp_path / "c.pth", Toy())
    assert all(torch.equal(read[k], state[k]) for k in state) and read.keys() == state.keys()


@pytest.mark.parametrize(
    ("wrap", "plus"),
    [
        (lambda one, two: {"params": one, "params_ema": two}, 1),
        (lambda one, two: {"state_dict": {"model": one, "ema": two}}, 1),
        (lambda one, two: {"netD": one, "netG": two}, 1),
        (lambda one, two: {**one, "epoch": 3, "name": "x", "best": None}, 0),
        (lambda one, two: {"ema": None, "model": one}, 0),
    ],
)
def test_which_of_the_state_dicts_in_a_file(state, wrap, plus, tmp_path):
    other = {key: value + 1 for key, value in state.items()}
    torch.save(wrap(state, other), tmp_path / "c.pth")
    read = read_weights(tmp_path / "c.pth", Toy())
    assert torch.equal(read["conv.bias"], state["conv.bias"] + plus)


PREFIXES = ["", "module.", "model.", "net.", "netG.", "generator.", "_orig_mod.", "module.model."]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_wraps_the_names_is_taken_off(state, prefix):
    module = Toy()
    fill(module, {prefix + key: value + 1 for key, value in state.items()}, Path("w"))
    assert torch.equal(module.conv.bias, state["conv.bias"] + 1)


def test_the_generator_s_and_the_averaged_weights_come_first(state):
    module = Toy()
    fill(module, {f"net_{x}.{k}": v + (x == "g") for x in "dg" for k, v in state.items()}, Path())
    assert torch.equal(module.conv.bias, state["conv.bias"] + 1)
    both = {f"{x}.{k}": v + 2 * (x == "ema") for x in ("net", "ema") for k, v in state.items()}
    fill(module, both, Path())
    assert torch.equal(module.conv.bias, state["conv.bias"] + 2)


def test_a_prefix_of_the_network_s_own_stays(state):
    module = nn.ModuleDict({"model": Toy()})
    fill(module, {f"model.{key}": value + 1 for key, value in state.items()}, Path("w"))
    assert torch.equal(module["model"].conv.bias, state["conv.bias"] + 1)


def test_part_of_another_network_is_not_taken(state):
    larger = {f"{part}.{key}": value for part in ("head", "tail") for key, value in state.items()}
    with pytest.raises(DDRError, match="another architecture than Toy: missing: conv.weight, "):
        fill(Toy(), larger, Path("w"))


def test_counted_batches_make_no_difference():
    module = nn.BatchNorm2d(2)
    state = module.state_dict()
    state["running_mean"] = torch.ones(2)
    for some in (state, {k: v for k, v in state.items() if "batches" not in k}):
        fill(module, some, Path("w"))
        assert module.running_mean.tolist() == [1, 1]
        module.running_mean.zero_()


BAD = {
    "complex": lambda: torch.ones(2, dtype=torch.complex64),
    "sparse": lambda: torch.eye(2).to_sparse(),
    "sparse or nested": lambda: torch.eye(2).to_sparse_csr(),
    "meta": lambda: torch.ones(2, device="meta"),
    "quantised": lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_that_are_not_plain_are_refused(kind, tmp_path):
    torch.save({"conv.weight": BAD[kind]()}, tmp_path / "c.pth")
    with pytest.raises(DDRError, match=rf"\A.*c.pth: 'conv.weight' is .*{kind}.*\Z"):
        read_weights(tmp_path / "c.pth", Toy())


def test_keys_that_are_no_names_are_refused(tmp_path):
    torch.save({0: torch.ones(2)}, tmp_path / "c.pth")
    with pytest.raises(DDRError, match="c.pth: 0 is no name"):
        read_weights(tmp_path / "c.pth", Toy())


@pytest.mark.parametrize(
    ("value", "kind"),
    [(np.float64(3), "numpy._core.multiarray.scalar"), (Namespace(lr=1), "argparse.Namespace")],
)
def test_what_lies_beside_the_weights_is_named_where_it_is_refused(state, value, kind, tmp_path):
    torch.save({"params": state, "best": value}, tmp_path / "c.pth")
    with pytest.raises(DDRError, match=rf"c.pth is refused: it holds a {kind}, .*state dict alone"):
        read_weights(tmp_path / "c.pth", Toy())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_named(tmp_path, recwarn):
    torch.jit.script(Toy().conv).save(tmp_path / "c.pt")
    recwarn.clear()
    with pytest.raises(DDRError, match=r"\A.*c.pt is a TorchScript archive.*state dict alone\Z"):
        read_weights(tmp_path / "c.pt", Toy())
    assert not recwarn.list


def test_an_archive_with_a_damaged_directory_is_refused(tmp_path):
    torch.save({"conv.weight": torch.ones(2)}, tmp_path / "c.pth")
    data = bytearray((tmp_path / "c.pth").read_bytes())
    data[data.rindex(b"PK\x01\x02")] ^= 1  # the archive's own end is as it was
    (tmp_path / "c.pth").write_bytes(data)
    with pytest.raises(DDRError, match=r"\A.*c.pth is not a PyTorch checkpoint or is damaged.*\Z"):
        read_weights(tmp_path / "c.pth", Toy())


def test_a_quantised_entry_needs_two_numbers(tmp_path):
    codes = {"w": torch.zeros(2, dtype=torch.uint8), "w:scale_min": torch.ones(3)}
    safetensors.torch.save_file(codes, tmp_path / "c.safetensors")
    with pytest.raises(DDRError, match="w:scale_min has to be two numbers"):
        read_weights(tmp_path / "c.safetensors", Toy())


def test_many_misfits_make_a_short_line():
    many = {f"part.{i}.weight": torch.ones(1) for i in range(1000)}
    with pytest.raises(DDRError) as refused:
        fill(Toy(), many, Path("w"))
    assert "surplus: part.0.weight, part.1.weight, part.2.weight and 997 more" in str(refused.value)
    assert len(str(refused.value)) < 250


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


CYCLE: dict = {"epoch": 3}
CYCLE["model"] = CYCLE


@pytest.mark.parametrize(
    ("content", "held"),
    [
        ([1, 2], "list"),
        (torch.zeros(3), "Tensor"),
        ({"state_dict": {"epoch": 3}}, "state_dict"),
        ({"a": {"x": torch.ones(1)}, "b": {"x": torch.ones(1)}}, "a, b"),
        ({"epoch": 3, "loss": torch.ones(1)}, "epoch, loss"),
        ({}, "nothing"),
        (CYCLE, "epoch, model"),
    ],
)
def test_no_state_dict_in_the_file(content, held, tmp_path):
    torch.save(content, tmp_path / "c.pth")
    with pytest.raises(DDRError, match=f"c.pth holds no state dict .*; it holds: {held}$"):
        read_weights(tmp_path / "c.pth", Toy())


def test_missing_file(tmp_path):
    with pytest.raises(DDRError, match="nowhere.pth does not exist"):
        read_weights(tmp_path / "nowhere.pth", Toy())
    (tmp_path / "c.pth").mkdir()
    os.mkfifo(tmp_path / "d.pth")
    for name in ("c.pth", "d.pth"):
        with pytest.raises(DDRError, match=f"{name} is not a file"):
            read_weights(tmp_path / name, Toy())


def test_fill_leaves_the_module_alone_where_something_does_not_fit(state):
    module = Toy()
    before = walk(module.state_dict())
    other = {"conv.weight": state["conv.weight"], "conv.gain": torch.ones(1)}
    with pytest.raises(DDRError, match="w.pth .* Toy: missing: conv.bias; surplus: conv.gain"):
        fill(module, other, Path("w.pth"))
    assert walk(module.state_dict()) == before
