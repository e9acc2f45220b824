"""The conclusion says what the verdicts of a run bear out, and nothing else."""

from __future__ import annotations

import json

import pytest

from ddrlib.book.claims import NOT_SUPPORTED, OPPOSITE
from ddrlib.book.conclusion import SENTENCES, conclusion
from ddrlib.files import ROOT


def run(verdicts) -> list[dict]:
    return [
        {
            "chapter": chapter,
            "key": key,
            "verdict": NOT_SUPPORTED if verdict == OPPOSITE else verdict,
            "tally": OPPOSITE if verdict == OPPOSITE else "",
            "evidence": f"{{{key}}}; n = 3",
            "asked_after": "",
        }
        for (chapter, key), verdict in verdicts.items()
    ]


def test_without_verdicts_nothing_is_concluded():
    assert conclusion([]) == ""


@pytest.mark.parametrize(("topic", "sentence", "tests"), SENTENCES)
def test_a_sentence_stands_only_while_each_of_its_verdicts_does(topic, sentence, tests):
    assert conclusion(run(tests)) == f"**{topic}.** {sentence}"
    for test, verdict in tests.items():
        others = {
            **tests,
            test: "supported" if verdict == "partly supported" else "partly supported",
        }
        assert conclusion(run(others)) == ""
        del others[test]
        assert conclusion(run(others)) == ""


@pytest.mark.parametrize(("topic", "sentence", "tests"), SENTENCES)
def test_a_sentence_says_that_a_claim_behind_it_was_asked_afterwards(topic, sentence, tests):
    for late in range(len(tests)):
        found = run(tests)
        found[late]["asked_after"] = "it had been seen"
        assert conclusion(found) == f"**{topic}.** {sentence[:-1]} (asked afterwards)."


def test_sentences_about_one_thing_stand_together():
    everything = {test: verdict for *_, tests in SENTENCES for test, verdict in tests.items()}
    paragraphs = conclusion(run(everything)).split("\n\n")
    topics = list(dict.fromkeys(topic for topic, *_ in SENTENCES))
    assert [paragraph.split(".** ")[0] for paragraph in paragraphs] == [f"**{t}" for t in topics]
    assert sum(sentence in " ".join(paragraphs) for _, sentence, _ in SENTENCES) == len(SENTENCES)


@pytest.mark.parametrize(
    "chapter, key", sorted({test for *_, tests in SENTENCES for test in tests})
)
def test_every_claim_behind_it_is_one_of_its_chapter(chapter, key):
    cells = json.loads((ROOT / "book" / f"{chapter}.ipynb").read_text("utf-8"))["cells"]
    source = "".join("".join(cell["source"]) for cell in cells)
    kind = key.partition("-")[0]  # of those that a loop makes
    assert any(written in source for written in (f'"{key}"', f'"{kind}-', f'"{kind}"'))
