# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all query endpoints have in common: who may read which dataset, the time range, headers, errors."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app, request

from axiom_emulator.apl_values import DAY, HOUR, MINUTE, SECOND, Instant, read_instant
from axiom_emulator.auth import authenticated, check_organization
from axiom_emulator.emulator import Emulator
from axiom_emulator.errors import ApiError
from axiom_emulator.gateway import EDGE
from axiom_emulator.storage import Row

LIMIT_GB_MS = 3_600_000_000
"""``X-QueryLimit-Limit``: a plan's allowance, in gigabyte milliseconds. It is never used up here."""

_RELATIVE = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


@dataclass(frozen=True)
class Range:
    """From ``start`` up to but not at ``end``."""

    start: Instant
    end: Instant


def emulator() -> Emulator:
    """Return the emulator that serves the current request."""
    found: Emulator = current_app.config["EMULATOR"]
    return found


def instant_of(moment: datetime) -> Instant:
    """Return an aware datetime to the microsecond."""
    seconds = int(moment.timestamp())
    return Instant(seconds * SECOND + moment.microsecond * 1_000)


def read_time(value: Any, name: str, now: Instant) -> Instant:
    """Read RFC 3339, ``now`` or ``now-1h``; ApiError 400."""
    match = re.fullmatch(r"now(?:([+-])(\d+)([smhdw]))?", value) if isinstance(value, str) else None
    if match:
        offset = int(match[2]) * _RELATIVE[match[3]] if match[1] else 0
        return Instant(now.nanoseconds + (-offset if match[1] == "-" else offset))
    try:
        if not isinstance(value, str) or "T" not in value.upper():
            raise ValueError(value)
        return read_instant(value)
    except ValueError as error:
        raise ApiError(400, f"{name}: {value!r} is neither an RFC 3339 time nor one like now-1h") from error


def time_range(start: Any, end: Any, now: Instant) -> Range:
    """Read both ends; ApiError 400 where the end is not after the start."""
    found = Range(read_time(start, "startTime", now), read_time(end, "endTime", now))
    if found.end <= found.start:
        raise ApiError(400, f"endTime {end!r} is not after startTime {start!r}")
    return found


def check_caller() -> None:
    """Raise ApiError: 401 for nobody we know, 403 for a personal token on an edge or another organization's."""
    principal = authenticated()
    if request.environ[EDGE] is None:
        check_organization(principal)
    elif principal.personal:
        raise ApiError(403, "forbidden: edge deployments take API tokens (xaat-), not personal tokens")


def readable(name: str, metrics: bool) -> Row:
    """Return a dataset that this caller may read here; ApiError 403, 404, 400 where its kind is for the other."""
    principal, here = authenticated(), request.environ[EDGE]
    if not principal.may_query(name):
        raise ApiError(403, f"forbidden: the token {principal.name!r} is missing query|read on the dataset {name!r}")
    row = emulator().storage.dataset(name)
    if row is None:
        raise ApiError(404, f"dataset {name!r} not found")
    if here is not None and row["edge"] != here:
        raise ApiError(404, f"dataset {name!r} not found on {here}: it lives on {row['edge']}")
    if metrics != (row["kind"] == "otel:metrics:v1"):
        language = "APL" if metrics else "MPL"
        raise ApiError(400, f"dataset {name!r} is of kind {row['kind']}: it is queried with {language}")
    return row


def headers() -> dict[str, str]:
    """Return what the documents put on the answer to a query."""
    now = emulator().clock.now()
    month = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=now.tzinfo)
    return {
        "X-Axiom-History-Query-Id": uuid.uuid4().hex,
        "X-QueryLimit-Limit": str(LIMIT_GB_MS),
        "X-QueryLimit-Remaining": str(LIMIT_GB_MS),
        "X-QueryLimit-Reset": str(int(month.timestamp())),
    }
