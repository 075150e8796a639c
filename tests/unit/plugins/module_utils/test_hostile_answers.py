# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that answer what no honest one would: one line comes of it, in bounded time and memory, for every client.

The sender on the machine is in test_otlp_send.py.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import brotli
import pytest
import responses
import zstandard
from support import sample_report
from support.between import DAY, NOW, Authority, Proxy

from ansible_collections.devfleet.axiom.plugins.module_utils import api_client, query_answers
from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import ApiError
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import AxiomClient
from ansible_collections.devfleet.axiom.plugins.module_utils.dashboards import Dashboard
from ansible_collections.devfleet.axiom.plugins.module_utils.datasets import Dataset
from ansible_collections.devfleet.axiom.plugins.module_utils.query_client import QueryClient
from ansible_collections.devfleet.axiom.plugins.module_utils.resource import converge
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import PolicyError
from ansible_collections.devfleet.axiom.plugins.module_utils.tokens import Token
from ansible_collections.devfleet.axiom.plugins.plugin_utils import arrivals, report_views
from ansible_collections.devfleet.axiom.plugins.plugin_utils.controller_client import ControllerClient
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import StoreError
from ansible_collections.devfleet.axiom.plugins.plugin_utils.workspace import Workspace

SECRET = "xaat-00000000-hostile-answers"
MIB = 1 << 20
Request = Callable[[], Any]


def _axiom(url: str, settings: Mapping[str, Any]) -> Request:
    return lambda: AxiomClient({"token": SECRET, "url": url, **settings}).get_objects("/datasets")


def _query(url: str, settings: Mapping[str, Any]) -> Request:
    return lambda: QueryClient(SECRET, settings, url).apl("['x']", "now-1h", "now")


def _controller(url: str, settings: Mapping[str, Any]) -> Request:
    client = ControllerClient({"CONTROLLER_HOST": url, "CONTROLLER_OAUTH_TOKEN": SECRET})
    client._timeout, client._deadline.seconds = settings["timeout"], 4 * settings["timeout"]
    client._session.get_adapter(url).max_retries.total = settings["retries"]
    return lambda: client.get("/credentials/7/")


CLIENTS = {"axiom": _axiom, "query": _query, "controller": _controller}
# What to do: each message names one of these.
WAYS_OUT = re.compile(r"AXIOM_URL|edge_url|CONTROLLER_HOST|url must be|timeout|CA|run again|ca_path|check ")


@pytest.fixture(params=CLIENTS)
def refused(request: pytest.FixtureRequest, no_waiting: list[float]) -> Callable[..., ApiError]:
    """The error of a client's read, after what holds for every error."""

    def ask(url: str, **settings: Any) -> ApiError:
        with pytest.raises(ApiError) as caught:
            CLIENTS[request.param](url, {"timeout": 20, "retries": 0, **settings})()
        error = caught.value
        said = [error.message, *(text for text in error.failure.values() if isinstance(text, str))]
        assert all(text.isprintable() and SECRET not in text and len(text) < 1500 for text in said)
        # What was asked: the host, the path, or the query.
        asked = (url.partition("//")[2], "/datasets", "quer", "/credentials/7/")
        assert any(each in error.message for each in asked)
        return error

    return ask


def raw(content: bytes, *headers: str, status: str = "200 OK") -> Callable[[socket.socket], None]:
    head = "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *headers])
    return lambda connection: connection.sendall(head.encode("latin-1") + b"\r\n\r\n" + content)


def endless(*headers: str, status: str = "200 OK") -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        raw(b"", *headers, status=status)(connection)
        while True:
            connection.sendall(b"[" * 65536)

    return behave


@pytest.fixture
def over(loopback: Any) -> Iterator[threading.Event]:
    """Set before the servers are stopped."""
    event = threading.Event()
    yield event
    event.set()


def drip(connection: socket.socket, head: bytes, drop: bytes, over: threading.Event) -> None:
    """A byte now and then, for as long as anybody listens."""
    with contextlib.suppress(OSError):
        connection.sendall(head)
        while not over.wait(0.05):
            connection.sendall(drop)


@contextlib.contextmanager
def memory_bounded(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most


# --- size


@pytest.mark.parametrize("status", ["200 OK", "500 Broken", "302 Found"])
def test_an_endless_answer_is_not_read_to_its_end(refused: Any, loopback: Any, status: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(api_client, "LARGEST_ANSWER", 4 * MIB)
    behaviour = endless("Location: https://elsewhere.example/", status=status)
    # Neither is one that is answered by another attempt.
    server = loopback(behaviour, behaviour)
    with memory_bounded(24 * MIB):
        assert refused(server.url, retries=1).failure["code"] == "oversized"


def bombs() -> dict[str, tuple[str, bytes]]:
    """A hundred MiB of nothing, in as few bytes as each encoding makes of it."""
    zeros = b"0" * (100 * MIB)
    return {
        "gzip": ("gzip", gzip.compress(zeros, 9)),
        "br": ("br", brotli.compress(zeros, quality=1)),
        "zstd": ("zstd", zstandard.compress(zeros)),
    }


@pytest.fixture(scope="module")
def packed() -> dict[str, tuple[str, bytes]]:
    return bombs()


@pytest.mark.parametrize(("kind", "code"), [("gzip", "oversized"), ("br", "bad_encoding"), ("zstd", "bad_encoding")])
def test_a_small_answer_does_not_become_a_large_one(
    refused: Any, loopback: Any, packed: Any, kind: str, code: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(api_client, "LARGEST_ANSWER", 4 * MIB)
    encoding, content = packed[kind]
    server = loopback(raw(content, f"Content-Encoding: {encoding}", f"Content-Length: {len(content)}"))
    with memory_bounded(24 * MIB):
        assert refused(server.url).failure["code"] == code


# Without the time, which would be another for each worker of a test run.
PACKED = gzip.compress(b"[]", mtime=0)


def test_gzip_is_understood(loopback: Any) -> None:
    server = loopback(raw(PACKED, "Content-Encoding: GZip", f"Content-Length: {len(PACKED)}"))
    assert _axiom(server.url, {"retries": 0})() == []


@pytest.mark.parametrize(
    "content", [b"no gzip", PACKED[:-9], PACKED[:12], b"\x1f\x8b" + b"\0" * 40], ids=["other", "cut", "empty", "broken"]
)
def test_gzip_that_is_none_or_cut_is_refused(refused: Any, loopback: Any, content: bytes) -> None:
    server = loopback(raw(content, "Content-Encoding: gzip", f"Content-Length: {len(content)}"))
    assert refused(server.url).failure["code"] == "bad_encoding"


# --- time


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[", b" "),
        (b"HTTP/1.1 200 OK\r\n\r\n[", b" "),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\n\r\n", b" "),
        (b"", b"H"),
    ],
)
def test_an_answer_that_drips_is_given_up(refused: Any, loopback: Any, over: Any, head: bytes, drop: bytes) -> None:
    server = loopback(lambda connection: drip(connection, head, drop, over))
    error = refused(server.url, timeout=0.15)
    assert error.failure["code"] == "timeout"
    assert "no whole answer" in error.message


def test_waiting_for_a_rate_limit_is_not_taken_for_a_slow_answer(
    loopback: Any, behaviour: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_client, "LONGEST_ATTEMPT", 0.04)
    server = loopback(behaviour.answer(429, {}, Retry_After="1"), behaviour.answer(200, []))
    assert _axiom(server.url, {"retries": 1, "timeout": 20})() == []


# --- form


@pytest.mark.parametrize("status", ["200 OK", "400 Bad", "503 Down"])
@pytest.mark.parametrize(
    "content",
    [
        b"<html>\x1b[31m</html>",
        b"\xff\xfe[\0]\0",
        b"[" * 50_000 + b"]" * 50_000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b"1" * 5000,
        b'{"message": "\\u001b[2J\\u202e", "code": "\\u009b31m"}',
        b'{"message": {"a": "\\u001b[2J\\u202e"}, "code": ["\\u009b31m"]}',
        b'"\\u001b[2J"',
        b"",
        b"null",
    ],
)
def test_any_content_is_one_line(refused: Any, loopback: Any, content: bytes, status: str) -> None:
    if content == b"null" or content.startswith(b'{"m'):
        status = "400 Bad"
    if content.startswith(b'"'):
        status = "503 Down"
    server = loopback(raw(content, "Content-Type: text/plain", f"Content-Length: {len(content)}", status=status))
    error = refused(server.url)
    assert error.failure["status"] == int(status[:3])


@pytest.mark.parametrize(
    "headers",
    [
        ["X-Axiom-Trace-Id: \x1b[31m" + "x" * 9000],
        ["Location: https://[", "X-Axiom-Trace-Id: \x9b31m"],
        ["Location: https://user:password@elsewhere.example\x1b[31m/"],
        ["Retry-After: \xb2"],
        ["Retry-After: " + "9" * 400, "X-RateLimit-Scope: \x1b]0;title\x07", "X-RateLimit-Limit: \x85\x9b"],
        ["X-RateLimit-Reset: 1e999"],
        ["X-RateLimit-Reset: 1", "Date: Mon, 01 Jan 99999 00:00:00 GMT"],
        ["X-RateLimit-Reset: nan"],
    ],
)
@pytest.mark.parametrize("status", ["302 Found", "429 Slow", "503 Down"])
def test_any_headers_are_one_line(refused: Any, loopback: Any, headers: list[str], status: str) -> None:
    error = refused(loopback(raw(b"{}", *headers, "Content-Length: 2", status=status)).url)
    assert error.failure["status"] == int(status[:3])
    assert "password" not in error.message


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"])
def test_no_redirect_gets_anything(refused: Any, loopback: Any, behaviour: Any, status: str) -> None:
    elsewhere = loopback(behaviour.answer(200, []))
    server = loopback(raw(b"", f"Location: {elsewhere.url}/v2/datasets", "Content-Length: 0", status=status))
    error = refused(server.url)
    assert f"redirects to 127.0.0.1:{elsewhere.port}, not followed as the token would go with it" in error.message
    assert elsewhere.requests == []


def test_a_cut_answer_is_refused(refused: Any, loopback: Any, behaviour: Any) -> None:
    assert refused(loopback(behaviour.tear_inside).url).failure["code"] == "connection_torn"


# --- shapes: every member of every object that we read, as anything else that JSON can hold

JUNK: list[Any] = [None, True, 0, -1, 1e999, 10**30, "", "\x1b[31m\u202e\n", "https://[", [], [1], [[]], {}, {"a": [1]}]
DATASET = {
    "id": "logs",
    "name": "logs",
    "kind": "axiom:events:v1",
    "description": "",
    "retentionDays": 30,
    "useRetentionPeriod": True,
    "edgeDeployment": "cloud.us-east-1.aws",
    "edgeDeploymentUrl": "https://us-east-1.aws.edge.axiom.co",
    "mapFields": ["a"],
}
TOKEN = {
    "id": "t1",
    "name": "ingest",
    "description": "",
    "expiresAt": "2040-01-01T00:00:00Z",
    "datasetCapabilities": {"logs": {"ingest": ["create"]}},
    "orgCapabilities": {},
    "viewCapabilities": {},
    "token": "xaat-00000000-0000-4000-8000-000000000001",
}
CHARTS = {"charts": [{"id": "a", "name": "x"}], "layout": [{"i": "a", "w": 1}]}
DOCUMENT = {
    "name": "n",
    "owner": "",
    **CHARTS,
    "refreshTime": 1,
    "schemaVersion": 2,
    "timeWindowStart": "a",
    "timeWindowEnd": "b",
}
DASHBOARD = {"uid": "u", "id": "1", "version": 1, "dashboard": DOCUMENT}


def mutants(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key in document:
        yield {name: value for name, value in document.items() if name != key}
        yield from ({**document, key: junk} for junk in JUNK)


class Memory:
    """A store that forgets with the test."""

    def __init__(self) -> None:
        self._records: dict[str, Any] = {}

    def read(self, name: str) -> Any:
        return self._records.get(name)

    def write(self, record: Any) -> None:
        self._records[record["name"]] = record

    def locked(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def require_one_line(error: ApiError | PolicyError | StoreError) -> None:
    assert error.message.isprintable()


def require_known(error: ValueError) -> None:
    assert str(error) in ("tables", "columns", "series")


def answered(work: Callable[[AxiomClient], Any], **answers: Any) -> None:
    """Do something with an Axiom of these answers: it works, or says in one line why not."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for request, answer in answers.items():
            method, _separator, path = request.partition("_")
            mock.add(method, re.compile(f".*/{path}.*"), body=json.dumps(answer))
        try:
            work(AxiomClient({"token": SECRET, "retries": 0}))
        except (ApiError, PolicyError, StoreError) as error:
            require_one_line(error)


def workspace(client: AxiomClient) -> None:
    dataset = {"name": "logs", "retention_days": 5, "map_fields": ["b"]}
    token = {"name": "ingest", "description": "d", "ingest": ["logs"], "rotate": "never", "overlap": "7d"}
    Workspace(client, [dataset], [token], Memory(), False).run()


@pytest.mark.parametrize("changed", ["GET_datasets", "PUT_datasets", "GET_tokens", "POST_tokens"])
def test_datasets_and_tokens_of_any_shape(changed: str) -> None:
    good = {
        "GET_datasets": [DATASET],
        "PUT_datasets": {**DATASET, "retentionDays": 5, "mapFields": ["b"]},
        "GET_tokens": [],
        "POST_tokens": TOKEN,
        "DELETE_tokens": None,
    }
    answered(workspace, **good)
    for mutant in [*mutants(TOKEN if "tokens" in changed else DATASET), *JUNK]:
        answered(workspace, **{**good, changed: [mutant] if changed.startswith("GET") else mutant})


@pytest.mark.parametrize(("kind", "good"), [(Dataset, DATASET), (Token, TOKEN)])
def test_what_is_only_read_may_have_any_shape(kind: Any, good: dict[str, Any]) -> None:
    def read(client: AxiomClient) -> None:
        resource = kind(client)
        for found in resource.objects():
            resource.known(found)

    for mutant in mutants(good):
        answered(read, **{f"GET_{kind.path[1:]}": [mutant]})


def test_dashboards_of_any_shape() -> None:
    def change(client: AxiomClient) -> None:
        resource, declared = Dashboard(client), {"uid": "u", "document": {**DOCUMENT, "name": "other"}}
        converge(resource, declared, resource.find(declared, []), False)

    changed = [*mutants(DASHBOARD), *({**DASHBOARD, "dashboard": each} for each in mutants(DOCUMENT))]
    for member in CHARTS:
        parts = [*JUNK, *({"id": junk, "i": junk} for junk in JUNK)]
        changed += [{**DASHBOARD, "dashboard": {**DOCUMENT, member: [part]}} for part in parts]
    for answer in [*changed, *JUNK]:
        answered(change, GET_dashboards=answer, PUT_dashboards={"dashboard": answer}, POST_dashboards=answer)


ROW = {
    "last_event": "2026-01-01T00:00:00Z",
    "user_prompt": 1,
    "tool_result": 0,
    "api_request": 2,
    "machine": "m",
    "team": "t",
    "version": "2.1",
    "source": '["file"]',
    "sha256": "abc",
}
SOURCE, WINDOW = arrivals.Source("logs", "host.name"), arrivals.Window(0, 86400 * 10**9)


def reported(fill: Callable[[arrivals.Arrived], None]) -> None:
    """Report what arrived, in every form."""
    arrived = arrivals.Arrived()
    try:
        fill(arrived)
        found = arrivals.report([arrivals.Expected("m", "m", SOURCE, SOURCE, sha256="x")], ["m"], arrived, WINDOW)
    except PolicyError as error:
        require_one_line(error)
        return
    except ValueError as error:
        # What QueryClient makes a line of.
        require_known(error)
        return
    assert all(line.isprintable() for line in report_views.terminal(found))
    report_views.junit(found)
    report_views.html(found)


def tabular(*rows: Mapping[str, Any]) -> dict[str, Any]:
    fields = [{"name": name, "type": "string"} for name in rows[0]]
    return {"status": {}, "tables": [{"fields": fields, "columns": [[row[name] for row in rows] for name in rows[0]]}]}


def test_rows_of_any_shape() -> None:
    def fill(answer: Any) -> None:
        reported(lambda arrived: arrived.add_logs(SOURCE, query_answers.table(json.loads(json.dumps(answer))).rows))

    good = tabular(ROW)
    table = good["tables"][0]
    changed = [tabular(each) for each in [*mutants(ROW), *mutants({**ROW, "machine": "stranger"})]]
    changed += [{**good, "tables": [each]} for each in mutants(table)]
    for answer in [good, *changed, *mutants(good), *JUNK]:
        fill(answer)


def test_series_of_any_shape() -> None:
    def fill(answer: Any) -> None:
        found = json.loads(json.dumps(answer))
        reported(lambda arrived: arrived.add_metric(SOURCE, "session.count", query_answers.series(found)))

    good = {"tags": {"host.name": "m"}, "start": 1000, "resolution": 60, "data": [1.0]}
    named = [{**good, "tags": {"host.name": junk}} for junk in JUNK]
    for answer in [*({"series": [each]} for each in [good, *mutants(good), *named]), *mutants({"series": []}), *JUNK]:
        fill(answer)


def test_a_name_of_any_length_takes_one_line_of_a_terminal() -> None:
    found = sample_report.report([sample_report.machine("m" * 100_000, "unknown", team="t" * 100_000)])
    assert sum(map(len, report_views.terminal(found))) < 2000


# --- TLS, through a proxy as in an office: names that are resolved nowhere, and an authority of the company's

HOST = "https://edge.example"


@pytest.fixture
def office(serving: Any, loopback: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a server behind a proxy that wants credentials, and let the environment lead there."""

    def start(*behaviours: Any, trusted: bool = True, **certificate: Any) -> tuple[Any, Proxy]:
        server = loopback(*behaviours, context=authority.context(**certificate))
        proxy = serving(Proxy(server.port))
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:p%40ss@"))
        if trusted:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
        return server, proxy

    return start


@pytest.mark.parametrize("name", CLIENTS)
def test_an_authority_of_ones_own_through_a_proxy_with_credentials(name: str, office: Any, behaviour: Any) -> None:
    server, proxy = office(behaviour.answer(200, tabular(ROW) if name == "query" else []))
    CLIENTS[name](HOST, {"timeout": 20, "retries": 0})()
    assert proxy.asked == [("edge.example:443", "Basic dXNlcjpwQHNz")]
    assert len(server.requests) == 1
    # What the proxy could read is the name of the host, and its own credentials.
    assert SECRET.encode() not in b"".join(proxy.carried)


@pytest.mark.parametrize(
    ("host", "certificate", "code"),
    [
        (HOST, {"trusted": False}, "tls_unknown_ca"),
        (HOST, {"trusted": False, "own": True}, "tls_self_signed"),
        (HOST, {"end": NOW - DAY}, "tls_expired"),
        (HOST, {"start": NOW + DAY / 2}, "tls_not_yet_valid"),
        ("https://other.example", {}, "tls_wrong_host"),
    ],
)
def test_a_certificate_that_is_not_right_is_refused(
    refused: Any, office: Any, host: str, certificate: dict[str, Any], code: str
) -> None:
    server, _proxy = office(lambda _connection: None, **certificate)
    error = refused(host)
    assert error.failure["code"] == code
    assert WAYS_OUT.search(error.message)
    assert server.requests == []


def test_the_controllers_messages_name_its_own_settings(office: Any) -> None:
    office(lambda _connection: None, trusted=False)
    with pytest.raises(ApiError, match="name your CA bundle in REQUESTS_CA_BUNDLE"):
        _controller(HOST, {"timeout": 20, "retries": 0})()


def test_a_proxy_for_plain_http_is_never_asked(serving: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serving(Proxy(1))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    for make in CLIENTS.values():
        with pytest.raises(ApiError, match="plain http"):
            make("http://edge.example", {"timeout": 20, "retries": 0, "proxy": proxy.url})()
    assert proxy.asked == []
