# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store in a credential of AWX: read as AWX injects it into a job, written as a whole through AWX's API.

AWX never shows a secret again: its API answers C($encrypted$), and what a job knows is what it was given when it was
launched. So the file that AWX made of the credential is what is read, and what later tasks of the same job read; a
write replaces the credential in AWX and then that file.

The file holds C({"version": 1, "revision": TEXT, "records": {NAME: record}}), which is the credential's secret input
C(records). Its input C(revision) is the same text and no secret. So a job that was given other records than AWX has now
finds out before it changes anything. docs/stores.md has the credential type.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import ApiError
from ansible_collections.devfleet.axiom.plugins.plugin_utils import store_files
from ansible_collections.devfleet.axiom.plugins.plugin_utils.controller_client import ControllerClient
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import VERSION, Record, StoreError, records_of

FILE = "AXIOM_STORE_FILE"
INPUTS = {"records", "revision"}


class AwxCredential:
    """A store in the credential of a name or id."""

    def __init__(self, credential: str) -> None:
        self._credential = credential
        self._label = f"the credential {credential}"
        self._path = os.path.abspath(os.environ[FILE]) if os.environ.get(FILE) else None

    def read(self, name: str) -> dict[str, Any] | None:
        """The record of a token's name, or None, as this job was given it or has written it. Asks AWX nothing."""
        record = self._injected()[1].get(name)
        return dict(record) if record is not None else None

    def write(self, record: Record) -> None:
        """Keep a record; the records of other tokens stay. Raises StoreError where AWX has others than this job."""
        try:
            self._write(record)
        except ApiError as error:
            raise StoreError(f"{self._label} cannot be written: {error.message}") from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """AWX has no locks: jobs find each other out by revisions."""
        yield

    def _write(self, record: Record) -> None:
        revision, records = self._injected()
        path = self._file()
        if not os.access(os.path.dirname(path), os.W_OK | os.X_OK):
            raise StoreError(f"{FILE}: nothing can be written beside {path}, where later tasks look for the records")
        client = ControllerClient(os.environ)
        url = f"/credentials/{self._id(client)}/"
        self._require_revision(client, url, revision)
        new = os.urandom(8).hex()
        document = {"version": VERSION, "revision": new, "records": {**records, record["name"]: dict(record)}}
        text = json.dumps(document, sort_keys=True)
        try:
            client.patch(url, {"inputs": {"records": text, "revision": new}})
        except ApiError as error:
            # Whether it was written can be seen below.
            if not error.outcome_unknown:
                raise
        self._require_revision(client, url, new)
        store_files.replace(path, text.encode("utf-8"))

    def _id(self, client: ControllerClient) -> int:
        if self._credential.isdecimal():
            return int(self._credential)
        found = client.get(f"/credentials/?name={quote(self._credential, safe='')}")
        results = found.get("results") if isinstance(found, dict) else None
        if not isinstance(results, list) or not all(
            isinstance(item, dict) and isinstance(item.get("id"), int) for item in results
        ):
            raise StoreError(f"{self._label} cannot be looked up: AWX answers something else than credentials")
        if len(results) != 1:
            ids = ", ".join(str(item["id"]) for item in results) or "none"
            raise StoreError(
                f"axiom_workspace_store.credential: there must be one credential of that name which this job's user may"
                f" see, found: {ids}. Name it by its id, or give that user the role Admin on it"
            )
        found_id: int = results[0]["id"]
        return found_id

    def _require_revision(self, client: ControllerClient, url: str, revision: str) -> None:
        """Raise StoreError where AWX has other records than those of a revision."""
        found = client.get(url)
        inputs = found.get("inputs") if isinstance(found, dict) else None
        if not isinstance(inputs, dict) or set(inputs) - INPUTS:
            raise StoreError(
                f"axiom_workspace_store.credential: {self._credential} is no credential of the type for ingest records"
                " (docs/stores.md)"
            )
        if (inputs.get("revision") or "") != revision:
            raise StoreError(
                f"{self._label} was changed since this job was started, by another job or by hand: launch the job again"
            )

    def _file(self) -> str:
        if self._path is None:
            raise StoreError(
                f"{FILE} is not set, so there is no store to read: attach {self._label} to the job template, and"
                " check the injectors of its type (docs/stores.md)"
            )
        return self._path

    def _injected(self) -> tuple[str, dict[str, dict[str, Any]]]:
        """The revision and the records of the injected file; an empty one is the credential before its first write."""
        path = self._file()
        content = store_files.content(path)
        if content is None:
            raise StoreError(f"{FILE} names {path}, where there is no file: check the injectors of {self._label}")
        if not content.strip():
            return "", {}
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        records = records_of(document, self._label)
        if records is None or not isinstance(document.get("revision"), str):
            raise StoreError(
                f"{self._label} holds something else than records: empty both its inputs to begin anew, or restore them"
            )
        return document["revision"], records
