"""ONNX graphs as networks: their tensors, which of them are layers, what is refused."""

from __future__ import annotations

import re
from copy import deepcopy

import pytest
import torch
from compact import Compact, weights, write_onnx

from ddrlib.errors import DDRError
from ddrlib.features.extraction import extract, super_resolve
from ddrlib.zoo.loading import load_custom
from ddrlib.zoo.onnx_network import Node, between_blocks

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

LAYERS = ["head", "active", "deep", "Output"]  # "shuffled" is "deep" in another order
ALL = [*LAYERS[:3], "shuffled", "Output"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_onnx(tmp_path_factory.mktemp("onnx") / "network.onnx")


@pytest.fixture(scope="module")
def wanted():
    """What PyTorch computes for `IMAGES`, by the name that the tensor has in the graph."""
    module = Compact()
    module.load_state_dict(weights())
    given = [IMAGES]
    with torch.no_grad():
        for part in (*module.body, module.upsampler):
            given.append(part(given[-1]))
        return dict(zip(ALL, [*given[1:], module(IMAGES)], strict=True))


# Of small whole numbers: all arithmetic is exact, and float16 holds what it gives.
IMAGES = torch.randint(0, 4, (5, 3, 9, 12), generator=torch.Generator().manual_seed(0)).float()


def test_layers_are_found_without_the_side_branch(file):
    network = load_custom(file)
    assert list(network.layers) == LAYERS  # not the enlarged input
    assert (network.scale, network.task, network.trunk[-1]) == (4, "sr", "deep")


def test_tensors_are_those_of_the_module(file, wanted):
    given = extract(load_custom(file, layers=ALL), IMAGES, device="cpu")
    assert list(given) == ALL
    for layer, tensor in wanted.items():
        assert (given[layer] == tensor.flatten(1).numpy()).all(), layer


def test_layers_by_name_and_pattern(file):
    chosen = ["enlarged", "head", "active", "deep", "shuffled"]
    assert list(load_custom(file, layers="*e*").layers) == chosen
    assert list(load_custom(file, layers=["Output", "re:h.*"]).layers) == ["head", "Output"]
    with refused("'conv*'", "enlarged, head, active, deep, shuffled, Output"):
        load_custom(file, layers="conv*")


def test_the_cache_knows_the_tensors_apart(file, wanted, tmp_path, monkeypatch):
    monkeypatch.setenv("DDR_CACHE", str(tmp_path))
    for layer in ("head", "deep"):  # each the first, and only, layer of its network
        given = extract(load_custom(file, layers=layer), IMAGES, device="cpu")[layer]
        assert (given == wanted[layer].flatten(1).numpy()).all()


def test_it_enlarges_and_can_be_copied(file, wanted):
    network = load_custom(file)
    clamped = wanted["Output"].clamp(0, 1)
    assert torch.equal(super_resolve(network, IMAGES, "cpu"), clamped)
    assert torch.equal(deepcopy(network.module)(IMAGES), wanted["Output"])


def given_by_pytorch(images):
    module = Compact()
    module.load_state_dict(weights())
    with torch.no_grad():
        return module(images)


def test_one_image_at_a_time_of_one_size(tmp_path):
    file = write_onnx(tmp_path / "fixed.onnx", (1, 3, 9, 9))
    network = load_custom(file)
    assert network.side == 9
    assert torch.equal(network.module(IMAGES[..., :9]), given_by_pytorch(IMAGES[..., :9]))
    with refused("fixed.onnx fails on images of shape (1, 3, 8, 9)"):
        extract(network, IMAGES[:, :, :8, :9], device="cpu")
    for scale in (None, 4):
        with refused("fixed.onnx takes images of 9 pixels, not of 32; leave the size out"):
            load_custom(file, size=128, scale=scale)
    assert load_custom(file, size=36).side == 9
    with refused("takes images of 9 x 12 pixels alone", "free sides"):
        load_custom(write_onnx(tmp_path / "oblong.onnx", (1, 3, 9, 12)))


def test_a_tensor_that_is_one_number_is_no_layer_and_no_harm(tmp_path, wanted):
    model = onnx.load(write_onnx(tmp_path / "fixed.onnx", (1, 3, 9, 9)))
    model.graph.node.append(onnx.helper.make_node("ReduceMean", ["deep"], ["mean"], keepdims=0))
    onnx.save(model, tmp_path / "mean.onnx")
    network = load_custom(tmp_path / "mean.onnx")
    assert list(network.layers) == LAYERS
    with refused("layer mean gives (3,) for 3 images"):
        load_custom(tmp_path / "mean.onnx", layers="mean")


def test_the_weights_are_part_of_what_it_is(file, tmp_path):
    model = onnx.load(file)
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "body.0.bias")
    bias.raw_data = bytes(len(bias.raw_data))
    onnx.save(model, tmp_path / "other.onnx")
    assert load_custom(file).sha256 != load_custom(tmp_path / "other.onnx").sha256
    assert load_custom(file).sha256 == load_custom(file).sha256


def refused(*words: str):
    """The block raises a DDRError of one line that has these words, in this order."""
    return pytest.raises(DDRError, match=r"\A.*" + ".*".join(map(re.escape, words)) + r".*\Z")


def test_weights_in_another_file_or_counted_as_inputs_and_whole_numbers(file, tmp_path, wanted):
    model = onnx.load(file)
    options = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    onnx.save(model, tmp_path / "apart.onnx", **options)
    assert torch.equal(load_custom(tmp_path / "apart.onnx").module(IMAGES), wanted["Output"])
    (tmp_path / "weights.bin").unlink()
    with refused("apart.onnx is damaged", "weights.bin"):
        load_custom(tmp_path / "apart.onnx")
    model = onnx.load(file)  # as older exporters do it
    model.graph.input.extend(
        onnx.helper.make_tensor_value_info(each.name, each.data_type, list(each.dims))
        for each in model.graph.initializer
    )
    onnx.save(model, tmp_path / "old.onnx")
    assert torch.equal(load_custom(tmp_path / "old.onnx").module(IMAGES), wanted["Output"])
    quantization = pytest.importorskip("onnxruntime.quantization")
    quantization.quantize_dynamic(file, tmp_path / "int8.onnx")
    found = load_custom(tmp_path / "int8.onnx").module(IMAGES)
    assert (found - wanted["Output"]).abs().max() < 0.05 * wanted["Output"].abs().max()


def test_a_newer_version_is_named(file, tmp_path):
    model = onnx.load(file)
    model.ir_version = 99
    onnx.save(model, tmp_path / "new.onnx")
    with refused("new.onnx is of ONNX's IR version 99", "update onnx"):
        load_custom(tmp_path / "new.onnx")


def sized(file, side):
    """The same file, said to take images of this height."""
    model = onnx.load(file)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = side
    onnx.save(model, file)
    return file


def test_files_that_cannot_be(file, tmp_path):
    with refused("no.onnx does not exist"):
        load_custom(tmp_path / "no.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no graph")
    with refused("bad.onnx is damaged or no ONNX file"):
        load_custom(tmp_path / "bad.onnx")
    (tmp_path / "empty.onnx").write_bytes(b"")
    with refused("empty.onnx has 0 inputs, 0 of them images, and 0 outputs"):
        load_custom(tmp_path / "empty.onnx")
    (tmp_path / "half.onnx").write_bytes(file.read_bytes()[:500])
    with refused("half.onnx"):
        load_custom(tmp_path / "half.onnx")
    with refused("unknown.onnx cannot be run by onnxruntime", "operators", "Sharpen"):
        load_custom(write_onnx(tmp_path / "unknown.onnx", operator="Sharpen"))
    with refused("flat.onnx has 1 inputs, 0 of them images"):
        load_custom(write_onnx(tmp_path / "flat.onnx", (3, "h", "w")))
    for side in (-8, 10**6):
        with refused("side.onnx takes images", "cannot be made"):
            load_custom(sized(write_onnx(tmp_path / "side.onnx", (1, 3, 8, 8)), side))
    with refused("grey.onnx"):
        load_custom(write_onnx(tmp_path / "grey.onnx", ("n", 1, "h", "w")))


def test_graphs_that_take_more_than_images(file, tmp_path, wanted):
    model = onnx.load(file)
    model.graph.input.append(onnx.helper.make_tensor_value_info("noise", 1, ["n", 1, "h", "w"]))
    model.graph.node[0].input[0] = model.graph.node[1].input[0] = "noisy"
    model.graph.node.insert(0, onnx.helper.make_node("Add", ["lr", "noise"], ["noisy"]))
    onnx.save(model, tmp_path / "two.onnx")
    with refused("two.onnx takes, beside the images, noise", "`constants`"):
        load_custom(tmp_path / "two.onnx")
    (tmp_path / "two.yaml").write_text("{onnx: two.onnx, constants: {noise: 2}}")
    module = load_custom(tmp_path / "two.yaml").module
    assert torch.equal(module(IMAGES - 2), wanted["Output"])
    (tmp_path / "one.yaml").write_text("{onnx: two.onnx, constants: {noise: 2, level: 1}}")
    with refused("takes, beside the images, noise", "not noise, level"):
        load_custom(tmp_path / "one.yaml")


def test_the_output_that_is_taken_is_named(file, tmp_path, wanted):
    model = onnx.load(file)
    model.graph.output.insert(0, onnx.helper.make_tensor_value_info("head", 1, None))
    onnx.save(model, tmp_path / "two.onnx")
    network = load_custom(tmp_path / "two.onnx")
    assert network.notes[0].endswith("gives a dict: its image ['sr'] is measured")
    assert torch.equal(network.module(IMAGES), wanted["Output"])
    (tmp_path / "two.yaml").write_text("{onnx: two.onnx, output: head}")
    with refused("does not give images: (3, 8, 32, 32)"):
        load_custom(tmp_path / "two.yaml")


def dressed(file, path, kind, nhwc=False):
    """The same graph behind a step or two that change type and layout at both ends."""
    model, numbers = onnx.load(file), getattr(onnx.TensorProto, kind)
    graph, node = model.graph, onnx.helper.make_node
    shape = ["n", "h", "w", 3] if nhwc else ["n", 3, "h", "w"]
    ends = [onnx.helper.make_tensor_value_info(name, numbers, shape) for name in ("given", "made")]
    del graph.input[:], graph.output[:]
    graph.input.append(ends[0])
    graph.output.append(onnx.ValueInfoProto(name="made"))
    graph.output[0].type.tensor_type.elem_type = numbers
    turned = [0, 3, 1, 2] if nhwc else [0, 1, 2, 3]
    back = [0, 2, 3, 1] if nhwc else [0, 1, 2, 3]
    graph.node.insert(0, node("Transpose", ["raw"], ["lr"], perm=turned))
    graph.node.insert(0, node("Cast", ["given"], ["raw"], to=onnx.TensorProto.FLOAT))
    graph.node.append(node("Transpose", ["sr"], ["turned"], perm=back))
    graph.node.append(node("Cast", ["turned"], ["made"], to=numbers))
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("nhwc", [False, True])
@pytest.mark.parametrize("kind", ["FLOAT16", "UINT8", "FLOAT"])
def test_other_types_and_channels_last(file, tmp_path, kind, nhwc, wanted):
    network = load_custom(dressed(file, tmp_path / "d.onnx", kind, nhwc))
    assert {*LAYERS} <= {*network.layers} and network.scale == 4
    levels = 255 if kind == "UINT8" else 1
    given = network.module(IMAGES / levels) * levels
    expected = wanted["Output"]
    if kind == "UINT8":  # what is below 0 cannot be given
        given, expected = given[expected >= 0], expected[expected >= 0].floor()
    assert torch.allclose(given, expected, atol=1e-4)
    features = extract(network, IMAGES / levels, ["deep"], device="cpu")["deep"]
    assert (features == wanted["deep"].flatten(1).numpy()).all()


def chain(*steps: str) -> list[Node]:
    """Nodes from "y = Add x z" with the image x0."""
    return [
        Node(kind, inputs, [name])
        for name, kind, *inputs in (step.replace("=", "").split() for step in steps)
    ]


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        (["a = Conv x", "b = Relu a", "c = Conv b"], "a b c"),
        # two residual blocks; an inner sum of other than a skip is inside
        (
            ["a = Conv x", "b = Conv a", "c = Add a b", "d = Conv c", "e = Relu d", "f = Add e c"],
            "a c f",
        ),
        # a residual connection around residual blocks, and a convolution after them
        (
            ["a = Conv x", "b = Conv a", "c = Add b a", "d = Conv c", "e = Add d a", "f = Conv e"],
            "a c e f",
        ),
        # dense block
        (["a = Conv x", "b = Conv a", "c = Concat a b", "d = Conv c", "e = Add d a"], "a e"),
        # an interpolated image, added at the end: before and after the rest
        (["i = Resize x", "a = Conv x", "b = Conv a", "c = Conv b", "d = Add c i"], "a b c d"),
        (["a = Conv x", "b = Conv a", "c = Conv b", "i = Resize x", "d = Add i c"], "a b c d"),
        # a block through tensors that are no feature maps (t)
        (["a = Conv x", "t = Reshape a", "b = Reshape t", "c = Add a b"], "a c"),
        # a constant is no skip
        (["a = Conv x", "b = Add a one", "c = Relu b"], "a b c"),
    ],
)
def test_layers_lie_between_blocks(steps, kept):
    nodes = chain(*steps)
    maps = [name for node in nodes for name in node.outputs if name != "t"]
    assert between_blocks(nodes, maps) == kept.split()
