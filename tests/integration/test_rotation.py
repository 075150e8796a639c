# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rotating and revoking with the real `ansible-playbook`: what is kept, what ends, and what the next run does."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from support.rollout import TOKEN, Rollout

from axiom_emulator.testing import LocalAxiom

HOSTS = ["a", "b", "c"]
SESSION = "  4711 02-03:04:05 /usr/local/bin/claude"


@pytest.fixture
def fleet(open_path: Path, axiom: LocalAxiom) -> Rollout:
    """Three machines that deliver."""
    return Rollout(open_path, axiom, HOSTS).after("provision", "enforce")


def minted(fleet: Rollout) -> int:
    """How many requests so far made a token."""
    paths = [entry["path"] for entry in fleet.axiom.requests() if entry["method"] == "POST"]
    return sum(path == "/v2/tokens" or path.endswith("/regenerate") for path in paths)


def test_a_fleet_that_moves_as_a_whole_ends_the_old_token_and_a_second_run_does_nothing(fleet: Rollout) -> None:
    before = fleet.record()
    predicted = fleet.play("rotate", "--check")
    assert predicted.status == 0, predicted.output
    assert fleet.record() == before
    assert minted(fleet) == 1
    run = fleet.play("rotate", "-vvvv", "--diff")
    assert run.status == 0, run.output
    after = fleet.record()
    assert after["secret"] != before["secret"]
    assert set(fleet.installed().values()) == {after["secret"]}
    assert [token["id"] for token in fleet.tokens()] == [after["id"]]
    assert not fleet.secret_works(before["secret"])
    assert after["previous_secret"] is None
    assert fleet.tokens()[0]["datasetCapabilities"] == {
        name: {"ingest": ["create"]} for name in ("claude-code-logs", "claude-code-metrics")
    }
    assert fleet.summary(run)[0].startswith(f"token {TOKEN}: 3 of 3 machines have moved")
    assert {header for _host, header in predicted.changed()} <= {header for _host, header in run.changed()}
    assert {host for host, header in predicted.changed() if "managed-settings.d" in header} == set(HOSTS)
    again = fleet.play("rotate")
    assert again.status == 0, again.output
    assert again.changed() == set()
    assert minted(fleet) == 2


def test_a_part_of_the_fleet_never_ends_the_old_token_and_a_second_run_continues(fleet: Rollout) -> None:
    old = fleet.record()["secret"]
    part = fleet.play("rotate", "--limit", "a")
    assert part.status == 0, part.output
    record = fleet.record()
    assert fleet.installed() == {"a": record["secret"], "b": old, "c": old}
    assert (record["previous_secret"], record["previous_id"] is None) == (old, False)
    assert fleet.secret_works(old)
    assert [line.partition(":")[0] for line in fleet.summary(part)[1:]] == ["b", "c"]
    assert all(record["previous_expires_at"] in line for line in fleet.summary(part))
    chosen = fleet.play("rotate", "-e", "claude_code_telemetry_hosts=b")
    assert chosen.status == 0, chosen.output
    assert fleet.secret_works(old)
    # Each batch of one, so that every batch reads and judges for itself.
    rest = fleet.play("rotate", "-e", "claude_code_telemetry_serial=1")
    assert rest.status == 0, rest.output
    assert minted(fleet) == 2
    assert set(fleet.installed().values()) == {record["secret"]}
    assert not fleet.secret_works(old)


def test_a_part_that_holds_all_machines_of_a_token_is_enough_and_one_asleep_is_not(fleet: Rollout) -> None:
    old = fleet.record()["secret"]
    # What is left of the fleet has another token, or none.
    other = fleet.controller.inventory / "host_vars" / "c.yml"
    other.parent.mkdir()
    other.write_text("claude_code_telemetry_token_name: of-another-team\n")
    fleet.declare(asleep=("b",))
    asleep = fleet.play("rotate", "--limit", "a,b")
    assert asleep.status == 0, asleep.output
    assert fleet.secret_works(old)
    assert fleet.summary(asleep)[1].startswith("b: has not moved")
    fleet.declare()
    assert fleet.play("rotate", "--limit", "a").status == 0
    assert fleet.secret_works(old)
    kept = fleet.play("rotate", "--limit", "a,b", "-e", "axiom_workspace_retire=overlap")
    assert kept.status == 0, kept.output
    assert fleet.secret_works(old)
    moved = fleet.play("rotate", "--limit", "a,b")
    assert moved.status == 0, moved.output
    assert not fleet.secret_works(old)


def test_a_slice_of_a_job_ends_nothing_and_mints_nothing(fleet: Rollout) -> None:
    """Its inventory has its own machines only, so all that it can see has moved."""
    old = fleet.record()["secret"]
    assert fleet.play("mint").status == 0
    assert fleet.play("enforce").status == 0
    fleet.controller.hosts({"a": fleet.hosts()["a"]}, **fleet.variables())
    job = {"awx_job_template_name": "rotate", "awx_workflow_job_name": "rotate", "awx_job_launch_type": "workflow"}
    sliced = fleet.play("retire", "-e", json.dumps(job))
    assert sliced.status == 0, sliced.output
    assert "this job is a slice" in fleet.summary(sliced)[-1]
    again = fleet.play(
        "retire", "-e", json.dumps({**job, "awx_job_launch_type": "relaunch", "awx_workflow_job_name": ""})
    )
    assert "may be a slice: launch its template instead" in fleet.summary(again)[-1]
    fleet.axiom.clear_requests()
    for name, also in (("rotate", {}), ("retire", {"axiom_workspace_retire": "now"})):
        refused = fleet.play(name, "-e", json.dumps({**job, **also}))
        assert "set job_slice_count of the job template to 1" in refused.messages()
    assert {entry["method"] for entry in fleet.axiom.requests() if entry["role"] == "api"} <= {"GET"}
    assert fleet.secret_works(old)
    fleet.declare()
    assert fleet.play("retire", "-e", json.dumps({**job, "awx_workflow_job_name": "a workflow"})).status == 0
    assert not fleet.secret_works(old)


def test_an_unreachable_machine_keeps_the_old_token_alive_and_is_named_with_the_deadline(fleet: Rollout) -> None:
    old = fleet.record()["secret"]
    fleet.declare(asleep=("b",))
    run = fleet.play("rotate")
    assert run.status == 0, run.output
    deadline = fleet.record()["previous_expires_at"]
    week = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=7)
    assert deadline.startswith(week.isoformat()[:10])
    head, line = fleet.summary(run)
    assert head == f"token {TOKEN}: 2 of 3 machines have moved; the former secret works until {deadline}"
    assert line.startswith(f"b: has not moved (the former secret works until {deadline}): unreachable: ")
    assert fleet.secret_works(old)
    mistyped = fleet.play("rotate", "-e", "axiom_workspace_retire=no")
    assert "axiom_workspace_retire is no: it must be moved, now or overlap" in mistyped.messages()
    assert fleet.secret_works(old)
    ended = fleet.play("rotate", "-e", "axiom_workspace_retire=now")
    assert ended.status == 0, ended.output
    assert not fleet.secret_works(old)
    fleet.declare()
    woken = fleet.play("rotate")
    assert woken.status == 0, woken.output
    assert minted(fleet) == 2
    assert set(fleet.installed().values()) == {fleet.record()["secret"]}


def test_a_session_that_is_older_than_the_settings_keeps_the_old_token_alive(fleet: Rollout) -> None:
    old = fleet.record()["secret"]
    fleet.runs("c", SESSION, "  4712 00:00 node", "  4713 1-00:00:00 not-claude")
    run = fleet.play("rotate")
    assert run.status == 0, run.output
    assert fleet.summary(run)[1:] == ["c: has moved; 1 older session of Claude Code, to be restarted"]
    assert fleet.secret_works(old)
    fleet.runs("c")
    assert fleet.play("rotate").status == 0
    assert not fleet.secret_works(old)


def test_a_secret_that_is_not_accepted_stops_at_the_first_batch_and_ends_nothing(fleet: Rollout) -> None:
    old = fleet.record()["secret"]
    fleet.axiom.fault(role="edge", path="/v1/", status=403, body={"message": "no"}, times=None)
    run = fleet.play("rotate", "-e", "claude_code_telemetry_serial=1")
    assert run.status == 2
    assert fleet.installed() == {"a": fleet.record()["secret"], "b": old, "c": old}
    fleet.axiom.clear_faults()
    assert fleet.secret_works(old)
    assert fleet.play("rotate").status == 0
    assert minted(fleet) == 2


def test_revoking_kills_at_once_and_names_who_is_dark(fleet: Rollout) -> None:
    leaked = fleet.record()["secret"]
    nameless = fleet.play("revoke")
    assert "name the token to revoke" in nameless.messages()
    assert fleet.secret_works(leaked)
    fleet.declare(asleep=("b",))
    run = fleet.play("revoke", "-e", f"axiom_workspace_revoke={TOKEN}")
    assert run.status == 0, run.output
    assert not fleet.secret_works(leaked)
    record = fleet.record()
    assert record["previous_secret"] is None
    assert [token["id"] for token in fleet.tokens()] == [record["id"]]
    assert fleet.installed() == {"a": record["secret"], "b": leaked, "c": record["secret"]}
    assert fleet.summary(run)[0] == f"token {TOKEN}: 2 of 3 machines have moved; no former secret works"
    assert fleet.summary(run)[1].startswith("b: has not moved (DARK until it is reached and set right): unreachable: ")
    fleet.declare()
    again = fleet.play("revoke", "-e", f"axiom_workspace_revoke={TOKEN}")
    assert again.status == 0, again.output
    assert fleet.record() == record
    assert set(fleet.installed().values()) == {record["secret"]}
    part = fleet.play("revoke", "-e", f"axiom_workspace_revoke={TOKEN}", "--limit", "a")
    assert [line.partition(": not part")[0] for line in fleet.summary(part)[1:]] == [
        f"{host}: has not moved (DARK, unless it moved in an earlier run)" for host in ("b", "c")
    ]
    once_more = fleet.play("revoke", "-e", f"axiom_workspace_revoke={TOKEN}", "-e", "axiom_workspace_revoke_again=true")
    assert once_more.status == 0, once_more.output
    assert not fleet.secret_works(record["secret"])
    assert set(fleet.installed().values()) == {fleet.record()["secret"]}


def test_provision_rotates_what_its_policy_says_and_needs_two_requests_otherwise(fleet: Rollout) -> None:
    policy = {"rotate": "drift", "expires_after": "30d"}
    fleet.declare(token=policy)
    assert fleet.play("provision").status == 0
    record = fleet.record()
    assert record["expires_at"] is not None
    assert record["previous_secret"] is not None
    fleet.axiom.clear_requests()
    assert fleet.play("provision").changed() == set()
    assert [entry["path"] for entry in fleet.axiom.requests()] == ["/v2/datasets", "/v2/tokens"]
    fleet.declare(token={**policy, "org_capabilities": {"annotations": ["create"]}})
    assert "a rotation is under way" in fleet.play("provision").messages()
    assert fleet.play("rotate", "-e", "axiom_workspace_retire=now").status == 2
    fleet.declare(token=policy)
    assert fleet.play("rotate").status == 0
    fleet.declare(token={**policy, "org_capabilities": {"annotations": ["create"]}})
    assert fleet.play("provision").status == 0
    assert sorted(token.get("orgCapabilities", {}) != {} for token in fleet.tokens()) == [False, True]
    fleet.declare(token={**policy, "rotate": "never", "ingest": ["claude-code-logs"]})
    refused = fleet.play("provision", "--diff")
    assert "Axiom cannot change a token" in refused.messages()
