"""Packing for the explorer: nothing moves but by a rotation, nothing is lost but the last digits."""

from __future__ import annotations

import copy
import dataclasses
import io
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from scipy.spatial.distance import pdist

from ddrlib.data.photographs import Patches, load_patches
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError
from ddrlib.measure.measurement import measure
from ddrlib.measure.metrics import calinski_harabasz
from ddrlib.networks.srresnet import SRResNet
from ddrlib.widgets.explorer_data import align, pack, quantise
from ddrlib.widgets.thumbnails import photograph_name, sheet, sheet_columns, tiled, webp
from ddrlib.zoo.network import Network

DEGRADATIONS = ("clean", "blur1", "blur4+noise20")
N = 6


@pytest.fixture(scope="module")
def patches():
    return Patches(
        images=torch.rand(N, 3, 32, 32, generator=torch.Generator().manual_seed(0)),
        content=np.arange(N),
        category=np.array(["sea", "sky", "sky", "sea", "", "sea"]),
        source=np.array([f"folder/pack__photo{i // 2}.webp" for i in range(N)]),
    )


@pytest.fixture(scope="module")
def measurement(patches):
    torch.manual_seed(0)
    module = SRResNet(channels=4, blocks=2).eval()
    network = Network("toy", module, 4, module.layers(), lambda x: x, "sr", {"sha256": "0" * 64})
    return measure(
        network,
        patches,
        DEGRADATIONS,
        ["Conv1", "RB1", "RB2"],
        seeds=2,
        perplexity=4,
        device="cpu",
    )


@pytest.fixture(scope="module")
def packed(measurement):
    return pack([measurement, measurement], perplexities=[4, 3])


def unpacked(packed) -> np.ndarray:
    """(views, N, 2), by the formula that `quantise` documents."""
    words = np.frombuffer(packed.coordinates, "<u2").reshape(len(packed.index["views"]), -1, 2)
    centres = np.array([view["centre"] for view in packed.index["views"]])[:, None]
    radii = np.array([view["radius"] for view in packed.index["views"]])[:, None, None]
    return centres + radii * (words / 32767.5 - 1)


shapes = array_shapes(min_dims=1, max_dims=1, min_side=1, max_side=20).map(lambda s: (*s, 2))


@given(arrays(np.float64, shapes, elements=st.floats(-1e6, 1e6)))
def test_quantised_points_come_back(points):
    words, centre, radius = quantise(points)
    back = np.array(centre) + radius * (words.astype(float) / 32767.5 - 1)
    np.testing.assert_allclose(back, points, rtol=0, atol=1.6e-5 * radius + 1e-9)
    assert words.dtype == "<u2" and radius > 0


@given(st.floats(0, 2 * np.pi), st.booleans(), st.integers(0, 99))
def test_aligning_undoes_turns_and_mirrors(angle, mirrored, seed):
    reference = np.random.default_rng(seed).normal(size=(12, 2)) * [3, 1]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = reference @ turn * [1, -1 if mirrored else 1] + [5, -7]
    np.testing.assert_allclose(
        align(points, reference), reference - reference.mean(axis=0), atol=1e-9
    )


def test_views_are_the_projections_up_to_rotation(packed, measurement):
    views = unpacked(packed).reshape(2, 3, 3, -1, 2)  # network, layer, projection
    for network in views:
        for (plane, map_4, map_3), layer in zip(network, measurement.layers, strict=True):
            for view, points in ((plane, layer.scores[:, :2]), (map_4, layer.embeddings[0])):
                np.testing.assert_allclose(
                    pdist(view), pdist(points), atol=1e-4 * pdist(points).max()
                )
            assert np.abs(pdist(map_3) - pdist(map_4)).max() > 0.01 * pdist(map_4).max()
    assert packed.index["projections"] == ["PCA", "t-SNE, perplexity 4", "t-SNE, perplexity 3"]


def test_the_film_is_as_calm_as_a_rotation_makes_it(packed):
    views = unpacked(packed).reshape(2, 3, 3, -1, 2)[0]
    views = views - views.mean(axis=2, keepdims=True)
    for before, after in zip(
        views[:-1].reshape(-1, 18, 2), views[1:].reshape(-1, 18, 2), strict=True
    ):
        distance = np.square(after - before).sum()
        for angle in np.linspace(0, 2 * np.pi, 36, endpoint=False):
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            assert distance <= np.square(after @ turn - before).sum() * (1 + 1e-4)


def test_chi_is_that_of_the_view(packed):
    codes = {label["name"]: np.array(label["codes"]) for label in packed.index["labels"]}
    for points, view in zip(unpacked(packed), packed.index["views"], strict=True):
        assert set(view["chi"]) == set(codes)
        for name, chi in view["chi"].items():
            assert chi == pytest.approx(calinski_harabasz(points, codes[name]).chi, rel=1e-2)


def test_figures_of_the_layers(packed, measurement):
    for entry, layer in zip(packed.index["networks"][1]["layers"], measurement.layers, strict=True):
        assert (entry["name"], entry["dim"]) == (layer.name, layer.dim)
        assert entry["chi"]["content"] == [layer.chi_content.mean, layer.chi_content.sd, 2]
        assert entry["variance"]["rest"] == list(layer.variance.rest[:3])
    assert [name for name, _ in packed.index["shares"]] == ["degradation", "content", "rest"]


def test_labels(packed):
    labels = {
        label["name"]: [label["names"][code] for code in label["codes"]]
        for label in packed.index["labels"]
    }
    assert labels == {
        "degradation type": ["clean"] * N + ["blur"] * N + ["blur+noise"] * N,
        "degree": ["clean"] * N + ["blur1"] * N + ["blur4+noise20"] * N,
        "content": list("012345") * 3,
        "category": ["sea", "sky", "sky", "sea", "none", "sea"] * 3,
        "photograph": ["photo0", "photo0", "photo1", "photo1", "photo2", "photo2"] * 3,
    }


def remade(layer, **figures):
    """The layer with other figures than its Gram matrix gives."""
    other = copy.copy(layer)
    vars(other).update(figures)
    return other


def test_one_network_of_many_contents_has_no_chi_of_its_samples(measurement, patches):
    """One label a sample: CHI is not defined, and JSON could not say infinity."""
    whole = Patches(patches.images[:1], np.arange(1), patches.category[:1], patches.source[:1])
    samples = dataclasses.replace(
        measurement.samples, patches=whole, images=measurement.samples.images[::N]
    )
    layers = [
        remade(x, scores=x.scores[::N], embeddings=x.embeddings[:, ::N]) for x in measurement.layers
    ]
    one = dataclasses.replace(measurement, samples=samples, layers=layers)
    packed = pack([one])
    assert packed.index["views"][0]["chi"] == dict.fromkeys(
        ["degradation type", "degree", "content", "category", "photograph"]
    )


def test_the_index_is_strict_json(packed, measurement):
    json.dumps(packed.index, allow_nan=False)
    single = [
        remade(
            layer,
            chi_degradation=dataclasses.replace(
                layer.chi_degradation, values=layer.chi_degradation.values[:1]
            ),
        )
        for layer in measurement.layers
    ]
    index = pack([dataclasses.replace(measurement, layers=single)]).index
    json.dumps(index, allow_nan=False)
    assert index["networks"][0]["layers"][0]["chi"]["degradation"][1:] == [None, 1]


def test_a_sheet_holds_the_samples_in_order():
    flat = torch.rand(7, 3, 1, 1, generator=torch.Generator().manual_seed(1)).expand(-1, -1, 8, 8)
    made = Image.open(io.BytesIO(webp(tiled(flat))))
    assert made.size == (24, 24) and sheet_columns(7) == 3
    for i in range(7):
        corner = 8 * (i % 3), 8 * (i // 3)
        tile = made.convert("RGB").crop((*corner, corner[0] + 8, corner[1] + 8))
        expected = (flat[i, :, 0, 0] * 255).round().byte().tolist()
        assert np.unique(np.asarray(tile).reshape(-1, 3), axis=0).tolist() == [expected]


@pytest.mark.parametrize("side, kept", [(12, 12), (32, 32), (64, 32), (250, 32)])
def test_large_thumbnails_are_reduced(side, kept):
    assert Image.open(io.BytesIO(sheet(torch.rand(4, 3, side, side)))).size == (2 * kept, 2 * kept)


@given(arrays(np.uint8, (3, 5, 4)))
def test_lossless_webp(pixels):
    image = torch.from_numpy(pixels).float() / 255
    back = np.asarray(Image.open(io.BytesIO(webp(image))).convert("RGB"))
    np.testing.assert_array_equal(back, pixels.transpose(1, 2, 0))


def test_different_samples_are_refused(measurement, patches):
    samples = Samples.of(patches, ("clean", "blur1", "noise20"))
    other = dataclasses.replace(measurement, samples=samples)
    with pytest.raises(DDRError, match="measure all networks on the same ones"):
        pack([measurement, other])
    samples = Samples.of(dataclasses.replace(patches, images=1 - patches.images), DEGRADATIONS)
    other = dataclasses.replace(measurement, samples=samples)
    with pytest.raises(DDRError, match="measure all networks on the same ones"):
        pack([measurement, other])


@pytest.mark.parametrize(
    "source, name",
    [
        ("pack__sea2.webp", "sea2"),
        ("folder/holiday.jpg", "holiday"),
        ("a__b__c.png", "c"),
    ],
)
def test_photograph_name(source, name):
    assert photograph_name(source) == name


def test_size_of_a_full_explorer(measurement):
    """4 networks x 12 layers x 3 projections of 300 real samples leave room on a 3 MB page."""
    patches = load_patches("eval", n=100)
    degradations = ("clean", "blur4", "noise20")
    rng = np.random.default_rng(0)
    layer = remade(
        measurement.layers[0],
        scores=rng.normal(size=(300, 5)),
        embeddings=rng.normal(size=(1, 300, 2)),
    )
    samples = Samples.of(patches, degradations)
    full = dataclasses.replace(measurement, samples=samples, seeds=1, layers=[layer] * 36)
    # 36 layers x 2 projections are 72 views; two such networks are 144 = 4 x 12 x 3
    packed = pack([full, full])
    assert len(packed.coordinates) == 144 * 300 * 4
    (images,) = packed.sheets
    in_page = 4 / 3 * (len(packed.coordinates) + len(images)) + len(json.dumps(packed.index))
    assert in_page < 700_000
