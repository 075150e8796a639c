# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A little memory shared by the forked workers of a run, so that a store is decrypted once and not per host.

Why: Ansible runs each host's task in a worker of its own, forked from the main process. Decrypting a vaulted file
costs ten to twenty milliseconds of computing, a thousand times for a thousand machines. The other way to share it, a
run_once task that registers what it read, would put every team's secret into the variables of every host.

How: the strategy imports an action plugin in the main process before it forks, and this module with it. What is made
here at import, an anonymous mapping and a lock, is therefore the same in all workers, and gone with the last of them:
nothing reaches the disk. The lock is a POSIX record lock on a file that has no name, so that it is free again when a
worker dies while holding it.

It is only ever a short cut. Where it was not inherited, is full, or cannot be locked, the value is computed.
"""

from __future__ import annotations

import base64
import fcntl
import json
import mmap
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

CAPACITY = 1 << 20
_LENGTH = struct.Struct(">I")


class SharedCache:
    """Values by key, shared with every process forked after this object was made."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._lock = -1
        self._memory: mmap.mmap | None = None
        # Without a folder for temporary files, or memory, there is nothing to share.
        with suppress(OSError):
            self._lock, path = tempfile.mkstemp()
            os.unlink(path)
            self._memory = mmap.mmap(-1, capacity)

    def get(self, key: tuple[str, ...], compute: Callable[[], bytes]) -> bytes:
        """The value of a key: shared if another process has it, else computed here, while others wait for it.

        The first part of the key names the thing, the rest its state: a new state replaces the one before.
        """
        with self._locked() as memory:
            if memory is None:
                return compute()
            name, entries = json.dumps(key), _read(memory)
            if name in entries:
                return base64.b64decode(entries[name])
            value = compute()
            _replace(memory, entries, key, value)
            return value

    def put(self, key: tuple[str, ...], value: bytes) -> None:
        """Share a value that is known, instead of the one before."""
        with self._locked() as memory:
            if memory is not None:
                _replace(memory, _read(memory), key, value)

    @contextmanager
    def _locked(self) -> Iterator[mmap.mmap | None]:
        memory = self._memory
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX)
        except (OSError, ValueError):
            memory = None
        try:
            yield memory
        finally:
            if memory is not None:
                fcntl.lockf(self._lock, fcntl.LOCK_UN)


def _read(memory: mmap.mmap) -> dict[str, str]:
    (length,) = _LENGTH.unpack(memory[: _LENGTH.size])
    entries: dict[str, str] = json.loads(memory[_LENGTH.size : _LENGTH.size + length] or b"{}")
    return entries


def _replace(memory: mmap.mmap, entries: dict[str, str], key: tuple[str, ...], value: bytes) -> None:
    others = {other: text for other, text in entries.items() if json.loads(other)[0] != key[0]}
    entry = {json.dumps(key): base64.b64encode(value).decode("ascii")}
    # Where not all fits any more, the newest does; where not even that fits, nothing is shared.
    _write(memory, {**others, **entry}) or _write(memory, entry) or _write(memory, {})


def _write(memory: mmap.mmap, entries: dict[str, str]) -> bool:
    content = json.dumps(entries).encode("ascii")
    if _LENGTH.size + len(content) > len(memory):
        return False
    # The length last: a process that dies half-way leaves an empty cache, not half a value.
    memory[: _LENGTH.size] = _LENGTH.pack(0)
    memory[_LENGTH.size : _LENGTH.size + len(content)] = content
    memory[: _LENGTH.size] = _LENGTH.pack(len(content))
    return True


SHARED = SharedCache()
