# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the earlier declaration owned is gone, what the present one wants is there."""

from __future__ import annotations

import json

from testinfra.host import Host

SETTINGS = "/etc/claude-code"


def test_the_document_of_others_is_as_it_was(host: Host) -> None:
    assert host.file(f"{SETTINGS}/managed-settings.json").content == b'{"cleanupPeriodDays": 7}\n'


def test_the_drop_in_holds_the_declared_environment(host: Host, shielded: dict[str, str]) -> None:
    document = json.loads(host.file(f"{SETTINGS}/managed-settings.d/90-axiom-telemetry.json").content)
    assert document["env"] == shielded


def test_only_bash_is_served(host: Host) -> None:
    assert sorted(host.file("/etc/claude-code-telemetry").listdir()) == ["profile.bash", "token"]
    assert not host.file("/etc/fish/conf.d/claude-code-telemetry.fish").exists
    assert not host.file("/etc/zsh/zshenv").contains("devfleet")
    assert not host.file("/etc/profile.d/claude-code-telemetry.sh").contains("profile.sh")


def test_the_wrapper_replaces_the_exported_variables(host: Host, declared: dict[str, str]) -> None:
    lines = host.check_output("env -i PATH=/usr/bin:/bin bash -l -c %s", "command() { env; }; claude").splitlines()
    pairs = dict(line.split("=", 1) for line in lines if "=" in line)
    assert {name: value for name, value in pairs.items() if name.startswith("OTEL_")} == {
        name: value for name, value in declared.items() if name.startswith("OTEL_")
    }
    assert "OTEL_" not in host.check_output("env -i PATH=/usr/bin:/bin bash -l -c env")


def test_the_earlier_secret_is_nowhere(host: Host) -> None:
    assert host.run("grep -rl xaat-1111 /etc /home /root").stdout == ""
