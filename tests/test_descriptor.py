"""Descriptor files: every field arrives, whatever does not fit is refused in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ddrlib.errors import DDRError
from ddrlib.zoo.descriptor import Descriptor, describe, is_own
from ddrlib.zoo.loading import load_custom

FIELDS = {
    "factory": "my_network:make",
    "checkpoint": "weights.pth",
    "scale": 3,
    "input_range": [-1, 1],
    "layers": ["head", "body.*"],
    "arguments": {"blocks": 8, "bias": False},
    "mean": [0.4, 0.5, 0.6],
    "std": 0.2,
    "maps": 0.06,
    "constants": {"level": 15, "kernel": [[1, 0.5]]},
    "output": "sr",
}


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".yaml", yaml.safe_dump(FIELDS)),
        (".json", json.dumps(FIELDS, indent="\t")),
    ],
)
def test_every_field_arrives_from_each_format(tmp_path, suffix, text):
    file = tmp_path / f"network{suffix}"
    file.write_text(text)
    assert describe(file) == Descriptor(
        "my_network:make",
        "",
        "weights.pth",
        3,
        (-1.0, 1.0),
        ("head", "body.*"),
        tmp_path,
        {"blocks": 8, "bias": False},
        (0.4, 0.5, 0.6),
        (0.2,),
        (0.06,),
        {"level": 15, "kernel": [[1, 0.5]]},
        "sr",
    )
    assert describe(file).path("checkpoint") == tmp_path / "weights.pth"


def test_what_is_given_goes_over_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("sub/network.yml").write_text("{onnx: a.onnx, scale: 2, layers: head}")
    found = describe("sub/network.yml", scale=4, layers="body.*")
    assert (found.scale, found.layers) == (4, ("body.*",))
    assert found.path("onnx") == Path("sub/a.onnx")
    Path("sub/network.yml").write_text("factory: m:f")
    found = describe("sub/network.yml", checkpoint="w.pth")
    assert found.path("checkpoint") == tmp_path / "w.pth"  # where the user is, not the file


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("a.b:c", "factory"),
        ("d/net.onnx", "onnx"),
        ("net.PTH", "checkpoint"),
        ("w.ckpt", "checkpoint"),
        ("nets.py", "factory"),
    ],
)
def test_other_sources_need_no_file(source, field):
    assert describe(source) == Descriptor(**{field: source})
    assert is_own(source)


def test_names_of_cards_are_not_one_s_own():
    assert not any(map(is_own, ("rdn-div2k-x4", "srresnet-wgr@random3", "net")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a", ["a descriptor holds fields", "not a list"]),
        ("a: [", ["not YAML"]),
        ("factroy: m:f", ["'factroy'", "did you mean factory?"]),
        ("7: m:f", ["unknown field 7", "there are: factory, onnx"]),
        ("scale: 4", ["name a factory, an ONNX file, or a checkpoint alone"]),
        ("{factory: 'm:f', onnx: a.onnx}", ["name a factory"]),
        ("{factory: 'm:f', onnx: a.onnx, checkpoint: c.pth}", ["leave the checkpoint out"]),
        ("{onnx: a.onnx, checkpoint: b.pth}", ["leave the checkpoint out"]),
        ("{factory: 'm:f', scale: x4}", ["scale", "whole number", "'x4'"]),
        ("{factory: 'm:f', scale: true}", ["scale", "True"]),
        ("{factory: 'm:f', scale: 0}", ["scale", "from 1 to 64", "0"]),
        ("{factory: 'm:f', scale: 65}", ["scale", "65"]),
        ("{factory: [1]}", ["factory", "text", "a list"]),
        ("{factory: 'm:f', input_range: 255}", ["input_range", "two different numbers", "255"]),
        ("{factory: 'm:f', input_range: [0, 1, 2]}", ["input_range"]),
        ("{factory: 'm:f', input_range: [1, 1]}", ["input_range"]),
        ("{factory: 'm:f', input_range: [0, .nan]}", ["input_range"]),
        ("{factory: 'm:f', input_range: [0, 1" + 30 * "0" + "]}", ["input_range"]),
        ("{factory: 'm:f', input_range: [false, true]}", ["input_range"]),
        ("{factory: 'm:f', layers: {a: b}}", ["layers", "names or patterns"]),
        ("{factory: 'm:f', arguments: 3}", ["arguments", "names with values", "3"]),
        ("{factory: 'm:f', arguments: {1: 3}}", ["arguments"]),
        ("{factory: 'm:f', mean: [red]}", ["mean", "one a channel"]),
        ("{factory: 'm:f', std: [1, 0, 1]}", ["std", "none of them 0"]),
        ("{factory: 'm:f', std: []}", ["std"]),
        ("{factory: 'm:f', maps: .nan}", ["maps", "numbers"]),
        ("{factory: 'm:f', constants: {sigma: [1, [two]]}}", ["constants", "lists of numbers"]),
        ("{factory: 'm:f', output: 1.5}", ["output", "number or the name", "1.5"]),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(tmp_path, text, words):
    (tmp_path / "network.yaml").write_text(text)
    line = r"\A.*network\.yaml.*" + ".*".join(map(re.escape, words)) + r".*\Z"
    with pytest.raises(DDRError, match=line):
        describe(tmp_path / "network.yaml")


def test_a_missing_file_and_two_checkpoints():
    with pytest.raises(DDRError, match="no/net.yaml.*No such file"):
        describe("no/net.yaml")
    with pytest.raises(DDRError, match="a.pth is a checkpoint itself"):
        describe("a.pth", checkpoint="b.pth")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*FIELDS, "onnx", "x"]), inner, max_size=4)
        ),
        max_leaves=8,
    )
)
def test_any_file_is_understood_or_refused(tmp_path_factory, value):
    file = tmp_path_factory.mktemp("any") / "network.json"
    file.write_text(json.dumps(value))
    try:
        found = describe(file)
    except DDRError as error:
        assert "\n" not in str(error)
    else:
        assert found.scale == value.get("scale")


def test_the_module_of_a_factory_lies_beside_its_descriptor(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", ["elsewhere"])
    (tmp_path / "beside.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Upsample(scale_factor=3)\n"
    )
    (tmp_path / "network.yaml").write_text("{factory: 'beside:make', input_range: [0, 255]}")
    network = load_custom(tmp_path / "network.yaml")
    assert (network.scale, network.name) == (3, str(tmp_path / "network.yaml"))
    images = torch.rand(2, 3, 8, 8)
    assert network.module.raw(images).max() > 200  # the module gets 0 to 255
    assert torch.allclose(network.module(images), F.interpolate(images, scale_factor=3))
