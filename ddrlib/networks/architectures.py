"""The architectures that cards and training recipes name."""

from __future__ import annotations

from typing import Any

from ddrlib.networks.classifier import EfficientNetLite0
from ddrlib.networks.dat import DATLight
from ddrlib.networks.guided import GuidedSRResNet
from ddrlib.networks.ncnn_graph import NcnnGraph
from ddrlib.networks.rdn import RDN
from ddrlib.networks.rrdbnet import RRDN, RRDBNet
from ddrlib.networks.srresnet import SRResNet

# Each has `scale`, HR to LR sides (where it is an argument, its default), and `layers()`, its
# feature maps in order of depth.
ARCHITECTURES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        SRResNet,
        RDN,
        RRDBNet,
        RRDN,
        DATLight,
        NcnnGraph,
        GuidedSRResNet,
        EfficientNetLite0,
    )
}
