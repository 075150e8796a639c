# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on loopback that records every request and answers ``POST /v1/messages`` like Anthropic's API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

ANSWER = "Hello from the stub"
# Asked this, the model calls a tool twice before it answers: once well, once in vain.
TOOLS_PROMPT = "read notes.txt and nothing.txt"
_USAGE = {"input_tokens": 3, "output_tokens": 5}


def _content(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """What the model says next."""
    said = json.dumps(asked["messages"])
    if TOOLS_PROMPT not in said or '"tool_result"' in said or not asked.get("tools"):
        return [{"type": "text", "text": ANSWER}]
    files = ("notes.txt", "nothing.txt")
    return [
        {"type": "tool_use", "id": f"toolu_{number}", "name": "Read", "input": {"file_path": f"/home/ada/work/{name}"}}
        for number, name in enumerate(files)
    ]


def _message(model: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "msg_stub",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if content[0]["type"] == "tool_use" else "end_turn",
        "stop_sequence": None,
        "usage": _USAGE,
    }


def _stream(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a streamed message, in the order of Anthropic's documentation, "Streaming messages"."""
    yield {"type": "message_start", "message": dict(message, content=[], stop_reason=None)}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
        "usage": {"output_tokens": _USAGE["output_tokens"]},
    }
    yield {"type": "message_stop"}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        path = self.path.partition("?")[0]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.recorded.append(f"{self.command} {path}")
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        if (self.command, path) != ("POST", "/v1/messages"):
            error = {"type": "error", "error": {"type": "not_found_error", "message": "Not found"}}
            self._answer(404, "application/json", json.dumps(error))
            return
        asked = json.loads(body)
        message = _message(asked["model"], _content(asked))
        if asked.get("stream"):
            events = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _stream(message)]
            self._answer(200, "text/event-stream", "".join(events))
        else:
            self._answer(200, "application/json", json.dumps(message))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any

    def _answer(self, status: int, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the requests are in `recorded`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.recorded: list[str] = []
        self.headers: list[dict[str, str]] = []


class StubServer:
    """Context manager: ``with StubServer() as stub: ... stub.url, stub.requests``."""

    def __enter__(self) -> StubServer:
        self._server = _Server()
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> list[str]:
        """Method and path of every request so far."""
        return list(self._server.recorded)

    @property
    def headers(self) -> list[dict[str, str]]:
        """The headers of every request so far, their names in small letters."""
        return list(self._server.headers)

    def forget(self) -> None:
        """Forget every request so far."""
        self._server.recorded.clear()
        self._server.headers.clear()
