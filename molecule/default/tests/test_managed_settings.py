# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenario's variables must have become on each machine."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host

DROP_IN = "/etc/claude-code/managed-settings.d/90-axiom-telemetry.json"
BEARER = "Authorization=Bearer xaat-00000000-0000-4000-8000-000000000000"
DECLARED = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://eu-central-1.aws.edge.axiom.co/v1/metrics",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://us-east-1.aws.edge.axiom.co/v1/logs",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS": f"{BEARER},x-axiom-metrics-dataset=claude-code-metrics",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS": f"{BEARER},x-axiom-dataset=claude-code-logs",
    # The shield: no dataset in the variable that both signals read.
    "OTEL_EXPORTER_OTLP_HEADERS": BEARER,
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRIC_EXPORT_INTERVAL": "10000",
    "OTEL_LOGS_EXPORT_INTERVAL": "5000",
    "OTEL_LOG_USER_PROMPTS": "0",
    "OTEL_LOG_ASSISTANT_RESPONSES": "0",
    "OTEL_LOG_TOOL_DETAILS": "1",
    "OTEL_LOG_RAW_API_BODIES": "0",
    "OTEL_RESOURCE_ATTRIBUTES": "cost_center=4711%2C%20west,department=engineering",
    "OTEL_RESOURCE_INCLUDE_HOST": "1",
}


def test_the_environment_is_exactly_the_declared_one(host: Host) -> None:
    document = json.loads(host.file(DROP_IN).content)
    assert document["env"] == DECLARED
    assert set(document) == {"otelHeadersHelper", "env"}


def test_every_developer_can_read_it_and_only_root_can_write_it(host: Host) -> None:
    file = host.file(DROP_IN)
    assert (file.is_file, file.user, file.group, file.mode) == (True, "root", "root", 0o644)


@pytest.mark.parametrize("path", ["/etc/claude-code", "/etc/claude-code/managed-settings.d"])
def test_its_directories_can_be_entered_by_all(host: Host, path: str) -> None:
    directory = host.file(path)
    assert (directory.is_directory, directory.user, directory.group, directory.mode) == (True, "root", "root", 0o755)


def test_nothing_half_written_is_left(host: Host) -> None:
    assert host.check_output("find /etc/claude-code/managed-settings.d -mindepth 1") == DROP_IN


def test_an_ordinary_user_reads_the_same(host: Host) -> None:
    as_nobody = host.check_output("setpriv --reuid=nobody --regid=nogroup --clear-groups cat %s", DROP_IN)
    assert json.loads(as_nobody)["env"] == DECLARED
