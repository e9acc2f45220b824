"""The shipped photographs, balanced patches of them and of a user's folder, DIV2K from loopback."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import os
import re
import runpy
import shutil
import threading
import zipfile
from collections import Counter
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ddrlib.data import sources
from ddrlib.data.photographs import load_patches, load_photos
from ddrlib.data.sources import fetch_div2k
from ddrlib.errors import DDRError
from ddrlib.files import DATA, ROOT

PHOTOS = DATA / "photos"


@pytest.fixture(scope="module")
def rows():
    with open(PHOTOS / "photos.tsv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


# The shipped photographs


def test_photos_are_those_of_the_table(rows):
    assert Counter(row["split"] for row in rows) == {"eval": 103, "train": 306}
    files = {
        p.relative_to(PHOTOS).as_posix()
        for split in sources.SHIPPED
        for p in (PHOTOS / split).iterdir()
    }
    assert files == {row["file"] for row in rows}
    for row in rows:
        assert hashlib.sha256((PHOTOS / row["file"]).read_bytes()).hexdigest() == row["sha256"]


def test_attribution_is_up_to_date(rows):
    page = (PHOTOS / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert page == runpy.run_path(ROOT / "scripts" / "attribution.py")["attribution"](rows)


def test_attribution_is_in_words(rows):
    """What the table notes of its sources is for whoever checks them; the page is for readers."""
    page = (PHOTOS / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert not re.search(r"debian/|glob |images/land|\(\.desktop\)", page)
    assert "**Michael Wilso (as given)**" in page


def test_load_photos():
    photos = load_photos("eval")
    names = [name for name, _ in photos]
    assert len(photos) == 103 and names == sorted(names)
    assert all(x.dtype == torch.uint8 and x.shape == (3, 256, 256) for _, x in photos)
    with Image.open(PHOTOS / "eval" / names[40]) as image:
        np.testing.assert_array_equal(photos[40][1].permute(1, 2, 0), np.asarray(image))


# Patches of the shipped photographs


@pytest.fixture(scope="module")
def hundred():
    return load_patches("eval", n=100, size=128)


def test_shapes_and_labels(hundred, rows):
    assert hundred.images.shape == (100, 3, 128, 128) and hundred.images.dtype == torch.float32
    assert 0 <= hundred.images.min() < 0.05 and 0.95 < hundred.images.max() <= 1
    assert len(hundred) == 100 and hundred.content.tolist() == list(range(100))
    category = {row["file"].removeprefix("eval/"): row["category"] for row in rows}
    assert [category[source] for source in hundred.source] == hundred.category.tolist()


def test_each_photograph_gives_one_patch_and_it_has_texture(hundred):
    assert len(set(hundred.source)) == 100
    for image in (hundred.images * 255).numpy():
        grey = image.mean(0)
        slopes = np.gradient(grey)
        assert grey.std() >= 12 and np.sqrt(slopes[0] ** 2 + slopes[1] ** 2).mean() >= 4


def test_patches_are_cut_from_their_source(hundred):
    for i in (0, 57):
        with Image.open(PHOTOS / "eval" / hundred.source[i]) as image:
            tiles = np.asarray(image).reshape(2, 128, 2, 128, 3).swapaxes(1, 2).reshape(4, -1)
        patch = hundred.images[i].permute(1, 2, 0).mul(255).round().byte().numpy().ravel()
        assert (tiles == patch).all(1).sum() == 1


def test_fewer_are_the_first_of_more_and_categories_take_turns(hundred):
    ten = load_patches("eval", n=10, size=128)
    assert torch.equal(ten.images, hundred.images[:10])
    assert len(set(ten.category)) == 10  # eval has ten categories


def test_patches_by_parts_of_their_names(hundred):
    citrus, horse = hundred.named("citrus", "horse")
    assert "citrus" in hundred.source[citrus] and "horse" in hundred.source[horse]
    assert hundred.named("nothing like it", otherwise=3).tolist() == [0, 1, 2]
    assert len(hundred.named()) == 1 and len(hundred.named(otherwise=1000)) == 100


def test_seed_decides(hundred):
    again, other = load_patches("eval", 10), load_patches("eval", 10, seed=1)
    assert torch.equal(again.images, hundred.images[:10])
    assert other.source.tolist() != again.source.tolist()


def test_more_patches_than_photographs_are_disjoint_and_balanced():
    patches = load_patches("eval", n=250, size=64)
    assert set(Counter(patches.source).values()) == {2, 3}
    flat = patches.images.flatten(1)
    assert len(torch.unique(flat, dim=0)) == 250


# Patches of a user's folder


def _save(path, size=(32, 32), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two categories of unequal size and one image outside any."""
    for i in range(4):
        _save(tmp_path / "own" / "cats" / f"{i}.png", seed=i)
    _save(tmp_path / "own" / "dogs" / "deep" / "a.PNG", seed=10)
    _save(tmp_path / "own" / "loose.tiff", seed=11)
    (tmp_path / "own" / "notes.txt").write_text("no image")
    (tmp_path / "own" / "._loose.tiff").write_bytes(b"what macOS leaves beside a file")
    return tmp_path / "own"


def test_folder_categories_and_sources(folder):
    patches = load_patches(folder, n=6, size=32)
    assert dict(zip(patches.source, patches.category, strict=True)) == {
        "cats/0.png": "cats",
        "cats/1.png": "cats",
        "cats/2.png": "cats",
        "cats/3.png": "cats",
        "dogs/deep/a.PNG": "dogs",
        "loose.tiff": "",
    }
    assert set(load_patches(str(folder), n=3, size=32).category) == {"cats", "dogs", ""}


@pytest.mark.parametrize("n", [6, 9, 13, 24])
def test_images_contribute_equally(folder, n):
    counts = Counter(load_patches(folder, n=n, size=16).source)
    assert len(counts) == 6 and max(counts.values()) - min(counts.values()) <= 1


def test_names_that_are_no_utf_8_are_written_out(folder):
    """No table and no page could be written with them as Python has them."""
    away = os.fsencode(folder) + b"/caf\xe9"
    try:
        os.mkdir(away)
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    _save(Path(os.fsdecode(away + b"/\xff a\nb.png")), seed=20)
    categories = {photo.name: photo.category for photo in sources.find_photos(folder)}
    assert categories["caf\\xe9/\\xff a\nb.png"] == "caf\\xe9"
    assert categories["dogs/deep/a.PNG"] == "dogs" and categories["loose.tiff"] == ""
    patches = load_patches(folder, n=7, size=32)
    assert sorted(patches.source) == sorted(categories)


def test_order_of_the_directory_does_not_matter(folder, monkeypatch):
    before = load_patches(folder, n=8, size=16)
    listed = [(root, below, files[::-1]) for root, below, files in os.walk(folder)][::-1]
    monkeypatch.setattr(os, "walk", lambda *_, **__: iter(listed))
    after = load_patches(folder, n=8, size=16)
    assert torch.equal(before.images, after.images)
    assert before.source.tolist() == after.source.tolist()


def test_the_grid_moves_with_the_seed(tmp_path):
    path = _save(tmp_path / "a.png", (40, 37))
    with Image.open(path) as image:
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    corners = set()
    for seed in range(12):
        patch = load_patches(tmp_path, n=1, size=32, seed=seed).images[0].mul(255).round()
        corners |= {
            (row, column)
            for row in range(6)
            for column in range(9)
            if torch.equal(pixels[:, row : row + 32, column : column + 32].float(), patch)
        }
    assert len(corners) > 6 and len({row for row, _ in corners}) > 2


def test_flat_patches_come_last(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    pixels[:, 32:] = 128
    Image.fromarray(pixels).save(tmp_path / "half.png")
    Image.new("RGB", (32, 32)).save(tmp_path / "black.png")
    _save(tmp_path / "full.png", (64, 32), seed=1)
    assert load_patches(tmp_path, n=3, size=32).source.tolist().count("full.png") == 2
    textured = load_patches(tmp_path, n=3, size=32).images
    assert textured.flatten(1).std(1).min() > 0.2
    everything = load_patches(tmp_path, n=5, size=32)
    assert everything.images[3:].flatten(1).std(1).max() == 0


def test_category_with_only_flat_images_costs_the_others_no_turn(tmp_path):
    for i in range(3):
        _save(tmp_path / "a" / f"{i}.png", seed=i)
        _save(tmp_path / "b" / f"{i}.png", seed=10 + i)
        Image.new("RGB", (32, 32)).save(tmp_path / "b" / f"flat{i}.png")
    for seed in range(5):
        chosen = load_patches(tmp_path, n=4, size=32, seed=seed).category
        assert Counter(chosen) == {"a": 2, "b": 2}


# What is refused


def test_too_many(folder):
    with pytest.raises(DDRError, match="hold 6 distinct patches of 32 pixels, fewer than n=7"):
        load_patches(folder, n=7, size=32)


@pytest.mark.parametrize(("n", "size"), [(0, 32), (-1, 32), (1, 0)])
def test_nothing_asked(folder, n, size):
    with pytest.raises(DDRError, match=f"n={n} patches of size={size}"):
        load_patches(folder, n=n, size=size)


def test_no_name_is_not_the_folder_that_this_runs_in(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert len(load_patches(".", n=1, size=32)) == 1
    with pytest.raises(DDRError, match="the name of the photographs is empty"):
        load_patches("", n=1, size=32)


def test_no_such_folder(tmp_path):
    with pytest.raises(
        DDRError, match=r"evla: no such folder or split of photographs; did you mean eval\?"
    ):
        load_patches("evla")
    with pytest.raises(
        DDRError,
        match="none: no such folder or split of photographs; there are: eval, train, div2k-v",
    ):
        load_patches(tmp_path / "none")
    with pytest.raises(DDRError, match="no photograph; give BMP, JPEG, PNG"):
        load_patches(tmp_path)


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A copy of what is shipped, to be damaged."""
    shutil.copytree(PHOTOS, tmp_path / "photos")
    monkeypatch.setattr(sources, "DATA", tmp_path)
    return tmp_path / "photos"


@pytest.mark.parametrize(
    "damage",
    [
        lambda table: table[: len(table) // 2],
        lambda table: table.replace(b"split", b"splat", 1),
        lambda table: b"\xff" + table,
        lambda table: table[: table.rindex(b"eval/")],
        lambda table: b"",
    ],
)
def test_a_damaged_table_of_photographs_is_named(shipped, damage):
    table = shipped / "photos.tsv"
    table.write_bytes(damage(table.read_bytes()))
    with pytest.raises(DDRError, match=r"photos\.tsv: .*git checkout -- data/photos/photos\.tsv"):
        load_patches("eval", 2)
    table.unlink()
    with pytest.raises(DDRError, match=r"photos\.tsv: missing"):
        load_photos("train")


def test_a_photograph_that_is_not_as_shipped_is_named(shipped, rows):
    row = next(row for row in rows if row["split"] == "eval")
    path = shipped / row["file"]
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])  # one bit
    with pytest.raises(DDRError, match=f"{path.name}: not as shipped .*data/photos/eval/"):
        load_patches("eval", 2, skip_bad=True)
    path.unlink()
    with pytest.raises(DDRError, match=f"{path.name}: missing; .*git checkout"):
        load_photos("eval")


# What counts as a photograph


def test_hidden_files_and_leftovers_are_no_photographs(folder, caplog):
    hidden = (".ipynb_checkpoints", ".thumbnails", ".Trash-1000/files", "cats/.deep/er", "__MACOSX")
    for place in hidden:
        _save(folder / place / "x.png", seed=hash(place) % 100)
    for name in ("x.png~", "x.png.bak"):
        (folder / name).write_bytes((folder / "cats" / "0.png").read_bytes())
    (folder / "link").symlink_to(folder / "cats")
    assert len(load_photos(folder)) == 6
    # with ._loose.tiff and notes.txt of the fixture
    reasons = "8 hidden or left by programs, 1 .txt, 1 linked folders"
    assert caplog.messages == [f"{folder}: passed over {reasons}"]


def test_folders_that_may_not_be_read_are_counted(folder, caplog, monkeypatch):
    def guarded(path, scan=os.scandir):
        if os.fspath(path).endswith("dogs"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert len(load_photos(folder)) == 5
    assert "1 folders not readable" in caplog.text


def test_a_hidden_folder_that_is_named_itself_is_read(tmp_path):
    _save(tmp_path / ".pictures" / "a.png")
    assert [name for name, _ in load_photos(tmp_path / ".pictures")] == ["a.png"]


def test_only_hidden_ones_are_none(tmp_path):
    _save(tmp_path / ".cache" / "a.png")
    with pytest.raises(DDRError, match="no photograph .passed over: 1 hidden or left by programs"):
        load_photos(tmp_path)


def test_formats_are_known_by_content(tmp_path, caplog):
    for i, (name, format) in enumerate(
        [
            ("a.jfif", "JPEG"),
            ("b.BMP", "BMP"),
            ("c.png", "JPEG"),
            ("d", "PNG"),
            ("e.jpg", "WEBP"),
            ("f.photo", "TIFF"),
            ("g.ppm", "PPM"),
        ]
    ):
        pixels = np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / name, format)
    for name in ("x.heic", "y.heic", "z.CR2", "readme"):
        (tmp_path / name).write_bytes(b"BM of another kind")
    Image.fromarray(pixels).save(tmp_path / "preview.nef", "TIFF")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    assert [name for name, _ in load_photos(tmp_path)] == [
        "a.jfif", "b.BMP", "c.png", "d", "e.jpg", "f.photo", "g.ppm"
    ]  # fmt: skip
    reasons = "2 .heic, 2 that are no files, 1 .cr2, 1 .nef, 1 without ending"
    assert caplog.messages == [f"{tmp_path}: passed over {reasons}"]


def test_exact_copies_count_once_and_are_named(folder, caplog):
    shutil.copy(folder / "cats" / "1.png", folder / "z.png")
    with Image.open(folder / "cats" / "2.png") as image:
        image.save(folder / "y.bmp")  # other bytes, the same pixels
    assert len(load_photos(folder)) == 6
    assert f"{folder}: left out 2 copies: y.bmp (cats/2.png), z.png (cats/1.png)" in caplog.messages
    with pytest.raises(DDRError, match=r"hold 6 distinct .*n=7; ask for 6 \(--patches 6\)"):
        load_patches(folder, n=7, size=32)


def test_pictures_that_are_all_the_same(tmp_path):
    for i in range(12):
        _save(tmp_path / f"{i}.png")
    with pytest.raises(DDRError, match="its 12 images are all the same picture"):
        load_patches(tmp_path, n=1, size=32)


def test_patches_are_distinct_even_in_pictures_that_are_not(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    Image.new("RGB", (32, 64)).save(tmp_path / "b.png")
    with pytest.raises(DDRError, match="hold 1 distinct patches of 32 pixels"):
        load_patches(tmp_path, n=2, size=32)


def test_one_file_is_one_photograph(folder):
    assert load_patches(folder / "loose.tiff", n=1, size=32).source.tolist() == ["loose.tiff"]
    assert load_patches(str(folder / "cats" / "0.png"), n=1, size=32).source.tolist() == ["0.png"]


def test_several_patches_of_a_photograph_are_said(folder, caplog):
    load_patches(folder, n=9, size=16)
    assert f"{folder}: 9 patches of 6 photographs" in caplog.messages


def test_a_folder_called_like_a_split(tmp_path, monkeypatch, caplog):
    _save(tmp_path / "train" / "a.png")
    monkeypatch.chdir(tmp_path)
    assert len(load_photos("train")) == 306
    assert "train: the split of this name; for the folder write ./train" in caplog.messages
    assert len(load_photos("./train")) == 1


def test_what_was_converted_is_one_line(folder, caplog):
    for i in range(3):
        Image.open(folder / "cats" / f"{i}.png").convert("L").save(folder / f"grey{i}.png")
    load_photos(folder)
    assert f"{folder}: of 9 images: 3 mode L to RGB" in caplog.messages


@pytest.fixture
def spoilt(folder):
    whole = _save(folder / "cut.png", (64, 64)).read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    _save(folder / "tiny.png", (31, 40))
    return folder


def test_a_bad_image_is_named(spoilt):
    with pytest.raises(DDRError, match=r"cut\.png: not a readable image .*skip_bad"):
        load_patches(spoilt, n=2, size=32)
    (spoilt / "cut.png").unlink()
    with pytest.raises(
        DDRError, match=r"tiny\.png: 31 x 40 pixels, less than 32; remove it, or use skip_bad"
    ):
        load_patches(spoilt, n=2, size=32)


def test_skip_bad_goes_on_and_says_so(spoilt, caplog):
    patches = load_patches(spoilt, n=6, size=32, skip_bad=True)
    assert set(patches.source).isdisjoint({"cut.png", "tiny.png"})
    assert caplog.messages[0] == f"{spoilt}: passed over 1 .txt, 1 hidden or left by programs"
    (line,) = caplog.messages[1:]
    assert "left out 2 of 8 images: " in line and "cut.png" in line and "tiny.png" in line
    with pytest.raises(DDRError):
        load_photos(spoilt)


def test_skip_bad_with_nothing_left(tmp_path):
    _save(tmp_path / "tiny.png", (8, 8))
    with pytest.raises(
        DDRError, match="hold 0 distinct patches of 32 pixels, fewer than n=1; ask for smaller"
    ):
        load_patches(tmp_path, n=1, size=32, skip_bad=True)


# DIV2K


@pytest.fixture
def mirror(tmp_path):
    """A server on the loopback address with a tiny DIV2K_valid_HR.zip; its address and checksum."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in (801, 802):
            archive.write(_save(tmp_path / f"{i}.png", seed=i), f"DIV2K_valid_HR/0{i}.png")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "DIV2K_valid_HR.zip").write_bytes(buffer.getvalue())
    handler = functools.partial(_Quiet, directory=tmp_path / "site")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", hashlib.sha256(buffer.getvalue()).hexdigest()
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_div2k_is_fetched_once(mirror, tmp_path, monkeypatch):
    url, sha256 = mirror
    monkeypatch.setitem(sources.DIV2K, "valid", range(801, 803))
    monkeypatch.setitem(sources.DIV2K_SHA256, "valid", sha256)
    folder = fetch_div2k("valid", tmp_path / "sets", url)
    assert folder == tmp_path / "sets" / "DIV2K_valid_HR"
    assert [p.name for p in folder.parent.iterdir()] == ["DIV2K_valid_HR"]  # no archive, no scratch
    assert load_patches(folder, n=2, size=32).source.tolist() in (
        ["0801.png", "0802.png"],
        ["0802.png", "0801.png"],
    )
    assert fetch_div2k("valid", tmp_path / "sets", "http://127.0.0.1:9/") == folder


def test_an_incomplete_div2k_is_refused_by_number(tmp_path, monkeypatch):
    monkeypatch.setenv("DDR_CACHE", str(tmp_path))
    folder = tmp_path / "div2k" / "DIV2K_valid_HR"
    folder.mkdir(parents=True)
    with pytest.raises(DDRError, match="DIV2K_valid_HR holds 0 of the 100 photographs"):
        load_patches("div2k-valid", n=1)
    for i in range(801, 814):
        _save(folder / f"0{i}.png", seed=i)
    _save(folder / "mine.png")
    with pytest.raises(DDRError, match="holds 13 of the 100 photographs of the set; remove"):
        load_patches("div2k-valid", n=13, size=32)
    monkeypatch.setitem(sources.DIV2K, "valid", range(801, 814))
    assert [name for name, _ in load_photos("div2k-valid")] == [
        f"0{i}.png" for i in range(801, 814)
    ]


def test_div2k_with_a_wrong_checksum_leaves_nothing(mirror, tmp_path):
    with pytest.raises(DDRError, match="(?i)DIV2K_valid_HR could not be fetched .*hash"):
        fetch_div2k("valid", tmp_path / "sets", mirror[0])
    assert not any((tmp_path / "sets").iterdir())


def test_div2k_that_cannot_be_had(mirror, tmp_path):
    with pytest.raises(DDRError, match="DIV2K_train_HR could not be fetched .*404"):
        fetch_div2k("train", tmp_path / "sets", mirror[0])
    with pytest.raises(DDRError, match="DIV2K split 'test': there are: train, valid"):
        fetch_div2k("test", tmp_path)
