"""Where the sources are: `repository` in _config.yml, or what a forge's own build says.

With an address, pages get its buttons (the repository, an issue, Binder and, for GitHub, Colab), the
commands and the citation name it, and GitHub's pages are taken for those of the book where
`html_baseurl` does not say otherwise. Without, nothing points to it.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import version

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

UNKNOWN = "the one these pages were built from"
FETCHED = "The first line fetches the repository."
NOT_KNOWN_WHENCE = (
    "These pages were built without the address of their repository: in this command and in those "
    "below, ADDRESS stands for the place that you have it from."
)
CITED_AT = "  url     = {ADDRESS},\n"  # a line of the citation
PAGES = "cite", "run_it"  # that name version and address


def address_of(config: Config) -> str:
    """The repository's address, or ""."""
    forge, name = (os.environ.get(f"GITHUB_{key}", "") for key in ("SERVER_URL", "REPOSITORY"))
    return (config.repository or (f"{forge}/{name}" if forge and name else "")).rstrip("/")


def set_up(app: Sphinx, config: Config) -> None:
    """Tell the theme and the text."""
    address = address_of(config)
    config.myst_substitutions = {
        "repository": f"<{address}>" if address else UNKNOWN,
        "fetching": FETCHED if address else NOT_KNOWN_WHENCE,
    }
    if not address:
        return
    github = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", address)
    launch = {"notebook_interface": "jupyterlab", "binderhub_url": "https://mybinder.org"}
    if github:
        launch["colab_url"] = "https://colab.research.google.com"
        pages = f"https://{github[1].lower()}.github.io/{github[2]}/"
        config.html_baseurl = config.html_baseurl or pages
    config.html_theme_options |= {
        "repository_url": address,
        "repository_branch": "main",
        "path_to_docs": "book",
        "use_repository_button": True,
        "use_issues_button": True,
        "launch_buttons": launch,
    }


def fill_in(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """The version and the address, in what is copied from the pages."""
    if docname not in PAGES:
        return
    address = address_of(app.config)
    for block in list(doctree.findall(nodes.literal_block)):
        text = block.astext().replace("VERSION", version("ddrlib"))
        text = text.replace("ADDRESS", address) if address else text.replace(CITED_AT, "")
        block.replace_self(nodes.literal_block(text, text, **block.attributes))


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("repository", "", "html", str)
    app.connect("config-inited", set_up, priority=100)
    app.connect("doctree-resolved", fill_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
