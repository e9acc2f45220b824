"""BRISQUE's features against a pixel-by-pixel implementation, and against what is known of them."""

import math

import numpy as np
import pytest
import torch
from scipy.special import gamma
from scipy.stats import gennorm, kurtosis, skew

from ddrlib.data.photographs import load_patches
from ddrlib.degrade.degradation import degrade
from ddrlib.measure.nss import brisque, fit_aggd, gradient_statistics, mscn

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def photographs():
    return load_patches("eval", 12, 128).images


def plain_mscn(grey):
    """Loops over the pixels, for the inner ones, where borders do not matter."""
    kernel = np.array(
        [
            [math.exp(-(i * i + j * j) / (2 * (7 / 6) ** 2)) for j in range(-3, 4)]
            for i in range(-3, 4)
        ]
    )
    kernel /= kernel.sum()
    height, width = grey.shape
    out = np.zeros((height - 6, width - 6))
    for i in range(height - 6):
        for j in range(width - 6):
            window = grey[i : i + 7, j : j + 7]
            mean = (kernel * window).sum()
            deviation = math.sqrt(max((kernel * (window - mean) ** 2).sum(), 0))
            out[i, j] = (grey[i + 3, j + 3] - mean) / (deviation + 1)
    return out


def plain_aggd(x):
    left = np.mean(x[x < 0] ** 2)
    right = np.mean(x[x > 0] ** 2)
    g = math.sqrt(left / right)
    r = np.mean(np.abs(x)) ** 2 / np.mean(x**2) * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
    grid = np.arange(0.2, 10, 0.001)
    rho = gamma(2 / grid) ** 2 / (gamma(1 / grid) * gamma(3 / grid))
    shape = grid[np.argmin((rho - r) ** 2)]
    scale = math.sqrt(gamma(1 / shape) / gamma(3 / shape))
    mean = (math.sqrt(right) - math.sqrt(left)) * scale * gamma(2 / shape) / gamma(1 / shape)
    return shape, mean, left, right


def test_mscn_is_what_the_loops_give(photographs):
    grey = 255 * photographs[:1, :1, :20, :24]
    expected = plain_mscn(grey[0, 0].double().numpy())
    assert np.allclose(mscn(grey)[0, 3:-3, 3:-3], expected, atol=1e-4)


def test_features_of_a_photograph(photographs):
    image = photographs[:1]
    red, green, blue = 255 * image[0].double().numpy()
    x = mscn(torch.from_numpy(0.299 * red + 0.587 * green + 0.114 * blue)[None, None])[0]
    features = brisque(image)[0]
    assert features.shape == (36,)
    assert features[1] == pytest.approx((x**2).mean(), rel=1e-5)
    products = (
        x[:, :-1] * x[:, 1:],
        x[:-1] * x[1:],
        x[:-1, :-1] * x[1:, 1:],
        x[:-1, 1:] * x[1:, :-1],
    )
    for i, product in enumerate(products):
        assert features[2 + 4 * i : 6 + 4 * i] == pytest.approx(plain_aggd(product), abs=2e-3)


@pytest.mark.parametrize(("shape", "left", "right"), [(2, 1, 1), (0.8, 1, 3), (3, 2, 0.5)])
def test_asymmetric_fit_finds_the_distribution(shape, left, right):
    # One shape, the scale on the left and on the right in proportion to the deviations; a side's
    # share of the values is in proportion to its scale.
    rng = np.random.default_rng(0)
    magnitude = np.abs(gennorm(shape).rvs(400_000, random_state=1))
    on_left = rng.random(len(magnitude)) < left / (left + right)
    unit = math.sqrt(gamma(1 / shape) / gamma(3 / shape))  # deviation 1
    x = unit * magnitude * np.where(on_left, -left, right)
    found_shape, mean, var_left, var_right = fit_aggd(x[None])[0]
    assert found_shape == pytest.approx(shape, rel=0.03)
    assert (var_left, var_right) == pytest.approx((left**2, right**2), rel=0.03)
    assert mean == pytest.approx(x.mean(), abs=0.02 * max(left, right))


def test_natural_scenes_and_their_distortions(photographs):
    def mean_features(degradation):
        return brisque(degrade(photographs, degradation, scale=1)).mean(axis=0)

    natural, blurred, noisy = map(mean_features, ("clean", "blur3", "noise40"))
    # As in the paper's figures: natural luminance, normalised, is near Gaussian; blur makes it
    # peaked like a Laplacian and takes its variance, noise does the opposite.
    assert natural[0] == pytest.approx(2, abs=0.4)
    assert blurred[0] < natural[0] < noisy[0]
    assert 3 * blurred[1] < natural[1] < noisy[1] / 1.5
    # Neighbours across and down are alike: their products lean to the right; in noise they do not.
    for i in (2, 6):
        assert natural[i + 3] > natural[i + 2]
        assert noisy[i + 3] < 1.3 * noisy[i + 2]


def test_noise_looks_the_same_in_all_directions():
    noise = torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    across, down, falling, rising = brisque(noise)[:, 2:18].reshape(4, 4, 4).mean(axis=0)
    assert np.allclose(across, down, rtol=0.05, atol=0.02)
    assert np.allclose(falling, rising, rtol=0.05, atol=0.02)


def test_flat_images_have_finite_features():
    assert np.isfinite(brisque(torch.full((2, 3, 32, 33), 0.5))).all()
    assert np.isfinite(gradient_statistics(torch.zeros(2, 3, 32, 33))).all()


def test_gradient_statistics(photographs):
    found = gradient_statistics(photographs)
    assert found.shape == (12, 24)
    x = np.diff(photographs[3].double().numpy(), axis=1)[1].ravel()  # down, green
    logs = np.log([np.abs(x).mean(), x.std(), kurtosis(x, fisher=False)])
    assert found[3, [1, 4, 7]] == pytest.approx(logs, abs=0.01)
    assert found[3, 10] == pytest.approx(skew(x), rel=0.02)
