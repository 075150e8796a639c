# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything is in the user's own home, belongs to them, and nothing else on the machine moved."""

from __future__ import annotations

import json

from testinfra.host import Host

HOME = "/home/Ada Löve"


def test_the_settings_hold_the_declared_environment(host: Host, shielded: dict[str, str]) -> None:
    settings = host.file(f"{HOME}/.claude/settings.json")
    assert json.loads(settings.content) == {"env": shielded}
    assert (settings.user, settings.mode) == ("ada", 0o600)


def test_a_login_shell_hands_it_to_claude(host: Host, declared: dict[str, str]) -> None:
    out = host.check_output(
        "setpriv --reuid=ada --regid=ada --init-groups env -i HOME=%s PATH=/usr/bin:/bin bash -l -c %s",
        HOME,
        "command() { env; }; claude",
    )
    pairs = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
    assert {name: pairs.get(name) for name in declared} == declared


def test_everything_in_the_home_is_the_users(host: Host) -> None:
    assert host.check_output("find %s ! -user ada -o ! -group ada", HOME) == ""


def test_nothing_outside_the_home_moved(host: Host) -> None:
    now = host.check_output("find /etc /usr/local -type f -exec sha256sum {} + | sort")
    assert now == host.file("/var/lib/before").content_string.strip()
