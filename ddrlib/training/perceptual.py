"""The perceptual loss: distance between the features of a classifier, of whichever is at hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddrlib.errors import DDRError
from ddrlib.zoo.loading import load_network

VGG_WEIGHTS = "vgg19-dcbb9e9d.pth"  # torchvision's name for them in the folder of torch.hub


class PerceptualLoss(nn.Module):
    """L1 distance between features of two batches of images (N, 3, H, W) in [0, 1].

    Each layer's distance is divided by the mean magnitude of the target's features, so that the
    weight of the loss means the same whatever the classifier. `name` says which: "vgg19" where
    torchvision and its weights are on this machine (conv5_4 before the activation, as the usual
    SRGAN recipe has it), else "efficientnet-lite0" (its last features at strides 4 and 8: texture),
    else "none", and the loss is 0. Nothing is downloaded.
    """

    def __init__(self) -> None:
        super().__init__()
        self.name, mean, std, stages = _vgg19() or _efficientnet() or ("none", [0], [1], [])
        self.stages = nn.ModuleList(stages).requires_grad_(False).eval()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, images: Tensor, target: Tensor) -> Tensor:
        x, y = (images - self.mean) / self.std, (target - self.mean) / self.std
        loss = images.new_zeros(())
        for stage in self.stages:
            x = stage(x)
            with torch.no_grad():
                y = stage(y)
            loss = loss + F.l1_loss(x.float(), y.float()) / y.float().abs().mean()
        return loss


def _vgg19() -> tuple[str, list[float], list[float], list[nn.Module]] | None:
    weights = Path(torch.hub.get_dir()) / "checkpoints" / VGG_WEIGHTS
    if not weights.is_file() or not importlib.util.find_spec("torchvision"):
        return None
    from torchvision.models import vgg19

    network = vgg19()
    network.load_state_dict(torch.load(weights, weights_only=True))
    return "vgg19", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], [network.features[:35]]


def _efficientnet() -> tuple[str, list[float], list[float], list[nn.Module]] | None:
    try:
        network = load_network("efficientnet-lite0").module
    except DDRError:
        return None
    first = nn.Sequential(network._conv_stem, network._bn0, network.stem, *network._blocks[:3])
    second = nn.Sequential(*network._blocks[3:5])
    return "efficientnet-lite0", [127 / 255], [128 / 255], [first, second]
