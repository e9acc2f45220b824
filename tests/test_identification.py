"""What is identified, on features of which it is known what they hold."""

import io

import joblib
import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr

matplotlib.use("agg")

from matplotlib import pyplot as plt

from ddrlib.applications.accuracy import advantage, confusion, over_splits, type_accuracy
from ddrlib.applications.heads import Identifier, type_head
from ddrlib.applications.identification import Split, Trial, random_splits
from ddrlib.degrade.degradation import degrade
from ddrlib.errors import DDRError
from ddrlib.measure.intervals import mean_interval
from ddrlib.plots import matrices, spreads
from ddrlib.widgets.distortion_viewer import identification_viewer

TYPES, LEVELS, REFERENCES = ("blur", "jpeg", "noise"), 5, 12
LABELS = pd.DataFrame(
    [(t, v, r) for t in TYPES for v in range(1, LEVELS + 1) for r in range(REFERENCES)],
    columns=["type", "level", "reference"],
)
CODES = LABELS.type.map(TYPES.index).to_numpy()


def noisy(*columns, noise=0.05):
    columns = np.column_stack(columns).astype(float)
    return columns + noise * np.random.default_rng(0).standard_normal(columns.shape)


# Type and level, whatever the reference: a type is a direction, a level how far one goes there.
TELLING = noisy(*((2 + LABELS.level) * (code == CODES) for code in range(3)))
# A random code of (reference, type): what has seen a reference knows its types, and nothing else.
MEMORY = np.random.default_rng(1).standard_normal((REFERENCES, 3, 40))[LABELS.reference, CODES]
NOTHING = np.random.default_rng(2).standard_normal((len(LABELS), 4))
METHODS = {"telling": TELLING, "memory": MEMORY, "nothing": NOTHING}


@pytest.fixture(autouse=True, scope="module")
def no_workers():
    """They would take longer to start than to work."""
    with joblib.parallel_config(backend="sequential"):
        yield


@pytest.fixture(scope="module")
def splits():
    return random_splits(LABELS, 4, learned=8)


def test_a_reference_is_on_one_side_of_a_split(splits):
    for learned, tested in splits:
        assert len(learned) == 8 and sorted([*learned, *tested]) == list(range(REFERENCES))
    assert len({tuple(split.learned) for split in splits}) == 4
    again = random_splits(LABELS, 4, learned=8)
    assert all(np.array_equal(a.learned, b.learned) for a, b in zip(splits, again, strict=True))
    with pytest.raises(DDRError, match="12 references: none is left for a test"):
        random_splits(LABELS, 4, learned=12)


@pytest.mark.parametrize("head", ["linear", "svm"])
def test_few_shots_of_what_tells_and_of_what_was_memorised(splits, head):
    found = (
        Trial(METHODS, LABELS, splits)
        .few_shot([1, 8], head)
        .set_index(["method", "shots"])
        .accuracy
    )
    assert found["telling"].min() > 0.95
    # In four splits of four references each, chance scatters: all of a reference's versions of a
    # type are taken for one type together.
    assert found["memory", 8].mean() == pytest.approx(1 / 3, abs=0.15)
    assert found["nothing", 8].mean() == pytest.approx(1 / 3, abs=0.1)


def test_versions_of_a_reference_on_both_sides_would_have_been_noticed():
    # The same features, split without regard to references: the leak that the splits prevent.
    random = np.random.default_rng(0).permutation(len(LABELS))
    train, test = random[:90], random[90:]
    leaking = type_head().fit(MEMORY[train], LABELS.type[train])
    assert leaking.score(MEMORY[test], LABELS.type[test]) > 0.7
    judged = Trial({"m": MEMORY, "t": TELLING}, LABELS, []).cross_validated(["linear", "svm"])
    for head in ("linear", "svm"):
        assert type_accuracy(LABELS, judged["m", head]).low < 0.45
        assert type_accuracy(LABELS, judged["t", head]).value > 0.95


def test_a_shot_is_a_reference_in_the_order_drawn():
    # Types are told by a feature that means one thing in reference 3 and the opposite elsewhere.
    sign = np.where(LABELS.reference == 3, -1, 1)
    features = {"sign": (sign * (CODES - 1))[:, None].astype(float)}
    split = Split(np.array([3, 0, 1, 2]), np.array([4, 5]))
    found = Trial(features, LABELS, [split]).few_shot([1, 4]).set_index("shots").accuracy
    assert found[1].mean() == pytest.approx(1 / 3)  # blur and noise exchanged, jpeg right
    assert found[4].tolist() == [1, 1]


def test_zero_shot_takes_one_example_a_type(splits):
    found = Trial(METHODS, LABELS, splits).zero_shot().groupby(["method", "level"]).accuracy.mean()
    assert found["telling", 3] > 0.95
    assert found["nothing"].mean() == pytest.approx(1 / 3, abs=0.1)


def test_zero_shot_by_hand():
    labels = pd.DataFrame(
        {
            "type": ["a", "a", "b", "b", "a", "b", "b"],
            "level": [1, 3, 4, 5, 3, 3, 1],
            "reference": list("xxxxyyy"),
        }
    )
    # Examples: 0 of a (level 3) and 2 of b (level 4, the nearest to 3 there is); the border is 1.
    features = {"m": np.array([9, 0, 2, 9, 0.9, 1.1, 0.5])[:, None]}
    split = Split(np.array(["x"]), np.array(["y"]))
    found = Trial(features, labels, [split]).zero_shot(level=3)
    assert found.values.tolist() == [[0, "m", 1, "y", 0.0], [0, "m", 3, "y", 1.0]]


def test_degrees_in_their_order(splits):
    found = Trial(METHODS, LABELS, splits).degree_order()
    assert len(found) == 3 * 4 * len(TYPES)
    rho = found.groupby("method").rho.mean()
    assert rho["telling"] > 0.95
    assert abs(rho["nothing"]) < 0.3


def test_degrees_are_ranked_over_the_tested_images():
    # With a single feature the prediction is a rising function of it: rho is that of the feature.
    feature = noisy(LABELS.level, noise=1)
    split = Split(np.arange(8), np.arange(8, 12))
    for row in Trial({"m": feature}, LABELS, [split]).degree_order().itertuples():
        test = (LABELS.type == row.type) & (LABELS.reference >= 8)
        assert row.rho == pytest.approx(spearmanr(feature[test, 0], LABELS.level[test]).statistic)


def test_confusion_by_hand():
    labels = pd.DataFrame({"type": list("bbbba"), "reference": [0, 0, 1, 1, 1]})
    predicted = np.array(list("bbabb"))
    table = confusion(labels, predicted)
    assert table.index.tolist() == table.columns.tolist() == ["b", "a"]
    assert table.to_numpy().tolist() == [[0.75, 0.25], [1, 0]]
    accuracy = type_accuracy(labels, predicted)
    assert (accuracy.value, accuracy.n) == (pytest.approx((1 + 1 / 3) / 2), 2)


def test_advantage_is_paired_over_references():
    rows = [
        (split, method, reference, 0.1 * split + 0.2 * reference + gain * reference)
        for split in range(4)
        for reference in range(3)
        for method, gain in (("one", 0.1), ("two", 0.0))
    ]
    found = pd.DataFrame(rows, columns=["split", "method", "reference", "accuracy"])
    # Splits and references differ, both methods alike; the gains of the references are 0, .1, .2.
    gain = advantage(found, "one", "two")
    assert gain == pytest.approx(mean_interval([0.0, 0.1, 0.2]))
    assert (gain.value, gain.n) == (pytest.approx(0.1), 3)
    # As many splits again tell nothing new.
    twice = pd.concat([found, found.assign(split=found.split + 4)])
    assert advantage(twice, "one", "two") == pytest.approx(gain)


def test_range_over_splits():
    assert over_splits(np.arange(101) / 100) == pytest.approx((0.5, 0.025, 0.975, 101))


def test_identifier_says_type_and_level():
    train = (LABELS.reference < 8).to_numpy()
    identifier = Identifier(TELLING[train], LABELS[train])
    for (kind, level), truth in zip(
        identifier.identify(TELLING[~train]), LABELS[~train].itertuples(), strict=True
    ):
        assert kind == truth.type and level == pytest.approx(truth.level, abs=0.3)
    read = identifier.levels["blur"].predict(9 * TELLING[~train])
    said = [level for _, level in identifier.identify(9 * TELLING[~train])]
    assert max(read) > 5 and {min(said), max(said)} <= {1, 5}


def test_unknown_head():
    with pytest.raises(DDRError, match="no head 'forest'; there are linear, svm"):
        type_head("forest")


# What is shown


def test_viewer_asks_methods_that_have_not_seen_the_picture():
    images = torch.rand(len(LABELS), 3, 100, 80, generator=torch.Generator().manual_seed(0))
    # Reference 3 has the types' codes exchanged: whoever learned from it would have known.
    exchanged = np.where(LABELS.reference == 3, 2 - CODES, CODES)
    methods = {"m": noisy(*((2 + LABELS.level) * (k == exchanged) for k in range(3)))}
    asked = []

    def describe(some):
        asked.extend(some)
        return methods["m"][:1]  # blur, level 1

    view = identification_viewer(
        images,
        LABELS,
        methods,
        {"m": describe},
        {"hill": 3, "lake": 5},
        [1, 5],
        originals={"hill": images[0], "lake": images[1]},
        head="linear",
    )
    assert view.types == list(LABELS.type.unique())
    assert len(view.states) == len(view.pictures) == 2 * 3 * 2
    at = {(s["reference"], s["type"], s["level"]): k for k, s in enumerate(view.states)}
    ((method, kind, _),) = view.states[at["hill", "blur", 5]]["said"]
    assert (method, kind) == ("m", "noise"), "its types are exchanged"
    ((_, kind, _),) = view.states[at["lake", "noise", 1]]["said"]
    assert kind == "noise"
    shown = np.asarray(Image.open(io.BytesIO(view.pictures[at["hill", "blur", 5]])))
    row = LABELS.query("reference == 3 and type == 'blur' and level == 5").index.item()
    middle = images[row, :, 18:82, 8:72]
    assert np.array_equal(shown, (255 * middle).round().byte().permute(1, 2, 0))

    sent = []
    view.send = lambda content, buffers=None: sent.append((content, buffers))
    request = {"reference": "lake", "text": "noise30"}
    view._on_message(None, {"type": "compute", "request": request}, [])
    ((answer, [picture]),) = [each for each in sent if each[0]["type"] == "result"]
    assert [method for method, *_ in answer["said"]] == ["m"] and picture[:4] == b"RIFF"
    assert torch.equal(asked[0], degrade(images[1:2], "noise30", scale=1)[0])


def test_figures_draw_the_tables():
    found = pd.DataFrame(
        [
            (m, s, k, a + 0.1 * s)
            for s in range(3)
            for m, k, a in (("one", 1, 0.3), ("one", 5, 0.4), ("two", 1, 0.2), ("two", 5, 0.1))
        ],
        columns=["method", "split", "shots", "accuracy"],
    )
    ax = spreads.few_shots(found, chance=0.25, banded=found.method.unique()).axes[0]
    assert ax.lines[0].get_ydata() == pytest.approx([0.4, 0.5])
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == [
        "one",
        "two",
        "chance, 25%",
    ]
    table = pd.DataFrame([[0.75, 0.25], [0, 1]], index=["a", "b"], columns=["a", "b"])
    ax = matrices.confusions({"one": table}).axes[0]
    assert [text.get_text() for text in ax.texts] == ["75", "25", "0", "100"]
    rho = pd.DataFrame(
        [
            (m, s, t, r)
            for s in range(3)
            for m, t, r in (
                ("one", "blur", 0.9),
                ("one", "noise", 0.5),
                ("two", "blur", 0.1),
                ("two", "noise", 0),
            )
        ],
        columns=["method", "split", "type", "rho"],
    )
    ax = spreads.degree_orders(rho).axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["blur", "noise"]
    assert ax.lines[0].get_ydata() == pytest.approx([0.9, 0.5])
    plt.close("all")
