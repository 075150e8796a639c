# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine is what it was before the installation, to the byte."""

from __future__ import annotations

from testinfra.host import Host

SNAPSHOT = "cd /; { find etc home -printf '%p %y %m %u %g %l\\n'; find etc home -type f -exec sha256sum {} +; } | sort"


def test_every_path_mode_owner_and_byte_is_as_before(host: Host) -> None:
    before = set(host.file("/var/lib/before").content_string.splitlines())
    now = set(host.check_output(SNAPSHOT).splitlines())
    assert len(before) > 100
    assert sorted(before ^ now) == []
