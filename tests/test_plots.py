"""Figures show the numbers they are given."""

import dataclasses
import inspect
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
import torch

matplotlib.use("agg")

from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgb

from ddrlib.data.photographs import Patches
from ddrlib.degrade.samples import Samples
from ddrlib.measure.embedded import Chi, EmbeddedLayer
from ddrlib.measure.intervals import Interval
from ddrlib.measure.measurement import Measurement
from ddrlib.measure.metrics import VarianceSplit
from ddrlib.plots import atlas, curves, maps, matrices, spreads
from ddrlib.plots.palette import INK, SHARES
from ddrlib.plots.rendering import for_pages


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def layer(name: str, chi: float, share: float) -> EmbeddedLayer:
    """A layer of which these are the figures, whatever its Gram matrix would give."""

    def interval(value):
        return Interval(value, 0.9 * value, 1.1 * value, 4)

    points = np.random.default_rng(0).standard_normal((2, 8, 2))
    found = EmbeddedLayer(name, 7, np.eye(8), 4, ("clean", "blur4"), points)
    vars(found).update(
        chi_degradation=Chi((chi - 1, chi + 1), 1, 1, interval(chi)),
        chi_content=Chi((2.0, 2.0), 1, 1, interval(2.0)),
        variance=VarianceSplit(interval(share), interval(0.5), interval(0.5 - share)),
        knn_degradation=interval(0.4),
        p=0.01,
    )
    return found


@pytest.fixture
def measurement():
    nothing = np.full(4, "")
    patches = Patches(torch.rand(4, 3, 8, 8), np.arange(4), nothing, nothing)
    samples = Samples.of(patches, ["clean", "blur4"])
    layers = [layer("a", 3.0, 0.1), layer("b", 40.0, 0.3)]
    return Measurement("net", samples, 2, 30.0, layers, ["a", "b"])


def test_along_depth_draws_chi_and_shares(measurement):
    above, below = curves.along_depth([measurement]).axes
    chi = above.containers[0].lines[0].get_ydata()
    assert chi.tolist() == [3, 40]
    drawn = {line.get_label(): line.get_ydata().tolist() for line in below.lines}
    assert drawn["degradation"] == [0.1, 0.3] and drawn["content"] == [0.5, 0.5]
    assert [text.get_text() for text in below.get_xticklabels()] == ["a", "b"]


def test_along_depth_shows_the_largest_index_of_any_network_and_names_that_can_be_read(measurement):
    layers = [layer(f"body.{k}", 900.0, 0.1) for k in range(50)]
    other = replace(measurement, network="other", layers=layers)
    above, higher, _, below = curves.along_depth([measurement, other]).axes
    assert above.get_ylim() == higher.get_ylim() and -1 < above.get_ylim()[0] < 0
    assert above.get_ylim()[1] > 900
    named = [text.get_text() for text in below.get_xticklabels()]
    assert named[-1] == "body.49" and len(named) <= 24
    assert below.get_xticks()[-1] == 49 and len(set(np.diff(below.get_xticks()))) == 1


def test_along_depth_of_three_networks_names_fewer_layers_none_beside_another(measurement):
    layers = [
        layer(name, 3.0, 0.1) for name in ("first", *(f"B{k}" for k in range(1, 19)), "up", "out")
    ]
    deep = replace(measurement, layers=layers)
    below = curves.along_depth([deep] * 3).axes[-1]
    named = [text.get_text() for text in below.get_xticklabels()]
    assert named == ["first", *(f"B{k}" for k in range(3, 19, 3)), "out"]


def test_projections_draw_every_point_under_its_label(measurement):
    fig = maps.projections([measurement], [["b"]])
    ax = fig.axes[0]
    points = measurement["b"].embeddings[0]
    assert np.allclose(ax.collections[1].get_offsets(), points[4:])
    assert (ax.get_title(), ax.get_xlabel()) == ("b", "CHI 40")
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["clean", "blur4"]


def test_names_of_maps_do_not_run_into_each_other_on_a_phone(measurement):
    names = ["conv_first", "DATB10", "DATB18"]
    layers = [layer(name, 1234.0, 0.1) for name in names]
    long = replace(measurement, network="srresnet-wgr-reduced-s0@random0", layers=layers)
    fig = maps.projections([long] * 2, [names] * 2)
    for_pages(fig)  # ends with the layout of a phone
    fig.canvas.draw()
    texts = [text for ax in fig.axes for text in (ax.title, ax.xaxis.label, ax.yaxis.label)]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert len(boxes) == 14
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


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
    ax = curves.growth(pd.DataFrame(rows), {"PSNR": ("psnr", "")}).axes[0]
    assert ax.lines[0].get_ydata().tolist() == [21, 31]
    assert to_hex(ax.lines[0].get_color()) == INK


def test_what_is_measured_has_its_colour_and_networks_their_dash():
    kinds, measure = ["with skip", "without skip"], "component_degradation"
    rows = [
        {"iteration": i, "layer": "b", "measure": measure, "value": i / 10, "network": kind}
        for kind in kinds
        for i in (0, 10)
    ]
    ax = curves.growth(pd.DataFrame(rows), {"component": (measure, "b")}).axes[0]
    one, other = (line for line in ax.lines if len(line.get_xdata()))
    assert to_hex(one.get_color()) == to_hex(other.get_color()) == SHARES["degradation"].lower()
    assert one.is_dashed() != other.is_dashed()


def test_pictures_are_shown_row_by_row():
    rows = {"black": torch.zeros(2, 3, 4, 4), "white": torch.ones(1, 3, 4, 4)}
    axes = maps.pictures(rows, columns=["one", "two"], notes={"black": ["0 dB", "1 dB"]}).axes
    assert [ax.get_xlabel() for ax in axes] == ["0 dB", "1 dB", "", ""]
    assert [ax.get_ylabel() for ax in axes[::2]] == ["black", "white"]
    assert axes[2].images[0].get_array().min() == 1 and not axes[3].images
    assert axes[1].get_title() == "two"


def labels(ax):
    return [text.get_text() for text in ax.figure.legends[0].get_texts()]


def test_overlays_have_a_panel_for_each_row_and_column_and_one_legend():
    points = np.arange(12.0).reshape(6, 2)
    fig = maps.overlays(
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
    fig = curves.response_curves(pd.DataFrame(rows), "SRGA", "degree", "family", "kind")
    (ax,) = fig.axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[0, 12], [0, 8], [0, 4]]
    assert [line.get_marker() == "None" for line in ax.lines] == [False, True, False]
    bands = [band.get_paths()[0].vertices for band in ax.collections]
    assert len(bands) == 2 and (bands[0][:, 1].min(), bands[0][:, 1].max()) == (-0.5, 12.5)
    assert labels(ax) == ["clean", "blur"]


def test_against_loss_has_a_dot_for_each_network_and_degradation():
    rows = [
        {
            "family": family,
            "measure": measure,
            "training": training,
            "degradation": degradation,
            "value": value,
            "loss of PSNR": 10 * value,
        }
        for family in ("with skip", "without skip")
        for measure in ("SRGA", "component")
        for training, degradation, value in [
            ("clean", "blur4", 1.0),
            ("clean", "noise20", 2.0),
            ("blur", "blur4", 0.5),
        ]
    ]
    fig = curves.against_loss(pd.DataFrame(rows))
    for ax in fig.axes:
        assert ax.collections[0].get_offsets().tolist() == [[1, 10], [2, 20], [0.5, 5]]
    assert [ax.get_xlabel() for ax in fig.axes[::2]] == ["SRGA", "component"]
    assert [ax.get_title() for ax in fig.axes] == ["with skip", "without skip", "", ""]
    assert {"clean", "blur", "blur4", "noise20"} <= set(labels(fig.axes[0]))


def test_distance_curves_draw_both_measures_by_distance_and_controls_dashed():
    def found(value):
        by_steps = {1: Interval(value, value - 1, value + 1, 9), 2: Interval(2 * value, 0, 9, 9)}
        return SimpleNamespace(
            components=lambda: by_steps, neighbours=lambda: by_steps, knn_chance=0.4
        )

    fig = curves.distance_curves(
        {("net", "blur"): found(3), ("pixels", "blur"): found(1)}, ["pixels"]
    )
    above, below = fig.axes
    assert [list(line.get_ydata()) for line in above.lines] == [[3, 6], [1, 2]]
    assert [line.get_linestyle() for line in above.lines] == ["-", "--"]
    assert list(below.lines[-1].get_ydata()) == [0.4, 0.4] and labels(above) == ["net", "pixels"]


def test_degree_series_joins_the_means_of_the_degrees_in_order():
    named = layer("net", 3.0, 0.1)
    xy = np.arange(16.0).reshape(8, 2)
    vars(named)["scores"] = xy
    ax = maps.degree_series({("blur", "net"): named}).axes[0]
    assert ax.collections[0].get_offsets().tolist() == xy.tolist()
    assert ax.lines[0].get_xydata().tolist() == [[3, 4], [11, 12]]
    assert {text.get_text(): text.xy for text in ax.texts} == {"clean": (3, 4), "blur4": (11, 12)}


def test_a_far_image_does_not_press_a_series_together():
    degrees = np.repeat([0, 1], 50)
    xy = np.random.default_rng(0).random((100, 2)) + 9 * degrees[:, None]
    xy[0] = 1000, 1000
    series = SimpleNamespace(scores=xy, degradation=degrees, degradations=("clean", "blur4"), n=50)
    ax = maps.degree_series({("blur", "net"): series}).axes[0]
    clean, blurred = ax.lines[0].get_xydata()
    assert clean[0] > 20 and ax.get_xlim()[0] < 9 < clean[0] < ax.get_xlim()[1] < 100
    assert ax.get_ylim()[0] < blurred[1] < clean[1] < ax.get_ylim()[1] < 100
    at = {text.get_text(): text.xyann for text in ax.texts}
    assert at["clean"][1] > 0 > at["blur4"][1], "each on the side away from the other"


def test_pair_maps_share_one_scale():
    one, two = (
        pd.DataFrame([[np.nan, v], [v, np.nan]], list("ab"), list("ab")) for v in (0.2, 0.4)
    )
    fig = matrices.pair_maps({"one": one, "two": two}, "component")
    assert [ax.collections[0].get_clim() for ax in fig.axes[:2]] == [(0, 40), (0, 40)]
    assert [text.get_text() for text in fig.axes[0].texts] == ["20", "20"]


# Names


NAME = r"a_{b$ and $c^\d"


def drawn(fig):
    """All texts that a figure shows, once it has been drawn (else nothing is typeset)."""
    fig.canvas.draw()
    return {text.get_text() for text in fig.findobj(matplotlib.text.Text)}


def named_figures(measurement):
    samples = dataclasses.replace(measurement.samples, degradations=(NAME, "blur4"))
    named = dataclasses.replace(
        measurement, network=NAME, samples=samples, layers=[layer(NAME, 3.0, 0.1)]
    )
    interval = Interval(1.0, 0.5, 1.5, 4)
    xy = np.random.default_rng(0).standard_normal((8, 2))
    square = pd.DataFrame([[0.1, 0.2], [0.3, 0.4]], [NAME, "b"], [NAME, "b"])
    row = {"network": NAME, "training": NAME, "family": NAME, "kind": NAME, "degree": 1}
    loss = {"family": NAME, "measure": NAME, "training": NAME, "degradation": NAME}
    split = {"method": NAME, "type": NAME, "shots": 2, "accuracy": 0.5, "rho": 0.5}
    cells = pd.MultiIndex.from_product([[0, 1], [0.0, 4.0], [0.0, 20.0]])
    gains = pd.DataFrame({NAME: 0.5}, cells.set_names(["seed", "blur", "noise"]))
    log = {"measure": "psnr", "layer": "", "network": NAME, "iteration": 1, "value": 2.0}
    by_steps = {1: interval, 2: interval}
    pair = SimpleNamespace(components=lambda: by_steps, neighbours=lambda: by_steps, knn_chance=0.5)
    yield maps.projections([named], [[NAME]])
    yield maps.overlays({(NAME, NAME): (xy, NAME)}, [NAME, "blur4"])
    yield maps.degree_series({(NAME, NAME): named.layers[0]})
    yield matrices.pair_maps({NAME: square}, NAME)
    yield maps.embedding_maps({NAME: xy}, {"blur": np.arange(8)})
    yield matrices.heatmap(square, NAME)
    yield matrices.layer_maps({NAME: square}, "share")
    yield matrices.confusions({NAME: square})
    yield matrices.gain_maps(gains)
    yield maps.pictures({NAME: torch.zeros(1, 3, 4, 4)}, [NAME])
    yield curves.along_depth([named])
    yield curves.growth(pd.DataFrame([log]), {"PSNR": ("psnr", "")})
    yield curves.distance_curves({(NAME, NAME): pair})
    yield curves.response_curves(
        pd.DataFrame([{**row, "SRGA": interval}]), "SRGA", "degree", "family", "kind"
    )
    yield curves.against_loss(pd.DataFrame([{**loss, "value": 1.0, "loss of PSNR": 2.0}]))
    yield spreads.few_shots(pd.DataFrame([split]), 0.1)
    yield spreads.degree_orders(pd.DataFrame([split]))
    yield spreads.gain_bars({NAME: interval}, gains)
    training = {"kind": NAME, "measure": NAME, "value": 1.0, "group": NAME}
    yield spreads.trainings(pd.DataFrame([training]), {NAME: {NAME: 0.5}})


def test_names_with_dollar_signs_are_shown_as_they_are(measurement):
    """Matplotlib would take what stands between two for mathematics, and fail or hide it."""
    for fig in named_figures(measurement):
        assert any(text.replace(r"\$", "$").startswith(NAME) for text in drawn(fig))
        plt.close(fig)


def test_every_figure_takes_such_names(measurement):
    functions = {
        name
        for module in (maps, matrices, curves, spreads)
        for name, made in inspect.getmembers(module, inspect.isfunction)
        if made.__module__ == module.__name__ and not name.startswith("_")
    }
    assert len(functions) == len([*named_figures(measurement)])


def test_where_networks_sort_has_a_point_for_each_and_a_cross_for_each_control():
    panels = {
        "best": ([0.1, 0.2, 0.3], [0.6, 0.5, 0.4]),
        "mean": ([0.5, 0.5, 0.5], [0.1, 0.2, 0.3]),
    }
    fig = atlas.where_they_sort(panels, ["clean", "blind", "clean"], {"pixels": (0.9, 0.0)})
    best, mean = fig.axes
    points = {c.get_label(): c.get_offsets().tolist() for c in best.collections}
    assert points["clean"] == [[0.1, 0.6], [0.3, 0.4]] and points["blind"] == [[0.2, 0.5]]
    assert [0.9, 0.0] in [c.get_offsets().tolist()[0] for c in mean.collections]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["clean", "blind", "pixels"]


def test_components_listed_puts_the_most_sorting_of_a_group_first():
    values = {"a": (0.1, 0.9), "b": (0.5, 0.3), "c": (0.7, 0.2)}
    rows = pd.DataFrame(
        {
            "degradation": [Interval(d, d - 0.05, d + 0.05, 4) for d, _ in values.values()],
            "content": [Interval(c, c - 0.05, c + 0.05, 4) for _, c in values.values()],
        },
        index=list(values),
    )
    fig = atlas.components_listed(rows, ["x", "y", "x"])
    (ax,) = fig.axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["X", "c", "a", "Y", "b"]
    assert ax.lines[0].get_xdata().tolist() == pytest.approx([0.65, 0.75])
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["degradation", "content"]


def test_rows_of_pictures_stand_as_close_as_columns():
    """Long names beside and above them are broken, and take no room between."""
    rows = {f"is blur4+noise{k}": torch.rand(4, 3, 8, 8) for k in range(4)}
    fig = maps.pictures(rows, ["as blur4+noise20"] * 4)
    fig.canvas.draw()
    boxes = [ax.get_window_extent() for ax in fig.axes]
    across, down = boxes[1].x0 - boxes[0].x1, boxes[0].y0 - boxes[4].y1
    assert 0 < down < across + 0.1 * boxes[0].height
    assert fig.axes[0].get_title() == "as blur4\n+noise20"


def test_numbers_in_a_matrix_can_be_read_on_every_colour():
    """With a contrast of 4.5 or more, also beside a number that is missing."""
    values = np.linspace(0, 1, 36).reshape(6, 6)
    values[0, 1] = np.nan
    ax = matrices.heatmap(pd.DataFrame(values), "share").axes[0]
    faces = ax.collections[0].get_facecolors()[np.isfinite(values).ravel()]
    assert len(ax.texts) == len(faces) == 35
    for text, face in zip(ax.texts, faces, strict=True):
        lights = [
            sns.utils.relative_luminance(x) + 0.05 for x in (to_rgb(text.get_color()), face[:3])
        ]
        assert max(lights) / min(lights) >= 4.5
