# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local Axiom in this process, every exchange with its API held against Axiom's document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.test import Client, TestResponse

from axiom_emulator.app import create_app
from axiom_emulator.emulator import EDGES, Emulator
from axiom_emulator.gateway import WRITE_METHODS
from axiom_emulator.openapi import Document, document_path
from axiom_emulator.testing import LocalAxiom

API_PORT = 1001
EDGE_PORTS = dict(zip(EDGES, (1002, 1003), strict=True))


@dataclass
class Workspace:
    """An emulator without sockets. ``checked`` is off only where a test has injected the answer."""

    emulator: Emulator
    document: Document | None
    token: str = ""
    checked: bool = True
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client = Client(create_app(self.emulator))
        self.token = self.token or self.emulator.management_token()

    def call(
        self, method: str, path: str, body: Any = None, token: str | None = None, port: int = API_PORT, **options: Any
    ) -> TestResponse:
        """Send a request; a body that is not bytes goes as JSON. ``token``: "" sends none."""
        token = self.token if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        headers |= self.headers | options.pop("headers", {})
        response = self.client.open(
            path,
            method=method,
            data=body,
            headers=headers,
            base_url=f"http://127.0.0.1:{port}",
            environ_overrides={"REMOTE_ADDR": "127.0.0.1"},
            **options,
        )
        if self.document and self.checked and port == API_PORT and not path.startswith("/_emulator/"):
            self.document.check_answer(method, path, response.status_code, response.headers, response.data)
            if response.status_code < 300 and method in WRITE_METHODS and body:
                self.document.check_accepted(method, path, body)
        return response

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Send a request that must succeed; return its JSON, or None."""
        response = self.call(method, path, body, **options)
        assert response.status_code < 300, response.text
        return json.loads(response.data) if response.data else None

    def refused(self, status: int, method: str, path: str, body: Any = None, **options: Any) -> str:
        """Send a request that must be refused; return the message."""
        response = self.call(method, path, body, **options)
        assert response.status_code == status, response.text
        message: str = json.loads(response.data)["message"]
        return message

    def mint(self, name: str = "ingest", **members: Any) -> Any:
        """Create a token."""
        return self.ok("POST", "/v2/tokens", {"name": name, **members})

    def dataset(self, name: str, **members: Any) -> Any:
        """Create a dataset."""
        return self.ok("POST", "/v2/datasets", {"name": name, **members})

    def send(self, signal: str, body: bytes, token: str, edge: str = EDGES[0], **headers: str) -> TestResponse:
        """POST to an edge deployment; header names with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("POST", f"/v1/{signal}", body, token=token, port=EDGE_PORTS[edge], headers=named)


@pytest.fixture(scope="session")
def document() -> Document | None:
    """Axiom's document, None where it is not on this machine: test_openapi.py names what is not checked then."""
    return Document(document_path()) if document_path().exists() else None


@pytest.fixture
def workspace(tmp_path: Path, document: Document | None) -> Iterator[Workspace]:
    """A fresh local Axiom in this process, with its management token."""
    emulator = Emulator.open(tmp_path / "state", API_PORT, EDGE_PORTS, record_secrets=True)
    yield Workspace(emulator, document)
    emulator.storage.close()


@pytest.fixture
def session(document: Document | None) -> Callable[[LocalAxiom], requests.Session]:
    """Make sessions with a real local Axiom, as its management token, whose exchanges are held against the document."""

    def make(axiom: LocalAxiom) -> requests.Session:
        made = requests.Session()
        made.trust_env = False
        made.headers["Authorization"] = f"Bearer {axiom.token}"
        if document:
            document.watch(made)
        return made

    return make
