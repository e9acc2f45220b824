"""The Python side of the widgets; `tests/browser` draws them."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import nn

from ddrlib.data.photographs import load_patches
from ddrlib.degrade.degradation import degrade, upsample
from ddrlib.errors import DDRError
from ddrlib.measure.measurement import measure
from ddrlib.networks.srresnet import SRResNet
from ddrlib.widgets.explorer_view import explorer, recompute
from ddrlib.widgets.frame_viewer import FrameViewer, gallery
from ddrlib.zoo.network import Network

REQUEST = {
    "networks": ["toy", "toy"],
    "degradations": " blur2, clean",
    "perplexity": "3",
    "seed": "4",
    "contents": "5",
    "folder": "",
}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    module = SRResNet(channels=4, blocks=1).eval().requires_grad_(False)
    layers = {name: path for name, path in module.layers().items() if name in ("Conv1", "RB1")}
    return Network("toy", module, 4, layers, lambda x: x, "sr", {"sha256": "0" * 64})


@pytest.fixture(scope="module")
def patches():
    return load_patches("eval", n=6)


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DDR_CACHE", str(tmp_path))


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.fixture
def sent(monkeypatch):
    """All that widgets send to their pages: (message, buffers)."""
    messages = []
    monkeypatch.setattr(
        "ddrlib.widgets.live.LiveWidget.send",
        lambda self, content, buffers=None: messages.append((content, buffers)),
    )
    return messages


def say(widget, **message):
    widget._handle_custom_msg(message, [])


# Frames


def test_frames_are_all_that_exist_and_share_pictures():
    def frames(photo, kind, degree):
        if kind == "blur" and degree > 2:
            return []
        return [(f"{photo} {degree}", torch.full((3, 8, 8), degree / 10))]

    axes = {"photo": ["a", "b"], "kind": ["blur", "noise"], "degree": [1, 2, 3]}
    viewer = FrameViewer(axes, frames, frames, "anything")
    assert [frame["at"] for frame in viewer.frames] == [
        (photo, kind, degree)
        for photo in "ab"
        for kind, degree in [("blur", 1), ("blur", 2), ("noise", 1), ("noise", 2), ("noise", 3)]
    ]
    assert viewer.frames[1]["show"] == [["a 2", 1]]
    assert len(viewer.pictures) == 3, "one a degree, whoever shows it"
    assert repr(viewer) == "FrameViewer: 10 frames on the axes photo, kind, degree"


def test_frames_without_pictures_are_refused():
    with pytest.raises(DDRError, match="no combination"):
        FrameViewer({"a": [1]}, lambda a: [], lambda choice, text: [], "anything")


# The gallery


def test_gallery_shows_what_degrade_and_the_network_give(patches, network):
    view = gallery(patches.some(np.array([0, 5])), [network], {"blur": [0, 4], "jpeg": [30, 5]})
    kinds = [("blur", 0), ("blur", 4), ("jpeg", 30), ("jpeg", 5)]
    assert [frame["at"][1:] for frame in view.frames] == 2 * kinds, "from mild to strong, as given"
    hr = patches.images[5:6]
    lr = degrade(hr, "blur4")
    shown = view.frames[5]["show"]
    assert shown[0][0] == "low resolution, blur4"
    np.testing.assert_array_equal(
        decoded(view.pictures[shown[0][1]]), (lr[0] * 255).round().byte().permute(1, 2, 0).numpy()
    )
    for (caption, _), sr in zip(
        shown[1:3], (upsample(lr), network.module(lr).clamp(0, 1)), strict=True
    ):
        inner = (slice(4, -4), slice(4, -4))
        truth, made = (x[0].permute(1, 2, 0).numpy()[inner] for x in (hr, sr))
        psnr = peak_signal_noise_ratio(truth, made, data_range=1)
        assert float(caption.split(", ")[1].removesuffix("\N{NO-BREAK SPACE}dB")) == pytest.approx(
            psnr, abs=0.051
        )
    best = max(
        (2, 1), key=lambda k: float(shown[k][0].split(", ")[1].removesuffix("\N{NO-BREAK SPACE}dB"))
    )
    assert [caption.endswith(", best") for caption, *_ in shown] == [k == best for k in range(4)]
    assert [caption.split(",")[0] for caption, *_ in shown] == [
        "low resolution",
        "bicubic",
        "toy",
        "truth",
    ]
    truth = decoded(view.pictures[shown[3][1]]) / 255.0
    assert np.abs(truth - hr[0].permute(1, 2, 0).numpy()).mean() < 0.03


def test_degree_0_is_clean_and_stored_once(patches, network):
    view = gallery(patches.some(np.arange(1)), [network], {"blur": [0], "noise": [0]})
    assert len(view.frames) == 2 and len(view.pictures) == 4
    assert view.frames[1]["show"][0][0] == "low resolution, clean"


def test_gallery_leaves_room_on_its_page(patches, network):
    """4 photographs, 3 kinds of 4 degrees, one network: half of a 3 MB page at most."""
    view = gallery(
        patches.some(np.arange(4)),
        [network],
        {"blur": [0, 1, 2, 4], "noise": [5, 10, 20, 40], "jpeg": [10, 30, 50, 80]},
    )
    assert len(view.frames) == 48
    assert sum(len(base64.b64encode(picture)) for picture in view.pictures) < 1.5e6


def test_gallery_computes_what_is_typed(patches, network, sent):
    view = gallery(patches.some(np.arange(1)), [network], {"blur": [4]})
    choice = {"photograph": view.frames[0]["at"][0], "degradation": "blur", "degree": 4}
    say(view, type="compute", request={"choice": choice, "text": "Blur4"})
    [(message, buffers)] = sent
    assert message["type"] == "result" and message["show"][0] == ["low resolution, blur4", 0]
    assert buffers == view.pictures, "what was stored of the same degradation"
    say(view, type="compute", request={"choice": choice, "text": "blurr4"})
    assert sent[1][0]["type"] == "error" and "blur" in sent[1][0]["text"]


# Live or not


def test_what_fails_is_one_line_of_the_answer(sent):
    def frames(a):
        return [("x", torch.zeros(3, 8, 8))]

    live = FrameViewer({"a": [1]}, frames, compute=lambda choice, text: 1 / 0, live="anything")
    say(live, type="ping")
    say(live, type="compute", request={"choice": {}, "text": ""})
    assert sent == [({"type": "pong"}, None), ({"type": "error", "text": "division by zero"}, None)]


# Scales


def enlarging(scale: int) -> Network:
    """A network of this scale: two convolutions, then pixels are shuffled."""
    torch.manual_seed(scale)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.Conv2d(4, 3 * scale**2, 3, padding=1),
        nn.PixelShuffle(scale),
    )
    module = module.eval().requires_grad_(False)
    layers = {"first": "0", "second": "1"}
    return Network(f"x{scale}", module, scale, layers, lambda x: x, "sr", {"sha256": str(scale)})


@pytest.mark.parametrize("scale", [1, 2, 3, 8])
def test_gallery_at_other_scales(scale):
    patches = load_patches("eval", n=2, size=24)
    view = gallery(patches.some(np.arange(1)), [enlarging(scale)], {"blur": [2]})
    (low, *more, _), lr = view.frames[0]["show"], degrade(patches.images[:1], "blur2", scale)[0]
    assert low[0] == "low resolution, blur2"
    shown = decoded(view.pictures[low[1]])
    np.testing.assert_array_equal(shown, (lr * 255).round().byte().permute(1, 2, 0).numpy())
    names = [caption.split(",")[0] for caption, *_ in more]
    assert names == (["bicubic"] if scale > 1 else []) + [f"x{scale}"]
    assert all(decoded(view.pictures[k]).shape == (24, 24, 3) for _, k in more)


def test_gallery_of_two_scales_shows_what_each_saw():
    view = gallery(load_patches("eval", 1, 24), [enlarging(3), enlarging(2)], {"blur": [2]})
    sizes = {
        caption.split(",")[0]: decoded(view.pictures[k]).shape[0]
        for caption, k in view.frames[0]["show"]
    }
    assert sizes == {
        "low resolution (x2)": 12,
        "bicubic (x2)": 24,
        "x2": 24,
        "low resolution (x3)": 8,
        "bicubic (x3)": 24,
        "x3": 24,
        "truth": 24,
    }


def test_explorer_of_several_scales_has_a_sheet_for_each():
    patches = load_patches("eval", 5, 48)
    networks = {n.name: n for n in map(enlarging, (2, 1, 8, 2))}
    measured = [measure(n, patches, ("clean", "noise40"), seeds=1) for n in networks.values()]
    view = explorer(measured, perplexities=[], load=networks.__getitem__)
    assert [entry["sheet"] for entry in view.index["networks"]] == [0, 1, 2]
    for sheet, scale, side in zip(view.sheets, (2, 1, 8), (24, 32, 6), strict=True):
        columns = view.index["columns"]
        row, column = divmod(5 + 2, columns)  # the third patch, noisy
        tile = decoded(sheet)[side * row :, side * column :][:side, :side]
        lr = degrade(patches.images, "noise40", scale)[2:3]
        seen = F.interpolate(lr, (side, side), mode="area")[0].permute(1, 2, 0)
        assert np.corrcoef(tile.ravel(), seen.ravel())[0, 1] > 0.8


# The explorer


@pytest.fixture(scope="module")
def measured(patches, network):
    return [measure(network, patches, ("clean", "noise40"), seeds=1, device="cpu")]


@pytest.fixture
def view(measured, network):
    return explorer(measured, perplexities=[], load=lambda name: network)


def test_explorer_opens_where_a_film_begins(view):
    """At the first layer, by principal components, in one panel."""
    assert [layer["name"] for layer in view.index["networks"][0]["layers"]] == ["Conv1", "RB1"]
    assert view.panels == [{"network": 0, "layer": 0, "projection": 0}] and not view.compares
    assert view.index["projections"][0] == "PCA"
    assert repr(view) == "Explorer: 12 samples in toy"


def test_thumbnails_are_the_degraded_images(view, patches):
    (atlas,) = map(decoded, view.sheets)
    lr = (degrade(patches.images, "noise40")[2] * 255).permute(1, 2, 0).numpy()
    row, column = divmod(6 + 2, view.index["columns"])
    tile = atlas[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
    assert np.corrcoef(tile.ravel(), lr.ravel())[0, 1] > 0.8


def test_an_untouched_form_measures_the_same():
    """Size, seeds, layers and perplexity are the explorer's own, whatever the defaults."""
    patches = load_patches("eval", n=5, size=48, seed=7)
    small, large = enlarging(2), enlarging(3)
    settings = {"degradations": ("clean", "blur2"), "perplexity": 30.0}
    measured = [
        measure(small, patches, layers=["second"], seeds=3, **settings),
        measure(large, patches, seeds=2, **settings),
    ]
    networks = {"x2": small, "x3": large}
    view = explorer(measured, perplexities=[], load=networks.__getitem__)
    form = view.index["settings"]
    request = {
        "networks": list(networks),
        "degradations": form["degradations"],
        "perplexity": str(form["perplexity"]),
        "seed": "0",
        "contents": str(form["contents"]),
        "folder": "",
    }
    again = recompute(view.index, request, print, networks.__getitem__)
    assert again.index == view.index
    assert (again.coordinates, again.sheets) == (view.coordinates, view.sheets)
    assert form["perplexity"] == 3.0, "a third of 9: as it was used, to all digits"
    other = recompute(view.index, {**request, "seed": "2"}, print, networks.__getitem__)
    assert other.index["networks"] == again.index["networks"], "the table is of all seeds"
    assert other.coordinates != again.coordinates


def test_recompute_measures_what_was_asked_for(view, network):
    lines = []
    packed = recompute(view.index, REQUEST, lines.append, lambda name: network)
    assert [entry["name"] for entry in packed.index["networks"]] == ["toy"], "each network once"
    assert packed.index["samples"] == 10
    assert packed.index["projections"] == ["PCA", "t-SNE, perplexity 3"]
    assert packed.index["settings"] == {
        "degradations": "blur2, clean",
        "contents": 5,
        "perplexity": 3.0,
        "images": "eval",
        "size": 128,
        "patch_seed": 0,
    }
    assert lines[:2] == ["Reading photographs …", "toy: 10 images through all layers …"]
    assert [line.partition(" (")[2][:6] for line in lines[2:4]] == ["1 of 2", "2 of 2"]
    other = recompute(view.index, {**REQUEST, "seed": "5"}, lines.append, lambda name: network)
    assert other.coordinates != packed.coordinates


def test_own_photographs(view, network, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(5):
        Image.fromarray(rng.integers(0, 256, (128, 128, 3), np.uint8)).save(
            tmp_path / f"mine{i}.png"
        )
    packed = recompute(
        view.index, {**REQUEST, "folder": str(tmp_path)}, print, lambda name: network
    )
    names = next(x["names"] for x in packed.index["labels"] if x["name"] == "photograph")
    assert sorted(names) == [f"mine{i}" for i in range(5)]


@pytest.mark.parametrize(
    "change",
    [
        {"degradations": "blur4, nois20"},
        {"folder": "/nowhere"},
        {"contents": "100000"},
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(view, sent, change):
    say(view, type="compute", request={**REQUEST, **change})
    [(message, _)] = [entry for entry in sent if entry[0]["type"] != "progress"]
    assert message["type"] == "error" and "\n" not in message["text"]
    assert next(iter(change.values())).split()[-1] in message["text"]


def test_results_go_to_the_page_as_buffers(view, sent):
    say(view, type="compute", request=REQUEST)
    message, (coordinates, atlas) = sent[-1]
    assert message["type"] == "result" and message["index"]["samples"] == 10
    assert len(coordinates) == 2 * 2 * 10 * 4  # layers, projections, samples, bytes
    assert decoded(atlas).shape[2] == 3
