"""An ONNX graph as a module whose tensors hooks can read (`ddrlib.zoo.onnx_file` reads the file)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any, NamedTuple

from torch import Tensor, nn


class Node(NamedTuple):
    """A step of the graph: its operator, the names of the tensors it takes and gives."""

    operator: str
    inputs: Sequence[str]
    outputs: Sequence[str]


class OnnxNetwork(nn.Module):
    """An ONNX graph that takes images (N, 3, H, W) and gives images.

    Tensors pass through submodules (`nn.Identity`), so that what reads the layers of a network
    reads a graph too. `paths` maps the names of its tensors to these submodules, in order of
    execution; the number in a path is the tensor's place in the graph. `definition` identifies the
    graph with its weights. `run` gives the values of the tensors of these names for images
    (N, C, H, W) and constants.
    """

    def __init__(
        self,
        run: Callable[..., list[Tensor]],
        nodes: Sequence[Node],
        tensors: set[str],
        outputs: Sequence[str],
        definition: str,
        shuffled: Callable[[int], OnnxNetwork],
    ) -> None:
        super().__init__()
        # A function, not a method of an object that holds the session: copies of the module, one
        # on each core, then share the session, which may be run on several threads.
        self.run = run
        self.nodes, self.outputs, self.definition = nodes, outputs, definition
        self.shuffled = shuffled
        names = [name for node in nodes for name in node.outputs]
        inner = tensors.difference(outputs)
        numbers = {name: str(i) for i, name in enumerate(names) if name in inner}
        self.paths = {name: f"tensors.{number}" for name, number in numbers.items()}
        self.tensors = nn.ModuleDict({number: nn.Identity() for number in numbers.values()})

    def forward(self, x: Tensor, **constants: Any) -> Tensor | dict[str, Tensor]:
        """What the graph gives for images (N, C, H, W): one output, or several by name."""
        # To take every tensor out of the session would cost more than to compute it.
        hooked = {
            name: probe
            for name, path in self.paths.items()
            if (probe := self.get_submodule(path))._forward_hooks
        }
        names = [*hooked, *self.outputs]
        values = dict(zip(names, self.run(names, x, **constants), strict=True))
        for name, probe in hooked.items():
            probe(values[name])
        given = {name: _channels_first(values[name]) for name in self.outputs}
        return given if len(given) > 1 else given[self.outputs[0]]


def _channels_first(image: Tensor) -> Tensor:
    """An image (N, C, H, W), also where the graph has channels last."""
    last = image.ndim == 4 and image.shape[3] in (1, 3) and image.shape[1] not in (1, 3)
    return image.movedim(3, 1) if last else image


def between_blocks(nodes: Sequence[Node], maps: Sequence[str]) -> list[str]:
    """Of the feature maps of a graph, in order of execution, those that no block encloses.

    Left out are maps inside a residual connection; the sum that ends it is kept. So are side
    branches, such as an interpolated input: maps that most others neither come from nor lead to.
    """
    inside: set[str] = set()
    sums: set[str] = set()
    origins: dict[str, set[str]] = {}  # of a tensor: the feature maps that it is computed from
    for node in nodes:
        inputs = [name for name in node.inputs if name in origins]
        here = set(maps).intersection(inputs)
        for name in node.outputs:
            origins[name] = here.union(*(origins[name] for name in inputs))
        for skipping, last in permutations(here, 2) if node.operator in ("Add", "Sum") else ():
            if skipping in origins[last]:
                sums.update(node.outputs)
                inside |= {name for name in {*origins[last], last} if skipping in origins[name]}
    kin = {name: len(origins[name]) + sum(name in origins[x] for x in maps) for name in maps}
    return [
        name
        for name in maps
        if (name in sums or name not in inside) and 2 * kin[name] >= len(maps) - 1
    ]
