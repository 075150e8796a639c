# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a probe sends: one log record and one data point that nobody mistakes for Claude Code's own."""

from __future__ import annotations

import json
import sys
from typing import Any

from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError

SERVICE = "devfleet-probe"
EVENT = "devfleet.probe"
METRIC = "devfleet.probe.count"
ID_ATTRIBUTE = "devfleet.probe.id"

# Imported here and not in a function: Ansible loads this in its main process, and every worker inherits it.
try:
    from google.protobuf import json_format
    from google.protobuf.message import Message
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs, SeverityNumber
    from opentelemetry.proto.metrics.v1.metrics_pb2 import (
        AggregationTemporality,
        Metric,
        NumberDataPoint,
        ResourceMetrics,
        ScopeMetrics,
        Sum,
    )
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
except ImportError as exc:
    _MISSING: str | None = str(exc)
else:
    _MISSING = None


class PayloadError(CollectionError):
    """The payload cannot be built; the message says what to install, and for which Python."""


def _attributes(values: dict[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in values.items()]


def _logs(resource: Resource, scope: InstrumentationScope, now: int) -> ExportLogsServiceRequest:
    record = LogRecord(
        time_unix_nano=now,
        observed_time_unix_nano=now,
        severity_number=SeverityNumber.SEVERITY_NUMBER_INFO,
        severity_text="INFO",
        body=AnyValue(string_value=EVENT),
        attributes=_attributes({"event.name": EVENT}),
    )
    scopes = [ScopeLogs(scope=scope, log_records=[record])]
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=resource, scope_logs=scopes)])


def _metrics(resource: Resource, scope: InstrumentationScope, now: int) -> ExportMetricsServiceRequest:
    point = NumberDataPoint(start_time_unix_nano=now - 1, time_unix_nano=now, as_int=1)
    metric = Metric(
        name=METRIC,
        unit="1",
        sum=Sum(
            data_points=[point],
            # Delta and monotonic, like Claude Code's own metrics.
            aggregation_temporality=AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA,
            is_monotonic=True,
        ),
    )
    scopes = [ScopeMetrics(scope=scope, metrics=[metric])]
    return ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(resource=resource, scope_metrics=scopes)])


def _encoded(message: Message) -> dict[str, bytes]:
    """OTLP/JSON writes enumerations as numbers. It writes trace and span ids otherwise too, but here are none."""
    document: Any = json_format.MessageToDict(message, use_integers_for_enums=True)
    return {"protobuf": message.SerializeToString(), "json": json.dumps(document).encode("utf-8")}


def build(host: str, probe_id: str, now: int) -> dict[str, dict[str, bytes]]:
    """The payloads of one probe.

    :param host: the machine's name in the inventory.
    :param now: in nanoseconds since 1970.
    :returns: signal -> encoding (`protobuf`, `json`) -> bytes.
    :raises PayloadError: opentelemetry-proto is missing.
    """
    if _MISSING:
        raise PayloadError(
            f"the Python package opentelemetry-proto is needed on the controller, in {sys.executable}: {_MISSING}; "
            f"{sys.executable} -m pip install opentelemetry-proto"
        )
    attributes = {"service.name": SERVICE, "host.name": host, ID_ATTRIBUTE: probe_id}
    resource = Resource(attributes=_attributes(attributes))
    scope = InstrumentationScope(name="devfleet.axiom")
    return {"logs": _encoded(_logs(resource, scope, now)), "metrics": _encoded(_metrics(resource, scope, now))}
