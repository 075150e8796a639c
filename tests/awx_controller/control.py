# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/_control/``: how tests steer a running controller. Loopback only, not in the access log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, abort, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from awx_controller.clock import timestamp
from awx_controller.controller import Controller
from awx_controller.credentials import secret_fields

control = Blueprint("control", __name__, url_prefix="/_control")
WAIT_SECONDS = 60.0


def _controller() -> Controller:
    found: Controller = current_app.config["CONTROLLER"]
    return found


@control.before_request
def _loopback_only() -> None:
    if request.remote_addr not in ("127.0.0.1", "::1"):
        abort(403)


@control.post("/clock")
def move_clock() -> ResponseReturnValue:
    """Move the clock ``by`` seconds or ``to`` an instant, and let schedules fire and approvals expire."""
    whole = _controller()
    asked: dict[str, Any] = request.get_json()
    with whole.store.lock:
        if "to" in asked:
            instant = datetime.fromisoformat(asked["to"])
            if instant.tzinfo is None:
                instant = instant.replace(tzinfo=UTC)
            whole.clock.move_to(instant)
        else:
            whole.clock.offset += timedelta(seconds=asked.get("by", 0))
        fired = [{"id": job.id, "type": job.kind.name, "url": job.url} for job in whole.engine.fire_due()]
    return jsonify({"now": timestamp(whole.clock.now()), "fired": fired})


@control.post("/settle")
def settle() -> ResponseReturnValue:
    """Wait until nothing runs; answer whether that came about before the time was up."""
    whole = _controller()
    with whole.store.lock:
        idle = whole.store.wait(whole.engine.idle, min(WAIT_SECONDS, float(request.get_json().get("seconds", 1))))
    return jsonify({"idle": idle})


@control.get("/requests")
def requests() -> ResponseReturnValue:
    """The access log."""
    return jsonify(_controller().requests)


@control.delete("/requests")
def clear_requests() -> ResponseReturnValue:
    """Empty the access log."""
    _controller().requests.clear()
    return "", 204


@control.get("/secrets")
def secrets() -> ResponseReturnValue:
    """Every secret in any credential now, so that a test can search for them."""
    store = _controller().store
    with store.lock:
        found = [
            value
            for credential in store.all("credentials")
            for name, value in credential["inputs"].items()
            if value and name in secret_fields(store.get("credential_types", credential["credential_type"]))
        ]
    return jsonify(found)
