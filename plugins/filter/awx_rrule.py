# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: awx_rrule
short_description: The recurrence rule of a schedule in AWX, from hours, days and a time zone
version_added: 1.0.0
description:
  - Builds the text of a rule as AWX wants it, with a C(DTSTART) and its time zone, an C(INTERVAL), and no numbers
    before days.
  - The lookup C(awx.awx.schedule_rrule) needs Python packages on the controller and does not work with
    ansible-core 2.19.
  - The same input always makes the same text, so that a second run changes nothing.
author:
  - devfleet maintainers (@devfleet)
notes:
  - Hours are those of the time zone's clock, in summer and in winter. What is scheduled between two and three at night
    happens twice or not at all on two days of a year in many zones.
options:
  _input:
    description: When.
    type: dict
    required: true
    suboptions:
      hours:
        description: Hours of the day, 0 to 23. Every hour where there is none.
        type: list
        elements: int
        default: []
      minute:
        description: Minute of the hour, 0 to 59.
        type: int
        default: 0
      days:
        description: Days of the week in English, such as V(monday) or V(mon). Every day where there is none.
        type: list
        elements: str
        default: []
      time_zone:
        description: A name of the IANA time zone database, such as V(Europe/Berlin).
        type: str
        default: UTC
      start:
        description: The first day, as V(2026-01-31).
        type: str
        default: "2026-01-01"
"""

EXAMPLES = r"""
- name: Every working day at 12:30 in Berlin
  ansible.builtin.debug:
    msg: "{{ schedule | devfleet.axiom.awx_rrule }}"
  vars:
    schedule: {hours: [12], minute: 30, days: [mon, tue, wed, thu, fri], time_zone: Europe/Berlin}
"""

RETURN = r"""
_value:
  description: The rule.
  type: str
  sample: DTSTART;TZID=Europe/Berlin:20260101T123000 RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR
"""

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DEFAULTS: dict[str, Any] = {"hours": [], "minute": 0, "days": [], "time_zone": "UTC", "start": "2026-01-01"}


def _number(value: Any, name: str, largest: int) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,2}", text) or int(text) > largest:
        raise AnsibleFilterError(f"{name} is {value!r}: it must be a number from 0 to {largest}")
    return int(text)


def _day(value: Any) -> int:
    text = str(value).strip().lower()
    found = [number for number, day in enumerate(DAYS) if text in (day, day[:3])]
    if not found:
        known = ", ".join(DAYS)
        raise AnsibleFilterError(f"days holds {value!r}: it must be one of {known}, or its first three letters")
    return found[0]


def _items(value: Any, name: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise AnsibleFilterError(f"{name} is {value!r}: it must be a list")
    return list(value)


def _zone(value: Any) -> str:
    name = str(value)
    known = zoneinfo.available_timezones()
    # Without a time zone database here, AWX judges; what is no name at all does not get there.
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", name) or (known and name not in known):
        raise AnsibleFilterError(f"time_zone is {value!r}: it must be a name such as Europe/Berlin or UTC")
    return name


def _start(value: Any) -> datetime.date:
    try:
        return datetime.date.fromisoformat(str(value))
    except ValueError:
        raise AnsibleFilterError(f"start is {value!r}: it must be a day such as 2026-01-31") from None


def awx_rrule(when: Any) -> str:
    if not isinstance(when, Mapping):
        raise AnsibleFilterError(f"a schedule must be a dict with hours, minute, days and time_zone, not {when!r}")
    unknown = sorted(set(when) - set(DEFAULTS))
    if unknown:
        raise AnsibleFilterError(f"a schedule has no {', '.join(map(str, unknown))}: known are {', '.join(DEFAULTS)}")
    given = {**DEFAULTS, **when}
    hours = sorted({_number(hour, "hours", 23) for hour in _items(given["hours"], "hours")})
    days = sorted({_day(day) for day in _items(given["days"], "days")})
    minute, zone, start = _number(given["minute"], "minute", 59), _zone(given["time_zone"]), _start(given["start"])
    rule = ["FREQ=" + ("WEEKLY" if hours and days else "DAILY" if hours else "HOURLY"), "INTERVAL=1"]
    if days:
        rule.append("BYDAY=" + ",".join(DAYS[day][:2].upper() for day in days))
    if len(hours) > 1:
        rule += ["BYHOUR=" + ",".join(map(str, hours)), f"BYMINUTE={minute}", "BYSECOND=0"]
    moment = f"{start:%Y%m%d}T{hours[0] if hours else 0:02}{minute:02}00"
    begin = f"DTSTART:{moment}Z" if zone == "UTC" else f"DTSTART;TZID={zone}:{moment}"
    return f"{begin} RRULE:{';'.join(rule)}"


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"awx_rrule": awx_rrule}
