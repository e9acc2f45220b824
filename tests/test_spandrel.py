"""Checkpoints of architectures that spandrel knows; here a stand-in with its interface."""

from __future__ import annotations

import importlib
import pickle
import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from compact import Compact, weights

from ddrlib.errors import DDRError, optional
from ddrlib.features.extraction import extract
from ddrlib.zoo.loading import load_custom

SWIN = {"window_size": 8, "depths": (2, 2), "embed_dim": 24, "num_heads": (2, 2), "upscale": 4}


class UnsupportedModelError(Exception):
    pass


class ModelLoader:
    def load_from_state_dict(self, state):
        if "body.0.weight" not in state:
            raise UnsupportedModelError
        module = Compact()
        module.load_state_dict(state)
        return Known(module)


class Known:
    """As spandrel's ImageModelDescriptor."""

    size_requirements = SimpleNamespace(minimum=0, multiple_of=1)
    input_channels = 3

    def __init__(self, model):
        self.model = model

    def _call_fn(self, model, images):
        return model(images)


@pytest.fixture
def spandrel(monkeypatch):
    stand_in = ModuleType("spandrel")
    stand_in.ModelLoader, stand_in.UnsupportedModelError = ModelLoader, UnsupportedModelError
    stand_in.ImageModelDescriptor = Known
    monkeypatch.setitem(sys.modules, "spandrel", stand_in)


def refused(*words: str):
    """The block raises a DDRError of one line that has these words, in this order."""
    return pytest.raises(DDRError, match=r"\A.*" + ".*".join(map(re.escape, words)) + r".*\Z")


def saved(state, path):
    torch.save(state, path)
    return path


def test_a_known_checkpoint_is_a_network(spandrel, tmp_path):
    network = load_custom(saved({"params_ema": weights()}, tmp_path / "c.pth"))
    assert (network.card["architecture"], network.scale) == ("Compact", 4)
    assert list(network.layers) == ["body.0", "body.1", "body.2", "Output"]
    assert torch.equal(network.module.network.body[0].bias, weights()["body.0.bias"])
    assert not network.module.training and not network.module.network.body[0].weight.requires_grad
    other = load_custom(saved(weights(seed=1), tmp_path / "d.pth"))
    assert network.sha256 != other.sha256


@pytest.mark.parametrize("key", ["params-ema", "model", "net", "generator", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "netG.", "_orig_mod."])
def test_wrapped_checkpoints_are_known_too(spandrel, tmp_path, key, prefix):
    state = {prefix + name: value for name, value in weights().items()}
    network = load_custom(saved({"epoch": 3, key: state}, tmp_path / "c.pth"))
    assert torch.equal(network.module.network.body[0].bias, weights()["body.0.bias"])


def test_its_rules_of_sizes_and_its_way_to_call_are_used(spandrel, tmp_path, monkeypatch):
    file = saved(weights(), tmp_path / "c.pth")
    monkeypatch.setattr(Known, "size_requirements", SimpleNamespace(minimum=40, multiple_of=24))
    monkeypatch.setattr(Known, "_call_fn", lambda self, model, images: 2 * model(images))
    network = load_custom(file)
    assert network.side == 48
    images = torch.rand(1, 3, 8, 8)
    assert torch.allclose(network.module(images), 2 * network.module.network(images), atol=1e-4)
    monkeypatch.setattr(Known, "size_requirements", SimpleNamespace(minimum=8, multiple_of=100))
    assert load_custom(file).side == 100
    monkeypatch.setattr(Known, "input_channels", 19)
    with refused("c.pth takes 19 channels", "`maps`"):
        load_custom(file)
    monkeypatch.setattr(sys.modules["spandrel"], "ImageModelDescriptor", int)
    with refused("c.pth takes more than an image (a mask)"):
        load_custom(file)


def test_a_call_that_takes_one_image_is_made_for_several(spandrel, tmp_path, monkeypatch):
    """As spandrel's of DRUNet, which makes one map of the noise; the module itself runs once."""

    def call(self, model, images):
        assert model.upsampler  # attributes are the module's
        level = torch.full((1, 3, *images.shape[2:]), 0.25)
        return 2 * model(torch.stack([images, level]).sum(0))  # a `stack` of one size alone

    monkeypatch.setattr(Known, "_call_fn", call)
    network = load_custom(saved(weights(), tmp_path / "c.pth"))
    images = torch.rand(3, 3, 8, 8)
    wanted = torch.cat([2 * network.module.network(image + 0.25) for image in images.split(1)])
    assert torch.allclose(network.module(images), wanted, atol=1e-3)
    assert list(network.layers) == ["body.0", "body.1", "body.2", "Output"]  # none runs thrice


def build(architecture, name, **options):
    module = importlib.import_module(f"spandrel.architectures.{architecture}")
    return getattr(module, name)(**options)


# Small networks of architectures that are not plain chains: what of them has to be found.
REAL = {
    "ESRGAN": (
        (
            "__arch.RRDB",
            "RRDBNet",
            {"in_nc": 3, "out_nc": 3, "num_filters": 16, "num_blocks": 3, "scale": 4},
        ),
        [f"model.1.sub.{k}" for k in range(4)],
    ),
    "SwinIR": (
        ("", "SwinIR", SWIN | {"img_size": 48, "upsampler": "pixelshuffledirect", "mlp_ratio": 2}),
        ["layers.0", "layers.1"],
    ),
    "HAT": (
        ("", "HAT", SWIN | {"img_size": 32, "compress_ratio": 3, "squeeze_factor": 6}),
        ["layers.0", "layers.1"],
    ),
    "DAT": (
        (
            "",
            "DAT",
            {
                "img_size": 32,
                "embed_dim": 24,
                "split_size": [8, 16],
                "depth": [4, 4],
                "num_heads": [2, 2],
                "expansion_factor": 2.0,
                "upscale": 4,
                "upsampler": "pixelshuffle",
            },
        ),
        ["layers.0", "layers.1"],
    ),
    "SPAN": (
        ("", "SPAN", {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 16, "upscale": 4}),
        [f"block_{k}" for k in range(1, 7)],
    ),
    "DnCNN": (
        ("", "DnCNN", {"in_nc": 1, "out_nc": 1, "nc": 16, "nb": 5, "mode": "DnCNN"}),
        ["model.2"],
    ),
    "DRUNet": (
        ("", "DRUNet", {"in_nc": 4, "out_nc": 3, "nc": [8, 16, 24, 32], "nb": 2}),
        [*("m_down1.0", "m_down1.1", "m_down3.1", "m_body.0", "m_body.1", "m_up3.1", "m_up1.2")],
    ),
    "SCUNet": (
        ("", "SCUNet", {"in_nc": 3, "config": [2] * 7, "dim": 64}),
        [*("m_down1.0", "m_down2.1", "m_down3.1", "m_body.0", "m_body.1", "m_up3.1", "m_up1.2")],
    ),
}
DENOISERS = ("DnCNN", "DRUNet", "SCUNet")


@pytest.mark.parametrize("architecture", REAL)
def test_the_trunks_of_real_architectures(tmp_path, architecture):
    try:
        optional("spandrel", "spandrel")
    except DDRError as error:
        pytest.skip(str(error))
    (place, name, options), blocks = REAL[architecture]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build(f"{architecture}{'.' + place if place else ''}", name, **options)
    network = load_custom(saved(module.state_dict(), tmp_path / "c.pth"))
    assert set(blocks) <= set(network.layers), (list(network.layers), network.notes)
    images = torch.rand(2, 3, network.side, network.side)
    given = extract(network, images, blocks, device="cpu")
    assert all(np.ptp(features) > 0 for features in given.values())
    assert network.scale == (1 if architecture in DENOISERS else 4)


def test_the_noise_level_that_spandrel_gives_may_be_another(tmp_path):
    try:
        optional("spandrel", "spandrel")
    except DDRError as error:
        pytest.skip(str(error))
    torch.manual_seed(0)
    module = build("DRUNet", "DRUNet", in_nc=4, out_nc=3, nc=[8, 16, 24, 32], nb=2).eval()
    saved(module.state_dict(), tmp_path / "drunet.pth")
    images = torch.rand(3, 3, 32, 32)
    given = load_custom(tmp_path / "drunet.pth").module(images)
    for level, same in ((15 / 255, True), (0.3, False)):
        (tmp_path / "d.yaml").write_text(f"{{checkpoint: drunet.pth, maps: [{level}]}}")
        found = load_custom(tmp_path / "d.yaml").module(images)
        with torch.no_grad():
            wanted = module(torch.cat([images, torch.full((3, 1, 32, 32), level)], 1))
        assert torch.allclose(found, wanted, atol=1e-5)
        assert torch.allclose(found, given, atol=1e-5) == same


def test_what_spandrel_does_not_take_is_told(spandrel, tmp_path):
    with refused("c.pth", "no architecture that spandrel knows", "first key is x", "factory"):
        load_custom(saved({"x": torch.ones(1)}, tmp_path / "c.pth"))
    state = weights()
    del state["body.2.bias"]
    with refused("c.pth does not fit", "Missing key", "body.2.bias"):
        load_custom(saved(state, tmp_path / "c.pth"))
    with refused("c.pth does not fit", "Unexpected key", "more"):
        load_custom(saved({**weights(), "more": torch.ones(1)}, tmp_path / "c.pth"))
    many = {f"body.{i}.weight": torch.ones(1) for i in range(2000)}
    with pytest.raises(DDRError) as told:
        load_custom(saved({**weights(), **many}, tmp_path / "c.pth"))
    assert len(str(told.value)) < 500
    with refused("no.pth does not exist"):
        load_custom(tmp_path / "no.pth")


def test_a_pickle_is_refused_before_spandrel_sees_it(spandrel, tmp_path, monkeypatch):
    monkeypatch.setattr(ModelLoader, "load_from_state_dict", lambda self, state: 1 / 0)
    with refused("c.pth is refused", "run code"):
        load_custom(saved({"body.0.weight": Payload()}, tmp_path / "c.pth"))
    (tmp_path / "d.ckpt").write_bytes(pickle.dumps(Payload(), protocol=2))
    with refused("d.ckpt"):
        load_custom(tmp_path / "d.ckpt")
    assert not Payload.run


class Payload:
    run = False

    def __reduce__(self):
        return setattr, (Payload, "run", True)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, ["needs spandrel", "not installed", ".[spandrel]"]),
        (
            "raise RuntimeError('operator torchvision::nms does not exist')",
            ["spandrel is installed but cannot be imported", "torchvision::nms", "of one build"],
        ),
        ("import no_such_part", ["needs no_such_part"]),
    ],
)
def test_a_spandrel_that_cannot_be_imported_is_told(tmp_path, monkeypatch, source, words):
    monkeypatch.delitem(sys.modules, "spandrel", raising=False)
    if source is None:
        monkeypatch.setitem(sys.modules, "spandrel", None)  # as if it were not there
    else:
        (tmp_path / "spandrel.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
    with refused(*words):
        load_custom(saved(weights(), tmp_path / "c.pth"))
