# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sending against loopback servers: every answer, and every way not to get one."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from support.between import DAY, NOW, Authority, Proxy, QuietServer
from support.options import SECRET

from ansible_collections.devfleet.axiom.plugins.module_utils import otlp_send
from ansible_collections.devfleet.axiom.plugins.module_utils.otlp_export import Delivery
from ansible_collections.devfleet.axiom.plugins.module_utils.otlp_send import Answer

INT64 = st.integers(-(2**63), 2**63 - 1)
BODY = b"\x0a\x00payload"


# --- What a 200 says ---


def logs_answer(rejected: int, message: str) -> ExportLogsServiceResponse:
    answer = ExportLogsServiceResponse()
    answer.partial_success.rejected_log_records = rejected
    answer.partial_success.error_message = message
    return answer


def metrics_answer(rejected: int, message: str) -> ExportMetricsServiceResponse:
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = rejected
    answer.partial_success.error_message = message
    return answer


@given(INT64, st.text())
def test_partial_success_is_read_from_protobuf(rejected: int, message: str) -> None:
    for answer in (logs_answer(rejected, message), metrics_answer(rejected, message)):
        assert otlp_send.partial_success(answer.SerializeToString()) == (rejected, message)


@given(INT64, st.text())
def test_partial_success_is_read_from_json(rejected: int, message: str) -> None:
    for answer in (logs_answer(rejected, message), metrics_answer(rejected, message)):
        assert otlp_send.partial_success(json_format.MessageToJson(answer).encode()) == (rejected, message)


@given(INT64, st.text(), INT64, st.text(min_size=1))
def test_repeated_messages_are_merged_as_protobuf_does(one: int, first: str, two: int, second: str) -> None:
    body = logs_answer(one, first).SerializeToString() + logs_answer(two, second).SerializeToString()
    merged = ExportLogsServiceResponse.FromString(body).partial_success
    assert otlp_send.partial_success(body) == (merged.rejected_log_records, merged.error_message)


# A field that the message does not have, of each wire type: 15 as varint, 64 bit, length-delimited and 32 bit.
UNKNOWN = [b"\x78\x96\x01", b"\x79" + b"\1" * 8, b"\x7a\x03abc", b"\x7d" + b"\1" * 4]


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_unknown_fields_are_passed_over(unknown: bytes) -> None:
    body = unknown + logs_answer(3, "no").SerializeToString() + unknown
    assert ExportLogsServiceResponse.FromString(body).partial_success.rejected_log_records == 3
    assert otlp_send.partial_success(body) == (3, "no")


@given(st.binary(max_size=64))
def test_any_body_is_an_answer_or_is_refused(body: bytes) -> None:
    """What protobuf itself can read is read the same."""
    try:
        rejected, message = otlp_send.partial_success(body)
    except ValueError:
        return
    if not body.lstrip().startswith(b"{"):
        with contextlib.suppress(Exception):
            merged = ExportLogsServiceResponse.FromString(body).partial_success
            assert (merged.rejected_log_records, merged.error_message) == (rejected, message)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"partialSuccess":{}}', b'{"partialSuccess":null}', b" {} "])
def test_nothing_rejected(body: bytes) -> None:
    assert otlp_send.partial_success(body) == (0, "")


# --- What an answer means ---

DELIVERY = Delivery("https://edge/v1/logs", (), "protobuf", "claude-code-logs", None, None)


@pytest.mark.parametrize(
    ("http_status", "words"),
    [
        (400, "not understood"),
        (401, "unknown, expired or revoked"),
        (403, "may not ingest into claude-code-logs"),
        (404, "no dataset claude-code-logs"),
        (407, "proxy"),
        (413, "too large"),
        (415, "content type"),
        (429, "rate limit"),
        (430, "limit"),
        (500, "the server has trouble"),
        (204, "unexpected answer"),
    ],
)
def test_refusals_say_why(http_status: int, words: str) -> None:
    answer = otlp_send.judge(DELIVERY, http_status, None, b"")
    assert (answer.status, answer.http_status) == ("refused", http_status)
    assert words in str(answer.reason)
    said = otlp_send.judge(DELIVERY, http_status, None, b'{"message": "in\\nmy  words"}')
    assert said.reason == f"{answer.reason}; it says: in my words"


@pytest.mark.parametrize(
    "body", [b"<html>Log in first</html>", b"\xff\xfe\x00", b'{"error": {}}', b"[1]", b"{" * 9999, b'{"message": ""}']
)
def test_pages_and_junk_are_not_repeated(body: bytes) -> None:
    assert otlp_send.judge(DELIVERY, 500, None, body).reason == "the server has trouble"


NUMBERS = [
    b'{"partialSuccess": {"rejectedLogRecords": %s}}' % number
    for number in (b"1e999", b"NaN", b"[1]", b'"x"', b"9" * 5000)
]


def test_a_200_that_is_no_otlp_answer_is_no_success() -> None:
    for body in (
        b"<!DOCTYPE html><title>Log in</title>",
        b"ok",
        b'{"partialSuccess": 1}',
        b'{"a"',
        b"{" * 99999,
        *NUMBERS,
    ):
        answer = otlp_send.judge(DELIVERY, 200, None, body)
        assert (answer.status, answer.http_status) == ("refused", 200)


def test_a_remark_on_success_is_kept() -> None:
    answer = otlp_send.judge(DELIVERY, 200, None, logs_answer(0, "be\nwarned").SerializeToString())
    assert answer == Answer("accepted", 200, "be warned")


# --- Over the wire ---


class Receiver:
    """An OTLP receiver whose answer can be set, in clear or over TLS."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.headers, self.body = 200, {"Content-Type": "application/x-protobuf"}, b""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append((self.path, headers, content))
                self.send_response(receiver.status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(receiver.body)

            def log_message(self, *_arguments: Any) -> None:
                """Quiet."""

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/v1/logs"


def delivery(url: str, **changes: Any) -> Delivery:
    headers = (("authorization", f"Bearer {SECRET}"), ("x-axiom-dataset", "claude-code-logs"))
    return Delivery(url, headers, "protobuf", "claude-code-logs", None, None)._replace(**changes)


def send(one: Delivery, timeout: float = 10, body: bytes | None = BODY, prefix: str = "/") -> Answer:
    return otlp_send.send(one, body, timeout, prefix)


@pytest.mark.parametrize(
    ("encoding", "content_type"), [("protobuf", "application/x-protobuf"), ("json", "application/json")]
)
def test_the_request_is_the_clients(serving: Any, encoding: str, content_type: str) -> None:
    receiver = serving(Receiver())
    assert send(delivery(receiver.url, encoding=encoding)) == Answer("accepted", 200, None)
    ((path, headers, body),) = receiver.received
    assert (path, body) == ("/v1/logs", BODY)
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert headers["x-axiom-dataset"] == "claude-code-logs"
    assert headers["content-type"] == content_type


def test_the_environment_of_the_process_has_no_say(serving: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert send(delivery(serving(Receiver()).url)).status == "accepted"


def test_partial_success(serving: Any) -> None:
    receiver = serving(Receiver())
    receiver.body = logs_answer(1, "attribute names are limited").SerializeToString()
    assert send(delivery(receiver.url)) == Answer("partial", 200, "1 rejected: attribute names are limited")


def test_a_redirect_does_not_get_the_token(serving: Any) -> None:
    receiver, elsewhere = serving(Receiver()), serving(Receiver())
    receiver.status, receiver.headers = 307, {"Location": elsewhere.url}
    answer = send(delivery(receiver.url))
    assert (answer.status, answer.http_status) == ("refused", 307)
    assert elsewhere.url in str(answer.reason)
    assert elsewhere.received == []


def test_check_mode_connects_and_sends_nothing(serving: Any) -> None:
    receiver = serving(Receiver())
    assert send(delivery(receiver.url), body=None).status == "not_sent"
    assert receiver.received == []
    assert send(delivery("http://127.0.0.1:1/v1/logs"), body=None).status == "unreachable"


def unreachable(one: Delivery, timeout: float = 10, prefix: str = "/") -> str:
    answer = send(one, timeout, prefix=prefix)
    assert (answer.status, answer.http_status) == ("unreachable", None)
    assert answer.reason
    return answer.reason


def test_refused_connection() -> None:
    assert unreachable(delivery("http://127.0.0.1:1/v1/logs")) == "127.0.0.1:1: connection refused"


def test_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    reason = unreachable(delivery("https://edge.invalid/v1/logs"))
    assert reason == "edge.invalid: the name cannot be resolved"


def test_no_answer(loopback: Any, behaviour: Any) -> None:
    reason = unreachable(delivery(loopback(behaviour.tear).url + "/v1/logs"))
    assert reason.endswith(": connection closed without an answer")


def test_torn_answer(loopback: Any, behaviour: Any) -> None:
    answer = send(delivery(loopback(behaviour.tear_inside).url + "/v1/logs"))
    # What little came is no OTLP answer.
    assert (answer.status, answer.http_status) in [("refused", 200), ("unreachable", None)]


def test_something_else_than_http(loopback: Any) -> None:
    def ssh(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    assert unreachable(delivery(loopback(ssh).url)).endswith(": no HTTP server answers there")


def test_a_silent_server_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert unreachable(delivery(f"http://127.0.0.1:{port}/"), 0.2) == f"127.0.0.1:{port}: no answer within 0.2 s"


def test_a_dripping_server_is_not_waited_for(loopback: Any) -> None:
    enough = threading.Event()

    def drip(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
            # Longer than anybody should wait, and not for ever.
            for _index in range(400):
                if enough.wait(0.05):
                    break
                connection.sendall(b"x")

    reason = unreachable(delivery(loopback(drip).url), 0.5)
    enough.set()
    assert reason.endswith("no answer within 0.5 s")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 X\r\n\r\n", b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\n\r\n"])
def test_an_endless_answer_is_not_read_to_its_end(loopback: Any, head: bytes) -> None:
    sent = 0

    def endless(connection: socket.socket) -> None:
        nonlocal sent
        # Of fields that protobuf passes over, however many are read.
        connection.sendall(head + b"\x7d\0\0\0\0")
        while True:
            sent += connection.send(b"x" * 65536)

    answer = send(delivery(loopback(endless).url))
    assert (answer.status, answer.http_status) == ("refused", 200)
    # What the kernel keeps in between is more than what is read.
    assert sent < 64 * otlp_send.ANSWER_MAX


def test_a_secret_that_no_header_may_hold_is_not_repeated() -> None:
    headers = (("authorization", f"Bearer {SECRET}\n"),)
    reason = unreachable(delivery("http://127.0.0.1:1/")._replace(headers=headers))
    assert SECRET not in reason


# --- TLS ---


def test_the_clients_additional_authorities_are_trusted(serving: Any, authority: Authority) -> None:
    receiver = serving(Receiver(authority.context()))
    assert send(delivery(receiver.url, ca_file=str(authority.file))).status == "accepted"
    # Below a prefix, the machine's own path.
    assert send(delivery(receiver.url, ca_file="/ca.pem"), prefix=str(authority.folder)).status == "accepted"


@pytest.mark.parametrize(
    ("server", "trusted", "words"),
    [
        ({}, False, "authority is unknown here"),
        ({"own": True}, False, "self-signed"),
        ({"end": NOW - DAY}, True, "has expired"),
        ({"start": NOW + DAY / 2}, True, "is not yet valid"),
        ({"address": "127.0.0.9"}, True, "for another address"),
    ],
)
def test_certificates_are_named(
    serving: Any, authority: Authority, server: dict[str, Any], trusted: bool, words: str
) -> None:
    receiver = serving(Receiver(authority.context(**server)))
    ca_file = str(authority.file) if trusted else None
    reason = unreachable(delivery(receiver.url, ca_file=ca_file))
    assert reason.startswith(f"TLS with 127.0.0.1:{receiver.port}: ")
    assert words in reason
    assert receiver.received == []


def test_a_certificate_for_another_host_is_named(serving: Any, authority: Authority) -> None:
    receiver = serving(Receiver(authority.context()))
    url = receiver.url.replace("127.0.0.1", "localhost")
    assert "for another host" in unreachable(delivery(url, ca_file=str(authority.file)))


@pytest.mark.parametrize(
    ("content", "words"), [(None, "is not there"), ("no certificate", "cannot be used"), (b"\xff", "cannot be used")]
)
def test_authorities_that_cannot_be_read_are_named(
    serving: Any, authority: Authority, content: str | bytes | None, words: str
) -> None:
    receiver = serving(Receiver(authority.context()))
    path = authority.folder / "other.pem"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    reason = unreachable(delivery(receiver.url, ca_file=str(path)))
    assert "authority is unknown here" in reason
    assert f"NODE_EXTRA_CA_CERTS: {path} {words}" in reason


def test_tls_where_none_is_spoken(serving: Any) -> None:
    receiver = serving(Receiver())
    assert unreachable(delivery(receiver.url.replace("http:", "https:"))).startswith("TLS with ")


# --- Proxies ---


def test_https_goes_through_the_proxys_tunnel(serving: Any, authority: Authority) -> None:
    receiver = serving(Receiver(authority.context()))
    proxy = serving(Proxy(receiver.port))
    url = proxy.url.replace("//", "//user:p%40ss@")
    answer = send(delivery("https://edge.example/v1/logs", ca_file=str(authority.file), proxy=url))
    assert answer.status == "accepted"
    assert proxy.asked == [("edge.example:443", "Basic dXNlcjpwQHNz")]
    assert [path for path, _headers, _body in receiver.received] == ["/v1/logs"]


@pytest.mark.parametrize("through", [True, False])
def test_nothing_is_sent_in_clear(serving: Any, through: bool) -> None:
    proxy = serving(Proxy(serving(Receiver()).port))
    answer = send(delivery("http://edge.example:4318/v1/logs", proxy=proxy.url if through else None))
    assert (answer.status, answer.http_status) == ("broken", None)
    assert "plain http" in str(answer.reason)
    assert proxy.asked == []


def test_a_proxy_that_refuses(serving: Any) -> None:
    proxy = serving(Proxy(1, status=407))
    reason = unreachable(delivery("https://edge.example/v1/logs", proxy=proxy.url.replace("//", "//u:password@")))
    assert reason.startswith(f"proxy 127.0.0.1:{proxy.port}: ")
    assert "407" in reason


def test_a_proxy_that_is_not_there() -> None:
    reason = unreachable(delivery("https://edge.example/v1/logs", proxy="http://127.0.0.1:1"))
    assert reason == "proxy 127.0.0.1:1: connection refused"


def test_certificates_behind_a_proxy_are_the_endpoints(serving: Any, authority: Authority) -> None:
    receiver = serving(Receiver(authority.context()))
    proxy = serving(Proxy(receiver.port))
    reason = unreachable(delivery("https://edge.example/v1/logs", proxy=proxy.url))
    assert reason.startswith("TLS with edge.example: the certificate's authority is unknown")


def test_proxies_that_cannot_be_used() -> None:
    assert "http:// proxies only" in unreachable(delivery("https://edge.example/", proxy="https://proxy:1"))
    assert send(delivery("https://edge.example/", proxy="http://proxy:99999")).status == "broken"


def test_json_answers_are_read_over_the_wire(serving: Any) -> None:
    receiver = serving(Receiver())
    receiver.headers = {"Content-Type": "application/json"}
    receiver.body = json.dumps({"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "no"}}).encode()
    assert send(delivery(receiver.url, encoding="json")) == Answer("partial", 200, "2 rejected: no")
