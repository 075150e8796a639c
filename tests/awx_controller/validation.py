# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checking what a client sends for an object, in the words of AWX's answers."""

from __future__ import annotations

import json
from typing import Any

import yaml

from awx_controller import recurrence
from awx_controller.errors import ApiError
from awx_controller.schema import (
    ANY,
    BOOLEAN,
    CHOICE,
    INTEGER,
    KEY,
    OBJECT,
    TEXT,
    UNIFIED_TEMPLATE,
    VARIABLES,
    Field,
    Kind,
)
from awx_controller.store import Item, Store

TRUE, FALSE = (True, 1, "true", "True", "1", "yes", "on"), (False, 0, "false", "False", "0", "no", "off")


class Invalid(Exception):
    """What is wrong with one field."""


def parse_variables(text: Any) -> dict[str, Any]:
    """Return variables given as an object, or as JSON or YAML text; Invalid."""
    if isinstance(text, dict):
        return text
    try:
        loaded = yaml.safe_load(text or "{}")
    except (yaml.YAMLError, AttributeError) as error:
        raise Invalid(f"Cannot parse as JSON or YAML ({error}).") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise Invalid(f"Input type `{type(loaded).__name__}` is not a dictionary")
    return loaded


def _text(value: Any, entry: Field) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Invalid("Not a valid string.")
    text = str(value).strip() if entry.name != "rrule" else str(value)
    if not text and not entry.blank:
        raise Invalid("This field may not be blank.")
    return text


def _boolean(value: Any) -> bool:
    if isinstance(value, (bool, int, str)):
        if value in TRUE:
            return True
        if value in FALSE:
            return False
    raise Invalid("Must be a valid boolean.")


def _integer(value: Any, entry: Field) -> int:
    try:
        number = int(value) if not isinstance(value, (bool, float)) else None
    except (TypeError, ValueError):
        number = None
    if number is None:
        raise Invalid("A valid integer is required.")
    if entry.minimum is not None and number < entry.minimum:
        raise Invalid(f"Ensure this value is greater than or equal to {entry.minimum}.")
    return number


def _choice(value: Any, entry: Field) -> Any:
    for choice in entry.choices:
        if not isinstance(value, bool) and str(choice) == str(value):
            return choice
    raise Invalid(f'"{value}" is not a valid choice.')


def _object(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except ValueError as error:
            raise Invalid("Value must be valid JSON.") from error
    if not isinstance(value, dict):
        raise Invalid("Expected an object.")
    return value


def key(store: Store, value: Any, target: str) -> int:
    """Return the id of an object that is there; Invalid."""
    try:
        identity = int(value) if not isinstance(value, (bool, float)) else None
    except (TypeError, ValueError):
        identity = None
    if identity is None:
        raise Invalid(f"Incorrect type. Expected pk value, received {type(value).__name__}.")
    if store.find(target, identity) is None:
        raise Invalid(f'Invalid pk "{identity}" - object does not exist.')
    return identity


def field_value(store: Store, entry: Field, value: Any) -> Any:
    """Return a field's value as it is kept; Invalid."""
    if entry.form == KEY and value == "":
        value = None
    if value is None:
        if entry.null:
            return None
        # AWX takes null for the empty value of these.
        if entry.form == TEXT:
            return _text("", entry)
        if entry.form == BOOLEAN:
            return False
        if entry.form == CHOICE:
            return _choice("", entry)
        raise Invalid("This field may not be null.")
    if entry.form == TEXT:
        return _text(value, entry)
    if entry.form == BOOLEAN:
        return _boolean(value)
    if entry.form == INTEGER:
        return _integer(value, entry)
    if entry.form == CHOICE:
        return _choice(value, entry)
    if entry.form == OBJECT:
        return _object(value)
    if entry.form == VARIABLES:
        parse_variables(value)
        return json.dumps(value) if isinstance(value, dict) else value
    if entry.form == KEY:
        return key(store, value, entry.target)
    assert entry.form == ANY
    return value


def _described(kind: Kind) -> tuple[Field, ...]:
    if not kind.described:
        return (Field("name", required=True, blank=False),) if kind.identity == "name" else ()
    return Field("name", required=kind.identity == "name", blank=False), Field("description")


def check_fields(store: Store, kind: Kind, body: Any, partial: bool) -> dict[str, Any]:
    """Return the values in a body; ApiError 400 with all that is wrong. What the kind does not know is ignored."""
    if not isinstance(body, dict):
        raise ApiError(400, {"detail": "JSON parse error - not a JSON object"})
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for entry in (*_described(kind), *kind.fields):
        if entry.computed:
            continue
        if entry.name not in body:
            if entry.required and not partial:
                errors[entry.name] = ["This field is required."]
            continue
        try:
            values[entry.name] = field_value(store, entry, body[entry.name])
        except Invalid as error:
            errors[entry.name] = [str(error)]
        else:
            if entry.name == "rrule" and (wrong := recurrence.problems(values["rrule"])):
                errors["rrule"] = wrong
    if errors:
        raise ApiError(400, errors)
    return values


def check_unique(store: Store, kind: Kind, values: dict[str, Any], item: Item | None) -> None:
    """Refuse a second object of the same name: ApiError 400."""
    for names in kind.unique:
        wanted = {name: values.get(name, item.get(name) if item else None) for name in names}
        others = [other for other in store.where(kind.path, **wanted) if other is not item]
        if None in wanted.values() or not others:
            continue
        titles = " and ".join(name.replace("_", " ").title() for name in names)
        if kind.sequence == UNIFIED_TEMPLATE:
            raise ApiError(
                400, {"__all__": [f"{kind.label} with this ({', '.join(names)}) combination already exists."]}
            )
        field = names[0] if len(names) == 1 else "__all__"
        raise ApiError(400, {field: [f"{kind.label} with this {titles} already exists."]})
