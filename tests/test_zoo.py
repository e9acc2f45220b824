"""Networks by name: cards, loading, saving, fresh weights, conversion; one line for each fault."""

from __future__ import annotations

import errno
import importlib
import json
import os
import re
import runpy
import sys

import originals
import pytest
import safetensors.torch
import torch
from test_weights import ncnn_files

from ddrlib.data.photographs import load_patches
from ddrlib.errors import DDRError
from ddrlib.files import ROOT
from ddrlib.networks.guided import GuidedSRResNet
from ddrlib.networks.rrdbnet import RRDBNet
from ddrlib.networks.srresnet import SRResNet
from ddrlib.training import adversarial
from ddrlib.zoo.cards import (
    NETWORKS,
    had_signal,
    network_name,
    networks,
    read_card,
    save_network,
    trained,
)
from ddrlib.zoo.loading import load_network, random_network
from ddrlib.zoo.weights import file_sha256

CARD = {
    "name": "tiny",
    "architecture": "SRResNet",
    "arguments": {"channels": 4, "blocks": 2},
    "scale": 4,
    "task": "sr",
    "source": "a test",
    "licence": "MIT",
    "steps": 7,
}


@pytest.fixture
def tiny(tmp_path):
    """A folder with one small network, "tiny"."""
    torch.manual_seed(0)
    save_network(SRResNet(**CARD["arguments"]), CARD, tmp_path)
    return tmp_path


def rewrite_card(folder, **changes):
    path = folder / "tiny.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def refused(*words: str):
    """The block raises a DDRError of one line that has these words, in this order."""
    return pytest.raises(DDRError, match=r"\A.*" + ".*".join(map(re.escape, words)) + r".*\Z")


def run_script(monkeypatch, name: str, *arguments):
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    monkeypatch.syspath_prepend(ROOT / "scripts")
    runpy.run_path(str(ROOT / "scripts" / f"{name}.py"), run_name="__main__")


def test_every_card_says_where_the_network_comes_from_and_under_which_licence():
    published = [card for card in networks() if "licence_text" in card]
    assert {card["name"] for card in published} == {
        *originals.KERAS,
        "dat-light-x4",
        "realesrgan-x4plus",
        "realesrgan-x4plus-anime",
        "efficientnet-lite0",
    }
    for card in published:
        assert card["source"].startswith(("npm ", "PyPI "))
        assert re.fullmatch("[0-9a-f]{64}", card["sha256"])
        assert len(card["licence_text"]) > 500 and "Copyright" in card["licence_text"]
        assert card["available"] or card["name"] == "realesrgan-x4plus"


def test_an_unknown_name_is_told_the_nearest(tmp_path):
    with refused("'rdn-div2k'", "did you mean rdn-div2k-x4?", "ddr networks"):
        load_network("rdn-div2k")
    with refused("'efficientnet'", "did you mean efficientnet-lite0?"):
        load_network("efficientnet")
    with refused("'tiny'", "none", str(tmp_path)):
        load_network("tiny", tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "../networks/rdn-div2k-x4",
        "rdn-div2k-x4@random",
        "@random1",
        "rdn-div2k-x4@random" + 20 * "9",
    ],
)
def test_a_name_is_neither_a_path_nor_half_a_name(name):
    with refused("no network is called"):
        load_network(name)


def test_two_files_dropped_into_the_folder_make_a_network_loadable(tiny, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("tiny.json", "tiny.safetensors"):
        (elsewhere / name).write_bytes((tiny / name).read_bytes())
    network = load_network("tiny", elsewhere)
    assert (network.name, network.scale, network.task) == ("tiny", 4, "sr")
    assert list(network.layers) == ["Conv1", "RB1", "RB2", "UP1", "UP2", "HR", "Output"]
    assert not network.module.training
    assert not any(p.requires_grad for p in network.module.parameters())
    images = torch.rand(1, 3, 4, 4)
    assert network.prepare(images) is images


def test_a_network_without_a_critic_and_one_whose_critic_taught_count():
    states = (
        adversarial.SIGNAL,
        adversarial.AT_CHANCE,
        adversarial.ALWAYS_RIGHT,
        adversarial.NO_CLOSER,
    )
    assert had_signal({"name": "pixel loss"})
    assert [had_signal({"adversarial": {"state": s}}) for s in states] == [
        True,
        False,
        False,
        False,
    ]


def test_saved_weights_are_the_float16_rounding_and_the_card_is_kept(tiny):
    torch.manual_seed(0)
    module = SRResNet(**CARD["arguments"])
    network = load_network("tiny", tiny)
    for key, value in network.module.state_dict().items():
        assert torch.equal(value, module.state_dict()[key].half().float())
    assert network.card == {**CARD, "sha256": file_sha256(tiny / "tiny.safetensors")}
    assert sorted(os.listdir(tiny)) == ["tiny.json", "tiny.safetensors"]


def test_saving_what_float16_cannot_hold_is_refused_and_leaves_the_old_files(tiny):
    before = {path.name: path.read_bytes() for path in tiny.iterdir()}
    module = SRResNet(**CARD["arguments"])
    module.conv_last.bias.data.fill_(1e6)
    with refused("tiny", "float16"):
        save_network(module, CARD, tiny)
    assert {path.name: path.read_bytes() for path in tiny.iterdir()} == before


def test_a_full_disk_is_told_and_leaves_the_old_files(tiny, monkeypatch):
    before = {path.name: path.read_bytes() for path in tiny.iterdir()}

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with refused("tiny.safetensors", "No space left"):
        save_network(SRResNet(**CARD["arguments"]), CARD, tiny)
    assert {path.name: path.read_bytes() for path in tiny.iterdir()} == before


def test_missing_weights_name_the_file_and_the_way_back(tiny):
    (tiny / "tiny.safetensors").unlink()
    with refused("tiny.safetensors", "git"):
        load_network("tiny", tiny)
    assert [card["available"] for card in networks(tiny)] == [False]


def test_one_flipped_bit_is_noticed(tiny):
    path = tiny / "tiny.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with refused("tiny.safetensors", "damaged", "SHA-256"):
        load_network("tiny", tiny)


def test_a_checkpoint_of_another_architecture_names_the_first_keys(tiny):
    rewrite_card(tiny, arguments={"channels": 4, "blocks": 3})
    with refused("tiny.safetensors", "SRResNet", "missing: body.2.conv1.weight", "and 1 more"):
        load_network("tiny", tiny)
    rewrite_card(tiny, arguments={"channels": 4, "blocks": 1})
    with refused("tiny.safetensors", "surplus: body.1.conv1."):
        load_network("tiny", tiny)
    rewrite_card(tiny, arguments={"channels": 5, "blocks": 2})
    with refused("of another shape: conv_first.weight (4, 3, 3, 3) instead of (5, 3, 3, 3)"):
        load_network("tiny", tiny)


HUGE = 10**9


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architecture": "SRResnet"}, ["'SRResnet'", "did you mean SRResNet?"]),
        ({"architecture": None}, ["architecture has to be of type str"]),
        ({"architecture": 7}, ["architecture has to be of type str"]),
        ({"architecture": "__name__"}, ["no architecture '__name__'"]),
        ({"arguments": []}, ["arguments has to be of type dict"]),
        ({"arguments": {"width": 4}}, ["wrong arguments", "width"]),
        ({"arguments": {"channels": "4"}}, ["wrong arguments"]),
        ({"arguments": {"channels": 4.5}}, ["wrong arguments"]),
        ({"arguments": {"channels": -4}}, ["channels has to be from 1 to 256"]),
        ({"arguments": {"channels": HUGE}}, ["channels has to be from 1 to 256"]),
        ({"arguments": {"blocks": HUGE}}, ["blocks has to be from 1 to 256"]),
        ({"scale": 0}, ["scale and task of SRResNet are 4 and 'sr'"]),
        ({"scale": 2}, ["scale and task of SRResNet are 4"]),
        ({"scale": "x"}, ["scale has to be of type int"]),
        ({"scale": True}, ["scale has to be of type int"]),
        ({"task": "x"}, ["task of SRResNet", "'sr'"]),
        ({"task": "classification"}, ["task of SRResNet", "'sr'"]),
        ({"task": None}, ["task has to be of type str"]),
        ({"sha256": "abc"}, ["sha256", "64"]),
        ({"sha256": 3}, ["sha256"]),
        ({"source": None}, ["source"]),
        ({"licence": ["MIT"]}, ["licence"]),
        ({"guide": "rdn-div2k-x4"}, ["guide: it has to be a JSON object"]),
        ({"guide": {"name": "a"}}, ["guide: it lacks sha256"]),
        ({"guide": {"name": "a", "sha256": "b"}}, ["name a guide exactly where"]),
        ({"package": {"file": "a"}}, ["package: it lacks module"]),
        ({"package": {"module": "", "file": "a", "requirement": "b"}}, ["package"]),
        ({"package": {"module": "a..b", "file": "a", "requirement": "b"}}, ["package"]),
        ({"package": {"module": "torch", "file": "../x", "requirement": "b"}}, ["package"]),
        ({"package": {"module": "six", "file": "a", "requirement": "b"}}, ["not found"]),
    ],
)
def test_cards_that_cannot_be_right(tiny, changes, words):
    rewrite_card(tiny, **changes)
    with refused("tiny", *words):
        load_network("tiny", tiny)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"architecture": "SRResNet"}', ["lacks arguments", "sha256"]),
        ("{", ["not JSON"]),
        ("", ["not JSON"]),
        ("3", ["JSON object"]),
        ('"text"', ["JSON object"]),
        (b"\xff\xfe", ["UTF-8"]),
        ("[" * 1000, ["not JSON"]),
        (None, ["regular file"]),
    ],
)
def test_cards_that_cannot_be_read(tiny, text, words):
    card = tiny / "tiny.json"
    card.unlink()
    if text is None:
        card.mkdir()
    else:
        card.write_bytes(text if isinstance(text, bytes) else text.encode())
    for read in (networks, lambda folder: load_network("tiny", folder)):
        with refused("tiny.json", *words):
            read(tiny)


def test_guides_that_cannot_be(tiny):
    arguments = {"channels": 4, "blocks": 2, "embedding": 4}
    card = {**CARD, "architecture": "GuidedSRResNet", "arguments": arguments}
    module = GuidedSRResNet(**arguments)
    save_network(module, {**card, "name": "blind"}, tiny)
    with refused("blind", "name a guide exactly where"):
        load_network("blind", tiny)
    for name, through in {"narcissus": "narcissus", "one": "two", "two": "one"}.items():
        save_network(
            module, {**card, "name": name, "guide": {"name": through, "sha256": "0"}}, tiny
        )
        with refused(name, "looks through"):
            load_network(name, tiny)


def test_random_network_is_the_same_architecture_with_fresh_weights():
    trained, first = load_network("rdn-div2k-x4"), load_network("rdn-div2k-x4@random0")
    again, other = random_network("rdn-div2k-x4", 0), random_network("rdn-div2k-x4", 1)
    assert first.name == "rdn-div2k-x4@random0" and first.layers == trained.layers
    assert first.sha256 == again.sha256
    assert len({trained.sha256, first.sha256, other.sha256}) == 3
    # PyTorch's default for a conv: uniform within 1 / sqrt(fan-in), so a standard deviation of that
    # over sqrt(3).
    weight = first.module.f_0.weight
    assert weight.std().item() == pytest.approx((64 * 9) ** -0.5 / 3**0.5, rel=0.01)


def test_random_network_leaves_the_caller_s_random_numbers_and_needs_no_weights(tiny):
    (tiny / "tiny.safetensors").unlink()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    assert random_network("tiny", 9, tiny).card["arguments"] == CARD["arguments"]
    assert torch.equal(torch.rand(3), expected)


def test_weights_of_an_installed_package_are_read_where_they_lie(tmp_path, monkeypatch):
    arguments = {"channels": 4, "blocks": 1, "growth": 2}
    torch.manual_seed(0)
    module = RRDBNet(**arguments).eval()
    package = tmp_path / "site" / "some_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('only its file is wanted')")
    convs = [part for part in module.modules() if isinstance(part, torch.nn.Conv2d)]
    ncnn_files(package / "net.bin", [(c.weight.detach(), c.bias.detach()) for c in convs])
    card = {
        **CARD,
        "name": "packaged",
        "architecture": "RRDBNet",
        "arguments": arguments,
        "package": {"module": "some_package", "file": "net.bin", "requirement": "some-package==1"},
        "sha256": file_sha256(package / "net.bin"),
    }
    (tmp_path / "packaged.json").write_text(json.dumps(card))
    with refused("packaged", "net.bin", "pip install", "some-package==1"):
        load_network("packaged", tmp_path)
    assert not networks(tmp_path)[0]["available"]

    monkeypatch.syspath_prepend(tmp_path / "site")
    assert networks(tmp_path)[0]["available"]
    images = torch.rand(1, 3, 8, 8)
    loaded = load_network("packaged", tmp_path).module
    torch.testing.assert_close(loaded(images), module(images), atol=1e-2, rtol=0)
    assert torch.equal(loaded.conv_last.bias, module.conv_last.bias)


@pytest.fixture(scope="module")
def patches():
    return load_patches("eval", 12, 128)


@pytest.mark.parametrize("name", [*originals.KERAS, "dat-light-x4"])
def test_psnr_on_a_card_is_what_the_script_measures(name, patches, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    script = importlib.import_module("psnr")
    card, found = read_card(name), script.fidelity(load_network(name), patches)
    assert (card["psnr"]["n"], found["n"]) == (100, 12)
    for other in ("bicubic", "nearest"):
        on_card = card["psnr"]["network"] - card["psnr"][other]
        assert found["network"] - found[other] == pytest.approx(on_card, abs=0.3)
    # What the title says, the figures say.
    below = card["psnr"]["network"] < card["psnr"]["nearest"]
    assert below == ("below nearest-neighbour" in card["title"])


@pytest.mark.parametrize("name", originals.KERAS)
def test_files_hold_the_published_codes(name):
    state = safetensors.torch.load_file(NETWORKS / f"{name}.safetensors")
    codes = [value for value in state.values() if value.dtype == torch.uint8]
    parameters = load_network(name).module.parameters()
    assert sum(value.numel() for value in codes) == sum(p.numel() for p in parameters)
    # Each tensor was quantised to its own range: both ends of the codes occur in every kernel.
    for value in codes:
        if value.ndim == 4:
            assert value.min() == 0 and value.max() == 255


@pytest.mark.parametrize(
    ("script", "package", "names"),
    [
        ("convert_upscalerjs", originals.UPSCALERJS, originals.KERAS),
        ("convert_dat", originals.DAT, ["dat-light-x4"]),
        ("convert_realesrgan", originals.REALESRGAN, ["realesrgan-x4plus-anime"]),
    ],
)
def test_conversion_reproduces_the_shipped_files_byte_for_byte(
    script, package, names, tmp_path, monkeypatch
):
    source = originals.original(package)
    for folder in (tmp_path / "first", tmp_path / "second"):
        run_script(monkeypatch, script, source, "--folder", folder)
        for name in names:
            file = f"{name}.safetensors"
            assert (folder / file).read_bytes() == (NETWORKS / file).read_bytes()
            card = read_card(name)
            del card["psnr"]  # comes from another script
            assert read_card(name, folder) == card


@pytest.mark.parametrize("script", ["convert_upscalerjs", "convert_dat", "convert_realesrgan"])
def test_conversion_refuses_another_package(script, tmp_path, monkeypatch):
    (tmp_path / "other").write_bytes(b"not the package")
    for package in (tmp_path / "other", tmp_path / "absent"):
        with pytest.raises(SystemExit, match=f"error: {package} .*SHA-256"):
            run_script(monkeypatch, script, package, "--folder", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "recipe, size, seed, name",
    [
        ("a", "reduced", 0, "a-reduced-s0"),
        ("a", "paper-20k", 2, "a-paper-20k-s2"),
        ("a", "paper", 0, "a"),
        ("a", "paper", 1, "a-s1"),
    ],
)
def test_what_a_recipes_network_is_called(recipe, size, seed, name):
    assert network_name(recipe, size, seed) == name


def test_the_trained_networks_of_a_recipe_count_once_each(tmp_path):
    for name in ("a", "a-s2", "a-reduced-s0"):
        (tmp_path / f"{name}.json").write_text("{}")
    assert trained("a", "paper", [0, 1, 2, 0], folder=tmp_path) == {0: "a", 2: "a-s2"}
    assert trained("a", "reduced", [0, 0], folder=tmp_path) == {0: "a-reduced-s0"}
    assert trained("b", "reduced", [0], missing_ok=True, folder=tmp_path) == {}
    with pytest.raises(
        DDRError, match="b-reduced-s1, b-reduced-s2: not trained yet; run: ddr train"
    ):
        trained("b", "reduced", [1, 2], folder=tmp_path)
