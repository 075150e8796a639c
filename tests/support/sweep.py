# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Search for every secret in everything that runs printed, kept, passed on or left behind, and in what was logged.

Controllers keep what they print, their log, results, JUnit files, fact cache and temporary files below one directory,
the machines below another: so a search of files is a search of all of them.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import threading
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from axiom_emulator.testing import LocalAxiom
from support.playbook import VAULT_PASSWORD

# Where secrets belong: what the client and shells read, and what the one who runs the playbooks declares.
BELONG = (
    "*/etc/claude-code/managed-settings.d/90-axiom-telemetry.json",
    "*/etc/claude-code/managed-settings.json",
    "*/claude-code-telemetry/token",
    "*/.claude/settings.json",
    "*/inventory/hosts.yml",
    "*/inventory/group_vars/all.yml",
    "*/vault-password",
    "*/.vault-password",
)
# What every secret of Axiom's looks like; a mask has letters in its place.
ANY_TOKEN = re.compile(r"xa[ap]t-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LOG = "/dev/log"


def registry(axiom: LocalAxiom | None) -> list[str]:
    """Every secret that a test's runs have to do with."""
    return [VAULT_PASSWORD, *([axiom.token, *axiom.secrets()] if axiom else [])]


def holders(root: Path, secrets: Iterable[str]) -> list[str]:
    """Paths below a directory that hold a secret, in their content or in their name."""
    wanted = [secret.encode() for secret in secrets]
    found = []
    for path in root.rglob("*"):
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        if any(secret in data or secret in os.fsencode(path) for secret in wanted):
            found.append(str(path))
    return found


def leaks(root: Path, secrets: Iterable[str], belong: Iterable[str] = ()) -> list[str]:
    """Those of them that should not."""
    return [path for path in holders(root, secrets) if not any(fnmatch(path, one) for one in (*BELONG, *belong))]


class SystemLog:
    """The machine's system log, where a called module leaves a note. `messages` is None where it is somebody else's."""

    def __init__(self) -> None:
        self.messages: list[str] | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # Of processes that start together each would take the other's for dead; the lock ends with its process.
        self._lock = os.open(os.path.dirname(_LOG), os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._remove_dead()
            self._listener.bind(_LOG)
        except OSError:
            # Taken, also by another process of the same test run; or not ours to make.
            self._listener.close()
            os.close(self._lock)
            return
        os.chmod(_LOG, 0o666)
        self.messages = []
        self._thread = threading.Thread(target=self._collect, args=(self.messages,), daemon=True)
        self._thread.start()

    def _remove_dead(self) -> None:
        """What a test run that was killed left behind: nobody listens there."""
        try:
            self._listener.connect(_LOG)
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            os.unlink(_LOG)
        else:
            raise OSError(f"{_LOG} is taken")

    def _collect(self, messages: list[str]) -> None:
        while True:
            data = self._listener.recv(65536)
            if not data:
                return
            messages.append(data.decode(errors="replace"))

    def close(self) -> None:
        """Stop listening."""
        if self.messages is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", _LOG)
        self._thread.join()
        self._listener.close()
        os.unlink(_LOG)
        os.close(self._lock)
