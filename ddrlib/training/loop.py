"""Training: one loop for pixel, perceptual and adversarial losses, resumable to the bit.

The generator minimises pixel_weight * (L1 or MSE) + perceptual_weight * (`PerceptualLoss`) +
adversarial_weight * softplus(-critic(restored)). The critic, a spectrally normalised patch
discriminator, minimises softplus(-critic(real)) + softplus(critic(restored)): the non-saturating
logistic loss of the first GAN paper. Both learn with Adam. What is measured and shipped is the
exponential moving average of the generator's weights.
"""

from __future__ import annotations

import copy
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.data.photographs import load_photos
from ddrlib.errors import DDRError
from ddrlib.files import BUILD, write_atomically
from ddrlib.machine import device_name
from ddrlib.networks.architectures import ARCHITECTURES
from ddrlib.networks.discriminator import PatchDiscriminator
from ddrlib.networks.guided import takes_truth
from ddrlib.training.acceleration import (
    accelerated,
    any_process,
    autocast,
    native_bfloat16,
    rank,
    wait_for_all,
    world_size,
)
from ddrlib.training.checkpoint import load_checkpoint, save_checkpoint
from ddrlib.training.config import TrainingConfig
from ddrlib.training.log import TrainingLog, is_measured
from ddrlib.training.perceptual import PerceptualLoss
from ddrlib.training.sampling import Batch, Sampler, digest
from ddrlib.zoo.loading import load_network, save_network
from ddrlib.zoo.weights import fill

CHECKPOINT_SECONDS = 120
PROGRESS_SECONDS = 30
CALIBRATION_BATCHES = 8  # on which the features that guide a network are standardised
ASK_EVERY = 20  # iterations between the questions among several processes whether to stop
PIXEL_LOSSES = {"l1": F.l1_loss, "mse": F.mse_loss}
LICENCE = "MIT"  # of the weights, as of the repository


class Trainer:
    """One run: networks, optimisers, data, and how far it has come.

    What the next iteration does is a function of `state()` alone: batches are drawn from the seed
    and the iteration, the learning rate follows from the iteration.
    """

    # What state() holds of them: their state_dict.
    parts = ("model", "average", "critic", "optimizer", "critic_optimizer")

    def __init__(self, config: TrainingConfig, device: torch.device, folder: Path) -> None:
        self.config, self.device = config, device
        if config.batch_size % world_size():
            raise DDRError(
                f"{config.name}: batch_size {config.batch_size} cannot be shared by "
                f"{world_size()} processes; choose a multiple"
            )
        photos = load_photos(config.photos)
        self.data = {"photographs": len(photos), "sha256": digest(photos)}
        self.sampler = Sampler(
            photos,
            config.patch * _architecture(config).scale,
            config.batch_size // world_size(),
            blur=config.blur,
            noise=config.noise,
            anisotropic=config.anisotropic,
            seed=config.seed,
            rank=rank(),
            device=device,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = _architecture(config)(**config.arguments)
            critic = PatchDiscriminator(config.discriminator_channels)
        self.guide = None
        if config.guide:
            self.guide = load_network(config.guide, folder)
            model.guide_from(self.guide.module)
        if config.init:
            fill(model, load_network(config.init, folder).module.state_dict(), Path(config.init))
        self.model = model.to(device, memory_format=torch.channels_last)
        if config.guide:
            model.calibrate(torch.cat([self.sampler(i).lr for i in range(CALIBRATION_BATCHES)]))
        self.critic = critic.to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.following, self.followed = _moving(self.average), _moving(self.model)
        self.optimizer = _adam(self.model, config.guide_rate)
        self.critic_optimizer = _adam(self.critic)
        self.restore, self.judge = accelerated(self.model, device), None
        if config.adversarial_weight:
            self.judge = accelerated(self.critic, device)
        self.perceptual = PerceptualLoss().to(device) if config.perceptual_weight else None
        self.iteration, self.seconds = 0, 0.0
        self.sums: dict[str, Tensor] = {}  # of the losses since mean_losses() was last asked
        self.broken_at = torch.tensor(-1, device=device)  # first iteration with a loss not finite

    def step(self) -> None:
        """One iteration: draw a batch; move the generator, its average and the critic."""
        batch = self.sampler(self.iteration)
        rate = learning_rate(self.config, self.iteration)
        with autocast(self.device):
            restored = self.restore(*self._inputs(batch)).float()
            losses = self._losses(restored, batch.hr)
        weights = {
            "pixel": self.config.pixel_weight,
            "perceptual": self.config.perceptual_weight,
            "adversarial": self.config.adversarial_weight,
        }
        total = sum(weights[name] * loss for name, loss in losses.items())
        _descend(self.optimizer, total, rate)
        self._move_average()
        if self.judge is not None:
            losses["critic"] = self._critic_loss(restored.detach(), batch.hr)
            _descend(self.critic_optimizer, losses["critic"], rate)
        self._account(losses)
        self.iteration += 1

    def _inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """What the network is given: the LR images, and the truth where an oracle guides it."""
        if takes_truth(self.model):
            return batch.lr, torch.stack([batch.blur, batch.noise], dim=1)
        return (batch.lr,)

    def _losses(self, restored: Tensor, target: Tensor) -> dict[str, Tensor]:
        losses = {"pixel": PIXEL_LOSSES[self.config.loss](restored, target)}
        if self.perceptual is not None:
            losses["perceptual"] = self.perceptual(restored, target)
        if self.judge is not None:
            self.critic.requires_grad_(False)
            losses["adversarial"] = F.softplus(-self.critic(restored).float()).mean()
            self.critic.requires_grad_(True)
        return losses

    def _critic_loss(self, restored: Tensor, target: Tensor) -> Tensor:
        with autocast(self.device):
            real, fake = self.judge(torch.cat([target, restored])).float().chunk(2)
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    @torch.no_grad()
    def _move_average(self) -> None:
        # While the run is young the average is shorter, so that the random start is soon forgotten.
        decay = min(self.config.ema, (1 + self.iteration) / (10 + self.iteration))
        torch._foreach_lerp_(self.following, self.followed, 1 - decay)

    @torch.no_grad()
    def _account(self, losses: dict[str, Tensor]) -> None:
        # On the device: asking for a number here would make a GPU wait in every iteration.
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0) + loss.detach()
            bad = (self.broken_at < 0) & ~loss.isfinite()
            self.broken_at = torch.where(bad, self.iteration, self.broken_at)

    def mean_losses(self) -> dict[str, float]:
        """Means of the losses over the last `log_every` iterations."""
        means = {name: float(total) / self.config.log_every for name, total in self.sums.items()}
        self.sums = {}
        return means

    def check(self) -> None:
        """DDRError where a loss, or a weight after the last step, is NaN or infinite."""
        broken = int(self.broken_at)
        if broken < 0 and not all(p.isfinite().all() for p in self.model.parameters()):
            broken = self.iteration - 1
        if broken >= 0:
            raise DDRError(
                f"{self.config.name}: the loss is not finite at iteration {broken:,}; the last "
                "good checkpoint is kept; lower learning_rate and train under another name"
            )

    def state(self) -> dict:
        """All that the rest of the run depends on."""
        return {part: getattr(self, part).state_dict() for part in self.parts} | {
            "config": asdict(self.config),
            "data": self.data,
            "iteration": self.iteration,
            "seconds": self.seconds,
            "sums": self.sums,
        }

    def load(self, state: dict, where: Path) -> None:
        """Go on from `state`; DDRError where another configuration or other data made it."""
        # Fields that are younger than the checkpoint had their default when it was made.
        config, made = asdict(self.config), asdict(TrainingConfig(**state["config"]))
        changed = [key for key in config if made[key] != config[key]]
        if state["data"] != self.data:
            changed.append("set of photographs")
        if changed:
            raise DDRError(
                f"{where}: the checkpoint there was trained with another {', '.join(changed)}; "
                "train under another name, or delete that folder to start again"
            )
        for part in self.parts:
            getattr(self, part).load_state_dict(state[part])
        self.iteration, self.seconds = state["iteration"], state["seconds"]
        self.sums = {name: total.to(self.device) for name, total in state["sums"].items()}


def _architecture(config: TrainingConfig) -> type[nn.Module]:
    return ARCHITECTURES[config.architecture]


def _adam(module: nn.Module, guide_rate: float = 1.0) -> torch.optim.Adam:
    groups: dict[float, list[Tensor]] = {}  # by their share of the learning rate
    for name, weight in module.named_parameters():
        if weight.requires_grad:
            share = guide_rate if name.startswith("trunk.") else 1.0
            groups.setdefault(share, []).append(weight)
    groups = [{"params": weights, "share": share} for share, weights in groups.items()]
    return torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True)


def _moving(module: nn.Module) -> list[Tensor]:
    """What the average follows, shared with `module`: weights, running statistics."""
    return [value for value in module.state_dict().values() if value.is_floating_point()]


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def learning_rate(config: TrainingConfig, iteration: int) -> float:
    """Halved at each milestone; without milestones a half cosine from the full rate to zero."""
    if config.milestones:
        return config.learning_rate * 0.5 ** sum(iteration >= m for m in config.milestones)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * iteration / config.iterations))


def train(
    config: TrainingConfig,
    device: torch.device,
    folder: Path,
    deadline: float | None = None,
    workspace: Path = BUILD / "training",
) -> bool:
    """Train `config` to its end, or until `deadline` (of time.monotonic) or a signal.

    Returns whether the network is finished: its weights, card and log are then in `folder`.
    Otherwise its checkpoint is in `workspace`/NAME, and the same call goes on from there. After
    SIGINT or SIGTERM raises KeyboardInterrupt, with the checkpoint written.
    """
    here = workspace / config.name
    here.mkdir(parents=True, exist_ok=True)
    trainer, log = Trainer(config, device, folder), TrainingLog(device)
    if (state := load_checkpoint(here)) is not None:
        trainer.load(state, here)
        log.rows = state["rows"]
        _say(f"{config.name}: goes on at iteration {trainer.iteration:,}")
    with _signals() as signals:
        _loop(trainer, log, here, deadline, signals)
        _save(trainer, log, here)
    if trainer.iteration < config.iterations:
        _say(
            f"{config.name}: stopped at iteration {trainer.iteration:,} of "
            f"{config.iterations:,}; the same command goes on from there"
        )
        if signals:
            raise KeyboardInterrupt
        return False
    if rank() == 0:
        _ship(trainer, log, folder)
    wait_for_all()
    return True


def _loop(
    trainer: Trainer, log: TrainingLog, here: Path, deadline: float | None, signals: list[int]
) -> None:
    config, first, began = trainer.config, trainer.iteration, trainer.seconds
    if not log.rows and rank() == 0:
        log.measure(trainer.average, 0)
    saved = shown = clock = time.monotonic()
    while trainer.iteration < config.iterations:
        if world_size() == 1 or trainer.iteration % ASK_EVERY == 0:
            stop = bool(signals) or (deadline is not None and clock > deadline)
            if any_process(stop, trainer.device):
                break
        trainer.step()
        if trainer.iteration % config.log_every == 0:
            trainer.check()
            for name, mean in trainer.mean_losses().items():
                log.add(trainer.iteration, f"loss_{name}", mean)
            log.add(trainer.iteration, "learning_rate", learning_rate(config, trainer.iteration))
            log.add(trainer.iteration, "seconds", trainer.seconds)
        now = time.monotonic()
        trainer.seconds, clock = trainer.seconds + now - clock, now
        if is_measured(trainer.iteration, config.iterations) and rank() == 0:
            trainer.check()
            log.measure(trainer.average, trainer.iteration)
            clock = time.monotonic()  # the time of training is without that of watching it
        if clock - saved > CHECKPOINT_SECONDS:
            _save(trainer, log, here)
            saved = clock
        if clock - shown > PROGRESS_SECONDS:
            rate = (trainer.iteration - first) / (trainer.seconds - began)
            minutes = (config.iterations - trainer.iteration) / rate / 60
            _say(
                f"{config.name}: {trainer.iteration:,} of {config.iterations:,}, "
                f"{log.summary()}, {rate:.1f} it/s, {minutes:.0f} min left"
            )
            shown = clock


def _save(trainer: Trainer, log: TrainingLog, here: Path) -> None:
    trainer.check()
    if rank() == 0:
        save_checkpoint(here, trainer.state() | {"rows": log.rows})
        write_atomically(here / "log.csv", log.text().encode())


def _ship(trainer: Trainer, log: TrainingLog, folder: Path) -> None:
    """The log, then weights and card: a card that is there says that all is there."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "logs" / f"{trainer.config.name}.csv", log.text().encode())
    save_network(trainer.average, _card(trainer, log), folder)
    _say(f"{trainer.config.name}: done, {log.summary()} (bicubic {log.bicubic_psnr:.2f})")


def _card(trainer: Trainer, log: TrainingLog) -> dict:
    config = trainer.config
    guide = trainer.guide
    return {
        "name": config.name,
        "architecture": config.architecture,
        "arguments": config.arguments,
        **({"guide": {"name": guide.name, "sha256": guide.sha256}} if guide else {}),
        "scale": trainer.model.scale,
        "task": "sr",
        "source": "trained here with `ddr train`",
        "licence": LICENCE,
        "training": {
            "config": asdict(config),
            "data": trainer.data,
            "iterations": trainer.iteration,
            "minutes": round(trainer.seconds / 60, 1),
            "device": device_name(),
            "precision": "bfloat16 autocast" if native_bfloat16(trainer.device) else "float32",
            "torch": torch.__version__,
            "perceptual_network": trainer.perceptual.name if trainer.perceptual else "none",
            "losses": log.last_losses(),
            "psnr": round(log.last("psnr"), 3),
            "psnr_bicubic": round(log.bicubic_psnr, 3),
        },
    }


def _say(text: str) -> None:
    if rank() == 0:
        print(text, flush=True)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM instead of dying of them, so that the run can save and end."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # where none can be caught
        yield received
        return
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda number, _: received.append(number)) for kind in kinds]
    try:
        yield received
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
