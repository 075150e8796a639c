# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options out of a role's variables: constants as they are, everything else through the templar, nothing invented."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import PolicyError
from ansible_collections.devfleet.axiom.plugins.plugin_utils.arguments import checked
from ansible_collections.devfleet.axiom.plugins.plugin_utils.role_variables import (
    as_variable,
    misspelt,
    options_from,
    role_prefix,
)

OMIT = "__omit_place_holder__1"
NAMES = ("a", "b", "c")


class Templar:
    """Stands in for ansible-core's: every expression is answered with its variable's name."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def template(self, expressions: dict[str, Any]) -> dict[str, Any]:
        self.asked |= expressions
        return {name: OMIT if "b" in name else f"<{expression}>" for name, expression in expressions.items()}


def options(arguments: dict[str, Any], **variables: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    templar = Templar()
    return options_from(arguments, NAMES, {"omit": OMIT, **variables}, templar), templar.asked


@pytest.mark.parametrize("value", [True, 0, 1.5, None, "", "plain", [], ["x", {"y": "z"}], {"k": [1, None]}])
def test_a_constant_is_taken_as_it_is(value: Any) -> None:
    assert options({"variables": "role_"}, role_a=value) == ({"a": value}, {})


class Tagged(str):
    """As ansible-core's: a text with something attached."""


def test_what_ansible_attached_to_a_constant_is_left_behind() -> None:
    taken, _asked = options({"variables": "role_"}, role_a={Tagged("k"): [Tagged("x")]}, role_b=Tagged("y"))
    assert taken == {"a": {"k": ["x"]}, "b": "y"}
    ((key, value),) = taken["a"].items()
    assert {type(key), type(value[0]), type(taken["b"])} == {str}


class Vaulted:
    """What is neither text nor a container, as an encrypted variable is."""


@pytest.mark.parametrize("value", [["{{ x }}"], {"k": "{{ x }}"}, {"{{ k }}": 1}, Vaulted()])
def test_everything_else_goes_through_the_templar(value: Any) -> None:
    expression = "{{ role_a }}"
    assert options({"variables": "role_"}, role_a=value) == ({"a": f"<{expression}>"}, {"a": expression})


@pytest.mark.parametrize("value", ["{{ x }}", "{% if x %}", "{# x #}"])
def test_a_text_is_its_own_template(value: str) -> None:
    assert options({"variables": "role_"}, role_a=value) == ({"a": f"<{value}>"}, {"a": value})


def test_the_task_wins_and_omit_means_not_given() -> None:
    given = {"variables": "role_", "a": "task"}
    taken, asked = options(given, role_a="{{ x }}", role_b="{{ omit }}", role_other="x")
    assert taken == {"a": "task"}
    assert asked == {"b": "{{ omit }}"}


def test_without_a_prefix_no_variable_counts() -> None:
    assert options({"a": 1}, a=2, b=3) == ({"a": 1}, {})


def test_another_variable_serves_where_the_roles_own_is_not_defined() -> None:
    templar, found = Templar(), {"x": "other", "list": ["{{ y }}"], "role_c": "own"}
    otherwise = {"a": "x", "b": "missing", "c": "x"}
    assert options_from({"variables": "role_"}, NAMES, found, templar, otherwise) == {"a": "other", "c": "own"}
    assert options_from({}, NAMES, found, templar, otherwise) == {}
    options_from({"variables": "role_"}, NAMES, found, templar, {"a": "list"})
    assert templar.asked == {"a": "{{ list }}"}


def test_a_variable_that_is_nearly_an_options_is_named_with_it() -> None:
    options = ("logs_dataset", "state", "users")
    others = ["role_users", "role_stats", "role_of_mine", "other_user", "user"]
    assert misspelt("role_", options, others) == []
    (line,) = misspelt("role_", options, [*others, "role_user"])
    assert line == "role_user is no option and has no effect; is role_users meant?"
    assert misspelt(None, options, ["role_user"]) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"state": "off"}, "value of role_state must be one of: present, absent, got: off"),
        ({"shells": ["ksh"]}, "value of role_shells must be one or more of: bash. Got no match for: ksh"),
        ({"force": "often"}, "argument 'role_force' is of type str and "),
        ({"ports": ["x"]}, "Elements value for option 'role_ports' is of type str and "),
        ({"switches": {"force": "often"}}, "argument 'force' is of type str found in 'role_switches'. and "),
        ({"switches": {"state": "off"}}, "value of state must be one of: on, got: off found in role_switches"),
        ({"switches": {"typo": 1}}, "unsupported options: role_switches.typo. Supported parameters include: "),
        ({"typo": 1}, "unsupported options: typo. Supported parameters include: "),
        ({"force": "often", "state": "off"}, "value of role_state must be one of"),
    ],
)
def test_an_argument_specs_error_names_the_variable(arguments: dict[str, Any], says: str) -> None:
    spec = {
        "state": {"choices": ["present", "absent"]},
        "shells": {"type": "list", "elements": "str", "choices": ["bash"]},
        "force": {"type": "bool"},
        "ports": {"type": "list", "elements": "int"},
        "switches": {"type": "dict", "options": {"force": {"type": "bool"}, "state": {"choices": ["on"]}}},
    }
    with pytest.raises(PolicyError) as refused:
        checked(arguments, spec, "role_", spec)
    assert says in refused.value.message
    with pytest.raises(PolicyError) as refused:
        checked(arguments, spec)
    assert says.replace("role_", "") in refused.value.message


def test_an_error_names_the_variable_where_variables_are_what_was_set() -> None:
    assert as_variable("role_", ("users",), "users: no such user") == "role_users: no such user"
    assert as_variable(None, ("users",), "users: no such user") == "users: no such user"
    assert as_variable("role_", ("users",), "the store is empty") == "the store is empty"


@pytest.mark.parametrize(
    ("role", "prefix"),
    [("devfleet.axiom.telemetry_verify", "telemetry_verify_"), ("others.axiom.telemetry_verify", ""), (None, "")],
)
def test_only_our_own_roles_variables_are_known_by_name(role: str | None, prefix: str) -> None:
    task = SimpleNamespace(_role=role and SimpleNamespace(get_name=lambda: role))
    assert role_prefix(task) == prefix
