# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forks and slices."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.devfleet.axiom.plugins.filter.awx_capacity import FilterModule

awx_capacity = FilterModule().filters()["awx_capacity"]


@pytest.mark.parametrize(
    ("machines", "forks", "slices"),
    [(1, 5, 1), (50, 5, 1), (51, 6, 1), (400, 40, 1), (999, 50, 1), (1000, 50, 2), ("2400", 50, 4), (90000, 50, 10)],
)
def test_documented_sizes(machines: Any, forks: int, slices: int) -> None:
    assert awx_capacity(machines) == {"forks": forks, "slices": slices}


@given(st.integers(1, 10**6), st.integers(0, 1000))
def test_more_machines_never_get_less_and_no_slice_is_empty_or_small(machines: int, more: int) -> None:
    found, larger = awx_capacity(machines), awx_capacity(machines + more)
    assert found["slices"] <= larger["slices"]
    assert found["forks"] * found["slices"] <= larger["forks"] * larger["slices"]
    assert found["slices"] == 1 or machines // found["slices"] >= 500


@pytest.mark.parametrize("machines", [0, -1, "many", 1.5, True, None])
def test_what_is_no_size_is_refused(machines: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="the fleet's size is"):
        awx_capacity(machines)
