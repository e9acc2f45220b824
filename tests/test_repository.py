"""Where the sources are is said once, and all that depends on it follows (book/_ext/repository.py)."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document

from ddrlib.files import ROOT

CODE = "git clone ADDRESS ddr\n  version = {VERSION},\n  url     = {ADDRESS},\n"


@pytest.fixture
def repository(monkeypatch):
    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    import repository

    yield repository
    del sys.modules["repository"]


def configured(repository, address: str = "", baseurl: str = "") -> SimpleNamespace:
    config = SimpleNamespace(repository=address, html_baseurl=baseurl, html_theme_options={})
    repository.set_up(None, config)
    return config


def filled_in(repository, config, page: str = "cite") -> str:
    document = new_document("page")
    document += nodes.literal_block(CODE, CODE)
    repository.fill_in(SimpleNamespace(config=config), document, page)
    return document.astext()


def test_without_an_address_nothing_points_to_one(repository):
    config = configured(repository)
    assert not config.html_theme_options and not config.html_baseurl
    assert "<" not in config.myst_substitutions["repository"]
    assert "ADDRESS stands for" in config.myst_substitutions["fetching"]
    text = filled_in(repository, config)
    assert "url" not in text and "VERSION" not in text and "git clone ADDRESS" in text


def test_one_address_switches_all_of_it_on(repository):
    config = configured(repository, "https://github.com/Some-One/a.book/")
    options = config.html_theme_options
    assert options["repository_url"] == "https://github.com/Some-One/a.book"
    assert options["use_repository_button"] and options["use_issues_button"]
    assert {"binderhub_url", "colab_url"} <= options["launch_buttons"].keys()
    assert config.html_baseurl == "https://some-one.github.io/a.book/"
    assert "ADDRESS" not in config.myst_substitutions["fetching"]
    assert "git clone https://github.com/Some-One/a.book ddr" in filled_in(repository, config)
    assert "ADDRESS" in filled_in(repository, config, "glossary"), "only pages that name it"


def test_another_forge_has_no_colab_and_the_pages_may_be_elsewhere(repository):
    """Sphinx would warn of Colab there, and warnings are errors."""
    config = configured(repository, "https://gitlab.com/a/b", "https://book.example/")
    assert "colab_url" not in config.html_theme_options["launch_buttons"]
    assert config.html_baseurl == "https://book.example/"
    assert not configured(repository, "https://gitlab.com/a/b").html_baseurl


def test_a_forge_that_builds_the_pages_says_where_it_is(repository, monkeypatch):
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "a/b")
    assert configured(repository).html_theme_options["repository_url"] == "https://github.com/a/b"
    other = configured(repository, "https://gitlab.com/c/d")
    assert other.html_theme_options["repository_url"] == "https://gitlab.com/c/d"
