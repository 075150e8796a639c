# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fields OTLP logs make, in both layouts and with map fields, and what the API says of them."""

from __future__ import annotations

from typing import Any

import pytest

from axiom_emulator.testing import LocalAxiom


@pytest.fixture
def ingest(workspace: Any) -> Any:
    """Store one log record in ``logs``."""
    workspace.dataset("logs", kind="otel:logs:v1")

    def store(attributes: dict[str, Any], resource: dict[str, Any], **members: Any) -> None:
        record = {"attributes": attributes, "resource": resource, "scope": "s", "time": 1, "body": "b", **members}
        delivery = {"time": "2026-01-01T00:00:00Z", "signal": "logs", "dataset": "logs", "token": "t", "edge": "e"}
        with workspace.emulator.storage.transaction():
            workspace.emulator.storage.add_delivery({**delivery, "resource": resource}, [record])

    return store


def _fields(workspace: Any) -> dict[str, str]:
    return {field["name"]: field["type"] for field in workspace.ok("GET", "/v2/datasets/logs/fields")}


def test_flat_fields(workspace: Any, ingest: Any) -> None:
    ingest({"event.name": "x", "cost_usd": 0.5}, {"service.name": "c", "host.name": "m", "team": "t"}, severity="INFO")
    assert _fields(workspace) == {
        "_sysTime": "datetime",
        "_time": "datetime",
        "attributes.cost_usd": "float",
        "attributes.event.name": "string",
        "body": "string",
        "resource.host.name": "string",
        "resource.team": "string",
        "scope.name": "string",
        "service.name": "string",
        "severity_text": "string",
    }


def test_custom_attributes_in_a_map(workspace: Any, ingest: Any) -> None:
    workspace.ok("PUT", "/_emulator/settings", {"log_fields": "custom"})
    ingest({"event.name": "x", "cost_usd": 0.5}, {"service.name": "c", "host.name": "m", "team": "t"})
    fields = _fields(workspace)
    assert fields["attributes.custom"] == fields["resource.custom"] == "map"
    assert {"attributes.event.name", "resource.host.name", "service.name"} <= set(fields)
    assert not {"attributes.cost_usd", "resource.team"} & set(fields)


def test_a_map_field_takes_what_is_below_its_name(workspace: Any, ingest: Any) -> None:
    workspace.ok("POST", "/v2/datasets/logs/mapfields", {"name": "attributes"})
    ingest({"event.name": "x", "cost_usd": 0.5}, {"host.name": "m"})
    fields = _fields(workspace)
    assert fields["attributes"] == "map"
    assert not [name for name in fields if name.startswith("attributes.")]
    assert "resource.host.name" in fields


def test_a_field_keeps_every_type_it_had(workspace: Any, ingest: Any) -> None:
    for value in (1, "1", None):
        ingest({"a": value, "b": None}, {})
    fields = _fields(workspace)
    assert (fields["attributes.a"], fields["attributes.b"]) == ("integer|string", "unknown")
    assert workspace.ok("GET", "/v2/datasets/logs/fields/attributes.a")["type"] == "integer|string"
    workspace.refused(404, "GET", "/v2/datasets/logs/fields/none")
    workspace.refused(404, "GET", "/v2/datasets/none/fields")


def test_metrics_have_tags_and_no_fields(workspace: Any) -> None:
    workspace.dataset("metrics", kind="otel:metrics:v1")
    assert workspace.ok("GET", "/v2/datasets/metrics/fields") == []


def test_loaded_events_are_there_for_queries_and_for_arrived(axiom: LocalAxiom) -> None:
    with pytest.raises(ValueError, match="no dataset 'logs'"):
        axiom.load_events("logs", [])
