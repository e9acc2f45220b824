"""What the page that computes is given; `tests/browser` runs it."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import torch

from ddrlib.data.photographs import load_patches
from ddrlib.errors import DDRError
from ddrlib.files import ROOT
from ddrlib.networks.rdn import RDN
from ddrlib.networks.srresnet import SRResNet
from ddrlib.widgets.assumption import assumption
from ddrlib.widgets.engine import Arrays, describe, uniform, untrained
from ddrlib.widgets.live import STATIC
from ddrlib.widgets.photograph import SHIPPED, photograph
from ddrlib.zoo.network import Network


def toy(module=None, name: str = "toy") -> Network:
    torch.manual_seed(0)
    module = module or SRResNet(channels=8, blocks=2)
    module = module.eval().requires_grad_(False)
    card = {"arguments": {}, "sha256": "0" * 64}
    return Network(name, module, 4, module.layers(), lambda x: x, "sr", card)


@pytest.fixture(scope="module")
def widget():
    return photograph({"toy": toy()}, load_patches("eval", n=12, size=64))


def values(widget, place: dict) -> np.ndarray:
    numbers = np.frombuffer(widget.numbers, "<f4")
    return numbers[place["at"] :][: np.prod(place["shape"])].reshape(place["shape"])


def test_the_map_of_the_high_pass_filter_by_hand(widget):
    """Its means, centred and turned: distances are those of the means, axes are orthonormal."""
    index = widget.index
    (layer,) = index["instruments"][-1]["layers"]
    axes, points = values(widget, layer["axes"]), values(widget, layer["points"])
    assert np.allclose(axes @ axes.T, np.eye(2), atol=1e-6)
    assert points.shape == (3 * index["contents"], 2) and abs(points.mean(0)).max() < 1e-6
    assert (np.diff(points.var(0)) < 0).all(), "the first component is the strongest"
    assert 0.9 < layer["explained"] <= 1


def test_photographs_of_the_page_are_not_in_the_reference(widget):
    index = widget.index
    assert [row["name"] for row in index["photographs"]] == list(SHIPPED)
    assert all(row["author"] and row["licence"] for row in index["photographs"])
    patches = load_patches("eval", n=12, size=64)
    shown = {row["source"] for row in index["photographs"]}
    assert index["contents"] == sum(source not in shown for source in patches.source)


def test_instruments_and_layers(widget):
    instruments = widget.index["instruments"]
    assert [i["name"] for i in instruments] == ["toy", "untrained", "high-pass filter"]
    assert [layer["name"] for layer in instruments[0]["layers"]] == ["Conv1", "RB1", "RB2"]
    assert instruments[1]["network"] == instruments[0]["network"], "the same architecture"
    network = instruments[0]["network"]
    assert len(widget.weights[0].data) == 2 * network["size"]
    for layer in instruments[0]["layers"]:
        assert layer["degradation"] + layer["content"] <= 1


def test_weights_are_packed_in_place():
    tensors, network = Arrays("<f2"), toy()
    about = describe(network, tensors)
    packed = np.frombuffer(tensors.bytes(), "<f2")
    for key, value in network.module.state_dict().items():
        place = about["tensors"][key]
        found = packed[place["at"] :][: value.numel()].reshape(place["shape"])
        assert np.array_equal(found, value.half().numpy())


def test_untrained_weights_are_uniform_of_the_right_spread():
    numbers = uniform(3, 100_000)
    assert numbers.min() >= 0 and numbers.max() < 1 and len(np.unique(numbers)) > 99_990
    assert numbers.mean() == pytest.approx(1 / 2, abs=0.005)
    assert numbers.var() == pytest.approx(1 / 12, rel=0.02)
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.01
    trained = toy(SRResNet(channels=64, blocks=1))
    state = untrained(trained).module.state_dict()
    assert state["body.0.conv1.weight"].std() == pytest.approx(0.1 * np.sqrt(2 / 576), rel=0.02)
    assert state["body.0.conv1.bias"].abs().max() == 0
    assert not torch.equal(state["body.0.conv1.weight"], trained.module.body[0].conv1.weight)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"networks": {"x": toy(RDN(), "x")}}, "x: a page runs SRResNets"),
        ({"networks": {"x": toy(SRResNet(4, 1))}}, "of 8, 16, 24"),
        ({"patches": (9, 96)}, "patches of 96 pixels: a page takes multiples of 64"),
    ],
)
def test_what_a_page_cannot_run_is_refused(change, message):
    patches = load_patches("eval", n=12, size=64)
    given = {"networks": {"toy": toy()}, "patches": patches, **change}
    if isinstance(given["patches"], tuple):
        n, size = given["patches"]
        given["patches"] = load_patches("eval", n=n, size=size)
    with pytest.raises(DDRError, match=message):
        photograph(**given)


def test_the_compiled_kernel_is_that_of_its_source(tmp_path):
    """Where the compiler is (`npm install`): the committed binary is what it makes, byte for byte."""
    if not (ROOT / "node_modules" / "assemblyscript").is_dir() or not shutil.which("npm"):
        pytest.skip("assemblyscript is not installed here")
    committed = (STATIC / "page" / "convolution.wasm").read_bytes()
    command = ["npm", "run", "kernel", "--", "-o", str(tmp_path / "kernel.wasm")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "kernel.wasm").read_bytes() == committed


def test_the_kernel_is_small_and_imports_memory_alone():
    kernel = (STATIC / "page" / "convolution.wasm").read_bytes()
    assert kernel[:4] == b"\0asm" and len(kernel) < 1024
    assert b"memory" in kernel and b"convolveRow" in kernel


def test_only_a_guided_network_can_be_told():
    with pytest.raises(DDRError, match="toy cannot be told a degradation"):
        assumption({"toy": toy()})
