"""An ONNX graph as a module whose tensors hooks can read; onnxruntime computes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ddrlib.errors import DDRError, guarded, optional

if TYPE_CHECKING:
    from onnx import GraphProto
    from onnxruntime import InferenceSession

ANY = 0  # in the shape of the images: any number will do
LARGEST_SIDE = 4096  # of images that are tried
FLOAT32 = 1  # onnx.TensorProto.FLOAT


class Node(NamedTuple):
    """A step of the graph: its operator, the names of the tensors it takes and gives."""

    operator: str
    inputs: Sequence[str]
    outputs: Sequence[str]


class OnnxNetwork(nn.Module):
    """An ONNX graph that takes images (N, 3, H, W) and gives images.

    Tensors pass through submodules (`nn.Identity`), so that what reads the layers of a network
    reads a graph too. `paths` maps the names of its tensors to these submodules, in order of
    execution; the number in a path is the tensor's place in the graph. `takes` is the shape of its
    input, with `ANY` where it is free. `definition` identifies the graph with its weights. `run`
    gives the values of the tensors of these names for images (N, 3, H, W).
    """

    def __init__(
        self,
        run: Callable[[Sequence[str], Tensor], list[Tensor]],
        nodes: Sequence[Node],
        tensors: set[str],
        output: str,
        takes: Sequence[int],
        definition: str,
    ) -> None:
        super().__init__()
        # A function, not a method of an object that holds the session: copies of the module, one
        # on each core, then share the session, which may be run on several threads.
        self.run = run
        self.nodes, self.output, self.takes, self.definition = nodes, output, takes, definition
        names = [name for node in nodes for name in node.outputs]
        numbers = {name: str(i) for i, name in enumerate(names) if name in tensors - {output}}
        self.paths = {name: f"tensors.{number}" for name, number in numbers.items()}
        self.tensors = nn.ModuleDict({number: nn.Identity() for number in numbers.values()})

    def forward(self, x: Tensor) -> Tensor:
        """The images that the graph gives for images (N, 3, H, W)."""
        # To take every tensor out of the session would cost more than to compute it.
        hooked = {
            name: probe
            for name, path in self.paths.items()
            if (probe := self.get_submodule(path))._forward_hooks
        }
        *values, images = self.run([*hooked, self.output], x)
        for probe, value in zip(hooked.values(), values, strict=True):
            probe(value)
        return images

    def blocks(self, maps: Sequence[str]) -> list[str]:
        """Of its feature maps, those that lie between the blocks the network is built of."""
        return between_blocks(self.nodes, maps)


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


# From the file


def read_onnx(path: Path) -> OnnxNetwork:
    """The network in an ONNX file; DDRError where it cannot be read, run, or takes no images."""
    if not path.is_file():
        raise DDRError(f"ONNX file {path} does not exist; check the path")
    onnx, onnxruntime = optional("onnx"), optional("onnxruntime")
    model = guarded(f"{path} is damaged or no ONNX file", onnx.load, path)
    image, takes = _input(model.graph, path)
    nodes = list(_nodes_from(image, model.graph))
    output = model.graph.output[0].name
    del model.graph.output[1:]
    model.graph.output.extend(
        onnx.ValueInfoProto(name=name) for node in nodes for name in node.outputs if name != output
    )
    data = model.SerializeToString(deterministic=True)
    failure = f"{path} cannot be run by onnxruntime; export it with operators that it has"
    session = guarded(failure, _session, onnxruntime, data)
    tensors = {given.name for given in session.get_outputs() if given.type == "tensor(float)"}
    run = _runner(session, image, takes, path)
    return OnnxNetwork(run, nodes, tensors, output, takes, sha256(data).hexdigest())


def _input(graph: GraphProto, path: Path) -> tuple[str, list[int]]:
    """Name and shape of the images that the graph takes."""
    weights = {tensor.name for tensor in graph.initializer}  # older files count them as inputs
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1 or not graph.output:
        raise DDRError(
            f"{path} has {len(inputs)} inputs and {len(graph.output)} outputs; it has to take "
            "images alone and to give images"
        )
    described = inputs[0].type.tensor_type
    shape = [axis.dim_value or ANY for axis in described.shape.dim]
    if described.elem_type != FLOAT32 or len(shape) != 4:
        raise DDRError(f"{path} does not take float32 images (N, 3, H, W); export it in float32")
    if any(not 0 <= side <= LARGEST_SIDE for side in shape):
        raise DDRError(f"{path} takes images {tuple(shape)}, which cannot be made; export it again")
    return inputs[0].name, shape


def _nodes_from(image: str, graph: GraphProto) -> Iterator[Node]:
    """The steps that what the image shows goes through; not those that only make constants."""
    depending = {image}
    for node in graph.node:
        if depending.intersection(node.input):
            outputs = [name for name in node.output if name]  # an optional one can be left out
            depending.update(outputs)
            yield Node(node.op_type, list(node.input), outputs)


def _session(onnxruntime: ModuleType, data: bytes) -> InferenceSession:
    onnxruntime.disable_telemetry_events()  # of Windows builds
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the cores have batches of their own
    options.log_severity_level = 4  # what goes wrong is raised
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _runner(
    session: InferenceSession, image: str, takes: Sequence[int], path: Path
) -> Callable[[Sequence[str], Tensor], list[Tensor]]:
    def run(names: Sequence[str], images: Tensor) -> list[Tensor]:
        sides = tuple(images.shape[1:])
        if any(side not in (ANY, given) for side, given in zip(takes[1:], sides, strict=True)):
            raise DDRError(f"{path} takes images {tuple(takes[1:])} ({ANY}: any), not {sides}")
        parts = [
            guarded(
                f"{path} fails on images of shape {tuple(part.shape)}",
                session.run,
                names,
                {image: np.ascontiguousarray(part.cpu().numpy())},
            )
            for part in images.split(takes[0] or len(images))
        ]
        return [
            torch.from_numpy(np.concatenate(list(map(np.atleast_1d, values)))).to(images.device)
            for values in zip(*parts, strict=True)
        ]

    return run
