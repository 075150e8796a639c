# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/v2/tokens``: API tokens, which nothing can update and whose secret is shown once."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from axiom_emulator import capabilities
from axiom_emulator.auth import requires
from axiom_emulator.bodies import instant, json_object, known_members, text
from axiom_emulator.emulator import Emulator
from axiom_emulator.errors import ApiError
from axiom_emulator.storage import Row
from axiom_emulator.timestamps import is_past, sort_key
from axiom_emulator.token_secrets import API_PREFIX

MEMBERS = {"name", "description", "expiresAt", "datasetCapabilities", "orgCapabilities", "viewCapabilities"}
NAME_LENGTH = 128

tokens = Blueprint("tokens", __name__)


def _emulator() -> Emulator:
    emulator: Emulator = current_app.config["EMULATOR"]
    return emulator


def present(row: Row, secret: str | None = None) -> dict[str, Any]:
    """Return a token as ``APIToken`` writes it, or as ``CreateAPITokenResponse`` where a secret is given."""
    shown = {
        "id": row["id"],
        "name": row["name"],
        "datasetCapabilities": row["dataset_capabilities"],
        "orgCapabilities": row["org_capabilities"],
    }
    optional = {
        "description": row["description"],
        "expiresAt": row["expires_at"],
        "viewCapabilities": row["view_capabilities"],
        "token": secret,
    }
    return shown | {name: value for name, value in optional.items() if value}


def _find(identity: str) -> Row:
    row = _emulator().storage.token(identity)
    if row is None:
        raise ApiError(404, f"token {identity!r} not found")
    return row


def _read_token(body: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of :meth:`Emulator.new_token` that a ``CreateAPIToken`` body asks for."""
    emulator = _emulator()
    name = text(body, "name")
    if not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
        raise ApiError(422, f"name must be 1 to {NAME_LENGTH} printable characters")
    expires_at = instant(body, "expiresAt")
    if expires_at and is_past(expires_at, emulator.clock.now()):
        raise ApiError(422, "expiresAt must be in the future")
    datasets = capabilities.read_map(body.get("datasetCapabilities", {}), capabilities.DATASET, "datasetCapabilities")
    for dataset in datasets:
        if dataset != "*" and emulator.storage.dataset(dataset) is None:
            raise ApiError(422, f"datasetCapabilities names the dataset {dataset!r}, which does not exist")
    return {
        "name": name,
        "description": text(body, "description"),
        "expires_at": expires_at,
        "datasets": datasets,
        "org": capabilities.read_set(body.get("orgCapabilities", {}), capabilities.ORG, "orgCapabilities"),
        "views": capabilities.read_map(body.get("viewCapabilities", {}), capabilities.VIEW, "viewCapabilities"),
    }


def _mint(wanted: dict[str, Any]) -> ResponseReturnValue:
    emulator = _emulator()
    secret, row = emulator.new_token(API_PREFIX, **wanted)
    emulator.storage.add_token(row)
    return jsonify(present(row, secret))


@tokens.get("/tokens")
@requires("apiTokens|read")
def list_tokens() -> ResponseReturnValue:
    """getAPITokens: expired ones too."""
    return jsonify([present(row) for row in _emulator().storage.tokens()])


@tokens.post("/tokens")
@requires("apiTokens|create")
def create_token() -> ResponseReturnValue:
    """createAPIToken: names need not be unique."""
    body = json_object(MEMBERS)
    with _emulator().storage.transaction():
        return _mint(_read_token(body))


@tokens.get("/tokens/<identity>")
@requires("apiTokens|read")
def get_token(identity: str) -> ResponseReturnValue:
    """getAPIToken."""
    return jsonify(present(_find(identity)))


@tokens.delete("/tokens/<identity>")
@requires("apiTokens|delete")
def delete_token(identity: str) -> ResponseReturnValue:
    """deleteAPIToken."""
    if not _emulator().storage.remove_token(identity):
        raise ApiError(404, f"token {identity!r} not found")
    return "", 204


@tokens.post("/tokens/<identity>/regenerate")
@requires("apiTokens|update")
def regenerate_token(identity: str) -> ResponseReturnValue:
    """regenerateAPIToken: a new token with an id of its own; the old one lives until ``existingTokenExpiresAt``."""
    body = json_object({"existingTokenExpiresAt", "newToken", "newTokenExpiresAt"})
    end = instant(body, "existingTokenExpiresAt")
    if end is None:
        raise ApiError(422, "existingTokenExpiresAt is required")
    emulator = _emulator()
    with emulator.storage.transaction():
        old = _find(identity)
        wanted = _successor(old, body)
        if not (old["expires_at"] and is_past(old["expires_at"], emulator.clock.now())):
            if old["expires_at"] and sort_key(end) > sort_key(old["expires_at"]):
                raise ApiError(422, "existingTokenExpiresAt is later than the token's own expiresAt")
            emulator.storage.change_token(identity, {"expires_at": end})
        return _mint(wanted)


def _successor(old: Row, body: dict[str, Any]) -> dict[str, Any]:
    """Return what the new token is to be: what ``newToken`` says and nothing else, or a copy of the old one."""
    expires_at = instant(body, "newTokenExpiresAt")
    if expires_at and is_past(expires_at, _emulator().clock.now()):
        raise ApiError(422, "newTokenExpiresAt must be in the future")
    if "newToken" not in body:
        return {
            "name": old["name"],
            "description": old["description"],
            "expires_at": expires_at,
            "datasets": old["dataset_capabilities"],
            "org": old["org_capabilities"],
            "views": old["view_capabilities"],
        }
    wanted = _read_token(known_members(body["newToken"], MEMBERS, "newToken"))
    if expires_at and wanted["expires_at"] and expires_at != wanted["expires_at"]:
        raise ApiError(422, "newTokenExpiresAt and newToken.expiresAt differ")
    return wanted | {"expires_at": expires_at or wanted["expires_at"]}
