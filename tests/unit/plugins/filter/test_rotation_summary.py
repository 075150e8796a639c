# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has moved: every reason not to have, and when a former secret may end."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.devfleet.axiom.plugins.filter.rotation_summary import rotation_summary

DEADLINE = "2027-01-31T12:00:00Z"
TOKEN = {"name": "ingest", "previous_expires_at": DEADLINE}
ENDED = {"name": "ingest", "previous_expires_at": None}


def probed(older: int | None = 0, delivering: bool = True, **changes: Any) -> dict[str, Any]:
    probe = {"target": "managed_settings", "user": None, "signal": "logs", "status": "accepted", "reason": None}
    return {
        "probes": [{**probe, "secret": "current", **changes}],
        "delivering": delivering,
        "older_sessions": older,
    }


def host(result: Any, **variables: Any) -> dict[str, Any]:
    base = {"claude_code_telemetry_token_name": "ingest", **variables}
    return base if result is None else {**base, "telemetry_verify_result": result}


def summary(hosts: dict[str, Any], token: Any = None, **options: Any) -> dict[str, Any]:
    return rotation_summary([token or TOKEN], hosts, hosts, **options)


SESSION = {"claude_code_telemetry_targets": ["shell_profile"], "claude_code_telemetry_scope": "session"}
BEHIND = [
    (host(None), "not part of this run, or it failed earlier", False),
    (host({"unreachable": True, "msg": "no\nroute"}), "unreachable: no route", False),
    (host({"failed": True, "msg": "Task failed: no python"}), "could not be probed: no python", True),
    (host(probed(secret="previous")), "managed_settings logs: the former secret is still installed", True),
    (host(probed(secret="other", user="ada")), "managed_settings of ada logs: the secret there is not one of", True),
    (host(probed(status="refused", reason="no")), "managed_settings logs: refused: no", True),
    (host(probed(delivering=False)), "not every expected signal is accepted", True),
]
HOLDING = [
    (host(probed(2)), "2 older sessions of Claude Code, to be restarted"),
    (host(probed(None)), "whether older sessions run is not known"),
    (host(probed(), **SESSION), "shells opened before keep the former secret"),
]


ODD: list[dict[str, Any]] = [
    *({**probed(), "probes": odd} for odd in (None, 1, "text", [1], [{}], {"a": 1})),
    *({**probed(), "older_sessions": odd} for odd in ("many", [1], {"a": 1})),
    {"probes": []},
]


@pytest.mark.parametrize("odd", ODD)
def test_one_machine_that_answers_nonsense_keeps_the_former_secret_alive_and_hides_no_other(odd: Any) -> None:
    found = summary({"a": host(probed()), "odd": host(odd)})
    assert found["moved"] == []
    assert found["lines"][0].startswith("token ingest: 1 of 2 machines have moved; ")
    assert found["failed"] == {"odd": "could not be probed: it answers in another form than the module otlp_probe"}


def test_what_a_machine_says_cannot_move_the_cursor() -> None:
    evil = "\x1b[2J\x9b31m\u202e\n"
    found = summary({f"a{evil}": host(probed(status="refused", reason=evil, target=evil, user=evil, signal=evil))})
    assert len(found["lines"]) == 2
    assert all(line.isprintable() for line in [*found["lines"], *found["failed"].values()])


def test_a_fleet_that_has_moved_needs_the_former_secret_no_more() -> None:
    hosts = {"a": host(probed()), "b": host(probed(status="switched_off")), "other": {}}
    found = summary(hosts)
    head = f"token ingest: 2 of 2 machines have moved; the former secret works until {DEADLINE}"
    assert found == {"lines": [head], "moved": ["ingest"], "failed": {}}


@pytest.mark.parametrize(("variables", "says", "failed"), BEHIND)
def test_one_that_has_not_moved_is_named_with_the_deadline(variables: Any, says: str, failed: bool) -> None:
    found = summary({"a": host(probed()), "b": variables})
    assert found["moved"] == []
    assert found["lines"][1].startswith(f"b: has not moved (the former secret works until {DEADLINE}): {says}")
    assert list(found["failed"]) == (["b"] if failed else [])
    dark = summary({"b": variables}, {**ENDED, "minted": True})["lines"]
    assert dark[0].endswith("0 of 1 machines have moved; no former secret works")
    assert dark[1].startswith("b: has not moved (DARK until it is reached and set right): ")
    # Minted in an earlier run: what was not reached may have moved in that one.
    remark = "DARK until it is reached and set right" if failed else "DARK, unless it moved in an earlier run"
    assert summary({"b": variables}, ENDED)["lines"][1].startswith(f"b: has not moved ({remark}): ")


@pytest.mark.parametrize(("variables", "says"), HOLDING)
def test_what_may_still_use_it_keeps_it_alive(variables: Any, says: str) -> None:
    found = summary({"a": host(probed()), "b": variables})
    assert found["moved"] == []
    assert found["failed"] == {}
    assert found["lines"][1:] == [f"b: has moved; {says}"]


def test_nothing_is_known_about_a_token_that_no_machine_uses_and_in_check_mode() -> None:
    assert summary({"a": {}})["moved"] == []
    assert summary({"a": host(probed())}, check_mode=True)["moved"] == []


SLICE = {"awx_job_template_name": "rotate", "awx_workflow_job_name": "rotate", "awx_job_launch_type": "workflow"}


@pytest.mark.parametrize(
    ("variables", "whole"),
    [
        (SLICE, False),
        ({"tower_job_template_name": "rotate", "tower_workflow_job_name": "rotate"}, False),
        ({"awx_job_template_name": "rotate", "awx_job_launch_type": "relaunch"}, False),
        ({"awx_job_template_name": "rotate", "awx_job_launch_type": "scheduled"}, True),
        ({**SLICE, "awx_workflow_job_name": "the workflow of a rotation"}, True),
        ({"awx_job_launch_type": "manual"}, True),
    ],
)
def test_a_part_of_the_inventory_never_lets_a_former_secret_end(variables: Any, whole: bool) -> None:
    found = summary({"a": host(probed(), **variables), "b": host(probed(), **variables)})
    assert found["moved"] == (["ingest"] if whole else [])
    assert any("There may be machines that it knows nothing of" in line for line in found["lines"]) != whole
    ended = summary({"a": host(probed(), **variables)}, ENDED)
    assert len(ended["lines"]) == 1


def test_of_a_token_that_no_machine_uses_nothing_is_said_unless_it_is_rotated() -> None:
    hosts = {"m1": host(probed(), claude_code_telemetry_token_name="another")}
    assert summary(hosts, {"name": "report"})["lines"] == []
    rotated = summary(hosts, {"name": "report", "previous_expires_at": DEADLINE})
    assert rotated["lines"] == [f"token report: 0 of 0 machines have moved; the former secret works until {DEADLINE}"]
    assert rotated["moved"] == []


def test_of_a_token_that_the_run_is_not_about_only_a_rotation_and_trouble_are_told() -> None:
    asleep = {"a": host(None)}
    assert summary(asleep, ENDED, names=["another"])["lines"] == []
    assert len(summary(asleep, ENDED, names=["ingest"])["lines"]) == 2
    assert len(summary(asleep, names=["another"])["lines"]) == 2
    refused = summary({"a": host(probed(status="refused", reason="no"))}, ENDED, names=["another"])
    assert refused["lines"][1].startswith("a: has not moved (DARK until it is reached and set right): ")
    assert list(refused["failed"]) == ["a"]
