"""What a network gains from a guide to the degradation it looks at.

Methods are compared on the same photographs under the same degradations, a blur and a noise each.
Several trainings of a method count as its seeds; a gain is paired by photograph, degradation and
seed: networks of one seed began with the same weights and saw the same batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ddrlib.applications.blind import blur_and_noise, truth_for, under_each
from ddrlib.degrade.degradation import Degradation, upsample
from ddrlib.errors import DDRError
from ddrlib.features.extraction import super_resolve
from ddrlib.measure.fidelity import psnr, psnr_on_luma, ssim
from ddrlib.measure.intervals import Interval, Spread, bootstrap, mean_interval, over_seeds
from ddrlib.zoo.network import Network

Networks = Mapping[str, Mapping[int, Network]]  # method -> training seed -> network


def compare(
    networks: Networks,
    truth: Tensor,
    degradations: Sequence[Degradation],
    device: str | torch.device = "auto",
) -> pd.DataFrame:
    """PSNR and SSIM of every network, and of bicubic interpolation, image by image.

    Parameters
    ----------
    networks
        By method and training seed, all of one scale.
    truth : Tensor
        (n, 3, H, W), RGB in [0, 1]; H and W are multiples of the scale.
    degradations
        Blurs and noises alone.
    device
        "auto" (a GPU where there is one), "cpu" or "cuda".

    Returns
    -------
    DataFrame
        Columns method, seed, blur (sigma in HR pixels), noise (sigma of 255), content (0 to n - 1),
        psnr and psnr_on_luma (dB) and ssim; bicubic interpolation has seed -1.

    Raises
    ------
    DDRError
        For networks of different scales, which do not see the same images, and where an oracle would
        have to know of other steps than blur and noise.
    """
    scales = {network.scale for seeds in networks.values() for network in seeds.values()}
    if len(scales) != 1:
        raise DDRError(f"networks of the scales {sorted(scales)}: compare networks of one scale")
    (scale,) = scales
    lr, applied = under_each(truth, degradations, scale)
    rows = pd.DataFrame(map(blur_and_noise, applied), columns=["blur", "noise"])
    rows["content"] = np.tile(np.arange(len(truth)), len(degradations))
    originals = truth.repeat(len(degradations), 1, 1, 1)

    def scores(method: str, seed: int, restored: Tensor) -> pd.DataFrame:
        measures = {"psnr": psnr, "psnr_on_luma": psnr_on_luma, "ssim": ssim}
        found = {name: measure(restored, originals).numpy() for name, measure in measures.items()}
        return rows.assign(method=method, seed=seed, **found)

    tables = [scores("bicubic", -1, upsample(lr, scale))]
    for method, seeds in networks.items():
        for seed, network in seeds.items():
            truths = truth_for(network.module, applied)
            tables.append(scores(method, seed, super_resolve(network, lr, device, **truths)))
    return pd.concat(tables, ignore_index=True)


def gains(table: pd.DataFrame, baseline: str, measure: str = "psnr") -> pd.DataFrame:
    """What each method has more than a baseline, paired by seed, degradation and content.

    Parameters
    ----------
    table
        As `compare` gives it.
    baseline
        The method that the others are held against.
    measure
        "psnr", "psnr_on_luma" or "ssim".

    Returns
    -------
    DataFrame
        A column a method; rows are seeds, blurs, noises and contents, NaN where either method lacks
        the seed. Methods without a seed in common with the baseline are left out, as is bicubic
        interpolation, which has none.
    """
    keys = ["seed", "blur", "noise", "content"]
    wide = table.pivot(index=keys, columns="method", values=measure)
    return wide.drop(columns=baseline).sub(wide[baseline], axis=0).dropna(axis=1, how="all")


def over_contents(gain: pd.Series) -> Interval:
    """The mean gain with its 95 % bootstrap interval over contents.

    Parameters
    ----------
    gain
        A column of `gains`.

    Returns
    -------
    Interval
        In the unit of the gain; seeds and degradations are averaged over.
    """
    return mean_interval(gain.dropna().groupby("content").mean())


def over_trainings(gain: pd.Series) -> Spread:
    """The mean gain with the smallest and the largest of the training seeds.

    Parameters
    ----------
    gain
        A column of `gains`.

    Returns
    -------
    Spread
        In the unit of the gain; contents and degradations are averaged over.
    """
    return over_seeds(gain.dropna().groupby("seed").mean().tolist())


def share(gain: pd.Series, whole: pd.Series) -> Interval | None:
    """How much of one gain another gain is, over contents, by the seeds that both have.

    Parameters
    ----------
    gain
        A column of `gains`: the part.
    whole
        Another one, of the same baseline.

    Returns
    -------
    Interval or None
        The ratio of the means; None where `whole` is not above 0 itself, by its own interval: there
        is nothing to have a share of.
    """
    part, whole = (
        series.groupby("content").mean().to_numpy()
        for _, series in pd.DataFrame({0: gain, 1: whole}).dropna().items()
    )
    if not len(part) or mean_interval(whole).low <= 0:
        return None
    return bootstrap(lambda counts: (counts @ part) / (counts @ whole), len(part))
