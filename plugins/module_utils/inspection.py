# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at a machine and say what decides about its telemetry: sources, effective variables, clients and findings."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ansible_collections.devfleet.axiom.plugins.module_utils import (
    client_version,
    diagnosis,
    precedence,
    sessions,
    targets,
    telemetry_options,
    telemetry_sources,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_sources import Source

# What says how to install has no meaning here, but the same check covers it.
_INSTALLING = {name: option.get("default") for name, option in telemetry_options.ARGUMENT_SPEC.items()}


def _variables(sources: Sequence[Source], user: str | None) -> list[dict[str, Any]]:
    return [
        {
            "user": user,
            "name": name,
            "value": diagnosis.shown(name, found[0].environment[name]),
            "kind": found[0].kind,
            "path": found[0].path,
            "ours": name in found[0].ours,
            "overridden": [source.path for source in found[1:]],
        }
        for name, found in sorted(precedence.effective(sources, user).items())
    ]


def _old_sessions(options: Mapping[str, Any]) -> int | None:
    if options["prefix"] != "/":
        return None
    chosen = targets.TARGETS if options["users"] else ("managed_settings", "shell_profile")
    return sessions.count_older(dict(options, targets=list(chosen)))


def _in_use(options: Mapping[str, Any], sources: Sequence[Source]) -> bool | None:
    """Where a start-up file leads the client elsewhere, nothing in the usual places tells nothing."""
    found = client_version.in_use(options)
    return None if found is False and any(source.config_dir is not None for source in sources) else found


def inspect(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the module returns; nothing secret in it.

    :param options: users, drop_in_name, prefix, and platform (`linux` or `darwin`).
    :raises OptionError: an option is wrong.
    """
    targets.check_options({**_INSTALLING, **options})
    sources = telemetry_sources.sources(options)
    clients = client_version.clients(options)
    old_sessions = _old_sessions(options)
    users: list[str | None] = [*options["users"]] or [None]
    return {
        "findings": diagnosis.diagnose(sources, options["users"], clients, old_sessions),
        "sources": [
            {
                "kind": source.kind,
                "path": source.path,
                "user": source.user,
                "status": source.status,
                "variables": sorted(source.environment),
            }
            for source in sources
        ],
        "variables": [entry for user in users for entry in _variables(sources, user)],
        "clients": clients,
        "in_use": _in_use(options, sources),
        "old_sessions": old_sessions,
    }
