# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries: where they go, what is made of an answer, and what an error says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import responses
from responses import matchers

from ansible_collections.devfleet.axiom.plugins.module_utils import api_client
from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import ApiError
from ansible_collections.devfleet.axiom.plugins.module_utils.query_client import QueryClient

SECRET = "xaat-00000000-query-secret"
EDGE = "https://eu-central-1.aws.edge.axiom.co"
TABLE = {
    "format": "tabular",
    "status": {"elapsedTime": 5, "rowsExamined": 9, "rowsMatched": 2, "isPartial": False, "numGroups": 2},
    "tables": [
        {
            "name": "0",
            "fields": [
                {"name": "machine", "type": "string"},
                {"name": "n", "type": "integer", "agg": {"name": "count"}},
            ],
            "columns": [["m1", "m2"], [3, None]],
        }
    ],
}
SERIES = {
    "series": [
        {"tags": {"host.name": "m1"}, "start": 1000, "resolution": 60, "data": [1.0, None, 2.0, None]},
        {"tags": None, "start": 1000, "resolution": 60, "data": [None]},
    ]
}


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def client(edge_url: str | None = EDGE, **settings: Any) -> QueryClient:
    return QueryClient(SECRET, {"timeout": 5, "retries": 0, **settings}, edge_url)


def expect(mock: responses.RequestsMock, url: str, answer: Any, body: dict[str, Any], **also: Any) -> None:
    match = [
        matchers.header_matcher({"Authorization": f"Bearer {SECRET}"}),
        matchers.json_params_matcher(body, strict_match=True),
    ]
    mock.add("POST", url, json=answer, match=match, **also)


def error_of(mock: responses.RequestsMock, status: int, answer: Any = None, **also: Any) -> ApiError:
    mock.add("POST", f"{EDGE}/v1/query/_apl", status=status, json=answer or {"message": "the reason"}, **also)
    with pytest.raises(ApiError) as caught:
        client().apl("['x']", "now-1h", "now")
    assert not caught.value.outcome_unknown
    assert "unknown, so it is not repeated" not in caught.value.message
    return caught.value


BODY = {"apl": "['x'] | count", "startTime": "now-1h", "endTime": "now"}


@pytest.mark.parametrize("edge_url", [EDGE, EDGE + "/", EDGE + "/v1"])
def test_apl_goes_to_the_edge_and_columns_become_rows(mock: responses.RequestsMock, edge_url: str) -> None:
    expect(mock, f"{EDGE}/v1/query/_apl?format=tabular", TABLE, BODY)
    found = client(edge_url).apl("['x'] | count", "now-1h", "now")
    assert found.rows == [{"machine": "m1", "n": 3}, {"machine": "m2", "n": None}]
    assert found.fields == [{"name": "machine", "type": "string"}, {"name": "n", "type": "integer"}]
    assert found.status == {"elapsed_us": 5, "rows_examined": 9, "rows_matched": 2, "is_partial": False}


def test_without_an_edge_apl_goes_to_the_api_with_the_organization(mock: responses.RequestsMock) -> None:
    expect(mock, "https://api.axiom.co/v1/datasets/_apl?format=tabular", TABLE, {**BODY, "defaultLimit": 7})
    client(None, org_id="org-1").apl("['x'] | count", "now-1h", "now", 7)
    assert mock.calls[0].request.headers["X-Axiom-Org-Id"] == "org-1"
    with pytest.raises(ApiError, match="set edge_url"):
        client(None).mpl("x", "a", "b")


def test_mpl_tells_when_each_series_had_its_last_value(mock: responses.RequestsMock) -> None:
    body = {"mpl": "`m`:`x` | align to 1m using sum", "startTime": "a", "endTime": "b"}
    expect(mock, f"{EDGE}/v1/query/_mpl?format=metrics-v2", SERIES, body)
    found = client().mpl(body["mpl"], "a", "b")
    assert found == [({"host.name": "m1"}, 1000, 60, [1.0, None, 2.0, None]), ({}, 1000, 60, [None])]
    assert [one.last for one in found] == [1120, None]


@pytest.mark.parametrize("columns", [None, [], [[], []]])
def test_no_rows_are_no_rows(mock: responses.RequestsMock, columns: Any) -> None:
    mock.add("POST", f"{EDGE}/v1/query/_apl", json={"tables": [{**TABLE["tables"][0], "columns": columns}]})
    assert client().apl("['x']", "now-1h", "now").rows == []


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"tables": []},
        {"tables": [{"fields": [], "columns": [[1]]}]},
        {"tables": [{"fields": TABLE["tables"][0]["fields"], "columns": [[1], []]}]},
    ],
)
def test_an_answer_of_another_shape_is_an_error(mock: responses.RequestsMock, answer: Any) -> None:
    mock.add("POST", f"{EDGE}/v1/query/_apl", json=answer)
    with pytest.raises(ApiError, match="edge_url must be the base URL of the edge") as caught:
        client().apl("['x']", "now-1h", "now")
    assert caught.value.failure["code"] == "unexpected_answer"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (400, "does not understand the query (400). Axiom says: the reason"),
        (401, "does not accept the query token (401)"),
        (403, "needs the capability query: [read] for each dataset"),
        (404, "no such dataset or metric, or it lives elsewhere than at eu-central-1.aws.edge.axiom.co"),
        (429, "rate limit is reached (429; scope unknown"),
        (430, "usage limit"),
        (503, "Axiom failed on POST /v1/query/_apl?format=tabular (503)"),
        (302, "correct edge_url"),
    ],
)
def test_each_status_says_what_to_do(mock: responses.RequestsMock, status: int, says: str) -> None:
    assert says in error_of(mock, status).message


def test_a_limit_on_the_cost_of_queries_is_explained(mock: responses.RequestsMock) -> None:
    error = error_of(
        mock, 429, {"message": "hourly limit of the token"}, headers={"Retry-After": "1800", "X-RateLimit-Reset": "1"}
    )
    assert "limit on the cost of queries is reached (429)" in error.message
    assert "ingest goes on. Query again in 1800 s" in error.message
    assert error.message.endswith("Axiom says: hourly limit of the token")


def test_a_limit_that_ends_soon_is_waited_for(loopback: Any, behaviour: Any, no_waiting: list[float]) -> None:
    limited = behaviour.answer(429, {"message": "limit"}, Retry_After="7")
    server = loopback(limited, behaviour.answer(200, TABLE))
    assert len(client(server.url, retries=2).apl("['x']", "now-1h", "now").rows) == 2
    assert no_waiting == [7]


def test_an_answer_without_end_is_refused(mock: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_client, "LARGEST_ANSWER", 64)
    mock.add("POST", f"{EDGE}/v1/query/_apl", json=TABLE)
    with pytest.raises(ApiError) as caught:
        client().apl("['x']", "now-1h", "now")
    assert caught.value.failure["code"] == "oversized"
    assert not caught.value.outcome_unknown


def test_the_secret_is_in_no_error_even_where_the_server_repeats_it(mock: responses.RequestsMock) -> None:
    error = error_of(mock, 400, {"message": f"I know {SECRET}"})
    assert SECRET not in str(error.result())


@pytest.mark.parametrize(
    ("token", "edge_url", "says"),
    [
        (None, EDGE, "no query token"),
        ("xapt-1", EDGE, "needs org_id"),
        (SECRET, "http://edge.example.org", "edge_url is plain http"),
        (SECRET, "edge.example.org", "edge_url must be a base URL"),
    ],
)
def test_what_cannot_work_is_refused_before_any_request(token: str | None, edge_url: str, says: str) -> None:
    with pytest.raises(ApiError, match=says):
        QueryClient(token, {}, edge_url)
