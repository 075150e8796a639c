# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The local Axiom under Axiom's own names, so that what documentation says runs as it stands, URLs and all.

A proxy for HTTPS that answers for `api.axiom.co` and each `...edge.axiom.co` with a certificate of its own. Every other
name is refused.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from axiom_emulator.testing import LocalAxiom
from support.certificates import self_signed

# They belong to one connection, not to what is passed on.
HOP_BY_HOP = ("connection", "content-length", "host", "keep-alive", "proxy-connection", "transfer-encoding")


def names(axiom: LocalAxiom) -> dict[str, str]:
    """Axiom's own host names -> where the local one answers for them."""
    edges = {f"{name.removeprefix('cloud.')}.edge.axiom.co": url for name, url in axiom.edge_urls.items()}
    return {"api.axiom.co": axiom.url, **edges}


@contextlib.contextmanager
def axioms_own_names(axiom: LocalAxiom, folder: Path) -> Iterator[dict[str, str]]:
    """Yields the environment in which those names lead here."""
    answers = names(axiom)
    context, authority = self_signed(folder, list(answers))
    server = _Server(("127.0.0.1", 0), _handler(answers, context))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield {
            "HTTPS_PROXY": f"http://127.0.0.1:{server.server_address[1]}",
            "REQUESTS_CA_BUNDLE": str(authority),
            "SSL_CERT_FILE": str(authority),
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def _handler(answers: dict[str, str], context: ssl.SSLContext) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            self.base = answers.get(self.path.removesuffix(":443"))
            if self.base is None:
                self.send_error(403, f"nothing here answers for {self.path}")
                return
            self.send_response(200)
            self.end_headers()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)
            self.close_connection = False

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(
                    self.command,
                    f"{self.base}{self.path}",
                    data=body,
                    headers=headers,
                    timeout=30,
                    allow_redirects=False,
                )
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in (*HOP_BY_HOP, "content-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_DELETE = _pass_on

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler
