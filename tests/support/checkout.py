# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of this checkout: all but those that git ignores."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def files() -> list[str]:
    """What is tracked, and what is new and would be; relative paths, sorted."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout.split("\0")
    # What is deleted and not yet committed is still tracked.
    return sorted(name for name in names if name and (CHECKOUT / name).is_file())


def copy(target: Path) -> None:
    """The files below ``target``, which is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    for name in files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, target / name, follow_symlinks=False)
