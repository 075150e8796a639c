# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks, and may they: Bearer tokens, the organization header, capabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import current_app, request

from axiom_emulator.emulator import Emulator
from axiom_emulator.errors import ApiError
from axiom_emulator.timestamps import is_past
from axiom_emulator.token_secrets import PERSONAL_PREFIX, digest

PRINCIPAL = "axiom_emulator.principal"
"""WSGI environment key under which the gateway hands over who asks."""

NOT_AUTHENTICATED = "the token is missing, unknown, deleted or expired"


@dataclass(frozen=True)
class Principal:
    """The token a request came with. ``alive`` is false once it has expired: good for the access log, no more."""

    name: str
    personal: bool
    alive: bool
    org_capabilities: dict[str, list[str]]
    dataset_capabilities: dict[str, dict[str, list[str]]]

    @property
    def scope(self) -> str:
        """Whose rate limit the request counts against."""
        return "user" if self.personal else "organization"

    def may(self, capability: str) -> bool:
        """Tell whether the token holds an organization capability written ``datasets|create``."""
        name, _unused, action = capability.partition("|")
        return self.personal or action in self.org_capabilities.get(name, [])

    def may_ingest(self, dataset: str) -> bool:
        """Tell whether the token holds ``ingest|create`` on a dataset, by name or by ``*``."""
        return self._holds(dataset, "ingest", "create")

    def may_query(self, dataset: str) -> bool:
        """Tell whether the token holds ``query|read`` on a dataset, by name or by ``*``; a personal token does."""
        return self.personal or self._holds(dataset, "query", "read")

    def _holds(self, dataset: str, name: str, action: str) -> bool:
        held = self.dataset_capabilities
        return any(action in held.get(key, {}).get(name, []) for key in (dataset, "*"))


def identify(emulator: Emulator, header: str) -> Principal | None:
    """Return who sent this ``Authorization`` header; None where it is no token of ours."""
    scheme, _unused, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        return None
    row = emulator.storage.token_of_secret(digest(secret.strip()))
    if row is None:
        return None
    expired = row["expires_at"] is not None and is_past(row["expires_at"], emulator.clock.now())
    personal = secret.strip().startswith(PERSONAL_PREFIX)
    return Principal(row["name"], personal, not expired, row["org_capabilities"], row["dataset_capabilities"])


def authenticated() -> Principal:
    """Return who asks; ApiError 401 where nobody we know does."""
    principal: Principal | None = request.environ.get(PRINCIPAL)
    if principal is None or not principal.alive:
        raise ApiError(401, NOT_AUTHENTICATED)
    return principal


def requires(capability: str | None, organization: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Guard an API view: a live token, the right organization, and the capability of the document's ``security``.

    None asks for any token, as ``Auth: []``; ``organization=False`` is the document's ``x-axiom-no-org-required``.
    """

    def guard(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            principal = authenticated()
            if organization:
                check_organization(principal)
            if capability is not None and not principal.may(capability):
                raise ApiError(403, f"forbidden: the token {principal.name!r} is missing the capability {capability}")
            return view(*args, **kwargs)

        return guarded

    return guard


def check_organization(principal: Principal) -> None:
    """Raise ApiError 403 where the organization header is missing or names another."""
    emulator: Emulator = current_app.config["EMULATOR"]
    named = request.headers.get("X-Axiom-Org-Id")
    if named is None and principal.personal:
        raise ApiError(403, "forbidden: a personal token needs the header X-Axiom-Org-Id")
    if named is not None and named != emulator.org_id:
        raise ApiError(403, f"forbidden: the token does not belong to the organization {named!r}")
