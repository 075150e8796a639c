# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx reads the pages as they lie in the repository, and the reference that antsibull-docs makes."""

project = "devfleet.axiom"
copyright = "2026, devfleet maintainers"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "furo"
html_title = "devfleet.axiom"
html_show_sphinx = False
# Pages link to headings of others as GitHub names them.
myst_heading_anchors = 4
# Python is not the language of what is shown without one.
highlight_language = "none"
suppress_warnings = [
    # A file of the repository that is no page; whether it exists is checked by a test of the pages.
    "myst.xref_missing",
    # The documentation of plugins refers to ansible-core's by names that only docs.ansible.com resolves.
    "ref.ref",
]
