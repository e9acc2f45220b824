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
from ddrlib.plots.palette import (
    CONTROLS,
    INK,
    KINDS,
    MARKERS,
    NETWORKS,
    PALETTE,
    PAPER,
    SHARES,
    TRAINED_ON,
    looks_of,
)
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
    assert (ax.get_title(), ax.get_xlabel()) == ("b", "CHI 39"), (
        "of the projection shown, not the mean"
    )
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
    assert ax.lines[0].get_ydata().tolist() == [21, 31] and ax.get_ylim()[0] == 21
    assert to_hex(ax.lines[0].get_color()) == INK


def test_a_network_that_starts_far_below_does_not_flatten_the_panel_of_psnr():
    rows = [
        {"iteration": i, "layer": "", "measure": "psnr", "value": value, "network": network}
        for network, values in {"with skip": (25.4, 27), "without skip": (6, 27)}.items()
        for i, value in zip((0, 10), values, strict=True)
    ]
    ax = curves.growth(pd.DataFrame(rows), {"PSNR (dB)": ("psnr", "")}).axes[0]
    assert ax.get_ylim()[0] == 25 and ax.get_title() == "PSNR (dB), from 25 up"


def is_open(line):
    return to_hex(line.get_markerfacecolor()) == PAPER


def test_what_is_measured_has_its_colour_and_networks_their_mark():
    kinds, measure = ["with skip", "without skip"], "component_degradation"
    rows = [
        {"iteration": i, "layer": "b", "measure": measure, "value": i / 10, "network": kind}
        for kind in kinds
        for i in (0, 10)
    ]
    ax = curves.growth(pd.DataFrame(rows), {"component": (measure, "b")}).axes[0]
    one, other = (line for line in ax.lines if len(line.get_xdata()))
    purple = SHARES["degradation"].lower()
    assert to_hex(one.get_color()) == to_hex(other.get_color()) == purple
    assert to_hex(one.get_markerfacecolor()) == purple and is_open(other)


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
    assert [line.get_marker() == "none" for line in ax.lines] == [False, True, False]
    bands = [band.get_paths()[0].vertices for band in ax.collections]
    assert len(bands) == 2 and (bands[0][:, 1].min(), bands[0][:, 1].max()) == (-0.5, 12.5)
    assert labels(ax) == ["clean", "blur"]
    assert fig.legends[0].get_title().get_text() == "trained on"


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
    notes = {(row["measure"], row["family"]): "rho 1" for row in rows}
    fig = curves.against_loss(pd.DataFrame(rows), ["clean", "blur4", "noise20"], notes)
    for ax in fig.axes:
        dots = [line.get_xydata().tolist()[0] for line in ax.lines]
        assert dots == [[1, 10], [2, 20], [0.5, 5]]
        assert [line.get_marker() for line in ax.lines] == ["s", "^", "s"], "as in the maps"
        assert [line.get_fillstyle() for line in ax.lines] == ["full", "full", "left"]
    assert [ax.get_xlabel() for ax in fig.axes[::2]] == ["SRGA", "component"]
    heads = ["with skip\nrho 1", "without skip\nrho 1", "rho 1", "rho 1"]
    assert [ax.get_title() for ax in fig.axes] == heads
    keys = {
        key.get_title().get_text(): [text.get_text() for text in key.get_texts()]
        for key in fig.legends
    }
    assert keys == {"trained on": ["clean", "blur"], "shown": ["blur4", "noise20"]}
    for_pages(fig)  # where both are written anew
    assert {key.get_title().get_text() for key in fig.legends} == keys.keys()


def test_distance_curves_draw_both_measures_by_distance_and_controls_dashed():
    def found(value):
        by_steps = {1: Interval(value, value - 1, value + 1, 9), 2: Interval(2 * value, 0, 9, 9)}
        return SimpleNamespace(
            components=lambda: by_steps, neighbours=lambda: by_steps, knn_chance=0.4
        )

    fig = curves.distance_curves({("DAT-light", "blur"): found(3), ("pixels", "blur"): found(1)})
    above, below = fig.axes
    assert [list(line.get_ydata()) for line in above.lines] == [[3, 6], [1, 2]]
    assert [line.is_dashed() for line in above.lines] == [False, True]
    assert list(below.lines[-1].get_ydata()) == [0.4, 0.4]
    assert labels(above) == ["DAT-light", "pixels", "chance"]
    assert below.get_title() == "neighbours of the\nsame degree", "its axis begins at 0"


def test_an_axis_says_where_it_begins():
    by_steps = {1: Interval(0.7, 0.53, 0.9, 9)}
    found = SimpleNamespace(
        components=lambda: by_steps, neighbours=lambda: by_steps, knn_chance=0.6
    )
    below = curves.distance_curves({("DAT-light", "blur"): found}).axes[1]
    assert below.get_ylim()[0] == pytest.approx(0.5) and "from 0.5" in below.get_title()


def test_degree_series_joins_the_means_of_the_degrees_in_order():
    named = layer("net", 3.0, 0.1)
    xy = np.arange(16.0).reshape(8, 2)
    vars(named)["scores"] = xy
    ax = maps.degree_series({("blur", "net"): named}).axes[0]
    assert ax.collections[0].get_offsets().tolist() == xy.tolist()
    assert ax.lines[0].get_xydata().tolist() == [[3, 4], [11, 12]]
    assert {text.get_text(): text.xy for text in ax.texts} == {"clean": (3, 4), "blur4": (11, 12)}
    assert labels(ax) == ["clean", "blur4"]


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
    yield curves.against_loss(
        pd.DataFrame([{**loss, "value": 1.0, "loss of PSNR": 2.0}]),
        ["clean", NAME],
        {(loss["measure"], loss["family"]): NAME},
    )
    yield spreads.few_shots(pd.DataFrame([split]), 0.1, [NAME])
    yield spreads.degree_orders(pd.DataFrame([split]))
    yield spreads.gain_bars({NAME: interval}, gains)
    yield spreads.ratios({NAME: [0.5, 20.0]})
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
    fig = atlas.where_they_sort(
        panels, ["clean", "blind", "clean"], {"pixels": (0.9, 0.0)}, {1: "this"}
    )
    best, mean = fig.axes
    points = {line.get_label(): line.get_xydata().tolist() for line in best.lines}
    assert points["clean"] == [[0.1, 0.6], [0.3, 0.4]] and points["blind"] == [[0.2, 0.5]]
    assert [0.9, 0.0] in [line.get_xydata().tolist()[0] for line in mean.lines]
    trained, other = fig.legends
    assert trained.get_title().get_text() == "trained on" and labels(best) == ["clean", "blind"]
    assert [text.get_text() for text in other.get_texts()] == ["pixels"]
    assert [(text.get_text(), *text.xy) for text in best.texts] == [("this", 0.2, 0.5)]


def test_names_of_networks_cover_no_point_and_no_other_name():
    x, y = np.random.default_rng(0).random((2, 40)) ** 2
    named = {k: f"network-{k}" for k in (0, 7, 21, 33)}
    fig = atlas.where_they_sort({"best": (x, y)}, ["clean"] * 40, {"pixels": (0.9, 0.0)}, named)
    fig.canvas.draw()
    (ax,) = fig.axes
    # of the letters alone: the lines to the points would belong to the others' boxes
    boxes = [matplotlib.text.Text.get_window_extent(text) for text in ax.texts]
    assert len(boxes) > 2 and not any(one.overlaps(two) for one, two in combinations(boxes, 2))
    places = ax.transData.transform(np.column_stack([x, y]))
    assert not any(box.contains(*place) for box in boxes for place in places)


def test_components_listed_puts_the_most_sorting_of_a_group_first():
    values = {"a": (0.1, 0.9), "b": (0.5, 0.3), "c": (0.7, 0.2)}
    rows = pd.DataFrame(
        {
            "degradation": [Interval(d, d - 0.05, d + 0.05, 4) for d, _ in values.values()],
            "content": [Interval(c, c - 0.05, c + 0.05, 4) for _, c in values.values()],
        },
        index=list(values),
    )
    fig = atlas.components_listed(rows, ["x", "y", "x"], {"high-pass filter": 0.4})
    (ax,) = fig.axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["c", "a", "b"]
    heads = [text for text in ax.texts if text.get_fontweight() == "bold"]
    assert [head.get_text() for head in heads] == ["x, 2", "y, 1"]
    assert [text.get_text() for text in ax.texts if text not in heads] == ["high-pass filter"]
    assert list(ax.lines[-1].get_xdata()) == [0.4, 0.4] and ax.lines[-1].is_dashed()
    assert ax.lines[1].get_xdata().tolist() == pytest.approx([0.65, 0.75])
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


# Looks


def test_no_network_and_no_control_has_the_colour_of_a_degradation_or_of_a_factor():
    shown = {colour.lower() for colour in (*PALETTE, *SHARES.values())}
    for name, look in (KINDS | NETWORKS | CONTROLS | looks_of(["one", "other"])).items():
        assert look.colour.lower() not in shown, name


def test_what_networks_were_trained_on_has_no_mark_of_an_image():
    assert not {look.marker for look in TRAINED_ON.values()} & set(MARKERS[:4])


@pytest.mark.parametrize("looks", [NETWORKS | CONTROLS, KINDS, TRAINED_ON])
def test_looks_are_told_apart_without_colour(looks):
    signs = [(look.marker, look.fill) for look in looks.values()]
    assert len(set(signs)) == len(signs)


def test_names_that_the_book_does_not_know_get_looks_of_their_own():
    names = ["SRResNet with skip", "a", "b", "RRDN, random weights", "RDN, random weights"]
    looks = looks_of(names)
    assert list(looks) == names and len(set(looks.values())) == 5
    assert looks["RRDN, random weights"] == KINDS["random weights"]


def look_of(artist):
    face = to_hex(artist.get_markerfacecolor())
    return to_hex(artist.get_color()), str(artist.get_marker()), face


def test_a_network_has_one_look_in_every_figure():
    names = ["SRResNet without skip", "SRResNet with skip", "BRISQUE"]
    splits = [
        {"method": name, "type": "blur", "shots": shots, "accuracy": 0.5, "rho": 0.5, "split": 0}
        for name in names
        for shots in (1, 2)
    ]
    by_steps = {1: Interval(0.5, 0.4, 0.6, 9), 2: Interval(0.5, 0.4, 0.6, 9)}
    pair = SimpleNamespace(components=lambda: by_steps, neighbours=lambda: by_steps, knn_chance=0.5)
    figures = [
        curves.distance_curves({(name, "blur"): pair for name in names[::-1]}),
        spreads.few_shots(pd.DataFrame(splits), 0.1, []),
        spreads.degree_orders(pd.DataFrame(splits)),
    ]
    drawn = []
    for fig in figures:
        entries = dict(zip(labels(fig.axes[0]), fig.legends[0].legend_handles, strict=True))
        drawn.append({name: look_of(entries[name]) for name in names})
    assert drawn[0] == drawn[1] == drawn[2]
    assert len(set(drawn[0].values())) == 3


# Ways of training


def ways():
    values = {"with skip": 0.3, "without skip": 0.1}
    rows = [
        {"kind": way, "measure": measure, "value": value + k / 100, "group": group}
        for measure in ("component", "beyond")
        for way in ("pixel loss", "perceptual")
        for group, value in values.items()
        for k in range(2)
    ]
    rows += [{"kind": "DAT-light", "measure": "component", "value": 0.4, "group": "published"}]
    return pd.DataFrame(rows)


def test_trainings_with_and_without_skip_share_a_row_and_are_joined():
    fig = spreads.trainings(ways(), {"component": {"high-pass filter": 0.35}})
    ax = fig.axes[0]
    rows = [tick.get_text() for tick in ax.get_yticklabels()]
    assert rows == ["pixel loss", "perceptual", "DAT-light"]
    assert set(labels(ax)) == {"with skip", "without skip", "published", "high-pass filter"}
    named = {line.get_label(): line for line in ax.lines}
    assert is_open(named["without skip"]) and not is_open(named["with skip"])
    assert named["with skip"].get_ydata().tolist() == [0, 0, 1, 1]
    joined = [line for line in ax.lines if line.get_label().startswith("_")][:2]
    assert [list(line.get_xdata()) for line in joined] == [pytest.approx([0.1, 0.31])] * 2


def test_trainings_name_their_controls_in_the_legend_and_have_three_ticks():
    fig = spreads.trainings(ways(), {"component": {"high-pass filter": 0.35}})
    for_pages(fig)  # ends with the layout of a phone
    fig.canvas.draw()
    for ax in fig.axes:
        low, high = ax.get_xlim()
        assert sum(low <= tick <= high for tick in ax.get_xticks()) >= 3
    entries = {
        text.get_text(): line
        for text, line in zip(fig.legends[0].texts, fig.legends[0].legend_handles, strict=True)
    }
    (line,) = (line for line in fig.axes[0].lines if line.get_label() == "high-pass filter")
    assert line.get_xdata() == [0.35, 0.35] and not fig.axes[1].texts
    assert entries["high-pass filter"].get_linestyle() == line.get_linestyle() == "--"


def test_the_legend_of_what_is_long_on_a_phone_stands_above(measurement):
    fig = curves.along_depth([measurement] * 3)
    for_pages(fig)  # ends with the layout of a phone
    fig.canvas.draw()
    legend = fig.legends[0].get_window_extent()
    assert legend.y0 >= max(ax.get_window_extent().y1 for ax in fig.axes)


def test_letters_can_be_read_on_a_phone():
    """9 px or more, where a phone of 390 px leaves 355 of them to a figure."""
    square = pd.DataFrame(np.eye(4), list("abcd"), list("abcd"))
    cells = pd.MultiIndex.from_product([[0, 1], [0.0, 4.0], [0.0, 20.0]])
    gains = pd.DataFrame({"a": 0.5}, cells.set_names(["seed", "blur", "noise"]))
    points = np.random.default_rng(0).standard_normal((8, 2))
    degrees = ["blur (HR pixels)", "noise (of 255)"]
    figures = [
        matrices.heatmap(square, "share"),
        matrices.gain_maps(gains),
        matrices.confusions({"a": square}),
        matrices.pair_maps({"a": square}, "share"),
        maps.embedding_maps(dict.fromkeys("abc", points), dict.fromkeys(degrees, np.arange(8))),
        spreads.trainings(ways(), {"component": {"high-pass filter": 0.35}}),
    ]
    for fig in figures:
        scale = min(355 / (for_pages(fig)["narrow"].width * 96), 1)
        texts = [text for text in fig.findobj(matplotlib.text.Text) if text.get_text()]
        assert min(text.get_fontsize() for text in texts) * scale * 96 / 72 > 9
