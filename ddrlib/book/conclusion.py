"""The book in four paragraphs, each sentence as far as the verdicts of a run bear it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ddrlib.book.claims import (
    MOSTLY_NOT,
    NOT_SUPPORTED,
    OPPOSITE,
    PARTLY,
    SUPPORTED,
    afterwards,
    first_figure,
    noted,
)

FIXED, ONE = "01_photographs_and_degradations", "02_degradation_representations"
WHY = "04_what_makes_ddr"
TYPES, WIDER = "07_distortion_identification", "08_generalization"
GUIDE, ATLAS = "09_guided_blind_sr", "10_atlas"

# What a sentence is about; the sentence; and the verdicts that it puts into plain words, by chapter and
# key of the claim (`OPPOSITE` where the opposite holds). A key in braces stands for the first figure in the
# evidence of that claim.
SENTENCES: tuple[tuple[str, str, Mapping[tuple[str, str], str]], ...] = (
    (
        "The finding",
        (
            "A super-resolution network that has seen only clean photographs can sort images by degradation; with random weights "
            "it does not, so in that network this comes with training."
        ),
        {(ONE, "sorts"): SUPPORTED, (ONE, "random"): SUPPORTED},
    ),
    (
        "The finding",
        "Of published networks, {most} do so in some layer.",
        {(ATLAS, "most"): NOT_SUPPORTED},
    ),
    (
        "The finding",
        "Part of this is unremarkable: blur removes fine structure, noise adds it, and a fixed filter sees that, too.",
        {(FIXED, "filter"): SUPPORTED},
    ),
    (
        "Why",
        (
            "In SRResNet, trained on clean images with a pixel loss, the skip makes the degradation show more plainly. Without the "
            "skip it is there, too, but the image covers much of it."
        ),
        {(WHY, "skip"): SUPPORTED, (WHY, "dominance"): SUPPORTED, (WHY, "beneath"): SUPPORTED},
    ),
    (
        "Why",
        (
            "Without the skip, an adversarial loss alone makes it show more, and a perceptual loss brings it, beyond the image, to the level "
            "of a pixel-trained network with the skip."
        ),
        {(WHY, "adversarial-alone"): SUPPORTED, (WHY, "perceptual"): SUPPORTED},
    ),
    (
        "Why",
        "With the skip, an adversarial loss alone raises only one of three measures.",
        {(WHY, "adversarial-alone-skip"): MOSTLY_NOT},
    ),
    (
        "Why",
        "With a perceptual loss and the skip, SRResNet sorts by degradation rather than by content.",
        {(WHY, "perceptual-rather"): SUPPORTED},
    ),
    (
        "Why",
        "Training on blur and noise makes it show more with the skip and without.",
        {(WIDER, "rise"): SUPPORTED},
    ),
    (
        "Why",
        (
            "Why DAT-light, which has no skip for the image, sorts all the same is open: a skip for features, such as it has, does not have "
            "that effect in SRResNet."
        ),
        {(ONE, "sorts"): SUPPORTED, (WHY, "which-skip"): NOT_SUPPORTED},
    ),
    (
        "Against the paper",
        (
            "In the SRResNets with the skip, training on blur and noise does not make clean and degraded images merge in the last block: "
            "they lie farther apart."
        ),
        {(WIDER, "merge-srresnet-wgr"): OPPOSITE},
    ),
    (
        "Against the paper",
        "After training on blur alone, or on noise alone, the last block sorts {alone}.",
        {(WIDER, "alone"): PARTLY},
    ),
    (
        "Against the paper",
        (
            "We do not find that the SRResNets whose last block sorts more lose more quality under blur and noise. Some of them were trained "
            "on most of these degradations: this compares networks that know a degradation with networks that do not."
        ),
        {(WIDER, "predict-ddr"): NOT_SUPPORTED},
    ),
    (
        "Against the paper",
        "Of the SRResNets with the skip, those that sort more even lose less.",
        {(WIDER, "reverse"): SUPPORTED},
    ),
    (
        "Against the paper",
        (
            "SRGA, the index of the companion paper, ranks only some of the networks, by the quality that they lose as by that which they "
            "reach."
        ),
        {(WIDER, "predict-srga"): PARTLY, (WIDER, "rank-srga"): MOSTLY_NOT},
    ),
    (
        "What it is good for",
        (
            "The features are useful within limits: they identify a distortion better than those of an untrained network, but with a "
            "linear head worse than those of a classifier, however many photographs are learned from."
        ),
        {(TYPES, "random"): SUPPORTED, (TYPES, "classifier"): OPPOSITE},
    ),
    (
        "What it is good for",
        (
            "They guide a blind network better than an untrained guide does. Under a simple modulation they do not clearly beat a guide "
            "that is trained for the purpose, if only for a short time; under the paper's they do in every training run, by very unequal leads."
        ),
        {
            (GUIDE, "ddr-random"): SUPPORTED,
            (GUIDE, "ddr-learned"): NOT_SUPPORTED,
            (GUIDE, "style-learned"): SUPPORTED,
        },
    ),
)


def conclusion(claims: Iterable[Mapping[str, str]]) -> str:
    """What a run found, in a few paragraphs.

    Parameters
    ----------
    claims
        Those of the run, as `ddrlib.book.claims.claims` gives them.

    Returns
    -------
    str
        Markdown. A sentence is left out unless every claim that it rests on has the verdict that the
        sentence puts into words; one that rests on a claim asked afterwards says so.
    """
    found = {(claim["chapter"], claim["key"]): claim for claim in claims}
    verdicts = {test: (claim["verdict"], claim["tally"]) for test, claim in found.items()}
    said: dict[str, list[str]] = {}
    for topic, sentence, tests in SENTENCES:
        if all(verdict in verdicts.get(test, ()) for test, verdict in tests.items()):
            figures = {test[1]: first_figure(found[test]) for test in tests}
            late = max(afterwards(found[test]) for test in tests)
            filled = sentence.format_map(figures).removesuffix(".")
            said.setdefault(topic, []).append(noted(filled, late) + ".")
    return "\n\n".join(f"**{topic}.** {' '.join(sentences)}" for topic, sentences in said.items())
