"""What all tests share."""

import functools
import os
from dataclasses import replace
from typing import Any

import torch
from hypothesis import settings

from ddrlib.data import photographs, sources
from ddrlib.data.photographs import Patches

# Small tensors on few cores: more threads only wait for each other.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DDR_PRECISION", "float32")  # as on a machine without bfloat16

# What an example takes depends on what else the machine does.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Many tests look at patches of the shipped photographs, which take half a second to cut: equal
# ones are cut once. This comes before any other module takes the name.
_SHIPPED, _cut = sources.DATA, photographs.load_patches
_cut_once = functools.cache(_cut)


@functools.wraps(_cut)
def load_patches(split: Any = "eval", *arguments: Any, **options: Any) -> Patches:
    if split != "eval" or sources.DATA != _SHIPPED:
        return _cut(split, *arguments, **options)
    patches = _cut_once(split, *arguments, **options)
    return replace(patches, images=patches.images.clone())  # which a test may change


photographs.load_patches = load_patches
