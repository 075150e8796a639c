# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each user's settings hold our variables beside their own things, with their own rights."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

SETTINGS = {"ada": "/home/Ada Löve/.claude/settings.json", "grace": "/home/grace/.claude/settings.json"}


def test_ours_stands_beside_what_was_there(host: Host, shielded: dict[str, str]) -> None:
    document = json.loads(host.file(SETTINGS["ada"]).content)
    assert document == {
        "model": "opus",
        "env": {"EDITOR": "vi", **shielded},
        "permissions": {"allow": ["Bash(make)"]},
    }
    assert list(document) == ["model", "env", "permissions"]


def test_a_new_document_holds_nothing_else(host: Host, shielded: dict[str, str]) -> None:
    assert json.loads(host.file(SETTINGS["grace"]).content) == {"env": shielded}


@pytest.mark.parametrize(("user", "mode"), [("ada", 0o640), ("grace", 0o600)])
def test_it_is_its_owners_and_the_mode_is_kept(host: Host, user: str, mode: int) -> None:
    file = host.file(SETTINGS[user])
    assert (file.user, file.group, file.mode) == (user, user, mode)


def test_managed_settings_are_not_made(host: Host) -> None:
    assert not host.file("/etc/claude-code").exists
