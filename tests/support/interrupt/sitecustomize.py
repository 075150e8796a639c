# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""With its folder in PYTHONPATH: ends a run, or fills its disk, at a chosen write to the store.

INTERRUPT is `HOW:NUMBER`: `before` and `after` kill the run, without any chance to clean up, before or after the store
is replaced for the NUMBERth time; `full` lets that write fail. Only writes of the run's one worker that stores count.
"""

from __future__ import annotations

import os
import signal
from typing import Any

_how, _number = os.environ["INTERRUPT"].split(":")
_rename = os.rename
_seen = 0


def _interrupted(source: Any, target: Any, **options: Any) -> None:
    global _seen
    if str(source).endswith(".new"):
        _seen += 1
        if _seen == int(_number):
            if _how == "full":
                raise OSError(28, "No space left on device")
            if _how == "after":
                _rename(source, target, **options)
            for process in (os.getppid(), os.getpid()):
                os.kill(process, signal.SIGKILL)
    _rename(source, target, **options)


os.rename = _interrupted
