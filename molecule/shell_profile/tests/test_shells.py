# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the real shells as people do, and read the environment that comes out of them value by value."""

from __future__ import annotations

import pytest
from testinfra.host import Host

HOMES = {"ada": "/home/Ada Löve", "grace": "/home/grace"}
# Modes that read a start-up file; a plain `bash -c`, `sh -c` or `dash -c` reads none.
STARTS = ["bash -l -c", "bash -i -c", "zsh -c", "zsh -l -c", "zsh -i -c", "fish -c", "fish -l -c", "sh -l -c"]
OURS = ("OTEL_", "CLAUDE_CODE_ENABLE_TELEMETRY")


def started(host: Host, user: str, start: str, command: str) -> dict[str, str]:
    """The telemetry variables that the command prints, from a shell of that user's with nothing inherited."""
    out = host.check_output(
        "setpriv --reuid=%s --regid=%s --init-groups env -i HOME=%s PATH=/usr/local/bin:/usr/bin:/bin " + start + " %s",
        user,
        user,
        HOMES[user],
        command,
    )
    pairs = dict(line.split("=", 1) for line in out.splitlines())
    return {name: value for name, value in pairs.items() if name.startswith(OURS)}


def is_machine(host: Host) -> bool:
    return host.backend.get_hostname().endswith("-machine")


@pytest.mark.parametrize("user", HOMES)
@pytest.mark.parametrize("start", STARTS)
def test_claude_sees_exactly_the_declared_environment(
    host: Host, declared: dict[str, str], user: str, start: str
) -> None:
    assert started(host, user, start, "claude") == declared


@pytest.mark.parametrize("user", HOMES)
@pytest.mark.parametrize("start", STARTS)
def test_other_programs_see_it_in_scope_session_only(
    host: Host, declared: dict[str, str], user: str, start: str
) -> None:
    assert started(host, user, start, "env") == ({} if is_machine(host) else declared)


def test_the_secret_is_in_one_file_that_its_readers_can_read(host: Host) -> None:
    if is_machine(host):
        expected = {"/etc/claude-code-telemetry/token": ("root", 0o644)}
    else:
        expected = {f"{HOMES[user]}/.local/share/claude-code-telemetry/token": (user, 0o600) for user in HOMES}
    found = host.check_output("grep -rl xaat-00000000 /etc /home /root").splitlines()
    assert {path: (host.file(path).user, host.file(path).mode) for path in found} == expected


def test_lines_of_others_stay(host: Host) -> None:
    assert host.file(f"{HOMES['ada']}/.bashrc").contains("^export EDITOR=vi$")
    assert host.file("/etc/zsh/zshenv").contains("^export EDITOR=vi$")
