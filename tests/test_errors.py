"""One line from whatever goes wrong; hints that name something else than what was typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddrlib.errors import LONGEST, DDRError, did_you_mean, few, guarded, one_line


def test_the_nearest_choice_or_the_first_few():
    layers = ["head", *(f"body.{i}" for i in range(20)), "Output"]
    assert did_you_mean("haed", layers) == "did you mean head?"
    assert did_you_mean("OUTPUT", layers) == "did you mean Output?"
    assert did_you_mean("bod", layers) == "did you mean body.0?"
    assert did_you_mean("zzz", layers[:3]) == "there are: head, body.0, body.1"
    assert did_you_mean("zzz", layers) == "there are: " + ", ".join(layers[:8]) + " and 14 more"
    assert did_you_mean("x", []) == "there are none"


@given(st.text(), st.lists(st.text(min_size=1), max_size=20))
def test_what_was_typed_is_never_proposed(name, choices):
    hint = did_you_mean(name, [name, *choices])
    if hint.startswith("did you mean "):
        proposed = hint.removeprefix("did you mean ").removesuffix("?")
        assert proposed != name and proposed in choices


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DDRError("a\n  b"), "a b"),
        (ValueError("a\nb"), "ValueError: a b"),
        (SystemExit(), "SystemExit"),
        (OSError(2, "No such file", "x.pth"), "x.pth: No such file"),
        ("  two\twords ", "two words"),
    ],
)
def test_one_line(error, line):
    assert one_line(error) == line


def test_long_messages_are_cut_unless_they_are_ours():
    assert len(one_line(RuntimeError("key " * 5000))) == LONGEST
    assert len(one_line(DDRError("x" * 500))) == 500
    assert few(range(3)) == "0, 1, 2" and few(range(9), 2) == "0, 1 and 7 more"


def leaving(error):
    def function():
        raise error

    return function


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), ValueError("no")])
def test_foreign_code_ends_in_one_line_and_not_the_program(error):
    with pytest.raises(DDRError, match=rf"\Amake fails: {type(error).__name__}"):
        guarded("make fails", leaving(error))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DDRError("ours")])
def test_what_passes_through(error):
    with pytest.raises(type(error)) as passed:
        guarded("make fails", leaving(error))
    assert passed.value is error
