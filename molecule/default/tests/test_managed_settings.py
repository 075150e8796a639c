# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenario's variables must have become on each machine."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

DROP_INS = "/etc/claude-code/managed-settings.d"
DROP_IN = f"{DROP_INS}/90-axiom-telemetry.json"


def test_the_document_is_exactly_the_declared_one(host: Host, shielded: dict[str, str]) -> None:
    document = json.loads(host.file(DROP_IN).content)
    assert document["env"] == shielded
    assert document["otelHeadersHelper"] == "echo '{}'"
    assert set(document) == {"otelHeadersHelper", "env"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/etc/claude-code", "755 root root directory"),
        (DROP_INS, "755 root root directory"),
        (DROP_IN, "644 root root regular file"),
    ],
)
def test_every_developer_can_read_it_and_only_root_can_write_it(host: Host, path: str, expected: str) -> None:
    assert host.check_output("stat -c '%%a %%U %%G %%F' %s", path) == expected


def test_nothing_half_written_is_left(host: Host) -> None:
    assert host.check_output("ls -A %s", DROP_INS).split() == ["10-corporate.json", "90-axiom-telemetry.json"]


def test_what_others_declare_is_untouched(host: Host) -> None:
    assert json.loads(host.file(f"{DROP_INS}/10-corporate.json").content)["permissions"] == {"deny": ["WebFetch"]}


def test_no_argument_file_with_the_secret_stays_behind(host: Host) -> None:
    assert host.check_output("grep -rl xaat-00000000 /etc /home /root /tmp /var/tmp") == DROP_IN


def test_an_ordinary_user_reads_the_same(host: Host, shielded: dict[str, str]) -> None:
    as_nobody = host.check_output("su nobody -s /bin/sh -c 'cat %s'", DROP_IN)
    assert json.loads(as_nobody)["env"] == shielded
