# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store: what later runs need without the management token, one record per ingest token.

A record is C({"name", "id", "secret", "previous_secret": null | str, "expires_at": null | RFC 3339,
"datasets": {NAME: {"kind", "edge", "edge_url"}}}). C(datasets) are those the token may ingest into or query; their
C(edge_url) is a base URL with scheme and without trailing slash, to which C(/v1/logs) or C(/v1/metrics) is added. A
token that may query has the member C(query), the names of the datasets; such a secret is installed on no machine.

During and after a rotation there are more members, all of which may be missing: C(previous_secret) and C(previous_id)
of the token before it, for as long as that lives; C(previous_expires_at), when it was to end; C(pending), the note of
what is about to be minted (see token_policy.family()); C(revoked_at), when it was minted in place of a revoked one.
Members that are not known here stay as they are for as long as the token does. A record whose C(secret) is null is
nothing but a note: there is no token yet.

This is the contract. What keeps it: vault_file.py, command_store.py, awx_credential.py; stores.py tells which is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError

VERSION = 1

Record = Mapping[str, Any]


class StoreError(CollectionError):
    """The store cannot be used; the message names the way out."""


class Store(Protocol):
    """What the rest of the collection needs of a store."""

    def read(self, name: str) -> dict[str, Any] | None:
        """The record of a token's name, or None."""

    def write(self, record: Record) -> None:
        """Keep a record under its name, instead of the one before; once this returns, it is kept for good.

        Raises StoreError where another run has written since this one has read: nothing is overwritten unseen.
        """

    def locked(self) -> AbstractContextManager[None]:
        """Reading what there is, minting and writing happen in here: other runs are kept from writing, or found out."""


def is_record(name: str, record: Any) -> bool:
    """Whether this is a record of a token's name, or a note in its place."""
    if not isinstance(record, dict) or record.get("name") != name or not isinstance(record.get("datasets"), dict):
        return False
    if record.get("secret") is None:
        return isinstance(record.get("pending"), dict)
    return all(isinstance(record.get(field), str) for field in ("id", "secret"))


def records_of(document: Any, label: str) -> dict[str, dict[str, Any]] | None:
    """The records of a store that is one JSON document; None where it is something else."""
    if not isinstance(document, dict) or not {"version", "records"} <= set(document):
        return None
    if document["version"] != VERSION:
        known = f"this collection knows version {VERSION}"
        raise StoreError(f"{label} has version {document['version']!r}, {known}: update the collection")
    records = document["records"]
    if not isinstance(records, dict) or not all(is_record(name, record) for name, record in records.items()):
        return None
    return dict(records)
