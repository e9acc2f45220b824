"""Restorations side by side: blind, guided, and given the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from ddrlib.applications.blind import blur_and_noise, blur_then_noise, truth_for
from ddrlib.data.photographs import Patches
from ddrlib.degrade.degradation import parse
from ddrlib.features.extraction import super_resolve
from ddrlib.networks.guided import takes_truth
from ddrlib.widgets.frame_viewer import FrameViewer, Method, restoration_frames
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
        By the name shown; the first two are large at first.
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

    def methods(text: str) -> dict[str, Method]:
        degradation = parse(text)
        is_known = blur_and_noise(degradation) is not None

        def method(network: Network) -> Method:
            def run(lr: Tensor) -> Tensor:
                truth = truth_for(network.module, [degradation] * len(lr))
                return super_resolve(network, lr, "auto", **truth)

            return network.scale, run

        return {
            name: method(network)
            for name, network in networks.items()
            if is_known or not takes_truth(network.module)
        }

    return restoration_frames(
        patches,
        {"blur": blurs, "noise": noises},
        lambda blur, noise: str(blur_then_noise(blur, noise)),
        methods,
        LIVE,
        opening=(len(blurs) - 1) * len(noises),  # the strongest blur, the least noise
        compared=list(networks)[:2],
    )
