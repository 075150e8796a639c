# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""There is no Python on this host, and it has what was declared."""

from __future__ import annotations

import json

from testinfra.host import Host


def test_there_is_no_python(host: Host) -> None:
    assert not host.exists("python3")


def test_the_environment_is_the_declared_one(host: Host, shielded: dict[str, str]) -> None:
    document = host.file("/etc/claude-code/managed-settings.d/90-axiom-telemetry.json").content
    assert json.loads(document)["env"] == shielded
