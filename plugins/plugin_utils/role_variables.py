# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take an action's options from a role's variables without templating each of them.

Handing forty options over by forty templates costs a converged host more than its probe does: 22 of 46 ms of processor
time on ansible-core 2.19. Most variables are constants, and those need no templating at all. They are handed on as
plain Python values: with the tags of ansible-core on them, copying them is most of what checking the options costs.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

try:
    from ansible.template import trust_as_template as _expression
except ImportError:  # ansible-core 2.18 takes any text for a template

    def _expression(value: str) -> str:
        return value


# Alike enough to be meant: log_dataset for logs_dataset, and not stats for state, which is a variable of a playbook.
_ALIKE = 0.85
_COLLECTION = "devfleet.axiom."
# Where errors have the option: those of Ansible's argument specs (of a suboption they name its option last), and ours.
_NAMED = (
    re.compile(r".* found in '?(?P<name>\w+)"),
    re.compile(r"(?:value of |argument '|Elements value for option ')?(?P<name>\w+)"),
)


class _Template(Exception):
    """A value is for the templar."""


def _constant(value: Any) -> Any:
    """A plain copy of a value in which nothing can be a template.

    :raises _Template: something can, or is not plain data (a vaulted string).
    """
    if isinstance(value, str):
        if "{{" in value or "{%" in value or "{#" in value:
            raise _Template
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {_constant(key): _constant(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_constant(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    raise _Template


def options_from(
    arguments: Mapping[str, Any],
    names: Iterable[str],
    variables: Mapping[str, Any],
    templar: Any,
    otherwise: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The task's arguments, completed from variables.

    :param arguments: `variables` among them is the prefix; without it nothing is taken.
    :param names: of the options; option `x` is the variable `<prefix>x`, where that is defined.
    :param otherwise: option -> variable to take where that is not. As a default of the role it would be one more
        template.
    """
    given = dict(arguments)
    prefix = given.pop("variables", None)
    others = otherwise or {}
    constants, templates = {}, {}
    for name in names if prefix else ():
        variable = next((v for v in (f"{prefix}{name}", others.get(name)) if v in variables), None)
        if variable and name not in given:
            value = variables[variable]
            try:
                constants[name] = _constant(value)
            except _Template:
                # A text is the template itself; by its variable's name it would take a second one.
                templates[name] = value if isinstance(value, str) else _expression(f"{{{{ {variable} }}}}")
    omit = variables.get("omit")
    # As one dict: ansible-core from 2.19 on leaves members out that are omit, before it their value tells.
    return {**given, **constants, **{k: v for k, v in templar.template(templates).items() if v != omit}}


def role_prefix(task: Any) -> str:
    """What the variables of the role begin with that a task belongs to; empty for a task of somebody else."""
    role = task._role.get_name() if task._role else ""
    return f"{role.removeprefix(_COLLECTION)}_" if role.startswith(_COLLECTION) else ""


def as_variable(prefix: str | None, names: Iterable[str], message: str) -> str:
    """An error that is about an option, as who has set a variable knows it."""
    options = set(names)
    for found in (place.match(message) for place in _NAMED):
        if prefix and found and found["name"] in options:
            return message[: found.start("name")] + prefix + message[found.start("name") :]
    return message


def misspelt(prefix: str | None, names: Iterable[str], variables: Iterable[str]) -> list[str]:
    """A line for each variable that is nearly an option's and so would be ignored without a word.

    Those with the same prefix that are like no option are the playbooks' own, or the user's.
    """
    options = set(names)
    lines = []
    for variable in variables:
        if prefix and variable.startswith(prefix) and (rest := variable[len(prefix) :]) not in options:
            lines += [
                f"{variable} is no option and has no effect; is {prefix}{meant} meant?"
                for meant in difflib.get_close_matches(rest, options, 1, _ALIKE)
            ]
    return lines
