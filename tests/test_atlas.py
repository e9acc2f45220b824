"""The atlas: how a network is measured, how the table is kept, and that the stored one is whole."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from test_ncnn_graph import U_NET

from ddrlib.book import survey
from ddrlib.book.atlas import FACTS, STORE, read_atlas
from ddrlib.cli import cli
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError
from ddrlib.features.extraction import extract
from ddrlib.measure.atlas import MAPS, Design, measured_part, tell
from ddrlib.measure.picture import beyond
from ddrlib.measure.spatial import Map, evenly, feature_maps, seen_by
from ddrlib.networks.ncnn_graph import NcnnGraph
from ddrlib.zoo.cards import write_network
from ddrlib.zoo.census import read_census
from ddrlib.zoo.loading import load_network

SMALL = Design(contents=3, choosing=2)
TOLD = ["Input in 0 1 in", "Convolution a 1 1 in b 0=4 1=3 4=1 5=1 6=144 9=1"]
TOLD += ["Convolution c 1 1 b out 0=3 1=3 4=1 5=1 6=108"]


def shipped(folder, name: str, graph: list[str], **arguments) -> None:
    """A network with a card in the folder."""
    torch.manual_seed(0)
    arguments = {"graph": graph, **arguments}
    module = NcnnGraph(**arguments)
    card = {"name": name, "architecture": "NcnnGraph", "arguments": arguments, "task": "sr"}
    card |= {"scale": module.scale, "source": "a test", "licence": "MIT"}
    write_network(module.state_dict(), card, folder)


@pytest.fixture
def folder(tmp_path):
    """Two networks under names of the census."""
    shipped(tmp_path, "waifu2x-photo-x2", U_NET, scale=2, padding=2)
    shipped(tmp_path, "srmd-x4", TOLD, told=[0.0])
    return tmp_path


def test_the_maps_of_a_network_are_those_no_finer_than_its_input(folder):
    maps = {each.name: each for each in feature_maps(load_network("waifu2x-photo-x2", folder))}
    # Padded to 36 pixels; the first convolution leaves out its edges, the next halves the side.
    assert maps["first"] == Map("first", 6, 34, 1, maps["first"].depth)
    assert (maps["down"].side, maps["down"].step) == (17, 2)
    assert (maps["sum"].side, maps["sum"].step) == (34, 1)
    # Pooled vectors, what squeezes them, and the output, which is finer, are none.
    assert not [name for name in maps if name.split(".")[0] in ("mean", "squeeze", "out", "output")]
    assert [each.depth for each in maps.values()] == sorted(each.depth for each in maps.values())


def test_evenly():
    assert evenly(list("abcdefghi"), 3) == ["a", "e", "i"]
    assert evenly(list("ab"), 5) == ["a", "b"]


@pytest.mark.parametrize("side, step", [(6, 1), (4, 1), (9, 1), (3, 2), (4, 2)])
def test_a_map_sees_the_middle_of_the_input_pixel_under_pixel(side, step):
    image = torch.arange(36.0).view(1, 1, 6, 6).expand(1, 3, 6, 6)
    seen = seen_by(Map("", 8, side, step, 0.0), image)
    assert seen.shape == (1, 3 * step**2, side, side)
    first = (side * step - 6) // 2  # rows and columns that are repeated before the image
    wanted = image[0, 0][max(-first, 0), max(-first, 0)] if first < 0 else image[0, 0, 0, 0]
    assert seen[0, 0, 0, 0] == wanted


def test_what_is_linear_in_the_input_is_seen_whatever_its_step_and_edges(folder):
    network = load_network("waifu2x-photo-x2", folder)
    images = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    network.module.steps[1][1] = torch.nn.Identity()  # without its activation
    for each in feature_maps(network):
        if each.name in ("first", "down.0"):
            features = extract(network, images, [each.name])[each.name]
            rest = beyond(features, seen_by(each, images))
            inner = rest.reshape(6, each.channels, each.side, each.side)[..., 1:-1, 1:-1]
            whole = features.astype(float).std()
            assert inner.std() < 0.02 * whole, each.name


def test_a_network_is_told_and_a_told_one_gives_other_features(folder):
    network = load_network("srmd-x4", folder)
    image = torch.rand(1, 3, 8, 8)
    silent = network.module(image).clone()
    told = tell(network, 51.0)
    assert told.module.told[0, -1] == pytest.approx(0.2)
    assert not torch.equal(told.module(image), silent)


def test_what_is_measured_is_kept_gone_on_with_and_measured_anew(folder, tmp_path):
    store, said = tmp_path / "store", []
    args = {"folders": [folder], "store": store, "design": SMALL, "progress": said.append}
    survey.measure_all(["waifu2x-photo-x2"], **args)
    first = read_atlas(store)
    assert list(first.table.index) == ["waifu2x-photo-x2"]
    assert first.table.scale.item() == 2 and first.table.n.item() == 3
    assert 0 < len(first.layers) <= MAPS
    both = survey.measure_all(**args)
    assert list(both.table.index) == [
        "waifu2x-photo-x2",
        "srmd-x4",
        "srmd-told-x4",
        "srmd-misled-x4",
    ]
    assert [line.split()[0] for line in said] == [*both.table.index, "not"]  # once each; what lacks
    kept = both.table.loc[first.table.index]
    pd.testing.assert_frame_equal(kept, first.table, check_dtype=False)
    again = survey.measure_all(["srmd-x4"], **args).table
    columns = both.table.select_dtypes("number").columns
    np.testing.assert_allclose(
        again.loc["srmd-x4", columns].astype(float),
        both.table.loc["srmd-x4", columns].astype(float),
        rtol=1e-4,
    )
    with pytest.raises(DDRError, match="other images"):
        survey.measure_all(**args | {"design": Design(contents=4, choosing=2)})


def test_the_measured_contents_are_not_those_that_choose(folder):
    samples = SMALL.samples()
    matrix = np.diag(np.arange(1.0, len(samples.images) + 1))
    part = measured_part(matrix, samples, SMALL)
    assert part.n == 3 and part.gram.shape == (9, 9)
    kept = [i for i in range(15) if i % 5 >= 2]
    centred = matrix[np.ix_(kept, kept)]
    centred = centred - centred.mean(0) - centred.mean(1)[:, None] + centred.mean()
    np.testing.assert_allclose(part.gram, centred)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["waifu2x"], "no network 'waifu2x' in the atlas; did you mean"),
        (["dat-light-x2"], "dat-light-x2: not here; run: python scripts/convert_atlas.py"),
    ],
)
def test_the_command_says_in_one_line_what_it_lacks(arguments, words, tmp_path):
    options = ["--folder", str(tmp_path), "--store", str(tmp_path / "store")]
    result = CliRunner().invoke(cli, ["atlas", *options, *arguments])
    assert result.exit_code == 2
    assert words in result.output and result.output.count("\n") == 1


@pytest.mark.parametrize("damage", ["atlas.csv", "layers.csv", "atlas.json", "one row"])
def test_a_store_that_is_not_whole_is_one_line(damage, tmp_path):
    for name in ("atlas.csv", "layers.csv", "atlas.json"):
        (tmp_path / name).write_bytes((STORE / name).read_bytes())
    if damage == "one row":
        lines = (tmp_path / "atlas.csv").read_text().splitlines(keepends=True)
        (tmp_path / "atlas.csv").write_text("".join(lines[:-1]))
    else:
        (tmp_path / damage).unlink()
    with pytest.raises(DDRError, match=r"\A[^\n]+\Z"):
        read_atlas(tmp_path)


def test_the_stored_table_is_what_its_record_says():
    atlas, (entries, _) = read_atlas(), read_census()
    table, design = atlas.table, atlas.design
    assert len(table) >= 30
    for name, row in table.iterrows():
        for fact in FACTS:
            known = getattr(entries[name], fact)
            assert row[fact] == known or (known is None and pd.isna(row[fact])), (name, fact)
        assert row.scale == entries[name].scale and row.n == design.contents >= 40
        maps = atlas.layers[atlas.layers.network == name].set_index("layer")
        assert row.layer in maps.index and len(maps) == row.maps
        assert maps.degradation.mean() == pytest.approx(row.mean_degradation, abs=1e-5)
        for figure in ("degradation", "content", "neighbours"):
            assert maps.loc[row.layer, figure] == pytest.approx(row[figure], abs=1e-5)
            assert row[f"{figure}_low"] <= row[figure] <= row[f"{figure}_high"]
    # Networks with a card in the repository are the ones that were measured.
    for name in set(table.index) & {"dat-light-x4", "gans-x4", "psnr-small-x2", "rdn-div2k-x4"}:
        assert table.sha256[name] == load_network(name).sha256


def test_the_stored_images_are_the_ones_that_the_design_makes():
    atlas = read_atlas()
    assert survey.image_hash(atlas.design.samples().images) == atlas.record["images"]


def test_the_stored_record_holds_no_path_and_every_date():
    text = (STORE / "atlas.json").read_text()
    assert "/work" not in text and "/tmp" not in text
    record = json.loads(text)
    assert all(made["date"].startswith("20") for made in record["networks"].values())
    assert set(record["controls"]) == {"pixels", "high-pass", "BRISQUE"}


def test_measured_again_a_network_of_the_book_gives_the_stored_figures():
    atlas = read_atlas()
    few = survey.measure_again("psnr-small-x2", atlas, 4)
    design = atlas.design
    assert few["degradation"].n == 4
    samples = design.samples()
    index = np.flatnonzero(np.isin(samples.content, range(design.choosing, design.choosing + 4)))
    part = Samples(samples.patches, samples.degradations, 4, samples.images[index])
    layer = atlas.table.layer["psnr-small-x2"]
    features = extract(load_network("psnr-small-x2"), part.images, [layer])[layer].astype(float)
    centred = (features - features.mean(0)).reshape(3, 4, -1)
    total, of_degradations = (centred**2).sum(), 4 * (centred.mean(1) ** 2).sum()
    of_contents = 3 * (centred.mean(0) ** 2).sum()
    rest = (total - of_degradations - of_contents) / 6
    components = np.array([(of_degradations / 2 - rest) / 4, (of_contents / 3 - rest) / 3, rest])
    assert few["degradation"].value == pytest.approx((components / components.sum())[0], abs=1e-4)


@pytest.mark.parametrize("name", ["atlas.json", "atlas.csv", "layers.csv"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 3000, b"a,b"])
def test_a_damaged_table_is_one_line(tmp_path, name, content):
    for kept in ("atlas.json", "atlas.csv", "layers.csv"):
        shutil.copy(STORE / kept, tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DDRError, match=r"\A.*not there, or not whole.*\Z"):
        read_atlas(tmp_path)
