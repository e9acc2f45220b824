"""Campaigns: train what is missing, in order of priority, in the time there is."""

from __future__ import annotations

import fnmatch
import time
from pathlib import Path

import torch

from ddrlib.errors import DDRError, did_you_mean, out_of_memory
from ddrlib.features.extraction import resolve_device
from ddrlib.files import DATA
from ddrlib.training.acceleration import join_processes
from ddrlib.training.config import read_configs
from ddrlib.training.loop import train


def train_from_config(
    path: str | Path,
    minutes: float | None = None,
    device: str = "auto",
    only: str | None = None,
    folder: str | Path = DATA / "networks",
) -> None:
    """Train what a configuration lists and a folder lacks, in order of priority.

    Paper-size runs are left for a GPU unless `only`, a shell pattern on the names of networks, is
    given. Run again, it goes on where it stopped; `minutes` is the time there is. A run that fails
    does not keep the others from running; the failures are raised together at the end.

    DDRError for a configuration or a pattern that does not fit, and where a run failed.
    """
    configs = read_configs(path)
    if minutes is not None and not minutes >= 0:
        raise DDRError(f"minutes is {minutes}; it has to be 0 or more")
    if only is not None:
        names = [config.name for config in configs]
        configs = [config for config in configs if fnmatch.fnmatchcase(config.name, only)]
        if not configs:
            raise DDRError(f"{path}: no run is called {only!r}; {did_you_mean(only, names)}")
    folder, target = Path(folder), join_processes(resolve_device(device))
    deadline = time.monotonic() + 60 * minutes if minutes is not None else None
    failures = []
    for config in configs:
        if (folder / f"{config.name}.json").exists():
            print(f"{config.name}: already there")
        elif config.size == "paper" and target.type == "cpu" and not only:
            print(f"{config.name}: paper size, left for a GPU (or --only {config.name})")
        else:
            try:
                # Without TF32: where less than float32 will do, a configuration says bfloat16.
                with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                    ended = train(config, target, folder=folder, deadline=deadline)
                if not ended:
                    return
            except (DDRError, MemoryError, RuntimeError) as error:
                failures.append(_in_words(error, config.name))
                if len(configs) > 1:
                    print(failures[-1])
    if len(failures) > 1:
        raise DDRError(f"{len(failures)} of {len(configs)} runs failed, the first: {failures[0]}")
    if failures:
        raise DDRError(failures[0])


def _in_words(error: Exception, name: str) -> str:
    """One line that a user can act on; an error of another kind is raised again."""
    if isinstance(error, DDRError):
        return str(error)
    if out_of_memory(error):
        return f"{name}: out of memory; lower batch_size, patch, or the network's arguments"
    raise error
