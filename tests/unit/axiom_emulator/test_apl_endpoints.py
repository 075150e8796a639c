# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""APL over HTTP: who may ask, where, and what an answer and an error look like; with Axiom's official client too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axiom_py import Client
from axiom_py.client import AplOptions, AxiomError

from axiom_emulator.testing import LocalAxiom

EDGE, OTHER_EDGE = "cloud.us-east-1.aws", "cloud.eu-central-1.aws"
PORTS = {None: 1001, EDGE: 1002, OTHER_EDGE: 1003}
COUNT = "['logs'] | summarize n = count()"


def _log(name: str = "user_prompt", **resource: str) -> bytes:
    def pairs(found: dict[str, str]) -> list[dict[str, Any]]:
        return [{"key": key, "value": {"stringValue": value}} for key, value in found.items()]

    record = {"body": {"stringValue": f"claude_code.{name}"}, "attributes": pairs({"event.name": name})}
    return json.dumps(
        {
            "resourceLogs": [
                {
                    "resource": {"attributes": pairs({"service.name": "claude-code", **resource})},
                    "scopeLogs": [{"scope": {"name": "scope"}, "logRecords": [record]}],
                }
            ]
        }
    ).encode()


@pytest.fixture
def filled(workspace: Any) -> Any:
    """A workspace with one log record in ``logs``; ``workspace.reader`` and ``workspace.writer`` are secrets."""
    workspace.dataset("logs", kind="otel:logs:v1")
    workspace.dataset("other", kind="otel:logs:v1", edgeDeployment=OTHER_EDGE)
    workspace.dataset("metrics", kind="otel:metrics:v1")
    rights = {name: {"query": ["read"]} for name in ("logs", "other", "metrics")}
    workspace.reader = workspace.mint("reader", datasetCapabilities=rights)["token"]
    workspace.writer = workspace.mint("writer", datasetCapabilities={"logs": {"ingest": ["create"]}})["token"]
    sent = workspace.send(
        "logs", _log(**{"host.name": "m1"}), workspace.writer, x_axiom_dataset="logs", Content_Type="application/json"
    )
    assert sent.status_code == 200
    return workspace


def _ask(workspace: Any, body: Any, where: str | None = EDGE, token: str | None = None, form: str = "tabular") -> Any:
    path = "/v1/query/_apl" if where else "/v1/datasets/_apl"
    checked, workspace.checked = workspace.checked, False
    try:
        body = {"apl": body} if isinstance(body, str) else body
        return workspace.call("POST", f"{path}?format={form}", body, token=token or workspace.reader, port=PORTS[where])
    finally:
        workspace.checked = checked


def _refused(response: Any, status: int) -> str:
    assert response.status_code == status, response.text
    found = json.loads(response.data)
    assert found["code"] == status
    message: str = found["message"]
    return message


@pytest.mark.parametrize("where", [EDGE, None])
def test_an_answer_is_a_table_of_columns(filled: Any, where: str | None) -> None:
    response = _ask(filled, "['logs'] | summarize n = count() by machine = ['resource.host.name']", where)
    assert response.status_code == 200, response.text
    found = json.loads(response.data)
    assert found["format"] == "tabular"
    assert found["datasetNames"] == ["logs"]
    (table,) = found["tables"]
    assert table["columns"] == [["m1"], [1]]
    assert [(field["name"], field["type"]) for field in table["fields"]] == [("machine", "string"), ("n", "integer")]
    assert table["groups"] == [{"name": "machine"}]
    status = found["status"]
    assert (status["rowsExamined"], status["rowsMatched"], status["numGroups"]) == (1, 1, 1)
    assert status["isPartial"] is False
    assert {"X-QueryLimit-Limit", "X-QueryLimit-Remaining", "X-QueryLimit-Reset", "X-RateLimit-Limit"} <= set(
        response.headers.keys()
    )


@pytest.mark.parametrize("where", [EDGE, None])
def test_query_on_the_dataset_is_needed(filled: Any, where: str | None) -> None:
    for token in (filled.writer, filled.token):
        assert "query|read on the dataset 'logs'" in _refused(_ask(filled, COUNT, where, token), 403)
    assert "token" in _refused(_ask(filled, COUNT, where, "xaat-unknown"), 401)
    everywhere = filled.mint("all", datasetCapabilities={"*": {"query": ["read"]}})["token"]
    assert _ask(filled, COUNT, where, everywhere).status_code == 200


def test_the_api_reaches_every_edge_and_an_edge_only_itself(filled: Any) -> None:
    assert _ask(filled, "['other'] | take 1", None).status_code == 200
    assert _ask(filled, "['other'] | take 1", OTHER_EDGE).status_code == 200
    assert "lives on cloud.eu-central-1.aws" in _refused(_ask(filled, "['other'] | take 1", EDGE), 404)
    everywhere = filled.mint("all", datasetCapabilities={"*": {"query": ["read"]}})["token"]
    assert "not found" in _refused(_ask(filled, "['gone'] | take 1", token=everywhere), 404)
    assert "query|read" in _refused(_ask(filled, "['gone'] | take 1"), 403)
    for path, port in (("/v1/datasets/_apl", 1002), ("/v1/query/_apl", 1001)):
        filled.checked = False
        assert filled.call("POST", f"{path}?format=tabular", {"apl": COUNT}, port=port).status_code in (404, 405)


def test_a_personal_token_works_on_the_api_alone(filled: Any) -> None:
    filled.checked = False
    personal = filled.ok("POST", "/_emulator/personal-tokens", {"name": "p"})["token"]
    assert "xaat-" in _refused(_ask(filled, COUNT, EDGE, personal), 403)
    assert "X-Axiom-Org-Id" in _refused(_ask(filled, COUNT, None, personal), 403)
    filled.headers["X-Axiom-Org-Id"] = filled.emulator.org_id
    assert _ask(filled, COUNT, None, personal).status_code == 200


def test_metrics_are_not_for_apl(filled: Any) -> None:
    assert "MPL" in _refused(_ask(filled, "['metrics'] | take 1"), 400)


def test_an_error_in_the_text_has_its_place(filled: Any) -> None:
    response = _ask(filled, "['logs']\n| where nothing == 1")
    assert "unknown field 'nothing' (line 2, column 9)" in _refused(response, 400)
    detail = json.loads(response.data)["detail"]
    assert (detail["line"], detail["column"]) == (2, 9)
    assert "'join'" in _refused(_ask(filled, "['logs'] | join ['other']"), 400)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"apl": 1},
        {"apl": COUNT, "startTime": "yesterday"},
        {"apl": COUNT, "startTime": "now", "endTime": "now-1h"},
        {"apl": COUNT, "defaultLimit": 0},
        {"apl": COUNT, "cursor": "c"},
    ],
)
def test_a_body_out_of_shape_is_refused(filled: Any, body: Any) -> None:
    _refused(_ask(filled, body), 400)


def test_other_formats_are_refused(filled: Any) -> None:
    assert "format=tabular" in _refused(_ask(filled, COUNT, form="legacy"), 400)


def test_the_window_includes_its_start_and_not_its_end(filled: Any) -> None:
    def count(**times: str) -> int:
        found = json.loads(_ask(filled, {"apl": COUNT, **times}).data)
        number: int = found["tables"][0]["columns"][0][0]
        return number

    (moment,) = json.loads(_ask(filled, "['logs'] | project _time").data)["tables"][0]["columns"][0]
    assert count(startTime=moment, endTime="now+1m") == 1
    assert count(startTime="now-1h", endTime=moment) == 0
    assert count(startTime="now-1h") == 1
    assert count() == 1


def test_a_recreated_dataset_begins_empty(filled: Any) -> None:
    filled.ok("DELETE", "/v2/datasets/logs")
    filled.dataset("logs", kind="otel:logs:v1")
    assert json.loads(_ask(filled, "['logs'] | take 5").data)["tables"][0]["columns"] == [[], []]


def test_asking_is_no_attempted_write(filled: Any) -> None:
    filled.emulator.settings.readonly = True
    assert _ask(filled, COUNT, None).status_code == 200
    assert not any(request["attempted_write"] for request in filled.emulator.storage.requests())


@pytest.fixture
def logs(axiom: LocalAxiom) -> Iterator[Any]:
    """A real server with three events of the last hour, and a client for each way to ask."""
    client = Client(token=axiom.token, url=axiom.url)
    client.session.trust_env = False
    client.datasets.create("logs")
    client.session.close()
    response = axiom.mint(name="reader", datasetCapabilities={"logs": {"query": ["read"]}})
    now = datetime.now(UTC)
    axiom.load_events(
        "logs",
        [
            {"time": now - timedelta(minutes=number), "name": "user_prompt", "resource": {"host.name": f"m{number}"}}
            for number in (1, 2, 90)
        ],
    )
    clients = [
        Client(token=response["token"], url=axiom.url),
        Client(token=response["token"], url=axiom.url, edge_url=axiom.edge_urls[EDGE]),
    ]
    for made in clients:
        made.session.trust_env = False
    yield clients
    for made in clients:
        made.session.close()


def test_the_official_client_reads_our_answers(logs: list[Client]) -> None:
    hour = AplOptions(start_time=datetime.now(UTC) - timedelta(hours=1))
    for client in logs:
        result = client.query("['logs'] | project _time, machine = ['resource.host.name'] | sort by machine asc", hour)
        assert result.tables
        assert [event["machine"] for event in result.tables[0].events()] == ["m1", "m2"]
        assert result.status.rowsMatched == 2
        assert result.savedQueryID
        with pytest.raises(AxiomError, match="unknown field 'nothing'"):
            client.query("['logs'] | where nothing == 1")
