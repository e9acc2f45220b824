"""The classifier that the super-resolution networks are compared with."""

from __future__ import annotations

from efficientnet_lite_pytorch import EfficientNet, get_model_params
from torch import Tensor, nn

from ddrlib.degrade.degradation import upsample


class EfficientNetLite0(EfficientNet):
    """ImageNet classifier (Tan and Le, EfficientNet, 2019): images (N, 3, H, W) to 1,000 logits.

    The module of efficientnet-lite-pytorch with two changes: it takes any image size, and the
    stem's and the head's activation, one shared module there, are two, so that a hook can tell them
    apart. Fresh weights are PyTorch's defaults.
    """

    scale = 4
    task = "classification"

    def __init__(self) -> None:
        super().__init__(*get_model_params("efficientnet-lite0", {"image_size": None}))
        self.stem = nn.ReLU6()
        self.head = nn.ReLU6()

    def layers(self) -> dict[str, str]:
        """stem, block1 ... block16, head, pool (averaged over the image), logits."""
        blocks = {f"block{i + 1}": f"_blocks.{i}" for i in range(len(self._blocks))}
        return {"stem": "stem", **blocks, "head": "head", "pool": "_avg_pooling", "logits": ""}

    def prepare(self, images: Tensor) -> Tensor:
        """LR images (N, 3, H, W) in [0, 1], enlarged four times, in the range of EfficientNet-Lite.

        That range is (255 x - 127) / 128, the constants of the original TensorFlow model.
        """
        return (255 * upsample(images, self.scale) - 127) / 128

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = self.head(self._bn1(self._conv_head(x)))
        return self._fc(self._avg_pooling(x).flatten(1))
