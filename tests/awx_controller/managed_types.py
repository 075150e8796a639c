# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credential types that every AWX has and that jobs of ours need: their inputs; what they inject is in code."""

from __future__ import annotations

from typing import Any


def _field(name: str, label: str, secret: bool = False, **more: Any) -> dict[str, Any]:
    return {"id": name, "label": label, "type": "string", **({"secret": True} if secret else {}), **more}


def _type(kind: str, namespace: str, name: str, required: tuple[str, ...], *fields: dict[str, Any]) -> dict[str, Any]:
    inputs = {"fields": list(fields), **({"required": list(required)} if required else {})}
    return {"name": name, "kind": kind, "namespace": namespace, "managed": True, "inputs": inputs}


_SSH_KEY = {"format": "ssh_private_key", "multiline": True}
CONTROLLER = "controller"

MANAGED_TYPES = (
    _type(
        "ssh",
        "ssh",
        "Machine",
        (),
        _field("username", "Username"),
        _field("password", "Password", True, ask_at_runtime=True),
        _field("ssh_key_data", "SSH Private Key", True, **_SSH_KEY),
        _field("ssh_public_key_data", "Signed SSH Certificate", True, multiline=True),
        _field("ssh_key_unlock", "Private Key Passphrase", True, ask_at_runtime=True),
        _field("become_method", "Privilege Escalation Method"),
        _field("become_username", "Privilege Escalation Username"),
        _field("become_password", "Privilege Escalation Password", True, ask_at_runtime=True),
    ),
    _type(
        "scm",
        "scm",
        "Source Control",
        (),
        _field("username", "Username"),
        _field("password", "Password", True),
        _field("ssh_key_data", "SCM Private Key", True, **_SSH_KEY),
        _field("ssh_key_unlock", "Private Key Passphrase", True),
    ),
    _type(
        "vault",
        "vault",
        "Vault",
        ("vault_password",),
        _field("vault_password", "Vault Password", True, ask_at_runtime=True),
        _field("vault_id", "Vault Identifier", format="vault_id"),
    ),
    _type(
        "registry",
        "registry",
        "Container Registry",
        ("host",),
        _field("host", "Authentication URL", default="quay.io"),
        _field("username", "Username"),
        _field("password", "Password or Token", True),
        {"id": "verify_ssl", "label": "Verify SSL", "type": "boolean", "default": True},
    ),
    _type(
        "galaxy",
        "galaxy_api_token",
        "Ansible Galaxy/Automation Hub API Token",
        ("url",),
        _field("url", "Galaxy Server URL"),
        _field("auth_url", "Auth Server URL"),
        _field("token", "API Token", True),
    ),
    _type(
        "cloud",
        CONTROLLER,
        "Red Hat Ansible Automation Platform",
        ("host",),
        _field("host", "Red Hat Ansible Automation Platform"),
        _field("username", "Username"),
        _field("password", "Password", True),
        _field("oauth_token", "OAuth Token", True),
        {"id": "verify_ssl", "label": "Verify SSL", "type": "boolean"},
    ),
)
