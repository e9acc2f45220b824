"""What to train: configurations read strictly from YAML, and campaigns of many runs.

A file is either one run (the fields of `TrainingConfig`) or a campaign: `defaults`, `recipes`
(overrides by name) and `runs`, a list of `{recipes, size, seeds}` in order of priority. In recipes
and defaults `{reduced: A, paper: B}` is a value for each size, and a size that is left out keeps its
preset; `init` and `guide` name recipes: `init` is trained with the same seed, `guide` always with
seed 0 (all seeds look through the same frozen network), and `guide: RECIPE@random` draws weights
with the run's seed.
"""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from ddrlib.errors import DDRError, did_you_mean, one_line
from ddrlib.files import read_yaml
from ddrlib.networks.architectures import ARCHITECTURES
from ddrlib.training.perceptual import CLASSIFIERS
from ddrlib.zoo.cards import LARGEST_ARGUMENT, network_name

# The sizes: what a recipe leaves out, where it is not the default.
SIZES: dict[str, dict] = {
    "reduced": {"arguments": {"channels": 32, "blocks": 8}},
    "paper": {
        "arguments": {"channels": 64, "blocks": 16},
        "batch_size": 16,
        "patch": 32,
        "iterations": 200_000,
        "learning_rate": 2e-4,
    },
    "paper-20k": {  # the paper's architecture, at a length that a CPU can train
        "arguments": {"channels": 64, "blocks": 16},
        "iterations": 20_000,
        "learning_rate": 5e-4,
    },
}

MOST_RUNS = 1000


def _one_of(*choices: str) -> Any:
    return field(default=choices[0], metadata={"choices": choices})


def _within(low: float, high: float, default: float) -> Any:
    return field(default=default, metadata={"bounds": (low, high)})


@dataclass(frozen=True)
class TrainingConfig:
    """One training run. Fields left out take the value of `SIZES[size]`, then the default here.

    DDRError for a value that is not one of its choices or not within its bounds.
    """

    name: str  # of the network it makes, data/networks/NAME.safetensors
    size: str = _one_of(*SIZES)
    architecture: str = _one_of("SRResNet", "GuidedSRResNet", "RDN", "RRDBNet")
    arguments: dict = field(default_factory=dict)  # of the architecture
    init: str = ""  # a trained network to start from; "" starts from random weights
    guide: str = ""  # whose trunk a GuidedSRResNet looks through: NAME, or the control NAME@random7
    photos: str = "train"  # the shipped split, or a folder of photographs
    loss: str = _one_of("l1", "mse")  # of the pixels
    pixel_weight: float = _within(0, 1e6, 1.0)
    perceptual_weight: float = _within(0, 1e6, 0.0)
    perceptual: str = _one_of(*CLASSIFIERS)  # whose features the perceptual loss compares
    adversarial_weight: float = _within(0, 1e6, 0.0)  # 0: no critic
    critic_rate: float = _within(1e-8, 1, 2e-4)  # constant
    critic_warmup: int = _within(0, 1e7, 300)  # iterations in which only the critic learns
    blur: float = _within(0, 16, 0.0)  # largest sigma of the Gaussian blur of a pair, HR pixels
    noise: float = _within(0, 255, 0.0)  # largest sigma of the noise on LR, of 255; both uniform
    iterations: int = _within(1, 1e7, 8000)
    batch_size: int = _within(1, 1024, 8)  # over all processes
    patch: int = _within(4, 256, 24)  # LR pixels; below 4 nothing is left for the critic to judge
    learning_rate: float = _within(1e-8, 1, 1e-3)
    guide_rate: float = _within(1e-8, 1, 1.0)  # of a learned guide's trunk, times learning_rate
    decay: str = _one_of("cosine", "constant")  # of the rate; cosine: to zero
    precision: str = _one_of("float32", "bfloat16")  # of convolutions
    seed: int = _within(0, 2**32 - 1, 0)

    def __post_init__(self) -> None:
        if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9-]{0,99}", self.name):
            raise DDRError(f"name {self.name[:100]!r}: use up to 100 letters, digits and dashes")
        if not self.photos.strip():  # else the folder that the command runs in
            raise DDRError(f"{self.name}: photos is empty; name a split or a folder")
        for part in fields(self):
            value, what = getattr(self, part.name), f"{self.name}: {part.name}"
            if "choices" in part.metadata:
                _choice(value, part.metadata["choices"], what)
            if "bounds" in part.metadata:
                _check_bounds(value, part.metadata["bounds"], what)


def config_from(values: dict, where: str) -> TrainingConfig:
    """A checked configuration from the keys of one YAML mapping; DDRError begins with `where`."""
    types = typing.get_type_hints(TrainingConfig)
    if "name" not in values:
        raise DDRError(f"{where}: name is missing; it names the network that training makes")
    preset = SIZES[_choice(values.get("size", "reduced"), SIZES, f"{where}: size")]
    arguments = preset["arguments"] | _mapping(values, "arguments", where)
    merged = preset | values | {"arguments": arguments}
    for key, value in merged.items():
        _choice(key, types, f"{where}: key")
        merged[key] = _coerce(value, types[key], f"{where}: {key}")
    try:
        config = TrainingConfig(**merged)
    except DDRError as error:
        raise DDRError(f"{where}: {error}") from None
    _check_network(config, where)
    return config


def _check_network(config: TrainingConfig, where: str) -> None:
    """Whether the architecture takes the arguments, and a guide where one is named."""
    architecture = ARCHITECTURES[config.architecture]
    what = f"{where}: arguments of {config.architecture}"
    signature = inspect.signature(architecture)
    hints = typing.get_type_hints(architecture.__init__)
    for key, value in config.arguments.items():
        _choice(key, signature.parameters, what)
        _coerce(value, hints[key], f"{what}: {key}")
        if hints[key] is int:
            _check_bounds(value, (1, LARGEST_ARGUMENT), f"{what}: {key}")
    guide = signature.parameters.get("guide")
    frozen = guide is not None and config.arguments.get("guide", guide.default) == "frozen"
    if frozen != bool(config.guide):
        raise DDRError(
            f"{where}: guide is {config.guide!r}; name a network exactly where the "
            "architecture is GuidedSRResNet and its own guide is 'frozen'"
        )
    try:
        _try_out(config.architecture, *sorted(config.arguments.items()))
    except Exception as error:
        raise DDRError(f"{what}: {one_line(error)}") from error


@functools.cache
def _try_out(architecture: str, *arguments: tuple[str, object]) -> None:
    """Raises what the architecture raises for the arguments; weights are given a shape only."""
    with torch.device("meta"):
        ARCHITECTURES[architecture](**dict(arguments))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _check_bounds(value: float, bounds: tuple[float, float], what: str) -> None:
    low, high = bounds
    if not low <= value <= high:  # so is what is not a number
        raise DDRError(f"{what} is {_short(value)}; it has to be from {low:.10g} to {high:.10g}")


def _choice(name: object, choices: Collection[str], what: str) -> str:
    if not isinstance(name, str) or name not in choices:
        raise DDRError(f"{what} {_short(name)} is unknown; {did_you_mean(name, choices)}")
    return name


def _mapping(values: dict, key: str, where: str) -> dict:
    value = {} if values.get(key) is None else values[key]
    if not isinstance(value, dict):
        raise DDRError(f"{where}: {key} has to be a mapping, not {_short(value)}")
    return value


def _coerce(value: Any, kind: type, what: str) -> Any:
    """`value` as `kind`; an int passes for a float, nothing else for anything else."""
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        hint = "; write 1.0e-3, YAML reads 1e-3 as text" if kind is float else ""
        raise DDRError(f"{what} has to be of type {kind.__name__}, not {_short(value)}{hint}")
    return value


# ---- campaigns ----


def read_configs(path: str | Path) -> list[TrainingConfig]:
    """The runs of a YAML file, in order of priority; everything is checked before anything runs.

    A run that is listed twice counts where it comes first.

    DDRError for a file that is not such a configuration, with the place.
    """
    content = read_yaml(Path(path))
    if not isinstance(content, dict):
        raise DDRError(f"{path}: has to be a mapping of fields, or of defaults, recipes and runs")
    if "runs" not in content:
        return [config_from(content, str(path))]
    for key in content:
        _choice(key, ("defaults", "recipes", "runs"), f"{path}: key")
    runs: dict[str, TrainingConfig] = {}
    for config in _campaign_runs(content, str(path)):
        runs.setdefault(config.name, config)
        if len(runs) > MOST_RUNS:
            raise DDRError(f"{path}: more than {MOST_RUNS:,} runs; split the campaign")
    if not runs:
        raise DDRError(f"{path}: lists no run; name recipes and seeds under runs")
    return list(runs.values())


def _campaign_runs(content: dict, where: str) -> Iterator[TrainingConfig]:
    defaults, recipes = _mapping(content, "defaults", where), _mapping(content, "recipes", where)
    if not isinstance(content["runs"], list):
        raise DDRError(f"{where}: runs has to be a list of {{recipes, size, seeds}}")
    for number, group in enumerate(content["runs"], 1):
        here = f"{where}: runs {number}"
        if not isinstance(group, dict) or not isinstance(group.get("recipes"), list):
            form = "{recipes: [...], size, seeds}"
            raise DDRError(f"{here}: has to be {form}, not {_short(group)}")
        for key in group:
            _choice(key, ("recipes", "size", "seeds"), f"{here}: key")
        size = _choice(group.get("size", "reduced"), SIZES, f"{here}: size")
        for seed in _coerce(group.get("seeds", [0]), list, f"{here}: seeds"):
            _coerce(seed, int, f"{here}: seeds")
            for recipe in group["recipes"]:
                _choice(recipe, recipes, f"{here}: recipe")
                values = defaults | _mapping(recipes, recipe, where)
                yield config_from(_run(recipe, values, size, seed), f"{where}: {_short(recipe)}")


def _run(recipe: str, values: dict, size: str, seed: int) -> dict:
    """The fields of a recipe trained at this size with this seed, as is what it starts from."""
    values = _of_size(values, size)
    if values.get("init"):
        values["init"] = network_name(str(values["init"]), size, seed)
    if guide := values.get("guide"):
        trained, random, _ = str(guide).partition("@random")
        values["guide"] = network_name(trained, size, 0) + (f"{random}{seed}" if random else "")
    return values | {"name": network_name(recipe, size, seed), "size": size, "seed": seed}


def _of_size(value: object, size: str) -> Any:
    """The same value with the part for this size in place of each {reduced: A, paper: B} in it."""
    if not isinstance(value, dict):
        return value
    if value and value.keys() <= SIZES.keys():
        return value.get(size)
    inner = {key: _of_size(part, size) for key, part in value.items()}
    return {key: part for key, part in inner.items() if part is not None}
