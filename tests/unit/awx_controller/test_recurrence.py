# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recurrence rules: which are refused, and when they fall due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awx_controller import recurrence

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
NIGHTLY = "DTSTART;TZID=Europe/Berlin:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("RRULE:FREQ=DAILY;INTERVAL=1", "Valid DTSTART required"),
        ("DTSTART:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1", "cannot be a naive datetime"),
        ("DTSTART:20260101T030000Z", "One or more rule required"),
        ("DTSTART:20260101T030000Z RRULE:FREQ=DAILY", "INTERVAL required"),
        ("DTSTART:20260101T030000Z RRULE:FREQ=SECONDLY;INTERVAL=1", "SECONDLY is not supported"),
        ("DTSTART:20260101T030000Z RRULE:FREQ=MONTHLY;BYDAY=20MO;INTERVAL=1", "numeric prefix"),
        ("DTSTART:20260101T030000Z RRULE:FREQ=DAILY;INTERVAL=1;COUNT=2000", "COUNT > 999"),
        ("DTSTART:20260101T030000Z RRULE:FREQ=DAILY;INTERVAL=1;COUNT=2;UNTIL=20270101T000000Z", "both COUNT and UNTIL"),
        ("DTSTART:20260101T030000Z RRULE:FREQ=DAILY;INTERVAL=1 EXDATE:20260102T030000Z", "EXDATE not allowed"),
        ("DTSTART;TZID=Nowhere/City:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1", "parsing failed"),
        ("DTSTART:20260101T030000Z RRULE:FREQ=NEVER;INTERVAL=1", "parsing failed"),
    ],
)
# What python-dateutil says of one of them.
@pytest.mark.filterwarnings("ignore:Using both 'count' and 'until'")
def test_rules_that_awx_refuses(rule: str, words: str) -> None:
    assert words in str(recurrence.problems(rule))


@pytest.mark.parametrize(
    ("rule", "due"),
    [
        (NIGHTLY, "2026-11-26T02:00:00+00:00"),
        ("DTSTART:20260101T000000Z RRULE:FREQ=HOURLY;INTERVAL=1", "2026-11-25T13:00:00+00:00"),
        ("DTSTART:20260101T000000Z RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU", "2026-11-30T00:00:00+00:00"),
        ("DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1;COUNT=3", None),
        ("DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1;UNTIL=20261125T110000Z", None),
    ],
)
def test_next(rule: str, due: str | None) -> None:
    assert recurrence.problems(rule) == []
    found = recurrence.next_after(rule, NOW)
    assert (found.isoformat() if found else None) == due


def test_local_time_follows_the_clock_of_its_zone() -> None:
    winter = datetime(2026, 3, 28, 12, tzinfo=UTC)
    first = recurrence.next_after(NIGHTLY.replace("T030000", "T040000"), winter)
    assert first == datetime(2026, 3, 29, 2, tzinfo=UTC), "four in summer time"


def test_a_local_time_that_does_not_exist_is_left_out() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    found = recurrence.next_after(NIGHTLY.replace("T030000", "T023000"), before)
    assert found == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


def test_until_without_zone_is_local() -> None:
    rule = "DTSTART;TZID=Europe/Berlin:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1;UNTIL=20260601T030000"
    assert recurrence.normalised(rule).endswith("UNTIL=20260601T010000Z")
    assert recurrence.until(rule) == "2026-06-01T03:00:00"
    assert recurrence.last(rule) == datetime(2026, 6, 1, 1, tzinfo=UTC)
    assert (recurrence.zone(rule), recurrence.until(NIGHTLY), recurrence.last(NIGHTLY)) == ("Europe/Berlin", "", None)


@given(
    st.sampled_from(["MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY"]),
    st.integers(1, 40),
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)),
)
def test_what_is_due_next_is_never_now_or_before(frequency: str, interval: int, start: datetime) -> None:
    rule = f"DTSTART:{start:%Y%m%dT%H%M%S}Z RRULE:FREQ={frequency};INTERVAL={interval}"
    assert recurrence.problems(rule) == []
    found = recurrence.next_after(rule, NOW)
    assert found is not None
    assert found > NOW
    again = recurrence.next_after(rule, found)
    assert again is not None
    assert again - found >= timedelta(minutes=1)
