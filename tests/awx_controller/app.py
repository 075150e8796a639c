# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Flask application."""

from __future__ import annotations

import traceback

from flask import Flask, Request, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from awx_controller.api import api
from awx_controller.control import control
from awx_controller.controller import VERSION, Controller
from awx_controller.errors import ApiError


def _refused(error: ApiError) -> ResponseReturnValue:
    return jsonify(error.body), error.status


def _http_error(error: HTTPException) -> ResponseReturnValue:
    return jsonify({"detail": error.description or error.name}), error.code or 500


def _broken(error: Exception) -> ResponseReturnValue:
    """A fault of ours: whoever reads a failed test finds the place."""
    traceback.print_exception(error)
    return jsonify({"detail": f"{type(error).__name__}: {error}"}), 500


def create_app(controller: Controller) -> Flask:
    """Return the WSGI application of one controller."""
    app = Flask("awx_controller", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["CONTROLLER"] = controller
    app.register_error_handler(ApiError, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _broken)
    app.register_blueprint(api)
    app.register_blueprint(control)

    @app.after_request
    def finish(response: Response) -> Response:
        if request.path.startswith("/api/"):
            response.headers["X-API-Product-Name"] = "AWX"
            response.headers["X-API-Product-Version"] = VERSION
            if response.status_code == 401:
                response.headers["WWW-Authenticate"] = "Basic realm=api"
            controller.requests.append(_log_line(request, response))
        return response

    return app


def _log_line(asked: Request, response: Response) -> dict[str, object]:
    return {
        "method": asked.method,
        "path": asked.path,
        "query": asked.query_string.decode(),
        "status": response.status_code,
        "user_agent": asked.user_agent.string,
    }
