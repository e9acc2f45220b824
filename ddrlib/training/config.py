"""What to train: configurations read strictly from YAML, and campaigns of many runs.

A file is either one run (the fields of `TrainingConfig`) or a campaign: `defaults`, `recipes`
(overrides by name) and `runs`, a list of `{recipes, size, seeds}` in order of priority. A recipe
trained at the reduced size is named RECIPE-reduced-sK (and so for paper-20k); at paper size RECIPE,
and RECIPE-sK for seeds other than 0. In recipes and defaults `{reduced: A, paper: B}` is a value for
each size, and a size that is left out keeps its preset; `init`
and `guide` name recipes: `init` is trained with the same seed, `guide` always with seed 0 (all seeds
look through the same frozen network), and `guide: RECIPE@random` draws weights with the run's seed.
"""

from __future__ import annotations

import difflib
import inspect
import typing
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ddrlib import networks
from ddrlib.errors import DDRError
from ddrlib.training.perceptual import CLASSIFIERS

# The sizes: what a recipe leaves out.
SIZES: dict[str, dict] = {
    "reduced": {
        "arguments": {"channels": 32, "blocks": 8},
        "batch_size": 8,
        "patch": 24,
        "iterations": 8000,
        "learning_rate": 1e-3,
    },
    "paper": {
        "arguments": {"channels": 64, "blocks": 16},
        "batch_size": 16,
        "patch": 32,
        "iterations": 200_000,
        "learning_rate": 2e-4,
    },
    "paper-20k": {  # the paper's architecture, at a length that a CPU can train
        "arguments": {"channels": 64, "blocks": 16},
        "batch_size": 8,
        "patch": 24,
        "iterations": 20_000,
        "learning_rate": 5e-4,
    },
}

CHOICES = {
    "loss": ("l1", "mse"),
    "perceptual": CLASSIFIERS,
    "decay": ("cosine", "constant"),
    "precision": ("float32", "bfloat16"),
}


@dataclass(frozen=True)
class TrainingConfig:
    """One training run. Fields left out take the value of `SIZES[size]`, then the default here."""

    name: str  # of the network it makes, data/networks/NAME.safetensors
    size: str = "reduced"  # a key of SIZES
    architecture: str = "SRResNet"  # a class of ddrlib.networks
    arguments: dict = field(default_factory=dict)  # of that class
    init: str = ""  # a trained network to start from; "" starts from random weights
    guide: str = ""  # whose trunk a GuidedSRResNet looks through: NAME, or the control NAME@random7
    photos: str = "train"  # the shipped split, or a folder of photographs
    loss: str = "l1"  # l1 | mse
    pixel_weight: float = 1.0
    perceptual_weight: float = 0.0
    perceptual: str = "efficientnet-lite0"  # the classifier of the perceptual loss
    adversarial_weight: float = 0.0  # 0: no critic
    critic_rate: float = 2e-4  # constant
    critic_warmup: int = 300  # iterations in which only the critic learns
    blur: float = 0.0  # each pair: Gaussian blur, sigma uniform in [0, blur] HR pixels
    noise: float = 0.0  # each pair: Gaussian noise on LR, sigma uniform in [0, noise] of 255
    iterations: int = 8000
    batch_size: int = 8  # over all processes
    patch: int = 24  # LR pixels; the HR crop is `scale` times larger
    learning_rate: float = 1e-3
    guide_rate: float = 1.0  # the rate of a learned guide's trunk, as a share of learning_rate
    decay: str = "cosine"  # of the rate: cosine (to zero) | constant
    precision: str = "float32"  # of convolutions: float32 | bfloat16
    seed: int = 0

    def __post_init__(self) -> None:
        for name in (
            "iterations",
            "batch_size",
            "patch",
            "learning_rate",
            "guide_rate",
            "critic_rate",
        ):
            self._require(getattr(self, name) > 0, name, "above 0")
        for name in ("pixel_weight", "perceptual_weight", "adversarial_weight", "blur", "noise"):
            self._require(getattr(self, name) >= 0, name, "0 or more")
        self._require(self.seed >= 0, "seed", "0 or more")
        for name, choices in CHOICES.items():
            self._require(getattr(self, name) in choices, name, " or ".join(choices))
        self._require(self.name.replace("-", "").isalnum(), "name", "letters, digits and dashes")

    def _require(self, holds: bool, name: str, what: str) -> None:
        if not holds:
            raise DDRError(f"{self.name}: {name} is {getattr(self, name)!r}; it has to be {what}")


def config_from(values: dict, where: str) -> TrainingConfig:
    """A checked configuration from the keys of one YAML mapping; `where` begins every complaint."""
    types = typing.get_type_hints(TrainingConfig)
    values = {"size": "reduced"} | values
    if "name" not in values:
        raise DDRError(f"{where}: name is missing; it names the network that training makes")
    _check_choice(values["size"], SIZES, f"{where}: size")
    preset = SIZES[values["size"]]
    arguments = preset["arguments"] | _mapping(values, "arguments", where)
    merged = {**preset, **values, "arguments": arguments}
    for key, value in merged.items():
        _check_choice(key, types, f"{where}: key")
        merged[key] = _coerce(value, types[key], f"{where}: {key}")
    config = TrainingConfig(**merged)
    architectures = _architectures()
    _check_choice(config.architecture, architectures, f"{where}: architecture")
    signature = inspect.signature(architectures[config.architecture])
    hints = typing.get_type_hints(architectures[config.architecture].__init__)
    for key, value in config.arguments.items():
        _check_choice(key, signature.parameters, f"{where}: arguments of {config.architecture}")
        _coerce(value, hints[key], f"{where}: {key} of {config.architecture}")
    guide = signature.parameters.get("guide")
    frozen = guide is not None and config.arguments.get("guide", guide.default) == "frozen"
    if frozen != bool(config.guide):
        raise DDRError(
            f"{where}: guide is {config.guide!r}; name a network exactly where the "
            "architecture is GuidedSRResNet and its own guide is 'frozen'"
        )
    return config


def _architectures() -> dict[str, type]:
    """The networks that can be trained: whatever `ddrlib.networks` defines with a scale."""
    return {name: cls for name, cls in vars(networks).items() if hasattr(cls, "scale")}


def _check_choice(name: object, choices: typing.Iterable[str], what: str) -> None:
    if name not in list(choices):
        near = difflib.get_close_matches(str(name), list(choices), 1, 0.0)
        hint = f"did you mean {near[0]!r}?" if near else "there is none to choose from"
        raise DDRError(f"{what} {name!r} is unknown; {hint}")


def _mapping(values: dict, key: str, where: str) -> dict:
    value = values.get(key) or {}
    if not isinstance(value, dict):
        raise DDRError(f"{where}: {key} has to be a mapping, not {value!r}")
    return value


def _coerce(value: object, kind: type, what: str) -> object:
    """`value` as `kind`; an int passes for a float, a list for a tuple of ints, nothing else."""
    if kind == tuple[int, ...] and isinstance(value, (list, tuple)):
        return tuple(_coerce(item, int, what) for item in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        name = getattr(kind, "__name__", str(kind))
        hint = "; write 1.0e-3, YAML reads 1e-3 as text" if kind is float else ""
        raise DDRError(f"{what} has to be of type {name}, not {value!r}{hint}")
    return value


def read_configs(path: str | Path) -> list[TrainingConfig]:
    """The runs of a YAML file, in order of priority; everything is checked before anything runs."""
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DDRError(f"{path}: cannot be read as a training configuration: {reason}") from error
    if not isinstance(content, dict):
        raise DDRError(f"{path}: has to be a mapping of fields, or of defaults, recipes and runs")
    if "runs" not in content:
        return [config_from(content, str(path))]
    for key in content:
        _check_choice(key, ("defaults", "recipes", "runs"), f"{path}: key")
    runs = _campaign_runs(content, str(path))
    return list({run.name: run for run in runs}.values())  # each where it is listed first


def _campaign_runs(content: dict, where: str) -> typing.Iterator[TrainingConfig]:
    defaults, recipes = _mapping(content, "defaults", where), _mapping(content, "recipes", where)
    if not isinstance(content["runs"], list):
        raise DDRError(f"{where}: runs has to be a list of {{recipes, size, seeds}}")
    for number, group in enumerate(content["runs"], 1):
        here = f"{where}: runs {number}"
        if not isinstance(group, dict) or not isinstance(group.get("recipes"), list):
            raise DDRError(f"{here}: has to be {{recipes: [...], size, seeds}}, not {group!r}")
        for key in group:
            _check_choice(key, ("recipes", "size", "seeds"), f"{here}: key")
        size = group.get("size", "reduced")
        _check_choice(size, SIZES, f"{here}: size")
        for seed in _coerce(group.get("seeds", [0]), tuple[int, ...], f"{here}: seeds"):
            for recipe in group["recipes"]:
                _check_choice(recipe, recipes, f"{here}: recipe")
                values = defaults | _mapping(recipes, recipe, where)
                yield config_from(_run(recipe, values, size, seed), f"{where}: {recipe}")


def _run(recipe: str, values: dict, size: str, seed: int) -> dict:
    """The fields of a recipe trained at this size with this seed, as is what it starts from."""
    suffix = _suffix(size, seed)
    values = _of_size(values, size)
    if values.get("init"):
        values["init"] = f"{values['init']}{suffix}"
    if guide := values.get("guide"):
        trained, random, _ = str(guide).partition("@random")
        values["guide"] = f"{trained}{_suffix(size, 0)}" + (f"{random}{seed}" if random else "")
    return values | {"name": f"{recipe}{suffix}", "size": size, "seed": seed}


def _of_size(value: object, size: str) -> object:
    """The same value with the part for this size in place of each {reduced: A, paper: B} in it."""
    if not isinstance(value, dict):
        return value
    if value and value.keys() <= SIZES.keys():
        return value.get(size)
    inner = {key: _of_size(part, size) for key, part in value.items()}
    return {key: part for key, part in inner.items() if part is not None}


def _suffix(size: str, seed: int) -> str:
    if size != "paper":
        return f"-{size}-s{seed}"
    return f"-s{seed}" if seed else ""
