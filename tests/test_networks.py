"""The architectures: sizes, order of layers, agreement with the originals of the shipped weights."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import originals
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

from ddrlib.networks.dat import DATLight
from ddrlib.networks.rdn import RDN
from ddrlib.networks.rrdbnet import RRDN, RRDBNet
from ddrlib.networks.srresnet import SRResNet
from ddrlib.zoo.loading import load_network
from ddrlib.zoo.tracing import fault, trace

SHIPPED = [*originals.KERAS, "dat-light-x4", "realesrgan-x4plus-anime"]


def output(name: str, image: np.ndarray) -> np.ndarray:
    return load_network(name).module(torch.from_numpy(image)[None])[0].numpy()


@pytest.mark.parametrize(
    ("module", "count"),
    [
        (RDN(), 2_631_011),
        (RDN(scale=2), 2_619_635),
        (RRDN(), 4_176_100),
        (RRDBNet(blocks=6), 4_467_779),
        (DATLight(), 572_766 - 342),  # the published file's, less what has no effect
        (SRResNet(), 1_517_571),
    ],
)
def test_parameter_counts(module, count):
    assert sum(p.numel() for p in module.parameters()) == count


@pytest.mark.parametrize("name", [*SHIPPED, "efficientnet-lite0", "inside gans-x4"])
def test_layers_run_once_each_and_in_the_order_named(name):
    inside = name.startswith("inside ")
    network = load_network(name.removeprefix("inside "))
    if inside:
        network = replace(network, layers=network.inside)
    paths = {layer: path for layer, path in network.layers.items() if path}
    _, runs = trace(network.module, network.prepare(torch.rand(2, 3, 16, 16)), paths)
    assert list(runs) == list(paths)
    assert all(fault(output, 2) is None for output in runs.values())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_network_agrees_with_the_recorded_independent_reading(name):
    reference = json.loads(originals.REFERENCES.read_text())[name]
    given = originals.thinned(output(name, originals.probe())).ravel()
    np.testing.assert_allclose(given, reference, atol=1e-3)
    # The tolerance means something: the outputs vary a hundred times as much.
    assert np.std(reference) > 0.1


def maps(name: str, image: np.ndarray) -> dict[str, np.ndarray]:
    """What each layer of a shipped network gives for an image (3, H, W)."""
    network = load_network(name)
    paths = {layer: path for layer, path in network.layers.items() if path}
    result, runs = trace(network.module, torch.from_numpy(image)[None], paths)
    found = {layer: runs[layer] if path else result for layer, path in network.layers.items()}
    return {layer: values[0].numpy() for layer, values in found.items()}


def keras_name(layer: str) -> str:
    """What UpscalerJS calls a layer of ours; those of `RDN` have its names."""
    names = {"conv_first": "Pre_blocks_conv", "trunk": "post_blocks_conv", "sum": "GRL"}
    names |= {"up": "pixel_shuffle_10", "output": "SR"}
    return names.get(layer, re.sub(r"RRDB(\d+)", r"RRDB_\1_out", layer))


@pytest.mark.parametrize(("name", "count"), [("rdn-div2k-x4", 19), ("gans-x4", 15)])
def test_network_agrees_with_a_walk_of_the_original_graph_at_every_named_layer(name, count):
    image = originals.probe()
    package = originals.original(originals.UPSCALERJS)
    walked = originals.walk_keras(package, originals.KERAS[name], image)
    found = maps(name, image)
    assert len(found) == count
    for layer, given in found.items():
        wanted = walked[keras_name(layer)]
        tolerance = 1e-4 * np.abs(wanted).max()
        np.testing.assert_allclose(given, wanted, atol=tolerance, err_msg=layer)


def test_dat_agrees_with_its_package_block_by_block_at_sizes_that_fill_no_window():
    for size in (32, 45):
        image = originals.probe(size)
        theirs = originals.run_dat(originals.original(originals.DAT), image)
        found = maps("dat-light-x4", image)
        assert len(theirs) == 19
        for layer, wanted in theirs.items():
            given = found[layer].reshape(wanted.shape)
            np.testing.assert_allclose(given, wanted, atol=1e-4 * np.abs(wanted).max())


def test_rrdbnet_agrees_with_ncnn_on_the_original_files(tmp_path):
    name = "realesrgan-x4plus-anime"
    image = np.random.default_rng(0).random((3, 16, 16), dtype=np.float32)
    wheel = originals.original(originals.REALESRGAN)
    reference = originals.run_ncnn(wheel, name, image, tmp_path)
    np.testing.assert_allclose(output(name, image), reference, atol=1e-3)


def test_rdn_has_no_image_level_residual():
    """With nothing but a bias in the last conv, nothing of the image is left."""
    module = RDN(channels=8, blocks=2)
    torch.nn.init.zeros_(module.sr.weight)
    torch.nn.init.constant_(module.sr.bias, 0.5)
    assert torch.equal(module(torch.rand(1, 3, 8, 8)), torch.full((1, 3, 32, 32), 0.5))


def test_classifier_is_the_package_s_own_on_prepared_images():
    network = load_network("efficientnet-lite0")
    theirs = EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(network.module.state_dict())
    images = torch.rand(1, 3, 16, 24)
    prepared = network.prepare(images)
    assert prepared.shape == (1, 3, 64, 96)
    torch.testing.assert_close(network.module(prepared), theirs(prepared))


def test_classifier_prepares_to_the_range_of_the_original():
    prepare = load_network("efficientnet-lite0").prepare
    for value, wanted in [(0.0, -127 / 128), (127 / 255, 0.0), (1.0, 1.0)]:
        given = prepare(torch.full((1, 3, 32, 32), value))
        torch.testing.assert_close(given, torch.full((1, 3, 128, 128), wanted), atol=1e-5, rtol=0)
