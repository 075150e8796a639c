# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""API tokens of Axiom as objects of the one loop; what is to be done about them is decided in token_policy.py."""

from __future__ import annotations

import time
from typing import Any, Mapping, Sequence

from ansible_collections.devfleet.axiom.plugins.module_utils import token_policy
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import AxiomClient
from ansible_collections.devfleet.axiom.plugins.module_utils.datasets import check_dataset_name
from ansible_collections.devfleet.axiom.plugins.module_utils.resource import Refusal, Resource, check_name


def token_argument_spec() -> dict[str, Any]:
    """What can be declared of a token, in the module C(api_token) and in C(workspace)."""
    return {
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "ingest": {"type": "list", "elements": "str", "default": []},
        "query": {"type": "list", "elements": "str", "default": []},
        "dataset_capabilities": {"type": "dict", "default": {}},
        "org_capabilities": {"type": "dict", "default": {}},
        "view_capabilities": {"type": "dict", "default": {}},
        "expires_at": {"type": "str"},
    }


class Token(Resource):
    """API tokens: identity is the name among live ones; they have no update, and show their secret once."""

    label = "token"
    path = "/tokens"

    def __init__(self, client: AxiomClient, now: int | None = None) -> None:
        super().__init__(client)
        self.now = time.time_ns() if now is None else now

    def find(self, declared: Mapping[str, Any], objects: Sequence[dict[str, Any]]) -> Mapping[str, Any] | None:
        if declared.get("id"):
            objects = [item for item in objects if item["id"] == declared["id"]]
        return token_policy.live_token(objects, declared["name"], self.now)

    def view(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return token_policy.found_view(found)

    def wanted(self, declared: Mapping[str, Any], found: Mapping[str, Any] | None) -> dict[str, Any]:
        return token_policy.declared_view(declared) if found is None else token_policy.wanted_view(declared, found)

    @staticmethod
    def validate(declared: Mapping[str, Any]) -> None:
        check_name("token", declared["name"])
        for name in [*(declared.get("ingest") or []), *(declared.get("query") or [])]:
            check_dataset_name(name)
        token_policy.declared_view(declared)

    def check(self, declared: Mapping[str, Any], found: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
        if after:
            decision = self.decide(declared, found)
            if decision.action in (token_policy.CONFLICT, token_policy.SECRET_LOST):
                raise Refusal(decision.message, before, after)

    def decide(self, declared: Mapping[str, Any], found: Mapping[str, Any] | None) -> token_policy.Decision:
        """The policy's word on one token; no store is involved here."""
        return token_policy.decide(declared, found, None, self.now, stored=False)

    def create(self, declared: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
        """Mint: the answer holds the secret in its field C(token)."""
        return self.with_secret(self._client.post_object(self.path, token_policy.request_body(declared)))

    def with_secret(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """A token as it was just minted; without its secret it is of no use, and deleted."""
        if not isinstance(raw.get("token"), str) or not raw["token"]:
            self.delete(raw)
            raise Refusal(f"Axiom minted token {raw['name']!r} without a secret, so it was deleted again: run again")
        return raw
