# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OTLP on the edge deployments: what is stored, what is turned away, and with which words."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brotli
import pytest
import zstandard
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from axiom_emulator.compression import LIMIT
from axiom_emulator.emulator import EDGES

PROTOBUF = "application/x-protobuf"
HEADER = {"logs": "x-axiom-dataset", "metrics": "x-axiom-metrics-dataset"}


def logs(*bodies: str, resource: dict[str, str] | None = None, **attributes: str) -> ExportLogsServiceRequest:
    message = ExportLogsServiceRequest()
    group = message.resource_logs.add()
    for name, value in (resource or {"service.name": "claude-code"}).items():
        group.resource.attributes.add(key=name).value.string_value = value
    scope = group.scope_logs.add()
    scope.scope.name = "scope"
    for body in bodies:
        record = scope.log_records.add(time_unix_nano=1, severity_text="INFO")
        record.body.string_value = body
        for name, value in attributes.items():
            record.attributes.add(key=name.replace("_", ".")).value.string_value = value
    return message


def metrics(
    *names: str, resource: dict[str, str] | None = None, attributes: dict[str, str] | None = None
) -> ExportMetricsServiceRequest:
    message = ExportMetricsServiceRequest()
    group = message.resource_metrics.add()
    for name, value in (resource or {}).items():
        group.resource.attributes.add(key=name).value.string_value = value
    scope = group.scope_metrics.add()
    for name in names:
        point = scope.metrics.add(name=name, unit="1").sum.data_points.add(as_int=3, time_unix_nano=2)
        for key, value in (attributes or {}).items():
            point.attributes.add(key=key).value.string_value = value
    return message


@dataclass
class Fleet:
    """Two datasets on the first edge and a token that may ingest into both."""

    workspace: Any
    token: str

    def send(self, signal: str, body: bytes, content_type: str = PROTOBUF, **headers: str) -> Any:
        named = {HEADER[signal]: signal, "content-type": content_type, **headers}
        return self.workspace.send(signal, body, self.token, **{k: v for k, v in named.items() if v is not None})

    def refused(self, status: int, *arguments: Any, **options: Any) -> str:
        response = self.send(*arguments, **options)
        assert response.status_code == status, response.text
        assert self.arrived() == []
        error = json.loads(response.data)
        assert set(error) == {"code", "message"}
        return str(error["message"])

    def arrived(self, signal: str | None = None) -> list[Any]:
        return [record for _unused, records in self.workspace.emulator.storage.deliveries(signal) for record in records]


@pytest.fixture
def fleet(workspace: Any) -> Fleet:
    """A workspace ready to take telemetry."""
    workspace.dataset("logs")
    workspace.dataset("metrics", kind="otel:metrics:v1")
    held = {name: {"ingest": ["create"]} for name in ("logs", "metrics")}
    return Fleet(workspace, workspace.mint(datasetCapabilities=held)["token"])


def zstd_stream(body: bytes) -> bytes:
    """Compress without the content size in the frame, as streaming clients do."""
    encoder = zstandard.ZstdCompressor().compressobj()
    return encoder.compress(body) + encoder.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstd_stream,
    "br": lambda body: brotli.compress(body, quality=1),
    "deflate": zlib.compress,
    "identity": bytes,
}


def test_logs_arrive(fleet: Fleet) -> None:
    response = fleet.send("logs", logs("hello", event_name="user_prompt").SerializeToString())
    assert (response.status_code, response.content_type, response.data) == (200, PROTOBUF, b"")
    ((delivery, records),) = fleet.workspace.emulator.storage.deliveries()
    assert (delivery["signal"], delivery["dataset"], delivery["token"], delivery["edge"]) == (
        "logs",
        "logs",
        "ingest",
        EDGES[0],
    )
    assert delivery["resource"] == {"service.name": "claude-code"}
    assert records == [
        {
            "name": "user_prompt",
            "body": "hello",
            "attributes": {"event.name": "user_prompt"},
            "resource": {"service.name": "claude-code"},
            "scope": "scope",
            "time": 1,
            "severity": "INFO",
        }
    ]


def test_metrics_arrive(fleet: Fleet) -> None:
    message = metrics("claude_code.session.count", resource={"team": "a"}, attributes={"user.id": "u"})
    response = fleet.send("metrics", message.SerializeToString())
    assert (response.status_code, response.content_type, response.data) == (200, PROTOBUF, b"")
    (point,) = fleet.arrived("metrics")
    assert (point["name"], point["kind"], point["unit"], point["value"]) == ("claude_code.session.count", "sum", "1", 3)
    assert (point["attributes"], point["resource"]) == ({"user.id": "u"}, {"team": "a"})
    assert fleet.arrived("logs") == []


def test_every_kind_of_metric_arrives(fleet: Fleet) -> None:
    message = ExportMetricsServiceRequest()
    scope = message.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name="gauge").gauge.data_points.add(as_double=1.5)
    scope.metrics.add(name="none").gauge.data_points.add()
    scope.metrics.add(name="nan").gauge.data_points.add(as_double=float("nan"))
    scope.metrics.add(name="histogram").histogram.data_points.add(sum=2.5)
    scope.metrics.add(name="exponential").exponential_histogram.data_points.add(sum=3.5)
    scope.metrics.add(name="summary").summary.data_points.add(sum=4.5)
    scope.metrics.add(name="empty")
    assert fleet.send("metrics", message.SerializeToString()).status_code == 200
    found = {point["name"]: point["value"] for point in fleet.arrived()}
    assert found == {
        "gauge": 1.5,
        "none": None,
        "nan": None,
        "histogram": 2.5,
        "exponential": 3.5,
        "summary": 4.5,
    }


def test_json_logs_arrive_and_are_answered_in_json(fleet: Fleet) -> None:
    document = json_format.MessageToDict(logs("hello"))
    record = document["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    record |= {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "unknown": 1}
    response = fleet.send("logs", json.dumps(document).encode(), "application/json")
    assert (response.status_code, response.content_type, response.data) == (200, "application/json", b"{}")
    assert [found["body"] for found in fleet.arrived()] == ["hello"]


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_content_encodings(signal: str, encoding: str, fleet: Fleet) -> None:
    body = (logs("hello") if signal == "logs" else metrics("hello")).SerializeToString()
    response = fleet.send(signal, ENCODERS[encoding](body), content_encoding=encoding)
    assert response.status_code == 200, response.text
    assert [record["name"] for record in fleet.arrived(signal)] == ["hello"]


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br", "deflate"])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda body: body[:-3], id="cut"),
        pytest.param(lambda body: body + b"more", id="trailing"),
        pytest.param(lambda body: b"not compressed", id="plain"),
        pytest.param(lambda body: b"", id="empty"),
    ],
)
def test_corrupt_bodies_are_refused(encoding: str, damage: Any, fleet: Fleet) -> None:
    compressed = ENCODERS[encoding](logs(*[str(number) for number in range(100)]).SerializeToString())
    assert encoding in fleet.refused(400, "logs", damage(compressed), content_encoding=encoding)


@pytest.mark.parametrize("encoding", ["compress", "gzip, br", "x"])
def test_other_encodings_are_refused(encoding: str, fleet: Fleet) -> None:
    assert encoding in fleet.refused(415, "logs", b"", content_encoding=encoding)


def sized(size: int) -> bytes:
    """Return logs of exactly that many bytes; random, so that no encoding makes it small."""
    message = logs("")
    value = message.resource_logs[0].scope_logs[0].log_records[0].body
    value.bytes_value = os.urandom(size - 100)
    value.bytes_value = os.urandom(size - 100 + size - len(message.SerializeToString()))
    assert len(message.SerializeToString()) == size
    return message.SerializeToString()


@pytest.mark.parametrize("encoding", ENCODERS)
def test_four_mebibytes_after_decompression_are_the_limit(encoding: str, fleet: Fleet) -> None:
    assert str(LIMIT) in fleet.refused(413, "logs", ENCODERS[encoding](sized(LIMIT + 1)), content_encoding=encoding)
    response = fleet.send("logs", ENCODERS[encoding](sized(LIMIT)), content_encoding=encoding)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br", "deflate"])
def test_a_bomb_is_refused(encoding: str, fleet: Fleet) -> None:
    fleet.refused(413, "logs", ENCODERS[encoding](bytes(64 * LIMIT // 4)), content_encoding=encoding)


@pytest.mark.parametrize(
    ("signal", "content_type"),
    [
        ("metrics", "application/json"),
        ("metrics", "text/plain"),
        ("metrics", ""),
        ("logs", "application/x-ndjson"),
        ("logs", ""),
    ],
)
def test_other_content_types_are_refused(signal: str, content_type: str, fleet: Fleet) -> None:
    assert PROTOBUF in fleet.refused(415, signal, b"", content_type)


@pytest.mark.parametrize(
    ("signal", "body", "content_type"),
    [
        ("logs", b"\xff\xff", PROTOBUF),
        ("metrics", b"{}", PROTOBUF),
        ("logs", b"{", "application/json"),
        ("logs", b"[]", "application/json"),
        ("logs", b'{"resourceLogs": 5}', "application/json"),
        (
            "logs",
            b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "xyz"}]}]}]}',
            "application/json",
        ),
    ],
)
def test_malformed_payloads_are_refused(signal: str, body: bytes, content_type: str, fleet: Fleet) -> None:
    assert content_type in fleet.refused(400, signal, body, content_type)


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_each_signal_needs_its_own_dataset_header(signal: str, fleet: Fleet) -> None:
    other = HEADER["metrics" if signal == "logs" else "logs"]
    message = fleet.refused(400, signal, b"", **{HEADER[signal]: "", other: signal})
    assert HEADER[signal] in message


def test_the_token_comes_first(fleet: Fleet) -> None:
    fleet.token = "xaat-unknown"
    assert "token" in fleet.refused(401, "metrics", b"", "text/plain")


def test_an_expired_token_is_refused(fleet: Fleet) -> None:
    body = {"name": "short", "datasetCapabilities": {"*": {"ingest": ["create"]}}, "expiresAt": "2998-01-01T00:00:00Z"}
    fleet.token = fleet.workspace.ok("POST", "/v2/tokens", body)["token"]
    assert fleet.send("logs", b"").status_code == 200
    fleet.workspace.emulator.clock.offset_seconds = 3.2e10
    fleet.refused(401, "logs", b"")


@pytest.mark.parametrize("held", [{}, {"metrics": {"ingest": ["create"]}}, {"*": {"query": ["read"]}}])
def test_the_token_needs_ingest_on_that_dataset(held: Any, fleet: Fleet) -> None:
    fleet.token = fleet.workspace.mint("other", datasetCapabilities=held)["token"]
    message = fleet.refused(403, "logs", b"")
    assert "ingest|create" in message
    assert "'logs'" in message
    assert "'other'" in message


def test_the_management_token_may_not_ingest(fleet: Fleet) -> None:
    fleet.token = fleet.workspace.token
    fleet.refused(403, "logs", b"")


def test_a_star_covers_every_dataset_that_exists(fleet: Fleet) -> None:
    fleet.token = fleet.workspace.mint("star", datasetCapabilities={"*": {"ingest": ["create"]}})["token"]
    assert fleet.send("logs", b"").status_code == 200
    assert "'none'" in fleet.refused(404, "logs", b"", **{HEADER["logs"]: "none"})


def test_a_deleted_dataset_is_not_found(fleet: Fleet) -> None:
    fleet.workspace.ok("DELETE", "/v2/datasets/logs")
    assert "'logs'" in fleet.refused(404, "logs", b"")


def test_a_dataset_lives_on_its_own_edge_only(fleet: Fleet) -> None:
    fleet.workspace.dataset("eu", edgeDeployment=EDGES[1])
    fleet.token = fleet.workspace.mint("star", datasetCapabilities={"*": {"ingest": ["create"]}})["token"]
    assert EDGES[1] in fleet.refused(404, "logs", b"", **{HEADER["logs"]: "eu"})
    headers = {HEADER["logs"]: "eu", "content_type": PROTOBUF}
    assert fleet.workspace.send("logs", b"", fleet.token, EDGES[1], **headers).status_code == 200


@pytest.mark.parametrize(
    ("signal", "kind", "status"),
    [
        ("logs", "axiom:events:v1", 200),
        ("logs", "otel:logs:v1", 200),
        ("logs", "otel:traces:v1", 400),
        ("logs", "otel:metrics:v1", 400),
        ("metrics", "otel:metrics:v1", 200),
        ("metrics", "axiom:events:v1", 400),
        ("metrics", "otel:logs:v1", 400),
    ],
)
def test_the_kind_must_fit_the_signal(signal: str, kind: str, status: int, fleet: Fleet) -> None:
    fleet.workspace.dataset("other", kind=kind)
    fleet.token = fleet.workspace.mint("star", datasetCapabilities={"*": {"ingest": ["create"]}})["token"]
    response = fleet.send(signal, b"", **{HEADER[signal]: "other"})
    assert response.status_code == status
    assert status == 200 or kind in response.text


@pytest.mark.parametrize(
    ("name", "resource", "attributes", "taken"),
    [
        ("n" * 256, {}, {"k" * 256: "v" * 1024}, True),
        ("n" * 257, {}, {}, False),
        ("ü" * 129, {}, {}, False),
        ("n", {}, {"k" * 257: "v"}, False),
        ("n", {}, {"k": "v" * 1025}, False),
        ("n", {"k": "v" * 1025}, {}, False),
        ("n", {"k" * 257: "v"}, {}, False),
    ],
)
def test_metric_limits_reject_the_point_and_say_so(
    name: str, resource: dict[str, str], attributes: dict[str, str], taken: bool, fleet: Fleet
) -> None:
    message = metrics(name, "second", resource=resource, attributes=attributes)
    second = message.resource_metrics[0].scope_metrics[0].metrics[1]
    del second.sum.data_points[0].attributes[:]
    response = fleet.send("metrics", message.SerializeToString())
    assert response.status_code == 200
    answer = ExportMetricsServiceResponse.FromString(response.data)
    rejected = 0 if taken else 2 if resource else 1
    assert answer.partial_success.rejected_data_points == rejected
    assert ("limited" in answer.partial_success.error_message) == (not taken)
    assert len(fleet.arrived()) == 2 - rejected


def test_log_limits(fleet: Fleet) -> None:
    message = logs("x" * 1_000_001, "fine")
    records = message.resource_logs[0].scope_logs[0].log_records
    records[0].attributes.add(key="_sysTime").value.string_value = "mine"
    records[0].attributes.add(key="k" * 200).value.string_value = "v" * 2000
    records[1].attributes.add(key="k" * 201).value.string_value = "v"
    for content_type, body in (
        (PROTOBUF, message.SerializeToString()),
        ("application/json", json_format.MessageToJson(message).encode()),
    ):
        fleet.workspace.emulator.storage.clear_arrived()
        response = fleet.send("logs", body, content_type)
        assert response.status_code == 200
        if content_type == PROTOBUF:
            partial = ExportLogsServiceResponse.FromString(response.data).partial_success
            assert (partial.rejected_log_records, "200 bytes" in partial.error_message) == (1, True)
        else:
            assert json.loads(response.data)["partialSuccess"]["rejectedLogRecords"] == "1"
        (record,) = fleet.arrived()
        assert record["body"] == "<invalid string: too long>"
        assert record["attributes"] == {"_user_sysTime": "mine", "k" * 200: "v" * 2000}


def test_more_than_ten_thousand_records_are_refused(fleet: Fleet) -> None:
    assert "10000" in fleet.refused(413, "logs", logs(*["x"] * 10_001).SerializeToString())


def test_there_is_nothing_else_on_an_edge(fleet: Fleet) -> None:
    for method, path, status in (("GET", "/v1/logs", 405), ("POST", "/v1/traces", 404), ("GET", "/v2/datasets", 404)):
        response = fleet.workspace.call(method, path, port=1002)
        assert response.status_code == status
        assert set(json.loads(response.data)) == {"code", "message"}


def test_there_is_no_ingest_on_the_api(fleet: Fleet) -> None:
    fleet.workspace.refused(404, "POST", "/v1/logs", {})
