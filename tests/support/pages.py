# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages of the documentation tell people to write and to run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from support.checkout import CHECKOUT

PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"), *CHECKOUT.glob("roles/*/README.md")])
# What a test does to the letter: in this order, each page on what those before it have made.
FOLLOWED = (
    "docs/organization.md",
    "README.md",
    "roles/axiom_workspace/README.md",
    "roles/claude_code_telemetry/README.md",
    "roles/telemetry_verify/README.md",
    "docs/dashboard.md",
    "docs/troubleshooting.md",
    "docs/performance.md",
    "docs/without-awx.md",
    "docs/report.md",
    "docs/privacy.md",
    "docs/volume.md",
    "docs/rotate.md",
)
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    body: str


def name_of(page: Path) -> str:
    return str(page.relative_to(CHECKOUT))


def text_of(page: Path) -> str:
    """A page without its blocks."""
    return FENCE.sub("", page.read_text())


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks, without their indentation."""
    for found in FENCE.finditer(page.read_text()):
        yield Block(found["language"], re.sub(rf"^{found['indent']}", "", found["body"], flags=re.MULTILINE))


def lines(block: Block) -> list[str]:
    """The commands of a block of language `console`, without remarks behind them."""
    found = [re.sub(r"\s+# .*", "", line) for line in re.sub(r"\\\n\s*", " ", block.body).splitlines()]
    return [line for line in found if line]
