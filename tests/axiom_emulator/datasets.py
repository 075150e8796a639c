# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/datasets`` and ``/datasets/{id}/mapfields``, under /v2 and, for axiom-py, /v1."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from axiom_emulator.auth import authenticated, requires
from axiom_emulator.bodies import json_body, json_object, text
from axiom_emulator.emulator import DEFAULT_EDGE, Emulator
from axiom_emulator.errors import ApiError
from axiom_emulator.storage import Row
from axiom_emulator.timestamps import render

KINDS = ("axiom:events:v1", "otel:logs:v1", "otel:traces:v1", "otel:metrics:v1")
DEFAULT_KIND = KINDS[0]
NAME = re.compile(r"[A-Za-z0-9-]{1,128}", re.ASCII)
UPDATABLE = {"description", "retentionDays", "useRetentionPeriod"}
IMMUTABLE = {"name", "kind", "edgeDeployment"}

datasets = Blueprint("datasets", __name__)


def _emulator() -> Emulator:
    emulator: Emulator = current_app.config["EMULATOR"]
    return emulator


def present(row: Row) -> dict[str, Any]:
    """Return a dataset as the ``Dataset`` schema writes it; ``x-omitempty: false`` members are always there."""
    shown = {
        "id": row["name"],
        "name": row["name"],
        "description": row["description"],
        "kind": row["kind"],
        "created": row["created"],
        "updatedAt": row["updated"],
        "who": row["who"],
        "canWrite": True,
        "edgeDeployment": row["edge"],
        "edgeDeploymentUrl": _emulator().edge_url(row["edge"]),
        "retentionDays": row["retention_days"],
        "useRetentionPeriod": row["use_retention"],
    }
    if row["map_fields"]:
        shown["mapFields"] = row["map_fields"]
    return shown


def find(name: str) -> Row:
    """Return a dataset; ApiError 404."""
    row = _emulator().storage.dataset(name)
    if row is None:
        raise ApiError(404, f"dataset {name!r} not found")
    return row


def _retention(body: dict[str, Any], use: bool, days: int) -> Row:
    use, days = body.get("useRetentionPeriod", use), body.get("retentionDays", days)
    if not isinstance(use, bool):
        raise ApiError(422, "useRetentionPeriod must be true or false")
    if not isinstance(days, int) or isinstance(days, bool) or days < 0:
        raise ApiError(422, "retentionDays must be a whole number of days, 0 or more")
    if use and days == 0:
        raise ApiError(422, "useRetentionPeriod needs retentionDays of 1 or more")
    return {"use_retention": int(use), "retention_days": days}


@datasets.get("/datasets")
@requires(None)
def list_datasets() -> ResponseReturnValue:
    """getDatasets."""
    return jsonify([present(row) for row in _emulator().storage.datasets()])


@datasets.post("/datasets")
@requires("datasets|create")
def create_dataset() -> ResponseReturnValue:
    """createDataset."""
    body = json_object(UPDATABLE | IMMUTABLE)
    emulator = _emulator()
    name, kind, edge = text(body, "name"), text(body, "kind", DEFAULT_KIND), text(body, "edgeDeployment", DEFAULT_EDGE)
    if not NAME.fullmatch(name):
        raise ApiError(422, "name must be 1 to 128 ASCII letters, digits or hyphens")
    if kind not in KINDS:
        raise ApiError(422, f"kind {kind!r} is not one of {', '.join(KINDS)}")
    if edge not in emulator.edge_ports:
        raise ApiError(422, f"edge deployment {edge!r} is not one of {', '.join(emulator.edge_ports)}")
    now = render(emulator.clock.now())
    row = {
        "name": name,
        "kind": kind,
        "description": text(body, "description"),
        "edge": edge,
        "map_fields": [],
        "created": now,
        "updated": now,
        "who": authenticated().name,
        **_retention(body, False, 0),
    }
    with emulator.storage.transaction():
        if emulator.storage.dataset(name):
            raise ApiError(409, f"a dataset named {name!r} already exists")
        emulator.storage.add_dataset(row)
    return jsonify(present(find(name)))


@datasets.get("/datasets/<name>")
@requires(None)
def get_dataset(name: str) -> ResponseReturnValue:
    """getDataset."""
    return jsonify(present(find(name)))


@datasets.put("/datasets/<name>")
@requires("datasets|update")
def update_dataset(name: str) -> ResponseReturnValue:
    """updateDataset: fields left out are kept (``put: merge``) or go back to their defaults (``put: replace``)."""
    body = json_object(UPDATABLE | IMMUTABLE)
    for member in sorted(IMMUTABLE & set(body)):
        raise ApiError(422, f"{member} cannot be changed and is no member of an update")
    emulator = _emulator()
    with emulator.storage.transaction():
        row = find(name)
        merge = emulator.settings.put == "merge"
        changes = _retention(body, merge and row["use_retention"], row["retention_days"] if merge else 0)
        changes["description"] = text(body, "description", row["description"] if merge else "")
        emulator.storage.change_dataset(name, {**changes, "updated": render(emulator.clock.now())})
    return jsonify(present(find(name)))


@datasets.delete("/datasets/<name>")
@requires("datasets|delete")
def delete_dataset(name: str) -> ResponseReturnValue:
    """deleteDataset."""
    if not _emulator().storage.remove_dataset(name):
        raise ApiError(404, f"dataset {name!r} not found")
    return "", 204


def _field_name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value.encode()) > 200:
        raise ApiError(422, "a map field's name must be a string of 1 to 200 bytes")
    return value


def _set_map_fields(name: str, fields: list[str]) -> None:
    emulator = _emulator()
    emulator.storage.change_dataset(name, {"map_fields": fields, "updated": render(emulator.clock.now())})


@datasets.get("/datasets/<name>/mapfields")
@requires("datasets|read")
def list_map_fields(name: str) -> ResponseReturnValue:
    """getMapFields."""
    return jsonify(find(name)["map_fields"])


@datasets.put("/datasets/<name>/mapfields")
@requires("datasets|update")
def replace_map_fields(name: str) -> ResponseReturnValue:
    """updateMapFields: the list given becomes the list."""
    body = json_body()
    if not isinstance(body, list):
        raise ApiError(422, "the body must be a list of map field names")
    fields = [_field_name(value) for value in body]
    if len(set(fields)) != len(fields):
        raise ApiError(422, "a map field is listed twice")
    with _emulator().storage.transaction():
        find(name)
        _set_map_fields(name, fields)
    return jsonify(fields)


@datasets.post("/datasets/<name>/mapfields")
@requires("datasets|update")
def create_map_field(name: str) -> ResponseReturnValue:
    """createMapField."""
    field = _field_name(json_object({"name"}).get("name"))
    with _emulator().storage.transaction():
        fields = find(name)["map_fields"]
        if field in fields:
            raise ApiError(409, f"{field!r} already is a map field of {name!r}")
        _set_map_fields(name, [*fields, field])
    return jsonify({"name": field})


@datasets.delete("/datasets/<name>/mapfields/<path:field>")
@requires("datasets|update")
def delete_map_field(name: str, field: str) -> ResponseReturnValue:
    """deleteMapField."""
    with _emulator().storage.transaction():
        fields = find(name)["map_fields"]
        if field not in fields:
            raise ApiError(404, f"{field!r} is no map field of {name!r}")
        _set_map_fields(name, [other for other in fields if other != field])
    return "", 204
