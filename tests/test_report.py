"""The report of `ddr measure`: the same by every route, beside its controls, in one page."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from compact import RANGE, Compact, weights, write_onnx
from PIL import Image
from torch import nn

from ddrlib.book import report_page
from ddrlib.book.claims import NOT_TESTED
from ddrlib.book.examine import Question, report
from ddrlib.book.report import difference
from ddrlib.data.photographs import load_patches
from ddrlib.degrade.degradation import degrade
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError
from ddrlib.features import progress
from ddrlib.measure import embedded
from ddrlib.measure.layer import Layer
from ddrlib.zoo import loading
from ddrlib.zoo.loading import load_custom, load_network
from ddrlib.zoo.shuffled import shuffled
from ddrlib.zoo.together import open_together

HERE = f"{__name__}:"


class Enlarging(nn.Module):
    """Bilinear, and little besides: its two blocks are followed by next to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1))

    def forward(self, x):
        faint = 1e-6 * self.body(x).mean()
        return nn.functional.interpolate(x, scale_factor=4, mode="bilinear") + faint


class Washed(Enlarging):
    def forward(self, x):
        return super().forward(x) / 9


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_onnx(tmp_path_factory.mktemp("onnx") / "compact.onnx")


def reported(*sources, patches=5, progress=None, **options):
    given = {
        "images": "eval",
        "patches": patches,
        "skip_bad": False,
        "degradations": ["clean", "noise20"],
        "layers": None,
        "seeds": 1,
        "srga_layer": None,
        "size": None,
        "device": "cpu",
        "input_range": RANGE,
    }
    return report(sources, Question(**given | options), progress=progress)


@pytest.fixture(scope="module")
def both(file, tmp_path_factory):
    """The same network by two routes."""
    state = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(weights(), state)
    (state.parent / "compact.yaml").write_text(
        "{factory: compact:Compact, checkpoint: weights.pth}"
    )
    return reported(str(state.parent / "compact.yaml"), str(file))


def test_two_routes_give_one_report(both):
    one, other = (json.loads(json.dumps(each.record())) for each in both.networks)
    assert [layer["layer"] for layer in one["layers"]] == ["body.0", "body.1", "body.2", "Output"]
    assert [layer["layer"] for layer in other["layers"]] == ["head", "active", "deep", "Output"]
    for key in ("layers", "srga", "gain_over_bicubic_db"):
        assert numbers(one[key]) == pytest.approx(numbers(other[key]), rel=1e-4, abs=1e-4)
    (row,) = both.differences().to_dict("records")
    assert row["component of degradation"][:3] == pytest.approx((0, 0, 0), abs=1e-9)


def numbers(value):
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return [number for item in items for number in numbers(item)]
    return [value] if isinstance(value, int | float) and not np.isnan(value) else []


def test_one_page_holds_all_and_loads_nothing(both, tmp_path):
    page, table, record = report_page.write(both, tmp_path / "report.html")
    text = page.read_text()
    assert page.stat().st_size < 5e6
    assert not re.search(r"""(src|href)=["'](?!data:)|@import|https?://(?!www\.w3\.org)""", text)
    names = [each.name for each in both.networks]
    assert all(text.count(name) > 3 for name in names) and "<!--" not in text
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [row["network"] for row in rows] == [name for name in names for _ in range(4)]
    first = both.networks[0].measurement.layers[0].variance.degradation
    assert float(rows[0]["component of degradation"]) == first.value
    assert float(rows[0]["component of degradation_low"]) == first.low
    kept = json.loads(record.read_text(), parse_constant=pytest.fail)
    assert kept["n"] == 5 and kept["made_by"]["environment"]
    assert [each["network"] for each in kept["networks"]] == names


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_a_folder_that_takes_no_file_is_named_before_minutes_are_spent():
    with pytest.raises(DDRError, match="^/proc: .*choose another folder"):
        report_page.check(Path("/proc/report.html"))


def test_a_name_cannot_break_the_page(tmp_path):
    network = tmp_path / "a <b> & c<" / "script>.yaml"
    network.parent.mkdir()
    network.write_text(f"factory: {HERE}Enlarging")
    text = report_page.html(reported(str(network), input_range=None, patches=2))
    assert text.count("<script") == text.count("</script>") == 3  # none is ended by the name
    assert "<b>" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def test_verdicts_need_contents_and_images_that_are_no_worse_than_bicubic():
    few = reported(HERE + "Enlarging", input_range=None, patches=2).networks[0]
    assert few.gain.value == pytest.approx(bilinear_less_bicubic(2), abs=0.01)
    assert [each.verdict for each in few.findings()] == [NOT_TESTED] * 2
    assert "too few" in few.findings()[0].not_tested
    washed = reported(HERE + "Washed", input_range=None, patches=20).networks[0]
    assert "dB worse than bicubic interpolation: check" in washed.findings()[0].not_tested
    tested = reported(HERE + "Enlarging", input_range=None, patches=20).networks[0]
    sorts, beyond = tested.findings()
    assert NOT_TESTED not in (sorts.verdict, beyond.verdict) and len(beyond.holds) == 3


def bilinear_less_bicubic(n):
    """What `Enlarging` gains on bicubic interpolation, in dB on luma, by Pillow throughout."""
    truth = load_patches("eval", n, 128).images
    gains = []
    for image, small in zip(truth, degrade(truth, "clean", 4), strict=True):
        error = {}
        for way in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
            large = [Image.fromarray(each).resize((128, 128), way) for each in small.numpy()]
            off = np.clip(np.stack(large), 0, 1) - image.numpy()
            luma = np.tensordot([0.299, 0.587, 0.114], off, 1)[4:-4, 4:-4]
            error[way] = np.mean(luma**2)
        gains.append(10 * np.log10(error[way] / error[Image.Resampling.BILINEAR]))
    return np.mean(gains)


def test_networks_are_opened_once(file, monkeypatch):
    opened = []
    bring = loading.bring
    monkeypatch.setattr(loading, "bring", lambda found: opened.append(found) or bring(found))
    reported(str(file), HERE + "Enlarging", patches=2, input_range=None)
    assert len(opened) == 2
    opened.clear()
    reported(HERE + "Enlarging", patches=2, input_range=None)
    assert len(opened) == 1


def test_progress_names_the_network_and_the_time_left(monkeypatch):
    """Also during the forward pass, which may be most of the time."""
    monkeypatch.setattr(progress, "EVERY", 0.0)
    lines = []
    reported(HERE + "Enlarging", patches=9, input_range=None, progress=lines.append)
    assert all(line.startswith(f"{HERE}Enlarging: ") for line in lines)
    text = "\n".join(lines)
    assert "forward pass: batches 1 of 5" in text and "Gram matrices: layers 1 of " in text
    assert "random weights: forward pass" in text and "body.0 (1 of " in text


def test_a_t_sne_that_runs_away_is_told(monkeypatch):
    monkeypatch.setattr(
        embedded, "tsne_each", lambda tasks: (np.full((10, 2), np.nan) for _ in tasks)
    )
    with pytest.raises(DDRError, match="t-SNE runs away with 10 samples; take more patches"):
        reported(HERE + "Enlarging", input_range=None)


def test_networks_that_no_size_suits_are_told(tmp_path):
    sources = [str(write_onnx(tmp_path / f"{n}.onnx", (1, 3, n, n))) for n in (16, 24)]
    with pytest.raises(
        DDRError, match=r"16.onnx 64, \S+24.onnx 96 pixels\); measure them one by one"
    ):
        reported(*sources, patches=2)


def test_the_difference_of_two_layers_is_paired():
    samples = Samples.of(load_patches("eval", 6, 64), ["clean", "noise20"], 4)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(12, 40)) + 3 * rng.normal(size=(6, 40))[samples.content]
    shifted = features + 2 * samples.degradation[:, None]
    one, other = (Layer.of("x", each, samples) for each in (shifted, features))
    found = difference(one, other)
    assert found.value == pytest.approx(
        one.variance.degradation.value - other.variance.degradation.value
    )
    assert found.low > 0 and difference(one, one)[:3] == (0, 0, 0)


def test_the_time_left_is_that_of_the_pace_so_far(monkeypatch):
    clock, lines = iter([0, 3, 6, 9, 10]), []
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    assert [*progress.counted("abc", 4, "things", lines.append)] == ["a", "b", "c"]
    assert lines == ["things 2 of 4, 9 s left"]
    monkeypatch.setattr(progress.time, "monotonic", lambda: 10)
    assert progress.left(0, 5, 10) == ", 10 s left" and progress.left(9.5, 5, 10) == ""


@pytest.mark.parametrize("route", ["psnr-small-x2", "compact:Compact", "onnx"])
def test_random_weights_are_the_network_s_own_in_another_order(route, file):
    network = (
        load_network(route) if "x2" in route else load_custom(file if route == "onnx" else route)
    )
    images = torch.rand(1, 3, 16, 16)
    before = network.module(images)
    random, again, other = (shuffled(network, seed) for seed in (0, 0, 1))
    given = random.module(images)
    assert torch.equal(network.module(images), before)  # it stays as it is
    assert torch.equal(again.module(images), given)
    assert not torch.allclose(given, before, atol=1e-3)
    assert not torch.allclose(other.module(images), given, atol=1e-3)
    assert len({each.identity for each in (network, random, other)}) == 3
    for old, new in zip(network.module.parameters(), random.module.parameters(), strict=True):
        assert torch.equal(old.flatten().sort()[0], new.flatten().sort()[0])
        assert old.ndim > 1 or torch.equal(old, new)


def test_an_onnx_network_is_shuffled_as_a_module_is(file):
    """Each weight has its own values; PyTorch's network with these gives what the graph gives."""
    module = load_custom(file).module.network.shuffled(3)
    assert not torch.equal(module(torch.ones(1, 3, 8, 8)), Compact()(torch.ones(1, 3, 8, 8)))
    assert module.paths.keys() == load_custom(file).module.network.paths.keys()


def test_several_networks_share_a_size_that_all_take(tmp_path):
    (tmp_path / "nets.py").write_text(
        "import torch\nfrom torch import nn\n"
        "class Any(nn.Upsample):\n    def __init__(self):\n        super().__init__(scale_factor=2)\n"
        "class Step(Any):\n    def forward(self, x):\n"
        "        assert x.shape[-1] % 48 == 0\n        return super().forward(x)\n"
    )
    sources = [f"{tmp_path}/nets.py:Any", f"{tmp_path}/nets.py:Step"]
    networks, size = open_together(sources)
    assert size == 96 and [network.side for network in networks.values()] == [48, 48]
    assert open_together(sources, size=192)[1] == 192
    with pytest.raises(DDRError, match="Step fails on images of shape"):
        open_together(sources, size=100)
    assert open_together([*sources, "psnr-small-x2"])[1] == 96
