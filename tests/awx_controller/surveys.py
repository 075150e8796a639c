# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surveys: what a specification may say, and which answers fit it. Pure functions."""

from __future__ import annotations

import copy
from typing import Any

from awx_controller.credentials import ENCRYPTED
from awx_controller.errors import ApiError

# Question type -> the type of its default value.
_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "textarea": (str,),
    "password": (str,),
    "multiplechoice": (str,),
    "multiselect": (str, list),
    "integer": (int,),
    "float": (int, float),
}
_TEXTS = ("text", "textarea", "password")


def _refuse(text: str) -> ApiError:
    return ApiError(400, {"error": text})


def choices(question: dict[str, Any]) -> list[str]:
    """Return a question's choices, given as a list or one to a line."""
    given = question.get("choices", [])
    return [line for line in given.splitlines() if line.strip()] if isinstance(given, str) else list(given)


def check_specification(spec: Any, old: dict[str, Any]) -> dict[str, Any]:
    """Return a survey specification as it is kept; ApiError 400 in AWX's words."""
    if not isinstance(spec, dict):
        raise _refuse("Survey specification is not a json object.")
    for name, kind, label in (("name", str, "string"), ("description", str, "string"), ("spec", list, "list of items")):
        if name not in spec:
            raise _refuse(f"Field '{name}' is missing from survey spec.")
        if not isinstance(spec[name], kind):
            raise _refuse(f"Expected {label} for field '{name}', received {type(spec[name]).__name__} type.")
    if not spec["spec"]:
        raise _refuse("'spec' doesn't contain any items.")
    before = {question["variable"]: question for question in old.get("spec", [])}
    kept = copy.deepcopy(spec)
    seen: set[str] = set()
    for index, question in enumerate(kept["spec"]):
        _check_question(question, index)
        if question["variable"] in seen:
            raise _refuse(f"'variable' '{question['variable']}' duplicated in survey question {index}.")
        seen.add(question["variable"])
        if question.get("default") == ENCRYPTED:
            _keep_default(question, before.get(question["variable"], {}), index)
    return kept


def _keep_default(question: dict[str, Any], before: dict[str, Any], index: int) -> None:
    if question["type"] != "password":
        message = "$encrypted$ is a reserved keyword for password question defaults, survey question"
        raise _refuse(f"{message} {index} is type {question['type']}.")
    if "default" not in before:
        raise _refuse(f"$encrypted$ is a reserved keyword, may not be used for new default in position {index}.")
    question["default"] = before["default"]


def _check_question(question: Any, index: int) -> None:
    if not isinstance(question, dict):
        raise _refuse(f"Survey question {index} is not a json object.")
    for name in ("type", "question_name", "variable", "required"):
        if name not in question:
            raise _refuse(f"'{name}' missing from survey question {index}")
        wanted, label = (bool, "boolean") if name == "required" else (str, "string")
        if not isinstance(question[name], wanted):
            raise _refuse(f"'{name}' in survey question {index} expected to be {label}.")
    kind = question["type"]
    if kind not in _TYPES:
        allowed = ", ".join(_TYPES)
        raise _refuse(f"'{kind}' in survey question {index} is not one of '{allowed}' allowed question types.")
    default = question.get("default", "")
    if default != "" and not isinstance(default, _TYPES[kind]):
        label = kind if kind in ("integer", "float") else "string"
        raise _refuse(f"Default value {default} in survey question {index} expected to be {label}.")
    for name in ("min", "max"):
        if question.get(name) is not None and not isinstance(question[name], int):
            raise _refuse(f"The {name} limit in survey question {index} expected to be integer.")
    if kind in ("multiselect", "multiplechoice"):
        if "choices" not in question:
            raise _refuse(f"Survey question {index} of type {kind} must specify choices.")
        defaults = default.splitlines() if isinstance(default, str) else list(default)
        if kind == "multiplechoice" and len(defaults) > 1:
            raise _refuse("Multiple Choice (Single Select) can only have one default value.")
        if any(entry not in choices(question) for entry in defaults):
            raise _refuse("Default choice must be answered from the choices listed.")


def shown_specification(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a specification as answers show it: defaults of passwords hidden."""
    shown = copy.deepcopy(spec)
    for question in shown.get("spec", []):
        if question["type"] == "password" and question.get("default"):
            question["default"] = ENCRYPTED
    return shown


def password_variables(spec: dict[str, Any]) -> set[str]:
    """Names of the variables whose answers are secret."""
    return {question["variable"] for question in spec.get("spec", []) if question["type"] == "password"}


def required_variables(spec: dict[str, Any]) -> list[str]:
    """Names of the variables that must be answered."""
    return [question["variable"] for question in spec.get("spec", []) if question["required"]]


def _limit(question: dict[str, Any], name: str) -> int | None:
    value = question.get(name)
    return None if value in ("", None) else int(value)


def answer_errors(question: dict[str, Any], answers: dict[str, Any], need_required: bool = True) -> list[str]:
    """Return what is wrong with the answer to one question."""
    variable, kind = question["variable"], question["type"]
    value = answers.get(variable)
    if kind == "password" and value == ENCRYPTED:
        missing = question.get("default") is None and question["required"] and need_required
        return [f"'{variable}' value missing"] if missing else []
    if variable not in answers:
        return [f"'{variable}' value missing"] if question["required"] and need_required else []
    least, most = _limit(question, "min"), _limit(question, "max")
    if kind in _TEXTS:
        if not isinstance(value, str):
            return [f"Value {value} for '{variable}' expected to be a string."]
        if least is not None and len(value) < least:
            return [f"'{variable}' value {value} is too small (length is {len(value)} must be at least {least})."]
        if most is not None and len(value) > most:
            return [f"'{variable}' value {value} is too large (must be no more than {most})."]
    elif kind in ("integer", "float"):
        if isinstance(value, bool) or not isinstance(value, _TYPES[kind]):
            label = "an integer" if kind == "integer" else "a numeric type"
            return [f"Value {value} for '{variable}' expected to be {label}."]
        assert isinstance(value, (int, float))
        if least is not None and value < least:
            return [f"'{variable}' value {value} is too small (must be at least {least})."]
        if most is not None and value > most:
            return [f"'{variable}' value {value} is too large (must be no more than {most})."]
    elif kind == "multiselect":
        if not isinstance(value, list):
            return [f"'{variable}' value is expected to be a list."]
        listed = choices(question)
        return [f"Value {one} for '{variable}' expected to be one of {listed}." for one in value if one not in listed]
    elif value not in choices(question):
        return [f"Value {value} for '{variable}' expected to be one of {choices(question)}."]
    return []


def defaults(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults of a survey that are valid answers to it."""
    return {
        question["variable"]: question["default"]
        for question in spec.get("spec", [])
        if question.get("default") is not None
        and not answer_errors(question, {question["variable"]: question["default"]})
    }
