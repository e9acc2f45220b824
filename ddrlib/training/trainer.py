"""One training run: pixel, perceptual and adversarial losses, resumable to the bit.

The generator minimises pixel_weight * (L1 or MSE) + perceptual_weight * (`PerceptualLoss`) +
adversarial_weight * softplus(-critic(restored)). The critic, a `VGGDiscriminator`, minimises
softplus(-critic(real)) + softplus(critic(restored)): the non-saturating logistic loss of the first
GAN paper. It learns alone for `critic_warmup` iterations. Both learn with Adam. What is measured
and shipped is the exponential moving average of the generator's weights.
"""

from __future__ import annotations

import copy
import math
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.data.photographs import load_photos
from ddrlib.errors import DDRError
from ddrlib.networks.architectures import ARCHITECTURES
from ddrlib.networks.discriminator import VGGDiscriminator
from ddrlib.training import adversarial
from ddrlib.training.acceleration import accelerated, autocast, rank, replayed, world_size
from ddrlib.training.config import TrainingConfig
from ddrlib.training.perceptual import PerceptualLoss
from ddrlib.training.sampling import Batch, Sampler, digest
from ddrlib.zoo.loading import load_network
from ddrlib.zoo.weights import fill

CALIBRATION_BATCHES = 8  # on which the features that guide a network are standardised
EMA = 0.999  # decay of the averaged weights
JUDGE_EVERY, JUDGED = 10, 8  # iterations between looks at the critic, and held-out pairs of a look
PIXEL_LOSSES = {"l1": F.l1_loss, "mse": F.mse_loss}


class Trainer:
    """One run: networks, optimisers, data, and how far it has come.

    What the next iteration does is a function of `state()` alone: batches are drawn from the seed
    and the iteration, the learning rate follows from the iteration.
    """

    def __init__(self, config: TrainingConfig, device: torch.device, folder: Path) -> None:
        self.config, self.device = config, device
        if config.batch_size % world_size():
            raise DDRError(
                f"{config.name}: batch_size {config.batch_size} cannot be shared by "
                f"{world_size()} processes; choose a multiple"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model: Any = ARCHITECTURES[config.architecture](**config.arguments)
            critic: Any = VGGDiscriminator() if config.adversarial_weight else None
        self.guide = None
        if config.guide:
            self.guide = load_network(config.guide, folder)
            model.guide_from(self.guide.module)
        if config.init:
            fill(model, load_network(config.init, folder).module.state_dict(), Path(config.init))
        self.perceptual = None
        if config.perceptual_weight:
            self.perceptual = PerceptualLoss(config.perceptual).to(device)
        photos = load_photos(config.photos)
        self.data = {"photographs": len(photos), "sha256": digest(photos)}
        self.sampler = Sampler(
            photos,
            config.patch * ARCHITECTURES[config.architecture].scale,
            config.batch_size // world_size(),
            blur=config.blur,
            noise=config.noise,
            seed=config.seed,
            rank=rank(),
            device=device,
        )
        self.model: Any = model.to(device, memory_format=torch.channels_last)
        if config.guide:
            model.calibrate(torch.cat([self.sampler(i).lr for i in range(CALIBRATION_BATCHES)]))
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.following, self.followed = _moving(self.average), _moving(self.model)
        self.optimizer = _adam(self.model, config.guide_rate)
        self.restore = accelerated(self.model, device, config.iterations)
        # What state() holds of them: their state_dict.
        self.parts: dict[str, Any] = {
            "model": self.model,
            "average": self.average,
            "optimizer": self.optimizer,
        }
        self.critic: Any = None
        self.judge: Any = None
        if critic is not None:
            self.critic = critic.to(device, memory_format=torch.channels_last)
            self.critic_optimizer = _adam(self.critic)
            self.judge = accelerated(self.critic, device, config.iterations)
            self.start = copy.deepcopy(self.average)
            self.held_out = adversarial.held_out(self.sampler)
            self.parts |= {"critic": self.critic, "critic_optimizer": self.critic_optimizer}
        self.share = torch.zeros((), device=device)  # by which the average moves
        self.learn = {flag: replayed(partial(self._learn, flag), device) for flag in (False, True)}
        self.iteration, self.seconds = 0, 0.0
        self.sums: dict[str, Tensor] = {}  # of each value and how many there were, since means()

    @property
    def generator_learns(self) -> bool:
        """Whether the generator moves in this iteration, or the critic alone."""
        return self.critic is None or self.iteration >= self.config.critic_warmup

    def step(self) -> None:
        """One iteration: draw a batch; move the generator, its average and the critic."""
        self._schedule()
        batch = self.sampler(self.iteration)
        losses = self.learn[self.generator_learns](*batch)
        self.iteration += 1
        self._account({f"loss_{name}": loss for name, loss in losses.items()})
        if self.critic is not None and self.iteration % JUDGE_EVERY == 0:
            self._account({"critic_accuracy": self._critic_accuracy()})

    def _schedule(self) -> None:
        """What changes from one iteration to the next, in tensors where it is replayed on a GPU."""
        _set_rates(self.optimizer, learning_rate(self.config, self.iteration))
        if self.critic is not None:
            _set_rates(self.critic_optimizer, self.config.critic_rate)
        # While the run is young the average is shorter, so that the random start is soon forgotten.
        self.share.fill_(1 - min(EMA, (1 + self.iteration) / (10 + self.iteration)))

    def _learn(self, generator_learns: bool, *tensors: Tensor) -> dict[str, Tensor]:
        """Move the networks on a batch; the losses, detached."""
        batch = Batch(*tensors)
        with autocast(self.device, self.config.precision):
            with torch.set_grad_enabled(generator_learns):
                restored = self.restore(*batch.inputs(self.model)).float()
            losses = self._losses(restored, batch.hr) if generator_learns else {}
        if generator_learns:
            total = sum(getattr(self.config, f"{name}_weight") * losses[name] for name in losses)
            _descend(self.optimizer, total)
            self._move_average()
        if self.critic is not None:
            with autocast(self.device, self.config.precision):
                logits = adversarial.logits(self.judge, batch.hr, restored.detach())
            losses["critic"] = adversarial.critic_loss(*logits)
            _descend(self.critic_optimizer, losses["critic"])
        return {name: loss.detach() for name, loss in losses.items()}

    def _losses(self, restored: Tensor, target: Tensor) -> dict[str, Tensor]:
        losses = {"pixel": PIXEL_LOSSES[self.config.loss](restored, target)}
        if self.perceptual is not None:
            losses["perceptual"] = self.perceptual(restored, target)
        if self.critic is not None:
            self.critic.requires_grad_(False)
            _, logits = adversarial.logits(self.critic, target, restored)
            losses["adversarial"] = adversarial.generator_loss(logits)
            self.critic.requires_grad_(True)
        return losses

    def _critic_accuracy(self) -> Tensor:
        """How often the critic is right about a few held-out photographs and what becomes of them.

        Generator and critic chase each other in cycles of some fifty iterations; looked at once in
        a hundred, the accuracy would say where in a cycle they are.
        """
        start = self.iteration // JUDGE_EVERY * JUDGED % adversarial.HELD_OUT
        part = adversarial.Batch(*(values[start : start + JUDGED] for values in self.held_out))
        with autocast(self.device, self.config.precision):
            right = adversarial.accuracy(self.critic, self.model, part)
        return torch.tensor(right, device=self.device)

    @torch.no_grad()
    def _move_average(self) -> None:
        steps = torch._foreach_sub(self.followed, self.following)
        torch._foreach_mul_(steps, self.share)
        torch._foreach_add_(self.following, steps)

    @torch.no_grad()
    def _account(self, values: dict[str, Tensor]) -> None:
        # On the device: asking for a number here would make a GPU wait in every iteration.
        for name, value in values.items():
            one = torch.stack([value, torch.ones_like(value)])
            self.sums[name] = self.sums.get(name, 0) + one

    def means(self) -> dict[str, float]:
        """Means of the losses, and of the critic's accuracy, since this was last asked."""
        means = {name: float(total / number) for name, (total, number) in self.sums.items()}
        self.sums = {}
        return means

    def check(self) -> None:
        """Stop a run that diverges: DDRError where a loss since `means`, or a weight, is infinite."""
        if not all(x.isfinite().all() for x in (*self.sums.values(), *self.model.parameters())):
            raise DDRError(
                f"{self.config.name}: the loss is not finite by iteration {self.iteration:,}; the "
                "last good checkpoint is kept; lower learning_rate and train under another name"
            )

    def state(self) -> dict:
        """All that the rest of the run depends on."""
        return {name: part.state_dict() for name, part in self.parts.items()} | {
            "config": asdict(self.config),
            "data": self.data,
            "iteration": self.iteration,
            "seconds": self.seconds,
            "sums": self.sums,
        }

    def load(self, state: dict, where: Path) -> None:
        """Go on from `state`, found at `where`; DDRError where another configuration or data made it."""
        # Fields that are younger than the checkpoint had their default when it was made.
        config = asdict(self.config)
        made = asdict(TrainingConfig(self.config.name)) | state["config"]
        changed = [key for key in made if made[key] != config.get(key)]
        if state["data"] != self.data:
            changed.append("set of photographs")
        if changed:
            raise DDRError(
                f"{where}: the checkpoint there was trained with another {', '.join(changed)}; "
                "train under another name, or delete that folder to start again"
            )
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
            if isinstance(part, torch.optim.Adam):
                _on_device(part)
        self.iteration, self.seconds = state["iteration"], state["seconds"]
        self.sums = {name: total.to(self.device) for name, total in state["sums"].items()}


def _adam(module: nn.Module, guide_rate: float = 1.0) -> torch.optim.Adam:
    shared: dict[float, list[Tensor]] = {}  # by their share of the learning rate
    for name, weight in module.named_parameters():
        if weight.requires_grad:
            share = guide_rate if name.startswith("trunk.") else 1.0
            shared.setdefault(share, []).append(weight)
    groups = [{"params": weights, "share": share} for share, weights in shared.items()]
    return _on_device(torch.optim.Adam(groups, betas=(0.9, 0.99), fused=True))


def _on_device(adam: torch.optim.Adam) -> torch.optim.Adam:
    """On a GPU the learning rates are tensors there: what is replayed reads them anew."""
    for group in adam.param_groups:
        device = group["params"][0].device
        group["capturable"] = device.type == "cuda"
        group["lr"] = torch.zeros((), device=device) if group["capturable"] else 0.0
    return adam


def _moving(module: nn.Module) -> list[Tensor]:
    """What the average follows, shared with `module`: weights, running statistics."""
    return [value for value in module.state_dict().values() if value.is_floating_point()]


def _set_rates(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        if group["capturable"]:
            group["lr"].fill_(rate * group["share"])
        else:
            group["lr"] = rate * group["share"]


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def learning_rate(config: TrainingConfig, iteration: int) -> float:
    """The learning rate at an iteration: constant, or a half cosine from the full rate to zero."""
    if config.decay == "constant":
        return config.learning_rate
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * iteration / config.iterations))
