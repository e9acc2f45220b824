import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gennorm

from ddrlib.errors import DDRError
from ddrlib.measure.ggd import GGD, RATIOS, SHAPES, fit_ggd, ggd_kl, shape_of

shapes = st.floats(0.4, 6)
sigmas = st.floats(0.1, 10)


def distribution(ggd):
    """The same distribution as SciPy has it, whose scale is a."""
    g = math.gamma
    return gennorm(ggd.shape, scale=ggd.sigma * math.sqrt(g(1 / ggd.shape) / g(3 / ggd.shape)))


@pytest.mark.parametrize("shape", [0.5, 1, 2, 5])
def test_fit_finds_the_distribution_that_values_were_drawn_from(shape):
    drawn = distribution(GGD(3, shape)).rvs(200_000, random_state=0)
    found = fit_ggd(drawn)
    assert found.sigma == pytest.approx(3, rel=0.02)
    assert found.shape == pytest.approx(shape, rel=0.02)


def test_shapes_of_the_gaussian_and_the_laplacian():
    assert shape_of(math.pi / 2) == pytest.approx(2)  # (E |x|)^2 = 2 sigma^2 / pi
    assert shape_of(2) == pytest.approx(1)  # E x^2 = 2 a^2, E |x| = a
    assert (shape_of(1e9), shape_of(0)) == (pytest.approx(0.2), pytest.approx(9.999))
    assert len(SHAPES) == 9800


def test_shape_is_the_nearest_of_the_grid():
    ratios = np.concatenate([np.geomspace(1.3, 100, 500), RATIOS[::97]])
    nearest = [SHAPES[np.abs(RATIOS - ratio).argmin()] for ratio in ratios]
    assert np.array_equal(shape_of(ratios), nearest)


def test_fit_uses_the_published_moments():
    # sigma^2 = mean x^2 = 5; mean x = 1, so E = mean |x - 1| = (4 + 2 + 2) / 4 = 2.
    found = fit_ggd(np.array([-3.0, 1.0, 3.0, 3.0]) * math.sqrt(5 / 7))
    assert found.sigma == pytest.approx(math.sqrt(5))
    assert found.shape == shape_of(7 / 2**2)


def test_equal_values_cannot_be_fitted():
    with pytest.raises(DDRError, match="3 values, all equal"):
        fit_ggd(np.full(3, 2.0))


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (GGD(1, 2), GGD(1, 1)),
        (GGD(1, 1), GGD(1, 2)),
        (GGD(3, 0.7), GGD(2, 1.5)),
        (GGD(0.5, 4), GGD(2, 0.6)),
        (GGD(1, 9), GGD(1, 3)),
    ],
)
def test_divergence_is_the_integral_of_its_definition(p, q):
    f, g = distribution(p), distribution(q)
    reach = f.isf(1e-15)
    integral, _ = quad(  # both densities are even, with their peak at 0
        lambda x: 2 * f.pdf(x) * (f.logpdf(x) - g.logpdf(x)),
        0,
        reach,
        limit=500,
        points=[reach / 1000, reach / 30],
    )
    assert ggd_kl(p, q) == pytest.approx(integral, rel=1e-6)


@given(sigmas, shapes, sigmas, shapes)
def test_divergence_has_no_unit_and_is_zero_only_for_the_same(sigma1, shape1, sigma2, shape2):
    p, q = GGD(sigma1, shape1), GGD(sigma2, shape2)
    kl = ggd_kl(p, q)
    assert kl >= -1e-12
    scaled = ggd_kl(GGD(7 * sigma1, shape1), GGD(7 * sigma2, shape2))
    assert scaled == pytest.approx(kl, rel=1e-9, abs=1e-9)
    assert ggd_kl(p, p) == pytest.approx(0, abs=1e-12)
    assert kl > 1e-9 or (sigma1, shape1) == pytest.approx((sigma2, shape2), rel=1e-3)


def test_rounding_makes_no_divergence_negative(monkeypatch):
    same = [GGD(sigma, shape) for sigma in (0.1, 1, 10) for shape in SHAPES[100::100]]
    assert min(ggd_kl(p, p) for p in same) == 0
    monkeypatch.setattr("ddrlib.measure.ggd.max", lambda value, _: value, raising=False)
    assert min(ggd_kl(p, p) for p in same) < 0, "none of these would be, whatever the code"


def test_divergence_of_two_gaussians():
    # log(s2 / s1) + s1^2 / (2 s2^2) - 1 / 2
    assert ggd_kl(GGD(1, 2), GGD(2, 2)) == pytest.approx(math.log(2) + 1 / 8 - 1 / 2)
