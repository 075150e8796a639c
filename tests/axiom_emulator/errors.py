# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way a request is refused."""

from __future__ import annotations

import json

from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response

CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "unprocessable_entity",
    429: "rate_limit_exceeded",
    500: "internal_error",
}


class ApiError(Exception):
    """A refusal: HTTP status and one sentence for the person who reads it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def error_response(status: int, message: str) -> Response:
    """Return the JSON error answer, shaped as ``ForbiddenError`` and ``NotFoundError`` in the v2 document.

    Both members are strings there (the example beside that schema shows a number: the schema wins).
    """
    code = CODES.get(status) or HTTP_STATUS_CODES.get(status, "error").lower().replace(" ", "_")
    body = json.dumps({"code": code, "message": message})
    return Response(body, status=status, content_type="application/json")
