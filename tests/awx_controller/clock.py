# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's idea of now, which tests may move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Real time plus an offset."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        return datetime.now(UTC) + self.offset

    def move_to(self, instant: datetime) -> None:
        """Make this instant the present one."""
        self.offset += instant - self.now()


def timestamp(instant: datetime) -> str:
    """Return an instant as answers spell it: UTC, microseconds, ``Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_timestamp(instant: datetime | None) -> str | None:
    """Return an instant as schedules spell it: UTC, whole seconds, ``Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if instant else None
