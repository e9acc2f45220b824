"""The networks of the book: definitions only; trained weights come from `ddrlib.zoo`.

Every super-resolution network here takes low-resolution RGB images (N, 3, H, W) in [0, 1] and
returns (N, 3, scale * H, scale * W). `layers()` names the feature maps worth looking at, in order
of depth, each with the submodule whose output it is.
"""

from ddrlib.networks.classifier import EfficientNetLite0
from ddrlib.networks.discriminator import VGGDiscriminator
from ddrlib.networks.guided import GuidedSRResNet
from ddrlib.networks.rdn import RDN
from ddrlib.networks.rrdbnet import RRDBNet
from ddrlib.networks.srresnet import SRResNet

__all__ = [
    "RDN",
    "EfficientNetLite0",
    "GuidedSRResNet",
    "RRDBNet",
    "SRResNet",
    "VGGDiscriminator",
]
