"""What a guided network's embedding says of the degradation, and what it does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from ddrlib.applications.blind import embed
from ddrlib.degrade.degradation import Degradation, degrade
from ddrlib.errors import DDRError
from ddrlib.features.extraction import super_resolve
from ddrlib.measure.fidelity import psnr
from ddrlib.measure.intervals import Interval, mean_interval
from ddrlib.zoo.network import Network

FOLDS = 5
PENALTIES = np.logspace(-3, 3, 7)


def edit(
    network: Network,
    truth: Tensor,
    degradations: Sequence[Degradation],
    device: str | torch.device = "auto",
) -> pd.DataFrame:
    """PSNR under each degradation with the embedding of each: degradation editing.

    The embedding is of the same photograph under the degradation given, so that it is wrong in
    nothing else.

    Parameters
    ----------
    network
        A guided network.
    truth : Tensor
        (n, 3, H, W), RGB in [0, 1]; H and W are multiples of the network's scale.
    degradations
        Any number k, all different.
    device
        "auto" (a GPU where there is one), "cpu" or "cuda".

    Returns
    -------
    DataFrame
        n k^2 rows with the columns true and given (texts of the degradations), content (0 to n - 1)
        and psnr (dB).

    Raises
    ------
    DDRError
        Where an oracle would have to know of other steps than blur and noise.
    """
    lr = {at: degrade(truth, at, network.scale) for at in degradations}
    n = len(truth)
    embeddings = {at: embed(network, images, [at] * n, device) for at, images in lr.items()}
    tables = []
    for true, images in lr.items():
        for given, embedding in embeddings.items():
            restored = super_resolve(network, images, device, embedding=embedding)
            scores = {"content": np.arange(n), "psnr": psnr(restored, truth).numpy()}
            tables.append(pd.DataFrame({"true": str(true), "given": str(given), **scores}))
    return pd.concat(tables, ignore_index=True)


def cost_of_error(edited: pd.DataFrame) -> Interval:
    """The PSNR that a wrong embedding costs, mean over all wrong ones.

    Parameters
    ----------
    edited
        As `edit` gives it, with two degradations or more.

    Returns
    -------
    Interval
        In dB, over contents.
    """
    right = edited[edited.true == edited.given].set_index(["content", "true"]).psnr
    wrong = edited[edited.true != edited.given].set_index(["content", "true"]).psnr
    return mean_interval(right.reindex(wrong.index).sub(wrong).groupby("content").mean())


def _inner(content: np.ndarray) -> list | None:
    """Folds of whole contents; None, so of single samples, where there is one content."""
    folds = min(FOLDS, len(np.unique(content)))
    return list(GroupKFold(folds).split(content, groups=content)) if folds > 1 else None


def readable(embeddings: np.ndarray, degree: np.ndarray, content: np.ndarray) -> Interval:
    """How much of a degree can be read linearly off embeddings: R squared.

    By ridge regression, tested on contents that it was not fitted to; so is its penalty chosen, since
    the versions of a content are no independent evidence.

    Parameters
    ----------
    embeddings : ndarray
        (N, E).
    degree : ndarray
        (N,), such as the sigma of a blur; two different ones at least.
    content : ndarray
        (N,), labels; two different ones at least.

    Returns
    -------
    Interval
        1 or less, over contents; 0 where the mean degree would do as well.

    Raises
    ------
    DDRError
        Where there are fewer than two contents or degrees.
    """
    contents = np.unique(content)
    if len(contents) < 2 or np.ptp(degree) == 0:
        raise DDRError("reading an embedding: give two contents and two degrees at least")
    guessed = np.empty(len(degree))
    for fitted, tested in GroupKFold(min(FOLDS, len(contents))).split(degree, groups=content):
        head = make_pipeline(StandardScaler(), RidgeCV(PENALTIES, cv=_inner(content[fitted])))
        guessed[tested] = head.fit(embeddings[fitted], degree[fitted]).predict(embeddings[tested])
    unexplained = (guessed - degree) ** 2 / np.var(degree)
    explained = np.array([1 - unexplained[content == k].mean() for k in contents])
    return mean_interval(explained)
