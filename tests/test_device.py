"""Whatever device there is: nothing strays from it, and bfloat16 only where it makes no difference."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from test_ncnn_graph import U_NET
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ddrlib import machine
from ddrlib.data.photographs import load_patches
from ddrlib.degrade.samples import Samples
from ddrlib.errors import DDRError
from ddrlib.features import device, extraction, forward
from ddrlib.features.extraction import extract
from ddrlib.features.forward import in_parallel
from ddrlib.features.grams import layer_grams
from ddrlib.measure.embedded import embedded_each
from ddrlib.measure.layer import layers_of
from ddrlib.networks.architectures import ARCHITECTURES
from ddrlib.training import trainer
from ddrlib.training.checkpoint import load_checkpoint, save_checkpoint
from ddrlib.training.config import TrainingConfig
from ddrlib.zoo.cards import NETWORKS
from ddrlib.zoo.loading import load_network
from ddrlib.zoo.network import Network

CPU = torch.device("cpu")


@pytest.fixture
def able(monkeypatch, tmp_path):
    """A machine that computes in bfloat16, whether or not this one does."""
    monkeypatch.setenv("DDR_PRECISION", "auto")
    monkeypatch.setenv("DDR_CACHE", str(tmp_path))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})


def toy(offset: float) -> Network:
    """One convolution whose features lie about `offset`, far from 0 where that is large."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1))
    nn.init.constant_(module[0].bias, offset)
    layers = {"conv": "0"}
    return Network("toy", module.eval(), 1, layers, lambda x: x, "sr", {"sha256": "0" * 64})


def chosen(network: Network, images: torch.Tensor) -> torch.dtype:
    return device.precision(network, images, network.layers, CPU)


def test_a_network_that_minds_rounding_is_run_in_float32(able):
    images = torch.rand(64, 3, 8, 8)
    assert chosen(toy(0), images) is torch.bfloat16
    assert chosen(toy(1000), images) is torch.float32  # steps of 4 between its numbers


def test_few_images_a_setting_and_a_plain_processor_mean_float32(able, monkeypatch):
    images = torch.rand(64, 3, 8, 8)
    assert chosen(toy(0), images[1:]) is torch.float32
    monkeypatch.setenv("DDR_PRECISION", "float32")
    assert chosen(toy(0), images) is torch.float32
    monkeypatch.setenv("DDR_PRECISION", "auto")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    assert chosen(toy(0), images) is torch.float32


def test_a_wrong_setting_is_named(monkeypatch):
    monkeypatch.setenv("DDR_PRECISION", "half")
    with pytest.raises(DDRError, match="'half'; set it to auto or float32"):
        machine.bfloat16_allowed(CPU)


def test_a_network_that_fails_in_bfloat16_is_run_in_float32(able):
    class Picky(nn.Conv2d):
        def forward(self, x):
            if torch.is_autocast_enabled("cpu"):
                raise RuntimeError
            return super().forward(x)

    network = Network("picky", Picky(3, 2, 1), 1, {"out": ""}, lambda x: x, "sr", {"sha256": "0"})
    assert extract(network, torch.rand(64, 3, 4, 4), device="cpu")["out"].shape == (64, 32)


def test_what_bfloat16_gives_is_not_taken_for_what_float32_gives(able, monkeypatch):
    images = torch.rand(64, 3, 8, 8)
    (rounded,) = layer_grams(toy(0), images, device="cpu").values()
    monkeypatch.setenv("DDR_PRECISION", "float32")
    (exact,) = layer_grams(toy(0), images, device="cpu").values()
    difference = np.linalg.norm(rounded.gram - exact.gram) / np.linalg.norm(exact.gram)
    assert 1e-6 < difference < 1e-2


def test_figures_agree_within_their_intervals(able, monkeypatch):
    """By far: bfloat16 moves no figure by a tenth of what the choice of photographs does."""
    samples = Samples.of(load_patches("eval", 24, 64), ["clean", "blur4", "noise20"])
    network = load_network("srresnet-wgr-reduced-s0")
    layers = ["RB4", "RB8"]
    assert chosen(network, samples.images) is torch.bfloat16
    rounded = list(embedded_each(layers_of(network, samples, layers, "cpu"), 5))
    monkeypatch.setenv("DDR_PRECISION", "float32")
    exact = list(embedded_each(layers_of(network, samples, layers, "cpu"), 5))
    for ours, theirs in zip(rounded, exact, strict=True):
        assert not np.array_equal(ours.gram, theirs.gram)
        for name, wanted in theirs.intervals().items():
            found = ours.intervals()[name]
            # t-SNE finds another optimum now and then: its figures keep to the interval.
            share = 1 if name.startswith("chi") else 0.1
            assert abs(found.value - wanted.value) < share * (wanted.high - wanted.low) / 2, name


# ---- no tensor on another device ----


class Strays(TorchDispatchMode):
    """Collects operations within it that give a tensor on another device than `device`."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device, self.found = device, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        given = function(*args, **(kwargs or {}))
        tensors = [value for value in tree_leaves(given) if isinstance(value, torch.Tensor)]
        self.found += [str(function) for value in tensors if value.device.type != self.device]
        return given


@pytest.fixture
def meta(monkeypatch):
    """The device "meta", whose tensors have no values, in the place of a GPU."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    return torch.device("meta")


def test_strays_are_found(meta):
    with Strays("meta") as strays:
        torch.zeros(3, device="meta") + 1
        torch.arange(3)
    assert strays.found == ["aten.arange.default"]


ARGUMENTS = {"NcnnGraph": {"graph": U_NET, "scale": 2}}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_forward_pass_makes_every_tensor_on_its_device(architecture, meta):
    """One made elsewhere would be copied to the GPU in every pass, and make it wait."""

    def watched(module, batch):
        with Strays("meta") as strays:  # it sees its own thread alone
            return len(module(batch.to(meta))), strays.found

    module = ARCHITECTURES[architecture](**ARGUMENTS.get(architecture, {})).eval()
    with in_parallel(module, meta) as parallel_map:
        assert list(parallel_map(watched, [torch.rand(2, 3, 32, 32)])) == [(2, [])]


def test_extraction_takes_features_from_the_device_and_nothing_else(meta, monkeypatch):
    taken, found = [], []

    def watch(*arguments):
        with Strays("meta") as strays:
            forward.watch(*arguments)
        found.extend(strays.found)

    def to_rows(layer, output, span, dtype):
        taken.append((layer, output.device.type))
        return np.zeros((span[1] - span[0], 4), np.float16)

    monkeypatch.setattr(extraction, "watch", watch)
    monkeypatch.setattr(extraction, "to_rows", to_rows)
    layers = ["conv_first", "DATB3", "output"]
    rows = extract(load_network("dat-light-x4"), torch.rand(3, 3, 32, 32), layers, device="meta")
    assert [rows[layer].shape for layer in layers] == [(3, 4)] * 3
    assert set(taken) == {(layer, "meta") for layer in layers} and found == []


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_a_training_step_stays_on_its_device(weight, meta, monkeypatch, tmp_path):
    """All of it but PyTorch's own optimiser, which knows no meta tensors."""

    class Generator(torch.Generator):
        def __new__(cls, _device):
            return super().__new__(cls)

    monkeypatch.setattr(torch, "Generator", Generator)
    monkeypatch.setattr(trainer, "_descend", lambda _optimizer, loss: loss.backward())
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    config = TrainingConfig(
        "tiny",
        arguments={"channels": 4, "blocks": 1},
        photos=str(tmp_path),
        adversarial_weight=weight,
        perceptual_weight=weight,
        critic_warmup=0,
        blur=20 * weight,
        noise=20 * weight,
        batch_size=2,
    )
    run = trainer.Trainer(config, meta, NETWORKS)
    with Strays("meta") as strays:
        run.step()
    assert run.iteration == 1 and strays.found == []


def test_a_large_image_is_run_alone_and_small_ones_together():
    assert device.batch_size(CPU, (9, 3, 32, 32)) == 4
    assert device.batch_size(CPU, (3, 64, 64)) == 1
    assert device.batch_size(CPU, (1, 3, 500, 500)) == 1
    assert device.batch_size(CPU, (9, 3, 32, 32), torch.bfloat16) == 8  # half the bytes


def test_a_batch_fills_half_of_the_free_memory_of_a_gpu(monkeypatch):
    for free, number in (2**40, 256), (2**31, 16), (2**20, 1):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 2**40))
        assert device.batch_size(torch.device("cuda"), (500, 3, 32, 32)) == number


# ---- where there is a GPU ----

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU")


@on_gpu
@pytest.mark.parametrize("name", ["srresnet-wgr-reduced-s0", "dat-light-x4", "efficientnet-lite0"])
def test_a_gpu_gives_the_features_of_the_processor(name, monkeypatch):
    monkeypatch.setenv("DDR_PRECISION", "float32")
    network, images = load_network(name), load_patches("eval", 4, 128).images[..., ::4, ::4]
    there, here = (extract(network, images, device=kind) for kind in ("cuda", "cpu"))
    for layer, wanted in here.items():
        bound = 2e-3 * np.abs(wanted.astype(np.float32)).max()  # float16 keeps 11 bits
        assert np.abs(there[layer].astype(np.float32) - wanted).max() <= bound, layer


@on_gpu
def test_figures_agree_between_a_gpu_in_bfloat16_and_the_processor(monkeypatch, tmp_path):
    monkeypatch.setenv("DDR_CACHE", str(tmp_path))
    samples = Samples.of(load_patches("eval", 24, 64), ["clean", "blur4", "noise20"])
    network = load_network("srresnet-wgr-reduced-s0")
    figures = []
    for kind, numbers in ("cuda", "auto"), ("cpu", "float32"):
        monkeypatch.setenv("DDR_PRECISION", numbers)
        figures.append(layers_of(network, samples, ["RB8"], kind)[0].variance.degradation)
    there, here = figures
    assert abs(there.value - here.value) < 0.1 * (here.high - here.low)


SMALL = TrainingConfig(
    "small", arguments={"channels": 16, "blocks": 2}, precision="bfloat16", patch=12, batch_size=4
)
ALL_LOSSES = replace(SMALL, perceptual_weight=0.1, adversarial_weight=0.01, critic_warmup=8)


@pytest.mark.parametrize("kind", ["cpu", pytest.param("cuda", marks=on_gpu)])
def test_training_lowers_the_loss(kind):
    """Without an image skip, which would give a good image from the start."""
    arguments = SMALL.arguments | {"global_residual": False}
    run = trainer.Trainer(replace(SMALL, arguments=arguments), torch.device(kind), NETWORKS)
    losses = []
    for _ in range(4):
        for _ in range(20):
            run.step()
        losses.append(run.means()["loss_pixel"])
    assert losses[-1] < 0.5 * losses[0]


def weights(run):
    parts = (run.model, run.average, *([run.critic] if run.critic else []))
    return torch.cat(
        [value.flatten().float() for part in parts for value in part.state_dict().values()]
    )


@on_gpu
@pytest.mark.parametrize("config", [SMALL, ALL_LOSSES], ids=["pixel", "all losses"])
def test_a_replayed_iteration_does_what_an_iteration_does(config, monkeypatch):
    """In float32, through warm-up, with rates and averages that change from one to the next."""
    config = replace(config, precision="float32", iterations=40, decay="cosine")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    replayed, plain = (trainer.Trainer(config, torch.device("cuda"), NETWORKS) for _ in range(2))
    plain.learn = {flag: partial(plain._learn, flag) for flag in (False, True)}
    start = weights(plain)
    for _ in range(20):
        replayed.step()
        plain.step()
    assert replayed.learn[True].graph is not None
    moved = (weights(plain) - start).norm()
    assert (weights(replayed) - weights(plain)).norm() < 0.05 * moved
    found = replayed.means()
    for name, mean in plain.means().items():
        assert found[name] == pytest.approx(mean, rel=0.05), name


@on_gpu
def test_a_training_goes_on_from_another_devices_checkpoint(tmp_path):
    """As from its own, and with sums that are still to be logged."""
    here = trainer.Trainer(ALL_LOSSES, CPU, NETWORKS)
    for _ in range(15):
        here.step()
    save_checkpoint(tmp_path, here.state())
    there = trainer.Trainer(ALL_LOSSES, torch.device("cuda"), NETWORKS)
    there.load(load_checkpoint(tmp_path), tmp_path)
    for _ in range(15):
        there.step()
    save_checkpoint(tmp_path, there.state())
    again = trainer.Trainer(ALL_LOSSES, CPU, NETWORKS)
    again.load(load_checkpoint(tmp_path), tmp_path)
    again.step()
    assert again.iteration == 31 and set(again.means()) == set(there.means())
