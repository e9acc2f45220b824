"""Several networks for one set of patches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ddrlib.errors import DDRError
from ddrlib.zoo.image_network import SIDES, ImageNetwork, tried
from ddrlib.zoo.loading import open_network
from ddrlib.zoo.network import Network


def open_together(
    sources: Sequence[str],
    layers: Sequence[str] | None = None,
    size: int | None = None,
    **own: Any,
) -> tuple[dict[str, Network], int]:
    """Networks by source, each opened as `open_network` does, and the side of HR patches for all.

    Where no size is given it is `patch_size`, and one's own networks that were tried on another are
    tried on that. What `own` has as None is not given. DDRError for networks of one name.
    """
    own = {name: value for name, value in own.items() if value is not None}
    networks = {
        source: open_network(source, layers, size, **own) for source in dict.fromkeys(sources)
    }
    if len({network.name for network in networks.values()}) < len(networks):
        raise DDRError(f"{', '.join(networks)}: some have the same name; rename one")
    common = size or patch_size(list(networks.values()))
    try:
        return {source: _at(network, common) for source, network in networks.items()}, common
    except DDRError as error:
        if len(networks) == 1:
            raise
        sides = ", ".join(f"{each.name} {each.side * each.scale}" for each in networks.values())
        raise DDRError(
            f"no patches suit all of them ({sides} pixels); measure them one by one: {error}"
        ) from error


def _at(network: Network, size: int) -> Network:
    """The network as opened with HR patches of this size, of `patch_size`: it has to take them."""
    side, rest = divmod(size, network.scale)
    if rest:
        raise DDRError(f"{network.name}: sides must be multiples of {network.scale}, not {size}")
    if side == network.side or not isinstance(network.module, ImageNetwork):
        return network
    tried(network.module, side, network.scale, network.name)
    moved = replace(network, side=side, card=dict(network.card))
    moved.card["sha256"] = moved.identity
    return moved


def patch_size(networks: Sequence[Network]) -> int:
    """The side of HR patches that suits these networks, in pixels.

    A multiple of every scale, and of the sides that networks want which do not take any; else such
    that the largest scale gives LR patches of 32 pixels or, where the scales do not go into one
    another, somewhat fewer.
    """
    scales = [network.scale for network in networks]
    step = math.lcm(*scales)
    if wanted := [each.side * each.scale for each in networks if each.side != SIDES[0]]:
        return math.lcm(step, *wanted)
    return max(SIDES[0] * max(scales) // step, 1) * step
