# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``X-RateLimit-*``, as Axiom documents it: requests per minute, reset in epoch seconds."""

from __future__ import annotations

import threading

from axiom_emulator.timestamps import Clock

PER_MINUTE = 100_000


class RateLimiter:
    """Counts requests per scope in windows of one minute."""

    def __init__(self, clock: Clock) -> None:
        self.per_minute = PER_MINUTE
        self._clock = clock
        self._lock = threading.Lock()
        self._window = 0
        self._used: dict[str, int] = {}

    def count(self, scope: str) -> tuple[bool, dict[str, str]]:
        """Count one request; return whether it is within the limit, and the headers of its answer."""
        window = int(self._clock.now().timestamp()) // 60
        with self._lock:
            if window != self._window:
                self._window, self._used = window, {}
            used = self._used.get(scope, 0) + 1
            self._used[scope] = used
        return used <= self.per_minute, {
            "X-RateLimit-Scope": scope,
            "X-RateLimit-Limit": str(self.per_minute),
            "X-RateLimit-Remaining": str(max(self.per_minute - used, 0)),
            "X-RateLimit-Reset": str((window + 1) * 60),
        }
