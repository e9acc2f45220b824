"""Everything that decides what a network computes is in its identity, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ddrlib.files import ROOT
from ddrlib.zoo import identity as identity_module
from ddrlib.zoo.identity import copied, walk
from ddrlib.zoo.loading import load_custom, load_network, open_network

NET = """
import torch
from torch import nn
from helper import damped

LIMIT = 64


class Block(nn.Module):
    share = 1.0

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.res_scale = 1.0
        self.config = {"act": {"slope": 0.1}}
        self.register_buffer("mask", torch.ones(3, 1, 1), persistent=False)

    def forward(self, x):
        if x.shape[-1] > LIMIT:  # not on the image that a network is tried on
            x = x * 2
        return x + self.share * damped(self.mask * self.conv(x), self.res_scale)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(Block(), Block())

    def forward(self, x):
        return nn.functional.interpolate(self.body(x), scale_factor=4)


def make():
    return Net()
"""
HELPER = """
def damped(x, scale):
    return scale * x
"""


def project(folder: Path, **edits: tuple[str, str]) -> str:
    """A network of two files in the folder, each edited ("net": (old, new)); returns its source."""
    folder.mkdir(exist_ok=True)
    for name, text in {"net": NET, "helper": HELPER}.items():
        old, new = edits.get(name, ("", ""))
        assert old in text
        (folder / f"{name}.py").write_text(text.replace(old, new) if old else text)
    return f"{folder}/net.py:make"


EDITS = {
    "an attribute": {"net": ("res_scale = 1.0", "res_scale = 0.1")},
    "an attribute within others": {"net": ('"slope": 0.1', '"slope": 0.2')},
    "a class attribute": {"net": ("share = 1.0", "share = 0.5")},
    "a buffer that is not saved": {"net": ("torch.ones", "torch.zeros")},
    "code that this image does not reach": {"net": ("x = x * 2", "x = x * 3")},
    "a constant that it does not reach": {"net": ("LIMIT = 64", "LIMIT = 65")},
    "a helper's file": {"helper": ("scale * x", "scale * x.abs()")},
    "weights": {"net": ("padding=1)", "padding=1, bias=False)")},
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_makes_another_network_also_in_a_running_process(tmp_path, edit):
    before = load_custom(project(tmp_path / "a"))
    after = load_custom(project(tmp_path / "a", **EDITS[edit]))
    assert after.identity != before.identity and after.sha256 != before.sha256
    assert load_custom(project(tmp_path / "a")).identity == before.identity


def test_a_comment_or_another_folder_is_no_edit(tmp_path):
    before = load_custom(project(tmp_path / "a"))
    commented = project(tmp_path / "b", net=("LIMIT = 64", "# pixels\n\nLIMIT = 64"))
    assert load_custom(commented).identity == before.identity


def test_two_folders_with_the_same_names_are_two_networks(tmp_path):
    first = load_custom(project(tmp_path / "a"))
    second = load_custom(project(tmp_path / "b", helper=("scale * x", "0 * x")))
    image = torch.rand(1, 3, 8, 8)
    enlarged = nn.functional.interpolate(image, scale_factor=4)
    assert torch.equal(second.module(image), enlarged)
    assert not torch.equal(first.module(image), enlarged)
    assert first.identity != second.identity
    assert not {"net", "helper"} & sys.modules.keys()


def test_what_changes_in_a_loaded_network_changes_it(tmp_path):
    network = load_custom(project(tmp_path / "a"))
    seen = {network.identity}
    block = network.module.network.body[0]
    block.res_scale = 0.5
    seen.add(network.identity)
    block.mask.zero_()
    seen.add(network.identity)
    block.conv.weight[0, 0, 0, 0] += 1
    seen.add(network.identity)
    network.module.network.body[1].register_forward_hook(lambda *_: None)
    seen.add(network.identity)
    assert len(seen) == 5
    assert network.identity in seen


def test_the_input_range_counts_and_the_layers_do_not(tmp_path):
    source = project(tmp_path / "a")
    network = load_custom(source)
    assert load_custom(source, input_range=(0, 255)).identity != network.identity
    assert load_custom(source, layers="body.0").identity == network.identity


def test_a_replaced_checkpoint_counts(tmp_path):
    project(tmp_path / "a")
    (tmp_path / "a/net.yaml").write_text("{factory: 'net:make', checkpoint: w.pth}")
    found = []
    for value in (1.0, 2.0, 1.0):
        state = {f"{i}.conv.weight": torch.full((3, 3, 3, 3), value) for i in range(2)}
        state |= {f"{i}.conv.bias": torch.zeros(3) for i in range(2)}
        torch.save({f"body.{key}": each for key, each in state.items()}, tmp_path / "a/w.pth")
        found.append(load_custom(tmp_path / "a/net.yaml").identity)
    assert found[0] == found[2] != found[1]


def test_what_no_walk_sees_shows_in_what_it_gives(tmp_path, monkeypatch):
    read = "return float(os.environ['STRENGTH']) * x"
    source = project(tmp_path / "a", helper=("return scale * x", f"import os\n    {read}"))
    found = []
    for strength in ("1", "2", "1"):
        monkeypatch.setenv("STRENGTH", strength)
        found.append(load_custom(source).identity)
    assert found[0] == found[2] != found[1]


def test_packages_count_by_their_version(monkeypatch):
    network = load_network("srresnet-wgr-reduced-s0@random0")
    before = network.identity
    monkeypatch.setattr(torch, "__version__", "0.0.1")
    assert network.identity != before
    monkeypatch.undo()
    classifier = load_network("efficientnet-lite0@random0")
    before = classifier.identity
    version = identity_module._version
    monkeypatch.setattr(
        identity_module,
        "_version",
        lambda root: "9" if root == "efficientnet_lite_pytorch" else version(root),
    )
    assert classifier.identity != before


def test_the_code_of_this_library_counts(monkeypatch):
    network = load_network("srresnet-wgr-reduced-s0@random0")
    before = network.identity

    def forward(self, x):
        return self.upsample(self.body(self.conv_first(x)), x)

    monkeypatch.setattr(type(network.module), "forward", forward)
    assert network.identity != before


def test_another_process_finds_the_same(tmp_path):
    source = project(tmp_path / "a")
    script = (
        "import sys, torch; from ddrlib.zoo.loading import open_network\n"
        "print(*(open_network(name).identity for name in sys.argv[1:]))"
    )
    names = [source, "rdn-div2k-x4@random0"]
    here = " ".join(open_network(name).identity for name in names)
    for seed in ("1", "2"):  # of the order in sets; and another number of threads
        environment = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed}
        command = [sys.executable, "-c", script, *names]
        environment["PYTHONPATH"] = str(ROOT)
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        )
        assert result.stdout.strip() == here


VALUES = [
    *(1, 1.0, True, None, "1", b"1", 1 + 0j),
    *([1], (1,), {1}, {1: 1}, [[1], [1]], [[1, 1], []]),
    *(np.ones(2), np.ones(2, np.float32), np.ones((2, 1)), np.float64(1)),
    *(torch.ones(2), torch.ones(2).half(), torch.eye(2), torch.eye(2).to_sparse()),
    *(torch.tensor([1j]), torch.tensor([-1j]), torch.ones(2, device="meta")),
    *(print, len, int, np.ndarray, np, torch.relu, torch.float32, torch.Size([1]), Path("a")),
    *((lambda x: x), (lambda x: x + 1), (lambda x, y=1: x), (lambda x, y=2: x)),
]


def test_values_of_all_kinds_are_told_apart():
    assert len({walk(value) for value in VALUES}) == len(VALUES)
    assert walk(*VALUES) == walk(*VALUES)


def test_cycles_end():
    ring: list = [1]
    ring.append(ring)
    assert walk(ring) == walk(ring) != walk([1, [1]])


def test_a_copy_shares_weights_and_nothing_else():
    module = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    copy = copied(module)
    assert copy[0].weight is module[0].weight
    copy[1].running_mean.add_(1)
    copy[0].extra = 1
    assert module[1].running_mean.sum() == 0 and not hasattr(module[0], "extra")


def test_a_copy_on_another_device_lies_there_with_all_it_holds():
    module = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    module[0].gain = torch.ones(3)  # no buffer
    copy = copied(module, "meta")
    held = [*copy.parameters(), *copy.buffers(), copy[0].gain]
    assert {tensor.device.type for tensor in held} == {"meta"}
    assert module[0].gain.device.type == module[0].weight.device.type == "cpu"
