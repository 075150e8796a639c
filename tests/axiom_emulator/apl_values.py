# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of APL: what Python has no type for, their names, and how they are written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from axiom_emulator.timestamps import normalise

SECOND = 1_000_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND

_UNITS = {
    "ns": 1,
    "nanosecond": 1,
    "us": 1_000,
    "microsecond": 1_000,
    "ms": 1_000_000,
    "millisecond": 1_000_000,
    "s": SECOND,
    "sec": SECOND,
    "second": SECOND,
    "m": MINUTE,
    "min": MINUTE,
    "minute": MINUTE,
    "h": HOUR,
    "hr": HOUR,
    "hour": HOUR,
    "d": DAY,
    "day": DAY,
}
_DATE_FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


@dataclass(frozen=True, order=True, slots=True)
class Instant:
    """A datetime, in nanoseconds since 1970."""

    nanoseconds: int


@dataclass(frozen=True, order=True, slots=True)
class Span:
    """A timespan, in nanoseconds."""

    nanoseconds: int


def type_name(value: Any) -> str:
    """Return the type of a value as a table's field names it; a null's is ``unknown``."""
    if value is None:
        return "unknown"
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return name
    raise TypeError(type(value))


_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "float"),
    (str, "string"),
    (Instant, "datetime"),
    (Span, "timespan"),
    (dict, "map"),
    (list, "array"),
)


def is_number(value: Any) -> bool:
    """Tell whether a value is an integer or a real."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def read_span(text: str) -> Span:
    """Read ``1h``, ``1.5h`` or ``30min``; ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]+)", text)
    unit = _UNITS.get(match[2]) or _UNITS.get(match[2].removesuffix("s")) if match else None
    if match is None or unit is None:
        raise ValueError(f"{text!r} is no timespan")
    return Span(int(Decimal(match[1]) * unit))


def read_instant(text: str) -> Instant:
    """Read a datetime in one of the documented formats, UTC where it names no zone; ValueError."""
    text = text.strip()
    match = re.fullmatch(r"(?P<moment>.*?)(?:\.(?P<fraction>\d{1,9}))?(?P<zone>[Zz]|[+-]\d\d:\d\d)?", text, re.ASCII)
    if match is None:
        raise ValueError(f"{text!r} is no datetime")
    zone = "+0000" if match["zone"] in (None, "Z", "z") else match["zone"].replace(":", "")
    for pattern in _DATE_FORMATS:
        try:
            moment = datetime.strptime(match["moment"] + zone, pattern + "%z")
        except ValueError:
            continue
        fraction = int((match["fraction"] or "").ljust(9, "0"))
        return Instant(int(moment.timestamp()) * SECOND + fraction)
    raise ValueError(f"{text!r} is no datetime")


def write_instant(instant: Instant) -> str:
    """Return RFC 3339 in UTC with a ``Z`` and no trailing zeros in the fraction."""
    seconds, fraction = divmod(instant.nanoseconds, SECOND)
    return normalise(f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09}Z")


def write_span(span: Span) -> str:
    """Return a duration as Go writes it: ``1m20s``, ``1.5ms``, ``0s``."""
    left = abs(span.nanoseconds)
    sign = "-" if span.nanoseconds < 0 else ""
    if left < SECOND:
        for unit, size in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
            if left >= size:
                return f"{sign}{_decimal(Decimal(left) / size)}{unit}"
        return "0s"
    hours, left = divmod(left, HOUR)
    minutes, left = divmod(left, MINUTE)
    parts = (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "")
    return f"{sign}{parts}{_decimal(Decimal(left) / SECOND)}s"


def _decimal(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_text(value: Any) -> str:
    """Return what ``tostring`` makes of a value: null is empty, a real has no exponent and no needless zeros."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _decimal(Decimal(repr(value)))
    if isinstance(value, Instant):
        return write_instant(value)
    if isinstance(value, Span):
        return write_span(value)
    return json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":"))


def to_json(value: Any) -> Any:
    """Return a value as an answer holds it."""
    if isinstance(value, Instant):
        return write_instant(value)
    if isinstance(value, Span):
        return write_span(value)
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value


def identity(value: Any) -> Any:
    """Return something hashable that is equal for equal values of one type only."""
    if isinstance(value, (list, dict)):
        return "json", json.dumps(to_json(value), sort_keys=True)
    return type(value), value
