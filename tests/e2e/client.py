# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install Claude Code from npm: ``python -m e2e.client FOLDER [VERSION]`` (a version or a tag, `latest` if left out).

The native binary is taken from the package of this machine's platform: the main package is refused by an older node,
or replaced by an old release without a word, while the binary itself needs no node at all.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PACKAGE = "@anthropic-ai/claude-code"
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
CURRENT = "current"


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


def _newest_installed(folder: Path) -> str | None:
    versions = [path.parent.name for path in folder.glob("*.*.*/claude")]
    return max(versions, key=lambda version: [int(number) for number in version.split(".")], default=None)


def _version_to_install(folder: Path, wanted: str) -> str:
    try:
        return _published_version(wanted)
    except RuntimeError as error:
        found = _newest_installed(folder) if wanted == "latest" else wanted
        if found is None or not (folder / found / "claude").exists():
            raise
        print(f"{error}\nGoing on with {found}, which was installed earlier.", file=sys.stderr)
        return found


def _download(folder: Path, version: str) -> None:
    package = _platform_package()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".npm-") as staging:
        options = ["--ignore-scripts", "--no-save", "--no-audit", "--no-fund"]
        _npm("install", "--prefix", staging, *options, f"{package}@{version}")
        complete = Path(staging) / "complete"
        complete.mkdir()
        shutil.move(Path(staging) / "node_modules" / package / "claude", complete / "claude")
        for path in (complete, complete / "claude"):
            # Whatever the umask: it is run by somebody else.
            path.chmod(0o755)
        complete.rename(folder / version)


def install(folder: Path, wanted: str = "latest") -> str:
    """Install a version once, make it the current one, and return the version that the binary itself reports."""
    folder.mkdir(parents=True, exist_ok=True)
    version = _version_to_install(folder, wanted)
    if not (folder / version).exists():
        _download(folder, version)
    reported = subprocess.run([folder / version / "claude", "--version"], capture_output=True, text=True, check=True)
    if reported.stdout.split()[0] != version:
        raise RuntimeError(f"npm's {version} calls itself {reported.stdout.strip()}")
    (folder / CURRENT).unlink(missing_ok=True)
    (folder / CURRENT).symlink_to(version)
    return version


if __name__ == "__main__":
    try:
        print(f"Claude Code {install(Path(sys.argv[1]), *sys.argv[2:3])} from npm")
    except RuntimeError as error:
        sys.exit(str(error))
