# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a scheduler is told of a run."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.devfleet.axiom.plugins.filter.run_stats import MOST_NAMES, FilterModule

run_stats = FilterModule().filters()["run_stats"]

KINDS: dict[str, dict[str, Any] | None] = {
    "good": {"changed": False},
    "changed": {"changed": True, "files": ["/etc/x"]},
    "failed": {"failed": True, "changed": True, "msg": "no"},
    "not delivering": {"changed": False, "delivering": False},
    "unreachable": {"unreachable": True, "changed": False},
    "nothing": None,
}


def fleet(kinds: list[str]) -> dict[str, dict[str, Any]]:
    results = [KINDS[kind] for kind in kinds]
    return {
        f"host{number}": {} if result is None else {"claude_code_telemetry_result": result}
        for number, result in enumerate(results)
    }


def test_each_kind_is_named() -> None:
    hosts = fleet(list(KINDS))
    found = run_stats(hosts, hosts)
    assert (found["hosts"], found["good"], found["coverage"]) == (6, 2, 33.3)
    assert found["changed_hosts"] == ["host1"]
    assert found["failed_hosts"] == ["host2", "host3", "host5"]
    assert found["unreachable_hosts"] == ["host4"]
    assert found["collection"]
    assert found["ansible_core"]


def test_in_check_mode_what_drifted_is_not_good() -> None:
    hosts = fleet(["good", "changed"])
    found = run_stats(hosts, hosts, True)
    assert (found["good"], found["changed"], found["coverage"]) == (1, 1, 50.0)


@given(st.lists(st.sampled_from(sorted(KINDS)), max_size=300), st.booleans())
def test_the_numbers_add_up_and_the_whole_stays_small(kinds: list[str], check_mode: bool) -> None:
    hosts = fleet(kinds)
    found = run_stats(hosts, hosts, check_mode)
    drifted = found["changed"] if check_mode else 0
    assert found["good"] + drifted + found["failed"] + found["unreachable"] == found["hosts"] == len(kinds)
    assert (found["coverage"] == 100) == (bool(kinds) and found["good"] == found["hosts"])
    for kind in ("changed", "failed", "unreachable"):
        assert len(found[f"{kind}_hosts"]) == min(found[kind], MOST_NAMES)
