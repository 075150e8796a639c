# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables in base.yml must have become, written out: nothing here is computed by the code under test."""

from __future__ import annotations

import pytest

BEARER = "Authorization=Bearer xaat-00000000-0000-4000-8000-000000000000"


@pytest.fixture
def declared() -> dict[str, str]:
    """The environment for shells."""
    return {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://eu-central-1.aws.edge.axiom.co/v1/metrics",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://us-east-1.aws.edge.axiom.co/v1/logs",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": f"{BEARER},x-axiom-metrics-dataset=claude-code-metrics",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": f"{BEARER},x-axiom-dataset=claude-code-logs",
        "OTEL_METRIC_EXPORT_INTERVAL": "10000",
        "OTEL_LOGS_EXPORT_INTERVAL": "5000",
        "OTEL_LOG_USER_PROMPTS": "0",
        "OTEL_LOG_ASSISTANT_RESPONSES": "0",
        "OTEL_LOG_TOOL_DETAILS": "1",
        "OTEL_LOG_RAW_API_BODIES": "0",
        "OTEL_RESOURCE_ATTRIBUTES": "cost_center=4711%2C%20west,department=engineering,host.name=a%20laptop",
        "OTEL_RESOURCE_INCLUDE_HOST": "1",
        "OTEL_LOG_MANAGED_SETTINGS": "1",
    }


@pytest.fixture
def shielded(declared: dict[str, str]) -> dict[str, str]:
    """The environment for settings documents: no dataset in the variable that both signals read."""
    return {**declared, "OTEL_EXPORTER_OTLP_HEADERS": BEARER, "OTEL_TRACES_EXPORTER": "none"}
