"""What makes training fast where the machine allows it: bfloat16, compilation, several processes.

Several processes are torchrun's: `torchrun --nproc-per-node 4 --no-python ddr train CONFIG`.
"""

from __future__ import annotations

import importlib.util
import os
from typing import cast

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Convolutions in `precision`, "float32" or "bfloat16", on a CPU as on a GPU; weights stay
    float32.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def accelerated(module: nn.Module, device: torch.device) -> nn.Module:
    """A view of `module` (same weights) for all processes, compiled on a GPU.

    On a CPU compiling gained nothing, and without Triton there is no compiler for a GPU.
    """
    if world_size() > 1:
        module = DistributedDataParallel(module)
    if device.type == "cuda" and importlib.util.find_spec("triton"):
        return cast(nn.Module, torch.compile(module))
    return module


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
