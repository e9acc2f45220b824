"""What judgements of identification come to, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ddrlib.measure.intervals import Interval, mean_interval


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


def advantage(found: pd.DataFrame, method: str, other: str) -> Interval:
    """The accuracy of one method less that of another, paired.

    References are what an experiment draws; splits only deal them out again, so that more splits
    make no interval narrower.

    Parameters
    ----------
    found
        As `Trial.few_shot` or `Trial.zero_shot` gives it, or some of its rows.
    method
        One of the methods in it.
    other
        The one that it is compared with.

    Returns
    -------
    Interval
        From -1 to 1, over references.
    """
    keys = [name for name in found.columns if name not in ("method", "accuracy")]
    accuracy = found.set_index(["method", *keys]).accuracy
    gains = (accuracy[method] - accuracy[other]).groupby("reference").mean()
    return mean_interval(gains)


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
    return mean_interval((labels.type == predicted).groupby(labels.reference).mean())


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
