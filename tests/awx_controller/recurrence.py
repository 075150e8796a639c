# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recurrence rules as AWX takes them, computed by python-dateutil. Pure functions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dateutil import rrule, tz

_DTSTART = re.compile(r"DTSTART(;[^:]+)?:[0-9]+T[0-9]+Z?")
_NAIVE_DTSTART = re.compile(r"DTSTART:[0-9]+T[0-9]+ ")
_RULE = re.compile(r"RULE:[^\s]*")
_UNTIL = re.compile(r"UNTIL=([0-9]+T[0-9]+)(Z?)")


def _with_utc_until(text: str) -> str:
    """Return the rule with UNTIL in UTC, as RFC 5545 asks; AWX takes one without zone for local to DTSTART."""
    zone_name = re.search(r"DTSTART;TZID=([^:]+):", text)
    zone = tz.gettz(zone_name.group(1)) if zone_name else UTC

    def in_utc(found: re.Match[str]) -> str:
        if found.group(2):
            return found.group(0)
        local = datetime.strptime(found.group(1), "%Y%m%dT%H%M%S").replace(tzinfo=zone)
        return f"UNTIL={local.astimezone(UTC):%Y%m%dT%H%M%SZ}"

    return _UNTIL.sub(in_utc, text)


def parse(text: str) -> rrule.rruleset:
    """Return the set of instants that a rule means; ValueError."""
    found = rrule.rrulestr(_with_utc_until(text), tzinfos={"UTC": UTC}, forceset=True)
    for rule in found._rrule:
        if rule._dtstart.tzinfo is None:
            raise ValueError("A valid TZID must be provided (e.g., America/New_York)")
    return found


def problems(text: str) -> list[str]:
    """Return what AWX finds wrong with a rule, in its words."""
    found = []
    starts = _DTSTART.findall(text)
    if not starts:
        found.append("Valid DTSTART required in rrule. Value should start with: DTSTART:YYYYMMDDTHHMMSSZ")
    if _NAIVE_DTSTART.search(text):
        found.append("DTSTART cannot be a naive datetime.  Specify ;TZINFO= or YYYYMMDDTHHMMSSZZ.")
    if len(starts) > 1:
        found.append("Multiple DTSTART is not supported.")
    if "rrule:" not in text.lower():
        found.append("One or more rule required in rrule.")
    for word in ("exdate", "rdate"):
        if f"{word}:" in text.lower():
            return [f"{word.upper()} not allowed in rrule."]
    for rule in _RULE.findall(text):
        if "interval" not in rule.lower():
            found.append(f"INTERVAL required in rrule: {rule}")
        elif "secondly" in rule.lower():
            found.append(f"SECONDLY is not supported: {rule}")
        if re.search(r"BYDAY[:=][0-9]+[a-zA-Z]{2}", rule):
            found.append(f"BYDAY with numeric prefix not supported: {rule}")
        if "COUNT" in rule and "UNTIL" in rule:
            found.append(f"RRULE may not contain both COUNT and UNTIL: {rule}")
        count = re.search(r"COUNT=([0-9]+)", rule)
        if count and int(count.group(1)) > 999:
            found.append(f"COUNT > 999 is unsupported: {rule}")
    try:
        parse(text)
    except (ValueError, TypeError, AttributeError) as error:
        found.append(f"rrule parsing failed validation: {error}")
    return found


def normalised(text: str) -> str:
    """Return a rule as it is kept: one line, UNTIL in UTC."""
    return " ".join(_with_utc_until(text).split())


def _from_last_week(text: str, now: datetime) -> rrule.rruleset:
    """Return the set; where it recurs within the day without end, begun a week ago: AWX saves the counting."""
    found = parse(text)
    rules = found._rrule
    often = any(rule._freq in (rrule.MINUTELY, rrule.HOURLY) and not rule._count for rule in rules)
    if often and (now - rules[0]._dtstart).days > 7:
        start = f"{now - timedelta(days=7):%Y%m%d}"
        return parse(re.sub(r"(DTSTART[^:]*):[^T]+T", rf"\g<1>:{start}T", text))
    return found


def next_after(text: str, now: datetime) -> datetime | None:
    """Return the next instant after ``now`` in UTC, None at the end; local times that do not exist are left out."""
    rules = _from_last_week(text, now)
    following = rules.after(now)
    while following is not None and not tz.datetime_exists(following):
        following = rules.after(following)
    return following.astimezone(UTC) if following else None


def first(text: str, now: datetime) -> datetime | None:
    """Return the first instant, in UTC."""
    start = next(iter(_from_last_week(text, now)), None)
    return start.astimezone(UTC) if start else None


def last(text: str) -> datetime | None:
    """Return the last instant in UTC, None where the rule has no end."""
    rules = parse(text)
    if any(not rule._until and not rule._count for rule in rules._rrule):
        return None
    instants = list(rules)
    return instants[-1].astimezone(UTC) if instants else None


def zone(text: str) -> str:
    """Return the name of the time zone that a rule is in."""
    found = re.search(r"DTSTART;TZID=([^:]+):", text)
    return found.group(1) if found else "UTC"


def until(text: str) -> str:
    """Return UNTIL in the rule's own zone without naming it, empty where there is none."""
    for rule in parse(text)._rrule:
        if rule._until:
            local: datetime = rule._until.astimezone(rule._dtstart.tzinfo)
            return local.replace(tzinfo=None).isoformat()
    return ""
