# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets, signals and waitress."""

from __future__ import annotations

import logging
import secrets
import signal
from pathlib import Path
from types import FrameType

import waitress
from support.serving import HOST, listening, stop_with_stdin

from awx_controller.app import create_app
from awx_controller.controller import ADMIN, Controller

# One request at a time is worked on; others wait for it, some of them in /_control/settle.
THREADS = 8


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def serve(state: Path, port: int, path: str, collections: str, until_stdin_ends: bool) -> None:
    """Serve until SIGINT or SIGTERM; StartError where that cannot begin."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    listener = listening(port)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    password = secrets.token_urlsafe(16)
    controller = Controller(state.resolve(), url, password, path, collections)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = waitress.create_server(create_app(controller), sockets=[listener], threads=THREADS, ident=None)
    print(f"export CONTROLLER_HOST={url}")
    print(f"export CONTROLLER_USERNAME={ADMIN}")
    print(f"export CONTROLLER_PASSWORD={password}", flush=True)
    if until_stdin_ends:
        stop_with_stdin()
    try:
        server.run()
    finally:
        controller.engine.stop()
        server.close()
