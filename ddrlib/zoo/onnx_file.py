"""The network in an ONNX file: what it takes, and a session of onnxruntime that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ddrlib.errors import DDRError, few, guarded, optional
from ddrlib.zoo.image_network import SIDES, Brought
from ddrlib.zoo.onnx_network import Node, OnnxNetwork

if TYPE_CHECKING:
    from onnx import GraphProto
    from onnxruntime import InferenceSession

ANY = 0  # in the shape of the images: any number will do
LARGEST_SIDE = 4096  # of images that are tried
FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")
WHOLE_RANGE = (0.0, 255.0)  # of images in whole numbers


class Input(NamedTuple):
    """An input of the graph: its name, its shape with `ANY` where it is free, its type in NumPy."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype


def read_onnx(path: Path, seed: int | None = None) -> Brought:
    """The network in an ONNX file; DDRError where it cannot be read, run, or takes no images.

    With a seed, the values of each weight are in random order.
    """
    if not path.is_file():
        raise DDRError(f"ONNX file {path} does not exist; check the path")
    onnx, onnxruntime = optional("onnx"), optional("onnxruntime")
    model = guarded(f"{path} is damaged or no ONNX file", onnx.load, path)
    if model.ir_version > onnx.IR_VERSION:
        raise DDRError(
            f"{path} is of ONNX's IR version {model.ir_version}, and {onnx.IR_VERSION} is the newest "
            "known here; update onnx and onnxruntime, or export it for an older version"
        )
    if seed is not None:
        _shuffle(onnx, model.graph, seed)
    image, *others = _inputs(onnx, model.graph, path)
    nodes = list(_nodes_from(image.name, model.graph))
    outputs = [output.name for output in model.graph.output]
    model.graph.output.extend(
        onnx.ValueInfoProto(name=name)
        for node in nodes
        for name in node.outputs
        if name not in outputs
    )
    data = model.SerializeToString(deterministic=True)
    failure = f"{path} cannot be run by onnxruntime; export it with operators that it has"
    session = guarded(failure, _session, onnxruntime, data)
    tensors = {given.name for given in session.get_outputs() if given.type in FLOATS}
    channels, sides = _taken(image, path)
    run = _runner(session, image, others, path)
    return Brought(
        OnnxNetwork(
            run, nodes, tensors, outputs, sha256(data).hexdigest(), partial(_shuffled, path)
        ),
        channels=channels or None,
        sides=sides,
        input_range=WHOLE_RANGE if image.dtype.kind in "iu" else (0.0, 1.0),
    )


def _shuffled(path: Path, seed: int) -> OnnxNetwork:
    network = read_onnx(path, seed).module
    assert isinstance(network, OnnxNetwork)
    return network


def _shuffle(onnx: ModuleType, graph: GraphProto, seed: int) -> None:
    rng = np.random.default_rng(seed)
    constants = [each.t for node in graph.node for each in node.attribute if each.name == "value"]
    for tensor in [*graph.initializer, *constants]:
        values = onnx.numpy_helper.to_array(tensor)
        if values.ndim > 1 and values.dtype.kind == "f":
            values = rng.permutation(values.ravel()).reshape(values.shape)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))


def _inputs(onnx: ModuleType, graph: GraphProto, path: Path) -> list[Input]:
    """What the graph takes, the images first."""
    weights = {tensor.name for tensor in graph.initializer}  # older files count them as inputs
    found = []
    for value in graph.input:
        if value.name not in weights:
            tensor = value.type.tensor_type
            shape = tuple(axis.dim_value or ANY for axis in tensor.shape.dim)
            kind = guarded(
                f"{path} takes {value.name} of an unknown type",
                onnx.helper.tensor_dtype_to_np_dtype,
                tensor.elem_type,
            )
            found.append(Input(value.name, shape, kind))
    images = [each for each in found if len(each.shape) == 4]
    if not images or not graph.output:
        raise DDRError(
            f"{path} has {len(found)} inputs, {len(images)} of them images, and "
            f"{len(graph.output)} outputs; it has to take images and to give images"
        )
    return [images[0], *(each for each in found if each is not images[0])]


def _is_nhwc(image: Input) -> bool:
    """Whether channels are the last axis, as TensorFlow has it."""
    return image.shape[3] in (1, 3) and image.shape[1] not in (1, 3)


def _taken(image: Input, path: Path) -> tuple[int, Sequence[int]]:
    """How many channels the images have (`ANY` where that is free), and which sides may be tried."""
    shape = image.shape
    channels, *sides = [shape[3], *shape[1:3]] if _is_nhwc(image) else shape[1:]
    if any(not 0 <= side <= LARGEST_SIDE for side in shape):
        raise DDRError(f"{path} takes images {tuple(shape)}, which cannot be made; export it again")
    fixed = sorted({side for side in sides if side})
    if len(fixed) > 1:
        raise DDRError(
            f"{path} takes images of {sides[0]} x {sides[1]} pixels alone, and patches are square; "
            "export it with free sides (dynamic axes)"
        )
    return channels, fixed or SIDES


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
    session: InferenceSession, image: Input, others: Sequence[Input], path: Path
) -> Callable[..., list[Tensor]]:
    wanted = {each.name for each in others}

    def run(names: Sequence[str], images: Tensor, **constants: Any) -> list[Tensor]:
        if wanted != constants.keys():
            raise DDRError(
                f"{path} takes, beside the images, {few(wanted) or 'nothing'}; a descriptor gives "
                f"each a value under `constants`, not {few(constants) or 'none'}"
            )
        values = {each: _constant(constants[each.name], each, images) for each in others}
        values[image] = images.movedim(1, -1) if _is_nhwc(image) else images
        arrays = {each.name: _as_taken(value, each.dtype) for each, value in values.items()}
        step = image.shape[0] or len(images)
        parts = []
        for first in range(0, len(images), step):
            feed = {
                name: np.ascontiguousarray(array[first : first + step])
                if len(array) == len(images)
                else array
                for name, array in arrays.items()
            }
            failure = f"{path} fails on images of shape {feed[image.name].shape}"
            parts.append(guarded(failure, session.run, names, feed))
        joined = [
            np.concatenate(list(map(np.atleast_1d, same))) for same in zip(*parts, strict=True)
        ]
        return [torch.from_numpy(array).float().to(images.device) for array in joined]

    return run


def _constant(value: float | Tensor, taken: Input, images: Tensor) -> Tensor:
    """A number for all that an input takes, whatever is free being as it is of the images."""
    if torch.is_tensor(value):
        return value
    free = [len(images), 1, *images.shape[2:]]
    return torch.full([side or free[axis] for axis, side in enumerate(taken.shape)], float(value))


def _as_taken(values: Tensor, dtype: np.dtype) -> np.ndarray:
    whole = values.round().clamp(*WHOLE_RANGE) if dtype.kind in "iu" else values
    return whole.cpu().numpy().astype(dtype)
