"""Building the pages, from small notebooks."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest

from ddrlib.book import site
from ddrlib.book.site import BuildError, build_site
from ddrlib.errors import DDRError

TOC = """
format: jb-book
root: 00_intro
chapters:
  - file: 01_widget
  - file: references
"""
WIDGET_STATE = {
    "version_major": 2,
    "version_minor": 0,
    "state": {
        "a1": {
            "model_name": "IntSliderModel",
            "model_module": "@jupyter-widgets/controls",
            "model_module_version": "2.0.0",
            "state": {"value": 3},
        }
    },
}


def write_notebook(path: Path, text: str, output: dict | None = None) -> None:
    cell = nbformat.v4.new_code_cell("1 + 1")
    if output:
        cell.outputs = [nbformat.v4.new_output("display_data", data=output)]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), cell])
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    nbformat.write(notebook, path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A book of an introduction, a chapter with a widget and the references, all run."""
    book, executed = tmp_path / "book", tmp_path / "executed"
    shutil.copytree(site.BOOK, book, ignore=shutil.ignore_patterns("*.ipynb", "api"))
    (book / "_toc.yml").write_text(TOC)
    figures = executed / "figures" / "01_widget"
    figures.mkdir(parents=True)
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
        write_notebook(executed / f"{name}.ipynb", text, output)
        (executed / f"{name}.json").write_text("{}")
    widget = nbformat.read(executed / "01_widget.ipynb", as_version=4)
    widget.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": WIDGET_STATE}
    nbformat.write(widget, executed / "01_widget.ipynb")

    monkeypatch.setattr(site, "BOOK", book)
    return tmp_path


def build(folder: Path) -> Path:
    return build_site(folder / "executed", folder / "_build" / "html")


def test_build_and_failed_rebuild(folder):
    html = build(folder).parent
    assert html == folder / "_build" / "html"
    assert (html / "index.html").exists() and list(html.parent.iterdir()) == [html]

    intro, widget = (html / f"{name}.html" for name in ("00_intro", "01_widget"))
    assert "the whole record" in intro.read_text()  # the executed notebook, not the one in book/
    assert 'data-default-mode="light"' in intro.read_text()
    assert (html / "figures/01_widget/scatter.json").read_text() == '{"seed": 0}'
    assert "Discovering distinctive" in (html / "references.html").read_text()
    for page in html.glob("*.html"):
        text = page.read_text()
        assert "THEBE" not in text  # sphinx_thebe declares a name twice: an error on every page
        assert 'src="http' not in text and 'rel="stylesheet" href="http' not in text

    scripts = ["widgets/require.js", "requirejs-config.js", "widgets/embed-amd.js"]
    places = [widget.read_text().index(f"_static/{script}") for script in scripts]
    assert places == sorted(places)
    assert "require.js" not in intro.read_text()
    assert (html / "_static/widgets/anywidget/index.js").exists()
    assert (html / "_static/mathjax/tex-chtml-full.js").exists()

    before = {page.name: page.read_bytes() for page in html.glob("*.html")}
    write_notebook(
        folder / "executed/00_intro.ipynb", "# Result\n\n{doc}`nowhere` {cite:p}`nobody`"
    )
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


def test_a_chapter_that_has_not_been_run(folder):
    """Its notebook may be there, from a run that was cut short: the stamp counts."""
    (folder / "executed/01_widget.json").unlink()
    with pytest.raises(DDRError, match="`ddr run 01_widget`"):
        build(folder)
