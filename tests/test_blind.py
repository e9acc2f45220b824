"""Blind super-resolution: paired gains, degradation editing, costs, by hand."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import r2_score
from torch import nn

from ddrlib.applications import blind
from ddrlib.applications.blind import blur_and_noise, blur_then_noise, truth_for
from ddrlib.applications.comparison import compare, gains, over_contents, over_trainings, share
from ddrlib.applications.cost import cost
from ddrlib.applications.editing import cost_of_error, edit, readable
from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import clean, degrade, parse, upsample
from ddrlib.errors import DDRError
from ddrlib.features.extraction import super_resolve
from ddrlib.measure.fidelity import psnr
from ddrlib.networks.guided import GuidedSRResNet
from ddrlib.networks.srresnet import SRResNet
from ddrlib.widgets.restoration_viewer import restoration_viewer
from ddrlib.zoo.network import Network

SIZE = {"channels": 4, "blocks": 2}
TRUE = blur_then_noise(2.0, 10.0)


def network(module, name="net", scale=4):
    return Network(name, module.eval(), scale, {"Output": ""}, lambda x: x, "sr", {"sha256": name})


def guided(guide="frozen", seed=0):
    torch.manual_seed(seed)
    module = GuidedSRResNet(**SIZE, guide=guide, embedding=6)
    for block in module.body:
        nn.init.normal_(block.modulation.weight)
    for convolution in (part for part in module.modules() if isinstance(part, nn.Conv2d)):
        convolution.weight.data.mul_(
            5
        )  # else the output is next to nothing but the upsampled input
    if guide == "frozen":
        module.calibrate(torch.rand(4, 3, 8, 8))
    return network(module, guide)


class Bicubic(nn.Module):
    def __init__(self, offset=0.0, scale=4):
        super().__init__()
        self.offset, self.scale = nn.Parameter(torch.tensor(offset)), scale

    def forward(self, x):
        return upsample(x, self.scale) + self.offset


class Listener(nn.Module):
    """Grey with an error of 0.01 where it is given rightly whether there is noise, else of 0.1."""

    scale, guide = 4, "oracle"

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def embed(self, x, degradation):
        return degradation[:, 1:]

    def forward(self, x, degradation=None, embedding=None):
        told = self.embed(x, degradation) if embedding is None else embedding
        right = (told[:, 0] > 0) == (x.std((1, 2, 3)) > 0)
        error = torch.where(right, 0.01, 0.1)[:, None, None, None]
        return x.new_full((len(x), 3, 4 * x.shape[2], 4 * x.shape[3]), 0.5) + error


@pytest.fixture
def truth():
    return torch.rand(5, 3, 48, 48, generator=torch.Generator().manual_seed(0))


@given(st.floats(0, 16), st.floats(0, 100))
def test_a_degradation_survives_its_text(blur, noise):
    assert blur_and_noise(parse(str(blur_then_noise(blur, noise)))) == (blur, noise)


def test_degradations_of_other_texts():
    assert blur_then_noise(0, 0) == clean and blur_and_noise(clean) == (0, 0)
    assert str(blur_then_noise(1.5, 0)) == "blur1.5" and str(blur_then_noise(0, 20)) == "noise20"
    assert blur_and_noise(parse("blur3+blur4+noise5")) == (5, 5)
    assert blur_and_noise(parse("blur1+jpeg30")) is None
    texts = ["clean", "noise20", "blur4", "blur4+noise20"]
    assert list(map(str, blind.grid([0, 4], [0, 20]))) == texts


@pytest.mark.parametrize("guide", GuidedSRResNet.guides)
def test_restoring_is_the_networks_own_work(guide):
    net, lr = guided(guide), torch.rand(9, 3, 8, 8)
    told = {"degradation": torch.tensor([[2.0, 10.0]] * 9)} if guide == "oracle" else {}
    with torch.no_grad():
        expected = net.module(lr, **told).clamp(0, 1)
        own = net.module.embed(lr, **told)
    given = [TRUE] * 9
    truth = truth_for(net.module, given)
    assert torch.allclose(super_resolve(net, lr, **truth), expected, atol=1e-5)
    assert torch.allclose(blind.embed(net, lr, given), own, atol=1e-5)
    edited = super_resolve(net, lr, embedding=own.flip(0))
    again = super_resolve(net, lr.flip(0), embedding=own)
    assert torch.allclose(edited.flip(0), again, atol=1e-5)
    other = super_resolve(net, lr, embedding=own + 1)
    assert not torch.allclose(other, expected, atol=1e-3)
    if guide == "oracle":  # what it hears is each image's own
        lies = super_resolve(net, lr, **truth_for(net.module, [*given[:8], clean]))
        assert torch.allclose(lies[:8], expected[:8], atol=1e-5)
        assert not torch.allclose(lies[8], expected[8], atol=1e-3)
        with pytest.raises(DDRError, match="degradation jpeg30: an oracle knows of blur and noise"):
            truth_for(net.module, [*given[:8], parse("jpeg30")])


def test_compared_image_by_image(truth):
    networks = {
        "same": {0: network(Bicubic()), 1: network(Bicubic())},
        "grey": {1: network(Bicubic(0.1))},
    }
    degradations = [clean, TRUE]
    table = compare(networks, truth, degradations)
    assert len(table) == 4 * 2 * 5 and not table.isna().any().any()
    bicubic = table[(table.method == "bicubic") & (table.blur == 2)]
    assert bicubic.psnr.tolist() == psnr(upsample(degrade(truth, str(TRUE))), truth).tolist()
    found = gains(table, "bicubic")
    assert found.empty or found.columns.empty  # no seed in common
    found = gains(table, "same")
    assert list(found.columns) == ["grey"]
    assert found.grey.dropna().index.get_level_values("seed").unique().tolist() == [1]
    assert (found.grey.dropna() < 0).all()
    assert (table[table.method == "same"].groupby("seed").ssim.mean().std()) == 0


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_compared_at_other_scales(truth, scale):
    table = compare({"same": {0: network(Bicubic(scale=scale), scale=scale)}}, truth, [TRUE])
    expected = psnr(upsample(degrade(truth, str(TRUE), scale), scale), truth).tolist()
    for _, part in table.groupby("method"):
        assert part.psnr.tolist() == pytest.approx(expected, abs=1e-4)
    mixed = {"same": {0: network(Bicubic(scale=scale), scale=scale), 1: network(Bicubic())}}
    with pytest.raises(DDRError, match=rf"scales \[{scale}, 4\]: compare networks of one"):
        compare(mixed, truth, [TRUE])


def series(values):
    """Gains by (seed, content), one degradation."""
    index = pd.MultiIndex.from_tuples(
        [(seed, 0.0, 0.0, content) for seed, content in values],
        names=["seed", "blur", "noise", "content"],
    )
    return pd.Series(list(values.values()), index)


def test_gains_by_hand():
    table = pd.DataFrame(
        [
            (method, seed, 0.0, 0.0, content, base + seed + content * (method == "b"))
            for method, seed, base in (
                ("a", 0, 20.0),
                ("a", 1, 20.0),
                ("b", 1, 21.0),
                ("b", 2, 30.0),
            )
            for content in (0, 1, 2)
        ],
        columns=["method", "seed", "blur", "noise", "content", "psnr"],
    )
    gain = gains(table, "a")["b"]
    assert gain.dropna().tolist() == [1, 2, 3]  # seed 1, the one that both have
    assert over_contents(gain)[::3] == (2, 3)
    assert over_trainings(gain) == (2, 2, 2, 1)


def test_gains_over_contents_and_over_trainings():
    gain = series({(0, 0): 1.0, (0, 1): 3.0, (1, 0): 3.0, (1, 1): 5.0})
    assert over_trainings(gain) == (3, 2, 4, 2)
    found = over_contents(gain)
    assert (found.value, found.n) == (3, 2)
    assert (found.low, found.high) == pytest.approx((2, 4), abs=0.1)  # of contents of 2 and 4 dB


def test_the_share_of_a_gain():
    whole = series({(0, 0): 1.0, (0, 1): 2.0, (0, 2): 3.0, (1, 2): 9.0})
    part = 0.25 * whole.iloc[:3]  # of the seed that both have
    assert share(part, whole) == pytest.approx((0.25, 0.25, 0.25, 3))
    assert share(part, -whole) is None
    assert share(part.iloc[:0], whole) is None


def test_a_wrong_embedding_costs_what_it_costs():
    grey = torch.full((3, 3, 32, 32), 0.5)
    edited = edit(network(Listener()), grey, [clean, blur_then_noise(0, 20)])
    table = edited.pivot_table(index="true", columns="given", values="psnr")
    assert table.loc["clean", "clean"] == pytest.approx(40, abs=1e-3)
    assert table.loc["noise20", "noise20"] == pytest.approx(40, abs=1e-3)
    assert table.loc["noise20", "clean"] == pytest.approx(20, abs=1e-3)
    assert cost_of_error(edited) == pytest.approx((20, 20, 20, 3), abs=1e-3)


def test_the_cost_of_error_by_hand():
    rows = [
        ("a", "a", 30),
        ("a", "b", 28),
        ("a", "c", 27),
        ("b", "a", 20),
        ("b", "b", 21),
        ("b", "c", 19),
    ]
    edited = pd.DataFrame(
        [
            (true, given, content, value + content)
            for true, given, value in rows
            for content in (0, 1)
        ],
        columns=["true", "given", "content", "psnr"],
    )
    assert cost_of_error(edited) == pytest.approx((2, 2, 2, 2))  # of 2, 3, 1 and 2 dB


def test_an_embedding_that_is_not_used_costs_nothing(truth):
    torch.manual_seed(0)
    edited = edit(network(GuidedSRResNet(**SIZE, embedding=6)), truth, [clean, TRUE])
    assert cost_of_error(edited) == pytest.approx((0, 0, 0, 5), abs=1e-5)


def test_what_can_be_read_off_an_embedding():
    rng = np.random.default_rng(0)
    content, degree = np.repeat(np.arange(40), 5), np.tile(np.arange(5.0), 40)
    noise = rng.standard_normal((200, 8))
    known = noise.copy()
    known[:, 3] += 2 * degree
    found = readable(known, degree, content)
    # Var(2 d) = 8 against noise of variance 1, seen through one of the embedding's numbers
    assert found.value == pytest.approx(8 / 9, abs=0.05) and found.low < found.value < found.high
    assert found.n == 40
    assert readable(noise, degree, content).value < 0.05
    assert readable(degree[:, None], degree, content).value == pytest.approx(1, abs=1e-3)
    with pytest.raises(DDRError, match="two contents and two degrees"):
        readable(noise, np.ones(200), content)


def test_readable_is_r_squared(monkeypatch):
    rng = np.random.default_rng(1)
    content, degree = np.repeat(np.arange(10), 4), np.tile(np.arange(4.0), 10)
    guess = degree + rng.standard_normal(40)

    class Copy:
        def fit(self, *_):
            return self

        def predict(self, embeddings):
            return embeddings[:, 0]

    monkeypatch.setattr("ddrlib.applications.editing.make_pipeline", lambda *_: Copy())
    assert readable(guess[:, None], degree, content).value == pytest.approx(r2_score(degree, guess))


def test_what_versions_of_a_content_share_is_not_taken_for_evidence():
    """Chosen image by image, the penalty would fit the contents, and R squared be far below 0."""
    rng = np.random.default_rng(0)
    content, degree = np.repeat(np.arange(20), 9), np.tile(np.repeat(np.arange(3.0), 3), 20)
    of_content = rng.standard_normal((20, 64))[content]
    embeddings = of_content + 0.01 * degree[:, None] * rng.standard_normal((20, 64))[content]
    assert readable(embeddings, degree, content).value > -0.1


def test_costs_by_hand():
    module = SRResNet(channels=8, blocks=3)
    found = cost(network(module), side=16)
    assert found.trained == sum(weight.numel() for weight in module.parameters())
    at_lr = 3 * 8 * 9 + 6 * 8 * 8 * 9 + 8 * 32 * 9
    at_hr = 8 * 8 * 9 + 8 * 3 * 9
    assert found.multiply_adds == 16**2 * (at_lr + 4 * 8 * 32 * 9 + 16 * at_hr)
    assert found.frozen == 0


def test_a_frozen_trunk_costs_operations_and_no_parameters():
    modules = (
        SRResNet(**SIZE),
        GuidedSRResNet(**SIZE, embedding=6),
        GuidedSRResNet(**SIZE, guide="oracle", embedding=6),
    )
    plain, frozen, oracle = (cost(network(module), side=16) for module in modules)
    trunk = 3 * 4 * 9 + 4 + 4 * (4 * 4 * 9 + 4)
    assert frozen.frozen == trunk + 2 * 4  # and the mean and sd of each channel
    modulation = 2 * (6 * 8)
    assert oracle.multiply_adds == plain.multiply_adds + modulation + 2 * 6 + 6 * 6
    encoder = 8 * 8 * 4 * 8 * 9 + 4 * 4 * 8 * 8 * 9 + 8 * 6
    assert frozen.multiply_adds == (
        plain.multiply_adds + modulation + encoder + 16**2 * (3 * 4 * 9 + 4 * 4 * 4 * 9)
    )


def test_the_viewer_shows_all_and_the_oracle_only_what_it_knows(truth):
    patches = Patches(
        truth, np.arange(5), np.array([""] * 5), np.array([f"p__{k}.png" for k in range(5)])
    )
    networks = {"blind": network(SRResNet(**SIZE)), "oracle": guided("oracle")}
    viewer = restoration_viewer(patches, networks, [0.0, 2.0], [0.0, 10.0])
    assert len(viewer.frames) == 5 * 2 * 2
    row = next(f["show"] for f in viewer.frames if f["at"][1:] == (2.0, 10.0))
    captions = [caption.split(",")[0] for caption, *_ in row]
    assert captions == ["low resolution", "bicubic", "blind", "oracle", "truth"]
    assert "blur2+noise10" in row[0][0] and row[1][0].endswith("\N{NO-BREAK SPACE}dB")

    sent = []
    viewer.send = lambda message, buffers=None: sent.append(message)
    for text in ("blur1+noise3", "jpeg30", "nonsense"):
        request = {
            "choice": {"photograph": "1", "blur": 0.0, "noise": 0.0},
            "text": text,
        }
        viewer._on_message(None, {"type": "compute", "request": request}, [])
    known, unknown, refused = sent
    assert len(known["show"]) == 5 and len(unknown["show"]) == 4
    assert refused["type"] == "error" and "nonsense" in refused["text"]


def test_the_viewer_at_other_scales(truth):
    patches = Patches(truth[:1], np.arange(1), np.array([""]), np.array(["p__0.png"]))
    viewer = restoration_viewer(patches, {"x2": network(Bicubic(scale=2), scale=2)}, [2.0], [0.0])
    (frame,) = viewer.frames
    sides = [Image.open(io.BytesIO(viewer.pictures[k])).size for _, k in frame["show"]]
    assert sides == [(24, 24), (48, 48), (48, 48), (48, 48)]
    _, bicubic, same, _ = (caption for caption, *_ in frame["show"])
    assert bicubic.split(", ")[1] == same.split(", ")[1], "its own PSNR, at its own scale"
