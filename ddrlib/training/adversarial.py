"""The adversarial half: both losses, and whether the critic of a training gave a signal.

Photographs and restored images pass the critic in one batch: its batch normalisation then has, in
training and in `eval()`, the statistics of the mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from ddrlib.data.photographs import load_photos
from ddrlib.networks.discriminator import VGGDiscriminator
from ddrlib.training.sampling import Batch, Sampler
from ddrlib.zoo.cards import SIGNAL

HELD_OUT = 128  # pairs of patches on which a critic's accuracy is measured
CHUNK = 32  # pairs that are looked at together

# The fresh critic: one recipe for all networks, however they were trained.
FRESH: dict[str, Any] = {
    "patch": 16,
    "batch_size": 8,
    "iterations": 150,
    "rate": 2e-4,
    "seeds": (0, 1, 2),
}

CHANCE, CERTAIN = 0.6, 0.99  # accuracies up to which, and above which, a critic teaches nothing
CRITERION = (
    f"more than half of the held-out accuracies after the warm-up are above {CHANCE} and fewer than "
    f"half above {CERTAIN}; and fresh critics of one fixed recipe tell the outputs from photographs on "
    "average less well (area under the ROC curve) than those of the network that it started from"
)
AT_CHANCE = "no signal: the critic is at chance"
ALWAYS_RIGHT = "no signal: the critic is always right"
NO_CLOSER = "signal, but fresh critics know the outputs from photographs as well as at the start"


def logits(critic: nn.Module, real: Tensor, restored: Tensor) -> tuple[Tensor, Tensor]:
    """The critic's logits (N,) of photographs and of restored images (N, 3, H, W), judged in one
    batch.
    """
    return critic(torch.cat([real, restored])).float().chunk(2)


def critic_loss(real: Tensor, restored: Tensor) -> Tensor:
    """The logistic loss of a critic from its logits (N,); 2 ln 2 where it is undecided."""
    return F.softplus(-real).mean() + F.softplus(restored).mean()


def generator_loss(restored: Tensor) -> Tensor:
    """The non-saturating loss of a generator from the logits (N,) of its images."""
    return F.softplus(-restored).mean()


def held_out(sampler: Sampler) -> Batch:
    """Pairs of patches of the evaluation split, always the same, made as `sampler` makes them."""
    photos = [photo for photo in load_photos("eval") if min(photo[1].shape[1:]) >= sampler.crop]
    made = {name: getattr(sampler, name) for name in ("blur", "noise", "device")}
    return Sampler(photos, sampler.crop, HELD_OUT, **made)(0)


@torch.no_grad()
def judged(critic: nn.Module, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """A critic's logits (N,) of the photographs of a batch and of what a model makes of them."""
    modes = [(module, module.training) for module in (critic, model)]
    for module, _ in modes:
        module.eval()
    found = []
    for part in zip(*(values.split(CHUNK) for values in batch), strict=True):
        pairs = Batch(*part)
        found.append(logits(critic, pairs.hr, model(*pairs.inputs(model)).float()))
    for module, training in modes:
        module.train(training)
    real, restored = (torch.cat(part) for part in zip(*found, strict=True))
    return real, restored


def accuracy(critic: nn.Module, model: nn.Module, batch: Batch) -> float:
    """The share (0 to 1) of photographs and of restored images that a critic is right about."""
    real, restored = judged(critic, model, batch)
    return (int((real > 0).sum()) + int((restored < 0).sum())) / (2 * len(batch.hr))


def auc(real: Tensor, restored: Tensor) -> float:
    """How often a photograph has a larger logit than a restored image: 0.5 by chance, up to 1.

    The area under the ROC curve: unlike the accuracy it does not ask on which side of 0 they lie,
    which in a young critic changes within a few iterations.
    """
    labels = np.repeat([1, 0], [len(real), len(restored)])
    return float(roc_auc_score(labels, torch.cat([real, restored]).cpu().numpy()))


def fresh_auc(
    model: nn.Module,
    photos: str = "train",
    *,
    blur: float = 0.0,
    noise: float = 0.0,
    device: torch.device | str = "cpu",
) -> list[float]:
    """How well fresh critics learn to tell a frozen network's outputs from photographs.

    The `auc` of each on held-out pairs, from about 0.5 to 1. The critics and their training are
    the same for every network (`FRESH`), so that what they reach can be compared. They learn from
    `photos`, as `load_photos` takes it; `blur` and `noise` are the largest of the LR images, as in
    a `TrainingConfig`.
    """
    images, found = load_photos(photos), []
    crop, size = FRESH["patch"] * cast(int, model.scale), FRESH["batch_size"]
    for seed in FRESH["seeds"]:
        sampler = Sampler(images, crop, size, blur=blur, noise=noise, seed=seed, device=device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            critic: Any = VGGDiscriminator()
        critic = critic.to(device, memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(critic.parameters(), lr=FRESH["rate"], betas=(0.9, 0.99))
        for iteration in range(FRESH["iterations"]):
            batch = sampler(iteration)
            with torch.no_grad():
                restored = model(*batch.inputs(model))
            optimizer.zero_grad(set_to_none=True)
            critic_loss(*logits(critic, batch.hr, restored)).backward()
            optimizer.step()
        found.append(auc(*judged(critic, model, held_out(sampler))))
    return found


def verdict(logged: Sequence[float], final: Sequence[float], start: Sequence[float]) -> dict:
    """What is known of an adversarial training: a named state, and what it was derived from.

    `logged` are held-out accuracies (0 to 1) of the training's own critic after its warm-up,
    `final` and `start` areas under the ROC curve (0 to 1) of fresh critics on the trained network
    and on what it started from.
    """
    above, certain = (
        sum(value > bound for value in logged) / max(len(logged), 1) for bound in (CHANCE, CERTAIN)
    )
    if above <= 0.5:
        state = AT_CHANCE
    elif certain >= 0.5:
        state = ALWAYS_RIGHT
    else:
        state = SIGNAL if np.mean(final) < np.mean(start) else NO_CLOSER
    return {
        "state": state,
        "criterion": CRITERION,
        f"share_above_{CHANCE}": round(above, 3),
        f"share_above_{CERTAIN}": round(certain, 3),
        "fresh_critic": FRESH,
        "fresh_auc": [round(value, 4) for value in final],
        "fresh_auc_of_start": [round(value, 4) for value in start],
    }
