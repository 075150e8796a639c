# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists: filters, order and pages from a query string."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from awx_controller.errors import ApiError
from awx_controller.schema import BOOLEAN, INTEGER, KEY, KINDS, MIXED, Field
from awx_controller.store import Item, Store
from awx_controller.validation import FALSE, TRUE

PAGE_SIZE, MAX_PAGE_SIZE = 25, 200
_RESERVED = {"page", "page_size", "format", "order", "order_by", "search", "count_disabled"}
_LOOKUPS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": lambda value, wanted: value == wanted,
    "iexact": lambda value, wanted: str(value).lower() == str(wanted).lower(),
    "contains": lambda value, wanted: str(wanted) in str(value),
    "icontains": lambda value, wanted: str(wanted).lower() in str(value).lower(),
    "startswith": lambda value, wanted: str(value).startswith(str(wanted)),
    "istartswith": lambda value, wanted: str(value).lower().startswith(str(wanted).lower()),
    "endswith": lambda value, wanted: str(value).endswith(str(wanted)),
    "iendswith": lambda value, wanted: str(value).lower().endswith(str(wanted).lower()),
    "regex": lambda value, wanted: re.search(str(wanted), str(value)) is not None,
    "iregex": lambda value, wanted: re.search(str(wanted), str(value), re.IGNORECASE) is not None,
    "gt": lambda value, wanted: value is not None and value > wanted,
    "gte": lambda value, wanted: value is not None and value >= wanted,
    "lt": lambda value, wanted: value is not None and value < wanted,
    "lte": lambda value, wanted: value is not None and value <= wanted,
    "in": lambda value, wanted: value in wanted,
    "isnull": lambda value, wanted: (value is None) == wanted,
}


def _bad(text: str) -> ApiError:
    return ApiError(400, {"detail": text})


def _convert(text: str, entry: Field | None) -> Any:
    """Return a query string's value as the field holds it."""
    numeric = entry is None or entry.form in (INTEGER, KEY)
    if entry is not None and entry.form == BOOLEAN:
        if text in TRUE:
            return True
        if text in FALSE:
            return False
        raise _bad(f"{text!r} is not a boolean")
    if numeric:
        if text.lower() in ("none", "null"):
            return None
        if not text.lstrip("-").isdigit():
            raise _bad(f"Field '{entry.name if entry else 'id'}' expected a number but got '{text}'.")
        return int(text)
    return text


def _values(store: Store, item: Item, steps: list[str]) -> tuple[list[Any], Field | None]:
    """Return what a path of field names leads to, and the last field; ApiError 400 where there is none."""
    name, rest = steps[0], steps[1:]
    if name in ("id", "pk") and not rest:
        return [item.id], None
    if name in item.kind.links:
        members = store.linked(item, name)
        found = [value for member in members for value in (_values(store, member, rest)[0] if rest else [member.id])]
        return found, None
    if name in ("name", "description", "created", "modified") and not rest:
        text = Field(name)
        return [getattr(item, name) if name in ("created", "modified") else item.get(name)], text
    entry = item.kind.field(name)
    if entry is None and any(KINDS[path].field(name) for path in MIXED.get(item.kind.sequence, ())):
        # A collection of several kinds has the fields of all of them.
        return [None], None
    if entry is None:
        raise _bad(f"{item.kind.label} has no field named '{name}'")
    if not rest:
        return [item.get(name)], entry
    if entry.form != KEY:
        raise _bad(f"{item.kind.label} has no field named '{'__'.join(steps)}'")
    other = store.find(entry.target, item.get(name))
    return _values(store, other, rest) if other else ([], Field(rest[-1]))


def _matches(store: Store, item: Item, name: str, text: str) -> bool:
    steps = name.split("__")
    lookup = steps.pop() if len(steps) > 1 and steps[-1] in _LOOKUPS else "exact"
    if steps == ["type"]:
        return _LOOKUPS[lookup](item.kind.name, text.split(",") if lookup == "in" else text)
    values, entry = _values(store, item, steps)
    wanted: Any
    if lookup == "isnull":
        wanted = _convert(text, Field(name, BOOLEAN))
        values = values or [None]
    elif lookup == "in":
        wanted = [_convert(part, entry) for part in text.split(",")]
    else:
        wanted = _convert(text, entry)
    return any(_LOOKUPS[lookup](value, wanted) for value in values)


def select(store: Store, items: Iterable[Item], query: Iterable[tuple[str, str]]) -> list[Item]:
    """Return the items that a query string asks for, in its order; ApiError 400."""
    found = list(items)
    either: list[tuple[str, str]] = []
    order = ""
    for name, text in query:
        if name in _RESERVED:
            order = text if name in ("order", "order_by") else order
            if name == "search":
                found = [item for item in found if text.lower() in f"{item.title} {item.get('description')}".lower()]
        elif name.startswith("or__"):
            either.append((name.removeprefix("or__"), text))
        elif name.startswith("not__"):
            found = [item for item in found if not _matches(store, item, name.removeprefix("not__"), text)]
        else:
            found = [item for item in found if _matches(store, item, name, text)]
    if either:
        found = [item for item in found if any(_matches(store, item, name, text) for name, text in either)]
    for name in reversed([name for name in order.split(",") if name]):
        steps = name.removeprefix("-").split("__")
        found.sort(key=lambda item, steps=steps: _order_key(store, item, steps), reverse=name.startswith("-"))
    return found


def _order_key(store: Store, item: Item, steps: list[str]) -> tuple[bool, Any]:
    values, _entry = _values(store, item, steps)
    value = values[0] if values else None
    return value is None, "" if value is None else value


def page(items: list[Any], path: str, query: list[tuple[str, str]], represent: Callable[[Any], Any]) -> dict[str, Any]:
    """Return one page of a list as AWX answers it; ApiError 404 for a page that is not there."""
    options = dict(query)
    number, size = options.get("page", "1"), options.get("page_size", str(PAGE_SIZE))
    if not number.isdigit() or not size.isdigit() or not int(size):
        raise ApiError(404, {"detail": "Invalid page."})
    current, length = int(number), min(int(size), MAX_PAGE_SIZE)
    last = max(1, -(-len(items) // length))
    if not 1 <= current <= last:
        raise ApiError(404, {"detail": "Invalid page."})

    def link(other: int) -> str | None:
        rest = [(name, value) for name, value in query if name != "page"]
        return f"{path}?{urlencode([*rest, ('page', str(other))])}" if 1 <= other <= last else None

    shown = items[(current - 1) * length : current * length]
    return {
        "count": len(items),
        "next": link(current + 1),
        "previous": link(current - 1),
        "results": [represent(item) for item in shown],
    }
