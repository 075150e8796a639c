# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/v2/datasets/{id}/fields``: the fields that a dataset's events have had. They cannot be changed here."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from axiom_emulator.auth import requires
from axiom_emulator.datasets import find
from axiom_emulator.emulator import Emulator
from axiom_emulator.errors import ApiError
from axiom_emulator.events import Layout, read_events, schema

fields = Blueprint("fields", __name__)


def _fields(name: str) -> list[dict[str, Any]]:
    dataset = find(name)
    if dataset["kind"] == "otel:metrics:v1":
        return []
    emulator: Emulator = current_app.config["EMULATOR"]
    layout = Layout(emulator.settings.log_fields, tuple(dataset["map_fields"]))
    found = schema(read_events(emulator.storage, dataset, layout))
    return [{"name": field, "type": kind, "hidden": False} for field, kind in found.items()]


@fields.get("/datasets/<name>/fields")
@requires("datasets|read")
def list_fields(name: str) -> ResponseReturnValue:
    """getFieldsForDataset."""
    return jsonify(_fields(name))


@fields.get("/datasets/<name>/fields/<path:field>")
@requires("datasets|read")
def get_field(name: str, field: str) -> ResponseReturnValue:
    """getFieldForDataset."""
    found = next((shown for shown in _fields(name) if shown["name"] == field), None)
    if found is None:
        raise ApiError(404, f"the dataset {name!r} has no field {field!r}")
    return jsonify(found)
