"""Figures show the numbers they are given."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch

matplotlib.use("agg")

from matplotlib import pyplot as plt

from ddrlib import plots
from ddrlib.measure.measurement import Chi, LayerMeasurement, Measurement
from ddrlib.measure.metrics import Interval, VarianceSplit


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def layer(name: str, chi: float, share: float) -> LayerMeasurement:
    def interval(value):
        return Interval(value, 0.9 * value, 1.1 * value, 4)

    return LayerMeasurement(
        layer=name,
        dim=7,
        chi_degradation=Chi((chi - 1, chi + 1), 1, 1, interval(chi)),
        chi_content=Chi((2.0, 2.0), 1, 1, interval(2.0)),
        variance=VarianceSplit(interval(share), interval(0.5), interval(0.5 - share)),
        knn_degradation=interval(0.4),
        p=0.01,
        embeddings=np.random.default_rng(0).standard_normal((2, 8, 2)),
        scores=np.zeros((8, 2)),
        gram=np.eye(8),
    )


@pytest.fixture
def measurement():
    layers = [layer("a", 3.0, 0.1), layer("b", 40.0, 0.3)]
    return Measurement(
        "net",
        4,
        ("clean", "blur4"),
        2,
        30.0,
        np.tile(np.arange(4), 2),
        np.repeat([0, 1], 4),
        layers,
        ["a", "b"],
    )


def test_along_depth_draws_chi_and_shares(measurement):
    above, below = plots.along_depth([measurement]).axes
    chi = above.containers[0].lines[0].get_ydata()
    assert chi.tolist() == [3, 40]
    drawn = {line.get_label(): line.get_ydata().tolist() for line in below.lines}
    assert drawn["degradation"] == [0.1, 0.3] and drawn["content"] == [0.5, 0.5]
    assert [text.get_text() for text in below.get_xticklabels()] == ["a", "b"]


def test_projections_draw_every_point_under_its_label(measurement):
    fig = plots.projections([measurement], [["b"]])
    ax = fig.axes[0]
    points = measurement["b"].embeddings[0]
    assert np.allclose(ax.collections[1].get_offsets(), points[4:])
    assert ax.get_title() == "b   CHI 40"
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["clean", "blur4"]


def test_projections_by_labels_of_the_contents(measurement):
    labels = np.array(["sky", "city", "sky", "sky"])
    ax = plots.projections([measurement], [["a"]], labels=labels).axes[0]
    city = measurement["a"].embeddings[0][[1, 5]]
    assert np.allclose(ax.collections[0].get_offsets(), city)


def test_principal_colours_order_components_by_their_variance():
    rng = np.random.default_rng(0)
    sources = rng.uniform(size=(2, 3, 20, 20)) * np.array([9.0, 3.0, 1.0])[:, None, None]
    mixed = np.einsum("nchw,kc->nkhw", sources, np.linalg.qr(rng.standard_normal((6, 3)))[0])
    colours = plots.principal_colours(mixed)
    assert colours.shape == (2, 3, 20, 20) and colours.min() >= 0 and colours.max() <= 1
    for k in range(3):
        r = np.corrcoef(colours[:, k].flatten(), sources[:, k].flatten())[0, 1]
        assert abs(r) > 0.95


def test_growth_averages_over_training_seeds():
    rows = [
        {
            "iteration": i,
            "layer": "",
            "measure": "psnr",
            "value": 20 + i + seed,
            "seed": seed,
            "network": "net",
        }
        for i in (0, 10)
        for seed in (0, 1, 2)
    ]
    ax = plots.growth(pd.DataFrame(rows), {"PSNR": ("psnr", "")}).axes[0]
    assert ax.lines[0].get_ydata().tolist() == [21, 31]


def test_pictures_are_shown_row_by_row():
    rows = {"black": torch.zeros(2, 3, 4, 4), "white": torch.ones(1, 3, 4, 4)}
    axes = plots.pictures(rows, columns=["one", "two"]).axes
    assert [ax.get_ylabel() for ax in axes[::2]] == ["black", "white"]
    assert axes[2].images[0].get_array().min() == 1 and not axes[3].images
    assert axes[1].get_title() == "two"
