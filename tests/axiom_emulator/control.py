# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/_emulator/`` on the API port: how tests steer a running server. Loopback only, not in the access log."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, abort, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from axiom_emulator.bodies import json_object, text
from axiom_emulator.emulator import PUT_MODES, Emulator
from axiom_emulator.errors import ApiError
from axiom_emulator.events import LAYOUTS
from axiom_emulator.token_secrets import PERSONAL_PREFIX

control = Blueprint("control", __name__, url_prefix="/_emulator")


def _emulator() -> Emulator:
    emulator: Emulator = current_app.config["EMULATOR"]
    return emulator


@control.before_request
def _loopback_only() -> None:
    if request.remote_addr not in ("127.0.0.1", "::1"):
        abort(403)


def _number(value: Any, name: str, low: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < low:
        raise ApiError(422, f"{name} must be a number")
    return float(value)


@control.get("/info")
def info() -> ResponseReturnValue:
    """Where everything is."""
    emulator = _emulator()
    edges = {edge: emulator.edge_url(edge) for edge in emulator.edge_ports}
    return jsonify({"url": emulator.url, "org_id": emulator.org_id, "edges": edges})


@control.get("/settings")
def get_settings() -> ResponseReturnValue:
    """What is in force."""
    emulator = _emulator()
    return jsonify(
        {
            "put": emulator.settings.put,
            "readonly": emulator.settings.readonly,
            "log_fields": emulator.settings.log_fields,
            "clock_offset_seconds": emulator.clock.offset_seconds,
            "rate_limit_per_minute": emulator.limiter.per_minute,
        }
    )


@control.put("/settings")
def change_settings() -> ResponseReturnValue:
    """Change those that are named, all or none."""
    emulator = _emulator()
    body = json_object({"put", "readonly", "log_fields", "clock_offset_seconds", "rate_limit_per_minute"})
    put = body.get("put", emulator.settings.put)
    readonly = body.get("readonly", emulator.settings.readonly)
    log_fields = body.get("log_fields", emulator.settings.log_fields)
    if put not in PUT_MODES or not isinstance(readonly, bool):
        raise ApiError(422, f"put is one of {', '.join(PUT_MODES)}; readonly is true or false")
    if log_fields not in LAYOUTS:
        raise ApiError(422, f"log_fields is one of {', '.join(LAYOUTS)}")
    offset = _number(body.get("clock_offset_seconds", emulator.clock.offset_seconds), "clock_offset_seconds", -1e10)
    limit = _number(body.get("rate_limit_per_minute", emulator.limiter.per_minute), "rate_limit_per_minute", 0)
    emulator.settings.put, emulator.settings.readonly, emulator.settings.log_fields = put, readonly, log_fields
    emulator.clock.offset_seconds, emulator.limiter.per_minute = offset, int(limit)
    return get_settings()


@control.post("/faults")
def add_fault() -> ResponseReturnValue:
    """Add a rule: see :mod:`axiom_emulator.faults`."""
    spec = request.get_json()
    try:
        _emulator().faults.add(spec)
    except (re.error, TypeError) as error:
        raise ApiError(422, f"not a fault: {error}") from error
    return "", 204


@control.get("/faults")
def list_faults() -> ResponseReturnValue:
    """All rules with how often each was matched and struck."""
    return jsonify(_emulator().faults.rules())


@control.delete("/faults")
def clear_faults() -> ResponseReturnValue:
    """Back to a server that works."""
    _emulator().faults.clear()
    return "", 204


@control.delete("/requests")
def clear_requests() -> ResponseReturnValue:
    """Empty the access log."""
    _emulator().storage.clear_requests()
    return "", 204


@control.delete("/arrived")
def clear_arrived() -> ResponseReturnValue:
    """Forget what arrived."""
    _emulator().storage.clear_arrived()
    return "", 204


@control.post("/personal-tokens")
def create_personal_token() -> ResponseReturnValue:
    """Mint a personal token, which only Axiom's console can do."""
    emulator = _emulator()
    secret, row = emulator.new_token(PERSONAL_PREFIX, text(json_object({"name"}), "name", "personal"))
    emulator.storage.add_token(row)
    return jsonify({"token": secret})
