# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""POST one OTLP payload and say in one line what became of it. Standard library only: it runs on the machine.

HTTP 200 means accepted. Whether the record arrived only a query can tell.
"""

from __future__ import annotations

import base64
import codecs
import http.client
import json
import re
import socket
import ssl
from typing import Any, Iterator, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from ansible_collections.devfleet.axiom.plugins.module_utils import host_files, telemetry_env
from ansible_collections.devfleet.axiom.plugins.module_utils.deadline import Deadline, Overdue
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import one_line
from ansible_collections.devfleet.axiom.plugins.module_utils.otlp_export import Delivery

# Loaded before rights are given up: Python itself may live where only root can read.
codecs.lookup("idna")

CONTENT_TYPES = {"protobuf": "application/x-protobuf", "json": "application/json"}
# Enough for any answer of an OTLP receiver; what is longer is somebody else's.
ANSWER_MAX = 65536
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

_REFUSED = {
    400: "the request was not understood",
    401: "the token is unknown, expired or revoked",
    403: "the token may not ingest into {dataset}",
    404: "there is no dataset {dataset} on this edge deployment, or the endpoint's path is wrong",
    407: "the proxy wants credentials",
    413: "too large",
    415: "the content type is not taken here",
    429: "a rate limit is used up",
    430: "a limit is used up",
}
# X.509 verification errors as OpenSSL numbers them (x509_vfy.h), in words that say what to do.
_CERTIFICATE = {
    9: "the certificate is not yet valid; check the clock of the machine",
    10: "the certificate has expired",
    18: "the certificate is self-signed; name its authority as ca_file",
    19: "the certificate's authority is self-signed and unknown here; name it as ca_file",
    20: "the certificate's authority is unknown here; name it as ca_file",
    62: "the certificate is for another host",
    64: "the certificate is for another address",
}


class Answer(NamedTuple):
    """status: `accepted`, `partial`, `refused`, `unreachable`, `broken` or `not_sent`; reason: one line, or None."""

    status: str
    http_status: int | None = None
    reason: str | None = None


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise ValueError("not a protobuf message")


def _fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of each field; https://protobuf.dev/programming-guides/encoding/."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        wire_type = key & 7
        value: Any
        if wire_type == 0:
            value, position = _varint(data, position)
        elif wire_type in (1, 2, 5):
            size = {1: 8, 5: 4}.get(wire_type, 0)
            if wire_type == 2:
                size, position = _varint(data, position)
            value, position = data[position : position + size], position + size
        else:
            raise ValueError("not a protobuf message")
        if position > len(data) or not key >> 3:
            raise ValueError("not a protobuf message")
        yield key >> 3, wire_type, value


def _protobuf_partial_success(body: bytes) -> tuple[int, str]:
    """Fields 1 (rejected, int64) and 2 (error_message) of field 1 of an Export(Logs|Metrics)ServiceResponse.

    A message that stands there more than once is merged, which for protobuf is the same as put end to end.
    """
    partial = b"".join(value for number, wire_type, value in _fields(body) if (number, wire_type) == (1, 2))
    rejected, message = 0, ""
    for number, wire_type, value in _fields(partial):
        if (number, wire_type) == (1, 0):
            rejected = value - (1 << 64) if value >> 63 else value
        elif (number, wire_type) == (2, 2):
            message = value.decode("utf-8", "replace")
    return rejected, message


def _json_partial_success(body: bytes) -> tuple[int, str]:
    document = json.loads(body)
    partial = (document.get("partialSuccess") or {}) if isinstance(document, dict) else None
    if not isinstance(partial, dict):
        raise ValueError("not an OTLP answer")
    rejected = partial.get("rejectedLogRecords") or partial.get("rejectedDataPoints") or 0
    try:
        return int(rejected), str(partial.get("errorMessage") or "")
    except (TypeError, OverflowError):
        raise ValueError("not an OTLP answer") from None


def partial_success(body: bytes) -> tuple[int, str]:
    """How many records a 200 turned away, and why; both may be zero and empty.

    :raises ValueError: not the answer of an OTLP receiver.
    """
    # No protobuf message starts with a brace: it would open a group, which proto3 does not have.
    if body.lstrip()[:1] == b"{":
        return _json_partial_success(body)
    return _protobuf_partial_success(body)


def _server_text(body: bytes) -> str:
    """What a server says about an error: the message of a JSON document, or plain text; nothing of a page."""
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
        text = str(document.get("message") or document.get("error") or "") if isinstance(document, dict) else ""
    except (ValueError, RecursionError):
        if text.lstrip()[:1] in ("{", "[") or "<" in text or "\ufffd" in text:
            return ""
    return one_line(text)


def judge(delivery: Delivery, http_status: int, location: str | None, body: bytes) -> Answer:
    """What an answer means."""
    if http_status == 200:
        try:
            if len(body) > ANSWER_MAX:
                raise ValueError("not an OTLP answer")
            rejected, message = partial_success(body)
        except (ValueError, RecursionError):
            return Answer("refused", 200, "not the answer of an OTLP receiver; perhaps a proxy or a portal gave it")
        text = one_line(message) or None
        return Answer("partial", 200, f"{rejected} rejected: {text}") if rejected else Answer("accepted", 200, text)
    if 300 <= http_status < 400:
        return Answer("refused", http_status, f"redirected to {location or 'nowhere'}; a token is not sent elsewhere")
    usual = "the server has trouble" if http_status >= 500 else "unexpected answer"
    reason = _REFUSED.get(http_status, usual).format(dataset=delivery.dataset or "a dataset that is not named")
    said = _server_text(body)
    return Answer("refused", http_status, f"{reason}; it says: {said}" if said else reason)


def _trust(delivery: Delivery, prefix: str) -> tuple[ssl.SSLContext, str]:
    """The machine's authorities and the client's additional ones; a remark where those cannot be used."""
    context = ssl.create_default_context()
    if delivery.ca_file is None:
        return context, ""
    path = delivery.ca_file
    try:
        found = host_files.read(host_files.below(prefix, path), safe_parents=False)
        if found is None:
            return context, f" (NODE_EXTRA_CA_CERTS: {path} is not there)"
        context.load_verify_locations(cadata="\n".join(_PEM.findall(found.text)))
    except (HostError, ValueError, ssl.SSLError) as exc:
        return context, f" (NODE_EXTRA_CA_CERTS: {path} cannot be used: {exc})"
    return context, ""


class _Exchange:
    """One connection to one endpoint."""

    def __init__(self, delivery: Delivery, timeout: float, prefix: str) -> None:
        self.delivery = delivery
        self.timeout = timeout
        self.url = urlsplit(delivery.endpoint)
        self.proxy = urlsplit(delivery.proxy) if delivery.proxy else None
        self.remark = ""
        self.connection = self._connection(prefix)

    def _connection(self, prefix: str) -> http.client.HTTPConnection:
        secure = self.url.scheme == "https"
        first = self.proxy or self.url
        host, port = first.hostname or "", first.port or (443 if secure and not self.proxy else 80)
        connection: http.client.HTTPConnection
        if secure:
            context, self.remark = _trust(self.delivery, prefix)
            connection = http.client.HTTPSConnection(host, port, timeout=self.timeout, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self.timeout)
        if self.proxy:
            connection.set_tunnel(self.url.hostname or "", self.url.port or 443, headers=_proxy_headers(self.proxy))
        return connection

    def run(self, body: bytes | None) -> Answer:
        """POST `body`; or, without one, only connect."""
        try:
            return Deadline(self.timeout).run(lambda: self._exchanged(body))
        except Overdue:
            return Answer("unreachable", None, self._trouble(socket.timeout()) + self.remark)

    def _exchanged(self, body: bytes | None) -> Answer:
        try:
            self.connection.connect()
            if body is None:
                return Answer("not_sent", None, "check mode; a connection is possible")
            return self._post(body)
        except (OSError, http.client.HTTPException, ValueError) as exc:
            return Answer("unreachable", None, self._trouble(exc) + self.remark)
        finally:
            self.connection.close()

    def _post(self, body: bytes) -> Answer:
        headers = {"Content-Type": CONTENT_TYPES[self.delivery.encoding], "User-Agent": "devfleet.axiom-otlp-probe"}
        headers.update({name.title(): value for name, value in self.delivery.headers})
        self.connection.request("POST", self.url.path or "/", body=body, headers=headers)
        response = self.connection.getresponse()
        return judge(self.delivery, response.status, response.headers.get("Location"), response.read(ANSWER_MAX + 1))

    def _trouble(self, exc: Exception) -> str:
        first = self.proxy or self.url
        where = f"{'proxy ' if self.proxy else ''}{first.netloc.rpartition('@')[2]}"
        if isinstance(exc, ssl.SSLCertVerificationError):
            found = _CERTIFICATE.get(exc.verify_code, exc.verify_message)
            return f"TLS with {self.url.netloc.rpartition('@')[2]}: {found}"
        if isinstance(exc, (socket.timeout, TimeoutError)):
            return f"{where}: no answer within {self.timeout:g} s"
        if isinstance(exc, socket.gaierror):
            return f"{where}: the name cannot be resolved"
        if isinstance(exc, ssl.SSLError):
            return f"TLS with {self.url.netloc.rpartition('@')[2]}: {exc.reason or exc.strerror}"
        if isinstance(exc, ConnectionError):
            return f"{where}: {(exc.strerror or 'connection closed without an answer').lower()}"
        if isinstance(exc, http.client.HTTPException):
            return f"{where}: no HTTP server answers there"
        return f"{where}: {exc}"


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(user.encode("utf-8")).decode("ascii")}


def send(delivery: Delivery, body: bytes | None, timeout: float, prefix: str = "/") -> Answer:
    """Send one payload the way the client would; no retry, no redirect.

    :param body: in the delivery's encoding; None only tries the connection.
    :param timeout: seconds for all of it.
    :param prefix: where the certificate authorities' file is looked for.
    """
    url = urlsplit(delivery.endpoint)
    if url.scheme == "http" and not telemetry_env.is_loopback(url.hostname or ""):
        return Answer("broken", None, "the endpoint is plain http, so the token could be read on the way; use https")
    if delivery.proxy and urlsplit(delivery.proxy).scheme != "http":
        return Answer("unreachable", None, "this probe speaks to http:// proxies only; the client may well get through")
    try:
        exchange = _Exchange(delivery, timeout, prefix)
    except ValueError:
        return Answer("broken", None, "the proxy's URL has an unusable host or port")
    return exchange.run(body)
