"""An iteration of training on a GPU: launched kernel by kernel, compiled, replayed, or both.

    python benchmarks/replay.py [--run gan-wogr-reduced-s2] [--iterations 60]

ddrlib replays; of a long training it compiles as well (`ddrlib.training.acceleration`). A graph is
recorded, and code compiled, before the clock starts; the note says how long that took.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from functools import partial

import torch
from harness import Report
from training import times

from ddrlib.features.extraction import resolve_device
from ddrlib.files import ROOT
from ddrlib.training import trainer
from ddrlib.training.config import TrainingConfig, read_configs
from ddrlib.zoo.cards import NETWORKS

WARM_UP = 12  # iterations
WAYS = {"replayed": (False, True), "compiled and replayed": (True, True)}
WAYS |= {"kernel by kernel": (False, False), "compiled": (True, False)}


def prepared(
    config: TrainingConfig, compiled: bool, replayed: bool, device: torch.device
) -> trainer.Trainer:
    """A training after its first iterations."""
    trainer.accelerated = lambda module, *_: torch.compile(module) if compiled else module
    run = trainer.Trainer(config, device, NETWORKS)
    if not replayed:
        run.learn = {flag: partial(run._learn, flag) for flag in (False, True)}
    times(run.step, WARM_UP, device)()
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="gan-wogr-reduced-s2", help="of configs/campaign.yaml")
    parser.add_argument("--iterations", type=int, default=60, help="of each turn")
    options = parser.parse_args()
    device = resolve_device("cuda")
    torch.backends.cudnn.allow_tf32 = False  # as in `ddr train`
    configs = {config.name: config for config in read_configs(ROOT / "configs" / "campaign.yaml")}
    config = replace(configs[options.run], critic_warmup=1)
    report = Report("replay", f"Iterations of a training on one {torch.cuda.get_device_name()}")
    runs, notes = {}, []
    for way, (compiled, replayed) in WAYS.items():
        began = time.perf_counter()
        runs[way] = prepared(config, compiled, replayed, device)
        notes.append(f"ready after {time.perf_counter() - began:.0f} s")
    ways = {way: times(run.step, options.iterations, device) for way, run in runs.items()}
    report.compare(f"{options.iterations} iterations of {options.run}", ways, turns=3)
    for row, note in zip(report.rows, notes, strict=True):
        row["note"] = note
    report.keep()


if __name__ == "__main__":
    main()
