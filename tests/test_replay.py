"""What the replay of a training is given; `tests/browser/test_replay.py` plays it."""

from __future__ import annotations

import numpy as np
import pytest

from ddrlib.errors import DDRError
from ddrlib.training.log import PROBE_CONTENTS, PROBE_DEGRADATIONS, read_log
from ddrlib.training.maps import read_maps
from ddrlib.widgets.replay import STEPS, aligned, replay

NAME = "srresnet-wgr-reduced-s3"


def turned(points: np.ndarray, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return points @ np.array([[c, s], [-s, c]])


def test_maps_that_differ_by_a_turn_come_to_lie_on_one_another():
    """Each layer by itself; the last iteration stays as it is but for its mean and its size."""
    rng = np.random.default_rng(0)
    last = rng.standard_normal((2, 9, 2))
    middle = np.stack([5 * turned(last[0], 70), turned(last[1] * [1, -1], -20)]) + 3
    first, then, end = aligned([0.1 * middle, middle, last])
    assert np.allclose(then, end) and np.allclose(first, end)
    centred = last - last.mean(axis=1, keepdims=True)
    assert np.allclose(end, centred / abs(centred).max(axis=(1, 2), keepdims=True))


def test_points_that_all_lie_in_one_place_stay_there():
    assert abs(aligned([np.zeros((1, 4, 2)), np.ones((1, 4, 2))])[0]).max() == 0


def test_the_page_gets_the_maps_and_the_figures_of_the_log():
    widget, maps, log = replay({"with skip": NAME}), read_maps(NAME), read_log(NAME)
    [network] = widget.index["networks"]
    assert network["iterations"] == list(maps.points) and network["layers"] == maps.layers
    samples = PROBE_CONTENTS * len(PROBE_DEGRADATIONS)
    shape = len(maps.points), len(maps.layers), samples, 2
    points = np.frombuffer(widget.points[0], "<i2").reshape(shape)
    assert (abs(points).max(axis=(2, 3)) == STEPS).all(), "each fills its square"
    psnr = log[log.measure == "psnr"].set_index("iteration").value
    assert [value for (value,) in network["psnr"]] == psnr[network["iterations"]].tolist()
    deepest = log[(log.measure == "component_degradation") & (log.layer == maps.layers[-1])]
    assert [row[-1] for row in network["component_degradation"]] == deepest.value.tolist()


def test_the_last_map_separates_what_the_log_says_it_does():
    """On two components too, noisy images lie apart from blurred ones in the network with skip."""
    [last] = [plane[-1].numpy() for at, plane in read_maps(NAME).points.items() if at == 6000]
    _, blurred, noisy = last.astype(float).reshape(3, PROBE_CONTENTS, 2)
    pooled = (blurred.std(axis=0) + noisy.std(axis=0)) / 2
    assert (abs(blurred.mean(axis=0) - noisy.mean(axis=0)) > pooled).any()


def test_a_training_without_maps_is_refused():
    with pytest.raises(DDRError, match="no maps of the training of srresnet-wgr-reduced-s0"):
        replay({"x": "srresnet-wgr-reduced-s0"})
