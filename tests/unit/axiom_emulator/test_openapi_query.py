# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each query operation that the local Axiom serves, held against Axiom's edge query document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema.exceptions import ValidationError

from axiom_emulator.openapi import QUERY_FILE_NAME, document_path
from axiom_emulator.openapi_query import QueryDocument

INFO = "/v1/query/metrics/info/datasets/metrics"
TIMES = "start=now-1h&end=now%2B1h"
RANGE = {"startTime": "now-1h", "endTime": "now+1h"}
MPL = "`metrics`:`m` | align using sum"

# operation id -> method, path with query, body
OPERATIONS: dict[str, tuple[str, str, Any]] = {
    "queryApl": ("POST", "/v1/query/_apl?format=tabular", {"apl": "['logs'] | take 1", "defaultLimit": 5, **RANGE}),
    "queryMetrics": ("POST", "/v1/query/_mpl?format=metrics-v2", {"mpl": MPL, **RANGE}),
    "getDatasetMetrics": ("GET", f"{INFO}/metrics?{TIMES}", None),
    "findMetrics": ("POST", f"{INFO}/metrics?{TIMES}", {"value": "x"}),
    "getDatasetMetricTags": ("GET", f"{INFO}/metrics/m/tags?{TIMES}", None),
    "getDatasetMetricTagValues": ("GET", f"{INFO}/metrics/m/tags/host.name/values?{TIMES}", None),
    "getDatasetTags": ("GET", f"{INFO}/tags?{TIMES}", None),
    "getDatasetTagValues": ("GET", f"{INFO}/tags/host.name/values?{TIMES}", None),
}


@pytest.fixture
def document(request: pytest.FixtureRequest) -> QueryDocument:
    """The document; where it is absent, the test is reported by name as not checked."""
    path = document_path(QUERY_FILE_NAME)
    if not path.exists():
        pytest.skip(f"not checked: {request.node.name}: no {path} (AXIOM_OPENAPI_DIR says where it is)")
    return QueryDocument(path)


@pytest.fixture
def edge(workspace: Any) -> Any:
    """A workspace with a metric, a token that may read, and one that may not."""
    workspace.document = None
    workspace.dataset("logs", kind="otel:logs:v1")
    workspace.dataset("metrics", kind="otel:metrics:v1")
    reads = {name: {"query": ["read"]} for name in ("logs", "metrics")}
    workspace.reader = workspace.mint("reader", datasetCapabilities=reads)["token"]
    workspace.writer = workspace.mint("writer", datasetCapabilities={"metrics": {"ingest": ["create"]}})["token"]
    time = workspace.emulator.founded
    delivery = {"time": time, "signal": "metrics", "dataset": "metrics", "token": "t", "edge": "e", "resource": {}}
    point = {"name": "m", "kind": "sum", "unit": "", "monotonic": True, "temporality": 1, "value": 1, "time": 0}
    with workspace.emulator.storage.transaction():
        workspace.emulator.storage.add_delivery(delivery, [{**point, "attributes": {"host.name": "x"}}])
    return workspace


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("who", ["reader", "writer", "nobody"])
def test_exchanges_are_as_documented(operation: str, who: str, document: QueryDocument, edge: Any) -> None:
    method, path, body = OPERATIONS[operation]
    response = edge.call(method, path, body, token=getattr(edge, who, "xaat-unknown"), port=1002)
    assert response.status_code == {"reader": 200, "writer": 403, "nobody": 401}[who], response.text
    sent = json.dumps(body).encode() if body is not None else None
    document.check(method, path, sent, response.status_code, response.headers, response.data)
    assert {name for name, _unused in document.answered} == {document.operation(method, path)[1]["operationId"]}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_query_is_the_documented_capability(operation: str, document: QueryDocument) -> None:
    method, path, _unused = OPERATIONS[operation]
    assert document.operation(method, path)[1]["security"] == [{"Auth": ["query|read"]}]


def test_a_query_that_is_not_understood_is_answered_as_documented(document: QueryDocument, edge: Any) -> None:
    for path, body in (
        ("/v1/query/_apl?format=tabular", {"apl": "['logs'] | join"}),
        ("/v1/query/_mpl", {"mpl": "`metrics`:`m` | map rate", **RANGE}),
    ):
        response = edge.call("POST", path, body, token=edge.reader, port=1002)
        assert response.status_code == 400
        document.check("POST", path, None, 400, response.headers, response.data)


def test_the_other_version_of_the_information_is_the_same(edge: Any, document: QueryDocument) -> None:
    accept = {"Accept": "application/vnd.metrics-info.v2+json"}
    path = f"{INFO}/metrics?{TIMES}"
    response = edge.call("GET", path, token=edge.reader, port=1002, headers=accept)
    assert response.headers["Content-Type"] == accept["Accept"]
    document.check("GET", path, None, 200, response.headers, response.data)


def test_the_check_can_fail(edge: Any, document: QueryDocument) -> None:
    path = f"{INFO}/tags?{TIMES}"
    response = edge.call("GET", path, token=edge.reader, port=1002)
    with pytest.raises(ValidationError):
        document.check("GET", path, None, 200, response.headers, b'{"tags": []}')
    with pytest.raises(AssertionError):
        document.check("GET", "/v1/query/batch", None, 200, response.headers, response.data)
    with pytest.raises(ValidationError):
        document.check("GET", path, None, 403, response.headers, b'{"code": "forbidden"}')
