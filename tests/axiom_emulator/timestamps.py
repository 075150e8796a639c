# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RFC 3339 instants with nanoseconds, as axiom-go sends them."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(
    r"(?P<seconds>\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?(?P<zone>[Zz]|[+-]\d\d:\d\d)", re.ASCII
)

GO_ZERO_TIME = "0001-01-01T00:00:00Z"
"""What a Go client sends for a time it never set; it means "none"."""


class Clock:
    """The server's clock, which tests may set ahead or back."""

    def __init__(self) -> None:
        self.offset_seconds = 0.0
        self.stopping = threading.Event()

    def now(self) -> datetime:
        """Return the server's time, in UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_seconds)

    def pause(self, seconds: float) -> None:
        """Wait in real time, but never hold up a server that is shutting down."""
        if seconds > 0:
            self.stopping.wait(seconds)


def normalise(text: str) -> str:
    """Return the same instant in UTC with a ``Z`` and no trailing zeros in the fraction.

    Raises ValueError where the text is no RFC 3339 date-time with a zone.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 date-time with a time zone")
    zone = "+00:00" if match["zone"] in "Zz" else match["zone"]
    try:
        moment = datetime.fromisoformat(match["seconds"].upper() + zone).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is outside the years 1 to 9999") from error
    fraction = (match["fraction"] or "").rstrip("0")
    return moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + (f".{fraction}" if fraction else "") + "Z"


def render(moment: datetime) -> str:
    """Return an aware datetime as the API writes it."""
    return normalise(moment.isoformat())


def sort_key(instant: str) -> str:
    """Return a string that orders instants written by :func:`normalise`."""
    seconds, _unused, fraction = instant.rstrip("Z").partition(".")
    return f"{seconds}.{fraction.ljust(9, '0')}"


def is_past(instant: str, now: datetime) -> bool:
    """Tell whether an instant written by :func:`normalise` has come."""
    return sort_key(instant) <= sort_key(render(now))
