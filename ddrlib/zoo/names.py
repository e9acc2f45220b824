"""What the text and the figures of the book call a network; records and code have its exact name."""

from __future__ import annotations

import re

PUBLISHED = {
    "dat-light-x4": "DAT-light",
    "efficientnet-lite0": "EfficientNet-Lite0",
    "gans-x4": "RRDN",
    "psnr-small-x2": "small RDN",
    "rdn-div2k-x4": "RDN",
    "realesrgan-x4plus": "Real-ESRGAN (photographs)",
    "realesrgan-x4plus-anime": "Real-ESRGAN (anime)",
}
ARCHITECTURES = {"srresnet": "SRResNet", "gan": "SRGAN"}
SKIPS = {"wgr": "with skip", "wogr": "without skip"}
SIZES = {"reduced": "", "paper-20k": ", 64 channels"}
TRAINING_SETS = {"": "", "-blur": ", trained on blur", "-noise": ", trained on noise"}
TRAINING_SETS["-blurnoise"] = ", trained on blur and noise"
RANDOM = re.compile(r"@random\d+$")
OURS = re.compile(
    rf"({'|'.join(ARCHITECTURES)})-(wgr|wogr)({'|'.join(sorted(TRAINING_SETS, reverse=True))})"
    rf"-({'|'.join(SIZES)})-s(\d+)"
)


def plain_name(name: str) -> str:
    """A name of `ddr networks` in words: "SRResNet with skip" for srresnet-wgr-reduced-s0.

    Parameters
    ----------
    name
        As `load_network` takes it.

    Returns
    -------
    str
        Seeds other than 0 and random weights are said. A name that is not known stays as it is.
    """
    bare = RANDOM.sub("", name)
    weights = ", random weights" if bare != name else ""
    if bare in PUBLISHED:
        return PUBLISHED[bare] + weights
    if found := OURS.fullmatch(bare):
        architecture, skip, seen, size, seed = found.groups()
        words = f"{ARCHITECTURES[architecture]} {SKIPS[skip]}{TRAINING_SETS[seen]}{SIZES[size]}"
        return words + (f", seed {seed}" if int(seed) else "") + weights
    return name
