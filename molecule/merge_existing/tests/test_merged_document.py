# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our variables are in the document of others, and nothing of theirs moved."""

from __future__ import annotations

import json
from pathlib import Path

from testinfra.host import Host

DOCUMENT = "/etc/claude-code/managed-settings.json"
THEIRS = Path(__file__).parents[1] / "files/managed-settings.json"


def test_every_variable_is_there_beside_theirs(host: Host, shielded: dict[str, str]) -> None:
    theirs = json.loads(THEIRS.read_text())["env"]
    assert json.loads(host.file(DOCUMENT).content)["env"] == {**theirs, **shielded}


def test_every_line_of_theirs_stands_in_the_same_order(host: Host) -> None:
    now = [line.rstrip(",") for line in host.file(DOCUMENT).content_string.splitlines()]
    # The side effect's edit is theirs as well.
    theirs = [
        line.rstrip(",").replace('Days": 30', 'Days": 7') if '\t"cleanupPeriodDays": 7' in now else line.rstrip(",")
        for line in THEIRS.read_text().splitlines()
    ]
    rest = [line for line in now if "OTEL_" not in line and "CLAUDE_CODE_ENABLE_TELEMETRY" not in line]
    assert rest == theirs


def test_line_ends_and_indentation_are_theirs(host: Host) -> None:
    content: bytes = host.file(DOCUMENT).content
    assert content.count(b"\r\n") == content.count(b"\n")
    lines = content.decode().splitlines()
    assert not [line for line in lines if line.startswith(" ")]
    assert [line for line in lines if line.startswith('\t\t"OTEL_LOGS_EXPORTER": ')]


def test_owner_and_mode_are_theirs(host: Host) -> None:
    file = host.file(DOCUMENT)
    assert (file.user, file.group, file.mode) == ("root", "nogroup", 0o644)


def test_no_drop_in_of_ours_and_theirs_untouched(host: Host) -> None:
    drop_ins = host.file("/etc/claude-code/managed-settings.d")
    assert drop_ins.listdir() == ["10-corporate.json"]
    theirs = host.file("/etc/claude-code/managed-settings.d/10-corporate.json").content
    assert theirs == b'{"env": {"DISABLE_AUTOUPDATER": "1"}}'
