# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading request bodies strictly."""

from __future__ import annotations

import json
from typing import Any

from flask import request

from axiom_emulator.errors import ApiError
from axiom_emulator.timestamps import GO_ZERO_TIME, normalise


def json_body() -> Any:
    """Return the request's JSON; ApiError 415 or 400."""
    if request.mimetype != "application/json":
        raise ApiError(415, "the body must be sent as application/json")
    try:
        return json.loads(request.get_data())
    except ValueError as error:
        raise ApiError(400, "the body is not valid JSON") from error


def json_object(allowed: set[str]) -> dict[str, Any]:
    """Return the request's JSON object without its null members; ApiError 422 on a member not in ``allowed``.

    Real clients send ``null`` for what they do not ask for.
    """
    return known_members(json_body(), allowed, "the body")


def known_members(value: Any, allowed: set[str], where: str) -> dict[str, Any]:
    """Return an object without its null members; ApiError 422 where it is none or has others than ``allowed``."""
    if not isinstance(value, dict):
        raise ApiError(422, f"{where} must be an object")
    for name in value:
        if name not in allowed:
            raise ApiError(422, f"{where} has no member {name!r}")
    return {name: member for name, member in value.items() if member is not None}


def text(body: dict[str, Any], name: str, default: str = "") -> str:
    """Return a string member; ApiError 422."""
    value = body.get(name, default)
    if not isinstance(value, str):
        raise ApiError(422, f"{name} must be a string")
    return value


def instant(body: dict[str, Any], name: str) -> str | None:
    """Return a date-time member in UTC, None where absent or Go's zero time; ApiError 422."""
    value = body.get(name)
    if value is None or value == GO_ZERO_TIME:
        return None
    if not isinstance(value, str):
        raise ApiError(422, f"{name} must be a string")
    try:
        return normalise(value)
    except ValueError as error:
        raise ApiError(422, f"{name}: {error}") from error
