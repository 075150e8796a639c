# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets, signals and waitress."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import socket
import threading
from pathlib import Path
from types import FrameType
from typing import IO

import waitress
from support.serving import StartError, listening, stop_with_stdin

from axiom_emulator.app import create_app
from axiom_emulator.emulator import EDGES, Emulator
from axiom_emulator.storage import Storage

THREADS = 16


def _listeners(port: int, earlier: list[int]) -> list[socket.socket]:
    """Return listening sockets: the API's, then one per edge deployment.

    Port 0 takes the ports of the last run again where they are free, so that endpoints which clients stored stay true.
    """
    wanted = [port + number for number in range(1 + len(EDGES))] if port else (earlier or [0] * (1 + len(EDGES)))
    opened: list[socket.socket] = []
    for number in wanted:
        try:
            opened.append(listening(number))
        except StartError:
            for listener in opened:
                listener.close()
            if port == 0 and earlier:
                return _listeners(0, [])
            raise
    return opened


def _lock(state: Path) -> IO[bytes]:
    """Keep a second server out of the same state; the lock goes with the process."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.fdopen(os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600), "rb+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise StartError(f"another local Axiom uses the state in {state}; choose another with --state") from error
    return handle


def _stop_on_signals() -> threading.Event:
    """Make SIGINT and SIGTERM end the process with status 0; the event that is returned is set first."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()
        raise SystemExit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping


def serve(state: Path, port: int, put: str, readonly: bool, record_secrets: bool, until_stdin_ends: bool) -> None:
    """Serve until SIGINT or SIGTERM; StartError where that cannot begin."""
    stopping = _stop_on_signals()
    lock = _lock(state)
    storage = Storage(state)
    listeners = _listeners(port, json.loads(storage.meta("ports") or "[]"))
    ports = [listener.getsockname()[1] for listener in listeners]
    storage.set_meta("ports", json.dumps(ports))
    storage.close()
    emulator = Emulator.open(state, ports[0], dict(zip(EDGES, ports[1:], strict=True)), record_secrets)
    emulator.settings.put, emulator.settings.readonly = put, readonly
    emulator.clock.stopping = stopping
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = waitress.create_server(
        create_app(emulator), sockets=listeners, threads=THREADS, connection_limit=1000, send_bytes=1, ident=None
    )
    print(f"export AXIOM_URL={emulator.url}")
    print(f"export AXIOM_TOKEN={emulator.management_token()}")
    print(f"export AXIOM_ORG_ID={emulator.org_id}", flush=True)
    if until_stdin_ends:
        stop_with_stdin()
    try:
        server.run()
    finally:
        server.close()
        emulator.storage.close()
        lock.close()
