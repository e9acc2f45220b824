"""Iterations a second of `ddr train` against a plain loop, as a ratio in one run.

    python benchmarks/training_throughput.py [--size reduced|paper] [--iterations 50]

The plain loop is what one writes first: float32, eager, the photographs decoded and cropped on the
CPU for each batch. The two take turns, so that whatever else the machine does slows both; the
medians of the turns are compared. On a GPU also the share of its bfloat16 matrix rate, as measured
here on 8192 x 8192 matrices, that the arithmetic of the network amounts to. At least 1.5 times the
plain loop is asked for on a CPU, 5 times on a GPU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from ddrlib.data.images import load_image
from ddrlib.degrade.degradation import downsample
from ddrlib.features.extraction import resolve_device
from ddrlib.files import DATA
from ddrlib.networks.srresnet import SRResNet
from ddrlib.training.config import TrainingConfig, config_from
from ddrlib.training.trainer import Trainer

TURNS = 5


class PlainLoop:
    """The same network, loss, optimiser and crops, without any of the care."""

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.files = sorted((DATA / "photos" / "train").iterdir())
        self.random = np.random.default_rng(0)
        self.model = SRResNet(**config.arguments).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate)

    def step(self) -> None:
        hr = torch.stack([self.crop() for _ in range(self.config.batch_size)])
        lr = downsample(hr)
        lr, hr = lr.to(self.device), hr.to(self.device)
        loss = F.l1_loss(self.model(lr), hr)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        loss.item()  # for the progress bar

    def crop(self) -> torch.Tensor:
        image, side = load_image(self.random.choice(self.files)), 4 * self.config.patch
        top, left = (self.random.integers(0, n - side + 1) for n in image.shape[1:])
        crop = image[:, top : top + side, left : left + side]
        crop = crop.flip(1) if self.random.random() < 0.5 else crop
        return crop.mT if self.random.random() < 0.5 else crop


def seconds_each(step: Callable[[], None], iterations: int, device: torch.device) -> float:
    start = time.perf_counter()
    for _ in range(iterations):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / iterations


def flops(model: torch.nn.Module, lr: torch.Tensor) -> int:
    """Of one forward and backward pass."""
    with FlopCounterMode(display=False) as counter:
        model(lr).mean().backward()
    return counter.get_total_flops()


def matrix_rate(device: torch.device, side: int = 8192) -> float:
    """Floating-point operations a second of a bfloat16 matrix product."""
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    seconds_each(lambda: a @ a, 10, device)
    return 2 * side**3 / seconds_each(lambda: a @ a, 50, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("reduced", "paper"))
    parser.add_argument("--iterations", type=int, default=20, help="of each turn")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device = resolve_device(options.device)
    size = options.size or ("paper" if device.type == "cuda" else "reduced")
    config = config_from({"name": "benchmark", "size": size, "precision": "bfloat16"}, "benchmark")
    ours, plain = Trainer(config, device, Path()), PlainLoop(config, device)
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    for loop in (ours, plain):
        seconds_each(loop.step, 5, device)  # compilation, caches
    for _ in range(TURNS):
        times["ours"].append(seconds_each(ours.step, options.iterations, device))
        times["plain"].append(seconds_each(plain.step, max(options.iterations // 2, 1), device))
    seconds = {name: median(turns) for name, turns in times.items()}
    print(f"{size} size on {device}, {torch.get_num_threads()} threads, {TURNS} turns")
    for name, each in seconds.items():
        print(f"{name:5} {1 / each:8.1f} it/s")
    print(f"ratio {seconds['plain'] / seconds['ours']:8.2f}")
    if device.type == "cuda":
        lr = torch.rand(config.batch_size, 3, config.patch, config.patch, device=device)
        share = flops(ours.model, lr) / seconds["ours"] / matrix_rate(device)
        print(f"share of the bfloat16 matrix rate {share:.1%}")


if __name__ == "__main__":
    main()
