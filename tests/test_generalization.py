import io
import json
import math
import os
import pickle
import struct

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import gamma
from scipy.stats import gennorm, spearmanr
from sklearn.decomposition import PCA

from ddrlib.cli import cli
from ddrlib.errors import DDRError
from ddrlib.measure.ggd import GGD, ggd_kl
from ddrlib.measure.intervals import spearman
from ddrlib.measure.srga import (
    inliers,
    principal_scores,
    read_features,
    srga,
    srga_interval,
    srga_of_scores,
)


def features(n=60, dim=500, seed=0, stretch=1.0):
    """Features with a few strong components and heavy tails, so that there are outliers."""
    rng = np.random.default_rng(seed)
    strength = 20 / np.arange(1, 41) ** 1.2
    factors = rng.laplace(size=(n, 40)) ** 3 * strength * stretch
    mixing = np.random.default_rng(99).standard_normal((40, dim))
    return factors @ mixing + rng.standard_normal((n, dim)) + 5


def straightforward(reference, test, components):
    """The published formula step by step, with loops where it has them."""
    fits = []
    for x in (reference, test):
        scores = PCA(components, svd_solver="full").fit_transform(x.astype(np.float64)).flatten()
        mean, sd = np.mean(scores), np.std(scores)
        kept = []
        for value in scores:
            if mean - 5 * sd < value < mean + 5 * sd:
                kept.append(value)
        kept = np.array(kept)
        sigma = np.sqrt(np.mean(kept**2))
        ratio = sigma**2 / np.mean(np.abs(kept - np.mean(kept))) ** 2
        grid = [0.2 + 0.001 * i for i in range(9800)]
        errors = [abs(ratio - gamma(1 / g) * gamma(3 / g) / gamma(2 / g) ** 2) for g in grid]
        fits.append((sigma, grid[int(np.argmin(errors))], len(scores) - len(kept)))
    (s1, a1, dropped), (s2, a2, _) = fits
    kl = (
        math.log(
            a1
            * s2
            * gamma(1 / a2)
            * math.sqrt(gamma(1 / a2) * gamma(3 / a1))
            / (a2 * s1 * gamma(1 / a1) * math.sqrt(gamma(1 / a1) * gamma(3 / a2)))
        )
        - 1 / a1
        + (
            s1
            * math.sqrt(gamma(1 / a1) * gamma(3 / a2))
            / (s2 * math.sqrt(gamma(1 / a2) * gamma(3 / a1)))
        )
        ** a2
        * gamma(a2 / a1 + 1 / a1)
        / gamma(1 / a1)
    )
    return s2, a2, kl, math.log10(kl + 1e-5) + 5, dropped


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("components", [5, 30])
def test_agrees_with_the_published_formula(dtype, components):
    reference, test = features().astype(dtype), features(80, seed=1, stretch=1.4).astype(dtype)
    sigma, shape, kl, index, dropped = straightforward(reference, test, components)
    found = srga(reference, test, components)
    assert dropped > 0
    assert (found.n, found.components) == (80, components)
    assert found.sigma == pytest.approx(sigma, rel=1e-6)
    assert found.shape == pytest.approx(shape, abs=1e-9)
    rel = 1e-4 if dtype is np.float16 else 1e-6  # of what float16 keeps, products are float32
    assert found.kl == pytest.approx(kl, rel=rel)
    assert found.srga == pytest.approx(index, abs=rel)


def test_scores_are_those_of_scikit_learn_signs_included(monkeypatch):
    monkeypatch.setattr("ddrlib.measure.srga.BLOCK_VALUES", 60 * 7)  # 7 columns a block
    x = features()
    assert np.allclose(principal_scores(x, 20), PCA(20, svd_solver="full").fit_transform(x))


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (GGD(1, 2), GGD(1, 1.5)),
        (GGD(1, 2), GGD(1.3, 2)),
        (GGD(0.8, 5), GGD(2, 1.7)),
    ],
)
def test_closed_form_on_known_distributions(p, q):
    # One direction, along which the samples are the quantiles of the distribution: its score is
    # known, and the moments are more exact than those of random draws.
    direction = np.random.default_rng(0).standard_normal(50)
    levels = (np.arange(1000) + 0.5) / 1000
    reference, test = (
        np.outer(gennorm(ggd.shape, scale=np.exp(ggd.log_scale)).ppf(levels), direction)
        for ggd in (p, q)
    )
    length = np.linalg.norm(direction)
    found = srga(reference, test, components=1)
    assert found.sigma == pytest.approx(q.sigma * length, rel=0.01)
    assert found.shape == pytest.approx(q.shape, rel=0.02)
    assert found.srga == pytest.approx(math.log10(ggd_kl(p, q) + 1e-5) + 5, abs=0.02)


def test_closed_form_on_random_scores():
    p, q = GGD(1, 2), GGD(1.5, 1)
    reference, test = (
        gennorm(ggd.shape, scale=np.exp(ggd.log_scale)).rvs((1000, 300), random_state=seed)
        for seed, ggd in enumerate((p, q))
    )
    found = srga_of_scores(reference, test)
    # The rejection takes a share of exp(-5 sqrt 2) of a Laplacian's values, the farthest.
    assert found.sigma == pytest.approx(1.5, rel=0.02)
    assert found.shape == pytest.approx(1, rel=0.06)
    assert found.srga == pytest.approx(math.log10(ggd_kl(p, q) + 1e-5) + 5, abs=0.03)


def test_identical_sets_give_zero():
    x = features()
    assert srga(x, x, 20).srga == pytest.approx(0, abs=1e-9)
    assert srga(x, x[::-1].copy(), 20).srga == pytest.approx(0, abs=1e-6)


def test_grows_with_the_distance():
    x = features()
    indices = [srga(x, features(stretch=stretch), 30).srga for stretch in (1.05, 1.2, 1.5, 2)]
    assert indices == sorted(indices) and indices[0] > 1


def outliers(values):
    return np.flatnonzero(~inliers(np.array(values))).tolist()


def test_outliers_are_those_at_or_beyond_five_deviations():
    ones = [1.0, -1.0] * 25
    # Variance (50 + 2 * 25^2) / 52 = 25: the two lie exactly five deviations from the mean, 0.
    assert outliers([*ones, 25.0, -25.0]) == [50, 51]
    # (50 + 2 * 24^2) / 52 = 23.1: they lie within 5 * 4.81.
    assert outliers([*ones, 24.0, -24.0]) == []
    # The threshold is taken once, of all values: without the 40s, 8 would lie beyond it.
    assert outliers([*ones, 8.0, 40.0, -40.0]) == [51, 52]
    assert outliers([*ones, 8.0]) == [50]


def test_interval_holds_the_value_and_narrows_with_more_contents():
    def interval(n):
        reference, test = features(n), features(n, stretch=1.5)
        return srga_interval(principal_scores(reference, 20), principal_scores(test, 20))

    few, many = interval(40), interval(400)
    for found in (few, many):
        assert found.low < found.value < found.high
    assert many.high - many.low < 0.6 * (few.high - few.low)
    assert (few.n, many.n) == (40, 400)
    same = principal_scores(features(40), 20)
    assert srga_interval(same, same)[:3] == pytest.approx((0, 0, 0), abs=1e-9)


def test_spearman():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 1))  # one level
    y = x + rng.standard_normal((100, 1))
    found = spearman(x, y)
    assert found.value == pytest.approx(spearmanr(x, y).statistic)
    # Asymptotically sd = sqrt((1 + rho^2 / 2) / (n - 3)) of Fisher's z (Bonett and Wright 2000).
    half = 1.96 * math.sqrt((1 + found.value**2 / 2) / 97) * (1 - found.value**2)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.25)
    assert spearman(x, np.exp(x))[:3] == pytest.approx((1, 1, 1))
    assert spearman(x, np.zeros_like(x)).value == 0


@pytest.mark.parametrize("shape", [(9, 1), (10, 2), (5, 2)])
def test_spearman_takes_equally_many_of_both(shape):
    with pytest.raises(DDRError, match=r"a rank correlation of \(10, 1\) and \(\d+, \d\) values"):
        spearman(np.zeros((10, 1)), np.zeros(shape))


def test_spearman_resamples_whole_rows():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.standard_normal((10, 1)), 20, axis=1)
    y = x + np.repeat(rng.standard_normal((10, 1)), 20, axis=1)  # 20 levels that say the same
    one, twenty = spearman(x[:, :1], y[:, :1]), spearman(x, y)
    assert one.value == pytest.approx(spearmanr(x[:, 0], y[:, 0]).statistic)
    # More levels of the same rows are no more evidence.
    assert twenty[:3] == pytest.approx(one[:3]) and twenty.n == one.n == 10


def test_spearman_resamples_whole_groups():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 10, 1))
    y = x + y
    names = np.array([f"recipe {k}" for k in range(10)])
    copies = (np.repeat(values, 5, axis=0) for values in (x, y))  # networks trained alike
    copied, once = spearman(*copies, np.repeat(names, 5)), spearman(x, y)
    assert copied.n == 50 and copied[:3] == pytest.approx(once[:3], abs=0.05)
    assert spearman(x, y, names) == once


def test_spearman_leaves_out_what_all_rows_share():
    rng = np.random.default_rng(0)
    level = np.arange(6) * 10.0
    x, y = rng.standard_normal((2, 30, 6)) + level  # they share nothing but the level
    found = spearman(x, y)
    assert spearmanr(x.ravel(), y.ravel()).statistic > 0.9
    assert abs(found.value) < 3.5 / math.sqrt(6 * 29)  # standard deviations of chance
    each = [spearmanr(x[:, k], y[:, k]).statistic for k in range(6)]
    assert found.value == pytest.approx(np.mean(each)) and found.n == 30
    assert spearman(x, x**3)[:3] == pytest.approx((1, 1, 1))


# Files


def save(path, array):
    np.save(path, array)
    return path


def save_bytes(array, save=np.save):
    buffer = io.BytesIO()
    save(buffer, array)
    return buffer.getvalue()


def test_files(tmp_path):
    reference = save(tmp_path / "clean.npy", features().astype(np.float16))
    test = save(tmp_path / "blur.npy", features(70, stretch=2).astype(np.float16))
    result = ddr_srga(reference, test, reference, "--components", 30, "--json")
    rows = json.loads(result.stdout)
    assert [row["test"] for row in rows] == [str(test), str(reference)]
    assert list(rows[0]) == ["test", "n", "components", "sigma", "shape", "kl", "srga"]
    assert [type(value) for value in rows[0].values()] == [str, int, int, *[float] * 4]
    assert (rows[0]["n"], rows[0]["components"]) == (70, 30)
    assert rows[0]["srga"] == srga(read_features(reference), read_features(test), 30).srga
    assert rows[0]["srga"] == srga(np.load(reference), np.load(test), 30).srga
    assert rows[1]["srga"] == pytest.approx(0, abs=1e-9)


def test_fewer_samples_than_components_is_said(caplog):
    found = srga(features(60), features(12, stretch=2), components=40)
    assert found.components == 11
    assert "12 samples have 11 principal components, not 40; all are used" in caplog.text
    assert found.srga == pytest.approx(
        straightforward(features(60), features(12, stretch=2), 11)[3]
    )


def with_value(value):
    x = features(20)
    x[3, 7] = value
    return x


@pytest.mark.parametrize(
    ("array", "line"),
    [
        (features(20, dim=400), "test.npy has D = 400, the reference D = 500; use the same layer"),
        (with_value(np.nan), "test.npy: NaN or infinite values, first in sample 3"),
        (with_value(-np.inf), "test.npy: NaN or infinite values, first in sample 3"),
        (np.ones((20, 500)), "test.npy: all 20 samples have the same features"),
        (
            features(20)[0],
            r"test.npy: float64 of shape \(500,\); features are real numbers \(N, D\)",
        ),
        (features(1), r"test.npy: float64 of shape \(1, 500\).*N at least 2"),
        (np.full((20, 500), "a"), "test.npy: <U1 of shape"),
        (features(20) + 1j, "test.npy: complex128 of shape"),
        (features(20) > 0, "test.npy: bool of shape"),
        (np.zeros((20, 2), "f4,f4"), "test.npy: .* of shape"),
        (np.empty((20, 0)), "test.npy has D = 0, the reference D = 500"),
        (features(20, dim=500) * 1e300, "test.npy: values up to .*, not between 1e-30 and 1e.30"),
        (features(20, dim=500) * 1e-200, "test.npy: values up to .*; divide all sets by one num"),
        (with_value(1e308), "test.npy: values up to 1e.308"),
        (with_value(-1e308), "test.npy: values up to 1e.308"),
        (np.full((20, 500), None), "test.npy is no .npy file of features"),
    ],
)
def test_bad_features_are_one_line(tmp_path, array, line):
    with pytest.raises(DDRError, match=line) as error:
        read_features(save(tmp_path / "test.npy", array), 500)
    assert "\n" not in str(error.value)


def header(text):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no numbers",
        b"\x93NUMPY\x01\x00",
        header("(" * 5000 + ")" * 5000),
        header("[" * 300 + "]" * 300),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 8)}"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (-2, -3)}"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': 'ab'}"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3)}"),
        header("__import__('os').getcwd()"),
        save_bytes(np.ones((20, 500)))[:-100],
        save_bytes(np.ones((20, 500)), np.savez),
    ],
)
def test_what_is_no_npy_file_is_one_line(tmp_path, content):
    (tmp_path / "test.npy").write_bytes(content)
    with pytest.raises(DDRError, match="test.npy is no .npy file of features") as error:
        read_features(tmp_path / "test.npy")
    assert "\n" not in str(error.value)


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_features_or_one_line(tmp_path, content):
    (tmp_path / "test.npy").write_bytes(b"\x93NUMPY\x01\x00" + content)
    with pytest.raises(DDRError):
        read_features(tmp_path / "test.npy")


def test_what_is_no_file_is_one_line(tmp_path):
    os.mkfifo(tmp_path / "pipe.npy")
    (tmp_path / "gone.npy").symlink_to(tmp_path / "nowhere")
    for name in ("pipe.npy", "gone.npy", "none.npy", "."):
        with pytest.raises(DDRError, match="no such file"):
            read_features(tmp_path / name)


def test_features_far_apart_give_no_number_that_json_has_not(tmp_path):
    # Uniform scores fit shapes near 10: E |x / a|^10 with x a hundred decades larger overflows.
    reference = np.random.default_rng(0).uniform(-1, 1, (200, 1)) * 1e25
    near = save(tmp_path / "near.npy", reference * 1e-50)
    result = ddr_srga(save(tmp_path / "far.npy", reference), near, "--json")
    (row,) = json.loads(result.stdout, parse_constant=pytest.fail)
    assert row["kl"] is None and row["srga"] is None and row["sigma"] > 0
    assert "inf" in ddr_srga(tmp_path / "far.npy", near).stdout


class Trap:
    """Unpickled, it would make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "dump",
    [
        lambda path, trap: path.write_bytes(pickle.dumps(trap)),
        lambda path, trap: np.save(path, np.array([trap, trap])),
    ],
)
def test_no_pickle_is_loaded(tmp_path, dump):
    dump(tmp_path / "test.npy", Trap(tmp_path / "trapped"))
    with pytest.raises(DDRError, match="test.npy is no .npy file of features"):
        read_features(tmp_path / "test.npy")
    assert not (tmp_path / "trapped").exists()


def ddr_srga(*arguments):
    return CliRunner().invoke(cli, ["srga", *map(str, arguments)], prog_name="ddr")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("missing.npy", "no such file"),
        ("folder.npy", "no such file"),
        ("nan.npy", "NaN or infinite"),
    ],
)
def test_command_refuses_in_one_line(tmp_path, name, line):
    reference = save(tmp_path / "clean.npy", features())
    (tmp_path / "folder.npy").mkdir()
    save(tmp_path / "nan.npy", with_value(np.nan))
    for files in ((reference, tmp_path / name), (tmp_path / name, reference)):
        result = ddr_srga(*files)
        assert result.exit_code == 2
        assert name in result.stderr and line in result.stderr
        assert len(result.stderr.splitlines()) == 1 and not result.stdout


def test_nothing_is_computed_before_all_files_are_checked(tmp_path, monkeypatch):
    reference = save(tmp_path / "clean.npy", features())
    bad = save(tmp_path / "bad.npy", with_value(np.nan))
    monkeypatch.setattr("ddrlib.measure.srga.principal_scores", None)
    assert "bad.npy: NaN" in ddr_srga(reference, reference, bad).stderr
