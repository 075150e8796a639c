# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RETURN of several modules describes the same things, and Ansible has no fragments for it: it says the same of them.

Whether it is true is compared with every result of the integration tests, see support/returned.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.returned import documentation, mismatches

MODULES = sorted(path.stem for path in (Path(__file__).parents[3] / "plugins/modules").glob("*.py"))
# Module, key, and what it tells besides of the thing: what became of it in this run.
SAME: dict[str, list[tuple[str, str, set[str]]]] = {
    "dataset": [
        ("dataset", "dataset", set()),
        ("dataset_info", "datasets", set()),
        ("workspace", "datasets", {"adopted", "changed"}),
    ],
    "token": [
        ("api_token", "token", set()),
        ("api_token_info", "tokens", {"live"}),
        ("workspace", "tokens", {"changed", "minted", "previous_expires_at"}),
    ],
}


def said(field: dict[str, Any]) -> dict[str, Any]:
    """Whether it can be null, said last, depends on the module."""
    return {**field, "description": field["description"].partition(";")[0].rstrip(".")}


@pytest.mark.parametrize("thing", SAME)
def test_the_same_is_said_of_the_same(thing: str) -> None:
    (first, key, _also), *others = SAME[thing]
    expected = {name: said(field) for name, field in documentation(first)[key]["contains"].items()}
    for module, key, also in others:
        found = {name: said(field) for name, field in documentation(module)[key]["contains"].items()}
        assert set(found) - set(expected) == also, module
        assert {name: found.get(name) for name in expected} == expected, module


def test_failures_are_documented_alike() -> None:
    failures = [documentation(module)["failure"] for module in MODULES if "failure" in documentation(module)]
    assert len(failures) > 1
    assert all(failure == failures[0] for failure in failures)


@pytest.mark.parametrize("module", MODULES)
def test_samples_have_the_shape_that_is_documented(module: str) -> None:
    for name, described in documentation(module).items():
        if "sample" in described:
            assert list(mismatches(name, described, described["sample"])) == []
