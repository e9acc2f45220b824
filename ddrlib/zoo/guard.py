"""Between this library and code that is not its own: whatever that raises becomes one line."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from ddrlib.errors import DDRError


def guarded(failure: str, function: Callable, *arguments: object) -> Any:
    """What the function returns; where it raises, a DDRError that begins with `failure`."""
    try:
        return function(*arguments)
    except DDRError:
        raise
    except Exception as error:
        raise DDRError(f"{failure}: {_one_line(error)}") from error


def optional(package: str) -> ModuleType:
    """A package of the extra `own`; DDRError says how to get it, or what is wrong with it."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise DDRError(
            f"this route needs {error.name}, which is not installed: "
            "pip install -c constraints.txt -e '.[own]'"
        ) from None
    except Exception as error:  # parts that were not built for each other raise anything
        raise DDRError(
            f"{package} is installed but cannot be imported ({_one_line(error)}): it, torch and "
            "torchvision must be of one build; a CPU torch takes torchvision from its own index"
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
