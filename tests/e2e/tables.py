# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables in docs that a test measures: between two marks, and written where pytest is told so."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
_END = "<!-- end: measured -->\n"


class Document:
    """A document with one such table."""

    def __init__(self, name: str, test: str) -> None:
        self._path = DOCS / name
        begin = f"<!-- begin: measured by tests/e2e/{test}, `make docs-tables` renews it -->\n\n"
        self._before, self._begin, rest = self._path.read_text().partition(begin)
        self.table, self._end, self._after = rest.partition(f"\n{_END}")
        assert self._begin
        assert self._end

    def write(self, rows: list[list[str]]) -> None:
        self.table = rendered(rows)
        self._path.write_text(f"{self._before}{self._begin}{self.table}{self._end}{self._after}")

    def header(self) -> list[str]:
        return [cell.strip() for cell in self.table.splitlines()[0].strip("|").split("|")]


def rendered(rows: list[list[str]]) -> str:
    """Markdown; the first row is the header."""
    lines = [f"| {' | '.join(row)} |\n" for row in rows]
    return "".join([lines[0], "|---" * len(rows[0]) + "|\n", *lines[1:]])
