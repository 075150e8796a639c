# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP with the API of AWX, with what awx.awx takes from the environment too; see api_client.py for the rest."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import ApiClient, checked_url, unsent
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import USER_AGENT


class ControllerClient(ApiClient):
    """The API of AWX or an automation controller. Paths begin after C(/api/v2), such as C(/credentials/)."""

    service = "AWX"
    base_url = "the base URL of AWX"
    url_option = "CONTROLLER_HOST"
    ca_option = "REQUESTS_CA_BUNDLE"
    proxy_option = "HTTPS_PROXY"
    prefix = "/api/v2"

    def __init__(self, environment: Mapping[str, str]) -> None:
        host = environment.get("CONTROLLER_HOST", "").strip()
        if not host:
            raise unsent(
                "host_missing",
                "CONTROLLER_HOST is not set, so AWX cannot be asked: attach a credential of the type 'Red Hat Ansible"
                " Automation Platform' to the job template",
            )
        url = checked_url(host if "://" in host else f"https://{host}", self.url_option, "https://awx.example.org")
        authorization, secrets = _authorization(environment)
        gateway = environment.get("CONTROLLER_OPTIONAL_API_URLPATTERN_PREFIX", "").strip("/ ")
        if gateway:
            self.prefix = f"/api/{gateway}/v2"
        verify = environment.get("CONTROLLER_VERIFY_SSL", "").strip().lower() not in ("false", "no", "0", "off")
        super().__init__(url, authorization, secrets, {}, {"User-Agent": USER_AGENT}, verify)

    def _status_text(self, method: str, path: str, status: int, headers: Mapping[str, str]) -> str:
        if status == 401:
            return (
                "AWX does not accept CONTROLLER_OAUTH_TOKEN, or CONTROLLER_USERNAME and CONTROLLER_PASSWORD (401):"
                " correct the credential that sets them"
            )
        if status == 403:
            return f"the user of CONTROLLER_USERNAME or CONTROLLER_OAUTH_TOKEN may not do this (403): {method} {path}"
        return super()._status_text(method, path, status, headers)


def _authorization(environment: Mapping[str, str]) -> tuple[str, list[str]]:
    token = environment.get("CONTROLLER_OAUTH_TOKEN", "")
    if token:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise unsent("header_unsafe", "CONTROLLER_OAUTH_TOKEN holds characters that no header may hold")
        return f"Bearer {token}", [token]
    user, password = environment.get("CONTROLLER_USERNAME", ""), environment.get("CONTROLLER_PASSWORD", "")
    if not user or not password:
        raise unsent("token_missing", "set CONTROLLER_OAUTH_TOKEN, or CONTROLLER_USERNAME and CONTROLLER_PASSWORD")
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
    return f"Basic {encoded}", [password, encoded]
