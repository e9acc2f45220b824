"""One network that the project does not know, brought by each route: the same figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from compact import RANGE, weights, write_onnx

from ddrlib.data.photographs import load_patches
from ddrlib.errors import DDRError, optional
from ddrlib.measure.measurement import measure
from ddrlib.zoo.loading import load_custom
from ddrlib.zoo.network import Network

LAYERS = ["body.*", "Output"]
DESCRIPTOR = """
factory: compact:Compact
checkpoint: weights.pth
input_range: [0, 255]
layers: ["body.*", Output]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("routes")
    torch.save({"params": weights()}, folder / "weights.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDR_CACHE", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="module")
def by_module(folder):
    return _figures_of(
        load_custom("compact:Compact", folder / "weights.pth", layers=LAYERS, input_range=RANGE)
    )


def by_descriptor(folder):
    (folder / "network.yaml").write_text(DESCRIPTOR)
    return load_custom(folder / "network.yaml")


def by_onnx(folder):
    pytest.importorskip("onnxruntime")
    file = write_onnx(folder / "network.onnx")
    return load_custom(file, layers=["head", "active", "deep", "Output"], input_range=RANGE)


def by_spandrel(folder):
    try:
        optional("spandrel", "spandrel")
    except DDRError as error:
        pytest.skip(str(error))
    return load_custom(folder / "weights.pth", layers=LAYERS, input_range=RANGE)


@pytest.mark.parametrize("route", [by_descriptor, by_onnx, by_spandrel])
def test_every_route_gives_the_same_figures(folder, by_module, route):
    figures = _figures_of(route(folder))
    assert len(figures) > 4 * 20  # layers, numbers of a layer
    assert figures == pytest.approx(by_module, rel=1e-4, abs=1e-4)


def _figures_of(network: Network) -> dict[str, float]:
    patches = load_patches("eval", 6, 64)
    found = measure(network, patches, ("clean", "blur2", "noise20"), seeds=2, device="cpu")
    return dict(_numbers(found.record(found.layers[-2].name)))


def _numbers(value: object, place: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _numbers(item, f"{place}/{key}")
    elif isinstance(value, int | float):
        yield place, value
