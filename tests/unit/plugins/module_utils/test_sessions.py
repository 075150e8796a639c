# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sessions are older than the settings, by what `ps` prints on each system; and which secret is installed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from support.machine import FakeMachine

from ansible_collections.devfleet.axiom.plugins.module_utils import secret_digest, sessions

GNU = """\
      1    01:51:17 systemd
    812       00:05 claude
   4711 2-03:04:05 claude
   4712       10:00 claude-helper
   4713       10:00 node
"""
MACOS = """\
    1 03-01:51:17 /sbin/launchd
  812       00:05 /Users/ada/.local/bin/claude
 4711 02-03:04:05 claude
 4712       10:00 /Applications/Claude Code.app/Contents/MacOS/Claude Code
"""
BUSYBOX = """\
    1 51:17 init
  812 0:05 claude
 4711 3064:05 claude
"""


@pytest.mark.parametrize(
    ("listed", "found"),
    [(GNU, [5, 183845]), (MACOS, [5, 183845]), (BUSYBOX, [5, 183845]), ("", []), ("who knows\n", [])],
    ids=["GNU", "macOS", "busybox", "nothing", "nonsense"],
)
def test_ages_of_sessions(listed, found):
    assert sessions.ages(listed) == found


def options(machine: FakeMachine, **changes: Any) -> dict[str, Any]:
    base = {"prefix": str(machine.root), "platform": "linux", "targets": ["managed_settings"], "users": []}
    return {**base, **changes}


@pytest.mark.parametrize(
    ("ago", "older"),
    [(3600, 1), (4, 1), (10**6, 0)],
)
def test_sessions_from_before_the_settings_were_written_are_counted(ago, older, tmp_path):
    machine = FakeMachine(tmp_path)
    machine.write("etc/claude-code/managed-settings.d/90-axiom-telemetry.json", "{}")
    written = time.time() - ago
    os.utime(machine.drop_in, (written, written))
    listed = f"4711 2-03:04:05 claude\n 812 {ago // 60 // 60:02}:{ago // 60 % 60:02}:00 nobody\n"
    assert sessions.count_older(options(machine), ["printf", "%s", listed]) == older


def test_a_users_secret_counts_as_well(tmp_path):
    machine = FakeMachine(tmp_path)
    asked = options(machine, targets=["shell_profile"], users=["ada"])
    assert sessions.written_at(asked) is None
    path = machine.write("home/ada/.local/share/claude-code-telemetry/token", "x")
    assert sessions.written_at(asked) == path.stat().st_mtime


@pytest.mark.parametrize("command", [["false"], ["/nowhere/ps"], ["sleep", "0"]])
def test_where_nobody_can_tell_nothing_is_claimed(command, tmp_path):
    assert sessions.count_older(options(FakeMachine(tmp_path)), command) is None


def test_which_secret_of_a_record_a_machine_holds_is_told_without_it():
    known = secret_digest.digests({"secret": "xaat-new", "previous_secret": "xaat-old"})
    assert "xaat" not in str(known)
    words = [secret_digest.which(f"Bearer {secret}", known) for secret in ("xaat-new", "xaat-old", "xaat-other", "")]
    assert words == ["current", "previous", "other", "other"]
    assert known != secret_digest.digests({"secret": "xaat-new", "previous_secret": "xaat-old"}), "the salt is new"
    assert secret_digest.which("Bearer x", secret_digest.digests({"secret": None})) == "other"


def test_paths_of_settings_of_users(tmp_path):
    machine = FakeMachine(tmp_path)
    path: Path = machine.write("home/ada/.claude/settings.json", "{}")
    assert sessions.written_at(options(machine, targets=["user_settings"], users=["ada"])) == path.stat().st_mtime
