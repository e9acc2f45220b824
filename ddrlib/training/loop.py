"""The training loop: from a configuration to a network with its card and log in data/networks."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

from ddrlib.files import BUILD, locked, write_atomically
from ddrlib.machine import device_name
from ddrlib.training import adversarial
from ddrlib.training.acceleration import any_process, rank, wait_for_all, world_size
from ddrlib.training.checkpoint import load_checkpoint, save_checkpoint
from ddrlib.training.config import TrainingConfig
from ddrlib.training.log import TrainingLog, is_measured
from ddrlib.training.maps import TrainingMaps, path_of_maps
from ddrlib.training.trainer import Trainer, learning_rate
from ddrlib.zoo.cards import save_network

CHECKPOINT_SECONDS = 120
PROGRESS_SECONDS = 30
LOG_EVERY = 100  # iterations between rows of losses
ASK_EVERY = 20  # iterations between the questions among several processes whether to stop
LICENCE = "MIT"  # of the weights, as of the repository


def train(
    config: TrainingConfig,
    device: torch.device,
    folder: Path,
    deadline: float | None = None,
    workspace: Path = BUILD / "training",
) -> bool:
    """Train one network to its end, or until a deadline or a signal; whether it is finished.

    Weights, card and log are put into `folder` when it is; there are also the networks that it
    starts from or is guided by. The checkpoint is kept in the workspace, in a folder of the
    network's name; the same call goes on from there. `deadline` is in seconds, of `time.monotonic`.

    DDRError where the configuration does not fit data, networks or checkpoint, another process
    trains the network, or the loss is not finite; KeyboardInterrupt after SIGINT or SIGTERM, with
    the checkpoint written.
    """
    here = workspace / config.name
    busy = f"{config.name}: another process is training it; wait for it to end"
    # Of several processes that train together the first one holds the lock.
    with locked(here / "lock", busy) if rank() == 0 else nullcontext():
        return _train(config, device, folder, deadline, here)


def _train(
    config: TrainingConfig, device: torch.device, folder: Path, deadline: float | None, here: Path
) -> bool:
    trainer, log = Trainer(config, device, folder), TrainingLog(device)
    unfinished = folder / "unfinished" / f"{config.name}.pt"  # begun on another machine
    if (state := load_checkpoint(here, unfinished)) is not None:
        trainer.load(state, here)
        log.rows = state["rows"]
        log.maps = TrainingMaps(**state.get("maps", {}))  # checkpoints of before had none
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
        unfinished.unlink(missing_ok=True)
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
        if trainer.iteration % LOG_EVERY == 0:
            trainer.check()
            for name, mean in trainer.means().items():
                log.add(trainer.iteration, name, mean)
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
        save_checkpoint(here, trainer.state() | {"rows": log.rows, "maps": vars(log.maps)})
        write_atomically(here / "log.csv", log.text().encode())


def _ship(trainer: Trainer, log: TrainingLog, folder: Path) -> None:
    """Log and maps, then weights and card: a card that is there says that all is there."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "logs" / f"{trainer.config.name}.csv", log.text().encode())
    if log.maps.points:
        write_atomically(path_of_maps(trainer.config.name, folder), log.maps.bytes())
    card = _card(trainer, log)
    save_network(trainer.average, card, folder)
    _say(f"{card['name']}: done, {log.summary()} (bicubic {log.bicubic_psnr:.2f})")
    if "adversarial" in card:
        _say(f"{card['name']}: {card['adversarial']['state']}")


def _adversarial(trainer: Trainer, log: TrainingLog) -> dict:
    """Whether the critic gave a signal, for the card (`ddrlib.training.adversarial.verdict`)."""
    config = trainer.config
    fresh = partial(
        adversarial.fresh_auc,
        photos=config.photos,
        blur=config.blur,
        noise=config.noise,
        device=trainer.device,
    )
    logged = [value for at, value in log.values("critic_accuracy") if at > config.critic_warmup]
    return adversarial.verdict(logged, fresh(trainer.average), fresh(trainer.start))


def _card(trainer: Trainer, log: TrainingLog) -> dict:
    config, guide = trainer.config, trainer.guide
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
            "torch": torch.__version__,
            "psnr": round(log.last("psnr"), 3),
            "psnr_bicubic": round(log.bicubic_psnr, 3),
        },
        **({"adversarial": _adversarial(trainer, log)} if trainer.critic is not None else {}),
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
