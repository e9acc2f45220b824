"""The report: SRGA of each degradation at the right layer, from the right rows."""

from __future__ import annotations

import json

import pytest
import torch.nn.functional as F
from compact import RANGE
from torch import nn

from ddrlib.data.photographs import load_patches
from ddrlib.degrade.degradation import degrade
from ddrlib.errors import DDRError
from ddrlib.features.extraction import extract
from ddrlib.measure.report import report
from ddrlib.measure.srga import srga
from ddrlib.zoo.loading import load_custom

DEGRADATIONS = ("clean", "blur2", "noise20")


class Edges(nn.Module):
    def forward(self, x):
        return F.relu((x - F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)).abs() - 0.1)


class Coarse(nn.Module):
    """Its layer sees strong edges only: nothing at all where they are blurred."""

    def __init__(self):
        super().__init__()
        self.edges = Edges()

    def forward(self, x):
        self.edges(x)
        return F.interpolate(x, scale_factor=4)


@pytest.fixture(scope="module")
def patches():
    return load_patches("eval", 6, 64)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DDR_CACHE", str(tmp_path))


def test_srga_is_that_of_the_features(patches):
    network = load_custom("compact:Compact", input_range=RANGE)
    found = report(network, patches, DEGRADATIONS, seeds=1, device="cpu", layer="body.1")
    of_clean, *others = (
        extract(network, degrade(patches.images, name), ["body.1"], cache=False)["body.1"]
        for name in DEGRADATIONS
    )
    wanted = {
        name: srga(of_clean, features, len(patches) - 1).srga
        for name, features in zip(DEGRADATIONS[1:], others, strict=True)
    }
    assert {name: index.value for name, index in found.srga.items()} == pytest.approx(wanted)
    for value, low, high, n in found.srga.values():
        assert low <= value <= high and n == 6
    told = json.loads(found.to_json())["srga"]
    values = {name: entry["value"] for name, entry in told["degradations"].items()}
    assert values == pytest.approx(wanted)
    assert (told["layer"], told["reference"]) == ("body.1", "clean")
    assert found.srga_table().srga.tolist() == pytest.approx(list(wanted.values()))


def test_by_default_the_last_layer_before_the_output(patches):
    network = load_custom("compact:Compact", layers=["body.0", "Output"])
    assert report(network, patches, DEGRADATIONS, seeds=1, device="cpu").layer == "body.0"
    network = load_custom("compact:Compact", layers="Output")
    assert report(network, patches, DEGRADATIONS, seeds=1, device="cpu").layer == "Output"


def test_layers_of_which_there_is_no_index(patches):
    network = load_custom("compact:Compact")
    with pytest.raises(DDRError, match="no layer 'body.9'"):
        report(network, patches, layer="body.9", progress=lambda line: pytest.fail("too late"))
    network = load_custom("test_report:Coarse", layers=["edges", "Output"])
    with pytest.raises(DDRError, match="layer edges, blur8: the same features for all images"):
        report(network, patches, ("clean", "blur8"), seeds=1, device="cpu", layer="edges")
