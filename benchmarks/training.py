"""An iteration of `ddr train` against a plain loop, and against a data loader of the usual kind.

    python benchmarks/training.py [--size reduced|paper] [--iterations 10]

Both loops are float32 and eager. The plain one decodes and crops on the CPU for each batch, as one
writes it first; the other leaves that to PyTorch's DataLoader with a worker for each core. On a GPU
also the share of its bfloat16 matrix rate, as measured here, that the arithmetic amounts to.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from harness import Report, timed
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.flop_counter import FlopCounterMode

from ddrlib.data.images import load_image
from ddrlib.degrade.degradation import downsample
from ddrlib.features.extraction import resolve_device
from ddrlib.files import DATA
from ddrlib.networks.srresnet import SRResNet
from ddrlib.training.config import TrainingConfig, config_from
from ddrlib.training.trainer import Trainer


class Crops(IterableDataset):
    """Pairs of LR and HR crops of the photographs for training, without end."""

    def __init__(self, patch: int) -> None:
        self.files, self.side = sorted((DATA / "photos" / "train").iterdir()), 4 * patch

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        random = np.random.default_rng()
        while True:
            image = load_image(self.files[random.integers(len(self.files))])
            top, left = (random.integers(0, n - self.side + 1) for n in image.shape[1:])
            crop = image[:, top : top + self.side, left : left + self.side]
            crop = crop.flip(1) if random.random() < 0.5 else crop
            crop = crop.mT if random.random() < 0.5 else crop
            yield downsample(crop[None])[0], crop


class PlainLoop:
    """The same network, loss, optimiser and crops, without any of the care."""

    def __init__(self, config: TrainingConfig, device: torch.device, workers: int) -> None:
        self.device = device
        crops = Crops(config.patch)
        self.batches = iter(DataLoader(crops, config.batch_size, num_workers=workers))
        self.model = SRResNet(**config.arguments).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate)

    def step(self) -> None:
        lr, hr = (batch.to(self.device) for batch in next(self.batches))
        loss = F.l1_loss(self.model(lr), hr)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        loss.item()  # for the progress bar


def times(step: Callable[[], None], iterations: int, device: torch.device) -> Callable[[], None]:
    def run() -> None:
        for _ in range(iterations):
            step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return run


def share_of_matrix_rate(trainer: Trainer, seconds: float) -> float:
    """Of the GPU's bfloat16 matrix rate, as measured on 8192 x 8192 matrices."""
    config, device = trainer.config, trainer.device
    lr = torch.rand(config.batch_size, 3, config.patch, config.patch, device=device)
    with FlopCounterMode(display=False) as counter:
        trainer.model(lr).mean().backward()
    a = torch.randn(8192, 8192, device=device, dtype=torch.bfloat16)
    product = times(lambda: torch.mm(a, a), 50, device)
    product()
    return counter.get_total_flops() / seconds / (50 * 2 * 8192**3 / timed(product)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("reduced", "paper"))
    parser.add_argument("--iterations", type=int, default=10, help="of each turn")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device = resolve_device(options.device)
    torch.backends.cudnn.allow_tf32 = False  # as in `ddr train`
    size = options.size or ("paper" if device.type == "cuda" else "reduced")
    report = Report("training", "Iterations of a training with a pixel loss")
    loops = {}
    for precision in ("bfloat16", "float32"):
        given = {"name": "benchmark", "size": size, "precision": precision}
        config = config_from(given, "benchmark")
        loops[f"ddrlib, {precision}"] = Trainer(config, device, Path())
    loops["a plain loop"] = PlainLoop(config, device, workers=0)
    loops["a data loader"] = PlainLoop(config, device, workers=os.cpu_count())
    for loop in loops.values():
        times(loop.step, 2, device)()  # compilation, caches
    ways = {way: times(loop.step, options.iterations, device) for way, loop in loops.items()}
    what = f"{options.iterations} iterations of the {size} size on {device}"
    report.compare(what, ways, turns=3, note=lambda _: "")
    if device.type == "cuda":
        seconds = report.rows[0]["seconds"] / options.iterations
        share = share_of_matrix_rate(loops["ddrlib, bfloat16"], seconds)
        print(f"share of the bfloat16 matrix rate {share:.1%}")
        report.rows[0]["note"] = f"{share:.1%} of the bfloat16 matrix rate"
    report.keep()


if __name__ == "__main__":
    main()
