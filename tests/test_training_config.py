"""Configurations: what is read, in which order, and what is refused."""

import contextlib
import os
from itertools import pairwise

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ddrlib.errors import DDRError
from ddrlib.files import ROOT
from ddrlib.training.config import SIZES, config_from, read_configs


def write(folder, content):
    path = folder / "config.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_one_run_takes_its_size_and_overrides_it(tmp_path):
    path = write(tmp_path, {"name": "a", "size": "paper", "arguments": {"blocks": 4}, "patch": 48})
    (config,) = read_configs(path)
    assert config.arguments == {"channels": 64, "blocks": 4}
    assert (config.patch, config.batch_size) == (48, SIZES["paper"]["batch_size"])


def test_the_sizes_are_one_field_apart():
    paper, reduced = (config_from({"name": "a", "size": size}, "") for size in ("paper", "reduced"))
    assert paper.arguments == {"channels": 64, "blocks": 16}
    assert reduced.arguments == {"channels": 32, "blocks": 8}


def test_a_campaign_is_in_order_of_priority(tmp_path):
    path = write(
        tmp_path,
        """
        defaults: {iterations: 5}
        recipes:
          pixel: {loss: mse}
          gan: {init: pixel, adversarial_weight: 0.1, patch: {reduced: 6, paper: 7}}
        runs:
          - {recipes: [pixel, gan], seeds: [0, 1]}
          - {recipes: [gan], size: paper, seeds: [0, 2]}
    """,
    )
    configs = read_configs(path)
    assert [c.name for c in configs] == [
        "pixel-reduced-s0",
        "gan-reduced-s0",
        "pixel-reduced-s1",
        "gan-reduced-s1",
        "gan",
        "gan-s2",
    ]
    assert [c.init for c in configs] == [
        "",
        "pixel-reduced-s0",
        "",
        "pixel-reduced-s1",
        "pixel",
        "pixel-s2",
    ]
    assert [c.seed for c in configs] == [0, 0, 1, 1, 0, 2]
    assert [c.patch for c in configs] == [24, 6, 24, 6, 7, 7]
    assert {c.iterations for c in configs} == {5}


def test_a_campaigns_guides_are_of_the_size_and_of_one_seed(tmp_path):
    path = write(
        tmp_path,
        """
        recipes:
          gan: {}
          ddr: &ddr
            {architecture: GuidedSRResNet, guide: gan, arguments: {embedding: {reduced: 3, paper: 4}}}
          random: {<<: *ddr, guide: gan@random}
        runs:
          - {recipes: [ddr, random], seeds: [2]}
          - {recipes: [ddr, random], size: paper, seeds: [0, 2]}
    """,
    )
    configs = read_configs(path)
    assert [c.guide for c in configs] == [
        "gan-reduced-s0",
        "gan-reduced-s0@random2",
        "gan",
        "gan@random0",
        "gan",
        "gan@random2",
    ]
    assert [c.arguments["embedding"] for c in configs] == [3, 3, 4, 4, 4, 4]
    assert configs[0].arguments["channels"] == 32


def test_the_shipped_campaign_has_all_networks_of_the_book():
    names = [config.name for config in read_configs(ROOT / "configs" / "campaign.yaml")]
    pairs = [
        f"{kind}-{gr}" for kind in ("srresnet", "gan", "adv", "perc") for gr in ("wgr", "wogr")
    ]
    trained = ("blur", "noise", "blurnoise")
    pairs += [f"srresnet-{gr}-{kind}" for gr in ("wgr", "wogr") for kind in trained]
    guides = ("ddr", "random", "learned")
    pairs += [f"guided-{guide}{how}" for guide in guides for how in ("", "-style")]
    pairs.append("guided-oracle")
    reduced = {f"{pair}-reduced-s{seed}" for pair in [*pairs, "srresnet-skip"] for seed in range(3)}
    middle = {f"{kind}-{gr}-paper-20k-s0" for kind in ("srresnet", "gan") for gr in ("wgr", "wogr")}
    assert set(names) >= reduced | middle | set(pairs)
    assert len(set(names)) == len(names)


def test_what_is_compared_is_trained_alike():
    configs = {c.name: c for c in read_configs(ROOT / "configs" / "campaign.yaml")}
    pair = [configs[f"{kind}-wogr-reduced-s0"] for kind in ("gan", "adv", "perc")]
    for name in ("precision", "patch", "batch_size", "learning_rate", "decay", "init", "loss"):
        assert len({getattr(config, name) for config in pair}) == 1
    assert [c.iterations - c.critic_warmup * bool(c.adversarial_weight) for c in pair] == [
        20_000
    ] * 3


def test_a_size_that_is_left_out_keeps_its_preset(tmp_path):
    path = write(
        tmp_path,
        """
        recipes:
          gan: {patch: {reduced: 6, paper: 7}, arguments: {blocks: {paper: 3}}}
        runs: [{recipes: [gan], size: paper-20k}, {recipes: [gan, gan], size: paper-20k}]
    """,
    )
    (config,) = read_configs(path)
    assert config.name == "gan-paper-20k-s0" and config.patch == 24  # as the reduced size
    assert config.arguments == {"channels": 64, "blocks": 16}


@pytest.mark.parametrize(
    "content, complaint",
    [
        ({"name": "a", "iteration": 5}, "key 'iteration' is unknown; did you mean iterations?"),
        ({"name": "a", "iterations": "5"}, "iterations has to be of type int, not '5'"),
        ({"name": "a", "iterations": True}, "iterations has to be of type int, not True"),
        ({"name": "a", "iterations": 2.5}, "iterations has to be of type int, not 2.5"),
        ("{name: a, learning_rate: 1e-3}", "write 1.0e-3"),
        (
            {"name": "a", "arguments": {"chanels": 3}},
            "'chanels' is unknown; did you mean channels?",
        ),
        (
            {"name": "a", "arguments": {"channels": "3"}},
            "arguments of SRResNet: channels has to be of type int",
        ),
        ({"name": "a", "arguments": [3]}, "arguments has to be a mapping"),
        ({"name": "a", "architecture": "SRResnet"}, "did you mean SRResNet?"),
        ({"name": "a", "size": "large"}, "size 'large' is unknown"),
        ({"name": "a", "loss": "l2"}, "loss 'l2' is unknown; there are: l1, mse"),
        ({"name": "a", "batch_size": 0}, "batch_size is 0; it has to be from 1 to 1024"),
        ({"name": "a", "guide_rate": 0.0}, "guide_rate is 0.0; it has to be from 1e-08 to 1"),
        ({"name": "a", "precision": "float16"}, "'float16' is unknown; did you mean bfloat16?"),
        ({"name": "a", "perceptual": "vgg19"}, "'vgg19' is unknown; there are: efficientnet-lite0"),
        ({"name": "a", "decay": "linear"}, "'linear' is unknown; there are: cosine, constant"),
        ("{name: a, noise: .inf}", "noise is inf; it has to be from 0 to 255"),
        ("{name: a, noise: .nan}", "noise is nan; it has to be from 0 to 255"),
        ("{name: a, noise: -.inf}", "noise is -inf; it has to be from 0 to 255"),
        ("{name: a, blur: 1.0e+300}", "blur is 1e+300; it has to be from 0 to 16"),
        ("{name: a, learning_rate: .inf}", "learning_rate is inf; it has to be from 1e-08 to 1"),
        ("{name: a, pixel_weight: .nan}", "pixel_weight is nan; it has to be from 0"),
        ({"name": "a", "batch_size": 10**8}, "batch_size is 100000000; it has to be from 1"),
        ({"name": "a", "patch": 3}, "patch is 3; it has to be from 4 to 256"),
        ({"name": "a", "critic_warmup": -1}, "critic_warmup is -1; it has to be from 0"),
        ({"name": "a", "iterations": 10**30}, "iterations is 1000000000000000000"),
        ({"name": "a", "seed": 2**64}, "seed is 18446744073709551616; it has to be from 0"),
        ({"name": "a", "seed": -1}, "seed is -1; it has to be from 0 to"),
        ({"name": "a", "arguments": {"channels": -1}}, "channels is -1; it has to be from 1 to"),
        ({"name": "a", "arguments": {"channels": 0}}, "channels is 0; it has to be from 1 to"),
        ({"name": "a", "arguments": {"channels": 10**7}}, "channels is 10000000; it has to be"),
        ({"name": "a", "arguments": {"blocks": -5}}, "blocks is -5; it has to be from 1 to"),
        ({"name": "a", "arguments": {"blocks": 10**8}}, "blocks is 100000000; it has to be"),
        (
            {
                "name": "a",
                "architecture": "GuidedSRResNet",
                "arguments": {"guide": "oracle", "modulation": "none"},
            },
            "modulation 'none': choose from",
        ),
        ({"name": "a", "architecture": "EfficientNetLite0"}, "'EfficientNetLite0' is unknown"),
        ({"name": "a", "photos": " "}, "photos is empty"),
        ({"name": "../a"}, "letters, digits and dashes"),
        ({"name": "a\nb"}, "letters, digits and dashes"),
        ({"name": "ⅷ²"}, "letters, digits and dashes"),
        ({"name": "-a"}, "letters, digits and dashes"),
        ({"name": "a" * 101}, "letters, digits and dashes"),
        ({"name": 2024}, "name has to be of type str, not 2024"),
        ("name: 2024-01-01", "name has to be of type str, not datetime.date(2024, 1, 1)"),
        ("{name: a, 2024-01-01: 3}", "key datetime.date(2024, 1, 1) is unknown"),
        ("{name: a, arguments: {2024-01-01: 3}}", "datetime.date(2024, 1, 1) is unknown"),
        ("{name: a, noise: !!set {1, 2}}", "noise has to be of type float"),
        ("{name: a, arguments: !!set {channels}}", "has to be a mapping"),
        ("{name: a, noise: " + "[" * 50 + "]" * 50 + "}", "nested more than"),
        (
            "a: &a [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in pairwise("abcdefg")),
            "more than 20,000 values",
        ),
        ("{name: a, noise: " + "9" * 5000 + "}", "a number of 5000 digits"),
        ("{name: a, noise: " + "[1, " * 5 + "x" * 999 + "]" * 5 + "}", "…"),
        ("{name: a, name: b}", "'name' is given twice"),
        ({"patch": 8}, "name is missing"),
        ({"name": "a", "guide": "b"}, "guide is 'b'; name a network exactly where"),
        (
            {"name": "a", "architecture": "GuidedSRResNet"},
            "guide is ''; name a network exactly where",
        ),
        (
            {
                "name": "a",
                "architecture": "GuidedSRResNet",
                "guide": "b",
                "arguments": {"guide": "oracle"},
            },
            "name a network exactly where",
        ),
        (
            {"recipes": {"a": {"guide": 3}}, "runs": [{"recipes": ["a"]}]},
            "name a network exactly where",
        ),
        ("- a", "has to be a mapping"),
        ("{", "not YAML"),
        ({"runs": [{"recipes": ["a"]}]}, "recipe 'a' is unknown"),
        ({"recipes": {"abc": {}}, "runs": [{"recipes": ["abd"]}]}, "did you mean abc?"),
        ({"recipes": {"a": {}}, "runs": [{"recipes": ["a"], "seed": 1}]}, "did you mean seeds?"),
        ({"recipes": {"a": {"nois": 1}}, "runs": [{"recipes": ["a"]}]}, "did you mean noise?"),
        ({"recipes": {"a": 3}, "runs": [{"recipes": ["a"]}]}, "a has to be a mapping, not 3"),
        ({"recipes": {"a b": {}}, "runs": [{"recipes": ["a b"]}]}, "letters, digits and dashes"),
        ({"recipes": {"a": {}}, "runs": [{"recipes": [["a"]]}]}, "recipe ['a'] is unknown"),
        ({"recipes": {"a": {}}, "runs": [{"recipes": ["a"], "size": ["paper"]}]}, "size ['paper']"),
        ({"recipes": {"a": {}}, "runs": [{"recipes": ["a"], "seeds": [-1]}]}, "seed is -1"),
        ({"recipes": {"a": {}}, "runs": [{"recipes": ["a"], "seeds": [1.5]}]}, "not 1.5"),
        ({"recipes": {"a": {}}, "runs": [{"recipes": ["a"], "seeds": 3}]}, "type list, not 3"),
        (
            {"recipes": {"a": {}}, "runs": [{"recipes": ["a"], "seeds": list(range(1001))}]},
            "more than 1,000 runs",
        ),
        ({"runs": 3}, "runs has to be a list"),
        ({"runs": []}, "lists no run"),
        ({"recipes": {"a": {}}, "runs": [{"recipes": ["a"], "seeds": []}]}, "lists no run"),
        ({"name": "a", "arguments": 0}, "arguments has to be a mapping, not 0"),
        ({"name": "a", "arguments": ""}, "arguments has to be a mapping, not ''"),
        ({"runs": [3]}, "has to be {recipes"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, content, complaint):
    with pytest.raises(DDRError) as error:
        read_configs(write(tmp_path, content))
    assert complaint in str(error.value)
    assert "config.yaml: " in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(DDRError, match="No such file"):
        read_configs(tmp_path / "none.yaml")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(DDRError, match="not a regular file"):
        read_configs(tmp_path / "pipe.yaml")


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
nested = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "size", "seeds", "recipes", "runs", "arguments", "init", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60)
@given(content=nested)
def test_no_content_gets_past_as_another_error(content, tmp_path_factory):
    path = write(tmp_path_factory.getbasetemp(), yaml.safe_dump(content))
    with contextlib.suppress(DDRError):
        read_configs(path)
