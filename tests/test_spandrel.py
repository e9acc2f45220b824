"""Checkpoints of architectures that spandrel knows; here a stand-in with its interface."""

from __future__ import annotations

import pickle
import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from compact import Compact, weights

from ddrlib.errors import DDRError
from ddrlib.zoo.loading import load_custom


class UnsupportedModelError(Exception):
    pass


class ModelLoader:
    def load_from_state_dict(self, state):
        if "body.0.weight" not in state:
            raise UnsupportedModelError
        module = Compact()
        module.load_state_dict(state)
        return SimpleNamespace(model=module)


@pytest.fixture
def spandrel(monkeypatch):
    stand_in = ModuleType("spandrel")
    stand_in.ModelLoader, stand_in.UnsupportedModelError = ModelLoader, UnsupportedModelError
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
    assert list(network.layers) == ["body.0", "body.1", "body.2", "upsampler", "Output"]
    assert torch.equal(network.module.body[0].bias, weights()["body.0.bias"])
    assert not network.module.training and not network.module.body[0].weight.requires_grad
    other = load_custom(saved(weights(seed=1), tmp_path / "d.pth"))
    assert network.sha256 != other.sha256


@pytest.mark.parametrize("key", ["params-ema", "model", "net", "generator", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "netG.", "_orig_mod."])
def test_wrapped_checkpoints_are_known_too(spandrel, tmp_path, key, prefix):
    state = {prefix + name: value for name, value in weights().items()}
    network = load_custom(saved({"epoch": 3, key: state}, tmp_path / "c.pth"))
    assert torch.equal(network.module.body[0].bias, weights()["body.0.bias"])


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
        (None, ["needs spandrel", "not installed", ".[own]"]),
        (
            "raise RuntimeError('operator torchvision::nms does not exist')",
            ["spandrel is installed but cannot be imported", "torchvision::nms", "its own index"],
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
