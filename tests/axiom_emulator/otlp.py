# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OTLP payloads: decoded, held to Axiom's limits, and turned into records one can read."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from axiom_emulator.errors import ApiError

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

METRIC_NAME_BYTES = 256
METRIC_ATTRIBUTE_NAME_BYTES = 256
METRIC_ATTRIBUTE_VALUE_BYTES = 1024
FIELD_NAME_BYTES = 200
FIELD_BYTES = 1_000_000
BATCH_RECORDS = 10_000
TOO_LONG = "<invalid string: too long>"
RESERVED_FIELDS = {"_blockInfo", "_cursor", "_rowID", "_source", "_sysTime"}

METRIC_DATA = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


@dataclass
class Batch:
    """The records of one resource. ``records``: dicts with name, body, attributes, resource, scope, time and more."""

    resource: dict[str, Any]
    records: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Decoded:
    """What a request held: what to keep, and how much was turned away and why."""

    batches: list[Batch]
    rejected: int = 0
    reason: str = ""


def decode(signal: str, body: bytes, content_type: str) -> Decoded:
    """Decode an OTLP request of ``logs`` or ``metrics``; ApiError 400 where the body is malformed."""
    if signal == "metrics":
        return _metrics(_parse(ExportMetricsServiceRequest(), body, content_type))
    return _logs(_parse(ExportLogsServiceRequest(), body, content_type))


def answer(signal: str, decoded: Decoded, content_type: str) -> bytes:
    """Return the success message in the encoding of the request, empty unless something was rejected."""
    reply: Message
    if signal == "metrics":
        reply = ExportMetricsServiceResponse()
        if decoded.rejected:
            reply.partial_success.rejected_data_points = decoded.rejected
            reply.partial_success.error_message = decoded.reason
    else:
        reply = ExportLogsServiceResponse()
        if decoded.rejected:
            reply.partial_success.rejected_log_records = decoded.rejected
            reply.partial_success.error_message = decoded.reason
    if content_type == JSON:
        return json.dumps(json_format.MessageToDict(reply)).encode()
    return bytes(reply.SerializeToString())


def _parse(message: Any, body: bytes, content_type: str) -> Any:
    try:
        if content_type == JSON:
            document = json.loads(body)
            if not isinstance(document, dict):
                raise ValueError("not an object")
            _hex_ids_to_base64(document)
            json_format.ParseDict(document, message, ignore_unknown_fields=True)
        else:
            message.ParseFromString(body)
    except (DecodeError, json_format.ParseError, ValueError, RecursionError) as error:
        raise ApiError(400, f"the body is not a valid OTLP message in {content_type}") from error
    return message


def _hex_ids_to_base64(node: Any) -> None:
    """OTLP/JSON writes trace and span ids in hexadecimal where the protobuf JSON mapping expects base64."""
    if isinstance(node, list):
        for item in node:
            _hex_ids_to_base64(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("traceId", "spanId") and isinstance(value, str):
                try:
                    node[key] = base64.b64encode(binascii.unhexlify(value)).decode()
                except binascii.Error as error:
                    raise ValueError(f"{key} is not hexadecimal") from error
            else:
                _hex_ids_to_base64(value)


def plain(value: AnyValue) -> Any:
    """Return an OTLP value as JSON has it; bytes as base64, null where nothing is set."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    content = getattr(value, kind)
    if isinstance(content, float) and not (abs(content) < float("inf")):
        return None
    return content


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Return OTLP key-value pairs as a dict."""
    return {pair.key: plain(pair.value) for pair in pairs}


def _logs(message: ExportLogsServiceRequest) -> Decoded:
    count = sum(len(scope.log_records) for group in message.resource_logs for scope in group.scope_logs)
    if count > BATCH_RECORDS:
        raise ApiError(413, f"{count} records in a batch, {BATCH_RECORDS} are allowed")
    decoded = Decoded([])
    for group in message.resource_logs:
        resource = _fields(attributes(group.resource.attributes))
        batch = Batch(resource)
        for scope in group.scope_logs:
            for record in scope.log_records:
                found = _log_record(record, resource, scope.scope)
                long_name = next((name for name in found["attributes"] if _size(name) > FIELD_NAME_BYTES), None)
                if long_name is None:
                    batch.records.append(found)
                else:
                    decoded.rejected += 1
                    decoded.reason = f"attribute names are limited to {FIELD_NAME_BYTES} bytes"
        decoded.batches.append(batch)
    return decoded


def _log_record(record: Any, resource: dict[str, Any], scope: Any) -> dict[str, Any]:
    found = _fields(attributes(record.attributes))
    body = _cut(plain(record.body))
    name = found.get("event.name") or record.event_name or body
    optional = {
        "scope_version": scope.version,
        "observed": record.observed_time_unix_nano,
        "severity_number": record.severity_number,
        "trace_id": record.trace_id.hex(),
        "span_id": record.span_id.hex(),
    }
    return {
        "name": name if isinstance(name, str) else json.dumps(name),
        "body": body,
        "attributes": found,
        "resource": resource,
        "scope": scope.name,
        "time": record.time_unix_nano,
        "severity": record.severity_text,
        **{member: value for member, value in optional.items() if value},
    }


def _fields(found: dict[str, Any]) -> dict[str, Any]:
    """Rename what Axiom reserves and replace what is too long, as its page on limits says for events."""
    return {f"_user{name}" if name in RESERVED_FIELDS else name: _cut(value) for name, value in found.items()}


def _cut(value: Any) -> Any:
    return TOO_LONG if isinstance(value, str) and _size(value) > FIELD_BYTES else value


def _metrics(message: ExportMetricsServiceRequest) -> Decoded:
    decoded = Decoded([])
    for group in message.resource_metrics:
        batch = Batch(attributes(group.resource.attributes))
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                for point in _data_points(metric, batch.resource, scope.scope.name):
                    reason = _over_limit(point)
                    if reason:
                        decoded.rejected += 1
                        decoded.reason = reason
                    else:
                        batch.records.append(point)
        decoded.batches.append(batch)
    return decoded


def _data_points(metric: Metric, resource: dict[str, Any], scope: str) -> Iterator[dict[str, Any]]:
    kind = metric.WhichOneof("data")
    if kind not in METRIC_DATA:
        return
    for point in getattr(metric, kind).data_points:
        yield {
            "name": metric.name,
            "body": None,
            "attributes": attributes(point.attributes),
            "resource": resource,
            "scope": scope,
            "time": point.time_unix_nano,
            "kind": kind,
            "unit": metric.unit,
            "temporality": getattr(getattr(metric, kind), "aggregation_temporality", None),
            "monotonic": getattr(getattr(metric, kind), "is_monotonic", None),
            "value": _value(point),
        }


def _value(point: Any) -> Any:
    """Return a number point's value, or a distribution's sum."""
    if "value" in point.DESCRIPTOR.oneofs_by_name:
        kind = point.WhichOneof("value")
        number = getattr(point, kind) if kind else None
    else:
        number = point.sum
    return number if number is None or abs(number) < float("inf") else None


def _over_limit(point: dict[str, Any]) -> str:
    """Return which documented limit a data point breaks, or an empty string."""
    if _size(point["name"]) > METRIC_NAME_BYTES:
        return f"metric names are limited to {METRIC_NAME_BYTES} bytes"
    for name, value in (*point["resource"].items(), *point["attributes"].items()):
        if _size(name) > METRIC_ATTRIBUTE_NAME_BYTES:
            return f"attribute names are limited to {METRIC_ATTRIBUTE_NAME_BYTES} bytes"
        content = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if _size(content) > METRIC_ATTRIBUTE_VALUE_BYTES:
            return f"attribute values are limited to {METRIC_ATTRIBUTE_VALUE_BYTES} bytes"
    return ""


def _size(text: str) -> int:
    return len(text.encode())
