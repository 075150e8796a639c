# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What on a machine takes the telemetry away, and what to do about it. Pure."""

from __future__ import annotations

import re
from typing import Any, Mapping, Sequence
from urllib.parse import urlsplit

from ansible_collections.devfleet.axiom.plugins.module_utils import (
    client_version,
    otlp_export,
    precedence,
    project_findings,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.project_findings import Finding
from ansible_collections.devfleet.axiom.plugins.module_utils.start_up_files import CONFIG_DIR
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import DATASET_HEADERS, MASK
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_sources import PROJECT, Source

SEVERITIES = ("error", "warning", "info")
DROP_INS_SINCE = (2, 1, 83)

_ENFORCE = "run devfleet.axiom.enforce"
_SERVER = "set the same values in the organization's server-managed settings, or take the telemetry variables out there"
_NOTHING = "nothing of ours is installed"
_LEADS = f"{CONFIG_DIR} leads Claude Code"
_UNTOLD = "a directory that cannot be told from here"
_LEAVE = f"take {CONFIG_DIR} out of that file, or use the target managed_settings"
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


def _problem(source: Source) -> Finding:
    # The client cannot use a project's file either then; but of projects on a mount that hangs nothing is known.
    of_project = "info" if source.path else "warning"
    severity = {"shell_start_up": "warning", PROJECT: of_project}.get(source.kind, "error")
    fix = {
        "malformed": "repair or remove the file"
        + ("; until then Claude Code refuses to start" if source.kind in ("drop_in", "managed_base") else ""),
        "unreadable": "let those read it who run Claude Code",
    }.get(source.status, _ENFORCE)
    return Finding(severity, source.status, source.user, source.path, source.problem or "", fix)


def _lost(sources: Sequence[Source], user: str | None) -> list[Finding]:
    found = []
    for winner, names in precedence.taken(sources, user):
        code, fix = _WINNERS[winner.kind]
        found.append(Finding("error", code, winner.user, winner.path, f"overrides our {', '.join(names)}", fix))
    return found


def _header_leak(sources: Sequence[Source], user: str | None) -> list[Finding]:
    leak = precedence.leak(sources, user)
    if leak is None:
        return []
    winner, replaced = leak
    message = f"{precedence.GENERIC_HEADERS} replaces {' and '.join(replaced)} of both signals"
    code, fix = _WINNERS[winner.kind]
    return [Finding("error", code, winner.user, winner.path, message, fix)]


def _left_over(sources: Sequence[Source], user: str | None, reported: set[str]) -> list[Finding]:
    """What users say about telemetry without taking anything away from ours."""
    winners = precedence.effective(sources, user)
    found = []
    for source in precedence.relevant(sources, user):
        names = [name for name in source.environment if name not in source.ours]
        if source.kind not in ("user_settings", "shell_start_up") or not names or source.path in reported:
            continue
        applied = [name for name in names if winners[name][0] is source]
        code, fix = _WINNERS[source.kind]
        message = f"sets {', '.join(applied or names)}" + ("" if applied else ", without any effect on Claude Code")
        found.append(Finding("warning" if applied else "info", code, source.user, source.path, message, fix))
    return found


def _elsewhere(sources: Sequence[Source], user: str | None) -> Source | None:
    """The start-up file that leads the client away from what is usually a user's."""
    return next((source for source in precedence.relevant(sources, user) if source.config_dir is not None), None)


def _unread(sources: Sequence[Source], user: str | None) -> list[Finding]:
    """Ours that the client would read if it were not led elsewhere."""
    setter = _elsewhere(sources, user)
    unread = [source.path for source in sources if source.user == user and source.status == "not_read" and source.ours]
    if setter is None or not unread:
        return []
    message = f"{_LEADS} to {setter.config_dir or _UNTOLD}, so it does not read {unread[0]}, where ours are"
    return [Finding("error", "user_settings_not_read", user, setter.path, message, _LEAVE)]


def _unfollowed(sources: Sequence[Source], user: str | None) -> list[Finding]:
    setter = _elsewhere(sources, user)
    if setter is None or setter.config_dir:
        return []
    message = f"{_LEADS} to {_UNTOLD}, so what the user's settings say was not looked at"
    fix = "write the directory out, as an absolute path or with $HOME at its start"
    return [Finding("warning", "user_settings_not_read", user, setter.path, message, fix)]


def _helper(sources: Sequence[Source], user: str | None) -> list[Finding]:
    source = precedence.helping(sources, user)
    if source is None:
        return []
    fix = "take otelHeadersHelper out of that file"
    return [Finding("error", "headers_helper", source.user, source.path, project_findings.HELPS, fix)]


def _clients(sources: Sequence[Source], user: str | None, clients: Sequence[Mapping[str, Any]]) -> list[Finding]:
    drop_in = [source for source in precedence.relevant(sources, user) if source.kind == "drop_in" and source.ours]
    found = []
    for client in clients:
        version = client["version"]
        if client["user"] == user and version and drop_in and client_version.numbers(version) < DROP_INS_SINCE:
            message = f"Claude Code {version} reads no managed-settings.d, which came with 2.1.83"
            fix = "update Claude Code, or set claude_code_telemetry_managed_settings_layout: merge"
            found.append(Finding("error", "client_too_old_for_drop_ins", user, client["path"], message, fix))
    if not [client for client in clients if client["user"] == user]:
        message = "Claude Code was not found in any of the usual places"
        found.append(Finding("info", "no_client", user, "", message, "install Claude Code if it is used here"))
    return found


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
        if not any(source.ours for source in precedence.relevant(sources, user)):
            serious += _unread(sources, user) or [Finding("error", "not_installed", user, "", _NOTHING, _ENFORCE)]
        else:
            serious += _unfollowed(sources, user)
            serious += project_findings.findings(sources, user, clients)
        reported = {finding.path for finding in serious}
        found += [*serious, *_left_over(sources, user, reported), *_clients(sources, user, clients)]
    if old_sessions:
        message = f"{old_sessions} running session(s) of Claude Code started before the settings were last written"
        found.append(Finding("warning", "old_session", None, "", message, "restart them; they keep the old settings"))
    unique = [finding for index, finding in enumerate(found) if finding not in found[:index]]
    return [item._asdict() for item in sorted(unique, key=lambda item: SEVERITIES.index(item.severity))]
