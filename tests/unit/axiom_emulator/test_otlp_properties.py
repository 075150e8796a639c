# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever OTLP allows is decoded, kept and readable; whatever it does not is refused, never an inner error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from axiom_emulator import otlp
from axiom_emulator.errors import ApiError

names = st.text(min_size=1, max_size=20)
integers = st.integers(-(2**63), 2**63 - 1)
scalars = st.none() | st.booleans() | integers | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
attribute_sets = st.dictionaries(names, values, max_size=4)


def write(target: AnyValue, value: Any) -> None:
    """Write a JSON value as an OTLP value."""
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for item in value:
            write(target.array_value.values.add(), item)
    elif isinstance(value, dict):
        target.kvlist_value.SetInParent()
        for key, item in value.items():
            write(target.kvlist_value.values.add(key=key).value, item)


def logs(resource: dict[str, Any], records: list[tuple[Any, dict[str, Any]]]) -> ExportLogsServiceRequest:
    message = ExportLogsServiceRequest()
    group = message.resource_logs.add()
    for key, value in resource.items():
        write(group.resource.attributes.add(key=key).value, value)
    scope = group.scope_logs.add()
    for body, found in records:
        record = scope.log_records.add(trace_id=b"0" * 16)
        write(record.body, body)
        for key, value in found.items():
            write(record.attributes.add(key=key).value, value)
    return message


@given(attribute_sets, st.lists(st.tuples(values, attribute_sets), max_size=4))
def test_logs_are_kept_as_they_were_sent(resource: dict[str, Any], records: list[tuple[Any, dict[str, Any]]]) -> None:
    decoded = otlp.decode("logs", logs(resource, records).SerializeToString(), otlp.PROTOBUF)
    (batch,) = decoded.batches
    assert decoded.rejected == 0
    assert batch.resource == resource
    assert [(record["body"], record["attributes"]) for record in batch.records] == records
    assert json.loads(json.dumps(batch.records)) == batch.records
    assert all(isinstance(record["name"], str) for record in batch.records)
    assert otlp.answer("logs", decoded, otlp.PROTOBUF) == b""


@given(attribute_sets, st.lists(st.tuples(values, attribute_sets), max_size=4))
def test_json_means_the_same_as_protobuf(resource: dict[str, Any], records: list[tuple[Any, dict[str, Any]]]) -> None:
    message = logs(resource, records)
    document = json_format.MessageToDict(message)
    for group in document["resourceLogs"]:
        for scope in group["scopeLogs"]:
            for record in scope.get("logRecords", []):
                record["traceId"] = (b"0" * 16).hex()
    in_json = otlp.decode("logs", json.dumps(document).encode(), otlp.JSON)
    assert in_json == otlp.decode("logs", message.SerializeToString(), otlp.PROTOBUF)


@given(st.lists(st.tuples(st.text(max_size=300), attribute_sets), max_size=4))
def test_every_data_point_is_kept_or_counted_as_rejected(points: list[tuple[str, dict[str, Any]]]) -> None:
    message = ExportMetricsServiceRequest()
    scope = message.resource_metrics.add().scope_metrics.add()
    for name, found in points:
        point = scope.metrics.add(name=name).gauge.data_points.add(as_double=1)
        for key, value in found.items():
            write(point.attributes.add(key=key).value, value)
    decoded = otlp.decode("metrics", message.SerializeToString(), otlp.PROTOBUF)
    (batch,) = decoded.batches
    assert len(batch.records) + decoded.rejected == len(points)
    assert bool(decoded.reason) == bool(decoded.rejected) == bool(otlp.answer("metrics", decoded, otlp.PROTOBUF))
    fitting = [name for name, found in points if len(name.encode()) <= 256 and len(json.dumps(found)) <= 256]
    kept = iter(batch.records)
    assert all(any(record["name"] == name for record in kept) for name in fitting)
    assert all(len(record["name"].encode()) <= 256 for record in batch.records)


def outcome(signal: str, body: bytes, content_type: str) -> int:
    """Return the status of an answer, having made sure that what was decoded can be stored."""
    try:
        decoded = otlp.decode(signal, body, content_type)
    except ApiError as refusal:
        return refusal.status
    json.dumps([[batch.resource, batch.records] for batch in decoded.batches], allow_nan=False).encode()
    return 200


@given(st.binary(max_size=200), st.sampled_from(["logs", "metrics"]))
def test_any_bytes_are_decoded_or_refused(body: bytes, signal: str) -> None:
    assert outcome(signal, body, otlp.PROTOBUF) in (200, 400)


members = st.sampled_from(["resourceLogs", "scopeLogs", "logRecords", "body", "stringValue", "traceId", "attributes"])
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(members, inner, max_size=3), max_leaves=12
)


@given(documents, st.integers(0, 4))
def test_any_json_is_decoded_or_refused(document: Any, depth: int) -> None:
    for member in ("body", "logRecords", "scopeLogs", "resourceLogs")[4 - depth :]:
        document = {member: document if member == "body" else [document]}
    assert outcome("logs", json.dumps(document).encode(), otlp.JSON) in (200, 400)


def test_values_that_json_has_no_word_for() -> None:
    message = ExportLogsServiceRequest()
    record = message.resource_logs.add().scope_logs.add().log_records.add(event_name="named")
    record.attributes.add(key="nan").value.double_value = float("nan")
    record.attributes.add(key="infinite").value.double_value = float("-inf")
    record.attributes.add(key="bytes").value.bytes_value = b"\xff"
    (batch,) = otlp.decode("logs", message.SerializeToString(), otlp.PROTOBUF).batches
    assert batch.records[0]["attributes"] == {"nan": None, "infinite": None, "bytes": "/w=="}
    assert (batch.records[0]["name"], batch.records[0]["body"]) == ("named", None)


@pytest.mark.parametrize("depth", [200, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(ApiError) as refusal:
        otlp.decode("logs", b'{"resourceLogs":' + b"[" * depth + b"]" * depth + b"}", otlp.JSON)
    assert refusal.value.status == 400
