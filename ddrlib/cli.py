"""The `ddr` command. Every command imports what it needs itself, so that `ddr --help` is quick."""

from __future__ import annotations

import functools
import io
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ddrlib.errors import DDRError, one_line, out_of_memory
from ddrlib.files import BUILD, DATA


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
            _check_installation()
            return super().invoke(ctx)
        except (DDRError, OSError, MemoryError, RuntimeError, ImportError) as error:
            memory = out_of_memory(error)
            if ctx.params["debug"] or not (memory or isinstance(error, DDRError | OSError)):
                raise
            line = one_line(error)
            if memory:
                line = f"out of memory ({line}): try fewer or smaller patches, or another machine"
            raise Mendable(line) from None


def _check_installation() -> None:
    try:
        import fcntl  # noqa: F401
        import resource  # noqa: F401
    except ImportError:
        raise DDRError("Windows is not supported: run ddr on Linux, macOS or WSL") from None
    if not DATA.is_dir():
        raise DDRError(
            f"{DATA} is missing: photographs, networks and chapters lie beside the library; "
            "clone the repository and `pip install -e .` there"
        )


def _echo_json(value: Any) -> None:
    """Print JSON that every reader takes: NaN and infinity are null."""
    from ddrlib.book.records import describe

    click.echo(json.dumps(describe(value), indent=2, allow_nan=False))


def split(names: str) -> list[str]:
    """Names apart at their commas; one within brackets is a pattern's, as in "re:B[0-9]{1,2}"."""
    return [name.strip() for name in re.split(r",(?![^([{]*[])}])", names)]


def _once(parameters: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The parameters; DDRError for one given twice, of which the last would silently win."""
    for name, count in Counter(name for name, _ in parameters).items():
        if count > 1:
            raise DDRError(f"-p {name} is given twice; give it once")
    return parameters


say = functools.partial(click.echo, err=True)  # progress, beside the result

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


def run_options(command: Callable) -> Callable:
    """The arguments and options of commands that run chapters."""
    options = [
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
    ]
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


@click.group(
    cls=DDRGroup, context_settings={"help_option_names": ["-h", "--help"], "show_default": True}
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="ddrlib", message="ddr %(version)s", help="Show the version.")
def cli(debug: bool) -> None:
    """Deep degradation representations: run the book, build it, measure your own network."""


@cli.command()
@run_options
def run(
    chapters: tuple[str, ...],
    profile: str,
    parameters: tuple[tuple[str, str], ...],
    device: str,
    force: bool,
    after: Callable[[float], None] | None = None,
) -> None:
    """Run the chapters that have changed: those named, by number or by the start of their name, or all."""
    from ddrlib.book.run import run_chapters
    from ddrlib.files import parse_yaml

    overrides = {name: parse_yaml(text, f"-p {name}") for name, text in _once(parameters)}
    if failed := run_chapters(chapters, profile, overrides, device, force, after=after):
        raise Failure(f"failed: {', '.join(failed)}; the other chapters are kept")


@cli.command()
@profile_option
def build(profile: str) -> None:
    """Compile the chapters that were run into _build/html."""
    from ddrlib.book.profiles import find_profile
    from ddrlib.book.run import executed_folder
    from ddrlib.book.site import BuildError, build_site

    find_profile(profile)
    try:
        index = build_site(executed_folder(profile), BUILD / "html")
    except BuildError as error:
        raise Failure(f"the pages do not build:\n{error}") from None
    click.echo(index)


@cli.command()
@run_options
@click.pass_context
def book(ctx: click.Context, profile: str, **options: Any) -> None:
    """Run the chapters, build the pages and print where to open them.

    While chapters run, pages are built of those that are done.
    """
    from ddrlib.book.preview import preview
    from ddrlib.book.run import executed_folder

    with preview(executed_folder(profile), BUILD / "html") as after:
        ctx.invoke(run, profile=profile, after=after, **options)
    ctx.invoke(build, profile=profile)


@cli.command()
@click.option("--output", type=FILE, default=Path("ddr-book.pdf"), help="The file to write.")
def pdf(output: Path) -> None:
    """Print the built pages into one PDF, with Chromium or Chrome."""
    from ddrlib.book.pdf import make_pdf

    click.echo(make_pdf(BUILD / "html", output))


@cli.command()
@click.argument("chapter")
@click.option(
    "-p",
    "grid",
    type=(str, str),
    multiple=True,
    required=True,
    metavar="NAME A,B,…",
    help="The values of a parameter, as in YAML; several parameters make a grid.",
)
@profile_option
@device_option
@scheduler_option
def sweep(
    chapter: str,
    grid: tuple[tuple[str, str], ...],
    profile: str,
    device: str,
    scheduler: str | None,
) -> None:
    """Run CHAPTER with every combination of values, and put what it found into one table.

    What is done already is not done again.
    """
    import pandas as pd

    from ddrlib.book.sweep import sweep as sweep_chapter
    from ddrlib.files import parse_yaml

    values = {name: parse_yaml(f"[{text}]", f"-p {name}") for name, text in _once(grid)}
    folder = sweep_chapter(chapter, values, profile, device, scheduler)
    claims = pd.read_csv(folder / "claims.csv", dtype=str)
    click.echo(claims.pivot(index=list(values), columns="claim", values="verdict").to_string())
    click.echo(folder)


@cli.command()
@click.argument("networks", nargs=-1, required=True, metavar="NETWORK...")
@images_option
@patches_option
@click.option("--skip-bad", is_flag=True, help="Leave out image files that cannot be used.")
@click.option(
    "--degradations",
    metavar="A,B,…",
    default="clean,blur4,noise20",
    help="The degradations, the first as the reference.",
)
@click.option(
    "--layers",
    metavar="A,B,…",
    default="all",
    help="Layers by name or pattern; LAYER.PART is a part of one.",
)
@click.option("--seeds", type=COUNT, default=5, help="Number of t-SNE runs.")
@click.option(
    "--srga-layer",
    metavar="LAYER",
    help="The layer for SRGA.  [default: the last before the output]",
)
@click.option(
    "--size", type=COUNT, metavar="PIXELS", help="Side of a patch.  [default: 32 times the scale]"
)
@click.option("--checkpoint", type=FILE, help="Weights of your own network.")
@click.option("--scale", type=COUNT, help="Scale of your own network.  [default: from its output]")
@click.option(
    "--input-range",
    type=(float, float),
    metavar="BLACK WHITE",
    help="The values of black and white for your own network.  [default: 0 1]",
)
@device_option
@scheduler_option
@json_option
def measure(
    networks: tuple[str, ...],
    images: str,
    patches: int,
    skip_bad: bool,
    degradations: str,
    layers: str,
    seeds: int,
    srga_layer: str | None,
    size: int | None,
    device: str,
    scheduler: str | None,
    as_json: bool,
    **own: Any,
) -> None:
    """Measure how each NETWORK sorts its inputs, by degradation or content, and generalises.

    NETWORK is one of `ddr networks`, or your own: package.module:factory, an ONNX file, a
    checkpoint that spandrel knows, or a descriptor (YAML or JSON). Layers are names or
    patterns. SRGA compares each degradation with the first.
    """
    import pandas as pd

    from ddrlib.machine import spread
    from ddrlib.measure.many import Question

    question = Question(
        images=images,
        patches=patches,
        size=size,
        skip_bad=skip_bad,
        degradations=tuple(split(degradations)),
        layers=None if layers == "all" else tuple(split(layers)),
        seeds=seeds,
        srga_layer=srga_layer,
        device=device,
        own={name: value for name, value in own.items() if value is not None},
    )
    ask = question if scheduler else functools.partial(question, progress=say)
    found = dict(spread(ask, networks, scheduler))
    answers = [found[i] for i in range(len(networks))]
    if as_json:
        records = [answer.record for answer in answers]
        _echo_json(records if len(records) > 1 else records[0])
        return
    rows = pd.DataFrame([row for answer in answers for row in answer.rows])
    click.echo(rows.drop(columns="network" if len(networks) == 1 else []).to_string(index=False))
    for answer in answers:
        srga = answer.record["srga"]
        click.echo(
            f"\nSRGA of {answer.record['network']} at {srga['layer']} against {srga['reference']}"
        )
        for degradation, index in answer.srga.items():
            click.echo(f"{degradation}: {index}")


@cli.command()
@click.argument("networks", nargs=-1, metavar="[NETWORK]...")
@images_option
@patches_option
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8866,
    help="Where to listen; another port if it is taken.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@device_option
def explore(
    networks: tuple[str, ...],
    images: str,
    patches: int,
    port: int,
    no_browser: bool,
    device: str,
) -> None:
    """Measure NETWORKs and explore them in your browser, until Ctrl-C.

    NETWORK is what `ddr measure` takes: one of `ddr networks`, or your own.
    """
    from ddrlib.widgets import explore

    explore.explore(
        networks or explore.NETWORKS,
        images,
        patches,
        device=device,
        port=port,
        browser=not no_browser,
        progress=say,
    )


@cli.command()
@json_option
def networks(as_json: bool) -> None:
    """List the networks that can be loaded by name."""
    from ddrlib.zoo.cards import networks as all_cards

    cards = all_cards()
    if as_json:
        _echo_json(cards)
        return
    for card in cards:
        missing = "" if card["available"] else "  (weights not installed)"
        click.echo(
            f"{card['name']:34} {card['architecture']:18} {card['licence']}{missing}\n"
            f"    {card['source']}"
        )


@cli.command()
@click.argument("networks", nargs=-1, metavar="[NETWORK]...")
@click.option(
    "--folder",
    type=FILE,
    default=DATA / "atlas" / "networks",
    help="Of networks that scripts/convert_atlas.py has converted.",
)
@click.option("--store", type=FILE, default=DATA / "atlas", help="Where the table is kept.")
@device_option
def atlas(networks: tuple[str, ...], folder: Path, store: Path, device: str) -> None:
    """Measure the published networks of chapter 13 that are here, and keep them in its table.

    All that are not in the table yet, or NETWORKs, anew. What is measured is kept at once; the next
    call goes on.
    """
    from ddrlib.book.survey import measure_all
    from ddrlib.zoo.cards import NETWORKS

    measure_all(networks, (NETWORKS, folder), store, device=device, progress=say)
    click.echo(store / "atlas.csv")


@cli.command()
@click.argument("config", type=FILE)
@click.option(
    "--minutes", type=float, help="Stop cleanly after this time; the next call continues."
)
@click.option(
    "--only",
    metavar="NAME",
    help="Only the networks of a campaign with this name, or a pattern such as a*.",
)
@device_option
def train(config: Path, minutes: float | None, only: str | None, device: str) -> None:
    """Train the networks of CONFIG, continuing where an earlier call stopped."""
    from ddrlib.training.campaign import train_from_config

    train_from_config(config, minutes, device, only)


@cli.command()
@click.argument("reference", type=FILE)
@click.argument("tests", nargs=-1, required=True, type=FILE)
@click.option("--components", type=COUNT, default=300, help="Number of principal components.")
@json_option
def srga(reference: Path, tests: tuple[Path, ...], components: int, as_json: bool) -> None:
    """SRGA of the features in each TEST.npy against REFERENCE.npy: smaller generalises better."""
    import pandas as pd

    from ddrlib.measure.srga import principal_scores, read_features, srga_of_scores

    clean = read_features(reference)
    degraded = [read_features(path, clean.shape[1]) for path in tests]
    scores = principal_scores(clean, components)
    found = [srga_of_scores(scores, principal_scores(each, components)) for each in degraded]
    table = pd.DataFrame(found)
    table.insert(0, "test", [str(path) for path in tests])
    if as_json:
        _echo_json(table.to_dict("records"))
    else:
        click.echo(table.to_string(index=False))


def main() -> None:
    """The entry point of the `ddr` script."""
    for number in range(3):  # a stream that the caller closed: no file of ours may take its place
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # its encoding may lack what we print
            stream.reconfigure(errors="replace")
    cli(prog_name="ddr")


if __name__ == "__main__":
    main()
