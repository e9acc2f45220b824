"""What the commands take: arguments and options, shared ones and long lists of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def split(ctx: Any, option: Any, names: str | None) -> list[str] | None:
    """Names apart at their commas; one within brackets is a pattern's, as in "re:B[0-9]{1,2}"."""
    if names is None:
        return None
    return [name.strip() for name in re.split(r",(?![^([{]*[])}])", names)]


COUNT = click.IntRange(min=1)
FILE = click.Path(path_type=Path)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    help="auto uses a GPU when there is one.",
)
images_option = click.option(
    "--images", help="A folder of photographs, or eval, train, div2k-valid, div2k-train."
)
patches_option = click.option(
    "--patches", type=COUNT, default=100, help="Number of patches, one of each photograph."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table.")
profile_option = click.option(
    "--profile", default="default", help="smoke, default, paper, or another of book/profiles."
)


def together(*options: Callable) -> Callable[[Callable], Callable]:
    """One decorator of several, in their order."""
    return lambda command: functools.reduce(
        lambda wrapped, option: option(wrapped), reversed(options), command
    )


run_options = together(
    click.argument("chapters", nargs=-1, metavar="[CHAPTER]..."),
    profile_option,
    click.option(
        "-p",
        "parameters",
        type=(str, str),
        multiple=True,
        metavar="NAME VALUE",
        help="A parameter of the chapters; VALUE as in YAML.",
    ),
    device_option,
    click.option("--force", is_flag=True, help="Also run chapters that have not changed."),
)
measure_options = together(
    click.argument("networks", nargs=-1, required=True, metavar="NETWORK..."),
    images_option,
    patches_option,
    click.option("--skip-bad", is_flag=True, help="Leave out image files that cannot be used."),
    click.option(
        "--degradations",
        metavar="A,B,…",
        default="clean,blur4,noise20",
        callback=split,
        help="The degradations, the first as the reference.",
    ),
    click.option(
        "--layers",
        metavar="A,B,…",
        callback=split,
        help="Layers by name or pattern; LAYER.PART is a part of one.  [default: all]",
    ),
    click.option("--seeds", type=COUNT, default=5, help="Number of t-SNE runs."),
    click.option(
        "--srga-layer",
        metavar="LAYER",
        help="The layer for SRGA.  [default: the last before the output]",
    ),
    click.option(
        "--size",
        type=COUNT,
        metavar="PIXELS",
        help="Side of a patch.  [default: 32 times the scale, or what the network takes]",
    ),
    click.option("--checkpoint", type=FILE, help="Weights of your own network."),
    click.option(
        "--scale", type=COUNT, help="Scale of your own network.  [default: from its output]"
    ),
    click.option(
        "--input-range",
        type=(float, float),
        metavar="BLACK WHITE",
        help="The values of black and white for your own network.  [default: 0 1]",
    ),
    click.option(
        "--html", type=FILE, metavar="PAGE", help="Write one page to send; CSV and JSON beside it."
    ),
    device_option,
    json_option,
)
