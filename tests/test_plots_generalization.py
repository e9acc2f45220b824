"""Figures of networks that have seen degradations show the numbers they are given."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("agg")

from matplotlib import pyplot as plt

from ddrlib import plots
from ddrlib.measure.metrics import Interval


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.figure.legends[0].get_texts()]


def test_overlays_have_a_panel_for_each_row_and_column_and_one_legend():
    points = np.arange(12.0).reshape(6, 2)
    fig = plots.overlays(
        {("a", "x"): (points, "1"), ("a", "y"): (2 * points, "2"), ("b", "y"): (points, "3")},
        ["clean", "blur4"],
    )
    ax, ay, bx, by = fig.axes
    assert [found.get_offsets().tolist() for found in ay.collections] == [
        (2 * points[:3]).tolist(),
        (2 * points[3:]).tolist(),
    ]
    assert (ax.get_title(), ay.get_title(), ax.get_ylabel()) == ("x", "y", "a")
    assert (ax.get_xlabel(), ay.get_xlabel(), by.get_xlabel()) == ("1", "2", "3")
    assert not bx.axison and by.axison
    assert labels(ax) == ["clean", "blur4"]


def test_response_curves_draw_the_first_of_each_kind_with_its_interval():
    rows = [
        {
            "network": network,
            "training": training,
            "family": "f",
            "kind": "blur",
            "degree": degree,
            "SRGA": Interval(value * degree, value * degree - 0.5, value * degree + 0.5, 9),
        }
        for network, training, value in [("a0", "clean", 3), ("a1", "clean", 2), ("b0", "blur", 1)]
        for degree in (0, 4)
    ]
    fig = plots.response_curves(pd.DataFrame(rows), "SRGA", "degree", "family", "kind")
    (ax,) = fig.axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[0, 12], [0, 8], [0, 4]]
    assert [line.get_marker() == "None" for line in ax.lines] == [False, True, False]
    bands = [band.get_paths()[0].vertices for band in ax.collections]
    assert len(bands) == 2 and (bands[0][:, 1].min(), bands[0][:, 1].max()) == (-0.5, 12.5)
    assert labels(ax) == ["clean", "blur"]


def test_against_loss_has_a_dot_for_each_network_and_degradation():
    rows = [
        {
            "measure": measure,
            "place": "output",
            "training": training,
            "degradation": degradation,
            "value": value,
            "loss of PSNR": 10 * value,
        }
        for measure in ("SRGA", "share")
        for training, degradation, value in [
            ("clean", "blur4", 1.0),
            ("clean", "noise20", 2.0),
            ("blur", "blur4", 0.5),
        ]
    ]
    fig = plots.against_loss(pd.DataFrame(rows))
    above, below = fig.axes
    assert above.collections[0].get_offsets().tolist() == [[1, 10], [2, 20], [0.5, 5]]
    assert (above.get_xscale(), below.get_xscale()) == ("linear", "log")
    assert (above.get_xlabel(), below.get_xlabel()) == ("SRGA", "share")
    assert above.get_title() == "output"
    assert {"clean", "blur", "blur4", "noise20"} <= set(labels(above))
