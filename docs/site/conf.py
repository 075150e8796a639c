# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx reads the pages as they lie in the repository, and the reference that antsibull-docs makes."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

REPOSITORY = "https://github.com/devfleet/ansible-collection-axiom"
CHECKOUT = Path(os.environ["CHECKOUT"])

project = "devfleet.axiom"
copyright = "2026, devfleet maintainers"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "furo"
html_title = "devfleet.axiom"
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["tables.css"]
# Pages link to headings of others as GitHub names them.
myst_heading_anchors = 4
# Python is not the language of what is shown without one.
highlight_language = "none"
suppress_warnings = [
    # The documentation of plugins refers to ansible-core's by names that only docs.ansible.com resolves.
    "ref.ref",
]


class RepositoryLinks(SphinxPostTransform):
    """Links to files of the repository that are no pages lead there. MyST warns of all that then leads nowhere."""

    default_priority = 8

    def run(self, **_options: Any) -> None:
        for node in list(self.document.findall(pending_xref)):
            path = (CHECKOUT / PurePosixPath(self.env.docname).parent / node["reftarget"]).resolve()
            if node["reftype"] == "myst" and node["refdomain"] != "doc" and path.exists():
                kind = "tree" if path.is_dir() else "blob"
                uri = f"{REPOSITORY}/{kind}/main/{path.relative_to(CHECKOUT)}"
                node.replace_self(nodes.reference("", "", *node[0].children, refuri=uri))


def setup(app: Sphinx) -> None:
    app.add_post_transform(RepositoryLinks)
