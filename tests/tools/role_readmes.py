# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the option tables of the role READMEs from their argument specifications.

``roles/<role>/README.md`` keeps two marker lines; what stands between them is replaced. The rest is written by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
BEGIN = "<!-- options: generated from meta/argument_specs.yml by `make docs` -->"
END = "<!-- end of options -->"


def markdown(text: str) -> str:
    """Ansible's documentation markup as Markdown on one line."""
    text = re.sub(r"\b[CVOEI]+\((.*?)\)", r"`\1`", text)
    text = re.sub(r"\bRV\((.*?)\)", r"`\1`", text)
    text = re.sub(r"\bB\((.*?)\)", r"**\1**", text)
    text = re.sub(r"\bM\((.*?)\)", r"`\1`", text)
    text = re.sub(r"\bL\((.*?),\s*(.*?)\)", r"[\1](\2)", text)
    text = re.sub(r"\bU\((.*?)\)", r"<\1>", text)
    return " ".join(text.split())


def code(value: Any) -> str:
    """A value as it would stand in a YAML file."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return f"`{text}`"


def description(option: dict[str, Any]) -> str:
    """The description, with the choices and a required mark where there are any."""
    given = option.get("description", "")
    sentences = [given] if isinstance(given, str) else list(given)
    if option.get("choices"):
        sentences.append("One of " + ", ".join(map(code, option["choices"])) + ".")
    return markdown(" ".join(sentences))


def default(option: dict[str, Any]) -> str:
    """What the default is, or that there cannot be one."""
    if option.get("required"):
        return "required"
    return code(option["default"]) if "default" in option else ""


def type_name(option: dict[str, Any]) -> str:
    """For example ``list of dict``."""
    name = option.get("type", "str")
    return f"{name} of {option['elements']}" if "elements" in option else name


def rows(options: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """A table row per option, those inside a dict or a list of dicts right after it."""
    for name, option in options.items():
        cells = [f"`{prefix}{name}`", type_name(option), default(option), description(option)]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        if option.get("options"):
            inner = "[]." if option.get("type") == "list" else "."
            yield from rows(option["options"], f"{prefix}{name}{inner}")


def table(specification: dict[str, Any]) -> str:
    """The tables of all entry points; a heading each where there is more than one."""
    entry_points = specification["argument_specs"]
    parts = []
    for name, entry_point in entry_points.items():
        if len(entry_points) > 1:
            parts.append(f"## Entry point `{name}`\n\n{markdown(entry_point.get('short_description', ''))}\n")
        lines = [
            "| Variable | Type | Default | What it does |",
            "|---|---|---|---|",
            *rows(entry_point.get("options", {})),
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def rendered(readme: Path, specification: Path) -> str:
    """The README as it should be. Raises ValueError where a marker line is missing."""
    before, begin, rest = readme.read_text().partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme}: needs the two lines {BEGIN!r} and {END!r}")
    return f"{before}{begin}\n\n{table(yaml.safe_load(specification.read_text()))}\n{end}{after}"


def main() -> int:
    """Write the tables, or with --check only say which are out of date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, fail where a table is out of date")
    check = parser.parse_args().check

    stale = []
    for specification in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        readme = specification.parents[1] / "README.md"
        wanted = rendered(readme, specification)
        if readme.read_text() != wanted:
            stale.append(str(readme.relative_to(ROLES.parent)))
            if not check:
                readme.write_text(wanted)
    if stale:
        print(("Out of date, run `make docs`: " if check else "Written: ") + ", ".join(stale))
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
