# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of `claude_code_telemetry` as a task would give them, for tests."""

from __future__ import annotations

from typing import Any

from ansible_collections.devfleet.axiom.plugins.module_utils import telemetry_options

SECRET = "xaat-0c0ffee0-1111-4222-8333-944445555666"
LOGS_ENDPOINT = "https://us-east-1.aws.edge.axiom.co/v1/logs"
METRICS_ENDPOINT = "https://eu-central-1.aws.edge.axiom.co/v1/metrics"


def telemetry_options_with(**changes: Any) -> dict[str, Any]:
    """Every option at its default, with what is required, and then the changes."""
    options = {name: spec.get("default") for name, spec in telemetry_options.ARGUMENT_SPEC.items()}
    options.update(
        platform="linux",
        token=SECRET,
        logs_dataset="claude-code-logs",
        metrics_dataset="claude-code-metrics",
        logs_endpoint=LOGS_ENDPOINT,
        metrics_endpoint=METRICS_ENDPOINT,
    )
    options.update(changes)
    return options
