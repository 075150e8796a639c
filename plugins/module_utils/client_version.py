# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Claude Code is installed: looked for in the usual places and asked, with the rights of whoever would run it.

And whether anybody has ever run it, which leaves traces in a home.
"""

from __future__ import annotations

import glob
import os
import pwd
import re
import stat
import subprocess
from typing import Any, Mapping

from ansible_collections.devfleet.axiom.plugins.module_utils import host_files
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import Account, HostError

# Native installer, its predecessor, npm with its usual prefixes and version managers, Homebrew, packages.
USER_PLACES = (
    *(".local/bin/claude", ".claude/local/claude", ".npm-global/bin/claude", ".bun/bin/claude", ".volta/bin/claude"),
    ".nvm/versions/node/*/bin/claude",
)
MACHINE_PLACES = ("/usr/local/bin/claude", "/opt/homebrew/bin/claude", "/usr/bin/claude")
# What the client leaves in a home with its first run (measured with 2.1.331); a settings.json can be of others' making.
TRACES = (".claude.json", ".claude/projects")
HOMES = ("/home/*", "/Users/*", "/root", "/var/root")
SECONDS = 10

_VERSION = re.compile(r"(\d+\.\d+\.\d+)\b")
_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"


def _version(path: str, home: str) -> str | None:
    """None where it gives no answer in time."""
    environment = {"HOME": home, "PATH": f"{os.path.dirname(path)}:{_PATH}", "DISABLE_AUTOUPDATER": "1"}
    try:
        done = subprocess.run(
            [path, "--version"],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.match(done.stdout.decode("utf-8", "replace"))
    return match.group(1) if match else None


def numbers(version: str) -> tuple[int, ...]:
    """To compare versions by."""
    return tuple(int(number) for number in version.split(".")[:3])


def _ask(paths: list[str], user: str | None, home: str) -> list[dict[str, Any]]:
    """Each program once, however many links lead to it."""
    found: dict[str, dict[str, Any]] = {}
    for pattern in paths:
        for path in sorted(glob.glob(pattern)):
            if os.access(path, os.X_OK) and os.path.isfile(path) and os.path.realpath(path) not in found:
                found[os.path.realpath(path)] = {"user": user, "path": path, "version": _version(path, home)}
    return list(found.values())


def _nobody() -> Account | None:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return None
    return Account("nobody", entry.pw_uid, entry.pw_gid, "/")


def _homes(options: Mapping[str, Any]) -> list[Account]:
    """Of the users, or without any all that are in the usual places."""
    if options["users"]:
        return [host_files.account(user, options["prefix"]) for user in options["users"]]
    found = []
    for pattern in HOMES:
        for home in glob.glob(host_files.below(glob.escape(options["prefix"]), pattern)):
            status = os.lstat(home)
            if stat.S_ISDIR(status.st_mode):
                found.append(Account(os.path.basename(home), status.st_uid, status.st_gid, home))
    return found


def in_use(options: Mapping[str, Any]) -> bool | None:
    """Whether anybody has ever run Claude Code here; None where a home could not be looked into.

    :param options: users and prefix. Without users, every home in the usual places.
    """
    try:
        found = [
            host_files.run_as(home, lambda: any(os.path.lexists(os.path.join(home.home, name)) for name in TRACES))  # noqa: B023
            if os.geteuid() in (0, home.uid)
            else None
            for home in _homes(options)
        ]
    except (HostError, OSError):
        return None
    return True if True in found else None if None in found else False


def clients(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every Claude Code that was found: dicts with user, path and version, which is None where it did not say.

    :param options: users and prefix. Without users the machine-wide places only, asked as nobody.
    """
    prefix = options["prefix"]
    shared = [host_files.below(glob.escape(prefix), path) for path in MACHINE_PLACES]
    found: list[dict[str, Any]] = []
    for user in options["users"]:
        try:
            owner = host_files.account(user, prefix)
        except HostError:
            continue
        places = [os.path.join(glob.escape(owner.home), place) for place in USER_PLACES] + shared
        found += host_files.run_as(owner, lambda: _ask(places, owner.name, owner.home))  # noqa: B023
    if not options["users"]:
        nobody = _nobody()
        if nobody is not None:
            found += host_files.run_as(nobody, lambda: _ask(shared, None, "/"))
    return found
