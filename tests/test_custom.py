"""A user's own network: made, loaded, its layers found in the order they run; clear refusals."""

from __future__ import annotations

import os
import re
import sys
import threading
import warnings
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ddrlib.errors import DDRError
from ddrlib.features.extraction import extract
from ddrlib.zoo.loading import load_custom, load_network, open_network


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return x + F.relu(self.conv(x))


class Toy(nn.Module):
    """x4; `tail` is defined first and runs last, `relu` runs twice, `unused` never."""

    def __init__(self) -> None:
        super().__init__()
        self.tail = nn.Sequential(nn.Conv2d(4, 48, 1), nn.PixelShuffle(4))
        self.head = nn.Conv2d(3, 4, 3, padding=1)
        self.body = nn.ModuleList(Block() for _ in range(3))
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squash = nn.Flatten()
        self.pair = Pair()
        self.mean = Mean()
        self.wave = Wave()
        self.unused = nn.Conv2d(1, 1, 1)

    def forward(self, x):
        x = self.relu(self.head(x))
        for block in self.body:
            x = block(x)
        x, weight = self.pair(x)
        self.mean(x)
        self.wave(x)
        x = x * self.squash(self.pool(x))[:, :, None, None] * weight
        return self.tail(self.relu(x))


class Pair(nn.Module):
    def forward(self, x):
        return x, 0.5


class Mean(nn.Module):
    def forward(self, x):
        return x.mean(0)


class Wave(nn.Module):
    def forward(self, x):
        return torch.fft.rfft2(x)


class Wrapped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = Toy()

    def forward(self, x):
        return self.network(x)


def broken():
    raise ValueError("no such\nsetting")


def not_a_module():
    return 3


def image(function):
    """A factory of a network that gives `function` of its input."""

    class Given(nn.Module):
        def forward(self, x):
            return function(x)

    return Given


Doubled = image(lambda x: F.interpolate(x, scale_factor=2))
Stretched = image(lambda x: F.interpolate(x, (64, 96)))
Averaged = image(lambda x: x.mean(0, keepdim=True))
Logits = image(lambda x: x.mean((2, 3)))
Tuple = image(lambda x: (x, x))
Grey = image(lambda x: F.interpolate(x.mean(1, keepdim=True), scale_factor=4))
Failing = image(lambda x: x @ torch.ones(7, 7))
HERE = f"{__name__}:"
BLOCKS = ["body.0", "body.1", "body.2"]


def refused(*words: str):
    """The block raises a DDRError of one line that has these words, in this order."""
    return pytest.raises(DDRError, match=r"\A.*" + ".*".join(map(re.escape, words)) + r".*\Z")


def test_layers_are_found_in_the_order_they_run():
    network = load_custom(HERE + "Toy")
    # tail.1 gives the output itself
    assert list(network.layers) == ["head", *BLOCKS, "pool", "tail.0", "Output"]
    assert network.layers["body.1"] == "body.1" and network.layers["Output"] == ""
    modules = dict(network.module.named_modules())
    assert all(path in modules for path in network.layers.values())
    assert (network.name, network.scale, network.task) == (HERE + "Toy", 4, "sr")
    assert not network.module.training


def test_an_only_child_is_looked_into():
    *inner, output = load_custom(HERE + "Toy").layers
    wrapped = list(load_custom(HERE + "Wrapped").layers)
    assert wrapped == [f"network.{name}" for name in inner] + [output]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ("body.*", BLOCKS),
        ("body.*.conv", [f"{block}.conv" for block in BLOCKS]),
        (r"re:body\.[02]", ["body.0", "body.2"]),
        ("re:.*conv", [f"{block}.conv" for block in BLOCKS]),
        (["Output", "tail.1", "head"], ["head", "tail.1", "Output"]),
        (["body.2", "body.*"], BLOCKS),
        ("squash", ["squash"]),
    ],
)
def test_layers_by_path_and_pattern_in_the_order_they_run(patterns, found):
    assert list(load_custom(HERE + "Toy", layers=patterns).layers) == found


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        ("trunk.*", ["'trunk.*'", "there are: head, relu, body.0.conv, body.0, ", "and 9 more"]),
        (["head", "unused"], ["'unused'", "head"]),
        ("re:(", ["'re:('", "regular expression"]),
        ("relu", ["relu", "runs 2 times"]),
        ("pair", ["pair", "gives a tuple"]),
        ("mean", ["mean", "gives (4, 32, 32) for 2 images"]),
        ("wave", ["wave", "complex"]),
    ],
)
def test_layers_that_cannot_be(patterns, words):
    with refused(*words):
        load_custom(HERE + "Toy", layers=patterns)


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("Toy", ["'Toy'", "name the function", "package.module:make"]),
        ("no_such_module:Toy", ["no_such_module", "ModuleNotFoundError"]),
        (HERE + "Doubld", ["'Doubld'", "did you mean Doubled?"]),
        (HERE + "zzzz", ["there are: Block, Toy, ", "more"]),
        (HERE + "BLOCKS", ["'BLOCKS'"]),
        (HERE + "broken", ["broken fails", "ValueError: no such setting"]),
        (HERE + "not_a_module", ["not_a_module", "int"]),
        (HERE + "Stretched", ["(2, 3, 64, 96)", "scale"]),
        (HERE + "Grey", ["does not give images", "(2, 1, 128, 128)"]),
        (HERE + "Logits", ["does not give images", "(2, 3)"]),
        (HERE + "Tuple", ["does not give images", "tuple"]),
        (HERE + "Averaged", ["does not give images", "(1, 3, 32, 32)"]),
        (HERE + "Failing", [HERE + "Failing fails", "RuntimeError"]),
    ],
)
def test_factories_that_cannot_be(factory, words):
    with refused(*words):
        load_custom(factory)


def test_the_output_tells_the_scale():
    assert load_custom(HERE + "Doubled").scale == load_custom(HERE + "Doubled", scale=2).scale == 2
    with refused("(2, 3, 64, 64)", "x4 wants (2, 3, 128, 128)", "scale"):
        load_custom(HERE + "Doubled", scale=4)


def test_input_range():
    prepare = load_custom(HERE + "Toy", input_range=(-1, 3)).prepare
    assert prepare(torch.tensor([0.0, 0.5, 1.0])).tolist() == [-1, 1, 3]


def test_a_checkpoint_is_loaded_and_its_absence_reproducible(tmp_path):
    first, again = load_custom(HERE + "Toy"), load_custom(HERE + "Toy")
    assert first.sha256 == again.sha256
    state = {key: value + 1 for key, value in first.module.state_dict().items()}
    torch.save({"params": state}, tmp_path / "c.pth")
    loaded = load_custom(HERE + "Toy", tmp_path / "c.pth")
    assert torch.equal(loaded.module.head.bias, first.module.head.bias + 1)
    assert loaded.card["source"].endswith("c.pth")
    other_range = load_custom(HERE + "Toy", input_range=(0, 255))
    assert len({network.sha256 for network in (first, loaded, other_range)}) == 3


def test_a_checkpoint_of_another_network_is_told(tmp_path):
    torch.save(Block().state_dict(), tmp_path / "c.pth")
    with refused("c.pth", "Toy", "missing: tail.0.weight", "surplus: conv.weight"):
        load_custom(HERE + "Toy", tmp_path / "c.pth")


def test_a_network_by_name_or_one_s_own():
    own = open_network(HERE + "Toy", ["head", "Output"], scale=4)
    assert (own.name, list(own.layers)) == (HERE + "Toy", ["head", "Output"])
    named = open_network("rdn-div2k-x4", "LRL_*")
    assert named.sha256 == load_network("rdn-div2k-x4").sha256
    assert list(named.layers) == named.trunk == [f"LRL_{i + 1}" for i in range(10)]
    inside = open_network("rdn-div2k-x4", ["LRL_3.convs.*", "LRL_3"])
    assert list(inside.layers) == [*(f"LRL_3.convs.{i}" for i in range(3)), "LRL_3"]
    with refused("'RB*'", "there are: F_m1, F_0, LRL_1"):
        open_network("rdn-div2k-x4", "RB*")
    with refused("scale", "rdn-div2k-x4"):
        open_network("rdn-div2k-x4", scale=2)


SOURCE = "from torch import nn\ndef make():\n    return nn.Upsample(scale_factor={})\n"


def test_a_module_of_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "my_own_network.py").write_text(SOURCE.format(4))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["elsewhere"])
    for name in (
        "my_own_network:make",
        "my_own_network.py:make",
        f"{tmp_path}/my_own_network.py:make",
    ):
        assert list(load_custom(name).layers) == ["Output"]
    assert sys.path == ["elsewhere"] and os.listdir() == ["my_own_network.py"]


def test_two_folders_with_one_name_and_packages_in_them(tmp_path):
    for scale in (2, 3):
        package = tmp_path / str(scale) / "models"
        package.mkdir(parents=True)
        (package / "parts.py").write_text(f"SCALE = {scale}\n")
        (package / "net.py").write_text(
            "from . import parts\nfrom torch import nn\n"
            "def make():\n    return nn.Upsample(scale_factor=parts.SCALE)\n"
        )
        (tmp_path / f"{scale}/net.yaml").write_text("factory: models.net:make")
    networks = [load_custom(tmp_path / f"{scale}/net.yaml") for scale in (2, 3, 2)]
    assert [network.scale for network in networks] == [2, 3, 2]
    assert networks[0].identity == networks[2].identity != networks[1].identity


def test_folders_that_a_factory_adds_to_the_path_do_not_meet(tmp_path):
    for scale in (2, 3):
        (tmp_path / f"{scale}/lib").mkdir(parents=True)
        (tmp_path / f"{scale}/lib/arch.py").write_text(SOURCE.format(scale))
        (tmp_path / f"{scale}/net.py").write_text(
            "import sys, os\nsys.path.insert(0, os.path.dirname(__file__) + '/lib')\n"
            "from arch import make\n"
        )
    assert [load_custom(f"{tmp_path}/{scale}/net.py:make").scale for scale in (2, 3)] == [2, 3]


def test_a_loaded_module_of_the_same_name_stays_as_it_is(tmp_path, monkeypatch):
    mine = ModuleType("net")
    monkeypatch.setitem(sys.modules, "net", mine)
    (tmp_path / "net.py").write_text(SOURCE.format(2))
    assert load_custom(f"{tmp_path}/net.py:make").scale == 2
    assert sys.modules["net"] is mine


def test_a_folder_cannot_replace_what_is_installed(tmp_path):
    for name in ("torch", "numpy", "json", "ddrlib"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError")
    (tmp_path / "net.py").write_text("import json, numpy, torch, ddrlib.zoo\n" + SOURCE.format(2))
    assert load_custom(f"{tmp_path}/net.py:make").scale == 2


def test_a_module_that_is_there_already_is_taken_as_it_is_and_left_alone():
    network = load_custom(HERE + "READY")
    assert network.scale == 4 and READY.training and network.module is not READY
    assert READY.head.weight.requires_grad and torch.equal(
        network.module.head.weight, READY.head.weight
    )


class Compiled(nn.Module):
    """Keeps what it compiles as torch.compile does."""

    def __init__(self, module):
        super().__init__()
        self._orig_mod = module


@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, Compiled, Toy.half, lambda module: module.double().train()]
)
def test_modules_that_are_dressed_for_training(monkeypatch, wrap):
    monkeypatch.setattr(sys.modules[__name__], "made", lambda: wrap(Toy()), raising=False)
    network = load_custom(HERE + "made")
    assert list(network.layers) == ["head", *BLOCKS, "pool", "tail.0", "Output"]
    assert {weight.dtype for weight in network.module.parameters()} == {torch.float32}


class Branches(nn.Module):
    """weight_norm on a branch that does not run: its weight would keep what it was computed from."""

    def __init__(self):
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.up = nn.ModuleDict(
                {str(s): torch.nn.utils.weight_norm(nn.Conv2d(3, 3 * s * s, 1)) for s in (2, 4)}
            )

    def forward(self, x):
        return F.pixel_shuffle(self.up["4"](x), 4)


class Locked(Toy):
    """Cannot be copied."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize("factory", ["Branches", "Locked"])
def test_modules_that_deepcopy_refuses_are_measured(factory):
    network = load_custom(HERE + factory)
    images = torch.rand(6, 3, 8, 8)
    expected = network.module(images)
    for layer, values in extract(network, images, ["Output"], device="cpu").items():
        assert np.allclose(values, expected.flatten(1), rtol=1e-2, atol=1e-3), layer
    assert network.identity == network.identity


# --- what is not deterministic ---


class Noisy(nn.Module):
    def __init__(self, make=torch.randn_like, strength=0.1):
        super().__init__()
        self.noise = nn.Identity()
        self.make, self.strength = make, strength

    def forward(self, x):
        return F.interpolate(x + 0 * self.noise(self.strength * self.make(x)), scale_factor=4)


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.n = 0

    def forward(self, x):
        self.n += 1
        return F.interpolate(x * self.n, scale_factor=4)


def noisy_by_numpy():
    return Noisy(lambda x: torch.from_numpy(np.random.rand(*x.shape)).float())


Dropping = image(lambda x: F.dropout(F.interpolate(x, scale_factor=4), training=True))


@pytest.mark.parametrize(
    ("factory", "layer"),
    [
        ("Noisy", "noise"),
        ("noisy_by_numpy", "noise"),
        ("Counting", "Output"),
        ("Dropping", "Output"),
    ],
)
def test_a_network_that_gives_something_else_each_time_is_refused(factory, layer):
    with refused(HERE + factory, "not deterministic", layer):
        load_custom(HERE + factory)


def test_not_a_number_twice_is_the_same_twice():
    assert load_custom(HERE + "Nothing").scale == 4


Nothing = image(lambda x: F.interpolate(x, scale_factor=4) * torch.nan)


# --- factories that do more than they should ---


def leaving():
    raise SystemExit(0)


def scripted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(nn.Upsample(scale_factor=4))


class Stubborn(nn.Module):
    def float(self):
        raise OSError("no")


READY = Toy()


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        (HERE + "leaving", ["leaving fails", "SystemExit"]),
        (HERE + "scripted", ["TorchScript", "return the module"]),
        (HERE + "Stubborn", ["Stubborn cannot be used in float32", "OSError: no"]),
        ("nets.py", ["'nets.py'", "such as nets.py:make"]),
        ("no/nets.py:make", ["no/nets.py: no such file"]),
        (":make", ["name the function"]),
        ("nets:", ["name the function"]),
    ],
)
def test_factories_that_cannot_be_either(factory, words):
    with refused(*words):
        load_custom(factory)


@pytest.mark.parametrize("code", ["import sys; sys.exit()", "1 / 0", "x = ", "raise BaseException"])
def test_files_that_cannot_be_imported(tmp_path, code):
    (tmp_path / "net.py").write_text(code)
    with refused("net cannot be imported"):
        load_custom(f"{tmp_path}/net.py:make")
