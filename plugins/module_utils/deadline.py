# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One deadline for the whole of a piece of work: a socket's own starts anew with every byte, resolving has none."""

from __future__ import annotations

import threading
import time
from typing import Callable, TypeVar

_Result = TypeVar("_Result")


class Overdue(Exception):
    """The deadline has passed."""


class Deadline:
    """Bounds how long something takes, however slowly an answer drips, in seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = 0.0

    def start(self) -> None:
        """The time begins, anew where it has begun before."""
        self._end = time.monotonic() + self.seconds

    def pause(self) -> None:
        """Nothing is waited for until the next start()."""
        self._end = float("inf")

    def run(self, work: Callable[[], _Result]) -> _Result:
        """What the work returns or raises; Overdue where it is not over in time, and then nobody waits on."""
        outcome: list[_Result] = []
        errors: list[BaseException] = []

        def keep() -> None:
            try:
                outcome.append(work())
            except BaseException as error:
                errors.append(error)

        self.start()
        thread = threading.Thread(target=keep, daemon=True)
        thread.start()
        while thread.is_alive():
            left = self._end - time.monotonic()
            if left <= 0:
                raise Overdue
            thread.join(min(left, self.seconds))
        if errors:
            raise errors[0]
        return outcome[0]
