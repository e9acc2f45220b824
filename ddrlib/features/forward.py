"""Forward passes that hand out what the layers of a network give, on all cores or on a GPU."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from threading import RLock

import torch
from torch import Tensor, nn

from ddrlib.errors import DDRError
from ddrlib.zoo.identity import copied, moved
from ddrlib.zoo.tracing import features_in, path_of, run_of

MOST_COPIES = 8  # of a network; each holds feature maps of its own

_one_at_a_time = RLock()

# Called with the name of a layer and what it gives, before anything can overwrite that.
Take = Callable[[str, object], None]


def watch(module: nn.Module, batch: Tensor, paths: Mapping[str, str], take: Take) -> None:
    """One forward pass that hands over the output of each layer and ends with the deepest.

    `paths` are submodule paths by layer. A submodule that runs several times counts once, with its
    first output, or that of run k where the path is "PATH#k". Of an output of several tensors the
    first counts (`features_in`). DDRError where a layer does not run.
    """
    waiting = set(paths)
    runs = dict.fromkeys(paths, 0)

    def hook(layer: str, _module: nn.Module, _inputs: tuple, output: object) -> None:
        runs[layer] += 1
        if layer in waiting and runs[layer] == run_of(paths[layer]):
            waiting.remove(layer)
            take(layer, features_in(output))
        if not waiting:
            raise _AllSeen

    handles = [
        module.get_submodule(path_of(path)).register_forward_hook(partial(hook, layer))
        for layer, path in paths.items()
    ]
    try:
        with suppress(_AllSeen):
            module(batch)
    finally:
        for handle in handles:
            handle.remove()
    if waiting:
        raise DDRError(f"layer {min(waiting)} does not run in a forward pass; choose another layer")


class _AllSeen(Exception):
    """Ends a forward pass after the deepest layer asked for."""


@contextmanager
def in_parallel(
    module: nn.Module, device: torch.device, precision: torch.dtype = torch.float32
) -> Iterator[Callable]:
    """Within it, a map of function(copy of the module, item) over items, results in their order.

    Inference, in true float32, also on a GPU or within autocast, or with its convolutions and matrix
    products in bfloat16 (`ddrlib.features.device`). On a CPU each core works through
    items of its own, with one thread and its own copy of the module (whose forward need not be safe
    to run twice at a time): faster than to share out each operation, by far where some cores are
    busy. Only a few results are kept for a caller who is slow to take them. The module itself stays
    as it is and where it is; one that cannot be copied is used itself. A second thread waits until
    the first has left: precision is a setting of the whole process.
    """
    with _one_at_a_time, _copies(module, device) as copies, true_float32():
        idle: SimpleQueue[nn.Module] = SimpleQueue()
        for copy in copies:
            idle.put(copy)

        autocast = partial(
            torch.autocast, device.type, torch.bfloat16, enabled=precision == torch.bfloat16
        )

        def work(function: Callable, item: object) -> object:
            copy = idle.get()
            try:
                with torch.inference_mode(), autocast():
                    return function(copy, item)
            finally:
                idle.put(copy)

        def ordered(function: Callable, items: Iterable) -> Iterator:
            begun: deque[Future] = deque()
            for item in items:
                begun.append(pool.submit(work, function, item))
                if len(begun) > 2 * len(copies):
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()

        threads = torch.get_num_threads()
        with ThreadPoolExecutor(len(copies), "", torch.set_num_threads, (1,)) as pool:
            try:
                yield ordered
            finally:
                torch.set_num_threads(threads)  # of threads to come; this one kept its own


@contextmanager
def _copies(module: nn.Module, device: torch.device) -> Iterator[list[nn.Module]]:
    """A copy of the module for each core or for the GPU; where it cannot be copied, the module."""
    n = min(torch.get_num_threads(), MOST_COPIES) if device.type == "cpu" else 1
    copies: list[nn.Module] = []
    with suppress(Exception):  # the module's parts can raise anything
        copies = [copied(module, device) for _ in range(n)]
    if copies:
        yield copies
        return
    home = next((tensor.device for tensor in module.parameters()), device)
    try:
        yield [moved(module, device)]
    finally:
        moved(module, home)


@contextmanager
def true_float32() -> Iterator[None]:
    """Within it, float32 on a GPU is float32, not TF32, and the same in every pass."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
