"""Extraction against a plain forward pass."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from ddrlib.errors import DDRError
from ddrlib.features import extraction as features
from ddrlib.features.extraction import extract, extract_rows, resolve_device, super_resolve
from ddrlib.features.forward import MOST_COPIES, in_parallel
from ddrlib.features.rows import FileRows, Rows
from ddrlib.networks.rrdbnet import RRDN
from ddrlib.zoo.loading import load_network
from ddrlib.zoo.network import Network

torch.set_num_threads(1)


class Toy(nn.Module):
    """Two convolutions and what an extraction can stumble over."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 5, 3, padding=1)
        self.windows = nn.PixelUnshuffle(2)
        self.unused = nn.Identity()
        self.gain = gain

    def forward(self, x):
        x = self.conv2(torch.relu_(self.conv1(x)) * self.gain)  # relu_ overwrites conv1's output
        return self.windows(x).unflatten(0, (-1, 1)).transpose(0, 1)


LAYERS = {"first": "conv1", "second": "conv2", "windows": "windows", "unused": "unused", "out": ""}


def toy(gain: float = 1.0, prepare=lambda x: x, sha256: str = "0" * 64) -> Network:
    return Network("toy", Toy(gain).eval(), 4, LAYERS, prepare, "sr", {"sha256": sha256})


def dense() -> Network:
    torch.manual_seed(0)
    module = RRDN(channels=4, blocks=2, growth=2).eval()
    return Network("dense", module, 4, module.layers(), lambda x: x, "sr", {"sha256": "0" * 64})


def batches_of(monkeypatch, size):
    monkeypatch.setattr(features, "batch_size", lambda *_: size)


@pytest.fixture
def images():
    return torch.rand(7, 3, 6, 6, generator=torch.Generator().manual_seed(1))


def expected(network: Network, images: torch.Tensor) -> dict[str, np.ndarray]:
    with torch.no_grad():
        first = network.module.conv1(images)
        second = network.module.conv2(torch.relu(first) * network.module.gain)
    return {"first": first.flatten(1).numpy(), "second": second.flatten(1).numpy()}


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_features_are_those_of_a_plain_pass(images, batch_size, monkeypatch):
    batches_of(monkeypatch, batch_size)
    network = toy()
    found = extract(network, images, ["second", "first"])
    on_disk = extract_rows(network, images, ["second", "first"], "cpu", FileRows)
    assert all(np.array_equal(on_disk[name].columns(0, 999), found[name]) for name in found)
    assert list(found) == ["first", "second"]  # by depth
    for layer, values in expected(network, images).items():
        assert found[layer].dtype == np.float16
        assert np.allclose(found[layer], values, rtol=2**-11, atol=1e-5)


def test_the_pass_ends_with_the_deepest_layer(images):
    class Failing(nn.Module):
        def forward(self, x):
            raise AssertionError

    network = toy()
    network.module.windows = Failing()
    assert list(extract(network, images, ["second"])) == ["second"]


def test_threads_share_a_network_that_stays_as_it_is(images):
    """Also one that cannot be copied: its lock is shared, and passes wait for each other."""
    for extra in (None, threading.Lock()):
        network = toy()
        network.module.extra = extra
        alone = extract(network, images, ["second"])["second"]
        with ThreadPoolExecutor(4) as pool:
            layers = ["first", "second"] * 4
            found = pool.map(lambda layer: extract(network, images, [layer])[layer], layers)  # noqa: B023
            assert all(np.array_equal(each, alone) for each in list(found)[1::2])
        assert not any(part._forward_hooks for part in network.module.modules())


def test_all_of_it_is_in_true_float32(images):
    class Asking(nn.Module):
        def forward(self, x):
            return x + (torch.get_float32_matmul_precision() == "highest")

    network = toy()
    network.module.conv1 = Asking()
    torch.set_float32_matmul_precision("high")
    try:
        found = extract(network, images, ["first"])["first"]
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert np.allclose(found, 1 + images.flatten(1), atol=1e-3)


def test_there_are_few_copies_however_many_cores():
    torch.set_num_threads(16)
    try:
        with (
            in_parallel(nn.Identity(), torch.device("cpu")) as parallel_map,
        ):
            used = set(parallel_map(lambda module, _: time.sleep(0.01) or id(module), range(64)))
    finally:
        torch.set_num_threads(1)
    assert len(used) <= MOST_COPIES


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gets_a_copy(images):
    network = toy()
    found = extract(network, images, ["first"], device="cuda")["first"]
    assert network.module.conv1.weight.device.type == "cpu"
    assert np.allclose(found, expected(network, images)["first"], rtol=1e-2, atol=1e-3)


def test_a_network_that_views_its_features_is_no_obstacle(images):
    """`view` refuses channels last, the layout that extraction tries first."""

    class Viewing(nn.Conv2d):
        def forward(self, x):
            return super().forward(x).view(len(x), 4, 36)

    network = toy()
    conv1, network.module.conv1 = network.module.conv1, Viewing(3, 4, 3, padding=1)
    network.module.conv1.load_state_dict(conv1.state_dict())
    found = extract(network, images, ["first"])["first"]
    assert np.allclose(found, conv1(images).detach().flatten(1), rtol=1e-3, atol=1e-4)


def test_cores_at_work_side_by_side_keep_the_order_and_do_not_meet(images, monkeypatch):
    batches_of(monkeypatch, 1)

    class Forgetful(nn.Module):
        """Its forward must not run twice at a time."""

        def forward(self, x):
            self.x = x
            time.sleep(0.02 * float(x[0, 0, 0, 0]))
            return self.x * 2

    network = toy()
    network.module.conv1 = Forgetful()
    images = images.repeat(3, 1, 1, 1)
    torch.set_num_threads(4)
    try:
        found = extract(network, images, ["first"])["first"]
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(1)
    assert np.allclose(found, 2 * images.flatten(1), rtol=1e-3)


def test_inputs_are_prepared(images):
    network = toy(prepare=lambda x: 2 * x)
    found = extract(network, images, ["first"])["first"]
    assert np.allclose(found, expected(network, 2 * images)["first"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("gain", [1e6, 1e-6])
def test_float16_that_does_not_hold_the_values_gives_way_to_float32(images, gain, monkeypatch):
    batches_of(monkeypatch, 2)
    network = toy(gain)
    network.module.conv2.bias.data.zero_()
    found = extract(network, images, ["first", "second"])
    values = expected(network, images)["second"]
    assert found["first"].dtype == np.float16
    assert found["second"].dtype == np.float32
    assert np.allclose(found["second"], values, rtol=1e-5, atol=1e-6 * np.abs(values).max())


@pytest.mark.parametrize("kind", [Rows, FileRows])
def test_an_overflow_in_the_last_batch_keeps_all_rows_in_float32(images, kind, monkeypatch):
    batches_of(monkeypatch, 3)
    images[-1] *= 1e6
    network = toy()
    found = extract_rows(network, images, ["first"], "cpu", kind)["first"].columns(0, 999)
    assert found.dtype == np.float32
    values = expected(network, images)["first"]
    assert np.allclose(found, values, rtol=1e-5, atol=1e-6 * np.abs(values).max(axis=1)[:, None])


def test_rows_are_copied_before_the_next_step_can_change_them(images):
    class InPlace(nn.Module):
        """Tokens (N, L, C) in float32, of which a view would do, and a step that overwrites them."""

        def __init__(self):
            super().__init__()
            self.tokens = nn.Identity()

        def forward(self, x):
            tokens = self.tokens(x.flatten(2).transpose(1, 2).contiguous() * 1e6)
            return tokens.neg_()

    network = Network(
        "tokens", InPlace(), 1, {"tokens": "tokens", "out": ""}, lambda x: x, "sr", {"sha256": ""}
    )
    for kind in (Rows, FileRows):
        rows = extract_rows(network, images, None, "cpu", kind)
        first = rows["tokens"].columns(0, 200)
        assert np.allclose(first, 1e6 * images.flatten(2).transpose(1, 2).flatten(1))
        assert np.array_equal(rows["out"].columns(0, 200), -first)


# --- what cannot be extracted ---


def test_values_that_are_not_finite_are_counted(images, monkeypatch):
    batches_of(monkeypatch, 2)
    images[5, 0, 0, 0] = torch.inf
    with pytest.raises(DDRError, match=r"layer first: 16 of 288 values .* images 4 to 5"):
        extract(toy(), images, ["first"])


def test_large_finite_values_are_not_mistaken_for_infinite_ones():
    network = toy()
    network.module.conv1.weight.data.fill_(1e37)
    found = extract(network, torch.ones(2, 3, 6, 6), ["first"])["first"]
    assert np.isfinite(found).all()
    assert found.max() > 2e38


def test_layers_that_cannot_serve_are_refused(images, monkeypatch):
    batches_of(monkeypatch, 100)
    network = toy()
    with pytest.raises(DDRError, match="no layer 'secnd'; did you mean second[?]$"):
        extract(network, images, ["secnd"])
    with pytest.raises(DDRError, match="layer unused does not run"):
        extract(network, images, ["unused"])
    with pytest.raises(DDRError, match=r"layer out gives \(1, 7, 20, 3, 3\) for 7 images"):
        extract(network, images, ["out"])


def test_devices():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device(torch.device("cpu")) == torch.device("cpu")
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(DDRError, match="no device 'gpu'"):
        resolve_device("gpu")


def test_a_gpu_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(features.torch.cuda, "is_available", lambda: False)
    with pytest.raises(DDRError, match="no GPU on this machine"):
        resolve_device("cuda")


def test_super_resolve_gives_what_the_network_gives_clamped_and_in_order():
    network = load_network("srresnet-wgr-reduced-s0@random0")
    images = torch.rand(7, 3, 12, 16, generator=torch.Generator().manual_seed(0))
    expected = network.module(images).clamp(0, 1)
    found = super_resolve(network, images, "cpu")
    assert found.shape == (7, 3, 48, 64) and torch.allclose(found, expected, atol=1e-5)
    assert found.min() >= 0 and found.max() <= 1


def test_layers_inside_a_block_are_named_after_it_and_come_before_it(images):
    network = dense()
    inside = [name for name in network.inside if name.startswith("RRDB2")]
    dense_block = ["convs.0", "convs.1", "convs.2", "convs.3", "fuse"]
    parts = [f"body.{i}{part}" for i in range(3) for part in (*(f".{x}" for x in dense_block), "")]
    assert inside == [f"RRDB2.{part}" for part in (*parts, "body")] + ["RRDB2"]
    assert [name for name in network.inside if name in network.layers] == list(network.layers)

    wanted = ["RRDB2", "RRDB2.body.0.convs.0", "RRDB1"]
    found = extract(network, images, wanted)
    assert list(found) == ["RRDB1", "RRDB2.body.0.convs.0", "RRDB2"]
    with torch.no_grad():
        first = network.module.body[0](network.module.conv_first(images))
        conv = network.module.body[1].body[0].convs[0]
        activated = torch.nn.functional.conv2d(first, conv.weight, conv.bias, padding=1).relu()
    np.testing.assert_allclose(found[wanted[1]], activated.flatten(1), atol=1e-3)
    assert (found[wanted[1]] == 0).any()
    with pytest.raises(DDRError, match=r"no layer 'RRDB2.body.3'; did you mean RRDB2.body"):
        extract(network, images, ["RRDB2.body.3"])
