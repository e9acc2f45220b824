"""The book in one paragraph, each sentence as far as the verdicts of a run bear it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ddrlib.book.claims import NOT_SUPPORTED, SUPPORTED

FIXED, ONE, WHY = (
    "01_photographs_and_degradations",
    "02_degradation_representations",
    "04_what_makes_ddr",
)
TYPES, WIDER = "07_distortion_identification", "08_generalization"
GUIDE, ATLAS = "09_guided_blind_sr", "13_atlas"

# A sentence, and the verdicts that it puts into plain words, by chapter and key of the claim.
SENTENCES: tuple[tuple[str, Mapping[tuple[str, str], str]], ...] = (
    (
        (
            "A super-resolution network that has seen only clean photographs can sort images by degradation in its deep layers, "
            "and it has learned to: with random weights it does not."
        ),
        {(ONE, "sorts"): SUPPORTED, (ONE, "random"): SUPPORTED},
    ),
    (
        "So do most published networks trained on clean images, in one layer or another; that most published networks of any training do is not shown.",
        {(ATLAS, "most-clean"): SUPPORTED, (ATLAS, "most"): NOT_SUPPORTED},
    ),
    (
        "Part of this is unremarkable: blur removes fine structure, noise adds it, and a fixed filter sees that, too.",
        {(FIXED, "filter"): SUPPORTED},
    ),
    (
        (
            "In SRResNet the skip decides how plainly the degradation shows, not whether it is there: without the skip, the "
            "image covers it."
        ),
        {(WHY, "skip"): SUPPORTED, (WHY, "dominance"): SUPPORTED, (WHY, "beneath"): SUPPORTED},
    ),
    (
        (
            "Contrary to the paper, training on blur and noise does not make the trunk forget them, and how strongly the trunk "
            "sorts does not tell how badly a network generalises."
        ),
        {
            (WIDER, "merge-srresnet-wgr"): NOT_SUPPORTED,
            (WIDER, "merge-srresnet-wogr"): NOT_SUPPORTED,
            (WIDER, "beyond"): SUPPORTED,
            (WIDER, "predict-ddr"): NOT_SUPPORTED,
        },
    ),
    (
        (
            "The features are useful within limits: they identify a distortion better than those of an untrained network, though "
            "not better than a classifier's at every number of examples."
        ),
        {(TYPES, "random"): SUPPORTED, (TYPES, "classifier"): NOT_SUPPORTED},
    ),
    (
        (
            "They guide a blind network better than an untrained guide does; that they beat a guide trained for the purpose is "
            "not shown."
        ),
        {(GUIDE, "ddr-random"): SUPPORTED, (GUIDE, "ddr-learned"): NOT_SUPPORTED},
    ),
)


def conclusion(claims: Iterable[Mapping[str, str]]) -> str:
    """What a run found, in one paragraph.

    Parameters
    ----------
    claims
        Those of the run, as `ddrlib.book.claims.claims` gives them.

    Returns
    -------
    str
        Markdown. A sentence is left out unless every claim that it rests on has the verdict that the
        sentence puts into words.
    """
    verdicts = {(claim["chapter"], claim["key"]): claim["verdict"] for claim in claims}
    said = [
        sentence
        for sentence, tests in SENTENCES
        if all(verdicts.get(test) == verdict for test, verdict in tests.items())
    ]
    return f"**In short.** {' '.join(said)}" if said else ""
