# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the role `claude_code_telemetry` from its module: defaults, argument specs and the task that hands them over.

The role is a skin over the module, so its forty variables are written down once, in the module's documentation.
`--check` says what is out of date instead.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = REPOSITORY / "plugins/modules/claude_code_telemetry.py"
ROLE = REPOSITORY / "roles/claude_code_telemetry"
PREFIX = "claude_code_telemetry_"
NOTICE = "# Written by tests/tools/telemetry_role.py from the module's documentation; `make docs` renews it.\n"
HANDED_OVER = {"variables": PREFIX}
# No variables of the role; the action finds what is predicted by itself.
INTERNAL = {*HANDED_OVER, "planned"}


def documentation() -> dict[str, Any]:
    for node in ast.parse(MODULE.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION":
            loaded: dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value))
            return loaded
    raise SystemExit(f"{MODULE} has no DOCUMENTATION")


def renamed(text: str) -> str:
    """Options become the role's variables where a description refers to them."""
    return re.sub(r"\bO\((\w+)([=)])", rf"O({PREFIX}\1\2", text)


def described(option: dict[str, Any]) -> dict[str, Any]:
    text = option["description"]
    spec = dict(option, description=[renamed(line) for line in ([text] if isinstance(text, str) else text)])
    if "suboptions" in spec:
        spec["options"] = spec.pop("suboptions")
    return spec


class _Indented(yaml.SafeDumper):
    """Sequences indented below their key, as yamllint and ansible-lint want them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def rendered() -> dict[Path, str]:
    options = {name: option for name, option in documentation()["options"].items() if name not in INTERNAL}
    defaults = {PREFIX + name: option["default"] for name, option in options.items() if "default" in option}
    specs = {
        "argument_specs": {
            "main": {
                "short_description": "Claude Code's telemetry environment on a developer machine",
                "version_added": documentation()["version_added"],
                "description": [
                    "Installs the telemetry environment where O(claude_code_telemetry_targets) says, in one task.",
                    "Needs no Axiom API call and no management token.",
                ],
                "options": {PREFIX + name: described(option) for name, option in options.items()},
            }
        }
    }
    task = [
        {
            "name": "Install the telemetry environment of Claude Code",
            "devfleet.axiom.claude_code_telemetry": HANDED_OVER,
            "register": PREFIX + "result",
        }
    ]
    documents = {
        "defaults/main.yml": defaults,
        "meta/argument_specs.yml": specs,
        "tasks/main.yml": task,
    }
    return {
        ROLE / name: "---\n"
        + NOTICE
        + yaml.dump(data, Dumper=_Indented, sort_keys=False, width=110, allow_unicode=True)
        for name, data in documents.items()
    }


def main() -> int:
    stale = [path for path, text in rendered().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(REPOSITORY)} is out of date; run make docs", file=sys.stderr)
        return 1 if stale else 0
    for path, text in rendered().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
