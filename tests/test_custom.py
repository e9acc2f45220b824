"""A user's own network: made, loaded, its layers found in the order they run; clear refusals."""

from __future__ import annotations

import json
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
Grey = image(lambda x: F.interpolate(x.mean(1, keepdim=True), scale_factor=4))
Failing = image(lambda x: x @ torch.ones(7, 7))
HERE = f"{__name__}:"
BLOCKS = ["body.0", "body.1", "body.2"]


def refused(*words: str):
    """The block raises a DDRError of one line that has these words, in this order."""
    return pytest.raises(DDRError, match=r"\A.*" + ".*".join(map(re.escape, words)) + r".*\Z")


def test_layers_are_found_in_the_order_they_run():
    network = load_custom(HERE + "Toy")
    # The tail is the output, shuffled; pool gives a vector, pair what the last block gives.
    assert list(network.layers) == ["head", *BLOCKS, "Output"]
    assert network.layers["body.1"] == "network.body.1" and network.layers["Output"] == ""
    assert network.notes == (
        "one measurement, made once: pair = body.2, tail.0 = Output, tail.1 = Output",
    )
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
        ("trunk.*", ["'trunk.*'", "there are: head, relu#1, body.0.conv, body.0, ", "more"]),
        (["head", "unused"], ["'unused'", "head"]),
        ("re:(", ["'re:('", "regular expression"]),
        ("relu", ["no layer matches 'relu'", "relu#1"]),
        ("mean", ["mean", "gives (4, 32, 32) for 3 images"]),
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
        (HERE + "Stretched", ["(64, 96) pixels for (32, 32)", "scale"]),
        (HERE + "Logits", [HERE + "Logits: it does not give images: (3, 3) for 3 images"]),
        (HERE + "Averaged", ["does not give images", "(1, 3, 32, 32)"]),
        (HERE + "Failing", [HERE + "Failing fails", "RuntimeError"]),
    ],
)
def test_factories_that_cannot_be(factory, words):
    with refused(*words):
        load_custom(factory)


def test_the_output_tells_the_scale():
    assert load_custom(HERE + "Doubled").scale == load_custom(HERE + "Doubled", scale=2).scale == 2
    with refused("images x4: (64, 64) pixels for (32, 32), not (128, 128)", "scale"):
        load_custom(HERE + "Doubled", scale=4)


def seen(network, value=0.5):
    """What the user's module takes for one pixel of this value, channel by channel."""
    taken = []
    hook = network.module.network.register_forward_pre_hook(lambda _, given: taken.extend(given))
    network.module(torch.full((1, 3, 8, 8), value))
    hook.remove()
    return taken[0][0, :, 0, 0].tolist()


def test_input_range():
    network = load_custom(HERE + "Toy", input_range=(-1, 3))
    assert [seen(network, value)[0] for value in (0.0, 0.5, 1.0)] == [-1, 1, 3]
    doubled = load_custom(HERE + "Doubled", input_range=(0, 255)).module
    images = torch.rand(2, 3, 8, 8)
    assert torch.allclose(doubled(images), F.interpolate(images, scale_factor=2))


def test_a_checkpoint_is_loaded_and_its_absence_reproducible(tmp_path):
    first, again = load_custom(HERE + "Toy"), load_custom(HERE + "Toy")
    assert first.sha256 == again.sha256
    state = {key: value + 1 for key, value in first.module.network.state_dict().items()}
    torch.save({"params": state}, tmp_path / "c.pth")
    loaded = load_custom(HERE + "Toy", tmp_path / "c.pth")
    assert torch.equal(loaded.module.network.head.bias, first.module.network.head.bias + 1)
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
    assert network.scale == 4 and READY.training and network.module.network is not READY
    assert READY.head.weight.requires_grad and torch.equal(
        network.module.network.head.weight, READY.head.weight
    )


class Compiled(nn.Module):
    """Keeps what it compiles as torch.compile does."""

    def __init__(self, module):
        super().__init__()
        self._orig_mod = module


class Anchored(Toy):
    """Holds a tensor that is no buffer, and all it holds on the GPU, if there is one."""

    def __init__(self):
        super().__init__()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.gain = torch.ones(1, device=device)
        self.to(device)

    def forward(self, x):
        return super().forward(x * self.gain)


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        Compiled,
        Toy.half,
        lambda module: module.double().train(),
        lambda _: Anchored(),
    ],
)
def test_modules_that_are_dressed_for_training(monkeypatch, wrap):
    monkeypatch.setattr(sys.modules[__name__], "made", lambda: wrap(Toy()), raising=False)
    network = load_custom(HERE + "made")
    assert list(network.layers) == ["head", *BLOCKS, "Output"]
    assert {weight.dtype for weight in network.module.parameters()} == {torch.float32}


def lazy():
    """Its weights are made by the first pass."""
    return nn.Sequential(nn.LazyConv2d(4, 3, padding=1), nn.LazyConv2d(48, 1), nn.PixelShuffle(4))


def test_weights_that_a_first_pass_makes():
    one, other = load_custom(HERE + "lazy"), load_custom(HERE + "lazy")
    assert list(one.layers) == ["0", "Output"] and one.scale == 4
    assert (
        one.sha256 == other.sha256
        and np.isfinite(extract(one, torch.rand(2, 3, 8, 8), device="cpu")["0"]).all()
    )


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


# --- whatever a network takes and gives ---

Pairs = image(lambda x: (torch.ones(len(x), 5), F.interpolate(x, scale_factor=2), x))
Named = image(lambda x: {"loss": [x.mean()], "sr": F.interpolate(x, scale_factor=4), "lr": x})
Denoised = image(lambda x: F.avg_pool2d(x, 3, 1, 1))
Listed = image(lambda x: [F.interpolate(x, scale_factor=s) for s in (2, 4)])


@pytest.mark.parametrize(
    ("factory", "scale", "words"),
    [
        ("Pairs", 2, "gives a tuple: its image [1] is measured"),
        ("Named", 4, "gives a dict: its image ['sr'] is measured"),
        ("Listed", 2, "gives a list: its image [0] is measured"),
        ("Grey", 4, "gives one channel: it is shown in grey"),
        ("Denoised", 1, "enlarges nothing (x1): it is measured on images that nothing enlarged"),
    ],
)
def test_the_first_image_is_taken_and_named(factory, scale, words):
    network = load_custom(HERE + factory)
    assert network.scale == scale and f"{HERE}{factory} {words}" in network.notes
    assert network.module(torch.rand(2, 3, 8, 8)).shape == (2, 3, 8 * scale, 8 * scale)


def described(folder, **fields):
    (folder / "network.json").write_text(json.dumps(fields))
    return load_custom(folder / "network.json")


def test_another_output_is_chosen_by_number_or_name(tmp_path):
    assert described(tmp_path, factory=HERE + "Listed", output=1).scale == 4
    assert described(tmp_path, factory=HERE + "Named", output="lr").scale == 1
    with refused("it has no output 'hr'; there are: loss, sr, lr"):
        described(tmp_path, factory=HERE + "Named", output="hr")
    with refused("it has no output 2; there are: 0, 1"):
        described(tmp_path, factory=HERE + "Listed", output=2)


class Luma(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.tail = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return F.pixel_shuffle(self.tail(self.head(x)), 2)


def test_a_network_of_one_channel_sees_the_luma_and_says_so():
    network = load_custom(HERE + "Luma")
    assert (
        network.notes[0] == f"{HERE}Luma takes one channel: it sees the luma (BT.601) of the images"
    )
    taken = []
    network.module.network.register_forward_pre_hook(lambda _, given: taken.extend(given))
    red = torch.zeros(1, 3, 8, 8)
    red[:, 0] = 1
    given = network.module(red)
    assert taken[0].shape == (1, 1, 8, 8) and taken[0][0, 0, 0, 0] == pytest.approx(0.299)
    assert given.shape == (1, 3, 16, 16) and torch.equal(given[:, 0], given[:, 2])


def only_multiples(step):
    def enlarged(x):
        assert x.shape[-1] % step == 0, f"only multiples of {step}"
        return F.interpolate(x, scale_factor=4)

    return image(enlarged)()


def multiples_of_48():
    return only_multiples(48)


def multiples_of_64():
    return only_multiples(64)


def padding_by_40():
    return image(
        lambda x: F.interpolate(
            F.pad(x, [40] * 4, mode="reflect")[..., 40:-40, 40:-40], scale_factor=2
        )
    )()


@pytest.mark.parametrize(
    ("factory", "side"), [("multiples_of_48", 48), ("multiples_of_64", 64), ("padding_by_40", 48)]
)
def test_the_size_of_patches_is_one_that_the_network_takes(factory, side):
    network = load_custom(HERE + factory)
    assert network.side == side
    assert network.notes == (
        f"{HERE}{factory} takes no images of 32 pixels, but of {side}",
        *network.notes[1:],
    )


def test_a_network_is_tried_on_the_size_that_is_measured():
    assert load_custom(HERE + "multiples_of_48", size=384).side == 96
    assert load_custom(HERE + "multiples_of_48", size=192, scale=4).side == 48
    for scale in (None, 4):
        with refused("multiples_of_48", "(3, 3, 50, 50)", "only multiples of 48"):
            load_custom(HERE + "multiples_of_48", size=200, scale=scale)


class Conditioned(nn.Module):
    """Takes five channels, and a noise level and a vector besides."""

    def __init__(self, width=4):
        super().__init__()
        self.head, self.tail = nn.Conv2d(5, width, 3, padding=1), nn.Conv2d(width, 12, 3, padding=1)

    def forward(self, x, level, vector):
        assert vector.shape == (len(x), 2) and level == 0.5
        return F.pixel_shuffle(self.tail(self.head(x) * level + vector.sum()), 2)


def test_a_descriptor_gives_arguments_means_maps_and_constants(tmp_path):
    network = described(
        tmp_path,
        factory=HERE + "Conditioned",
        arguments={"width": 6},
        input_range=[0, 255],
        mean=[100, 110, 120],
        std=[50, 60, 80],
        maps=[0.1, 7],
        constants={"level": 0.5, "vector": [1, 2]},
    )
    assert network.module.network.head.out_channels == 6 and network.scale == 2
    assert seen(network, 0.2) == pytest.approx([-49 / 50, -59 / 60, -69 / 80, 0.1, 7])
    with refused("Conditioned fails", "unexpected keyword argument 'depth'"):
        described(tmp_path, factory=HERE + "Conditioned", arguments={"depth": 6})
    with refused("fails on images of shape (3, 3, 32, 32)", "level"):
        load_custom(HERE + "Conditioned")


class Unet(nn.Module):
    """Two stacks of three blocks, one of two between them."""

    def __init__(self):
        super().__init__()
        self.down, self.body, self.up = (
            nn.Sequential(*(Block() for _ in range(k))) for k in (3, 2, 3)
        )
        self.head, self.tail = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1)

    def forward(self, x):
        x = self.down(self.head(x))
        return self.tail(x + self.up(self.body(x)))


def test_of_stacks_of_one_length_the_last_is_the_trunk():
    assert load_custom(HERE + "Unet").trunk == ["up.0", "up.1", "up.2"]


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.block, self.up = nn.Conv2d(3, 4, 3, padding=1), Block(), nn.Conv2d(4, 48, 1)

    def forward(self, x):
        x = self.head(x)
        for _ in range(5):
            x = self.block(x)
        return F.pixel_shuffle(self.up(x), 4)


def test_every_run_of_a_recurrent_block_is_a_layer():
    network = load_custom(HERE + "Recurrent")
    runs = [f"block#{k}" for k in range(1, 6)]
    assert list(network.layers) == ["head", *runs, "Output"] and network.trunk == runs
    images = torch.rand(3, 3, 8, 8)
    given = extract(network, images, device="cpu")
    module = network.module.network
    x = module.head(images)
    for run in runs:
        x = module.block(x)
        assert np.allclose(given[run], x.flatten(1), atol=1e-3), run
    assert list(load_custom(HERE + "Recurrent", layers="block#*").layers) == runs


class Tokens(nn.Module):
    """A transformer's ways: tokens (N, L, C), blocks that give several things."""

    def __init__(self):
        super().__init__()
        self.head, self.up = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 48, 1)
        self.layers = nn.ModuleList(Attending() for _ in range(3))

    def forward(self, x):
        x = self.head(x)
        tokens = x.flatten(2).transpose(1, 2)
        for layer in self.layers:
            tokens, _ = layer(tokens)
        return F.pixel_shuffle(self.up(x + tokens.transpose(1, 2).unflatten(2, x.shape[2:])), 4)


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(8, 8)

    def forward(self, tokens):
        return tokens + self.mix(tokens).tanh(), {"weights": tokens.mean()}


def test_blocks_that_give_tokens_or_several_things_are_the_trunk():
    network = load_custom(HERE + "Tokens")
    assert network.trunk == [f"layers.{k}" for k in range(3)]
    given = extract(network, torch.rand(2, 3, 8, 8), ["layers.2"], device="cpu")
    assert given["layers.2"].shape == (2, 64 * 8)


class Nested(nn.Module):
    """As ESRGAN: nearly all of it within one part, which has a shortcut around it."""

    def __init__(self):
        super().__init__()
        trunk = nn.Sequential(*(Block() for _ in range(4)))
        parts = [nn.Conv2d(3, 4, 1), Shortcut(trunk), nn.Conv2d(4, 12, 1), nn.PixelShuffle(2)]
        self.model = nn.Sequential(*parts)

    def forward(self, x):
        return self.model(x)


class Shortcut(nn.Module):
    def __init__(self, sub):
        super().__init__()
        self.sub = sub

    def forward(self, x):
        return x + self.sub(x)


def test_a_part_that_holds_most_of_the_network_is_looked_into():
    network = load_custom(HERE + "Nested")
    assert network.trunk == [f"model.1.sub.{k}" for k in range(4)]
    assert "model.1" in network.layers


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.rand(12, 3, 3, 3) / 27)

    def forward(self, x):
        return F.pixel_shuffle(F.conv2d(x, self.kernel, padding=1), 2)


class Squeezed(Toy):
    """A block of weights that gives vectors alone."""

    def __init__(self):
        super().__init__()
        self.squash = nn.Sequential(nn.Flatten(), nn.Linear(4, 4))


def test_what_is_left_out_is_named():
    functional = load_custom(HERE + "Functional")
    assert list(functional.layers) == ["Output"] and "functional code" in functional.notes[0]
    squeezed = load_custom(HERE + "Squeezed").notes
    assert squeezed[0] == "not measured by default: squash.1 (gives vectors, no maps)"
    assert list(load_custom(HERE + "Squeezed", layers=["squash.1"]).layers) == ["squash.1"]


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


def without_values():
    return Toy().to("meta")


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
        (HERE + "without_values", ["Toy has weights without values (meta), such as tail.0.weight"]),
        (HERE + "Nothing.forward", ["forward fails"]),
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
