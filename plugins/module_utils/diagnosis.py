# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which variable is in effect from where, and what of it takes the telemetry away. Pure."""

from __future__ import annotations

import re
from typing import Any, Mapping, Sequence
from urllib.parse import urlsplit

from ansible_collections.devfleet.axiom.plugins.module_utils import otlp_export
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import DATASET_HEADERS, MASK
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_sources import ADMIN, Source

SEVERITIES = ("error", "warning", "info")
# The client's documentation: these come as one unit from the highest of server, MDM and file that sets any of them.
UNIT = ("OTEL_EXPORTER_OTLP_", "OTEL_LOG_")
GENERIC_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
DROP_INS_SINCE = (2, 1, 83)

_ENFORCE = "run devfleet.axiom.enforce"
_SERVER = "set the same values in the organization's server-managed settings, or take the telemetry variables out there"
# By kind of the source that wins over ours: code, and what to do.
_WINNERS = {
    "server_managed": ("server_managed_takes_telemetry", _SERVER),
    "mdm": ("mdm_takes_telemetry", "take the telemetry variables out of the MDM profile, or set the same values there"),
    "drop_in": ("overridden", "take these variables out of the file"),
    "managed_base": ("overridden", "take these variables out of the file"),
    "user_settings": ("stale_user_settings", "ask the user to take these variables out of env in that file"),
    "shell_profile": ("overridden", _ENFORCE),
    "shell_start_up": ("stale_shell_variables", "ask the user to take these variables out of that file"),
}


def shown(name: str, value: str) -> str:
    """A value without anything secret: of header lists only the datasets stay."""
    if name.endswith("_HEADERS"):
        return ",".join(_shown_header(*pair.partition("=")) for pair in value.split(","))
    if "://" in value:
        value = re.sub(r"://[^/@\s]*@", f"://{MASK}@", value)
        try:
            query = urlsplit(value).query
        except ValueError:
            return MASK
        value = value.replace(query, MASK) if query else value
    return otlp_export.without_tokens(value, MASK)


def _shown_header(name: str, separator: str, value: str) -> str:
    if not separator:
        return MASK
    return f"{name}={value if name.strip().lower() in DATASET_HEADERS.values() else MASK}"


def _relevant(sources: Sequence[Source], user: str | None) -> list[Source]:
    return [source for source in sources if source.user in (None, user) and source.problem is None]


def _unit_owner(relevant: Sequence[Source]) -> Source | None:
    for source in relevant:
        if source.kind in ("server_managed", "mdm") and any(name.startswith(UNIT) for name in source.environment):
            return source
    return None


def effective(sources: Sequence[Source], user: str | None) -> dict[str, list[Source]]:
    """For each variable the sources that set it: the first one wins, the others are overridden.

    :param sources: from `telemetry_sources.sources`, the highest first.
    """
    relevant = _relevant(sources, user)
    unit = _unit_owner(relevant)
    found: dict[str, list[Source]] = {}
    for source in relevant:
        for name in source.environment:
            taken = unit is not None and source is not unit and source.kind in ADMIN and name.startswith(UNIT)
            if not taken:
                found.setdefault(name, []).append(source)
    return found


def _finding(severity: str, code: str, user: str | None, path: str, message: str, fix: str) -> dict[str, Any]:
    return {"severity": severity, "code": code, "user": user, "path": path, "message": message, "fix": fix}


def _problem(source: Source) -> dict[str, Any]:
    severity = "warning" if source.kind == "shell_start_up" else "error"
    fix = {
        "malformed": "repair or remove the file"
        + ("; until then Claude Code refuses to start" if source.kind in ("drop_in", "managed_base") else ""),
        "unreadable": "let those read it who run Claude Code",
    }.get(source.status, _ENFORCE)
    return _finding(severity, source.status, source.user, source.path, source.problem or "", fix)


def _lost(sources: Sequence[Source], user: str | None) -> list[dict[str, Any]]:
    """Variables of ours that another source takes, one finding per source."""
    relevant = _relevant(sources, user)
    winners = effective(sources, user)
    unit = _unit_owner(relevant)
    lost: list[tuple[Source, list[str]]] = []
    for name in sorted({name for source in relevant for name in source.ours}):
        winner = winners[name][0] if name in winners else unit
        values = [source.environment[name] for source in relevant if name in source.ours]
        if winner is None or name in winner.ours or winner.environment.get(name) in values:
            continue
        known = [names for source, names in lost if source is winner]
        if known:
            known[0].append(name)
        else:
            lost.append((winner, [name]))
    found = []
    for winner, names in lost:
        code, fix = _WINNERS[winner.kind]
        found.append(_finding("error", code, winner.user, winner.path, f"overrides our {', '.join(names)}", fix))
    return found


def _header_leak(sources: Sequence[Source], user: str | None) -> list[dict[str, Any]]:
    """The generic header list wins over those of the signals, from wherever it comes (measured)."""
    winners = effective(sources, user)
    if GENERIC_HEADERS not in winners:
        return []
    winner = winners[GENERIC_HEADERS][0]
    generic = otlp_export.generic_headers(winner.environment[GENERIC_HEADERS])
    for signal in otlp_export.SIGNALS:
        name = f"OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS"
        own = winners.get(name, [])
        headers = otlp_export.signal_headers(own[0].environment[name]) if own and name in own[0].ours else {}
        replaced = sorted(key for key, value in headers.items() if generic.get(key, value) != value)
        if replaced:
            message = f"{GENERIC_HEADERS} replaces {' and '.join(replaced)} of both signals"
            code, fix = _WINNERS[winner.kind]
            return [_finding("error", code, winner.user, winner.path, message, fix)]
    return []


def _left_over(sources: Sequence[Source], user: str | None, reported: set[str]) -> list[dict[str, Any]]:
    """What users say about telemetry without taking anything away from ours."""
    winners = effective(sources, user)
    found = []
    for source in _relevant(sources, user):
        names = [name for name in source.environment if name not in source.ours]
        if source.kind not in ("user_settings", "shell_start_up") or not names or source.path in reported:
            continue
        applied = [name for name in names if winners[name][0] is source]
        code, fix = _WINNERS[source.kind]
        message = f"sets {', '.join(applied or names)}" + ("" if applied else ", without any effect on Claude Code")
        found.append(_finding("warning" if applied else "info", code, source.user, source.path, message, fix))
    return found


def _helper(sources: Sequence[Source], user: str | None) -> list[dict[str, Any]]:
    for source in _relevant(sources, user):
        if source.silences_helpers:
            return []
        if source.helper:
            message = "otelHeadersHelper replaces our Authorization header, and where it fails all telemetry is lost"
            fix = "take otelHeadersHelper out of that file"
            return [_finding("error", "headers_helper", source.user, source.path, message, fix)]
    return []


def _clients(sources: Sequence[Source], user: str | None, clients: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    drop_in = [source for source in _relevant(sources, user) if source.kind == "drop_in" and source.ours]
    found = []
    for client in clients:
        version = client["version"]
        if client["user"] == user and version and drop_in and _numbers(version) < DROP_INS_SINCE:
            message = f"Claude Code {version} reads no managed-settings.d, which came with 2.1.83"
            fix = "update Claude Code, or set claude_code_telemetry_managed_settings_layout: merge"
            found.append(_finding("error", "client_too_old_for_drop_ins", user, client["path"], message, fix))
    if not [client for client in clients if client["user"] == user]:
        message = "Claude Code was not found in any of the usual places"
        found.append(_finding("info", "no_client", user, "", message, "install Claude Code if it is used here"))
    return found


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".")[:3])


def diagnose(
    sources: Sequence[Source],
    users: Sequence[str],
    clients: Sequence[Mapping[str, Any]],
    old_sessions: int | None,
) -> list[dict[str, Any]]:
    """What is wrong, the worst first.

    :param sources: from `telemetry_sources.sources`.
    :param users: whose view is taken; empty for the machine without any user.
    :param clients: dicts with user, path and version.
    :param old_sessions: how many sessions are older than what is installed; None where that is not known.
    :returns: dicts with severity, code, user, path, message and fix; nothing secret in them.
    """
    found = [_problem(source) for source in sources if source.problem is not None]
    viewers: list[str | None] = [*users] or [None]
    for user in viewers:
        serious = _lost(sources, user) + _header_leak(sources, user) + _helper(sources, user)
        if not any(source.ours for source in _relevant(sources, user)):
            message = "nothing of ours is installed"
            serious.append(_finding("error", "not_installed", user, "", message, _ENFORCE))
        reported = {finding["path"] for finding in serious}
        found += [*serious, *_left_over(sources, user, reported), *_clients(sources, user, clients)]
    if old_sessions:
        message = f"{old_sessions} running session(s) of Claude Code started before the settings were last written"
        found.append(_finding("warning", "old_session", None, "", message, "restart them; they keep the old settings"))
    unique = [finding for index, finding in enumerate(found) if finding not in found[:index]]
    return sorted(unique, key=lambda finding: SEVERITIES.index(finding["severity"]))
