# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Pythons of this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path


def search_path() -> list[Path]:
    """The folders in PATH without pyenv's shims, which answer only for the versions selected."""
    return [Path(folder) for folder in os.environ["PATH"].split(os.pathsep) if Path(folder).name != "shims"]


def pythons(versions: Iterable[str], modules: str, first: Iterable[Path] = ()) -> dict[str, Path]:
    """The first of each version that starts and can import these modules, in the order of the versions.

    :param versions: for instance 3.8.
    :param modules: separated by commas.
    :param first: folders to look into before all others: PATH, and pyenv's installations one by one.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    found = {}
    for version in versions:
        name = f"python{version}"
        installed = sorted(pyenv.glob(f"{version}.*/bin/{name}"), reverse=True)
        for candidate in [*(folder / name for folder in (*first, *search_path())), *installed]:
            command = [candidate, "-c", f"import {modules}"]
            if candidate.exists() and subprocess.run(command, check=False, capture_output=True).returncode == 0:
                found[version] = candidate
                break
    return found
