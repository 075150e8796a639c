# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that are said in two places, and must be the same in both."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

COLLECTION = Path(__file__).parents[3]
ROLES = sorted(path for path in (COLLECTION / "roles").iterdir() if path.is_dir())
by_name = pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)


def options(role: Path) -> dict[str, dict[str, Any]]:
    """The options of all entry points of a role, by name."""
    specification = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
    entry_points = specification["argument_specs"].values()
    return {name: option for entry in entry_points for name, option in entry.get("options", {}).items()}


def defaults(role: Path) -> dict[str, Any]:
    """The role's default variables; a role may have none."""
    path = role / "defaults/main.yml"
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def documentation(module: Path) -> dict[str, Any]:
    """A module's DOCUMENTATION, without importing it."""
    for statement in ast.parse(module.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "DOCUMENTATION":
            return yaml.safe_load(ast.literal_eval(statement.value))
    raise AssertionError(f"{module} has no DOCUMENTATION")


@by_name
def test_documented_defaults_are_the_real_ones(role: Path) -> None:
    """Neither may have one that the other lacks; a variable without a default is undefined unless somebody sets it.

    Except where it follows another role's variable: a specification cannot hold a template in place of a dict.
    """
    documented = {name: option["default"] for name, option in options(role).items() if "default" in option}
    written = {name: value for name, value in defaults(role).items() if name in documented or "{{" not in str(value)}
    assert written == documented


@by_name
def test_role_variables_carry_the_name_of_their_role(role: Path) -> None:
    assert [name for name in options(role) if not name.startswith(f"{role.name}_")] == []


def test_the_action_group_holds_the_modules_that_connect_to_axiom() -> None:
    connecting = {
        module.stem
        for module in (COLLECTION / "plugins/modules").glob("*.py")
        if "devfleet.axiom.connection" in documentation(module).get("extends_documentation_fragment", [])
    }
    runtime = yaml.safe_load((COLLECTION / "meta/runtime.yml").read_text())
    assert set(runtime["action_groups"]["all"]) == connecting


def test_the_example_for_awx_asks_for_this_release() -> None:
    version = yaml.safe_load((COLLECTION / "galaxy.yml").read_text())["version"]
    requirements = yaml.safe_load((COLLECTION / "docs/examples/awx/collections/requirements.yml").read_text())
    (wanted,) = (entry["version"] for entry in requirements["collections"] if entry["name"] == "devfleet.axiom")
    assert version in SpecifierSet(wanted)


def test_execution_environments_get_what_the_tests_run_with() -> None:
    def names(path: str) -> set[str]:
        lines = (COLLECTION / path).read_text().splitlines()
        return {line.split("=")[0].split(">")[0].lower() for line in lines if line and not line.startswith("#")}

    assert names("requirements.txt") <= names("tests/requirements.txt")


def test_the_map_of_the_code_names_every_file() -> None:
    text = (COLLECTION / "CONTRIBUTING.md").read_text()
    files = [
        path for kind in ("module_utils", "plugin_utils", "filter") for path in COLLECTION.glob(f"plugins/{kind}/*.py")
    ]
    assert len(files) > 40
    assert [path.name for path in files if not re.search(rf"\b{path.name}\b", text)] == []
