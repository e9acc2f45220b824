"""YAML and JSON from anywhere: the right value, or a refusal of one line, in no time."""

import json
import os
import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ddrlib.errors import DDRError
from ddrlib.files import ROOT, parse_yaml, read_yaml

BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n"
    for before, name in zip(string.ascii_lowercase, string.ascii_lowercase[1:], strict=False)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 5000, "nested more than 20 deep"),
        ("{a: " * 3000, "nested more than 20 deep"),
        ("- " * 3000, "nested more than 20 deep"),
        (BOMB, "more than 20,000 values"),
        ("a: &a [1, *a]", "an alias within what it stands for"),
        ("1" * 5000, "a number of 5000 digits"),
        ("0x" + "f" * 5000, "a number of 5002 digits"),
        ("x" * 60_000, "longer than 50,000 bytes"),
        ("n: 1\nn: 2", "'n' is given twice"),
        ("? [1]\n: 2", "unhashable"),
        ("2020-13-45", "month"),
        ("!!int ''", "not YAML"),
        ("!!timestamp x", "not YAML"),
        ("!!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("\ud800", "not YAML"),
    ],
)
def test_what_could_exhaust_or_mislead_the_reader_is_refused_in_one_line(text, words):
    with pytest.raises(DDRError, match=words) as error:
        parse_yaml(text, "-p n")
    assert str(error.value).startswith("-p n: ") and len(str(error.value)) < 300
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 900 + "]" * 900, "nested more than 20 deep"),
        ("[" * 40_000, "recursion"),
        ("1" * 5000, "5000 digits"),
        ('{"n": 1, "n": 2}', "'n' is given twice"),
        ("", "not JSON"),
    ],
)
def test_so_is_json(tmp_path, text, words):
    (tmp_path / "n.json").write_text(text)
    with pytest.raises(DDRError, match=words) as error:
        read_yaml(tmp_path / "n.json")
    assert str(error.value).startswith(f"{tmp_path}/n.json: ") and "\n" not in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "latin.yml").write_bytes("name: Müller".encode("latin-1"))
    (tmp_path / "bom.yml").write_bytes(b"\xef\xbb\xbfname: M")
    for name, words in [
        ("pipe.yml", "is not a regular file"),
        ("", "is not a regular file"),
        ("latin.yml", "not UTF-8"),
        ("no.yml", "No such file"),
        ("n" * 300, "File name too long"),
        ("n\0", "null byte"),
    ]:
        with pytest.raises(DDRError, match=words):
            read_yaml(tmp_path / name)
    assert read_yaml(tmp_path / "bom.yml") == {"name": "M"}


def test_aliases_and_merges_are_read_as_pyyaml_reads_them():
    campaign = ROOT / "configs" / "campaign.yaml"
    assert "<<: *" in campaign.read_text()
    assert read_yaml(campaign) == yaml.safe_load(campaign.read_text())
    assert parse_yaml("a: &a {x: 1, y: 1}\nb: {<<: *a, x: 2}", "")["b"] == {"x": 2, "y": 1}


@given(st.text())
def test_any_text_is_a_value_or_a_clear_refusal(text):
    for json_only in (False, True):
        try:
            parse_yaml(text, "-p contents", json_only)
        except DDRError as error:
            assert str(error).startswith("-p contents: not ") and "\n" not in str(error)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_plain_values_survive(value):
    assert parse_yaml(json.dumps(value), "", json_only=True) == value
    assert parse_yaml(yaml.safe_dump(value), "") == value
