"""Building the pages, from small notebooks."""

from __future__ import annotations

import csv
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from ddrlib.book import site
from ddrlib.book.ingredients import fingerprint
from ddrlib.book.profiles import read_chapters
from ddrlib.book.results import write_stamp
from ddrlib.book.run import sources
from ddrlib.book.site import BuildError, build_site
from ddrlib.errors import DDRError
from ddrlib.files import DATA, ROOT, locked

TOC = """
format: jb-book
root: 00_intro
chapters:
  - file: 01_widget
  - file: references
  - file: licences
  - file: photographs
  - file: cite
"""
LEFT_OUT = ("*.ipynb", "api", "run_it.md", "glossary.md")  # chapters, and what refers to them
QUOTES = str.maketrans("“”‘’", "\"\"''")  # as Sphinx sets them, and as they are written
WIDGET_STATE = {
    "version_major": 2,
    "version_minor": 0,
    "state": {
        "a1": {
            "model_name": "IntSliderModel",
            "model_module": "@jupyter-widgets/controls",
            "model_module_version": "2.0.0",
            "state": {"value": 3, "description": "a<!--<script>.png"},
        }
    },
}


def write_notebook(path: Path, text: str, output: dict | None = None, code: str = "1 + 1") -> None:
    path.parent.mkdir(exist_ok=True)
    cell = nbformat.v4.new_code_cell(code)
    if output:
        cell.outputs = [nbformat.v4.new_output("display_data", data=output)]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), cell])
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    nbformat.write(notebook, path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A book of an introduction, a chapter with a widget and the references, all run."""
    book, executed = tmp_path / "book", tmp_path / "executed"
    shutil.copytree(site.BOOK, book, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (book / "_toc.yml").write_text(TOC)
    figures = executed / "01_widget" / "figures"
    figures.mkdir(parents=True)
    (executed / "00_intro").mkdir()
    (figures / "scatter.json").write_text('{"seed": 0}')
    link = {"text/html": '<a href="figures/01_widget/scatter.json">the whole record</a>'}
    view = {
        "application/vnd.jupyter.widget-view+json": {
            "model_id": "a1",
            "version_major": 2,
            "version_minor": 0,
        }
    }
    for name, text, output in [
        ("00_intro", "# Result\n\nAs in {cite:p}`liu2021ddr`, see [](01_widget).", link),
        ("01_widget", "# Widget\n\n$x^2$", view),
    ]:
        write_notebook(book / f"{name}.ipynb", text)
        write_notebook(executed / name / f"{name}.ipynb", text, output)
    path = executed / "01_widget" / "01_widget.ipynb"
    widget = nbformat.read(path, as_version=4)
    widget.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": WIDGET_STATE}
    nbformat.write(widget, path)

    (tmp_path / "photograph.txt").write_text("1")
    made_from = {
        "files": {str(tmp_path / "photograph.txt"): fingerprint(tmp_path / "photograph.txt")}
    }
    for chapter in read_chapters(book):
        done = {"chapter": chapter.name, "made_from": made_from | sources(chapter)}
        write_stamp(executed / chapter.name, done)
    monkeypatch.setattr(site, "BOOK", book)
    return tmp_path


def check_attribution(html: Path) -> None:
    """What the licences of photographs ask of whoever hands them on."""
    readable = runpy.run_path(str(ROOT / "scripts" / "attribution.py"))["readable"]
    page = BeautifulSoup((html / "photographs.html").read_text(), "html.parser")
    credits: dict[str, tuple[str, str]] = {}  # author and licence of each file, without its package
    for entry in page.select("article li:has(> p > strong)"):
        author = entry.p.strong.text.translate(QUOTES)
        licence = entry.p.text.translate(QUOTES).removeprefix(f"{author}, ")
        for split in entry.select("li"):
            folder, names = re.split(r":\s+", " ".join(split.text.split()), maxsplit=1)
            credits |= {f"{folder}: {name}": (author, licence) for name in names.split(", ")}
    with open(DATA / "photos" / "photos.tsv", newline="", encoding="utf-8") as table:
        photographs = list(csv.DictReader(table, delimiter="\t"))
    assert len(photographs) == len(credits)
    for photograph in photographs:
        folder = {"eval": "evaluation", "train": "training"}[photograph["split"]]
        name = Path(photograph["file"].split("__", 1)[1]).stem
        author, licence = credits[f"{folder}: {name}"]
        assert author == readable(photograph["author"]).translate(QUOTES)
        assert licence.replace(" ", "-") == readable(photograph["licence"]).replace(" ", "-")
    assert "All were changed" in page.text


def build(folder: Path) -> Path:
    return build_site(folder / "executed", folder / "_build" / "html")


def test_build_and_failed_rebuild(folder):
    html = build(folder).parent
    assert html == folder / "_build" / "html"
    assert (html / "index.html").exists()
    assert {path.name for path in html.parent.iterdir()} == {"html", "pages", ".html.lock"}

    intro, widget = (html / f"{name}.html" for name in ("00_intro", "01_widget"))
    assert "the whole record" in intro.read_text()  # the executed notebook, not the one in book/
    assert 'data-default-mode="auto"' in intro.read_text()
    assert (html / "figures/01_widget/scatter.json").read_text() == '{"seed": 0}'
    assert "Discovering distinctive" in (html / "references.html").read_text()
    for page in html.glob("*.html"):
        text = page.read_text()
        assert "THEBE" not in text  # sphinx_thebe declares a name twice: an error on every page
        assert 'src="http' not in text and 'rel="stylesheet" href="http' not in text

    missing = (html / "404.html").read_text()
    names = ("00_intro", "01_widget", "references", "licences", "photographs", "cite")
    assert all(f'<li><a href="{name}.html">' in missing for name in names)
    assert missing.index('createElement("base")') < missing.index('rel="stylesheet"')
    # A formula is there without a script.
    assert "<math" in widget.read_text() and "<math" not in intro.read_text()
    assert not any("mathjax" in page.read_text().lower() for page in (widget, intro))

    assert "_static/widgets.js" in widget.read_text()
    assert "_static/widgets.js" not in intro.read_text()

    check_attribution(html)

    [state] = re.findall(
        r'<script type="application/vnd.jupyter.widget-state.*?</script>',
        widget.read_text(),
        re.DOTALL,
    )
    assert "a\\u003c!--\\u003cscript>.png" in state  # else the rest of the page is its string

    before = {page.name: page.read_bytes() for page in html.glob("*.html")}
    write_notebook(folder / "book/00_intro.ipynb", "# Result\n\n{doc}`nowhere` {cite:p}`nobody`")
    with pytest.raises(BuildError) as error:
        build(folder)
    lines = str(error.value).splitlines()
    assert len(lines) == 2 and all(line.startswith("00_intro.ipynb:") for line in lines)
    assert "nowhere" in str(error.value) and "nobody" in str(error.value)
    assert {page.name: page.read_bytes() for page in html.glob("*.html")} == before


def test_a_listed_chapter_that_does_not_exist(folder):
    (folder / "book/01_widget.ipynb").unlink()
    with pytest.raises(DDRError, match="_toc.yml lists 01_widget"):
        build(folder)


def test_a_chapter_that_is_not_listed(folder):
    write_notebook(folder / "book/02_new.ipynb", "# New")
    with pytest.raises(DDRError, match="02_new is not in book/_toc.yml"):
        build(folder)


def test_a_chapter_that_has_not_been_run_or_is_damaged(folder):
    """Its notebook may be there, from a run that was cut short: the stamp counts."""
    done = folder / "executed/01_widget"
    for name, message in [
        ("figures/scatter.json", "figures/scatter.json is missing or damaged: `ddr run 01_widget`"),
        ("01_widget.ipynb", "01_widget.ipynb is missing or damaged"),
        ("stamp.json", "chapter 01_widget has not been run: `ddr run 01_widget`"),
    ]:
        before = (done / name).read_bytes()
        for content in (before[: len(before) // 2], b"", b"\xff"):
            (done / name).write_bytes(content)
            with pytest.raises(DDRError, match=message):
                build(folder)
        (done / name).unlink()
        with pytest.raises(DDRError, match=message):
            build(folder)
        (done / name).write_bytes(before)


@pytest.fixture
def compiled(monkeypatch):
    """The staged sources as the pages: jupyter-book is left out."""

    def compile(source, html, strict=True):
        shutil.copytree(source, html)
        (html / "index.html").touch()

    monkeypatch.setattr(site, "_compile", compile)


def page(folder, name="00_intro"):
    return nbformat.read(folder / f"_build/html/{name}.ipynb", as_version=4)


def test_new_prose_is_shown_with_the_outputs_of_the_run(folder, compiled, capsys):
    executed = folder / "executed/00_intro/00_intro.ipynb"
    build(folder)
    assert capsys.readouterr().out == ""
    write_notebook(folder / "book/00_intro.ipynb", "# New words")
    build(folder)
    assert capsys.readouterr().out == ""
    assert page(folder).cells[0].source == "# New words"
    assert page(folder).cells[1].outputs == nbformat.read(executed, as_version=4).cells[1].outputs

    (folder / "photograph.txt").write_text("2")
    write_notebook(folder / "book/00_intro.ipynb", "# Newer words", code="1 + 2")
    build(folder)
    assert capsys.readouterr().out == (
        "older than what they are made from: 00_intro (code), "
        f"01_widget ({folder / 'photograph.txt'}); `ddr run`\n"
    )
    assert page(folder).cells[1].source == "1 + 1"  # what gave the outputs
    assert page(folder).cells[0].source.startswith("# Result")


def test_cells_are_merged_in_their_order():
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell

    def output(number):
        return [nbformat.v4.new_output("stream", text=str(number))]

    ran = [
        code("n = 1", metadata={"tags": ["parameters"]}),
        code("n = 2", metadata={"tags": ["injected-parameters"]}),
        text("old"),
        code("print( n )", outputs=output(2), execution_count=3),
        code("%matplotlib inline", execution_count=4),
    ]
    written = [
        text("new"),
        code("n = 1  # how many", metadata={"tags": ["parameters"]}),
        code("print(n)  # it", metadata={"tags": ["hide-input"]}),
        text("and more"),
        code("%matplotlib inline"),
    ]
    executed = nbformat.v4.new_notebook(cells=ran, metadata={"widgets": {}})
    source = nbformat.v4.new_notebook(cells=written)
    merged = site.merged(source, executed)
    assert [cell.source for cell in merged.cells] == [
        "new", "n = 1  # how many", "n = 2", "print(n)  # it", "and more", "%matplotlib inline",
    ]  # fmt: skip
    assert merged.cells[3].outputs == output(2) and merged.cells[3].metadata.tags == ["hide-input"]
    assert merged.cells[5].execution_count == 4 and merged.metadata == {"widgets": {}}
    assert not source.cells[2].outputs
    source.cells.append(code("1"))
    assert site.merged(source, executed) == executed


def test_the_answer_follows_the_question_on_the_page():
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    answer = code("answer()", metadata={"tags": ["remove-input", "answer"]})
    source = nbformat.v4.new_notebook(cells=[text("Why?"), code("n = 1"), text("How"), answer])
    merged = site.merged(source, source)
    assert [cell.source for cell in merged.cells] == ["Why?", "answer()", "n = 1", "How"]
    source.cells[1].source = "n = 2"  # changed since the run, which is then shown as it was
    assert site.merged(source, merged).cells[1].source == "answer()"


def test_the_old_pages_stay_until_the_new_ones_are_whole(folder, compiled, monkeypatch):
    """Stopped before any step of publishing, the site is the old one or the new one."""

    class Killed(BaseException):
        pass

    def counted(operation, left):
        def step(*args, **kwargs):
            if next(left, None) is None:
                raise Killed
            return operation(*args, **kwargs)

        return step

    index = folder / "_build/html/01_widget.ipynb"
    build(folder)
    for steps in range(20):
        index.write_text("old")
        left = iter(range(steps))
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", counted(os.replace, left))
            patch.setattr(shutil, "rmtree", counted(shutil.rmtree, left))
            for name in ("rename", "unlink", "symlink_to", "mkdir"):
                patch.setattr(Path, name, counted(getattr(Path, name), left))
            try:
                build(folder)
                break
            except Killed:
                assert index.read_text() == "old" or "Widget" in index.read_text()
    assert steps > 5 and "Widget" in index.read_text()
    assert len(list((folder / "_build/pages").iterdir())) == 1


def test_pages_that_were_copied_as_a_folder_are_replaced(folder, compiled):
    (folder / "_build/html").mkdir(parents=True)
    (folder / "_build/html/index.html").write_text("old")
    assert build(folder).read_text() == ""
    assert len(list((folder / "_build/pages").iterdir())) == 1


def test_what_is_not_ours_is_left_where_the_pages_are(folder, compiled):
    build(folder)
    (folder / "_build/pages/notes").mkdir()
    (folder / "_build/pages/notes.txt").write_text("mine")
    build(folder)
    kept = {path.name for path in (folder / "_build/pages").iterdir()}
    assert len(kept) == 3 and {"notes", "notes.txt"} < kept


@pytest.mark.parametrize("name", ["html", "pages"])
def test_a_file_where_pages_go_is_said_first(folder, monkeypatch, name):
    (folder / "_build").mkdir()
    (folder / "_build" / name).write_text("mine")
    monkeypatch.setattr(site, "_compile", pytest.fail)
    with pytest.raises(DDRError, match=f"_build/{name} is a file where the pages go"):
        build(folder)
    assert (folder / "_build" / name).read_text() == "mine"


def test_two_builds_at_once_are_refused(folder):
    with (
        locked(folder / "_build/.html.lock", ""),
        pytest.raises(DDRError, match="another `ddr build` is at work"),
    ):
        build(folder)


def test_nothing_is_built_from_chapters_that_are_running(folder):
    with (
        locked(folder / "executed/.lock", ""),
        pytest.raises(DDRError, match="another `ddr run` is at work"),
    ):
        build(folder)


def test_while_chapters_run_what_is_missing_is_announced(folder):
    """Chapters that never ran, and the reference, which takes long to build."""
    shutil.rmtree(folder / "executed/01_widget")
    (folder / "book/api").mkdir()
    (folder / "book/api/data.md").write_text("# ddrlib.data\n\n```{unknown} directive\n```\n")
    (folder / "book/_toc.yml").write_text(TOC + "  - file: api/data\n")
    with locked(folder / "executed/.lock", "the run is at work"):
        html = build_site(folder / "executed", folder / "_build/html", finished=False).parent
    assert "the whole record" in (html / "00_intro.html").read_text()
    announced = BeautifulSoup((html / "01_widget.html").read_text(), "html.parser")
    assert announced.h1.text.startswith("Widget")
    assert "is being computed" in announced.find(class_="admonition").text
    reference = BeautifulSoup((html / "api/data.html").read_text(), "html.parser")
    assert reference.h1.text.startswith("ddrlib.data")
    assert "comes with the last chapter" in reference.find(class_="admonition").text


def test_a_build_that_is_killed_leaves_nothing_running(folder):
    script = (
        "import sys; from pathlib import Path; from ddrlib.book import site\n"
        "folder = Path(sys.argv[1]); site.BOOK = folder / 'book'\n"
        "site.build_site(folder / 'executed', folder / '_build/html')"
    )
    process = subprocess.Popen([sys.executable, "-c", script, folder], cwd=site.ROOT)
    staged = folder / "_build/html.building/src/_toc.yml"
    deadline = time.monotonic() + 60
    while not staged.exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    assert not children.exists() or children.read_text() == ""
    process.terminate()
    assert process.wait(timeout=20) == -signal.SIGTERM
    assert not (folder / "_build/html").exists()
    build(folder)
    assert (folder / "_build/html/index.html").exists()
