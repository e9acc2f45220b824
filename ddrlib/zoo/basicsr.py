"""The paper's generator under the names that BasicSR, and so the authors' checkpoints, give it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from ddrlib.networks.srresnet import SRResNet

# Of MSRResNet in BasicSR, old and new; the rest is called the same here. The authors' trunk
# (DegAE repository, pretrained_DDR_models) is cut into recon_trunk1 to recon_trunk4.
NAMES = {"upconv1": "up1", "upconv2": "up2", "HRconv": "conv_hr"}
BLOCK = re.compile(r"(?:recon_trunk|body)(\d*)\.(\d+)\.(.+)")


def msrresnet(state: Mapping[str, Tensor]) -> SRResNet | None:
    """The SRResNet that a state dict of BasicSR's MSRResNet belongs to, with its weights.

    BasicSR adds the enlarged input to the output, as the authors' two public checkpoints do: so
    does this. None for a state dict of anything else.
    """
    if "upconv1.weight" not in state or "conv_first.weight" not in state:
        return None
    found = {key: BLOCK.fullmatch(key) for key in state}
    blocks = sorted({(int(m[1] or 0), int(m[2])) for m in found.values() if m})
    renamed = {}
    for key, match in found.items():
        if match:
            block = blocks.index((int(match[1] or 0), int(match[2])))
            renamed[f"body.{block}.{match[3]}"] = state[key]
        else:
            part, _, rest = key.partition(".")
            renamed[f"{NAMES.get(part, part)}.{rest}"] = state[key]
    module = SRResNet(channels=len(state["conv_first.weight"]), blocks=len(blocks))
    expected = {key: value.shape for key, value in module.state_dict().items()}
    if {key: value.shape for key, value in renamed.items()} != expected:
        return None
    module.load_state_dict(renamed)
    return module
