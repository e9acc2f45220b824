"""Distorted sets are labelled as they were made; descriptions are what was pooled of the maps."""

import os
import runpy
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.io
import torch
from PIL import Image
from torch import nn

from ddrlib.applications.descriptions import describers, pooled_features, profile, spread_layers
from ddrlib.applications.sets import TYPES, distorted_set, overview, read_set
from ddrlib.degrade.degradation import degrade
from ddrlib.errors import DDRError
from ddrlib.files import ROOT
from ddrlib.zoo.loading import load_network
from ddrlib.zoo.network import Network


@pytest.fixture
def images():
    return torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0))


def test_every_image_under_every_type_and_level(images):
    types = {"noise": (5, 30), "blur": (2, 4)}
    distorted, labels = distorted_set(images, types)
    assert len(distorted) == len(labels) == 8 and distorted.shape[1:] == images.shape[1:]
    row = labels.query("type == 'blur' and level == 2 and reference == 1").index.item()
    assert torch.equal(distorted[row], degrade(images, "blur4", scale=1)[1])
    assert set(distorted_set(images, {"jp2k": (2,)})[1].type) == {"JPEG 2000"}, "in plain words"


def test_overview_finds_the_first_picture_under_each_type():
    labels = pd.DataFrame(
        {
            "type": ["b", "b", "a", "b", "a", "c", "b"],
            "level": [3, 1, 1, 1, 3, 3, 2],
            "reference": ["x", "x", "x", "y", "x", "x", "x"],
        }
    )
    found = overview(labels, [1, 3])
    assert found.columns.tolist() == ["b", "a"] and found.index.tolist() == [1, 3]
    assert found.to_numpy().tolist() == [[1, 2], [0, 4]]
    with pytest.raises(DDRError, match="no type has the levels 1, 7; there are 1, 2, 3"):
        overview(labels, [1, 7])


def test_ten_types_of_five_levels_each_stronger_than_the_last(images):
    assert len(TYPES) == 10
    for kind, degrees in TYPES.items():
        error = [
            (degrade(images, f"{kind}{degree}", scale=1) - images).square().mean().item()
            for degree in (degrees[0], degrees[-1])
        ]
        assert len(degrees) == 5 and error[0] < error[1], kind


def network(*modules, task="sr"):
    layers = {f"L{i + 1}": f"{i}" for i in range(len(modules))}
    return Network("toy", nn.Sequential(*modules), 1, layers, lambda x: x, task, {})


def test_layers_are_spread_over_the_trunk_and_end_with_the_deepest():
    eight = network(*(nn.Identity() for _ in range(8)))
    assert spread_layers(eight, 4) == ["L2", "L4", "L6", "L8"]
    assert spread_layers(eight, 3) == ["L3", "L5", "L8"]
    assert spread_layers(eight, 1) == ["L8"]
    assert spread_layers(eight, 50) == [f"L{i + 1}" for i in range(8)]
    with pytest.raises(DDRError, match="0 layers: pool one at least"):
        spread_layers(eight, 0)


def test_what_is_pooled_of_images_of_any_size(images):
    class Halved(nn.Module):
        def forward(self, x):
            return x / 2 + 5

    other = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1))
    found = pooled_features([*images, other], network(nn.Identity(), Halved()), ["L1", "L2"], "cpu")
    assert found.shape == (3, 7)
    for row, image in zip(found, [*images, other], strict=True):
        energies = np.log(image.numpy().std(axis=(1, 2)))
        energies = np.concatenate([energies, energies - np.log(2)])
        expected = [*(energies - energies.mean()), energies.mean()]
        assert np.allclose(row, expected, atol=1e-4)


def test_contrast_moves_one_number_of_the_profile_alone(images):
    one = network(nn.Identity())
    full, half = (pooled_features(x, one, ["L1"], "cpu") for x in (images, 0.5 * images + 0.2))
    assert np.allclose(full[:, :-1], half[:, :-1], atol=1e-4)
    assert np.allclose(full[:, -1] - half[:, -1], np.log(2), atol=1e-4)
    assert profile(np.array([[1.0, 3.0]])).tolist() == [[-1, 1, 2]]


def test_a_flat_image_has_a_finite_description():
    found = pooled_features(torch.ones(1, 3, 8, 8), network(nn.Identity()), ["L1"], "cpu")
    assert np.isfinite(found).all()


def test_features_that_are_not_finite_are_refused(images):
    images[1, 2, 3, 4] = torch.nan
    with pytest.raises(DDRError, match="toy: .* of 1 of 2 images, the first of them number 1"):
        pooled_features(images, network(nn.Identity()), ["L1"], "cpu")


def test_a_classifier_pools_means(images):
    found = pooled_features(images, network(nn.Identity(), task="classification"), ["L1"], "cpu")
    assert np.allclose(found, images.mean(dim=(2, 3)).numpy(), atol=1e-6)


def test_a_classifier_gets_images_at_their_own_size(images):
    classifier = load_network("efficientnet-lite0")
    seen = []
    classifier.module.stem.register_forward_hook(lambda _m, _i, output: seen.append(output.shape))
    describe = describers([classifier], layers=1, device="cpu")["efficientnet-lite0"]
    assert describe(images).shape == (2, 320)
    assert seen == [(2, 32, 12, 16)]  # its first convolution has a stride of 2
    assert classifier.module.scale == 4  # as it was


def test_every_method_gives_a_row_an_image(images):
    found = {name: describe(images) for name, describe in describers([]).items()}
    assert {name: rows.shape for name, rows in found.items()} == {
        "BRISQUE": (2, 36),
        "gradients": (2, 24),
    }


# Tables of public sets


@pytest.fixture
def table(tmp_path):
    """A set of two types and its table, and the pixels of its third image."""
    rng = np.random.default_rng(0)
    lines = ["path,reference,type,level,mos"]
    for i, (kind, level) in enumerate([("blur", 1), ("blur", 2), ("noise", 1)]):
        pixels = rng.integers(0, 256, (5, 7, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png, 007, {kind}, {level}, 3.5")
    (tmp_path / "set.csv").write_text("\n".join(lines))
    return tmp_path / "set.csv", pixels


def test_a_set_is_read_image_by_image(table):
    path, pixels = table
    images, labels = read_set(str(path))
    assert labels.to_dict("list") == {
        "reference": ["007"] * 3,
        "type": ["blur", "blur", "noise"],
        "level": [1, 2, 1],
    }
    assert len(images) == 3 and np.allclose(images[2].permute(1, 2, 0) * 255, pixels)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (b"type", b"kind", "has no column type; it needs path, reference, type, level"),
        (b"1.png", b"4.png", "1 of its 3 images are missing, .*4.png"),
        (b"1.png", b"0.png", "list two types at least, and each image once"),
        (b"noise", b"blur", "list two types at least"),
        (b" 2,", b" nan,", "set.csv, line 3: an entry is empty, or the level is no number"),
        (b" 2,", b" inf,", "line 3: "),
        (b" blur, 2", b" , 2", "line 3: "),
        (b"path", b"\xff", "is no CSV table"),
        (b"1.png", b'"1.png', "is no CSV table"),
        (b"3.5\n2", b"3.5,9,9,9\n2", "is no CSV table"),
        (b"3.5\n1", b"3.5,9\n1", "is no CSV table"),
    ],
)
def test_a_bad_table_is_one_line(table, old, new, line):
    path, _ = table
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(DDRError, match=line) as error:
        read_set(path)
    assert "\n" not in str(error.value)


def test_what_is_no_table_is_one_line(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "empty.csv").touch()
    for name in ("pipe.csv", "none.csv", ".", ""):
        with pytest.raises(DDRError, match="no such table of distorted images; give a CSV file"):
            read_set(tmp_path / name)
    with pytest.raises(DDRError, match="is no CSV table"):
        read_set(tmp_path / "empty.csv")


def _make_table(name, folder, monkeypatch):
    """The table that the script makes in a folder, by path."""
    script = ROOT / "scripts" / "set_table.py"
    monkeypatch.setattr(sys, "argv", [script.name, name, str(folder)])
    runpy.run_path(str(script), run_name="__main__")
    return pd.read_csv(folder / "set.csv", dtype=str).set_index("path")


def _touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_table_from_the_names_of_files(tmp_path, monkeypatch):
    _touch(tmp_path, "src_imgs/1600.png", "readme", "dst_imgs/AWGN/1600.AWGN.4.png")
    _touch(tmp_path, "dst_imgs/contrast/sunset_sparrow.contrast.3.png")
    csiq = _make_table("csiq", tmp_path, monkeypatch)
    assert csiq.loc["dst_imgs/AWGN/1600.AWGN.4.png"].tolist() == ["1600", "awgn", "4"]
    assert csiq.index[1:].tolist() == ["dst_imgs/contrast/sunset_sparrow.contrast.3.png"]
    for name in ("distorted_images/I03_24_1.bmp", "images/I81_03_02.png", "images/I81.png"):
        _touch(tmp_path / "other", name)
    other = _make_table("kadid10k", tmp_path / "other", monkeypatch)
    assert other.to_numpy().tolist() == [["i03", "24", "1"], ["i81", "03", "02"]]


def test_a_table_of_live(tmp_path, monkeypatch):
    copies = []
    for kind, rising in {"jp2k": 0, "jpeg": 0, "wn": 1, "gblur": 1, "fastfading": 0}.items():
        # img1 is a copy, the strength of the others rises with their numbers
        lines = [f"a.bmp img{i + 1}.bmp {i if rising else 9 - i}" for i in range(11)]
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "info.txt").write_text("\n".join(lines[::-1]))
        copies += [1.0] + [0.0] * 10
    scipy.io.savemat(tmp_path / "dmos.mat", {"orgs": np.array([copies])})
    live = _make_table("live", tmp_path, monkeypatch)
    assert len(live) == 50 and set(live.reference) == {"a.bmp"}
    for kind in ("jp2k", "wn"):
        levels = [live.loc[f"{kind}/img{i}.bmp", "level"] for i in range(2, 12)]
        assert levels == [str(level) for level in range(1, 11)]
