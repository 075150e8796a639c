# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a process and those that it has started hold together."""

from __future__ import annotations

import threading
from contextlib import suppress

import psutil


class Memory:
    """Looks four times a second at what a process and its descendants hold. What forked workers share with the main
    process counts once (PSS); their resident sizes added up would say several times the truth."""

    def __init__(self, pid: int) -> None:
        self.peak = 0.0
        self._root = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.25):
            held = 0
            with suppress(psutil.Error):
                for process in [self._root, *self._root.children(recursive=True)]:
                    with suppress(psutil.Error):
                        info = process.memory_full_info()
                        held += getattr(info, "pss", info.uss)
            self.peak = max(self.peak, held / 2**20)

    def stop(self) -> float:
        self._done.set()
        self._thread.join()
        return self.peak
