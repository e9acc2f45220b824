"""From the description of an image to the type of its distortion and its degree.

Every judgement is on pictures that were not in the training: all versions of a reference lie on one
side of a split. All methods are judged on the same splits.

`features` are the rows (N, d) of a method, `methods` maps the names of methods to their features,
`labels` is a table with the columns `reference`, `type` and `level` (`ddrlib.applications.sets`), a
row for each image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ddrlib.errors import DDRError
from ddrlib.measure.intervals import Interval, mean_interval

Methods = Mapping[str, np.ndarray]


# Heads: what learns from descriptions


def type_head(kind: str = "linear") -> Pipeline:
    """A classifier of standardised features: "linear" or "svm".

    Linear is discriminant analysis with the covariances shrunk as Ledoit and Wolf (2004) have it:
    few examples of many features need that, and there is nothing to tune. The SVM's kernel is RBF.

    Raises
    ------
    DDRError
        For another word.
    """
    linear = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    heads = {"linear": linear, "svm": SVC(C=10)}
    if kind not in heads:
        raise DDRError(f"there is no head {kind!r}; there are {', '.join(heads)}")
    return make_pipeline(StandardScaler(), heads[kind])


def level_head() -> Pipeline:
    """A ridge regression of the level on standardised features; its penalty by leave-one-out."""
    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 5, 13)))


class Identifier:
    """Type and level of distortions: a classifier, and for each type a regression of its level.

    Parameters
    ----------
    features : ndarray
        (N, d), to learn from.
    labels
        Their types and levels, a row for each image.
    head
        "linear" or "svm", the classifier.

    Raises
    ------
    DDRError
        For another head.
    """

    def __init__(self, features: np.ndarray, labels: pd.DataFrame, head: str = "linear") -> None:
        self.types = type_head(head).fit(features, labels.type)
        self.levels = {
            kind: level_head().fit(features[rows], labels.level.iloc[rows])
            for kind, rows in labels.groupby("type").indices.items()
        }

    def identify(self, features: np.ndarray) -> list[tuple[str, float]]:
        """The type of each row of features (N, d), and the level that it has if it is of that type."""
        types = self.types.predict(features)
        levels = np.empty(len(types))
        for kind in np.unique(types):
            levels[types == kind] = self.levels[kind].predict(features[types == kind])
        return list(zip(types.tolist(), levels.tolist(), strict=True))


# Splits by reference


class Split(NamedTuple):
    """References to learn from and references to test on.

    Attributes
    ----------
    learned : ndarray
        In the order in which they were drawn.
    tested : ndarray
        All others.
    """

    learned: np.ndarray
    tested: np.ndarray


def random_splits(labels: pd.DataFrame, n: int, learned: int, seed: int = 0) -> list[Split]:
    """Random splits of the references, each with so many to learn from and the others for the test.

    Parameters
    ----------
    labels
        With the column `reference`.
    n
        How many splits.
    learned
        How many references to learn from, fewer than there are.
    seed
        Seed of the splits.

    Returns
    -------
    list of Split
        The references in the order in which they were drawn.

    Raises
    ------
    DDRError
        Where no reference is left for a test.
    """
    references = np.unique(labels.reference)
    if learned >= len(references):
        raise DDRError(
            f"{len(references)} references: none is left for a test where {learned} are learned "
            "from; take fewer shots or more references"
        )
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(references) for _ in range(n)]
    return [Split(order[:learned], order[learned:]) for order in orders]


def _rows(labels: pd.DataFrame, references: np.ndarray) -> np.ndarray:
    return np.flatnonzero(labels.reference.isin(references))


def _over(
    splits: Sequence[Split], judge: Callable[[Split], Iterable[tuple]], columns: Sequence[str]
) -> pd.DataFrame:
    """The rows that `judge` gives for each split, after its number.

    Splits run side by side through joblib, whose `parallel_config` can send them to a cluster; each
    worker keeps to one thread, which small matrices are fastest with.
    """
    runs = (joblib.delayed(lambda split: list(judge(split)))(split) for split in splits)
    rows = enumerate(joblib.Parallel(n_jobs=-1)(runs))
    return pd.DataFrame([(i, *row) for i, found in rows for row in found], columns=columns)


def over_splits(values: Sequence[float]) -> Interval:
    """The mean over splits, and the range in which 95 % of the splits lie.

    This is not the interval of the mean, which more splits of the same photographs would narrow.

    Parameters
    ----------
    values
        One for each split.

    Returns
    -------
    Interval
        Its `n` is the number of splits.
    """
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(np.mean(values)), float(low), float(high), len(values))


# Types


def few_shot(
    methods: Methods,
    labels: pd.DataFrame,
    splits: Sequence[Split],
    shots: Sequence[int],
    head: str = "linear",
) -> pd.DataFrame:
    """Type accuracy, learned from the first references of a split.

    A shot is a reference with all its distorted versions; an accuracy is over all versions of one
    reference.

    Parameters
    ----------
    methods
        Features (N, d) by method.
    labels
        The table of the N images, with the columns `reference` and `type`.
    splits
        As `random_splits` gives them.
    shots
        Numbers of references to learn from, up to those of a split.
    head
        "linear" or "svm", the classifier.

    Returns
    -------
    DataFrame
        Columns split, method, shots, reference and accuracy (0 to 1).

    Raises
    ------
    DDRError
        For another head.
    """

    def judge(split: Split) -> Iterator[tuple]:
        test = _rows(labels, split.tested)
        for k in shots:
            train = _rows(labels, split.learned[:k])
            for method, features in methods.items():
                fitted = type_head(head).fit(features[train], labels.type.iloc[train])
                right = fitted.predict(features[test]) == labels.type.iloc[test]
                for reference, accuracy in right.groupby(labels.reference).mean().items():
                    yield method, k, reference, accuracy

    return _over(splits, judge, ["split", "method", "shots", "reference", "accuracy"])


def zero_shot(
    methods: Methods, labels: pd.DataFrame, splits: Sequence[Split], level: int = 3
) -> pd.DataFrame:
    """Type accuracy, learned from one example of each type.

    The examples are the versions of a split's first reference at the level nearest to `level`.
    Features are standardised by them alone, and an image is of the type of the nearest one: with
    one example a type, the nearest centroid.

    Parameters
    ----------
    methods
        Features (N, d) by method.
    labels
        The table of the N images, with the columns `reference`, `type` and `level`.
    splits
        As `random_splits` gives them.
    level
        That of the examples.

    Returns
    -------
    DataFrame
        Columns split, method, level, reference and accuracy (0 to 1).
    """

    def judge(split: Split) -> Iterator[tuple]:
        versions = labels[labels.reference == split.learned[0]]
        nearest = (versions.level - level).abs().sort_values(kind="stable").index
        train = versions.loc[nearest].drop_duplicates("type").index
        test = _rows(labels, split.tested)
        for method, features in methods.items():
            head = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
            head.fit(features[train], labels.type.loc[train])
            right = head.predict(features[test]) == labels.type.iloc[test]
            by_level = right.groupby([labels.level, labels.reference]).mean()
            for (at, reference), accuracy in by_level.items():
                yield method, at, reference, accuracy

    return _over(splits, judge, ["split", "method", "level", "reference", "accuracy"])


def advantage(found: pd.DataFrame, method: str, other: str) -> Interval:
    """The accuracy of one method less that of another, paired.

    References are what an experiment draws; splits only deal them out again, so that more splits
    make no interval narrower.

    Parameters
    ----------
    found
        As `few_shot` or `zero_shot` gives it, or some of its rows.
    method, other
        Methods in it.

    Returns
    -------
    Interval
        From -1 to 1, over references.
    """
    keys = [name for name in found.columns if name not in ("method", "accuracy")]
    accuracy = found.set_index(["method", *keys]).accuracy
    gains = (accuracy[method] - accuracy[other]).groupby("reference").mean()
    return mean_interval(gains, gains.index)


def cross_validated(
    methods: Methods, labels: pd.DataFrame, heads: Sequence[str] = ("linear",), folds: int = 5
) -> dict[tuple[str, str], np.ndarray]:
    """The type of each image, read by what learned from other references.

    Parameters
    ----------
    methods
        Features (N, d) by method.
    labels
        The table of the N images, with the columns `reference` and `type`.
    heads
        "linear", "svm" or both, the classifiers.
    folds
        How many; with fewer references, each is a fold of its own.

    Returns
    -------
    dict of (str, str) to ndarray
        By method and head: (N,), types.

    Raises
    ------
    DDRError
        For another head.
    """
    cv = GroupKFold(min(folds, labels.reference.nunique()))
    runs = {
        (method, head): joblib.delayed(cross_val_predict)(
            type_head(head), features, labels.type, groups=labels.reference, cv=cv
        )
        for method, features in methods.items()
        for head in heads
    }
    return dict(zip(runs, joblib.Parallel(n_jobs=-1)(runs.values()), strict=True))


def type_accuracy(labels: pd.DataFrame, predicted: np.ndarray) -> Interval:
    """The share of images whose type is right.

    Parameters
    ----------
    labels
        The table of the N images, with the columns `reference` and `type`.
    predicted : ndarray
        (N,), types.

    Returns
    -------
    Interval
        From 0 to 1, over references.
    """
    by_reference = (labels.type == predicted).groupby(labels.reference).mean()
    return mean_interval(by_reference, by_reference.index)


def confusion(labels: pd.DataFrame, predicted: np.ndarray) -> pd.DataFrame:
    """Which types are taken for which.

    Parameters
    ----------
    labels
        The table of the N images, with the column `type`.
    predicted : ndarray
        (N,), types.

    Returns
    -------
    DataFrame
        Of the images of each type (rows), the shares that are taken for each type (columns); each
        row sums to 1.
    """
    types = pd.unique(labels.type)
    counts = pd.crosstab(labels.type, predicted, normalize="index")
    return counts.reindex(index=types, columns=types, fill_value=0).rename_axis(
        index="type", columns="taken for"
    )


# Degrees


def degree_order(methods: Methods, labels: pd.DataFrame, splits: Sequence[Split]) -> pd.DataFrame:
    """How far predicted levels follow true ones.

    Spearman's rho over the images of a type with a split's tested references, whose level a
    regression (`level_head`) learned from the images of that type with all references learned from.

    Parameters
    ----------
    methods
        Features (N, d) by method.
    labels
        The table of the N images, with the columns `reference`, `type` and `level`.
    splits
        As `random_splits` gives them.

    Returns
    -------
    DataFrame
        Columns split, method, type and rho (-1 to 1); 0 where one level is predicted for all.
    """

    def judge(split: Split) -> Iterator[tuple]:
        learned, tested = (labels.reference.isin(side) for side in split)
        for kind in pd.unique(labels.type):
            of_kind = labels.type == kind
            train, test = (np.flatnonzero(of_kind & side) for side in (learned, tested))
            for method, features in methods.items():
                fitted = level_head().fit(features[train], labels.level.iloc[train])
                predicted, true = fitted.predict(features[test]), labels.level.iloc[test]
                rho = spearmanr(predicted, true).statistic if np.ptp(predicted) > 1e-9 else 0.0
                yield method, kind, rho

    return _over(splits, judge, ["split", "method", "type", "rho"])
