"""The generalised Gaussian distribution: fit by moments, divergence.

Its density is proportional to exp(-(|x| / a)^shape): shape 2 is the Gaussian, 1 the Laplacian, and
the smaller the shape, the higher the peak and the heavier the tails. SRGA describes the features of
a network by it, natural-scene statistics the pixels of an image.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gamma, gammaln

from ddrlib.errors import DDRError

# What the published scripts of SRGA and BRISQUE search: 0.2, 0.201, … 9.999. The ratio falls.
SHAPES = 0.2 + 0.001 * np.arange(9800)
RATIOS = gamma(1 / SHAPES) * gamma(3 / SHAPES) / gamma(2 / SHAPES) ** 2
MIDWAY = (RATIOS[:-1] + RATIOS[1:]) / 2


class GGD(NamedTuple):
    """A generalised Gaussian of mean zero: its standard deviation and its shape."""

    sigma: float
    shape: float

    @property
    def log_scale(self) -> float:
        """log a, with a^2 = sigma^2 G(1 / shape) / G(3 / shape) and G the gamma function."""
        return np.log(self.sigma) + (gammaln(1 / self.shape) - gammaln(3 / self.shape)) / 2


def fit_ggd(values: np.ndarray) -> GGD:
    """The generalised Gaussian with the moments of values (n,) whose mean is taken to be zero.

    As published for SRGA, after Sharifi and Leon-Garcia (IEEE TCSVT 1995): sigma^2 = mean x^2, E =
    mean |x - mean x|; the shape follows from sigma^2 / E^2, on a grid from 0.2 to 9.999 in steps of
    0.001. DDRError where all values are equal.
    """
    variance = float(values @ values / len(values))
    deviation = float(np.abs(values - values.mean()).mean())
    if not deviation > 0:
        raise DDRError(
            f"{len(values)} values, all equal or some not finite, have no generalised Gaussian"
        )
    return GGD(variance**0.5, float(shape_of(variance / deviation**2)))


def shape_of(ratio: float | np.ndarray) -> float | np.ndarray:
    """The shape, 0.2 to 9.999 in steps of 0.001, whose E x^2 / (E |x|)^2 is nearest to `ratio`."""
    return SHAPES[np.searchsorted(-MIDWAY, -ratio)]


def ggd_kl(p: GGD, q: GGD) -> float:
    """The Kullback-Leibler divergence of `q` from `p` in nats, the integral of p log(p / q).

    Do and Vetterli, "Wavelet-based texture retrieval using generalized Gaussian density and
    Kullback-Leibler distance", IEEE TIP 2002. Infinite where `p` is a hundred decades wider.
    """
    log_ratio = p.log_scale - q.log_scale
    entropy = np.log(p.shape / q.shape) - log_ratio + gammaln(1 / q.shape) - gammaln(1 / p.shape)
    # E_p |x / a_q|^shape_q, of which E_p |x / a_p|^shape_p = 1 / shape_p is the case p = q.
    log_moment = q.shape * log_ratio + gammaln((q.shape + 1) / p.shape) - gammaln(1 / p.shape)
    with np.errstate(over="ignore"):  # infinite where one is a hundred decades wider
        return max(float(entropy - 1 / p.shape + np.exp(log_moment)), 0.0)  # rounding goes below
