# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of C(arrivals_info), shared by its action plugin, which uses them, and its module, which documents."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import env_fallback

from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import connection_argument_spec


def arrivals_argument_spec() -> dict[str, Any]:
    """Connection options, where secrets are kept, and what to look at."""
    return {
        **connection_argument_spec(),
        # A management token in the environment may not query, and would hide the tokens of the store that may.
        "token": {"type": "str", "no_log": True},
        "store": {"type": "dict"},
        # Names of tokens, no secrets.
        "query_tokens": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "window": {"type": "str", "default": "24h"},
        "other_managed_settings": {"type": "dict", "default": {}},
        "management_token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["AXIOM_TOKEN"])},
        "field_limit": {"type": "int", "default": 1024},
    }
