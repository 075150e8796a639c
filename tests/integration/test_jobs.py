# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What playbooks do for a scheduler, and the parts of a rotation as jobs of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.playbook import Run
from support.rollout import TOKEN, Rollout

from axiom_emulator.testing import LocalAxiom

HOSTS = ["a", "b", "c"]
STATS = "-eclaude_code_telemetry_stats=true"


@pytest.fixture
def fleet(open_path: Path, axiom: LocalAxiom) -> Rollout:
    """Three machines that deliver."""
    return Rollout(open_path, axiom, HOSTS).after("provision", "enforce")


def artifacts(fleet: Rollout, run: Run) -> dict[str, Any]:
    """What set_stats left; in AWX, the artifacts of the job."""
    (entry,) = [entry for entry in run.results if "ansible_stats" in entry["result"]]
    data: dict[str, Any] = entry["result"]["ansible_stats"]["data"]
    fleet.no_secret_in(json.dumps(data))
    return data


def contacting(run: Run) -> list[str]:
    """The tasks that were carried out on machines."""
    return sorted({entry["task"] for entry in run.results if entry["status"] != "skipped"})


def test_a_drift_job_names_drifted_machines_and_fails_only_when_asked(fleet: Rollout) -> None:
    fleet.machines["b"].drop_in.unlink()
    quiet = fleet.play("enforce", "--check", STATS)
    assert quiet.status == 0, quiet.output
    found = artifacts(fleet, quiet)["axiom_enforce"]
    assert (found["hosts"], found["good"], found["changed_hosts"]) == (3, 2, ["b"])
    loud = fleet.play("enforce", "--check", STATS, "-eclaude_code_telemetry_fail_on_drift=true")
    assert loud.status == 2
    assert artifacts(fleet, loud) == artifacts(fleet, quiet)
    assert "1 of 3 machines have drifted: b" in loud.messages()
    repaired = fleet.play("enforce", STATS, "-eclaude_code_telemetry_fail_on_drift=true")
    assert repaired.status == 0, repaired.output
    assert artifacts(fleet, repaired)["axiom_enforce"]["coverage"] == 100
    assert fleet.play("enforce", "--check", "-eclaude_code_telemetry_fail_on_drift=true").status == 0


def test_machines_that_sleep_make_no_schedule_red_and_are_named(fleet: Rollout) -> None:
    fleet.declare(asleep=("a", "c"))
    run = fleet.play("enforce", "--check", STATS, "-eclaude_code_telemetry_fail_on_drift=true")
    assert run.status == 0, run.output
    found = artifacts(fleet, run)["axiom_enforce"]
    assert (found["good"], found["coverage"], found["unreachable_hosts"]) == (1, 33.3, ["a", "c"])
    verified = fleet.play("verify", STATS)
    assert verified.status == 0, verified.output
    assert artifacts(fleet, verified)["axiom_verify"]["unreachable_hosts"] == ["a", "c"]


def test_a_machine_that_does_not_deliver_is_named_before_verify_fails(fleet: Rollout) -> None:
    fleet.machines["b"].drop_in.unlink()
    run = fleet.play("verify", STATS)
    assert run.status == 2
    assert artifacts(fleet, run)["axiom_verify"]["failed_hosts"] == ["b"]


def test_nobody_else_pays_for_it(fleet: Rollout) -> None:
    """Enforcing a converged fleet stays one task that contacts the machine."""
    run = fleet.play("enforce")
    assert [task.rpartition(" : ")[2] for task in contacting(run)] == [
        "Install the telemetry environment of Claude Code"
    ]
    assert not [entry for entry in run.results if "ansible_stats" in entry["result"]]
    assert len([entry for entry in run.results if entry["status"] == "skipped"]) <= 2


def test_a_rotation_in_parts_ends_the_old_token_last(fleet: Rollout) -> None:
    before = fleet.record()
    for name in ("mint", "mint"):
        assert fleet.play(name).status == 0
    after = fleet.record()
    assert (after["previous_id"], after["previous_secret"]) == (before["id"], before["secret"])
    assert set(fleet.installed().values()) == {before["secret"]}
    # Nobody has moved yet: it stays, and the machines are named.
    early = fleet.play("retire")
    assert early.status == 2
    assert fleet.summary(early)[0].startswith(f"token {TOKEN}: 0 of 3 machines have moved")
    assert fleet.secret_works(before["secret"])
    assert fleet.play("enforce").status == 0
    assert fleet.play("verify").status == 0
    # All have moved, but not all were asked.
    part = fleet.play("retire", "--limit", "a,b")
    assert part.status == 0, part.output
    assert fleet.summary(part)[0].startswith(f"token {TOKEN}: 2 of 3 machines have moved")
    assert fleet.secret_works(before["secret"])
    retired = fleet.play("retire")
    assert retired.status == 0, retired.output
    assert [token["id"] for token in fleet.tokens()] == [after["id"]]
    assert not fleet.secret_works(before["secret"])
    assert fleet.secret_works(after["secret"])
    again = fleet.play("retire")
    assert (again.status, again.changed()) == (0, set())


def test_retiring_mints_nothing(fleet: Rollout) -> None:
    fleet.declare(token={"rotate": "always"})
    before = fleet.tokens()
    run = fleet.play("retire")
    assert run.status == 2
    assert f"{TOKEN} has to be minted first" in run.messages()
    assert fleet.tokens() == before


def test_what_makes_objects_in_awx_says_what_it_lacks(fleet: Rollout) -> None:
    needed = {"awx_schedule_organization": "Platform", "awx_schedule_project_url": "https://git.example.com/x.git"}
    run = fleet.play("awx", "-e", json.dumps(needed))
    assert run.status == 2
    assert "The collection awx.awx is missing: ansible-galaxy collection install" in run.messages()
