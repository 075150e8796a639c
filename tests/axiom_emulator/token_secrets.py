# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Token secrets: made here, kept only as hashes, and written to two files of mode 0600 and nowhere else."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from pathlib import Path

API_PREFIX = "xaat-"
PERSONAL_PREFIX = "xapt-"

MANAGEMENT_FILE = "management-token"
RECORD_FILE = "minted-secrets"

_SECRET = re.compile(r"(xaat|xapt)-[0-9A-Za-z-]+")


def digest(secret: str) -> str:
    """Return what SQLite keeps of a secret. It is random and long, so a plain hash does."""
    return hashlib.sha256(secret.encode()).hexdigest()


def mask(text: str) -> str:
    """Return the text with everything that looks like a secret blotted out."""
    return _SECRET.sub(r"\1-***", text)


class SecretFiles:
    """The management token, which ``serve`` prints again at each start, and the list for leak sweeps in tests."""

    def __init__(self, state: Path, record: bool) -> None:
        self._state = state
        self._record = record

    def mint(self, prefix: str) -> str:
        """Return a new secret."""
        secret = prefix + str(uuid.uuid4())
        if self._record:
            self._write(RECORD_FILE, os.O_APPEND, secret)
        return secret

    def management(self) -> str | None:
        """Return the management token of an earlier start, or None."""
        path = self._state / MANAGEMENT_FILE
        return path.read_text().strip() if path.exists() else None

    def keep_management(self, secret: str) -> None:
        """Keep the management token for the next start."""
        self._write(MANAGEMENT_FILE, os.O_TRUNC, secret)

    def _write(self, name: str, mode: int, secret: str) -> None:
        handle = os.open(self._state / name, os.O_WRONLY | os.O_CREAT | mode, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secret + "\n")


def minted(state: Path) -> list[str]:
    """Return every secret made by servers started with ``--record-secrets``."""
    path = state / RECORD_FILE
    return path.read_text().split() if path.exists() else []
