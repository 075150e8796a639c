# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of C(workspace), shared by its action plugin, which uses them, and its module, which documents them."""

from __future__ import annotations

from typing import Any

from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import connection_argument_spec
from ansible_collections.devfleet.axiom.plugins.module_utils.datasets import dataset_argument_spec
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import (
    DEFAULT_OVERLAP,
    DEFAULT_ROTATE_BEFORE,
    POLICIES,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.tokens import token_argument_spec

STORES = ("vault_file", "command", "awx_credential")
ROTATIONS = ("declared", "begin", "retire", "revoke")


def workspace_argument_spec() -> dict[str, Any]:
    """Connection options, and the whole declaration."""
    dataset = {**dataset_argument_spec(), "edge_url": {"type": "str"}}
    token = {
        **token_argument_spec(),
        "secret": {"type": "str", "no_log": True},
        "rotate": {"type": "str", "choices": list(POLICIES), "default": "never"},
        "expires_after": {"type": "str"},
        "rotate_before": {"type": "str", "default": DEFAULT_ROTATE_BEFORE},
        "overlap": {"type": "str", "default": DEFAULT_OVERLAP},
    }
    store = {
        "type": {"type": "str", "choices": list(STORES), "default": "vault_file"},
        "path": {"type": "str"},
        "command": {"type": "list", "elements": "str"},
        "timeout": {"type": "float"},
        "credential": {"type": "str"},
    }
    return {
        **connection_argument_spec(),
        "datasets": {"type": "list", "elements": "dict", "options": dataset, "default": []},
        # Declared tokens are names and capabilities; what is secret in them says so itself.
        "tokens": {"type": "list", "elements": "dict", "options": token, "default": [], "no_log": False},
        "store": {"type": "dict", "options": store},
        "rotation": {"type": "str", "choices": list(ROTATIONS), "default": "declared"},
        "rotation_tokens": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "revoke_again": {"type": "bool", "default": False},
    }
