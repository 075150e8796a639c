# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WSGI application in front of all ports: faults, read-only mode, rate limit headers, trace ids, access log."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from waitress.channel import ClientDisconnected
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from axiom_emulator.auth import PRINCIPAL, Principal, identify
from axiom_emulator.emulator import Emulator
from axiom_emulator.errors import error_response
from axiom_emulator.faults import Fault
from axiom_emulator.timestamps import render
from axiom_emulator.token_secrets import mask

EDGE = "axiom_emulator.edge"
"""WSGI environment key: the name of the edge deployment whose port was used."""

CONTROL = "/_emulator/"
WRITE_METHODS = ("POST", "PUT", "PATCH", "DELETE")
READ_PATHS = ("/v1/datasets/_apl",)
"""Paths of the API that read, whatever the method."""

DRIP_SECONDS = 0.02

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass
class Exchange:
    """One request on its way through the gateway."""

    request: Request
    edge: str | None
    principal: Principal | None
    fault: Fault | None = None

    @property
    def role(self) -> str:
        """``api`` or ``edge``: which kind of port was used."""
        return "edge" if self.edge else "api"

    @property
    def is_write(self) -> bool:
        """Whether the request would change something in the workspace."""
        return self.role == "api" and self.request.method in WRITE_METHODS and self.request.path not in READ_PATHS


class Gateway:
    """Tells the ports apart and passes each request to the API's or the edges' application."""

    def __init__(self, emulator: Emulator, api: WsgiApp, edges: WsgiApp) -> None:
        self._emulator = emulator
        self._apps = {"api": api, "edge": edges}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request; raises ClientDisconnected, which waitress obeys, to tear the connection."""
        edge = self._emulator.edge_of_port(int(environ["SERVER_PORT"]))
        environ[EDGE] = edge
        if edge is None and environ["PATH_INFO"].startswith(CONTROL):
            return self._apps["api"](environ, start_response)
        principal = identify(self._emulator, environ.get("HTTP_AUTHORIZATION", ""))
        environ[PRINCIPAL] = principal
        exchange = Exchange(Request(environ), edge, principal)
        return self._serve(exchange, environ, start_response)

    def _serve(
        self, exchange: Exchange, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = exchange.request
        fault = exchange.fault = self._emulator.faults.take(request.method, request.path, exchange.role)
        if fault:
            self._emulator.clock.pause(fault.delay)
        if fault and fault.action == "drop":
            self._log(exchange, None)
            raise ClientDisconnected
        response = self._answer(exchange, environ)
        if fault and fault.action == "drop_after":
            self._log(exchange, None)
            raise ClientDisconnected
        self._log(exchange, response.status_code)
        body = response(environ, start_response)
        return self._drip(body) if fault and fault.action == "drip" else body

    def _answer(self, exchange: Exchange, environ: dict[str, Any]) -> Response:
        fault = exchange.fault
        within, limits = self._emulator.limiter.count(exchange.principal.scope if exchange.principal else "anonymous")
        if fault and fault.action == "answer":
            response = self._injected(fault)
        elif self._emulator.settings.readonly and exchange.is_write:
            response = error_response(500, f"this Axiom is read-only: {exchange.request.method} was attempted")
        elif not within:
            response = error_response(429, "rate limit exceeded")
        else:
            body, status, headers = run_wsgi_app(self._apps[exchange.role], environ, buffered=True)
            response = Response(body, status, headers)
        if fault and fault.action == "answer_after":
            response = self._injected(fault)
        response.headers["x-axiom-trace-id"] = uuid.uuid4().hex
        for name, value in limits.items():
            response.headers.setdefault(name, value)
        return response

    def _injected(self, fault: Fault) -> Response:
        body, content_type = fault.payload()
        response = Response(body, fault.status, content_type=content_type)
        response.headers.update(fault.headers)
        if fault.reset_in is not None:
            response.headers["X-RateLimit-Remaining"] = "0"
            response.headers["X-RateLimit-Reset"] = str(int(self._emulator.clock.now().timestamp()) + fault.reset_in)
        return response

    def _drip(self, body: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in body:
            for position in range(len(chunk)):
                self._emulator.clock.pause(DRIP_SECONDS)
                yield chunk[position : position + 1]

    def _log(self, exchange: Exchange, status: int | None) -> None:
        request = exchange.request
        self._emulator.storage.add_request(
            {
                "time": render(self._emulator.clock.now()),
                "role": exchange.role,
                "edge": exchange.edge,
                "method": request.method,
                "path": mask(request.path),
                "query": mask(request.query_string.decode("latin-1")),
                "status": status,
                "token": exchange.principal.name if exchange.principal else None,
                "user_agent": mask(request.headers.get("User-Agent", "")),
                "content_type": mask(request.headers.get("Content-Type", "")),
                "content_encoding": mask(request.headers.get("Content-Encoding", "")),
                "fault": exchange.fault.action if exchange.fault else None,
                "attempted_write": int(self._emulator.settings.readonly and exchange.is_write),
            }
        )
