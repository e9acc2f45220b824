"""The perceptual loss: distance between the features of a classifier."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ddrlib.zoo.loading import load_network

CLASSIFIERS = ("efficientnet-lite0",)  # that the loss knows the stages of


class PerceptualLoss(nn.Module):
    """L1 distance between features of two batches of images (N, 3, H, W) in [0, 1], one number.

    The features are the classifier's last ones at strides 4 and 8: texture. Each layer's distance
    is divided by the mean magnitude of the target's features, so that the weight of the loss does
    not depend on their scale. It is computed in float32, whatever the precision of the training: in
    bfloat16 the gradient is off by a quarter of its norm, and on a CPU it takes as long.

    DDRError where the classifier is not installed.
    """

    def __init__(self, classifier: str) -> None:
        super().__init__()
        module: Any = load_network(classifier).module
        first = nn.Sequential(module._conv_stem, module._bn0, module.stem, *module._blocks[:3])
        self.stages = nn.ModuleList([first, nn.Sequential(*module._blocks[3:5])])
        _fold(self.stages)

    def forward(self, images: Tensor, target: Tensor) -> Tensor:
        """The loss of images against the target, 0 or more."""
        with torch.autocast(images.device.type, enabled=False):
            # The range of the classifier; unlike its `prepare`, at the size that the images have.
            x, y = ((255 * batch.float() - 127) / 128 for batch in (images, target))
            loss = x.new_zeros(())
            for stage in self.stages:
                x, y = stage(x), stage(y)
                loss = loss + F.l1_loss(x, y) / y.abs().mean()
            return loss


def _fold(module: nn.Module) -> None:
    """Put each batch normalisation into the convolution before it: the same function, half the time."""
    before: nn.Module | None = None
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            folded = fuse_conv_bn_eval(before, child)
            before.weight, before.bias = folded.weight, folded.bias
            module.add_module(name, nn.Identity())
        _fold(child)
        before = child
