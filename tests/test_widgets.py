"""The Python side of the widgets; `tests/browser` draws them."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from ddrlib.data.photographs import load_patches
from ddrlib.degrade.degradation import degrade, upsample
from ddrlib.errors import DDRError
from ddrlib.networks.srresnet import SRResNet
from ddrlib.widgets.explorer_view import Explorer, explorer, recompute
from ddrlib.widgets.frame_viewer import FrameViewer, gallery
from ddrlib.zoo.loading import Network

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
        return [(f"{photo} {degree}", torch.full((3, 8, 8), degree / 10)), ("note", kind)]

    viewer = FrameViewer(
        {"photo": ["a", "b"], "kind": ["blur", "noise"], "degree": [1, 2, 3]}, frames
    )
    assert [frame["at"] for frame in viewer.frames] == [
        (photo, kind, degree)
        for photo in "ab"
        for kind, degree in [("blur", 1), ("blur", 2), ("noise", 1), ("noise", 2), ("noise", 3)]
    ]
    assert viewer.frames[1]["show"] == [["a 2", 1, None], ["note", None, "blur"]]
    assert len(viewer.pictures) == 3, "one a degree, whoever shows it"
    assert (
        viewer.live == ""
        and repr(viewer) == "FrameViewer: 10 frames on the axes photo, kind, degree"
    )


def test_frames_without_pictures_are_refused():
    with pytest.raises(DDRError, match="no combination"):
        FrameViewer({"a": [1]}, lambda a: [])


# The gallery


def test_gallery_shows_what_degrade_and_the_network_give(patches, network):
    view = gallery(patches, network, {"blur": [0, 4], "jpeg": [30]}, count=2)
    assert [frame["at"][1:] for frame in view.frames] == [
        ("blur", 0),
        ("blur", 4),
        ("jpeg", 30),
    ] * 2
    hr = patches.images[5:6]
    lr = degrade(hr, "blur4")
    shown = view.frames[4]["show"]
    assert shown[0][0] == "low resolution, blur4"
    np.testing.assert_array_equal(
        decoded(view.pictures[shown[0][1]]), (lr[0] * 255).round().byte().permute(1, 2, 0).numpy()
    )
    for (caption, _, _), sr in zip(
        shown[1:3], (upsample(lr), network.module(lr).clamp(0, 1)), strict=True
    ):
        inner = (slice(4, -4), slice(4, -4))
        truth, made = (x[0].permute(1, 2, 0).numpy()[inner] for x in (hr, sr))
        psnr = peak_signal_noise_ratio(truth, made, data_range=1)
        assert float(caption.split(", ")[1].removesuffix(" dB")) == pytest.approx(psnr, abs=0.051)
    assert [caption.split(",")[0] for caption, *_ in shown] == [
        "low resolution",
        "bicubic",
        "toy",
        "truth",
    ]
    truth = decoded(view.pictures[shown[3][1]]) / 255.0
    assert np.abs(truth - hr[0].permute(1, 2, 0).numpy()).mean() < 0.03


def test_degree_0_is_clean_and_stored_once(patches, network):
    view = gallery(patches, [network], {"blur": [0], "noise": [0]}, count=1)
    assert len(view.frames) == 2 and len(view.pictures) == 4
    assert view.frames[1]["show"][0][0] == "low resolution, clean"


def test_gallery_leaves_room_on_its_page(patches, network):
    """4 photographs, 3 kinds of 4 degrees, one network: half of a 3 MB page at most."""
    view = gallery(
        patches, network, {"blur": [0, 1, 2, 4], "noise": [5, 10, 20, 40], "jpeg": [10, 30, 50, 80]}
    )
    assert len(view.frames) == 48
    assert sum(len(base64.b64encode(picture)) for picture in view.pictures) < 1.5e6


def test_gallery_computes_what_is_typed(patches, network, sent):
    view = gallery(patches, network, {"blur": [4]}, count=1)
    choice = {"photograph": view.frames[0]["at"][0], "degradation": "blur", "degree": 4}
    say(view, type="compute", request={"choice": choice, "text": "Blur4"})
    [(message, buffers)] = sent
    assert message["type"] == "result" and message["show"][0] == ["low resolution, blur4", 0, None]
    assert buffers == view.pictures, "what was stored of the same degradation"
    say(view, type="compute", request={"choice": choice, "text": "blurr4"})
    assert sent[1][0]["type"] == "error" and "blur" in sent[1][0]["text"]


# Live or not


def test_only_widgets_that_can_compute_answer(sent):
    def frames(a):
        return [("x", "text")]

    say(FrameViewer({"a": [1]}, frames), type="ping")
    assert sent == []
    live = FrameViewer({"a": [1]}, frames, compute=lambda choice, text: 1 / 0, live="anything")
    say(live, type="ping")
    say(live, type="compute", request={"choice": {}, "text": ""})
    assert sent == [({"type": "pong"}, None), ({"type": "error", "text": "division by zero"}, None)]


# The explorer


@pytest.fixture(scope="module")
def measured(patches, network):
    from ddrlib.measure.measurement import measure

    return [measure(network, patches, ("clean", "noise40"), seeds=1, device="cpu")]


@pytest.fixture
def view(measured, patches, network):
    return explorer(measured, patches, perplexities=[], load=lambda name: network)


def test_explorer_opens_at_the_strongest_layer(view, measured):
    strongest = max(measured[0].layers, key=lambda layer: layer.chi_degradation.mean).name
    layers = [layer["name"] for layer in view.data.index["networks"][0]["layers"]]
    assert layers == ["Conv1", "RB1"]
    assert view.panels == [{"network": 0, "layer": layers.index(strongest), "projection": 1}]
    assert repr(view) == "Explorer: 12 samples in toy"


def test_thumbnails_are_the_degraded_images(view, patches):
    atlas = decoded(view.data.atlas)
    lr = (degrade(patches.images, "noise40")[2] * 255).permute(1, 2, 0).numpy()
    row, column = divmod(6 + 2, view.data.index["columns"])
    tile = atlas[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
    assert np.corrcoef(tile.ravel(), lr.ravel())[0, 1] > 0.8


def test_explorers_share_their_data(view):
    second = Explorer(view.data, [("toy", "RB1"), ("toy", "Conv1")], colour="content")
    assert [panel["layer"] for panel in second.panels] == [1, 0]
    for each in (view, second):
        state = each.get_state()
        assert state["data"] == f"anywidget:{view.data.model_id}"
        assert len(json.dumps(state)) < 70_000, "its script and style, no data"


@pytest.mark.parametrize(
    "panel, message",
    [
        (("toi", "RB1"), "no network 'toi'; there are toy"),
        (("toy", "RB9"), "toy has no layer 'RB9'; it has Conv1, RB1"),
    ],
)
def test_unknown_panels_are_refused(view, panel, message):
    with pytest.raises(DDRError, match=message):
        Explorer(view.data, [panel])


def test_recompute_measures_what_was_asked_for(network):
    lines = []
    packed = recompute(REQUEST, lines.append, load=lambda name: network)
    assert [entry["name"] for entry in packed.index["networks"]] == ["toy"], "each network once"
    assert packed.index["samples"] == 10
    assert packed.index["projections"] == ["PCA", "t-SNE, perplexity 3"]
    assert packed.index["defaults"] == {
        "degradations": "blur2, clean",
        "contents": 5,
        "perplexity": 3.0,
        "folder": "",
    }
    assert lines[:2] == ["Reading photographs …", "toy: 10 images through all layers …"]
    assert [line.partition(" (")[2][:6] for line in lines[2:4]] == ["1 of 2", "2 of 2"]
    other = recompute({**REQUEST, "seed": "5"}, lines.append, load=lambda name: network)
    assert other.coordinates != packed.coordinates


def test_own_photographs(network, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(5):
        Image.fromarray(rng.integers(0, 256, (128, 128, 3), np.uint8)).save(
            tmp_path / f"mine{i}.png"
        )
    packed = recompute({**REQUEST, "folder": str(tmp_path)}, print, load=lambda name: network)
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
