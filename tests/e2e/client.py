# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install Claude Code from npm: ``python -m e2e.client FOLDER VERSION`` (or a tag), which becomes the current one.

With ``--listed`` instead of a version: every release that clients.yml lists.

The native binary is taken from the package of this machine's platform: the main package is refused by an older node,
or replaced by an old release without a word, while the binary itself needs no node at all. Releases from before there
was one are JavaScript, and get a copy of this machine's node beside them.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

PACKAGE = "@anthropic-ai/claude-code"
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
CURRENT = "current"
FIRST_NATIVE = "2.1.110"
_DATA = yaml.safe_load(Path(__file__).with_name("clients.yml").read_text())
# The releases of the client matrix but the newest, oldest first.
LISTED: list[str] = _DATA["releases"]
# By observation, the first release that does something -> what it does.
EXPECTED: dict[str, dict[str, str]] = _DATA["expected"]


def _npm(*arguments: str) -> str:
    run = subprocess.run(["npm", *arguments, "--loglevel=error"], capture_output=True, text=True, check=False)
    if run.returncode:
        # The error's code and what it means; hints and the path of a log follow.
        raise RuntimeError(f"npm {arguments[0]} failed: {'; '.join(run.stderr.splitlines()[:2])}")
    return run.stdout


def _platform_package() -> str:
    libc = "" if platform.libc_ver()[0] == "glibc" else "-musl"
    return f"{PACKAGE}-linux-{ARCHITECTURES[platform.machine()]}{libc}"


def _published_version(wanted: str) -> str:
    answer: Any = json.loads(_npm("view", f"{PACKAGE}@{wanted}", "version", "--json"))
    return str(answer)


def by_age(version: str) -> list[int]:
    """A sort key for versions."""
    return [int(number) for number in version.split(".")]


def _newest_installed(folder: Path) -> str | None:
    return max((path.parent.name for path in folder.glob("*.*.*/claude")), key=by_age, default=None)


def _version_to_install(folder: Path, wanted: str) -> str:
    if (folder / wanted / "claude").exists():
        return wanted
    try:
        return _published_version(wanted)
    except RuntimeError as error:
        found = _newest_installed(folder) if wanted == "latest" else None
        if found is None:
            raise
        print(f"{error}\nGoing on with {found}, which was installed earlier.", file=sys.stderr)
        return found


def _fetch(package: str, version: str, staging: Path) -> Path:
    """The folder of a package as npm unpacks it; none of its scripts is run."""
    options = ["--ignore-scripts", "--omit=optional", "--no-save", "--no-audit", "--no-fund"]
    _npm("install", "--prefix", str(staging), *options, f"{package}@{version}")
    return staging / "node_modules" / package


def _native(version: str, staging: Path, complete: Path) -> None:
    complete.mkdir()
    shutil.move(_fetch(_platform_package(), version, staging) / "claude", complete / "claude")


def _javascript(version: str, staging: Path, complete: Path) -> None:
    """The program finds its other files beside itself, and `node` in the same folder, which is in PATH."""
    complete.mkdir()
    shutil.move(_fetch(PACKAGE, version, staging), complete / "package")
    node = subprocess.run(["node", "-p", "process.execPath"], capture_output=True, text=True, check=True).stdout.strip()
    shutil.copy(node, complete / "node")
    (complete / "package/cli.js").chmod(0o755)
    (complete / "claude").symlink_to("package/cli.js")


def _download(folder: Path, version: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder, prefix=".npm-") as name:
        staging, complete = Path(name), Path(name, "complete")
        get = _native if by_age(version) >= by_age(FIRST_NATIVE) else _javascript
        get(version, staging, complete)
        complete.rename(folder / version)


def install(folder: Path, wanted: str) -> str:
    """Install a version once, and return the version that the program itself reports."""
    folder.mkdir(parents=True, exist_ok=True)
    version = _version_to_install(folder, wanted)
    if not (folder / version).exists():
        _download(folder, version)
    path = f"{folder / version}{os.pathsep}{os.environ['PATH']}"
    command = [folder / version / "claude", "--version"]
    reported = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True)
    if reported.stdout.split()[0] != version:
        raise RuntimeError(f"npm's {version} calls itself {reported.stdout.strip()}")
    return version


def main(folder: Path, wanted: str) -> None:
    """Install what is wanted."""
    # Somebody else runs it.
    os.umask(0o022)
    if wanted == "--listed":
        versions = [install(folder, version) for version in LISTED]
    else:
        versions = [install(folder, wanted)]
        (folder / CURRENT).unlink(missing_ok=True)
        (folder / CURRENT).symlink_to(versions[0])
    print(f"Claude Code {', '.join(versions)} from npm")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2])
    except RuntimeError as error:
        sys.exit(str(error))
