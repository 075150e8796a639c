# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loopback servers that hold what stores write: the credentials of AWX, and HashiCorp Vault's KV engine, version 2."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, Any]


class JsonServer:
    """Answers JSON on 127.0.0.1; a subclass says what. `requests` has the method, path and body of each."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        # Called with the method and path of a request: before it is answered, and after it was carried out. What the
        # latter returns is answered instead; False tears the connection.
        self.before: Callable[[str, str], None] = lambda _method, _path: None
        self.after: Callable[[str, str], Answer | bool | None] = lambda _method, _path: None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                text = self.rfile.read(length).decode()
                body = json.loads(text) if text else None
                server.before(self.command, self.path)
                server.requests.append((self.command, self.path, body))
                answer = server.answer(self.command, self.path, dict(self.headers), body)
                instead = server.after(self.command, self.path)
                if instead is False:
                    self.close_connection = True
                    return
                status, content = instead if isinstance(instead, tuple) else answer
                encoded = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

            do_GET = do_POST = do_PATCH = _any

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        """The status and what is answered."""
        raise NotImplementedError

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class AwxCredentials(JsonServer):
    """As much of `/api/v2/credentials/` as a store needs; secrets are never shown."""

    TOKEN = "an-oauth-token-of-awx"
    USER, PASSWORD = "rotator", "the user's own password"

    def __init__(self) -> None:
        super().__init__()
        self.credentials: dict[int, dict[str, Any]] = {7: {"name": "Axiom ingest records", "inputs": {}}}

    def answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        basic = base64.b64encode(f"{self.USER}:{self.PASSWORD}".encode()).decode()
        if headers.get("Authorization") not in (f"Bearer {self.TOKEN}", f"Basic {basic}"):
            return 401, {"detail": "Authentication credentials were not provided."}
        parts = urlsplit(path)
        segments = parts.path.removeprefix("/api/v2/credentials/").strip("/")
        if not segments:
            names = parse_qs(parts.query)["name"]
            found = [self._shown(key) for key, item in self.credentials.items() if item["name"] in names]
            return 200, {"count": len(found), "next": None, "previous": None, "results": found}
        key = int(segments)
        if key not in self.credentials:
            return 404, {"detail": "Not found."}
        if method == "PATCH":
            # The whole of the inputs, as AWX takes them.
            self.credentials[key]["inputs"] = {name: value for name, value in body["inputs"].items() if value}
        return 200, self._shown(key)

    def injected(self, key: int = 7) -> str:
        """What AWX makes of the file template `{{ records }}`: a new job's file."""
        text: str = self.credentials[key]["inputs"].get("records", "")
        return text

    def _shown(self, key: int) -> dict[str, Any]:
        inputs = self.credentials[key]["inputs"]
        shown = {name: "$encrypted$" if name == "records" else value for name, value in inputs.items()}
        return {"id": key, "type": "credential", "name": self.credentials[key]["name"], "inputs": shown}


class VaultKv(JsonServer):
    """Reading and writing with check-and-set, as documented for the KV engine, version 2."""

    TOKEN = "hvs.a-token-of-vault"

    def __init__(self) -> None:
        super().__init__()
        # By path, every version; None where it was deleted.
        self.versions: dict[str, list[Any]] = {}

    def answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        if headers.get("X-Vault-Token") != self.TOKEN:
            return 403, {"errors": ["permission denied"]}
        mount, _data, key = unquote(path).removeprefix("/v1/").partition("/data/")
        if mount != "secret":
            return 404, {"errors": [f"no handler for route '{mount}'"]}
        versions = self.versions.setdefault(key, [])
        if method == "POST":
            if body["options"]["cas"] != len(versions):
                return 400, {"errors": ["check-and-set parameter did not match the current version"]}
            versions.append(body["data"])
            return 200, {"data": {"version": len(versions)}}
        if not versions:
            return 404, {"errors": []}
        found = {"data": {"data": versions[-1], "metadata": {"version": len(versions)}}}
        return (200 if versions[-1] is not None else 404), found
