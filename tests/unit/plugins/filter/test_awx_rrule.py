# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules against the library that AWX reads them with, and a calendar."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from dateutil import rrule, tz
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.devfleet.axiom.plugins.filter.awx_rrule import DAYS, FilterModule

awx_rrule = FilterModule().filters()["awx_rrule"]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham"]
SHAPE = re.compile(
    r"DTSTART(:\d{8}T\d{6}Z|;TZID=[A-Za-z_/]+:\d{8}T\d{6}) RRULE:FREQ=(HOURLY|DAILY|WEEKLY);INTERVAL=1"
    r"(;BYDAY=(MO|TU|WE|TH|FR|SA|SU)(,(MO|TU|WE|TH|FR|SA|SU))*)?(;BYHOUR=\d+(,\d+)+;BYMINUTE=\d+;BYSECOND=0)?"
)


@pytest.mark.parametrize(
    ("when", "rule"),
    [
        ({}, "DTSTART:20260101T000000Z RRULE:FREQ=HOURLY;INTERVAL=1"),
        (
            {"hours": [3], "time_zone": "Europe/Berlin"},
            "DTSTART;TZID=Europe/Berlin:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1",
        ),
        (
            {"hours": ["14", 9, 9], "minute": "30", "days": ["Fri", "monday"], "start": "2026-02-28"},
            "DTSTART:20260228T093000Z RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,FR;BYHOUR=9,14;BYMINUTE=30;BYSECOND=0",
        ),
    ],
)
def test_rules_as_they_are_written(when: dict[str, Any], rule: str) -> None:
    assert awx_rrule(when) == rule


@given(
    st.lists(st.integers(0, 23)),
    st.integers(0, 59),
    st.lists(st.sampled_from(DAYS)),
    st.sampled_from(ZONES),
    st.dates(datetime.date(2020, 1, 1), datetime.date(2040, 1, 1)),
)
def test_a_rule_means_these_hours_on_these_days(
    hours: list[int], minute: int, days: list[str], zone: str, start: datetime.date
) -> None:
    rule = awx_rrule({"hours": hours, "minute": minute, "days": days, "time_zone": zone, "start": start.isoformat()})
    assert SHAPE.fullmatch(rule), rule
    parsed = rrule.rrulestr(rule, tzids={zone: tz.gettz(zone)})
    begin = datetime.datetime.combine(start, datetime.time())
    end = begin + datetime.timedelta(days=9)
    expected = [
        moment
        for day in range(9)
        for hour in range(24)
        if (not hours or hour in hours) and (not days or DAYS[(begin + datetime.timedelta(days=day)).weekday()] in days)
        for moment in [begin + datetime.timedelta(days=day, hours=hour, minutes=minute)]
    ]
    aware = parsed[0].tzinfo
    found = parsed.between(begin.replace(tzinfo=aware), end.replace(tzinfo=aware), inc=True)
    assert [moment.replace(tzinfo=None) for moment in found if moment.replace(tzinfo=None) < end] == expected


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"hours": [24]}, "hours is 24: it must be a number from 0 to 23"),
        ({"hours": 3}, "hours is 3: it must be a list"),
        ({"hours": [True]}, "hours is True"),
        ({"hours": ["3;COUNT=1"]}, "hours is '3;COUNT=1'"),
        ({"minute": -1}, "minute is -1"),
        ({"days": ["funday"]}, "days holds 'funday'"),
        ({"days": "monday"}, "days is 'monday': it must be a list"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone is 'Europe/Atlantis'"),
        ({"time_zone": "UTC:20200101T000000\nRRULE"}, "time_zone is"),
        ({"start": "tomorrow"}, "start is 'tomorrow'"),
        ({"hour": 3}, "a schedule has no hour: known are hours, minute, days, time_zone, start"),
        ("hourly", "a schedule must be a dict"),
    ],
)
def test_what_is_wrong_is_named(when: Any, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=re.escape(message)):
        awx_rrule(when)


def test_without_a_time_zone_database_awx_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    assert "TZID=Europe/Atlantis:" in awx_rrule({"time_zone": "Europe/Atlantis"})
    with pytest.raises(AnsibleFilterError):
        awx_rrule({"time_zone": "UTC Z"})
