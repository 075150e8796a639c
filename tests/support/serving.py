# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server of ours in a process of its own: what servers have in common, and what starts and stops one for a test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
STOP_SECONDS = 10
# A server prints as many lines `export NAME=value` once it can be asked.
_EXPORTS = 3


class StartError(Exception):
    """Why the server cannot start, in one line."""


def listening(port: int) -> socket.socket:
    """A listening socket; 0 takes any free port. StartError where there is none."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(256)
    except (OSError, OverflowError) as error:
        listener.close()
        raise StartError(f"cannot listen on {HOST}:{port}: {error}; choose another with --port") from error
    return listener


def stop_with_stdin() -> None:
    """Stop this process once its standard input ends: a test's server must not outlive a test that was killed."""
    threading.Thread(target=_wait_for_stdin, daemon=True).start()


def _wait_for_stdin() -> None:
    # Not through sys.stdin, whose lock a daemon thread would hold while the interpreter shuts down.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class ServerProcess:
    """``python -m MODULE serve --state STATE ...``, started and stopped as often as a test likes."""

    def __init__(self, module: str, state: Path, *options: str) -> None:
        self._command = [sys.executable, "-m", module, "serve", "--state", str(state), *options, "--until-stdin-ends"]
        self._log = state / "server.log"
        self._process: subprocess.Popen[str] | None = None

    def log(self) -> str:
        """What the server wrote on stderr: faults of its own."""
        return self._log.read_text()

    def start(self) -> dict[str, str]:
        """Start the server and return what it exports; RuntimeError with its own words where it does not come up."""
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS), environment.get("PYTHONPATH", "")]))
        self._log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self._log, "a") as log:
            process = subprocess.Popen(
                self._command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout
        lines = [process.stdout.readline().rstrip("\n") for _index in range(_EXPORTS)]
        if not all(lines):
            process.communicate()
            raise RuntimeError(f"the server did not start: {self.log()}")
        self._process = process
        return dict(line.removeprefix("export ").split("=", 1) for line in lines)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """Stop the server with a signal and return its exit status; None where it does not run."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(number)
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        return process.returncode
