# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a token may be allowed to do: ``datasetCapabilities`` and its siblings in the v2 document."""

from __future__ import annotations

from typing import Any

from axiom_emulator.errors import ApiError

CRUD = ("create", "read", "update", "delete")

DATASET = {
    "data": ("delete",),
    "ingest": ("create",),
    "query": ("read",),
    "share": ("create", "read", "delete"),
    "starredQueries": CRUD,
    "trim": ("update",),
    "vacuum": ("update",),
    "virtualFields": CRUD,
}
ORG = {
    "annotations": CRUD,
    "apiTokens": CRUD,
    "auditLog": ("read",),
    "billing": ("read", "update"),
    "dashboards": CRUD,
    "datasets": CRUD,
    "endpoints": CRUD,
    "flows": CRUD,
    "integrations": CRUD,
    "monitors": CRUD,
    "notifiers": CRUD,
    "rbac": CRUD,
    "sharedAccessKeys": ("read", "update"),
    "users": CRUD,
    "views": CRUD,
}
VIEW = {"query": ("read",), "share": ("create", "read", "delete")}

EVERYTHING = {name: list(actions) for name, actions in ORG.items()}
"""All organization capabilities: the bootstrap management token's. It may not ingest anywhere."""


def read_set(value: Any, allowed: dict[str, tuple[str, ...]], where: str) -> dict[str, list[str]]:
    """Return one object of capabilities without its empty and null members; ApiError 422 on anything undocumented."""
    if not isinstance(value, dict):
        raise ApiError(422, f"{where} must be an object")
    found: dict[str, list[str]] = {}
    for name, actions in value.items():
        if name not in allowed:
            raise ApiError(422, f"{where} has no capability {name!r}")
        if actions is None:
            continue
        if not isinstance(actions, list):
            raise ApiError(422, f"{where}.{name} must be a list")
        for action in actions:
            if action not in allowed[name]:
                raise ApiError(422, f"{where}.{name} does not allow {action!r}")
        if actions:
            found[name] = sorted(set(actions))
    return found


def read_map(value: Any, allowed: dict[str, tuple[str, ...]], where: str) -> dict[str, dict[str, list[str]]]:
    """Return capabilities keyed by the dataset or view they are for."""
    if not isinstance(value, dict):
        raise ApiError(422, f"{where} must be an object")
    return {
        name: read_set(members, allowed, f"{where}[{name!r}]") for name, members in value.items() if members is not None
    }
