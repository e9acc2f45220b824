"""Restorations side by side: blind, guided, and given the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from torch import Tensor

from ddrlib.applications.blind import blur_and_noise, blur_then_noise, restore
from ddrlib.data.credits import credits
from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import parse
from ddrlib.networks.guided import takes_truth
from ddrlib.widgets.frame_viewer import FrameViewer, Method, Picture, Values, restorations
from ddrlib.widgets.thumbnails import plain_names
from ddrlib.zoo.network import Network

LIVE = "any degradation, such as blur1.5+noise10 or jpeg30"


def restoration_viewer(
    patches: Patches,
    networks: Mapping[str, Network],
    blurs: Sequence[float],
    noises: Sequence[float],
) -> FrameViewer:
    """Choose a photograph, a blur and a noise: see what each network makes of it, with its PSNR.

    Parameters
    ----------
    patches
        Patches of photographs, their sides multiples of the scale.
    networks
        By the name shown.
    blurs
        Sigmas in HR pixels that can be chosen, 0 to 16.
    noises
        Sigmas of 255 that can be chosen, 0 to 255.

    Returns
    -------
    FrameViewer
        Its axes are photograph, blur and noise. Where a kernel runs, any degradation can be typed;
        an oracle, which knows of blur and noise alone, is left out where there is anything else.

    Raises
    ------
    DDRError
        For a sigma out of range.
    """
    names = plain_names(patches.category)

    @cache  # all photographs in one batch
    def rows(blur: float, noise: float) -> list[list[Picture]]:
        return _rows(patches.images, str(blur_then_noise(blur, noise)), networks)

    def frame(photograph: str, blur: float, noise: float) -> list[Picture]:
        return rows(blur, noise)[names.index(photograph)]

    def compute(choice: dict, text: str) -> list[Picture]:
        k = names.index(choice["photograph"])
        return _rows(patches.images[k : k + 1], text, networks)[0]

    axes: dict[str, Values] = {"photograph": names, "blur": blurs, "noise": noises}
    whose = dict(zip(names, credits(patches.source), strict=True))
    return FrameViewer(axes, frame, compute, LIVE, whose)


def _rows(hr: Tensor, text: str, networks: Mapping[str, Network]) -> list[list[Picture]]:
    """The row of pictures of each of the photographs (N, 3, H, W)."""
    degradation = parse(text)
    is_known = blur_and_noise(degradation) is not None

    def method(network: Network) -> Method:
        return network.scale, lambda lr: restore(network, lr, [degradation] * len(lr))

    methods = {
        name: method(network)
        for name, network in networks.items()
        if is_known or not takes_truth(network.module)
    }
    return restorations(hr, text, methods)
