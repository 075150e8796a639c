# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two Flask applications: the API's and the edges'."""

from __future__ import annotations

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from axiom_emulator.accounts import accounts
from axiom_emulator.apl_query import api_apl, edge_apl
from axiom_emulator.control import control
from axiom_emulator.dashboards import dashboards
from axiom_emulator.datasets import datasets
from axiom_emulator.edge import edge
from axiom_emulator.emulator import Emulator
from axiom_emulator.errors import ApiError, error_response
from axiom_emulator.fields import fields
from axiom_emulator.gateway import Gateway
from axiom_emulator.metrics_query import metrics
from axiom_emulator.tokens import tokens


def _refused(error: ApiError) -> Response:
    return error_response(error.status, error.message)


def _http_error(error: HTTPException) -> Response:
    return error_response(error.code or 500, error.description or error.name)


def _flask(name: str, emulator: Emulator) -> Flask:
    app = Flask(name, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["EMULATOR"] = emulator
    app.register_error_handler(ApiError, _refused)
    app.register_error_handler(HTTPException, _http_error)
    return app


def create_app(emulator: Emulator) -> Gateway:
    """Return the WSGI application for all ports of one local Axiom."""
    api = _flask("api", emulator)
    api.register_blueprint(datasets, url_prefix="/v2")
    api.register_blueprint(datasets, url_prefix="/v1", name="datasets_v1")
    api.register_blueprint(fields, url_prefix="/v2")
    api.register_blueprint(tokens, url_prefix="/v2")
    api.register_blueprint(dashboards, url_prefix="/v2")
    api.register_blueprint(accounts, url_prefix="/v2")
    api.register_blueprint(api_apl)
    api.register_blueprint(control)
    edges = _flask("edges", emulator)
    edges.register_blueprint(edge)
    edges.register_blueprint(edge_apl)
    edges.register_blueprint(metrics)
    return Gateway(emulator, api, edges)
