# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store of the user's own: a program that is called to read and to write. docs/stores.md is its contract.

Nothing keeps two runs apart here but that each notices the other: every record written has a C(revision) of its own and
says which one it C(replaces). Before a write the record is read again, and after it, and both times it must be the one
expected. The program may compare too, as one step with writing; then nothing is left between.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import without_secrets
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import error_line
from ansible_collections.devfleet.axiom.plugins.plugin_utils.shared_cache import SHARED
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import Record, StoreError, is_record

# Members of a record that are between this file and the program.
_GUARDS = ("revision", "replaces")
# It can make tokens; the program has no use for it.
_WITHHELD = "AXIOM_TOKEN"


class CommandStore:
    """Calls C(command read NAME), which prints the record or null, and C(command write NAME), the record on stdin."""

    def __init__(self, command: list[str], timeout: float) -> None:
        self._command = command
        self._timeout = timeout
        self._writing = False
        # By name, as this run found or wrote them.
        self._revisions: dict[str, str | None] = {}

    def read(self, name: str) -> dict[str, Any] | None:
        """The record of a token's name, or None. The program is asked once per run: see shared_cache.py."""
        found: dict[str, Any] | None
        if self._writing:
            found = self._found(name)
            self._share(name, found)
        else:
            found = json.loads(SHARED.get(self._key(name), lambda: json.dumps(self._found(name)).encode("utf-8")))
        self._revisions[name] = _revision(found)
        return _without_guards(found) if found else None

    def write(self, record: Record) -> None:
        """Keep a record, and make sure that it is kept. Raises StoreError where the record before is not as read."""
        name = str(record["name"])
        with self.locked():
            if name not in self._revisions:
                self.read(name)
            replaced = self._revisions[name]
            if _revision(self._found(name)) != replaced:
                raise self._changed(name)
            new = {**_without_guards(record), "revision": os.urandom(8).hex(), "replaces": replaced}
            self._call("write", name, new)
            if self._found(name) != new:
                raise StoreError(
                    f"the store's command {self._command[0]} has written the record {without_secrets(name)}, but reads"
                    " another one back: another run may have written at the same time, or the command does not keep"
                    " what it gets. Run again"
                )
            self._revisions[name] = new["revision"]
            self._share(name, new)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """In here what is read is as fresh as it gets. May be nested."""
        before, self._writing = self._writing, True
        try:
            yield
        finally:
            self._writing = before

    def _key(self, name: str) -> tuple[str, ...]:
        return (json.dumps([self._command, name]),)

    def _share(self, name: str, found: dict[str, Any] | None) -> None:
        SHARED.put(self._key(name), json.dumps(found).encode("utf-8"))

    def _found(self, name: str) -> dict[str, Any] | None:
        """What the program has under a name."""
        answer = self._call("read", name)
        found: Any = answer
        with suppress(ValueError, RecursionError):
            found = json.loads(answer)
        if found is None:
            return None
        if is_record(name, found):
            return dict(found)
        raise StoreError(
            f"the store's command {self._command[0]} has not printed a record as JSON for 'read"
            f" {without_secrets(name)}', nor null where there is none"
        )

    def _call(self, operation: str, name: str, record: dict[str, Any] | None = None) -> str:
        """What the program prints. Of its errors nothing that is in the record is shown."""
        given = json.dumps(record) if record else ""
        what = f"the store's command {self._command[0]}, called to {operation} the record {without_secrets(name)},"
        try:
            process = subprocess.Popen(
                [*self._command, operation, name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={key: value for key, value in os.environ.items() if key != _WITHHELD},
                # A group of its own, so that what it has started ends with it.
                start_new_session=True,
            )
        except OSError as error:
            raise StoreError(
                f"the store's command {self._command[0]} cannot be run ({error.strerror}): correct"
                " axiom_workspace_store.command"
            ) from None
        try:
            printed, complaint = process.communicate(given.encode("utf-8"), self._timeout)
        except subprocess.TimeoutExpired:
            raise StoreError(
                f"{what} did not end within {self._timeout:g} s: repair it, or raise axiom_workspace_store.timeout"
            ) from None
        finally:
            # With everything that it has started, which may hold on to its pipes.
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode != 0:
            said = error_line(without_secrets(complaint.decode("utf-8", "replace"), *_secrets_in(record)))
            raise StoreError(f"{what} failed (exit status {process.returncode}): {said or 'it does not say why'}")
        return printed.decode("utf-8", "replace")

    def _changed(self, name: str) -> StoreError:
        return StoreError(
            f"another run has written the record {without_secrets(name)} of the store's command {self._command[0]}"
            " meanwhile: run again"
        )


def _revision(found: Record | None) -> str | None:
    return found.get("revision") if found else None


def _without_guards(found: Record) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in _GUARDS}


def _secrets_in(record: dict[str, Any] | None) -> list[str]:
    return [str(record[key]) for key in ("secret", "previous_secret") if record.get(key)] if record else []
