"""Networks ready to be looked into: trained ones by name, and the user's own.

No file that would have to run code to be read (a pickle) is ever loaded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddrlib.errors import DDRError, guarded
from ddrlib.networks.architectures import ARCHITECTURES
from ddrlib.zoo.cards import NETWORKS, read_card, remedy, weights_path
from ddrlib.zoo.descriptor import describe, is_own
from ddrlib.zoo.identity import walk
from ddrlib.zoo.image_network import fitted
from ddrlib.zoo.layers import find_layers, matching
from ddrlib.zoo.network import Network
from ddrlib.zoo.own import bring
from ddrlib.zoo.weights import file_sha256, fill, read_weights


def load_network(name: str, folder: Path = NETWORKS) -> Network:
    """The trained network of a name.

    Parameters
    ----------
    name
        One of `ddr networks`; `NAME@random7` is the same architecture with fresh weights of seed 7.
    folder
        Where the cards are.

    Returns
    -------
    Network
        On the CPU, with all its layers.

    Raises
    ------
    DDRError
        Where the name is unknown, or the weights are missing, not the ones that the card has the
        SHA-256 of, or of another architecture.
    """
    if untrained := re.fullmatch("(.+)@random([0-9]{1,18})", name):
        return random_network(untrained[1], int(untrained[2]), folder)
    card = read_card(name, folder)
    path = weights_path(card, folder)
    if not path.is_file():
        raise DDRError(f"weights of network {name} not found at {path}; {remedy(card, folder)}")
    if file_sha256(path) != card["sha256"]:
        raise DDRError(
            f"{path} is damaged: its SHA-256 is not the one on its card; {remedy(card, folder)}"
        )
    module = _build(card)
    fill(module, read_weights(path, module), path)
    if ("guide" in card) != (getattr(module, "guide", "") == "frozen"):
        raise DDRError(
            f"the card of network {name}: it has to name a guide exactly where the architecture "
            "is GuidedSRResNet and its own guide is 'frozen'; restore it"
        )
    if "guide" in card:
        _give_guide(module, card, folder)
    return _describe(module, card)


def random_network(name: str, seed: int = 0, folder: Path = NETWORKS) -> Network:
    """The architecture of a trained network with fresh weights: the control that saw no training.

    The weights are drawn with `seed` by the class's own initialisation: PyTorch's defaults for RDN,
    RRDBNet and the classifier, the paper's for SRResNet. No weight file is needed.

    DDRError for an unknown name.
    """
    trained = read_card(name, folder)
    with _seeded(seed):
        module = _build(trained)
    card = {key: trained[key] for key in ("architecture", "arguments", "scale", "task")} | {
        "name": f"{name}@random{seed}",
        "source": f"fresh weights, seed {seed}",
        "licence": "none needed",
        "sha256": walk(module.state_dict()),
    }
    return _describe(module, card)


def load_custom(
    source: str | Path,
    checkpoint: str | Path | None = None,
    *,
    scale: int | None = None,
    layers: str | Sequence[str] | None = None,
    input_range: tuple[float, float] | None = None,
    size: int | None = None,
) -> Network:
    """A user's own network, as one that takes RGB images (N, 3, H, W) in [0, 1] and gives such.

    `source` is "package.module:factory" or "file.py:factory" of a PyTorch module, an ONNX file, a
    checkpoint that spandrel knows, or a file that describes any of these
    (`ddrlib.zoo.descriptor.Descriptor`, whose fields the other arguments replace). Without a
    checkpoint, a factory's module keeps the weights that it got under PyTorch's seed 0. `size` is
    that of the HR patches it will be measured on, in pixels; else it is tried on several.

    It is on the CPU, its card with the SHA-256 of all that decides what it computes. DDRError for
    what does not fit, and a network that gives something else in each pass.
    """
    given = {"checkpoint": checkpoint, "scale": scale, "layers": layers, "input_range": input_range}
    own = describe(source, **{key: value for key, value in given.items() if value is not None})
    with _seeded(0):  # a first pass may make weights too
        module, side, scale, notes = fitted(bring(own), own, str(source), size)
        layers_found, left_out = find_layers(module, side, own.layers, str(source))
    card: dict[str, Any] = {
        "name": str(source),
        "architecture": type(module.network).__name__,
        "scale": scale,
        "task": "sr",
        "source": own.checkpoint or own.onnx or "the weights its factory gave it",
        "licence": "the user's own",
    }
    known = (*notes, *left_out)
    network = Network(
        card["name"], module, scale, layers_found, _as_is, card["task"], card, side, known
    )
    card["sha256"] = network.identity
    return network


def open_network(
    source: str | Path,
    layers: str | Sequence[str] | None = None,
    size: int | None = None,
    **own: Any,
) -> Network:
    """A network by name, or a user's own.

    Parameters
    ----------
    source
        What `load_network` or `load_custom` takes.
    layers
        Names or patterns (`ddrlib.zoo.layers.matching`) of layers, or of what is `inside` them; all
        layers by default.
    size
        Of the HR patches it will be measured on, in pixels, if that is settled.
    **own
        What else `load_custom` takes; for a network of one's own alone.

    Returns
    -------
    Network
        With these layers.

    Raises
    ------
    DDRError
        As `load_network` and `load_custom` do, for a layer that is not there, and for `own` with a
        name.
    """
    if is_own(source):
        return load_custom(source, layers=layers, size=size, **own)
    if os.path.isfile(source):
        raise DDRError(
            f"{source} is none of the files that are read: a factory (file.py:make), ONNX, a "
            "checkpoint (.safetensors, .pth, .pt, .ckpt), or a descriptor (.yaml, .json)"
        )
    network = load_network(str(source))
    for option in own:
        raise DDRError(f"{option} is for your own network, not for {source}; leave it out")
    if layers is None:
        return network
    inside = network.inside
    return replace(network, layers={name: inside[name] for name in matching(layers, list(inside))})


def _build(card: Mapping) -> Any:
    """The module that a card describes, with fresh weights."""
    wrong = f"the card of network {card['name']} has wrong arguments"
    return guarded(wrong, ARCHITECTURES[card["architecture"]], **card["arguments"])


def _give_guide(module: Any, card: Mapping, folder: Path) -> None:
    """Rebuild the frozen trunk that a guided network looks through; its own file leaves it out."""
    name, sha256 = card["guide"]["name"], card["guide"]["sha256"]
    try:
        if "guide" in read_card(name.partition("@")[0], folder):
            raise DDRError("it is guided itself; name another")
        guide = load_network(name, folder)
    except DDRError as error:
        raise DDRError(f"network {card['name']} looks through {name}: {error}") from None
    # Fresh weights are known by their seed; their last bits may differ from machine to machine.
    if "@random" not in name and guide.sha256 != sha256:
        raise DDRError(
            f"network {card['name']} looks through {name}, but through other weights "
            "than those now there; restore them, or train it again"
        )
    module.guide_from(guide.module)


def _describe(module: Any, card: dict) -> Network:
    return Network(
        name=card["name"],
        module=module.eval().requires_grad_(False),
        scale=card["scale"],
        layers=module.layers(),
        prepare=getattr(module, "prepare", _as_is),
        task=card["task"],
        card=card,
    )


def _as_is(images: Tensor) -> Tensor:
    return images


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """PyTorch's CPU random numbers from this seed; the caller's stream stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
