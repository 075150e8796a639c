# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The defences of `tests/mutations.yml`: how each is taken out, and which tests must notice."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml

TESTS = Path(__file__).parents[1]
LIST = TESTS / "mutations.yml"


class Mutation(NamedTuple):
    """One defence. `attack` is a row of the table in docs/threat-model.md; `tests` are pytest's names, below tests."""

    attack: str
    defence: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]

    def applied(self, source: str) -> str:
        """The source without the defence; ValueError where it is not there exactly once."""
        count = source.count(self.text)
        if count != 1:
            raise ValueError(f"{self.file} holds {self.text!r} {count} times: {self.defence}")
        return source.replace(self.text, self.instead)


def listed() -> list[Mutation]:
    """Every mutation, in the order of the list."""
    return [
        Mutation(row["attack"], one["defence"], one["file"], one["text"], one["instead"], tuple(one["tests"]))
        for row in yaml.safe_load(LIST.read_text())
        for one in row["defences"]
    ]
