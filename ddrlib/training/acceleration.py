"""What makes training fast where the machine allows it: bfloat16, compilation, several processes.

Several processes are torchrun's: `torchrun --nproc-per-node 4 --no-python ddr train CONFIG`.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

CALLS_BEFORE = 3  # a function is recorded
COMPILED_FROM = 50_000  # iterations: compiling takes the time that it saves in about 25,000


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Convolutions in `precision`, "float32" or "bfloat16", on a CPU as on a GPU; weights stay
    float32.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def accelerated(module: nn.Module, device: torch.device, iterations: int) -> nn.Module:
    """A view of `module` (same weights) for all processes; compiled for a long training on a GPU.

    Compiling makes a replayed iteration faster by a third; where nothing is replayed, slower. Without
    Triton there is no compiler for a GPU.
    """
    if world_size() > 1:
        return DistributedDataParallel(module)
    long = device.type == "cuda" and iterations >= COMPILED_FROM
    if long and importlib.util.find_spec("triton"):
        return cast(nn.Module, torch.compile(module))
    return module


class Replay:
    """A function of tensors on a GPU, recorded when it has been called a few times, then replayed.

    An iteration is some thousand small kernels, which Python launches one after another; what is
    replayed is one launch. The function must not wait for the device, and what varies between its
    calls has to be in tensors that stay where they are.
    """

    def __init__(self, function: Callable[..., dict[str, Tensor]]) -> None:
        self.function, self.calls = function, 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, *inputs: Tensor) -> dict[str, Tensor]:
        """What the function gives; once it is replayed, the next call writes over it."""
        if self.calls < CALLS_BEFORE:  # in which buffers and optimisers settle
            self.calls += 1
            here, beside = torch.cuda.current_stream(), torch.cuda.Stream()
            beside.wait_stream(here)
            with torch.cuda.stream(beside):
                outputs = self.function(*inputs)
            here.wait_stream(beside)
            return outputs
        if self.graph is None:
            self.inputs = [given.clone() for given in inputs]
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):  # records, and computes nothing
                self.outputs = self.function(*self.inputs)
        for kept, given in zip(self.inputs, inputs, strict=True):
            kept.copy_(given)
        self.graph.replay()
        return self.outputs


def replayed(
    function: Callable[..., dict[str, Tensor]], device: torch.device
) -> Callable[..., dict[str, Tensor]]:
    """The function itself, or its `Replay` where one process alone has a GPU."""
    return Replay(function) if device.type == "cuda" and world_size() == 1 else function


def join_processes(device: torch.device) -> torch.device:
    """Under torchrun: meet the other processes, and take the GPU of this one's number."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        return device
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return device


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is; 0 writes."""
    return dist.get_rank() if dist.is_initialized() else 0


def any_process(flag: bool, device: torch.device) -> bool:
    """Whether the flag is up in any process; all of them have to ask, and wait for each other."""
    if world_size() == 1:
        return flag
    shared = torch.tensor(int(flag), device=device)
    dist.all_reduce(shared, dist.ReduceOp.MAX)
    return bool(shared)


def wait_for_all() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        dist.barrier()
