# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way a request is refused."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal: HTTP status and the JSON body that AWX would answer with."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


def invalid(**fields: str | list[str]) -> ApiError:
    """Return a 400 with a list of messages per field."""
    return ApiError(400, {name: [text] if isinstance(text, str) else text for name, text in fields.items()})


def not_found(kind: str = "") -> ApiError:
    """Return the 404 of an object of a kind that is not there, or not for this user; or of a path."""
    model = kind.title().replace("_", "")
    return ApiError(404, {"detail": f"No {model} matches the given query." if kind else "Not found."})


def forbidden() -> ApiError:
    """Return the 403 of a user without the role it takes."""
    return ApiError(403, {"detail": "You do not have permission to perform this action."})


def forbidden_because(text: str) -> ApiError:
    """Return a 403 that says why."""
    return ApiError(403, {"detail": text})


def method_not_allowed(method: str) -> ApiError:
    """Return the 405 of an endpoint that has no such method, or not now."""
    return ApiError(405, {"detail": f'Method "{method}" not allowed.'})
