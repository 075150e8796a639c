# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/v2/dashboards``."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from axiom_emulator.auth import authenticated, requires
from axiom_emulator.bodies import json_body
from axiom_emulator.dashboard_schema import EVERYONE, check_chart, check_dashboard
from axiom_emulator.emulator import Emulator
from axiom_emulator.errors import CODES, ApiError
from axiom_emulator.storage import Row
from axiom_emulator.timestamps import render

UPSERT = {"dashboard", "message", "overwrite", "uid", "version"}
PATCH = {"chart", "message", "overwrite", "version"}

dashboards = Blueprint("dashboards", __name__)


class Conflict(Exception):
    """A write that would undo what somebody else wrote: 409 or 412, with the version that is there."""

    def __init__(self, status: int, message: str, found: Row) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.found = found


@dashboards.errorhandler(Conflict)
def _conflict(error: Conflict) -> ResponseReturnValue:
    code = "version_conflict" if error.status == 412 else CODES[error.status]
    found = {"uid": error.found["uid"], "currentVersion": error.found["version"]}
    return jsonify({"code": code, "message": error.message, **found}), error.status


def _emulator() -> Emulator:
    emulator: Emulator = current_app.config["EMULATOR"]
    return emulator


def _present(row: Row) -> dict[str, Any]:
    """Return a dashboard as the ``DashboardResource`` schema writes it."""
    return {
        "uid": row["uid"],
        "id": row["id"],
        "version": row["version"],
        "dashboard": row["document"],
        "createdAt": row["created"],
        "updatedAt": row["updated"],
        "createdBy": row["created_by"],
        "updatedBy": row["updated_by"],
    }


def _find(uid: str) -> Row:
    row = _emulator().storage.dashboard(uid)
    if row is None:
        raise ApiError(404, f"dashboard {uid!r} not found")
    return row


def _body(allowed: set[str], needed: str) -> dict[str, Any]:
    """Return the request's object; ApiError 400, as the document says of these operations."""
    body = json_body()
    if not isinstance(body, dict):
        raise ApiError(400, "the body must be an object")
    body = {name: value for name, value in body.items() if value is not None}
    kinds = {"overwrite": bool, "version": int, "message": str, "uid": str, needed: dict}
    for name, value in body.items():
        if name not in allowed:
            raise ApiError(400, f"the body has no member {name!r}")
        if not isinstance(value, kinds[name]) or (name == "version" and isinstance(value, bool)):
            raise ApiError(400, f"{name} must be of type {kinds[name].__name__}")
    if needed not in body:
        raise ApiError(400, f"{needed} is missing")
    return body


def _stored_form(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document as it is kept; ApiError 403. The service writes members that the client left out."""
    if not authenticated().personal and document["owner"] not in ("", EVERYONE):
        raise ApiError(403, f"forbidden: with an API token a dashboard's owner is {EVERYONE}")
    layout = [{"static": False, **item} for item in document["layout"]]
    return {**document, "owner": document["owner"] or EVERYONE, "layout": layout}


def _number(name: str, default: int, least: int, most: int) -> int:
    text = request.args.get(name, str(default))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ApiError(400, f"{name} must be a number from {least} to {most}")
    return int(text)


@dashboards.get("/dashboards")
@requires("dashboards|read")
def list_dashboards() -> ResponseReturnValue:
    """listDashboards."""
    limit, offset = _number("limit", 100, 1, 1000), _number("offset", 0, 0, 2**63 - 1)
    return jsonify([_present(row) for row in _emulator().storage.dashboards()[offset : offset + limit]])


@dashboards.get("/dashboards/uid/<uid>")
@requires("dashboards|read")
def get_dashboard(uid: str) -> ResponseReturnValue:
    """getDashboard."""
    return jsonify(_present(_find(uid)))


@dashboards.post("/dashboards")
@requires("dashboards|create")
def create_dashboard() -> ResponseReturnValue:
    """createDashboard; updates where ``uid`` exists and ``overwrite`` or the right ``version`` is given."""
    return _upsert(None)


@dashboards.put("/dashboards/uid/<uid>")
@requires("dashboards|update")
def update_dashboard(uid: str) -> ResponseReturnValue:
    """updateDashboard; creates where ``uid`` does not exist."""
    return _upsert(uid)


def _upsert(path_uid: str | None) -> ResponseReturnValue:
    body = _body(UPSERT, "dashboard")
    check_dashboard(body["dashboard"])
    named = {uid for uid in (path_uid, body.get("uid"), body["dashboard"].get("uid")) if uid}
    if len(named) > 1:
        raise ApiError(400, f"different values for uid: {', '.join(sorted(named))}")
    uid = named.pop() if named else uuid.uuid4().hex
    check_dashboard({**body["dashboard"], "uid": uid})
    document = _stored_form(body["dashboard"])
    storage = _emulator().storage
    with storage.transaction():
        found = storage.dashboard(uid)
        if found is None:
            return _create(uid, document)
        if path_uid is None and not body.get("overwrite") and "version" not in body:
            raise Conflict(409, f"a dashboard with uid {uid!r} already exists", found)
        return _replace(found, document, body)


def _create(uid: str, document: dict[str, Any]) -> ResponseReturnValue:
    now, who = render(_emulator().clock.now()), authenticated().name
    row = {
        "uid": uid,
        "id": str(uuid.uuid4()),
        "version": 1,
        "document": document,
        "created": now,
        "updated": now,
        "created_by": who,
        "updated_by": who,
    }
    _emulator().storage.add_dashboard(row)
    return jsonify({"status": "created", "dashboard": _present(row)}), 201


def _replace(found: Row, document: dict[str, Any], body: dict[str, Any]) -> Response:
    """Write a new version over the one that the client has seen, or any with ``overwrite``."""
    if not body.get("overwrite") and body.get("version") != found["version"]:
        seen = f"not {body['version']}" if "version" in body else "and the request names none"
        raise Conflict(412, f"dashboard {found['uid']!r} is at version {found['version']}, {seen}", found)
    changes = {
        "document": document,
        "version": found["version"] + 1,
        "updated": render(_emulator().clock.now()),
        "updated_by": authenticated().name,
    }
    _emulator().storage.change_dashboard(found["uid"], changes)
    overwritten = {"overwritten": True} if body.get("overwrite") else {}
    return jsonify({"status": "updated", "dashboard": _present({**found, **changes}), **overwritten})


@dashboards.delete("/dashboards/uid/<uid>")
@requires("dashboards|delete")
def delete_dashboard(uid: str) -> ResponseReturnValue:
    """deleteDashboard."""
    if not _emulator().storage.remove_dashboard(uid):
        raise ApiError(404, f"dashboard {uid!r} not found")
    return "", 204


@dashboards.patch("/dashboards/uid/<uid>/charts/<chart_id>")
@requires("dashboards|update")
def patch_chart(uid: str, chart_id: str) -> ResponseReturnValue:
    """patchDashboardChart: a JSON merge patch on one chart."""
    body = _body(PATCH, "chart")
    if body["chart"].get("id", chart_id) != chart_id:
        raise ApiError(400, f"chart.id is not {chart_id!r}")
    storage = _emulator().storage
    with storage.transaction():
        found = _find(uid)
        charts = found["document"]["charts"]
        position = next((at for at, chart in enumerate(charts) if chart["id"] == chart_id), None)
        if position is None:
            raise ApiError(404, f"dashboard {uid!r} has no chart {chart_id!r}")
        patched = _merge(charts[position], body["chart"])
        check_chart(patched, "chart")
        document = {**found["document"], "charts": [*charts[:position], patched, *charts[position + 1 :]]}
        return _replace(found, document, body)


def _merge(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged
