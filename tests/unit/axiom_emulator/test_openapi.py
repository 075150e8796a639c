# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each operation that the local Axiom serves, held against Axiom's own document; and that the check can fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema.exceptions import ValidationError
from openapi_schema_validator import oas30_format_checker

from axiom_emulator import capabilities
from axiom_emulator.datasets import DEFAULT_KIND, KINDS
from axiom_emulator.openapi import RATE_LIMIT_HEADERS, TRACE_HEADER, Document, document_path

LATER = "2999-01-01T00:00:00.123456789Z"

DASHBOARD = {
    "name": "Fleet",
    "owner": "X-AXIOM-EVERYONE",
    "charts": [{"id": "note", "type": "Note", "text": "t"}],
    "layout": [{"i": "note", "x": 0, "y": 0, "w": 6, "h": 4}],
    "refreshTime": 60,
    "schemaVersion": 2,
    "timeWindowStart": "qr-now-7d",
    "timeWindowEnd": "qr-now",
}

# operation id -> method, path, body, status, capability of the document's `security`
OPERATIONS: dict[str, tuple[str, str, Any, int, str | None]] = {
    "getDatasets": ("GET", "/v2/datasets", None, 200, None),
    "createDataset": ("POST", "/v2/datasets", {"name": "new", "retentionDays": 30}, 200, "datasets|create"),
    "getDataset": ("GET", "/v2/datasets/logs", None, 200, None),
    "updateDataset": ("PUT", "/v2/datasets/logs", {"description": "d"}, 200, "datasets|update"),
    "deleteDataset": ("DELETE", "/v2/datasets/logs", None, 204, "datasets|delete"),
    "getMapFields": ("GET", "/v2/datasets/logs/mapfields", None, 200, "datasets|read"),
    "updateMapFields": ("PUT", "/v2/datasets/logs/mapfields", ["a", "b"], 200, "datasets|update"),
    "createMapField": ("POST", "/v2/datasets/logs/mapfields", {"name": "c"}, 200, "datasets|update"),
    "deleteMapField": ("DELETE", "/v2/datasets/logs/mapfields/map", None, 204, "datasets|update"),
    "getFieldsForDataset": ("GET", "/v2/datasets/logs/fields", None, 200, "datasets|read"),
    "getFieldForDataset": ("GET", "/v2/datasets/logs/fields/_time", None, 200, "datasets|read"),
    "listDashboards": ("GET", "/v2/dashboards?limit=5", None, 200, "dashboards|read"),
    "createDashboard": ("POST", "/v2/dashboards", {"dashboard": DASHBOARD}, 201, "dashboards|create"),
    "getDashboard": ("GET", "/v2/dashboards/uid/fleet", None, 200, "dashboards|read"),
    "updateDashboard": (
        "PUT",
        "/v2/dashboards/uid/fleet",
        {"dashboard": DASHBOARD, "version": 1},
        200,
        "dashboards|update",
    ),
    "patchDashboardChart": (
        "PATCH",
        "/v2/dashboards/uid/fleet/charts/note",
        {"chart": {"text": "u"}, "version": 1},
        200,
        "dashboards|update",
    ),
    "deleteDashboard": ("DELETE", "/v2/dashboards/uid/fleet", None, 204, "dashboards|delete"),
    "getAPITokens": ("GET", "/v2/tokens", None, 200, "apiTokens|read"),
    "createAPIToken": ("POST", "/v2/tokens", {"name": "new", "expiresAt": LATER}, 200, "apiTokens|create"),
    "getAPIToken": ("GET", "/v2/tokens/{token}", None, 200, "apiTokens|read"),
    "deleteAPIToken": ("DELETE", "/v2/tokens/{token}", None, 204, "apiTokens|delete"),
    "regenerateAPIToken": (
        "POST",
        "/v2/tokens/{token}/regenerate",
        {"existingTokenExpiresAt": LATER, "newToken": {"name": "next"}, "newTokenExpiresAt": LATER},
        200,
        "apiTokens|update",
    ),
    "getCurrentUser": ("GET", "/v2/user", None, 200, None),
    "getOrgs": ("GET", "/v2/orgs", None, 200, None),
    "getOrg": ("GET", "/v2/orgs/{org}", None, 200, None),
}


@pytest.fixture
def checked(document: Document | None, request: pytest.FixtureRequest) -> Document:
    """The document; where it is absent, the test is reported by name as not checked."""
    if document is None:
        pytest.skip(f"not checked: {request.node.name}: no {document_path()} (AXIOM_OPENAPI_DIR says where it is)")
    return document


@pytest.fixture
def prepared(workspace: Any) -> Callable[[str], tuple[str, str, Any]]:
    """Make what the operations' paths name; return method, path and body of one."""
    workspace.dataset("logs")
    workspace.ok("POST", "/v2/datasets/logs/mapfields", {"name": "map"})
    workspace.ok("POST", "/v2/dashboards", {"dashboard": DASHBOARD, "uid": "fleet"})
    names = {"token": workspace.mint(datasetCapabilities={"logs": {"ingest": ["create"]}})["id"]}
    names["org"] = workspace.emulator.org_id

    def request(operation: str) -> tuple[str, str, Any]:
        method, path, body, _unused, _unused = OPERATIONS[operation]
        return method, path.format(**names), body

    return request


@pytest.mark.parametrize("operation", OPERATIONS)
def test_answer_and_accepted_body_are_as_documented(
    operation: str, checked: Document, prepared: Callable[[str], tuple[str, str, Any]], workspace: Any
) -> None:
    method, path, body = prepared(operation)
    checked.answered.clear()
    checked.requested.clear()
    workspace.ok(method, path, body)
    assert checked.answered == {(operation, OPERATIONS[operation][3])}
    assert checked.requested == ({operation} if body is not None else set())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_capability_is_the_documented_one(operation: str, checked: Document, prepared: Any) -> None:
    method, path, _unused = prepared(operation)
    found = checked.operation(method, path)
    assert found
    assert found[1]["operationId"] == operation
    capability = OPERATIONS[operation][4]
    if capability and capability.startswith("dashboards"):
        assert found[1]["security"] == [{"bearerAuth": []}], "the document does not say which capability it is"
    else:
        assert found[1]["security"] == [{"Auth": [capability] if capability else []}]


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if OPERATIONS[name][4]])
def test_a_token_without_the_capability_is_refused_and_told_which(
    operation: str, prepared: Any, workspace: Any
) -> None:
    capability = str(OPERATIONS[operation][4])
    name, _unused, action = capability.partition("|")
    fewer = {**capabilities.EVERYTHING, name: [other for other in capabilities.ORG[name] if other != action]}
    almost = workspace.mint("almost", orgCapabilities=fewer)["token"]
    message = workspace.refused(403, *prepared(operation), token=almost)
    assert capability in message
    assert "'almost'" in message


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_token_with_only_the_capability_is_enough(operation: str, prepared: Any, workspace: Any) -> None:
    capability = OPERATIONS[operation][4]
    name, _unused, action = (capability or "").partition("|")
    least = workspace.mint("least", orgCapabilities={name: [action]} if name else None)["token"]
    response = workspace.call(*prepared(operation), token=least)
    assert response.status_code == OPERATIONS[operation][3], response.text


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("token", ["", "xaat-unknown", "xapt-123"])
def test_an_unknown_token_is_refused(operation: str, token: str, prepared: Any, workspace: Any) -> None:
    assert "token" in workspace.refused(401, *prepared(operation), token=token)


def test_capabilities_are_the_documented_ones(checked: Document) -> None:
    schemas = checked.raw["components"]["schemas"]

    def table(properties: dict[str, Any]) -> dict[str, set[str]]:
        return {name: set(schema["items"]["enum"]) for name, schema in properties.items()}

    def ours(known: dict[str, tuple[str, ...]]) -> dict[str, set[str]]:
        return {name: set(actions) for name, actions in known.items()}

    assert ours(capabilities.ORG) == table(schemas["orgCapabilities"]["properties"])
    assert ours(capabilities.DATASET) == table(schemas["datasetCapabilities"]["additionalProperties"]["properties"])
    assert ours(capabilities.VIEW) == table(schemas["viewCapabilities"]["additionalProperties"]["properties"])


def test_kinds_are_the_documented_ones(checked: Document) -> None:
    kind = checked.raw["components"]["schemas"]["CreateDataset"]["properties"]["kind"]
    assert set(KINDS) == set(kind["enum"])
    assert kind["default"] == DEFAULT_KIND


def test_date_times_are_really_checked() -> None:
    assert "date-time" in oas30_format_checker.checkers


@pytest.mark.parametrize(
    ("path", "change"),
    [
        pytest.param("/v2/datasets/logs", {"undocumented": 1}, id="undocumented"),
        pytest.param("/v2/datasets/logs", {"retentionDays": None}, id="null"),
        pytest.param("/v2/datasets/logs", {"retentionDays": ...}, id="x-omitempty-false"),
        pytest.param("/v2/datasets/logs", {"mapFields": []}, id="empty-list"),
        pytest.param("/v2/datasets/logs", {"edgeDeployment": ""}, id="empty-string"),
        pytest.param("/v2/datasets/logs", {"kind": "otel:profiles:v1"}, id="enumeration"),
        pytest.param("/v2/datasets/logs", {"created": "yesterday"}, id="date-time"),
        pytest.param("/v2/tokens/{token}", {"viewCapabilities": {}}, id="empty-object"),
        pytest.param("/v2/tokens/{token}", {"expiresAt": None}, id="nullable-but-optional"),
        pytest.param("/v2/tokens/{token}", {"orgCapabilities": {"users": []}}, id="empty-capability"),
        pytest.param("/v2/tokens/{token}", {"datasetCapabilities": {"logs": {"x": ["y"]}}}, id="unknown-capability"),
        pytest.param("/v2/tokens/{token}", {"token": "xaat-1"}, id="secret"),
    ],
)
def test_the_check_fails_on_an_answer_that_is_not_as_documented(
    path: str, change: dict[str, Any], checked: Document, prepared: Any, workspace: Any
) -> None:
    path = path.format(token=workspace.ok("GET", "/v2/tokens")[1]["id"])
    response = workspace.call("GET", path)
    altered = {**json.loads(response.data), **change}
    body = json.dumps({name: value for name, value in altered.items() if value is not ...}).encode()
    with pytest.raises(ValidationError):
        checked.check_answer("GET", path, 200, response.headers, body)


def test_the_check_fails_on_an_accepted_body_that_is_not_as_documented(checked: Document) -> None:
    with pytest.raises(ValidationError):
        checked.check_accepted("POST", "/v2/tokens", b'{"name": "a", "scopes": []}')
    with pytest.raises(ValidationError):
        checked.check_accepted("POST", "/v2/datasets", b'{"description": "no name"}')


def test_the_check_fails_on_an_undocumented_status_or_missing_header(checked: Document) -> None:
    headers = {**dict.fromkeys(RATE_LIMIT_HEADERS, "1"), TRACE_HEADER: "1", "Content-Type": "application/json"}
    checked.check_answer("GET", "/v2/datasets", 200, headers, b"[]")
    with pytest.raises(AssertionError):
        checked.check_answer("GET", "/v2/datasets", 202, headers, b"[]")
    with pytest.raises(AssertionError):
        checked.check_answer("GET", "/v2/datasets", 200, {**headers, TRACE_HEADER: ""}, b"[]")
    with pytest.raises(ValidationError):
        checked.check_answer("GET", "/v2/datasets", 404, headers, b'{"code": 404, "message": "not found"}')
