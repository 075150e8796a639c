# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one job: parameters for ansible-runner as JSON on stdin, what happens as JSON lines on stdout.

A process of its own, as in AWX, so that the engine has its main thread and a cancelled job ends with its children. It
imports nothing of this package: the environment it gets is the job's.
"""

from __future__ import annotations

import json
import signal
import sys
from types import FrameType
from typing import Any

import ansible_runner


class Worker:
    """Reports to whoever started this process."""

    def __init__(self) -> None:
        self.cancelled = False
        self._out = sys.stdout

    def cancel(self, number: int, frame: FrameType | None) -> None:
        self.cancelled = True

    def report(self, **message: Any) -> None:
        print(json.dumps(message, default=str), file=self._out, flush=True)

    def event(self, event: dict[str, Any]) -> bool:
        self.report(event=event)
        # Nothing is kept on disk.
        return False

    def status(self, data: dict[str, Any], runner_config: Any) -> None:
        if data["status"] == "starting":
            config = runner_config
            self.report(starting={"command": config.command, "cwd": str(config.cwd), "environment": dict(config.env)})

    def run(self, parameters: dict[str, Any]) -> None:
        runner = ansible_runner.interface.run(
            event_handler=self.event,
            status_handler=self.status,
            cancel_callback=lambda: self.cancelled,
            **parameters,
        )
        self.report(status=runner.status, rc=runner.rc)


def main() -> None:
    """Do what stdin says."""
    worker = Worker()
    signal.signal(signal.SIGTERM, worker.cancel)
    # Whatever the engine prints is no message.
    sys.stdout = sys.stderr
    worker.run(json.load(sys.stdin))


if __name__ == "__main__":
    main()
