"""Networks as ncnn graphs: against the ncnn library, and by hand."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch

from ddrlib.errors import DDRError
from ddrlib.networks.ncnn_graph import NcnnGraph, Node
from ddrlib.zoo.cards import write_network
from ddrlib.zoo.loading import load_network
from ddrlib.zoo.weights import read_ncnn

HALF = 0x01306B47

# A U-Net with squeeze and excitation, as waifu2x and Real-CUGAN are, its edges left out.
U_NET = """
Input in 0 1 in
Convolution first 1 1 in a 0=6 1=3 5=1 6=162 9=2 -23310=1,1.000000e-01
Split split 1 2 a a0 a1
Convolution down 1 1 a1 b 0=8 1=2 3=2 5=1 6=192 9=1
Split split2 1 2 b b0 b1
Pooling mean 1 1 b1 c 0=1 4=1
InnerProduct squeeze 1 1 c d 0=2 1=1 2=16 9=1
InnerProduct excite 1 1 d e 0=8 1=1 2=16 9=4
BinaryOp weigh 2 1 b0 e f 0=2
Deconvolution up 1 1 f g 0=6 1=2 3=2 5=1 6=192 9=2 -23310=1,1.000000e-01
Crop crop 1 1 a0 h -23309=2,0,0 -23310=2,2147483647,2147483647 -23311=2,1,2
BinaryOp sum 2 1 h g i 0=0
Deconvolution out 1 1 i j 0=3 1=4 3=2 4=3 5=1 6=288
""".strip().splitlines()
# The rest: as SPAN, Real-ESRGAN's small networks and the older converter write them.
OTHERS = """
Input in 0 1 in
MemoryData mean 0 1 mean 0=1 1=1 2=3
BinaryOp centred 2 1 in mean x 0=1
BinaryOp stretched 1 1 x y 0=2 1=1 2=2.500000e+00
Split split 1 2 y y0 y1
Convolution first 1 1 y0 a 0=8 1=3 4=1 5=1 6=216
PReLU prelu 1 1 a b 0=8
Split split2 1 3 b b0 b1 b2
Sigmoid sigmoid 1 1 b0 c
BinaryOp less 1 1 c d 0=1 1=1 2=5.000000e-01
Swish swish 1 1 b1 e
BinaryOp times 2 1 d e f 0=2
Eltwise eltwise 2 1 f b2 g 0=1 -23301=2,2.000000e-01,1.000000e+00
Concat concat 2 1 g y1 h 0=0
Convolution second 1 1 h i 0=12 1=1 5=1 6=132
PixelShuffle shuffle 1 1 i j 0=2
Interp small 1 1 j k 0=3 1=5.000000e-01 2=5.000000e-01
Interp large 1 1 k l 0=1 1=2.000000e+00 2=2.000000e+00
""".strip().splitlines()


def weights_of(graph: list[str], seed: int = 0) -> bytes:
    """Random numbers as the converters write them."""
    rng = np.random.default_rng(seed)
    data = b""
    for node in map(Node.parse, graph):
        out = int(node.options.get(0, [0])[0])
        count = {"Convolution": 6, "Deconvolution": 6, "InnerProduct": 2}.get(node.kind)
        if count:
            values = rng.normal(0, 0.2, int(node.options[count][0])).astype(np.float16).tobytes()
            data += struct.pack("<I", HALF) + values + b"\0" * (-len(values) % 4)
        if count or node.kind == "PReLU":
            data += rng.normal(0, 0.2, out).astype(np.float32).tobytes()
        if node.kind == "MemoryData":
            data += rng.normal(0, 0.2, 3).astype(np.float32).tobytes()
    return data


def written(folder, graph):
    binary = folder / "network.bin"
    blobs = {blob for node in map(Node.parse, graph) for blob in node.outputs}
    head = ["7767517", f"{len(graph)} {len(blobs)}"]
    binary.with_suffix(".param").write_text("\n".join([*head, *graph]) + "\n")
    binary.write_bytes(weights_of(graph))
    return binary


def by_ncnn(binary, image: np.ndarray) -> np.ndarray:
    ncnn = pytest.importorskip("ncnn")
    net = ncnn.Net()
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{option}", False)
    net.opt.num_threads = 1
    assert net.load_param(str(binary.with_suffix(".param"))) == 0
    assert net.load_model(str(binary)) == 0
    extractor = net.create_extractor()
    extractor.input("in", ncnn.Mat(image))
    return np.array(extractor.extract(net.output_names()[0])[1])


def loaded(binary, graph, **arguments) -> NcnnGraph:
    module = NcnnGraph(graph, **arguments).eval()
    module.load_state_dict(read_ncnn(binary, module))
    return module


@pytest.mark.parametrize("graph", [U_NET, OTHERS], ids=["U-Net", "others"])
def test_a_graph_computes_what_ncnn_computes(graph, tmp_path):
    binary = written(tmp_path, graph)
    image = np.random.default_rng(1).random((3, 14, 14)).astype(np.float32)
    wanted = by_ncnn(binary, image)
    with torch.no_grad():
        given = loaded(binary, graph, scale=2)(torch.from_numpy(image)[None])[0].numpy()
    assert wanted.std() > 0.01
    np.testing.assert_allclose(given, wanted, atol=1e-5)


def test_what_the_edges_lose_is_padded_so_that_the_output_fits_the_input(tmp_path):
    graph = ["Input in 0 1 in", "Convolution c 1 1 in out 0=3 1=3 5=1 6=81"]
    module = loaded(written(tmp_path, graph), graph, padding=1)
    image = torch.rand(2, 3, 5, 6)
    with torch.no_grad():
        edges = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
        wanted = module.steps[1](edges)
        torch.testing.assert_close(module(image), wanted)
    assert wanted.shape == image.shape  # 5 and 6 are no multiples of 4: the rest is cut off again


def test_what_a_network_is_told_is_further_channels_and_the_residual_is_added(tmp_path):
    graph = ["Input in 0 1 in", "Convolution c 1 1 in out 0=3 1=1 5=1 6=15"]
    module = loaded(written(tmp_path, graph), graph, told=[0.25, 0.5])
    image = torch.rand(1, 3, 4, 4)
    told = torch.tensor([0.25, 0.5]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    with torch.no_grad():
        plain = module(image)
        torch.testing.assert_close(plain, module.steps[1](torch.cat([image, told], 1)))
        module.residual = True
        torch.testing.assert_close(module(image), plain + image)


def test_layers_are_the_maps_under_the_names_of_the_graph(tmp_path):
    module = NcnnGraph(U_NET, scale=2)
    assert list(module.layers()) == ["first", "down", "weigh", "up", "sum", "out", "output"]


def test_a_card_makes_it_loadable_and_one_that_lies_is_one_line(tmp_path):
    binary = written(tmp_path, U_NET)
    arguments = {"graph": U_NET, "scale": 2, "padding": 1}
    state = read_ncnn(binary, NcnnGraph(**arguments))
    card = {"architecture": "NcnnGraph", "scale": 2, "task": "sr", "source": "a", "licence": "MIT"}
    write_network(state, {**card, "name": "whole", "arguments": arguments}, tmp_path)
    network = load_network("whole", tmp_path)
    assert network.module.steps[1][0].weight.shape == (6, 3, 3, 3)
    for name, graph in {
        "kind": [*U_NET, "LSTM lstm 1 1 j k 0=3"],
        "count": [U_NET[0], "Convolution c 1 1 in a 0=5 1=3 6=82"],
        "huge": [U_NET[0], "Convolution c 1 1 in a 0=99999 1=1 6=299997"],
        "torn": [*U_NET, "Convolution c"[:5] + " a b c d"],
    }.items():
        write_network(
            state, {**card, "name": name, "arguments": {**arguments, "graph": graph}}, tmp_path
        )
        with pytest.raises(DDRError, match=f"network {name} has wrong arguments"):
            load_network(name, tmp_path)


def test_weights_of_another_graph_are_told(tmp_path):
    binary = written(tmp_path, U_NET)
    with pytest.raises(DDRError, match=r"another architecture than NcnnGraph: 6 layers .* not 4"):
        read_ncnn(binary, NcnnGraph(OTHERS))
    binary.write_bytes(binary.read_bytes()[:-5])
    with pytest.raises(DDRError, match=r"network\.bin .* layer out cannot be read"):
        read_ncnn(binary, NcnnGraph(U_NET))
