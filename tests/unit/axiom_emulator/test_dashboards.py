# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dashboards: versions, conflicts, owners; and the shape of the document, held against Axiom's own."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema.exceptions import ValidationError

from axiom_emulator.dashboard_schema import CHARTS, EVERYONE, OTHER_CHARTS, check_dashboard
from axiom_emulator.errors import ApiError
from axiom_emulator.openapi import Document, document_path

APL, MPL = {"apl": "['logs'] | take 1"}, {"mpl": "`metrics`:`m` | align using sum"}
COLORS = {"background": "a", "chartFillColor": "b", "labelColor": "c", "textColor": "d"}
OPTIONS = {
    "displayNull": "zero",
    "overlayCharts": "true",
    "shownColumns": "a",
    "timeSeriesVariant": "bars",
    "timeSeriesView": "charts",
}
STREAM = dict.fromkeys(
    ("highlightSeverity", "showRaw", "showEvent", "showTimestamp", "wrapLines", "hideNulls", "fitColumns"), True
)
EVERY_MEMBER: dict[str, Any] = {
    "name": "Fleet",
    "owner": EVERYONE,
    "description": "d",
    "charts": [
        {"id": "1", "type": "TimeSeries", "name": "n", "query": {**APL, "queryOptions": OPTIONS}},
        {"id": "2", "type": "TimeSeries", "query": {**MPL, "queryOptions": OPTIONS}},
        {
            "id": "3",
            "type": "Statistic",
            "name": "n",
            "query": MPL,
            "colorScheme": "Blue",
            "customUnits": "USD",
            "showChart": True,
            "hideValue": False,
            "chartHeight": 3,
            "errorThreshold": "Below",
            "errorThresholdValue": "1",
            "warningThreshold": "Above",
            "warningThresholdValue": "2",
            "invertTheme": True,
            **COLORS,
            "okColorProps": COLORS,
            "warningColorProps": COLORS,
            "errorColorProps": COLORS,
        },
        {
            "id": "4",
            "type": "Table",
            "name": "n",
            "query": APL,
            "tableSettings": {
                "columns": ["a", {"name": "b", "width": 10}],
                "settings": {"fontSize": "12px", **STREAM},
            },
        },
        {"id": "5", "type": "TopK", "name": "n", "query": APL},
        {"id": "6", "type": "Pie", "name": "n", "query": APL},
        {"id": "7", "type": "Note", "text": "t", "variant": "default"},
        {"id": "8", "type": "Spacer", "name": "n"},
    ],
    "layout": [
        {"i": "1", "x": 0, "y": 1, "w": 2, "h": 3, "minW": 1, "minH": 1.5, "maxW": 3, "maxH": 4, "static": True}
    ],
    "refreshTime": 60,
    "schemaVersion": 2,
    "against": "-1d",
    "againstTimestamp": "now-1d",
    "timeWindowStart": "qr-now-7d",
    "timeWindowEnd": "qr-now",
    "uid": "fleet",
}
SMALL: dict[str, Any] = {
    name: EVERY_MEMBER[name]
    for name in ("name", "owner", "refreshTime", "schemaVersion", "timeWindowStart", "timeWindowEnd")
} | {"charts": [], "layout": [{"i": "1", "x": 0, "y": 0, "w": 6, "h": 4}]}

WRONG: tuple[Any, ...] = ("", "other", -1, 2.5, [], {"a": 1})


def _paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(node, (dict, list)):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _paths(value, (*path, key))


def _variants() -> Iterator[dict[str, Any]]:
    """Every member gone, every member replaced by something else, every object with a member more."""
    for path in _paths(EVERY_MEMBER):
        for replacement in (..., *WRONG):
            document = copy.deepcopy(EVERY_MEMBER)
            parent: Any = document
            for step in path[:-1]:
                parent = parent[step]
            if replacement is ...:
                del parent[path[-1]]
            else:
                parent[path[-1]] = replacement
            yield document
        document = copy.deepcopy(EVERY_MEMBER)
        node: Any = document
        for step in path:
            node = node[step]
        if isinstance(node, dict):
            node["undocumented"] = 1
            yield document


def test_our_schema_is_the_documented_one() -> None:
    if not document_path().exists():
        pytest.skip(f"not checked: no {document_path()} (AXIOM_OPENAPI_DIR says where it is)")
    document = Document(document_path())
    accepted = refused = 0
    for dashboard in _variants():
        try:
            document.check_accepted("POST", "/v2/dashboards", json.dumps({"dashboard": dashboard}).encode())
            documented = True
        except ValidationError:
            documented = False
        try:
            check_dashboard(dashboard)
            ours = True
        except ApiError:
            ours = False
        assert ours == documented, dashboard
        accepted, refused = accepted + ours, refused + (not ours)
    assert accepted > 50
    assert refused > 500
    kinds = {
        schema["properties"]["type"]["enum"][0]
        for name, schema in document.raw["components"]["schemas"].items()
        if name.endswith("Chart") and "properties" in schema
    }
    assert kinds == set(CHARTS) | set(OTHER_CHARTS)


def test_what_is_wrong_is_named(workspace: Any) -> None:
    def refused(**members: Any) -> str:
        message: str = workspace.refused(400, "POST", "/v2/dashboards", {"dashboard": {**SMALL, **members}})
        return message

    assert "dashboard.refreshTime: 61" in refused(refreshTime=61)
    assert "dashboard.layout[0].w" in refused(layout=[{**SMALL["layout"][0], "w": 13}])
    assert "Heatmap are not part of" in refused(charts=[{"id": "1", "type": "Heatmap", "query": APL}])
    assert "'Bar' is not one of" in refused(charts=[{"id": "1", "type": "Bar", "query": APL}])
    assert "dashboard.charts[0]" in refused(charts=[{"id": "1", "type": "Note", "text": "t", "extra": 1}])
    assert "uid" in refused(uid="not a uid")
    for body in ([], {}, {"dashboard": 1}, {"dashboard": SMALL, "extra": 1}, {"dashboard": SMALL, "version": "1"}):
        workspace.refused(400, "POST", "/v2/dashboards", body)


def _written(workspace: Any, method: str, path: str, body: Any, status: int) -> Any:
    response = workspace.call(method, f"/v2/dashboards{path}", body)
    assert response.status_code == status, response.text
    return json.loads(response.data)


def test_a_dashboard_lives_through_its_versions(workspace: Any) -> None:
    made = _written(workspace, "POST", "", {"dashboard": SMALL, "uid": "fleet"}, 201)
    assert made["status"] == "created"
    assert (made["dashboard"]["uid"], made["dashboard"]["version"]) == ("fleet", 1)
    changed = {**SMALL, "name": "Other"}
    updated = _written(workspace, "PUT", "/uid/fleet", {"dashboard": changed, "version": 1}, 200)
    assert (updated["status"], updated["dashboard"]["version"]) == ("updated", 2)
    overwritten = _written(workspace, "POST", "", {"dashboard": SMALL, "uid": "fleet", "overwrite": True}, 200)
    assert (overwritten["overwritten"], overwritten["dashboard"]["version"]) == (True, 3)
    assert workspace.ok("GET", "/v2/dashboards/uid/fleet") == overwritten["dashboard"]
    assert workspace.ok("GET", "/v2/dashboards") == [overwritten["dashboard"]]
    workspace.ok("DELETE", "/v2/dashboards/uid/fleet")
    for method in ("GET", "DELETE"):
        workspace.refused(404, method, "/v2/dashboards/uid/fleet")
    assert workspace.ok("GET", "/v2/dashboards") == []


def test_conflicts_name_the_version_that_is_there(workspace: Any) -> None:
    _written(workspace, "PUT", "/uid/fleet", {"dashboard": SMALL}, 201)
    for method, path, body, status in (
        ("POST", "", {"uid": "fleet"}, 409),
        ("POST", "", {"uid": "fleet", "version": 2}, 412),
        ("PUT", "/uid/fleet", {}, 412),
        ("PUT", "/uid/fleet", {"version": 7}, 412),
    ):
        refused = _written(workspace, method, path, {"dashboard": SMALL, **body}, status)
        assert (refused["uid"], refused["currentVersion"]) == ("fleet", 1)
    workspace.refused(400, "PUT", "/v2/dashboards/uid/fleet", {"dashboard": SMALL, "uid": "other", "version": 1})
    workspace.refused(400, "PUT", "/v2/dashboards/uid/not%20one", {"dashboard": SMALL})


def test_the_service_fills_in_what_was_left_out(workspace: Any) -> None:
    made = _written(workspace, "POST", "", {"dashboard": {**SMALL, "owner": ""}}, 201)["dashboard"]
    assert made["uid"]
    assert made["dashboard"]["owner"] == EVERYONE
    assert made["dashboard"]["layout"][0]["static"] is False
    assert made["createdBy"] == made["updatedBy"] == "local-axiom-management"


def test_an_api_token_owns_no_dashboard(workspace: Any) -> None:
    body = {"dashboard": {**SMALL, "owner": "somebody"}}
    assert EVERYONE in workspace.refused(403, "POST", "/v2/dashboards", body)


def test_a_chart_can_be_patched(workspace: Any) -> None:
    note = {"id": "note", "type": "Note", "text": "t", "variant": "default"}
    _written(workspace, "POST", "", {"dashboard": {**SMALL, "charts": [note]}, "uid": "fleet"}, 201)
    path = "/uid/fleet/charts/note"
    patched = _written(workspace, "PATCH", path, {"chart": {"text": "u", "variant": None}, "version": 1}, 200)
    assert patched["dashboard"]["dashboard"]["charts"] == [{"id": "note", "type": "Note", "text": "u"}]
    _written(workspace, "PATCH", path, {"chart": {"text": "v"}, "version": 1}, 412)
    _written(workspace, "PATCH", path, {"chart": {"text": ""}, "version": 2}, 400)
    _written(workspace, "PATCH", path, {"chart": {"id": "other"}, "version": 2}, 400)
    _written(workspace, "PATCH", "/uid/fleet/charts/none", {"chart": {}, "version": 2}, 404)


def test_the_list_comes_in_pages(workspace: Any) -> None:
    for number in range(3):
        _written(workspace, "PUT", f"/uid/d{number}", {"dashboard": SMALL}, 201)
    found = [workspace.ok("GET", f"/v2/dashboards?limit=2&offset={offset}") for offset in (0, 2)]
    assert [[row["uid"] for row in page] for page in found] == [["d0", "d1"], ["d2"]]
    for query in ("limit=0", "limit=1001", "offset=-1", "limit=x"):
        workspace.refused(400, "GET", f"/v2/dashboards?{query}")
