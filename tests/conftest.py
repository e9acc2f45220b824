"""What all tests share."""

import os

import torch

# Small tensors on few cores: more threads only wait for each other.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DDR_PRECISION", "float32")  # as on a machine without bfloat16
