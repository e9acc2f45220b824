"""What learns from descriptions of images: the type of a distortion, and its level."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeCV
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ddrlib.errors import DDRError


def type_head(kind: str = "linear") -> Pipeline:
    """A classifier of standardised features: "linear" or "svm".

    Linear is discriminant analysis with the covariances shrunk as Ledoit and Wolf (2004) have it:
    few examples of many features need that, and there is nothing to tune. The SVM's kernel is RBF.

    DDRError for another word.
    """
    linear = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    heads = {"linear": linear, "svm": SVC(C=10, kernel=rbf_kernel)}  # as a matrix product: fast
    if kind not in heads:
        raise DDRError(f"there is no head {kind!r}; there are {', '.join(heads)}")
    return make_pipeline(StandardScaler(), heads[kind])


def level_head() -> Pipeline:
    """A ridge regression of the level on standardised features; its penalty by leave-one-out."""
    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 5, 13)))


class Identifier:
    """Type and level of distortions: a classifier, and for each type a regression of its level.

    It learns from features (N, d) and their labels, a row with `type` and `level` for each; `head`
    is that of `type_head`.

    DDRError for another head.
    """

    def __init__(self, features: np.ndarray, labels: pd.DataFrame, head: str = "linear") -> None:
        self.types = type_head(head).fit(features, labels.type)
        self.levels = {
            kind: level_head().fit(features[rows], labels.level.iloc[rows])
            for kind, rows in labels.groupby("type").indices.items()
        }
        self.ends = labels.level.min(), labels.level.max()

    def identify(self, features: np.ndarray) -> list[tuple[str, float]]:
        """The type of each row of features (N, d), and the level that it has if it is of that type.

        No level lies beyond those learned from, to which a regression would go on.
        """
        types = self.types.predict(features)
        levels = np.empty(len(types))
        for kind in np.unique(types):
            levels[types == kind] = self.levels[kind].predict(features[types == kind])
        return list(zip(types.tolist(), levels.clip(*self.ends).tolist(), strict=True))
