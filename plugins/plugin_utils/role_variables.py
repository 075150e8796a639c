# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take an action's options from a role's variables without templating each of them.

Handing forty options over by forty templates costs a converged host more than its probe does: 22 of 46 ms of processor
time on ansible-core 2.19. Most variables are constants, and those need no templating at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

try:
    from ansible.template import trust_as_template as _expression
except ImportError:  # ansible-core 2.18 takes any text for a template

    def _expression(value: str) -> str:
        return value


def _is_constant(value: Any) -> bool:
    """Whether nothing in a value can be a template; what is not plain data (a vaulted string) is for the templar."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value and "{#" not in value
    if isinstance(value, Mapping):
        return all(_is_constant(key) and _is_constant(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_constant(item) for item in value)
    return value is None or isinstance(value, (bool, int, float))


def options_from(
    arguments: Mapping[str, Any], names: Iterable[str], variables: Mapping[str, Any], templar: Any
) -> dict[str, Any]:
    """The task's arguments, completed from variables.

    :param arguments: `variables` among them is the prefix; without it nothing is taken.
    :param names: of the options; option `x` is the variable `<prefix>x`, where that is defined.
    """
    given = dict(arguments)
    prefix = given.pop("variables", None)
    found = {name: variables[f"{prefix}{name}"] for name in names if prefix and f"{prefix}{name}" in variables}
    taken = {name: value for name, value in found.items() if name not in given}
    constants = {name: value for name, value in taken.items() if _is_constant(value)}
    # As one dict: ansible-core from 2.19 on leaves members out that are omit, before it their value tells.
    expressions = {name: _expression(f"{{{{ {prefix}{name} }}}}") for name in taken if name not in constants}
    omit = variables.get("omit")
    return {**given, **constants, **{k: v for k, v in templar.template(expressions).items() if v != omit}}
