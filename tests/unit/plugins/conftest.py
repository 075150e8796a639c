# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two ways to stand in for Axiom: a script of expected exchanges, and a loopback server that misbehaves below HTTP."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import responses
from responses import matchers, registries
from support.between import Authority

URL = "https://api.axiom.co"
TOKEN = "xaat-00000000-management-secret"


class Script:
    """Expected exchanges in order. A request that is not next, or differs, fails; so does one that is never made."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self._mock = mock

    def expect(self, method: str, path: str, answer: Any = None, status: int = 200, **also: Any) -> Script:
        """One exchange; ``body`` is the JSON the request must carry, ``headers`` are those of the answer."""
        wanted = [matchers.header_matcher({"Authorization": f"Bearer {TOKEN}"})]
        if "body" in also:
            wanted.append(matchers.json_params_matcher(also.pop("body"), strict_match=True))
        content = {"body": answer} if isinstance(answer, (str, bytes, Exception)) else {"json": answer}
        if status == 204:
            content = {}
        self._mock.add(method, f"{URL}/v2{path}", status=status, match=wanted, **content, **also)
        return self

    def requests(self) -> list[tuple[str, str]]:
        """Method and path of what was sent."""
        return [(call.request.method, call.request.path_url.removeprefix("/v2")) for call in self._mock.calls]

    def bodies(self, method: str) -> list[Any]:
        """What was sent with a method, decoded."""
        return [json.loads(call.request.body) for call in self._mock.calls if call.request.method == method]

    @property
    def last(self) -> Any:
        """The request sent last."""
        return self._mock.calls[-1].request


@pytest.fixture
def script() -> Iterator[Script]:
    with responses.RequestsMock(registry=registries.OrderedRegistry) as mock:
        yield Script(mock)


@pytest.fixture
def options() -> dict[str, Any]:
    """Connection options as a module sees them after validation."""
    return {
        "token": TOKEN,
        "org_id": None,
        "url": URL,
        "timeout": 5.0,
        "retries": 2,
        "ca_path": None,
        "proxy": None,
    }


Behaviour = Callable[[socket.socket], None]


def answer(status: int, body: Any = None, **headers: str) -> Behaviour:
    """A whole HTTP answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

    def behave(connection: socket.socket) -> None:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + content)

    return behave


def tear(connection: socket.socket) -> None:
    """Close without a word once the request was read."""


def tear_inside(connection: socket.socket) -> None:
    """Promise more than is sent."""
    connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n[{")


class LoopbackServer:
    """Answers one connection after the other, each as the next behaviour says, and keeps the requests' first lines."""

    def __init__(self, behaviours: list[Behaviour], context: ssl.SSLContext | None = None) -> None:
        self._behaviours = behaviours
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self.requests: list[str] = []
        self._thread.start()

    def _serve(self) -> None:
        for behave in self._behaviours:
            try:
                connection, _peer = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    stream = self._context.wrap_socket(connection, server_side=True) if self._context else connection
                    self._read_request(stream)
                    behave(stream)
                    stream.close()
                except OSError:
                    # The client turned away, which is what the tests about certificates want.
                    continue

    def _read_request(self, stream: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = stream.recv(65536)
            # A TLS handshake where none is expected is not read to its end.
            if not chunk or chunk.startswith(b"\x16"):
                return
            received += chunk
        head, _separator, body = received.partition(b"\r\n\r\n")
        self.requests.append(head.split(b"\r\n")[0].decode().rpartition(" ")[0])
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += stream.recv(65536)

    def stop(self) -> None:
        """Close the listener and wait for the thread."""
        # accept() in another thread is only woken by a shutdown, or by a connection.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def loopback() -> Iterator[Callable[..., LoopbackServer]]:
    """Start servers that are stopped with the test: ``loopback(answer(200, []), tear, context=...)``."""
    started = []

    def start(*behaviours: Behaviour, context: ssl.SSLContext | None = None) -> LoopbackServer:
        server = LoopbackServer(list(behaviours), context)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def behaviour() -> Any:
    """The behaviours by name: ``behaviour.answer(200, [])``, ``behaviour.tear``, ``behaviour.tear_inside``."""

    class Behaviours:
        pass

    for one in (answer, tear, tear_inside):
        setattr(Behaviours, one.__name__, staticmethod(one))
    return Behaviours


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits between two attempts, instead of waiting."""
    waits: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waits.append)
    return waits


@pytest.fixture
def serving() -> Iterator[Any]:
    """Serve what has a `server`, such as a Proxy, until the test ends."""
    with contextlib.ExitStack() as stack:

        def start(one: Any) -> Any:
            thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(one.server.server_close)
            stack.callback(one.server.shutdown)
            return one

        yield start


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
