"""What the commands share: errors as one line, and options."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ddrlib.errors import DDRError, one_line, out_of_memory
from ddrlib.files import DATA
from ddrlib.machine import check_installation


class Failure(click.ClickException):
    """Ends the command with one line and exit code 1."""

    def show(self, file: Any = None) -> None:
        """Print the line, after the name of the command."""
        click.echo(f"ddr: {self.message}", file, err=True)


class Mendable(Failure):
    """Ends the command with one line and exit code 2: what the user can mend."""

    exit_code = 2


class DDRGroup(click.Group):
    """Commands whose errors are one line each; `--debug` shows where they come from."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors that a user can mend end it with one line."""
        try:
            check_installation()
            return super().invoke(ctx)
        except (DDRError, OSError, MemoryError, RuntimeError, ImportError) as error:
            memory = out_of_memory(error)
            if ctx.params["debug"] or not (memory or isinstance(error, DDRError | OSError)):
                raise
            line = one_line(error)
            if memory:
                line = f"out of memory ({line}): try fewer or smaller patches, or another machine"
            raise Mendable(line) from None


def split(ctx: Any, option: Any, names: str | None) -> list[str] | None:
    """Names apart at their commas; one within brackets is a pattern's, as in "re:B[0-9]{1,2}"."""
    if names is None:
        return None
    return [name.strip() for name in re.split(r",(?![^([{]*[])}])", names)]


def once(
    ctx: Any, option: Any, parameters: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """The parameters; DDRError for one given twice, of which the last would silently win."""
    for name, count in Counter(name for name, _ in parameters).items():
        if count > 1:
            raise DDRError(f"-p {name} is given twice; give it once")
    return parameters


COUNT = click.IntRange(min=1)
FILE = click.Path(path_type=Path)
device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    help="auto uses a GPU when there is one.",
)
images_option = click.option(
    "--images",
    default="eval",
    help="A folder of photographs, or eval, train, div2k-valid, div2k-train.",
)
patches_option = click.option(
    "--patches", type=COUNT, default=100, help="Number of patches, one of each photograph."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table.")
scheduler_option = click.option(
    "--scheduler", metavar="ADDRESS", help="Of a Dask cluster that shares the work."
)
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
        callback=once,
        metavar="NAME VALUE",
        help="A parameter of the chapters; VALUE as in YAML.",
    ),
    device_option,
    click.option("--force", is_flag=True, help="Also run chapters that have not changed."),
)
sweep_options = together(
    click.argument("chapter"),
    click.option(
        "-p",
        "grid",
        type=(str, str),
        multiple=True,
        callback=once,
        required=True,
        metavar="NAME A,B,…",
        help="The values of a parameter, as in YAML; several parameters make a grid.",
    ),
    profile_option,
    device_option,
    scheduler_option,
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
    scheduler_option,
    json_option,
)
explore_options = together(
    click.argument("networks", nargs=-1, metavar="[NETWORK]..."),
    images_option,
    patches_option,
    click.option(
        "--port",
        type=click.IntRange(1, 65535),
        default=8866,
        help="Where to listen; another port if it is taken.",
    ),
    click.option("--no-browser", is_flag=True, help="Only print the address."),
    device_option,
)
atlas_options = together(
    click.argument("networks", nargs=-1, metavar="[NETWORK]..."),
    click.option(
        "--folder",
        type=FILE,
        default=DATA / "atlas" / "networks",
        help="Of networks that scripts/convert_atlas.py has converted.",
    ),
    click.option("--store", type=FILE, default=DATA / "atlas", help="Where the table is kept."),
    device_option,
)
train_options = together(
    click.argument("config", type=FILE),
    click.option(
        "--minutes", type=float, help="Stop cleanly after this time; the next call continues."
    ),
    click.option(
        "--only",
        metavar="NAME",
        help="Only the networks of a campaign with this name, or a pattern such as a*.",
    ),
    device_option,
)
