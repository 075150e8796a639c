# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The processes that are said to run on a machine: those of the machine that runs the tests are nobody's business."""

from __future__ import annotations

import sys
from pathlib import Path


class Processes:
    """A Python for a machine's modules, which sees the processes that a test says."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.python = folder / "python"
        self._script(self.python, f'PATH={folder}:$PATH exec {sys.executable} "$@"')
        self.runs()

    def runs(self, *lines: str) -> None:
        """What `ps -A -o pid= -o etime= -o comm=` prints."""
        listed = "\n".join(["    1 10-00:00:00 init", *lines])
        self._script(self._folder / "ps", f"cat <<'END'\n{listed}\nEND")

    @staticmethod
    def _script(path: Path, body: str) -> None:
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
