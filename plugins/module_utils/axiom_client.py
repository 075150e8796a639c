# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Axiom's API v2: connection options, the management token, and which capability a request needs."""

from __future__ import annotations

import re
from typing import Any, Mapping

from ansible.module_utils.ansible_release import __version__ as ansible_core_version
from ansible.module_utils.basic import env_fallback

from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import (
    ApiClient,
    ApiError,
    checked_url,
    rate_limit,
    rate_limit_wait,
    require_requests,
    unsent,
)

COLLECTION_VERSION = "1.1.0"
USER_AGENT = "devfleet.axiom/%s (ansible-core/%s)" % (COLLECTION_VERSION, ansible_core_version)
DEFAULT_URL = "https://api.axiom.co"

# The capability each request needs: the C(security) lists of Axiom's OpenAPI document (v2). C(GET /datasets) has an
# empty one: what it lists depends on the token.
CAPABILITIES = {
    "GET /datasets": None,
    "POST /datasets": "datasets|create",
    "PUT /datasets/{dataset_id}": "datasets|update",
    "DELETE /datasets/{dataset_id}": "datasets|delete",
    "GET /datasets/{dataset_id}/fields": "datasets|read",
    "GET /datasets/{dataset_id}/mapfields": "datasets|read",
    "PUT /datasets/{dataset_id}/mapfields": "datasets|update",
    "GET /tokens": "apiTokens|read",
    "POST /tokens": "apiTokens|create",
    "DELETE /tokens/{id}": "apiTokens|delete",
    "POST /tokens/{id}/regenerate": "apiTokens|update",
    # The document has none for these; the schema of a token's capabilities has the area C(dashboards).
    "POST /dashboards": "dashboards|create",
    "GET /dashboards/uid/{uid}": "dashboards|read",
    "PUT /dashboards/uid/{uid}": "dashboards|update",
    "DELETE /dashboards/uid/{uid}": "dashboards|delete",
}


def connection_argument_spec() -> dict[str, Any]:
    """The connection options of every module and of the action plugin C(workspace); see doc_fragments/connection.py."""
    return {
        "token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["AXIOM_TOKEN"])},
        "org_id": {"type": "str", "fallback": (env_fallback, ["AXIOM_ORG_ID"])},
        "url": {"type": "str", "default": DEFAULT_URL, "fallback": (env_fallback, ["AXIOM_URL"])},
        "timeout": {"type": "float", "default": 30},
        "retries": {"type": "int", "default": 3},
        "ca_path": {"type": "path"},
        "proxy": {"type": "str"},
    }


class AxiomClient(ApiClient):
    """Axiom's API v2 for one organization. Paths are those of the OpenAPI document, such as C(/datasets).

    Options: those of connection_argument_spec(). Raises ApiError for options that cannot work, before any request.
    """

    service = "Axiom"
    base_url = f"the base URL of Axiom's API ({DEFAULT_URL})"
    url_option = "url (AXIOM_URL)"
    prefix = "/v2"

    def __init__(self, options: Mapping[str, Any], user_agent: str = USER_AGENT) -> None:
        require_requests()
        token, org_id = checked_token(options.get("token"), options.get("org_id")), options.get("org_id")
        headers = {"User-Agent": user_agent, **({"X-Axiom-Org-Id": org_id} if org_id else {})}
        url = re.sub(r"/v2\Z", "", (options.get("url") or DEFAULT_URL).strip().rstrip("/"))
        url = checked_url(url, self.url_option, DEFAULT_URL)
        super().__init__(url, f"Bearer {token}", [token], options, headers)

    def get_objects(self, path: str) -> list[dict[str, Any]]:
        """A read whose answer must be a list of objects, each with a name and an id."""
        answer = self.get(path)
        if not isinstance(answer, list):
            raise self._unexpected("GET", path, "a list")
        return [self._checked_object("GET", path, item) for item in answer]

    def post_object(self, path: str, body: Any) -> dict[str, Any]:
        """A POST whose answer must be an object with a name and an id."""
        return self._checked_object("POST", path, self.post(path, body))

    def put_object(self, path: str, body: Any) -> dict[str, Any]:
        """A PUT whose answer must be an object with a name and an id."""
        return self._checked_object("PUT", path, self.put(path, body))

    def _checked_object(self, method: str, path: str, answer: Any) -> dict[str, Any]:
        if isinstance(answer, dict) and isinstance(answer.get("name"), str) and isinstance(answer.get("id"), str):
            return answer
        raise self._unexpected(method, path, "objects with a name and an id")

    def _unexpected(self, method: str, path: str, wanted: str) -> ApiError:
        text = f"{self._host} answered something else than {wanted}: url must be the base URL of Axiom's API"
        return self._error(method, path, 200, "unexpected_answer", text, unknown=method != "GET")

    def _status_text(self, method: str, path: str, status: int, headers: Mapping[str, str]) -> str:
        if status == 401:
            return (
                "Axiom does not accept the management token (401): expired, revoked or of another organization;"
                " check token (AXIOM_TOKEN) and org_id (AXIOM_ORG_ID)"
            )
        if status == 403:
            return f"the management token may not do this (403): {_needed_capability(method, path)}"
        if status == 409:
            return f"Axiom refuses {method} {path} (409): it may exist where the management token may not read it"
        if status == 429:
            scope, limit = rate_limit(headers)
            return (
                f"Axiom's rate limit is reached (429; scope {scope}, {limit} requests per minute), {method} {path} was"
                f" not carried out: run again in {rate_limit_wait(headers):.0f} s"
            )
        if status == 430:
            return (
                "a usage limit of the organization is reached (430): waiting does not help, see the limits of its plan"
            )
        return super()._status_text(method, path, status, headers)


def checked_token(token: str | None, org_id: str | None, kind: str = "management token") -> str:
    """The token, where it can be sent. Raises ApiError that names the option."""
    if not token:
        raise unsent("token_missing", f"no {kind}: set token, or AXIOM_TOKEN where this task runs")
    for option, value in (("token (AXIOM_TOKEN)", token), ("org_id (AXIOM_ORG_ID)", org_id or "")):
        if not re.match(r"[\x21-\x7e]*\Z", value):
            raise unsent("header_unsafe", f"{option} holds white space or characters that no header may hold")
    if token.startswith("xapt-") and not org_id:
        raise unsent(
            "org_id_missing", "a personal token (xapt-) needs org_id (AXIOM_ORG_ID): set the organization's id"
        )
    return token


def _needed_capability(method: str, path: str) -> str:
    for request, capability in CAPABILITIES.items():
        pattern = re.sub(r"\{[^}]*\}", "[^/]+", request)
        if capability and re.match(pattern + r"\Z", f"{method} {path}"):
            area, verb = capability.split("|")
            return f"{request} needs the org capability {area}: [{verb}], give the management token that one"
    return f"{method} {path}; Axiom documents no capability for it, is the token of the right organization?"
