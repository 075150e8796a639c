# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands between a client and a server: a certificate authority, and a proxy."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority and what it signs; its certificate is the file `ca.pem`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate("authority", self.key, "authority", self.key, NOW + DAY, authority=True)
        self.file = folder / "ca.pem"
        # Bundles carry comments, in any language.
        self.file.write_bytes("# Bündel\n".encode() + certificate.public_bytes(serialization.Encoding.PEM))

    def context(
        self,
        address: str = "127.0.0.1",
        start: datetime.datetime = NOW - 30 * DAY,
        end: datetime.datetime = NOW + DAY,
        own: bool = False,
    ) -> ssl.SSLContext:
        """A context for servers called edge.example; `own` is one that signed its certificate itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer, issuer_key = ("server", key) if own else ("authority", self.key)
        names = [x509.DNSName("edge.example"), x509.IPAddress(ipaddress.ip_address(address))]
        certificate = _certificate("server", key, issuer, issuer_key, end, start, names)
        path = self.folder / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _certificate(
    subject: str,
    key: Any,
    issuer: str,
    issuer_key: Any,
    end: datetime.datetime,
    start: datetime.datetime = NOW - 30 * DAY,
    names: Any = (),
    authority: bool = False,
) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that turns away is what some tests want."""


class Proxy:
    """A tiny CONNECT proxy that tunnels to one fixed port, whatever name was asked for."""

    def __init__(self, target: int, status: int = 200) -> None:
        self.asked: list[tuple[str, str | None]] = []
        # What went through from the client.
        self.carried: list[bytes] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                proxy.asked.append((self.path, self.headers["Proxy-Authorization"]))
                self.send_response(status)
                self.end_headers()
                if status == 200:
                    with socket.create_connection(("127.0.0.1", target)) as far:
                        _relay(self.connection, far, proxy.carried)

            def log_message(self, *_arguments: Any) -> None:
                """Quiet."""

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


def _relay(near: socket.socket, far: socket.socket, carried: list[bytes]) -> None:
    def pump(source: socket.socket, sink: socket.socket, kept: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                kept.append(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    back = threading.Thread(target=pump, args=(far, near, []), daemon=True)
    back.start()
    pump(near, far, carried)
    back.join(10)
