# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions of Claude Code that were started before the settings on this machine were last written.

A session keeps the secret that it started with (measured on 2.1.330), so these still use the one before.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from typing import Any, Mapping, Sequence

from ansible_collections.devfleet.axiom.plugins.module_utils import client_settings, host_files, targets
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError

# POSIX names all three; etime is [[days-]hours:]minutes:seconds on GNU, BSD and macOS, and hours may lack in busybox.
PS = ("ps", "-A", "-o", "pid=", "-o", "etime=", "-o", "comm=")
_LINE = re.compile(r"\s*(\d+)\s+(?:(?:(\d+)-)?(\d+):)?(\d+):(\d\d)\s+(.+?)\s*\Z", re.ASCII)
_PROGRAM = "claude"
# Process ages are whole seconds, so a session that started in the same one may be older.
_GRAIN = 2


def ages(listed: str) -> list[int]:
    """Seconds since each session of Claude Code in the output of `ps` was started; macOS prints whole paths."""
    found = []
    for line in listed.splitlines():
        match = _LINE.match(line)
        if match and os.path.basename(match.group(6)) == _PROGRAM:
            days, hours, minutes, seconds = (int(match.group(part) or 0) for part in (2, 3, 4, 5))
            found.append(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    return found


def _paths(options: Mapping[str, Any], target: str, user: str | None) -> list[str]:
    """The files that may hold the secret of a target."""
    prefix = options["prefix"]
    if target == "managed_settings":
        base = client_settings.directory(options)
        drop_ins = os.path.join(base, targets.SETTINGS_DROP_INS)
        names = os.listdir(drop_ins) if os.path.isdir(drop_ins) else []
        return [os.path.join(base, targets.SETTINGS_BASE), *(os.path.join(drop_ins, name) for name in names)]
    home = host_files.account(user, prefix).home if user else None
    if target == "shell_profile":
        place = targets.token_path(user)
        return [os.path.join(home, place) if home else host_files.below(prefix, place)]
    return [os.path.join(home or "", targets.user_settings_path())]


def written_at(options: Mapping[str, Any]) -> float | None:
    """When the newest file with a secret in it was written, Unix time; None where there is none."""
    times = []
    for target in options["targets"]:
        for user in targets.users_of(target, options):
            try:
                times += [os.lstat(path).st_mtime for path in _paths(options, target, user) if os.path.lexists(path)]
            except (HostError, OSError):
                continue
    return max(times) if times else None


def count_older(options: Mapping[str, Any], command: Sequence[str] = PS) -> int | None:
    """How many sessions here are older than what is installed; None where that cannot be told."""
    written = written_at(options)
    try:
        done = subprocess.run(
            list(command),
            env=dict(os.environ, LC_ALL="C"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode != 0 or written is None:
        return None
    since = time.time() - written
    return sum(1 for age in ages(done.stdout.decode("utf-8", "replace")) if age + _GRAIN > since)
