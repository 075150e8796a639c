# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RFC 3339 instants: properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axiom_emulator.timestamps import is_past, normalise, render, sort_key

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=zones)


@given(moments)
def test_the_instant_is_kept(moment: datetime) -> None:
    text = normalise(moment.isoformat())
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == moment
    assert normalise(text) == text == render(moment)


@given(moments, moments)
def test_the_order_is_kept(one: datetime, other: datetime) -> None:
    assert (sort_key(render(one)) < sort_key(render(other))) == (one < other)
    assert is_past(render(one), other.astimezone(UTC)) == (one <= other)


@given(st.text())
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        normalise(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-01-01t00:00:00z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.100000000Z", "2026-01-01T00:00:00.1Z"),
        ("2026-01-01T00:00:00.000000001-00:00", "2026-01-01T00:00:00.000000001Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_spellings(text: str, written: str) -> None:
    assert normalise(text) == written


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z"])
def test_impossible_instants(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each has words of its own
        normalise(text)
