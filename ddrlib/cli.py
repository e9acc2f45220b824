"""The `ddr` command. Every command imports what it needs itself, so that `ddr --help` is quick."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ddrlib.book.command import (
    COUNT,
    FILE,
    DDRGroup,
    Failure,
    atlas_options,
    explore_options,
    json_option,
    measure_options,
    profile_option,
    run_options,
    sweep_options,
    train_options,
)
from ddrlib.files import BUILD

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
@click.option("--output", type=FILE, default=Path("ddr-book.pdf"), help="The file to write.")
def pdf(output: Path) -> None:
    """Print the built pages into one PDF, with Chromium or Chrome."""
    from ddrlib.book.pdf import make_pdf

    click.echo(make_pdf(BUILD / "html", output))


@cli.command()
@sweep_options
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

    values = {name: parse_yaml(f"[{text}]", f"-p {name}") for name, text in grid}
    folder = sweep_chapter(chapter, values, profile, device, scheduler)
    claims = pd.read_csv(folder / "claims.csv", dtype=str)
    click.echo(claims.pivot(index=list(values), columns="claim", values="verdict").to_string())
    click.echo(folder)


@cli.command()
@measure_options
def measure(
    networks: tuple[str, ...],
    scheduler: str | None,
    html: Path | None,
    as_json: bool,
    **question: Any,
) -> None:
    """Measure how each NETWORK sorts its inputs, by degradation or content, and generalises.

    NETWORK is one of `ddr networks`, or your own: package.module:factory, an ONNX file, a
    checkpoint that spandrel knows, or a descriptor (YAML or JSON). Layers are names or
    patterns. SRGA compares each degradation with the first.
    """
    from ddrlib.book import report_page
    from ddrlib.book.examine import Question, report
    from ddrlib.book.records import as_json as to_json

    if html:
        report_page.check(html)  # before minutes are spent
    found = report(networks, Question(**question), scheduler, say)
    click.echo(to_json(found.record()) if as_json else report_page.text(found))
    for path in report_page.write(found, html) if html else ():
        say(f"written: {path}")


@cli.command()
@explore_options
def explore(networks: tuple[str, ...], images: str, no_browser: bool, **options: Any) -> None:
    """Measure NETWORKs and explore them in your browser, until Ctrl-C.

    NETWORK is what `ddr measure` takes: one of `ddr networks`, or your own.
    """
    from ddrlib.widgets import explore

    explore.explore(
        networks or explore.NETWORKS,
        images,
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
@atlas_options
def atlas(networks: tuple[str, ...], folder: Path, store: Path, device: str) -> None:
    """Measure the published networks of the atlas that are here, and keep them in its table.

    All that are not in the table yet, or NETWORKs, anew. What is measured is kept at once; the next
    call goes on.
    """
    from ddrlib.book.survey import measure_all
    from ddrlib.zoo.cards import NETWORKS

    measure_all(networks, (NETWORKS, folder), store, device=device, progress=say)
    click.echo(store / "atlas.csv")


@cli.command()
@train_options
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
