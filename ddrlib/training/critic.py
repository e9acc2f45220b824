"""The adversarial half: the losses of generator and critic, and whether the critic gave a signal.

Real and restored images pass the critic in one batch: its batch normalisation then has, in training
and in `eval()`, the statistics of the mixture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.data.photographs import load_photos
from ddrlib.networks.discriminator import VGGDiscriminator
from ddrlib.networks.guided import takes_truth
from ddrlib.training.sampling import Batch, Sampler

BETAS = (0.9, 0.99)
HELD_OUT = 128  # pairs of patches on which a critic's accuracy is measured
CHUNK = 32  # pairs that are looked at together

# The fresh critic: one recipe for all networks, whatever they were trained with.
FRESH = {"patch": 16, "batch_size": 8, "iterations": 150, "rate": 2e-4}
FRESH_SEEDS = (0, 1, 2)

CHANCE, CERTAIN = 0.6, 0.99  # accuracies below and above which a critic teaches nothing
CRITERION = (
    f"over half of the logged held-out accuracies of the critic are above {CHANCE} and over half "
    f"below {CERTAIN}; and a fresh critic of one fixed recipe (mean over {len(FRESH_SEEDS)} seeds) "
    "is right less often on the outputs than on those of the network that training started from"
)
SIGNAL = "signal"
AT_CHANCE = "no signal: the critic is at chance"
CERTAINTY = "no signal: the critic is always right"
NO_CLOSER = "signal, but the outputs are told from photographs as easily as at the start, or more"


def logits(critic: nn.Module, real: Tensor, restored: Tensor) -> tuple[Tensor, Tensor]:
    """The critic's logits of photographs and of restored images, judged in one batch."""
    return critic(torch.cat([real, restored])).float().chunk(2)


def critic_loss(real: Tensor, restored: Tensor) -> Tensor:
    """The logistic loss of a critic from its logits (N,); 2 ln 2 where it is undecided."""
    return F.softplus(-real).mean() + F.softplus(restored).mean()


def adversarial_loss(restored: Tensor) -> Tensor:
    """The non-saturating loss of a generator from the logits (N,) of its images."""
    return F.softplus(-restored).mean()


def inputs(model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
    """What a network is given: the LR images, and the truth where an oracle guides it."""
    if takes_truth(model):
        return batch.lr, torch.stack([batch.blur, batch.noise], dim=1)
    return (batch.lr,)


def held_out(sampler: Sampler) -> Batch:
    """Pairs of patches of the evaluation split, always the same, made as those of `sampler`."""
    photos = [photo for photo in load_photos("eval") if min(photo[1].shape[1:]) >= sampler.crop]
    made = {name: getattr(sampler, name) for name in ("blur", "noise", "device")}
    return Sampler(photos, sampler.crop, HELD_OUT, **made)(0)


@torch.no_grad()
def accuracy(critic: nn.Module, model: nn.Module, batch: Batch) -> float:
    """The share of photographs and of restored images that a critic is right about."""
    critic.eval()
    right = 0
    for part in zip(*(values.split(CHUNK) for values in batch), strict=True):
        pairs = Batch(*part)
        real, restored = logits(critic, pairs.hr, model(*inputs(model, pairs)).float())
        right += int((real > 0).sum()) + int((restored < 0).sum())
    critic.train()
    return right / (2 * len(batch.hr))


def fresh_accuracy(
    model: nn.Module,
    photos: list[tuple[str, Tensor]],
    *,
    blur: float = 0.0,
    noise: float = 0.0,
    seeds: Sequence[int] = FRESH_SEEDS,
    device: torch.device | str = "cpu",
) -> list[float]:
    """How well a fresh critic learns to tell a frozen network's outputs from photographs.

    The critic and its training are the same for every network (`FRESH`), so that their accuracies
    can be compared.

    Parameters
    ----------
    model : a super-resolution network of `ddrlib.networks`, in eval mode
    photos : what the critic is trained on (`load_photos`)
    blur, noise : the largest degradation of the LR images, as in a `TrainingConfig`
    seeds : a critic for each

    Returns
    -------
    The accuracy on held-out pairs, 0.5 to 1 in expectation, of each critic.
    """
    crop, found = FRESH["patch"] * model.scale, []
    for seed in seeds:
        sampler = Sampler(
            photos, crop, FRESH["batch_size"], blur=blur, noise=noise, seed=seed, device=device
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            critic = VGGDiscriminator().to(device, memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(critic.parameters(), lr=FRESH["rate"], betas=BETAS)
        for iteration in range(FRESH["iterations"]):
            batch = sampler(iteration)
            with torch.no_grad():
                restored = model(*inputs(model, batch))
            loss = critic_loss(*logits(critic, batch.hr, restored))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        found.append(accuracy(critic, model, held_out(sampler)))
    return found


def verdict(logged: Sequence[float], final: Sequence[float], start: Sequence[float]) -> dict:
    """What is known of an adversarial training: a named state, and what it was derived from.

    Parameters
    ----------
    logged : held-out accuracies of the training's own critic after its warm-up
    final, start : accuracies of fresh critics on the trained network and on what it started from
    """
    above, certain = (
        sum(value > bound for value in logged) / max(len(logged), 1) for bound in (CHANCE, CERTAIN)
    )
    if not above > 0.5:
        state = AT_CHANCE
    elif not certain < 0.5:
        state = CERTAINTY
    else:
        state = SIGNAL if np.mean(final) < np.mean(start) else NO_CLOSER
    return {
        "state": state,
        "criterion": CRITERION,
        f"share_of_accuracies_above_{CHANCE}": round(above, 3),
        f"share_of_accuracies_above_{CERTAIN}": round(certain, 3),
        "fresh_critic": FRESH | {"seeds": list(FRESH_SEEDS)},
        "fresh_accuracy": [round(value, 4) for value in final],
        "fresh_accuracy_of_start": [round(value, 4) for value in start],
    }
