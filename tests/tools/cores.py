# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One virtual environment per ansible-core that the collection supports: the controllers of the matrix.

Which ones follows from ``requires_ansible`` in meta/runtime.yml and from what the package index has; each gets the
oldest Python on this machine that the index offers it to. Prints one line per controller, its folder and its name; one
that this machine has no Python for is named on stderr.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from support.pythons import pythons

CHECKOUT = Path(__file__).resolve().parents[2]
REQUIREMENTS = CHECKOUT / "requirements.txt"
# Asked of the index as the Python that can have every release.
ANY_PYTHON = "3.99"
# Pythons that are looked for: from the oldest that `make setup` takes.
MINORS = [f"3.{number}" for number in range(11, 30)]


def offered(python_version: str) -> list[Version]:
    """Releases of ansible-core that the index offers to a Python, newest first."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "index", "versions", "ansible-core"]
    run = subprocess.run([*pip, "--python-version", python_version], check=False, capture_output=True, text=True)
    listed = re.search(r"^Available versions: (.*)$", run.stdout, re.MULTILINE)
    if not listed:
        raise SystemExit(f"pip index lists no ansible-core: {run.stderr}")
    return [Version(text) for text in listed.group(1).split(", ")]


def minor(version: Version) -> str:
    return f"{version.major}.{version.minor}"


def supported() -> list[str]:
    """Every minor release from the oldest that meta/runtime.yml allows to the newest there is, oldest first."""
    allowed = SpecifierSet(yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text())["requires_ansible"])
    return [*dict.fromkeys(minor(version) for version in reversed(offered(ANY_PYTHON)) if version in allowed)]


def make(folder: Path, python: Path, release: Version) -> None:
    """A virtual environment with this release and what the collection's plugins need on a controller."""
    stamp, wanted = folder / "installed", f"ansible-core=={release}\n{REQUIREMENTS.read_text()}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    install = [folder / "bin/python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*install, f"ansible-core=={release}", "-r", REQUIREMENTS], check=True)
    # Written last: it says what is installed.
    stamp.write_text(wanted)


def controllers() -> dict[str, tuple[Path, Version] | None]:
    """For every supported minor release the oldest Python that can run it and its newest release, or None."""
    offers = [(python, offered(version)) for version, python in pythons(MINORS, "ensurepip, venv").items()]
    found: dict[str, tuple[Path, Version] | None] = {}
    for core in supported():
        fitting = ((python, release) for python, releases in offers for release in releases if minor(release) == core)
        found[core] = next(fitting, None)
    return found


def main() -> None:
    """Make the virtual environments and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the virtual environments are")
    parser.add_argument("--ends", action="store_true", help="only the oldest and the newest that this machine can run")
    options = parser.parse_args()

    found = controllers()
    possible = {core: controller for core, controller in found.items() if controller}
    for core, (python, release) in possible.items():
        if not options.ends or core in (min(possible, key=Version), max(possible, key=Version)):
            make(options.folder / core, python, release)
            print(options.folder / core, "ansible-core", release, flush=True)
    for core in found.keys() - possible.keys():
        print(f"ansible-core {core}: left out, this machine has no Python for it", file=sys.stderr)


if __name__ == "__main__":
    main()
