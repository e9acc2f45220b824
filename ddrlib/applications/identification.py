"""From the description of an image to the type of its distortion and its degree.

Every judgement is on pictures that were not in the training: all versions of a reference lie on one
side of a split. All methods are judged on the same splits. `ddrlib.applications.accuracy` sums up
what is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import joblib
import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ddrlib.applications.heads import level_head, type_head
from ddrlib.errors import DDRError

FOLDS = 5  # of cross-validation; with fewer references, each is a fold of its own


class Split(NamedTuple):
    """References to learn from, in the order in which they were drawn, and all others, to test on.

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


@dataclass(frozen=True, eq=False)
class Trial:
    """Methods that are judged on the same images and the same splits of them.

    Attributes
    ----------
    methods : dict of str to ndarray
        By name, the features (N, d) that a method has of the N images.
    labels : DataFrame
        A row for each image, with the columns `reference`, `type` and `level`
        (`ddrlib.applications.sets`).
    splits : list of Split
        As `random_splits` gives them.
    """

    methods: Mapping[str, np.ndarray]
    labels: pd.DataFrame
    splits: Sequence[Split]

    def few_shot(self, shots: Sequence[int], head: str = "linear") -> pd.DataFrame:
        """Type accuracy, learned from the first references of a split.

        A shot is a reference with all its distorted versions; an accuracy is over all versions of
        one reference.

        Parameters
        ----------
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
        types = self.labels.type

        def judge(split: Split) -> Iterator[tuple]:
            test = self._rows(split.tested)
            for k in shots:
                train = self._rows(split.learned[:k])
                for method, features in self.methods.items():
                    fitted = type_head(head).fit(features[train], types.iloc[train])
                    right = fitted.predict(features[test]) == types.iloc[test]
                    for reference, accuracy in right.groupby(self.labels.reference).mean().items():
                        yield method, k, reference, accuracy

        return self._over_splits(judge, ["method", "shots", "reference", "accuracy"])

    def zero_shot(self, level: int = 3) -> pd.DataFrame:
        """Type accuracy, learned from one example of each type.

        The examples are the versions of a split's first reference at the level nearest to `level`.
        Features are standardised by them alone, and an image is of the type of the nearest one:
        with one example a type, the nearest centroid.

        Parameters
        ----------
        level
            That of the examples.

        Returns
        -------
        DataFrame
            Columns split, method, level, reference and accuracy (0 to 1).
        """
        labels = self.labels

        def judge(split: Split) -> Iterator[tuple]:
            versions = labels[labels.reference == split.learned[0]]
            nearest = (versions.level - level).abs().sort_values(kind="stable").index
            train = versions.loc[nearest].drop_duplicates("type").index
            test = self._rows(split.tested)
            for method, features in self.methods.items():
                head = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
                head.fit(features[train], labels.type.loc[train])
                right = head.predict(features[test]) == labels.type.iloc[test]
                by_level = right.groupby([labels.level, labels.reference]).mean()
                for (at, reference), accuracy in by_level.items():
                    yield method, at, reference, accuracy

        return self._over_splits(judge, ["method", "level", "reference", "accuracy"])

    def degree_order(self) -> pd.DataFrame:
        """How far predicted levels follow true ones.

        Spearman's rho over the images of a type with a split's tested references, whose level a
        regression (`level_head`) learned from the images of that type with all references learned
        from.

        Returns
        -------
        DataFrame
            Columns split, method, type and rho (-1 to 1); 0 where one level is predicted for all.
        """
        labels = self.labels

        def judge(split: Split) -> Iterator[tuple]:
            learned, tested = (labels.reference.isin(side) for side in split)
            for kind in pd.unique(labels.type):
                of_kind = labels.type == kind
                train, test = (np.flatnonzero(of_kind & side) for side in (learned, tested))
                for method, features in self.methods.items():
                    fitted = level_head().fit(features[train], labels.level.iloc[train])
                    predicted, true = fitted.predict(features[test]), labels.level.iloc[test]
                    rho = spearmanr(predicted, true).statistic if np.ptp(predicted) > 1e-9 else 0.0
                    yield method, kind, rho

        return self._over_splits(judge, ["method", "type", "rho"])

    def cross_validated(
        self, heads: Sequence[str] = ("linear",)
    ) -> dict[tuple[str, str], np.ndarray]:
        """The type of each image, read by what learned from other references; no split is used.

        Parameters
        ----------
        heads
            "linear", "svm" or both, the classifiers.

        Returns
        -------
        dict of (str, str) to ndarray
            By method and head: (N,), types.

        Raises
        ------
        DDRError
            For another head.
        """
        types, references = self.labels.type, self.labels.reference
        cv = GroupKFold(min(FOLDS, references.nunique()))
        runs = {
            (method, head): joblib.delayed(cross_val_predict)(
                type_head(head), features, types, groups=references, cv=cv
            )
            for method, features in self.methods.items()
            for head in heads
        }
        return dict(zip(runs, joblib.Parallel(n_jobs=-1)(runs.values()), strict=True))

    def _rows(self, references: np.ndarray) -> np.ndarray:
        return np.flatnonzero(self.labels.reference.isin(references))

    def _over_splits(
        self, judge: Callable[[Split], Iterable[tuple]], columns: Sequence[str]
    ) -> pd.DataFrame:
        """The rows that `judge` gives for each split, after its number.

        Splits run side by side through joblib, whose `parallel_config` can send them to a cluster;
        each worker keeps to one thread, which small matrices are fastest with.
        """
        runs = (joblib.delayed(lambda split: list(judge(split)))(split) for split in self.splits)
        rows = enumerate(joblib.Parallel(n_jobs=-1)(runs))
        found = [(i, *row) for i, rows_of_split in rows for row in rows_of_split]
        return pd.DataFrame(found, columns=["split", *columns])
