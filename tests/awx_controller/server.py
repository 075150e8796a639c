# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets, signals and waitress."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
from pathlib import Path
from types import FrameType

import waitress

from awx_controller.app import create_app
from awx_controller.controller import ADMIN, Controller

HOST = "127.0.0.1"
# One request at a time is worked on; others wait for it, some of them in /_control/settle.
THREADS = 8


class StartError(Exception):
    """Why the server cannot start, in one line."""


def _bind(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(64)
    except (OSError, OverflowError) as error:
        listener.close()
        raise StartError(f"cannot listen on {HOST}:{port}: {error}; choose another with --port") from error
    return listener


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _stop_with_stdin() -> None:
    """Stop once standard input ends: a test's server must not outlive a test that was killed.

    Not through ``sys.stdin``, whose lock a daemon thread would hold while the interpreter shuts down.
    """
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def serve(state: Path, port: int, path: str, collections: str, until_stdin_ends: bool) -> None:
    """Serve until SIGINT or SIGTERM; StartError where that cannot begin."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    listener = _bind(port)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    password = secrets.token_urlsafe(16)
    controller = Controller(state.resolve(), url, password, path, collections)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = waitress.create_server(create_app(controller), sockets=[listener], threads=THREADS, ident=None)
    print(f"export CONTROLLER_HOST={url}")
    print(f"export CONTROLLER_USERNAME={ADMIN}")
    print(f"export CONTROLLER_PASSWORD={password}", flush=True)
    if until_stdin_ends:
        threading.Thread(target=_stop_with_stdin, daemon=True).start()
    try:
        server.run()
    finally:
        controller.engine.stop()
        server.close()
