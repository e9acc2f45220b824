"""Values as records: what identifies them, as plain JSON and in words."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def image_hash(images: Any) -> str:
    """SHA-256 of an array or tensor: its shape, type and values."""
    array = np.asarray(images)
    header = f"{array.shape}{array.dtype}".encode()
    return hashlib.sha256(header + array.tobytes()).hexdigest()


def describe(value: Any) -> Any:
    """`value` as plain JSON: what identifies it, not what it holds. NaN and infinity are null."""
    match value:
        case None | bool() | int() | str():
            return value
        case np.generic():
            return describe(value.item())
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): describe(item) for key, item in value.items()}
        case list() | tuple():
            return [describe(item) for item in value]
    if hasattr(value, "sha256"):  # a network
        return {"name": value.name, "sha256": value.sha256}
    array = getattr(value, "images", value)  # patches are known by their images
    if hasattr(array, "shape"):
        if not array.shape:
            return describe(array.item())
        return {"n": len(array), "sha256": image_hash(array)}
    if dataclasses.is_dataclass(value) and type(value).__str__ is object.__str__:
        return describe(
            {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        )
    return str(value)  # a degradation, a path


def as_json(value: Any) -> str:
    """`describe` of a value as JSON that every reader takes."""
    return json.dumps(describe(value), indent=2, allow_nan=False)


def in_words(record: Any) -> str:
    """A record of `describe` as the line under a figure gives it."""
    match record:
        case {"name": name}:
            return str(name)
        case {"sha256": str(sha256), **rest}:
            return " ".join([*map(in_words, rest.values()), f"(SHA-256 {sha256[:8]}…)"])
        case dict():
            return ", ".join(f"{key} {in_words(item)}" for key, item in record.items())
        case list():
            return ", ".join(map(in_words, record))
        case float():
            return f"{record:g}"
    return "none" if record is None else str(record)
