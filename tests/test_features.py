"""Extraction against a plain forward pass; the cache against damage, full disks and mix-ups."""

import resource
import time

import numpy as np
import pytest
import torch
from torch import nn

from ddrlib.errors import DDRError
from ddrlib.features import extraction as features
from ddrlib.features.extraction import extract, feature_keys, resolve_device, super_resolve
from ddrlib.zoo.loading import Network, load_network

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
        self.passes = 0  # completed

    def forward(self, x):
        x = self.conv2(torch.relu_(self.conv1(x)) * self.gain)  # relu_ overwrites conv1's output
        self.passes += 1
        return self.windows(x).unflatten(0, (-1, 1)).transpose(0, 1)


LAYERS = {"first": "conv1", "second": "conv2", "windows": "windows", "unused": "unused", "out": ""}


def toy(gain: float = 1.0, prepare=lambda x: x, sha256: str = "0" * 64) -> Network:
    return Network("toy", Toy(gain).eval(), 4, LAYERS, prepare, "sr", {"sha256": sha256})


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DDR_CACHE", str(tmp_path))
    return tmp_path / "features"


@pytest.fixture
def images():
    return torch.rand(7, 3, 6, 6, generator=torch.Generator().manual_seed(1))


def expected(network: Network, images: torch.Tensor) -> dict[str, np.ndarray]:
    with torch.no_grad():
        first = network.module.conv1(images)
        second = network.module.conv2(torch.relu(first) * network.module.gain)
    return {"first": first.flatten(1).numpy(), "second": second.flatten(1).numpy()}


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_features_are_those_of_a_plain_pass(images, cached, batch_size):
    network = toy()
    found = extract(network, images, ["second", "first"], batch_size=batch_size, cache=cached)
    assert list(found) == ["first", "second"]  # by depth
    for layer, values in expected(network, images).items():
        assert found[layer].dtype == np.float16
        assert np.allclose(found[layer], values, rtol=2**-11, atol=1e-5)


def test_the_pass_ends_with_the_deepest_layer(images):
    network = toy()
    extract(network, images, ["first"], cache=False)
    assert network.module.passes == 0


def test_a_network_that_views_its_features_is_no_obstacle(images):
    """`view` refuses channels last, the layout that extraction tries first."""

    class Viewing(nn.Conv2d):
        def forward(self, x):
            return super().forward(x).view(len(x), 4, 36)

    network = toy()
    conv1, network.module.conv1 = network.module.conv1, Viewing(3, 4, 3, padding=1)
    network.module.conv1.load_state_dict(conv1.state_dict())
    found = extract(network, images, ["first"], cache=False)["first"]
    assert np.allclose(found, conv1(images).detach().flatten(1), rtol=1e-3, atol=1e-4)


def test_cores_at_work_side_by_side_keep_the_order_and_do_not_meet(images):
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
        found = extract(network, images, ["first"], batch_size=1, cache=False)["first"]
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(1)
    assert np.allclose(found, 2 * images.flatten(1), rtol=1e-3)


def test_inputs_are_prepared(images):
    network = toy(prepare=lambda x: 2 * x)
    found = extract(network, images, ["first"], cache=False)["first"]
    assert np.allclose(found, expected(network, 2 * images)["first"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("gain", [1e6, 1e-6])
def test_float16_that_does_not_hold_the_values_gives_way_to_float32(images, gain):
    network = toy(gain)
    network.module.conv2.bias.data.zero_()
    found = extract(network, images, ["first", "second"], batch_size=2)
    values = expected(network, images)["second"]
    assert found["first"].dtype == np.float16
    assert found["second"].dtype == np.float32
    assert np.allclose(found["second"], values, rtol=1e-5, atol=1e-6 * np.abs(values).max())


@pytest.mark.parametrize("cached", [True, False])
def test_an_overflow_in_the_last_batch_keeps_all_rows_in_float32(images, cached):
    images[-1] *= 1e6
    network = toy()
    found = extract(network, images, ["first"], batch_size=3, cache=cached)["first"]
    assert found.dtype == np.float32
    values = expected(network, images)["first"]
    assert np.allclose(found, values, rtol=1e-5, atol=1e-6 * np.abs(values).max(axis=1)[:, None])


# --- the cache ---


def test_a_second_call_reads_and_computes_only_what_is_missing(images, cache):
    network = toy()
    first = extract(network, images, ["second"])["second"]
    network.module.conv2.weight.data.zero_()  # same sha256: what is read shows
    again = extract(network, images, ["first", "second"])
    assert isinstance(again["second"], np.memmap)
    assert np.array_equal(again["second"], first)
    assert np.allclose(again["first"], expected(network, images)["first"], rtol=1e-3, atol=1e-4)
    assert sorted(f.suffix for f in cache.iterdir()) == [".npy", ".npy"]


def test_keys_tell_apart_all_that_features_depend_on(images):
    networks = [toy(), toy(sha256="1" * 64), toy(prepare=lambda x: 1 - x)]
    other = images.clone()
    other[3, 1, 2, 2] += 1e-6
    inputs = [images, other, images[:6], images.reshape(7, 3, 4, 9)]
    keys = [
        key for network in networks for x in inputs for key in feature_keys(network, x).values()
    ]
    assert len(set(keys)) == len(keys) == 3 * 4 * 5
    assert feature_keys(toy(), images) == feature_keys(toy(), images.clone())


@pytest.mark.parametrize("where", [5, 100, 300, 900, -2, -100])
def test_one_flipped_bit_is_noticed_said_and_mended(images, cache, caplog, where):
    network = toy()
    before = np.array(extract(network, images, ["first"])["first"])
    (file,) = cache.iterdir()
    data = bytearray(file.read_bytes())
    data[where] ^= 1
    file.write_bytes(data)
    assert np.array_equal(extract(network, images, ["first"])["first"], before)
    assert "is damaged" in caplog.text
    assert str(file) in caplog.text
    caplog.clear()
    extract(network, images, ["first"])
    assert not caplog.text


@pytest.mark.parametrize("size", [0, 3, 60, 1000, -1])
def test_a_truncated_file_is_computed_again(images, cache, caplog, size):
    network = toy()
    extract(network, images, ["first"])
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:size])
    found = extract(network, images, ["first"])["first"]
    assert np.allclose(found, expected(network, images)["first"], rtol=1e-3, atol=1e-4)
    assert "is damaged" in caplog.text


def test_a_full_disk_is_one_line_and_what_was_there_stays(images, cache):
    network = toy()
    kept = np.array(extract(network, images, ["first"])["first"])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # "second" needs more
    try:
        with pytest.raises(DDRError, match=r"second: its features .* cannot be kept") as told:
            extract(network, images, ["first", "second"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(cache) in str(told.value)
    assert "DDR_CACHE" in str(told.value)
    assert "\n" not in str(told.value)
    assert len(list(cache.iterdir())) == 1
    assert np.array_equal(extract(network, images, ["first"])["first"], kept)


def test_a_pass_that_fails_leaves_no_file(images, cache):
    images[5] = torch.nan
    with pytest.raises(DDRError):
        extract(toy(), images, ["first"], batch_size=2)
    assert list(cache.iterdir()) == []


# --- what cannot be extracted ---


def test_values_that_are_not_finite_are_counted(images):
    images[5, 0, 0, 0] = torch.inf
    with pytest.raises(DDRError, match=r"layer first: 16 of 288 values .* images 4 to 5"):
        extract(toy(), images, ["first"], batch_size=2, cache=False)


def test_large_finite_values_are_not_mistaken_for_infinite_ones():
    network = toy()
    network.module.conv1.weight.data.fill_(1e37)
    found = extract(network, torch.ones(2, 3, 6, 6), ["first"], cache=False)["first"]
    assert np.isfinite(found).all()
    assert found.max() > 2e38


def test_layers_that_cannot_serve_are_refused(images):
    network = toy()
    with pytest.raises(DDRError, match="no layer 'secnd'; did you mean second[?] Its layers: fir"):
        extract(network, images, ["secnd"])
    with pytest.raises(DDRError, match="layer unused does not run"):
        extract(network, images, ["unused"])
    with pytest.raises(DDRError, match=r"layer out gives \(1, 7, 20, 3, 3\) for 7 images"):
        extract(network, images, ["out"], batch_size=100)


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
