# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make mutations` takes out what is there, asks tests that are there, and the threat model names the same tests."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest
from support.mutations import TESTS, Mutation, listed

CHECKOUT = TESTS.parent
THREAT_MODEL = CHECKOUT / "docs/threat-model.md"
NAMED = re.compile(r"`(test_\w+\.py)`")


@functools.cache
def functions(path: Path) -> set[str]:
    """The tests of a file by their names in pytest, without parameters."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("mutation", listed(), ids=lambda mutation: mutation.defence)
def test_the_defence_is_there_to_be_taken_out_and_so_are_its_tests(mutation: Mutation) -> None:
    without = mutation.applied((CHECKOUT / mutation.file).read_text())
    if mutation.file.endswith(".py"):
        compile(without, mutation.file, "exec")
    assert mutation.tests
    for test in mutation.tests:
        file, _separator, name = test.partition("[")[0].partition("::")
        assert name in functions(TESTS / file)


def test_the_threat_model_names_the_tests_that_notice() -> None:
    table = THREAT_MODEL.read_text().partition("## What is done about it")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    named = {attack: sorted(NAMED.findall(tests)) for attack, _defence, tests in rows}
    asked: dict[str, set[str]] = {}
    for mutation in listed():
        asked.setdefault(mutation.attack, set()).update(Path(test.partition("::")[0]).name for test in mutation.tests)
    assert {attack: sorted(tests) for attack, tests in asked.items()} == named
