"""The `ddr` command. Every command imports what it needs itself, so that `ddr --help` is quick."""

from __future__ import annotations

import contextlib
import functools
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ddrlib.book.options import (
    COUNT,
    FILE,
    device_option,
    images_option,
    json_option,
    measure_options,
    patches_option,
    profile_option,
    run_options,
)
from ddrlib.errors import DDRError, one_line, out_of_memory
from ddrlib.files import BUILD
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


say = functools.partial(click.echo, err=True)  # progress, beside the result


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

    overrides = {name: parse_yaml(text, f"-p {name}") for name, text in parameters}
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
@measure_options
def measure(networks: tuple[str, ...], html: Path | None, as_json: bool, **options: Any) -> None:
    """Measure how NETWORKs sort their inputs, by degradation or by content, and how they generalise.

    NETWORK is one of `ddr networks`, or your own: package.module:factory, an ONNX file, a
    checkpoint that spandrel knows, or a descriptor (YAML or JSON). Layers are names or
    patterns. SRGA compares each degradation with the first.
    """
    from ddrlib.book import report_page
    from ddrlib.book.records import as_json as to_json
    from ddrlib.book.report import report

    if html:
        report_page.check(html)  # before minutes are spent
    with contextlib.redirect_stdout(sys.stderr):  # a network may print; stdout is the result's
        found = report(networks, progress=say, **options)
    click.echo(to_json(found.record()) if as_json else report_page.text(found))
    for path in report_page.write(found, html) if html else ():
        say(f"written: {path}")


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
    networks: tuple[str, ...], images: str | None, no_browser: bool, **options: Any
) -> None:
    """Measure NETWORKs and explore them in your browser, until Ctrl-C.

    NETWORK is what `ddr measure` takes: one of `ddr networks`, or your own.
    """
    from ddrlib.widgets import explore

    explore.explore(
        networks or explore.NETWORKS,
        images or "",
        browser=not no_browser,
        progress=say,
        **options,
    )


@cli.command()
@json_option
def networks(as_json: bool) -> None:
    """List the networks that can be loaded by name."""
    from ddrlib.book.records import as_json as to_json
    from ddrlib.zoo.cards import networks as all_cards

    cards = all_cards()
    if as_json:
        click.echo(to_json(cards))
        return
    for card in cards:
        missing = "" if card["available"] else "  (weights not installed)"
        click.echo(
            f"{card['name']:34} {card['architecture']:18} {card['licence']}{missing}\n"
            f"    {card['source']}"
        )


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

    from ddrlib.book.records import as_json as to_json
    from ddrlib.measure.srga import principal_scores, read_features, srga_of_scores

    clean = read_features(reference)
    degraded = [read_features(path, clean.shape[1]) for path in tests]
    scores = principal_scores(clean, components)
    found = [srga_of_scores(scores, principal_scores(each, components)) for each in degraded]
    table = pd.DataFrame(found)
    table.insert(0, "test", [str(path) for path in tests])
    rows = table.to_dict("records")
    click.echo(to_json(rows) if as_json else table.to_string(index=False))


def main() -> None:
    """The entry point of the `ddr` script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # its encoding may lack what we print
            stream.reconfigure(errors="replace")
    cli(prog_name="ddr")


if __name__ == "__main__":
    main()
