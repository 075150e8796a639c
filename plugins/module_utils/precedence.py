# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which variable is in effect from where: for a user anywhere, or in one of their projects. Pure."""

from __future__ import annotations

import os
from typing import Sequence

from ansible_collections.devfleet.axiom.plugins.module_utils import otlp_export
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_sources import ADMIN, PROJECT, Source

# The client's documentation: these come as one unit from the highest of server, MDM and file that sets any of them.
UNIT = ("OTEL_EXPORTER_OTLP_", "OTEL_LOG_")
GENERIC_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"


def relevant(sources: Sequence[Source], user: str | None, project: str | None = None) -> list[Source]:
    """What decides for a user: anywhere, or in one project.

    :param project: the directory that holds its settings.
    """
    return [
        source
        for source in sources
        if source.user in (None, user)
        and source.status == "read"
        and (source.kind != PROJECT or os.path.dirname(source.path) == project)
    ]


def _unit_owner(deciding: Sequence[Source]) -> Source | None:
    for source in deciding:
        if source.kind in ("server_managed", "mdm") and any(name.startswith(UNIT) for name in source.environment):
            return source
    return None


def effective(sources: Sequence[Source], user: str | None, project: str | None = None) -> dict[str, list[Source]]:
    """For each variable the sources that set it: the first one wins, the others are overridden.

    :param sources: from `telemetry_sources.sources`, the highest first.
    :param project: the directory that holds a project's settings, to know what is so in that project.
    """
    deciding = relevant(sources, user, project)
    unit = _unit_owner(deciding)
    found: dict[str, list[Source]] = {}
    for source in deciding:
        for name in source.environment:
            outranked = unit is not None and source is not unit and source.kind in ADMIN and name.startswith(UNIT)
            if not outranked:
                found.setdefault(name, []).append(source)
    return found


def taken(sources: Sequence[Source], user: str | None, project: str | None = None) -> list[tuple[Source, list[str]]]:
    """Variables of ours that another source takes, by source."""
    deciding = relevant(sources, user, project)
    winners = effective(sources, user, project)
    unit = _unit_owner(deciding)
    lost: list[tuple[Source, list[str]]] = []
    for name in sorted({name for source in deciding for name in source.ours}):
        winner = winners[name][0] if name in winners else unit
        values = [source.environment[name] for source in deciding if name in source.ours]
        if winner is None or name in winner.ours or winner.environment.get(name) in values:
            continue
        known = [names for source, names in lost if source is winner]
        if known:
            known[0].append(name)
        else:
            lost.append((winner, [name]))
    return lost


def leak(sources: Sequence[Source], user: str | None, project: str | None = None) -> tuple[Source, list[str]] | None:
    """Whose generic header list replaces which of our headers.

    It wins over those of the signals, from wherever it comes (measured).
    """
    winners = effective(sources, user, project)
    if GENERIC_HEADERS not in winners:
        return None
    winner = winners[GENERIC_HEADERS][0]
    generic = otlp_export.generic_headers(winner.environment[GENERIC_HEADERS])
    for signal in otlp_export.SIGNALS:
        name = f"OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS"
        own = winners.get(name, [])
        headers = otlp_export.signal_headers(own[0].environment[name]) if own and name in own[0].ours else {}
        replaced = sorted(key for key, value in headers.items() if generic.get(key, value) != value)
        if replaced:
            return winner, replaced
    return None


def helping(sources: Sequence[Source], user: str | None, project: str | None = None) -> Source | None:
    """Whose headers helper is run."""
    for source in relevant(sources, user, project):
        if source.silences_helpers:
            return None
        if source.helper:
            return source
    return None
