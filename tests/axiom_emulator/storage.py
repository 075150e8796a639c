# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that outlives a restart: one SQLite file in the state directory."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FILE_NAME = "axiom.sqlite3"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS datasets (
  name TEXT PRIMARY KEY, kind TEXT NOT NULL, description TEXT NOT NULL, edge TEXT NOT NULL,
  use_retention INTEGER NOT NULL, retention_days INTEGER NOT NULL, map_fields TEXT NOT NULL,
  created TEXT NOT NULL, updated TEXT NOT NULL, who TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, secret_hash TEXT NOT NULL UNIQUE,
  personal INTEGER NOT NULL, dataset_capabilities TEXT NOT NULL, org_capabilities TEXT NOT NULL,
  view_capabilities TEXT NOT NULL, expires_at TEXT, created TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dashboards (
  uid TEXT PRIMARY KEY, id TEXT NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL, created TEXT NOT NULL,
  updated TEXT NOT NULL, created_by TEXT NOT NULL, updated_by TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
  id INTEGER PRIMARY KEY, time TEXT NOT NULL, role TEXT NOT NULL, edge TEXT, method TEXT NOT NULL, path TEXT NOT NULL,
  query TEXT NOT NULL, status INTEGER, token TEXT, user_agent TEXT NOT NULL, content_type TEXT NOT NULL,
  content_encoding TEXT NOT NULL, fault TEXT, attempted_write INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY, time TEXT NOT NULL, signal TEXT NOT NULL, dataset TEXT NOT NULL, token TEXT NOT NULL,
  edge TEXT NOT NULL, resource TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  id INTEGER PRIMARY KEY, delivery INTEGER NOT NULL REFERENCES deliveries(id), content TEXT NOT NULL);
"""

_RECORDS = """
SELECT records.id, delivery, time, resource, content FROM records JOIN deliveries ON deliveries.id = delivery
WHERE dataset = ? AND signal = ? AND delivery > ? AND records.id > ? ORDER BY records.id LIMIT 5000
"""

_JSON_COLUMNS = {
    "content",
    "dataset_capabilities",
    "document",
    "map_fields",
    "org_capabilities",
    "resource",
    "view_capabilities",
}
_BOOLEAN_COLUMNS = {"use_retention", "personal", "attempted_write"}

Row = dict[str, Any]


def _decode(row: sqlite3.Row) -> Row:
    decoded: Row = {}
    for key in row.keys():
        value = row[key]
        if key in _JSON_COLUMNS:
            value = json.loads(value)
        elif key in _BOOLEAN_COLUMNS:
            value = bool(value)
        decoded[key] = value
    return decoded


def _encode(row: Row) -> Row:
    return {key: json.dumps(value) if key in _JSON_COLUMNS else value for key, value in row.items()}


class Storage:
    """One SQLite connection behind one lock; WAL, so that ``log`` may read while the server writes."""

    def __init__(self, state: Path, create: bool = True) -> None:
        path = state / FILE_NAME
        if not create and not path.exists():
            raise FileNotFoundError(f"{state} holds no state of a local Axiom")
        if create:
            state.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, timeout=30, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        if create:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Read and write as one unit; nothing is kept where the block raises."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _all(self, sql: str, *values: Any) -> list[Row]:
        with self._lock:
            return [_decode(row) for row in self._db.execute(sql, values)]

    def _one(self, sql: str, *values: Any) -> Row | None:
        rows = self._all(sql, *values)
        return rows[0] if rows else None

    def _insert(self, table: str, row: Row) -> int:
        encoded = _encode(row)
        columns = ", ".join(encoded)
        marks = ", ".join("?" for _index in encoded)
        with self._lock:
            cursor = self._db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(encoded.values()))
            return int(cursor.lastrowid or 0)

    def _update(self, table: str, key: str, identity: str, changes: Row) -> None:
        encoded = _encode(changes)
        assignments = ", ".join(f"{column} = ?" for column in encoded)
        with self._lock:
            self._db.execute(f"UPDATE {table} SET {assignments} WHERE {key} = ?", (*encoded.values(), identity))

    def _delete(self, sql: str, *values: Any) -> bool:
        with self._lock:
            return self._db.execute(sql, values).rowcount > 0

    def meta(self, key: str) -> str | None:
        """Return a remembered word, or None."""
        row = self._one("SELECT value FROM meta WHERE key = ?", key)
        return row["value"] if row else None

    def set_meta(self, key: str, value: str) -> None:
        """Remember a word."""
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))

    def datasets(self) -> list[Row]:
        """Return all datasets by name."""
        return self._all("SELECT * FROM datasets ORDER BY name")

    def dataset(self, name: str) -> Row | None:
        """Return one dataset, or None."""
        return self._one("SELECT * FROM datasets WHERE name = ?", name)

    def add_dataset(self, row: Row) -> None:
        """Add a dataset; its name must be free."""
        self._insert("datasets", row)
        latest = self._all("SELECT coalesce(max(id), 0) AS id FROM deliveries")[0]["id"]
        self.set_meta(f"deliveries before {row['name']}", str(latest))

    def change_dataset(self, name: str, changes: Row) -> None:
        """Change columns of a dataset."""
        self._update("datasets", "name", name, changes)

    def remove_dataset(self, name: str) -> bool:
        """Delete a dataset; tell whether it was there."""
        return self._delete("DELETE FROM datasets WHERE name = ?", name)

    def tokens(self) -> list[Row]:
        """Return all API tokens, oldest first; personal tokens are not among them."""
        return self._all("SELECT * FROM tokens WHERE personal = 0 ORDER BY created, id")

    def token(self, identity: str) -> Row | None:
        """Return one API token, or None."""
        return self._one("SELECT * FROM tokens WHERE id = ? AND personal = 0", identity)

    def token_of_secret(self, secret_hash: str) -> Row | None:
        """Return the API or personal token whose secret has this hash, or None."""
        return self._one("SELECT * FROM tokens WHERE secret_hash = ?", secret_hash)

    def add_token(self, row: Row) -> None:
        """Add an API or personal token."""
        self._insert("tokens", row)

    def change_token(self, identity: str, changes: Row) -> None:
        """Change columns of a token."""
        self._update("tokens", "id", identity, changes)

    def remove_token(self, identity: str) -> bool:
        """Delete an API token; tell whether it was there."""
        return self._delete("DELETE FROM tokens WHERE id = ? AND personal = 0", identity)

    def dashboards(self) -> list[Row]:
        """Return all dashboards, oldest first."""
        return self._all("SELECT * FROM dashboards ORDER BY created, uid")

    def dashboard(self, uid: str) -> Row | None:
        """Return one dashboard, or None."""
        return self._one("SELECT * FROM dashboards WHERE uid = ?", uid)

    def add_dashboard(self, row: Row) -> None:
        """Add a dashboard; its uid must be free."""
        self._insert("dashboards", row)

    def change_dashboard(self, uid: str, changes: Row) -> None:
        """Change columns of a dashboard."""
        self._update("dashboards", "uid", uid, changes)

    def remove_dashboard(self, uid: str) -> bool:
        """Delete a dashboard; tell whether it was there."""
        return self._delete("DELETE FROM dashboards WHERE uid = ?", uid)

    def add_request(self, row: Row) -> None:
        """Add a line to the access log."""
        self._insert("requests", row)

    def requests(self) -> list[Row]:
        """Return the access log, oldest first."""
        return self._all("SELECT * FROM requests ORDER BY id")

    def clear_requests(self) -> None:
        """Empty the access log."""
        self._delete("DELETE FROM requests")

    def add_delivery(self, row: Row, records: list[Row]) -> None:
        """Store the records of one resource of one accepted OTLP request; inside :meth:`transaction`."""
        delivery = self._insert("deliveries", row)
        rows = [(delivery, json.dumps(record)) for record in records]
        with self._lock:
            self._db.executemany("INSERT INTO records (delivery, content) VALUES (?, ?)", rows)

    def deliveries(self, signal: str | None = None) -> list[tuple[Row, list[Row]]]:
        """Return what arrived, oldest first: each delivery with its records."""
        with self._lock:
            records: dict[int, list[Row]] = {}
            for row in self._all("SELECT delivery, content FROM records ORDER BY id"):
                records.setdefault(row["delivery"], []).append(row["content"])
            found = self._all("SELECT * FROM deliveries WHERE ?1 = '' OR signal = ?1 ORDER BY id", signal or "")
            return [(row, records.get(row["id"], [])) for row in found]

    def stored_records(self, dataset: str, signal: str) -> Iterator[tuple[int, str, Row, Row]]:
        """Yield what arrived in a dataset, oldest first: the delivery's id and time, its resource, a record.

        In pieces: a fleet's records are many. What came for an older dataset of the same name is not among it.
        """
        before = int(self.meta(f"deliveries before {dataset}") or 0)
        position, delivery = 0, 0
        resource: Row = {}
        while True:
            with self._lock:
                found = self._db.execute(_RECORDS, (dataset, signal, before, position)).fetchall()
            if not found:
                return
            for row in found:
                position = row["id"]
                if row["delivery"] != delivery:
                    delivery, resource = row["delivery"], json.loads(row["resource"])
                yield delivery, row["time"], resource, json.loads(row["content"])

    def clear_arrived(self) -> None:
        """Forget what arrived."""
        with self.transaction():
            self._delete("DELETE FROM records")
            self._delete("DELETE FROM deliveries")
