# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the settings of a project take away from the telemetry that is sent from its folder, or change in it. Pure.

Measured with Claude Code 2.1.217, 2.1.281, 2.1.282 and 2.1.332, of `settings.json` and `settings.local.json` alike. Up
to 2.1.281 they outrank a user's settings and their shell in everything; from then on in what is neither about delivery
nor about contents, but beside `user_settings` they can still switch a signal off. Managed settings outrank them in
every release. A headers helper of theirs is run in every release, unless the shield's own in managed settings is there.
"""

from __future__ import annotations

import os
import re
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

from ansible_collections.devfleet.axiom.plugins.module_utils import client_version, precedence
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_sources import PROJECT, Source

HELD_SINCE = (2, 1, 282)
HELPS = "otelHeadersHelper replaces our Authorization header, and where it fails all telemetry is lost"
# Without these as they are nothing arrives, or elsewhere; anything else changes what arrives.
_DELIVERY = re.compile(r"CLAUDE_CODE_ENABLE_TELEMETRY\Z|OTEL_[A-Z]+_EXPORTER\Z|OTEL_EXPORTER_OTLP_")
_CONTENTS = "OTEL_LOG_"
_OFF = ("0", "false", "")
_EXPORTERS = ("OTEL_LOGS_EXPORTER", "OTEL_METRICS_EXPORTER")
# With older releases it stops all signals where the client's beta of traces is on too, wherever that is switched on.
_TRACES = "OTEL_TRACES_EXPORTER"


class Finding(NamedTuple):
    """As `diagnosis` returns them."""

    severity: str
    code: str
    user: str | None
    path: str
    message: str
    fix: str


def findings(sources: Sequence[Source], user: str | None, clients: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """For the releases of the client that the user has; where that is not known, for all.

    :param sources: from `telemetry_sources.sources`.
    :param clients: dicts with user, path and version.
    """
    elsewhere = precedence.effective(sources, user)
    held = [_held(source, elsewhere) if source.kind == PROJECT else source for source in sources]
    older = _older([client["version"] for client in clients if client["user"] == user])
    for source in sources:
        if source.kind == PROJECT and source.user == user and source.status == "read":
            always = _taken(source, held)
            until = _taken(source, sources) - always if older else set()
            yield from _findings(source, always, until, older)
            helping = precedence.helping(sources, user, os.path.dirname(source.path))
            if helping is not None and helping.path == source.path:
                yield _finding(
                    "error", "project_takes_telemetry", source, f"in this project, {HELPS}", "otelHeadersHelper"
                )


def _older(versions: Sequence[str | None]) -> str:
    """What is known of releases that let a project say more; empty where the user has none."""
    numbers = {version: client_version.numbers(version) for version in versions if version is not None}
    older = sorted((version for version in numbers if numbers[version] < HELD_SINCE), key=lambda each: numbers[each])
    if older:
        return f"{', '.join(older)} is installed"
    return "" if versions and None not in versions else "which release is installed is not known"


def _held(source: Source, elsewhere: Mapping[str, Sequence[Source]]) -> Source:
    """A project's settings as far as newer releases heed them."""

    def heeded(name: str, value: str) -> bool:
        # Of a project nothing else is taken, not even by the local file over the shared one.
        if name in _EXPORTERS and value == "none":
            return name in elsewhere and elsewhere[name][0].kind == "user_settings"
        return not _DELIVERY.match(name) and not name.startswith(_CONTENTS)

    return source._replace(
        environment={name: value for name, value in source.environment.items() if heeded(name, value)}
    )


def _taken(source: Source, sources: Sequence[Source]) -> set[str]:
    """The variables in which a project's file has the say, other than we meant."""
    project = os.path.dirname(source.path)
    found = {
        name
        for winner, names in precedence.taken(sources, source.user, project)
        if winner.path == source.path
        for name in names
    }
    leak = precedence.leak(sources, source.user, project)
    if leak is not None and leak[0].path == source.path:
        found.add(precedence.GENERIC_HEADERS)
    traces = precedence.effective(sources, source.user, project).get(_TRACES)
    if traces and traces[0].path == source.path and traces[0].environment[_TRACES] != "none":
        found.add(_TRACES)
    return found


def _findings(source: Source, always: set[str], until: set[str], older: str) -> Iterator[Finding]:
    for delivery in (True, False):
        now, then = (
            sorted(name for name in names if bool(_DELIVERY.match(name)) is delivery) for names in (always, until)
        )
        if not now and not then:
            continue
        releases = [f"{', '.join(now)} in every release of Claude Code"] if now else []
        releases += [f"{', '.join(then)} up to Claude Code 2.1.281 ({older})"] if then else []
        what = "takes the telemetry of this project away" if delivery else "changes the telemetry of this project"
        message = f"{what}: {'; '.join(releases)}{_consequence(source, [*now, *then])}"
        code = "project_takes_telemetry" if delivery else "project_changes_telemetry"
        way_out = "" if now else "update Claude Code to 2.1.282 or newer, or "
        yield _finding("error" if delivery else "warning", code, source, message, "these variables", way_out)


def _consequence(source: Source, names: Sequence[str]) -> str:
    if any(name.endswith("_ENDPOINT") for name in names):
        return "; the token goes there too"
    if any(name.startswith(_CONTENTS) and source.environment[name] not in _OFF for name in names):
        return "; that sends contents which are kept back elsewhere"
    return ""


def _finding(severity: str, code: str, source: Source, message: str, culprit: str, way_out: str = "") -> Finding:
    fix = (
        f"{way_out}take {culprit} out of that file, or use the target managed_settings with its drop-in and the shield"
    )
    return Finding(severity, code, source.user, source.path, message, fix)
