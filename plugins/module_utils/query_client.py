# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Queries of Axiom: events in APL, metrics in MPL."""

from __future__ import annotations

import re
from typing import Any, Callable, Mapping, TypeVar

from ansible_collections.devfleet.axiom.plugins.module_utils import query_answers
from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import (
    ApiClient,
    checked_url,
    rate_limit,
    rate_limit_wait,
    require_requests,
    unsent,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import (
    DEFAULT_URL,
    USER_AGENT,
    checked_token,
    connection_argument_spec,
)

_Answer = TypeVar("_Answer")


def query_argument_spec() -> dict[str, Any]:
    """The options of every module that queries, but the query itself; see doc_fragments/query.py."""
    return {
        **connection_argument_spec(),
        "start_time": {"type": "str", "default": "now-24h"},
        "end_time": {"type": "str", "default": "now"},
        "edge_url": {"type": "str"},
    }


class QueryClient(ApiClient):
    """Queries, with a token that may read: APL for events, MPL for metrics.

    token: an API token with the dataset capability C(query|read), or for APL at the API a personal token. edge_url: the
    base URL of the edge deployment where the datasets live; without one, queries go to Axiom's API at C(url), which
    takes APL only. settings: as for ApiClient, and C(org_id) for a personal token.
    """

    service = "Axiom"
    base_url = "the base URL of the edge deployment where the dataset lives, or of Axiom's API"
    reads_only = True

    def __init__(self, token: str | None, settings: Mapping[str, Any], edge_url: str | None = None) -> None:
        require_requests()
        org_id = settings.get("org_id")
        secret = checked_token(token, org_id, "query token")
        self.edge = bool(edge_url)
        self.url_option = "edge_url" if edge_url else "url (AXIOM_URL)"
        example = "https://us-east-1.aws.edge.axiom.co" if edge_url else DEFAULT_URL
        url = re.sub(r"/v[12]\Z", "", (edge_url or settings.get("url") or DEFAULT_URL).strip().rstrip("/"))
        headers = {"User-Agent": USER_AGENT, **({"X-Axiom-Org-Id": org_id} if org_id else {})}
        url = checked_url(url, self.url_option, example)
        super().__init__(url, f"Bearer {secret}", [secret], settings, headers)

    def apl(self, query: str, start: str, end: str, default_limit: int | None = None) -> query_answers.Table:
        """The table that a query makes of events. start, end: RFC 3339, or relative as in C(now-1h)."""
        body = {"apl": query, "startTime": start, "endTime": end}
        limit = {} if default_limit is None else {"defaultLimit": default_limit}
        path = "/v1/query/_apl" if self.edge else "/v1/datasets/_apl"
        return self._asked(f"{path}?format=tabular", {**body, **limit}, query_answers.table)

    def mpl(self, query: str, start: str, end: str) -> list[query_answers.Series]:
        """The series that a query makes of a metric. start, end: RFC 3339, or relative as in C(now-1h)."""
        if not self.edge:
            raise unsent("edge_url_missing", "metrics can be queried at an edge deployment only: set edge_url")
        body = {"mpl": query, "startTime": start, "endTime": end}
        return self._asked("/v1/query/_mpl?format=metrics-v2", body, query_answers.series)

    def _asked(self, path: str, body: Any, understand: Callable[[Any], _Answer]) -> _Answer:
        try:
            return understand(self.post(path, body))
        except ValueError as error:
            text = f"{self._host} answered without {error} as documented: {self.url_option} must be {self.base_url}"
            raise self._error("POST", path, 200, "unexpected_answer", text) from None

    def _status_text(self, method: str, path: str, status: int, headers: Mapping[str, str]) -> str:
        if status == 400:
            return "Axiom does not understand the query (400)"
        if status == 401:
            return "Axiom does not accept the query token (401): expired, revoked or of another organization"
        if status == 403:
            return (
                "the query token may not do this (403): it needs the capability query: [read] for each dataset that is"
                " queried (option query of devfleet.axiom.workspace); a token for ingest cannot read"
            )
        if status == 404:
            return f"not found (404): there is no such dataset or metric, or it lives elsewhere than at {self._host}"
        if status == 429 and "Retry-After" in headers:
            return (
                "a limit on the cost of queries is reached (429), the token's or the organization's; ingest goes on."
                f" Query again in {rate_limit_wait(headers):.0f} s, over a shorter time, or raise the limit"
            )
        if status == 429:
            scope, limit = rate_limit(headers)
            return (
                f"Axiom's rate limit is reached (429; scope {scope}, {limit} requests per minute): query again in"
                f" {rate_limit_wait(headers):.0f} s"
            )
        if status == 430:
            return "a usage limit of the organization is reached (430): waiting does not help, see its plan's limits"
        return super()._status_text(method, path, status, headers)
