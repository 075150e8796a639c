# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is asking: basic authentication, or a token made with it."""

from __future__ import annotations

import hashlib
import secrets

from flask import Request

from awx_controller.clock import timestamp
from awx_controller.errors import ApiError
from awx_controller.passwords import fits
from awx_controller.store import Item, Store


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(store: Store, user: Item, values: dict[str, str]) -> tuple[Item, str]:
    """Make a token; return it and its secret."""
    secret = secrets.token_urlsafe(22)
    expires = timestamp(store.clock.now().replace(year=3000))
    item = store.add("tokens", {**values, "user": user.id, "expires": expires}, user, digest=_digest(secret))
    return item, secret


def authenticate(store: Store, request: Request) -> Item:
    """Return the user of a request; ApiError 401. A read token may not write: 403."""
    refused = "Authentication credentials were not provided. To establish a login session, visit /api/login/."
    header = request.authorization
    if header is None:
        raise ApiError(401, {"detail": refused})
    if header.type == "basic":
        user = store.one("users", username=header.username)
        if user and fits(header.password or "", user["password"]):
            return user
        raise ApiError(401, {"detail": "Invalid username/password."})
    digest = _digest(header.token or "")
    token = next((item for item in store.all("tokens") if item.private["digest"] == digest), None)
    user = store.find("users", token["user"]) if token else None
    if token is None or user is None:
        raise ApiError(401, {"detail": refused})
    if token["scope"] == "read" and request.method not in ("GET", "HEAD", "OPTIONS"):
        raise ApiError(403, {"detail": "You do not have permission to perform this action."})
    return user
