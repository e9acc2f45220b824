"""Which layers a user's network has: found by one traced pass, or chosen by name and pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from ddrlib.errors import DDRError, did_you_mean, few, guarded
from ddrlib.zoo.image_network import IMAGES, INSIDE, ImageNetwork, sample_images
from ddrlib.zoo.onnx_network import OnnxNetwork, between_blocks
from ddrlib.zoo.tracing import CALL, changing, fault, is_map, path_of, trace

OUTPUT = "Output"  # name of the network's own output, whose path is ""
CONTAINERS = nn.Sequential | nn.ModuleList | nn.ModuleDict
SAME = 1e-5  # relative difference of Gram matrices that are one


def find_layers(
    module: ImageNetwork, side: int, patterns: Sequence[str] = (), name: str = "the network"
) -> tuple[dict[str, str], list[str]]:
    """Paths of the layers to look at by name, in order of execution; what is left out, and why.

    They are found in one pass of a few images of this side.

    With no patterns they are the blocks that the network is built of, as far as they give maps, and
    nothing that another layer gives too; else `matching`, each with an output that can serve as
    features. A second pass must give the same: what is random has no features to be measured.
    """
    network = module.network
    graph = network if isinstance(network, OnnxNetwork) else None
    inside = graph.paths if graph else {path: path for path, _ in network.named_modules() if path}
    paths = {layer: INSIDE + path for layer, path in inside.items()}
    images = sample_images(side)
    failure = f"{name} fails on images of {side} x {side} pixels"
    (output, runs), (output_again, runs_again) = (
        guarded(failure, trace, module, images, paths) for _ in range(2)
    )
    given = {**runs, OUTPUT: output}
    if random := changing(given, {**runs_again, OUTPUT: output_again}):
        raise DDRError(
            f"{name} is not deterministic: in evaluation mode {few(random, 3)} gives something "
            "else in each pass; remove what is random or remembered"
        )
    faults = {layer: fault(features, IMAGES) for layer, features in given.items()}
    notes = []
    if patterns:
        layers = matching(patterns, [*given])
        for layer in layers:
            if faults[layer]:
                raise DDRError(
                    f"layer {layer} {faults[layer]}; choose another, or what is inside it"
                )
    else:
        maps = [layer for layer in runs if not faults[layer] and is_map(runs[layer])]
        blocks = (
            between_blocks(graph.nodes, maps)
            if graph
            else list(_blocks(network, set(map(path_of, maps))))
        )
        layers = [*filter(_weighty(network, blocks), maps), OUTPUT]
        notes = _left_out(name, network, blocks, faults, layers)
        repeats = _repeats({layer: given[layer] for layer in layers})
        layers = [layer for layer in layers if layer not in repeats]
        if repeats:
            pairs = few([f"{again} = {once}" for again, once in repeats.items()], 3)
            notes.append(f"one measurement, made once: {pairs}")
    found = {
        layer: paths[path_of(layer)] + layer.removeprefix(path_of(layer)) if layer in runs else ""
        for layer in layers
    }
    return found, notes


def _blocks(module: nn.Module, usable: set[str], prefix: str = "") -> Iterator[str]:
    """The paths of the blocks that a module is built of.

    They are its children; in place of a container, of what is never called as a whole or gives
    nothing usable, and beside what holds most of the weights, the blocks in that.
    """
    children = list(module.named_children())
    whole = _weights(module)
    for name, child in children:
        path = prefix + name
        # An only child is the content of a wrapper: the blocks are inside.
        wrapped = len(children) == 1 and not isinstance(module, CONTAINERS)
        hollow = isinstance(child, CONTAINERS) or wrapped or path not in usable
        parts = any(True for _ in child.children())
        if parts and (hollow or 2 * _weights(child) > whole):
            yield from _blocks(child, usable, f"{path}.")
        if not (parts and hollow):
            yield path


def _weights(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _weighty(network: nn.Module, blocks: Iterable[str]) -> Callable[[str], bool]:
    """Whether a run is that of a block; of one that runs several times, if it has weights.

    An activation may serve in many places, which says nothing of the network; a block that does is
    a recurrent one.
    """
    names = set(blocks)

    def is_block(run: str) -> bool:
        block = path_of(run)
        return block in names and (CALL not in run or _weights(network.get_submodule(block)) > 0)

    return is_block


def _left_out(
    name: str,
    network: nn.Module,
    blocks: Sequence[str],
    faults: Mapping[str, str | None],
    layers: Sequence[str],
) -> list[str]:
    """In words, the blocks with weights that are not among the layers."""
    if layers == [OUTPUT]:
        why = "no block inside it is a module that gives maps (functional code)"
        return [f"{name}: only its output is measured; {why}, so make modules of the blocks"]
    if isinstance(network, OnnxNetwork):
        return []
    seen = {path_of(layer) for layer in layers}
    ran = {path_of(run): why for run, why in faults.items()}
    missing = [
        f"{block} ({ran[block] or 'gives vectors, no maps'})"
        for block in blocks
        if block in ran and block not in seen and _weights(network.get_submodule(block))
    ]
    return [f"not measured by default: {few(missing, 4)}"] if missing else []


def _repeats(given: Mapping[str, Tensor]) -> dict[str, str]:
    """The layers that are measured with another one, and with which: the first, or the output.

    All measures follow from the Gram matrix, up to a factor. Identities, pixels in another order or
    several times, a constant added or a margin of zeros: none changes it.
    """
    grams = {layer: _normalised_gram(features) for layer, features in given.items()}
    found: dict[str, str] = {}
    kept: list[str] = []
    for layer in sorted(given, key=lambda layer: layer != OUTPUT):  # the output stays
        alike = (other for other in kept if np.abs(grams[layer] - grams[other]).max() < SAME)
        if once := next(alike, None):
            found[layer] = once
        else:
            kept.append(layer)
    return found


def _normalised_gram(features: Tensor) -> np.ndarray:
    """The centred Gram matrix, its trace 1; not a number where all images give the same."""
    rows = features.flatten(1).double()
    rows = rows - rows.mean(0)
    gram = rows @ rows.T
    return (gram / gram.trace()).numpy()


def matching(patterns: str | Iterable[str], names: Sequence[str]) -> list[str]:
    """The names that the patterns match, in their order.

    A pattern is a name; or a name with wildcards, where `*` stays within one level, from one "." or
    "/" to the next ("body.*" is every block of the body, not what is inside them); or "re:" and a
    regular expression for the whole name. Raises DDRError for a pattern that matches nothing.
    """
    chosen: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matched = set(filter(_matcher(pattern), names))
        if not matched:
            raise DDRError(f"no layer matches {pattern!r}; {did_you_mean(pattern, names)}")
        chosen |= matched
    return [name for name in names if name in chosen]


def _matcher(pattern: str) -> Callable[[str], object]:
    if not pattern.startswith("re:"):
        return re.compile(re.escape(pattern).replace(r"\*", "[^./]*")).fullmatch
    try:
        return re.compile(pattern.removeprefix("re:")).fullmatch
    except re.error as error:
        raise DDRError(f"layer pattern {pattern!r} is not a regular expression: {error}") from None
