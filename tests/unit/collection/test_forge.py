# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs or is shown on the forge and before a commit: it calls make's targets, and its forms can be filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[3]
TARGETS = set(re.findall(r"^\.PHONY: (\S+)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
WORKFLOWS = sorted((CHECKOUT / ".github/workflows").glob("*.yml"))
FORMS = sorted(path for path in (CHECKOUT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def called(command: str) -> Iterator[str]:
    """The targets of every `make` in a command, also of a script in this checkout."""
    if command.startswith("."):
        command = (CHECKOUT / command).read_text()
    for arguments in re.findall(r"^(?:exec )?make ([a-z -]+)", command, re.MULTILINE):
        yield from arguments.split()


def commands(workflow: Path) -> list[str]:
    """What its steps run; a step runs something or uses an action in a fixed version."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    for step in steps:
        assert ("run" in step) != ("uses" in step), step
        assert "run" in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]), step
    return [step["run"] for step in steps if "run" in step]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_what_a_contributor_runs(workflow: Path) -> None:
    targets = [target for command in commands(workflow) for target in called(command)]
    assert "test" in targets
    assert set(targets) <= TARGETS


def test_the_hooks_before_a_commit_are_all_of_make_lint() -> None:
    (repository,) = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text())["repos"]
    found = re.search(r"^lint: ([a-z -]+)", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert found
    assert {hook["entry"] for hook in repository["hooks"]} == {f"make {target}" for target in found[1].split()}


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.name)
def test_forms_can_be_filled_in(form: Path) -> None:
    """GitHub shows a form that breaks its rules as nothing at all."""
    content: dict[str, Any] = yaml.safe_load(form.read_text())
    assert set(content) <= {"name", "description", "labels", "title", "body"}
    fields = [field for field in content["body"] if field["type"] != "markdown"]
    assert fields
    for field in fields:
        assert field["type"] in ("input", "textarea", "dropdown", "checkboxes")
        assert re.fullmatch(r"[a-z]+", field["id"])
        assert field["attributes"]["label"]
    assert (
        len({field["id"] for field in fields}) == len({field["attributes"]["label"] for field in fields}) == len(fields)
    )
