"""Where the sources are: `repository` in _config.yml, or what a forge's own build says.

With an address, pages get its buttons: the repository, an issue, Binder and Colab.
"""

from __future__ import annotations

import os
from importlib.metadata import version

from docutils import nodes
from sphinx.application import Sphinx

UNKNOWN = "where you have these pages from"


def set_up(app: Sphinx, config) -> None:
    """Tell the theme and the text."""
    forge, name = (os.environ.get(f"GITHUB_{key}", "") for key in ("SERVER_URL", "REPOSITORY"))
    address = config.repository or (f"{forge}/{name}" if forge and name else "")
    config.myst_substitutions = {"repository": f"<{address}>" if address else UNKNOWN}
    if address:
        config.html_theme_options |= {
            "repository_url": address,
            "repository_branch": "main",
            "path_to_docs": "book",
            "use_repository_button": True,
            "use_issues_button": True,
            "launch_buttons": {
                "binderhub_url": "https://mybinder.org",
                "colab_url": "https://colab.research.google.com",
            },
        }


def with_version(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """The version that the citation names."""
    if docname == "cite":
        for block in list(doctree.findall(nodes.literal_block)):
            text = block.astext().replace("VERSION", version("ddrlib"))
            block.replace_self(nodes.literal_block(text, text, **block.attributes))


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_config_value("repository", "", "html", str)
    app.connect("config-inited", set_up, priority=100)
    app.connect("doctree-resolved", with_version)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
