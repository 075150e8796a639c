# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `devfleet.axiom.awx` makes in AWX, and a fleet's life there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from awx.deployment import NAME, WRITER_PASSWORD, Deployment
from support.playbook import Controller

from awx_controller.testing import LocalController, WebhookReceiver
from axiom_emulator.testing import LocalAxiom

HOSTS = ["a", "b", "c"]
TOKEN = "claude-code-ingest"


@pytest.fixture
def deployment(open_path: Path, controller: LocalController, operator: Controller, axiom: LocalAxiom) -> Deployment:
    return Deployment(open_path, controller, operator, axiom, HOSTS)


def member(deployment: Deployment, name: str, team: str) -> tuple[str, str]:
    """A user in one of the teams; name and password."""
    awx = deployment.awx
    user = awx.api("POST", "users/", {"username": name, "password": WRITER_PASSWORD})
    for path, owner in (("organizations", "Platform"), ("teams", team)):
        role = awx.named(path, owner)["summary_fields"]["object_roles"]["member_role"]
        awx.api("POST", f"roles/{role['id']}/users/", {"id": user["id"]})
    return name, WRITER_PASSWORD


def credentials_of(deployment: Deployment, name: str) -> set[str]:
    template = deployment.awx.named("job_templates", f"{NAME} {name}")
    found = deployment.awx.api("GET", f"job_templates/{template['id']}/credentials/")["results"]
    return {credential["name"] for credential in found}


def test_as_code_twice_and_who_may_do_what(deployment: Deployment) -> None:
    awx = deployment.awx
    first = deployment.apply()
    assert first.status == 0, first.output
    awx.clear_requests()
    second = deployment.apply()
    assert second.status == 0, second.output
    assert "changed=0 " in second.output
    assert awx.writes() == []
    checked = deployment.apply("--check")
    assert checked.status == 0, checked.output
    # Credentials that exist are left alone whatever is said here, and written where that is asked for.
    assert "changed=0 " in deployment.apply(awx_schedule_management_token="xaat-another-token").output
    assert deployment.axiom.token in awx.secrets()

    minting = {f"{NAME} management token", f"{NAME} records", "axiom-records-writer credential"}
    for name in ("provision", "mint", "retire", "revoke"):
        assert credentials_of(deployment, name) == minting
    for name in ("enforce", "enforce selected", "drift", "report"):
        assert credentials_of(deployment, name) == {f"{NAME} records"}
    for name in ("verify", "remove"):
        assert credentials_of(deployment, name) == set()

    olga = member(deployment, "olga", f"{NAME} operators")
    seen = {item["name"] for item in awx.request("GET", "job_templates/", user=olga).json()["results"]}
    assert seen == {f"{NAME} {name}" for name in ("enforce", "enforce selected", "drift", "verify", "report")}
    enforce = awx.named("job_templates", f"{NAME} enforce")
    assert awx.request("PATCH", enforce["url"], {"playbook": "remove.yml"}, user=olga).status_code == 403
    assert awx.request("GET", "credentials/", user=olga).json()["count"] == 0
    remove = awx.named("job_templates", f"{NAME} remove")
    refused = awx.request("POST", f"{remove['url']}launch/", {"extra_vars": {"removal_word": "remove"}}, user=olga)
    assert refused.status_code in (403, 404)

    # A schedule that is not declared any more goes, and nothing else does.
    fewer: dict[str, Any] = {"enforce": {"hours": [3]}}
    third = deployment.apply(awx_schedule_times=fewer)
    assert third.status == 0, third.output
    left = {item["name"]: item["rrule"] for item in awx.api("GET", "schedules/")["results"]}
    rule = "DTSTART;TZID=Europe/Berlin:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1"
    assert left[f"{NAME} enforce"] == rule
    assert not {f"{NAME} {name}" for name in ("drift", "verify", "report")} & set(left)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"awx_schedule_project_url": ""}, "awx_schedule_project_url is empty"),
        ({"awx_schedule_times": {"enforce": {"hours": [25]}}}, "hours is 25: it must be a number from 0 to 23"),
        (
            {"awx_schedule_times": {"remove": {}}},
            "awx_schedule_times may hold enforce, drift, verify, report, not remove",
        ),
        (
            {"awx_schedule_notification": {"type": "slack"}},
            "awx_schedule_notification must hold type and configuration",
        ),
        ({"awx_schedule_time_zone": "Berlin"}, "time_zone is 'Berlin'"),
        ({"awx_schedule_fleet_size": 0}, "the fleet's size is 0"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(
    deployment: Deployment, wrong: dict[str, Any], message: str
) -> None:
    run = deployment.apply(**wrong)
    assert run.status == 2
    assert message in run.output
    assert deployment.awx.writes() == []


def test_a_life(deployment: Deployment, receiver: WebhookReceiver) -> None:
    awx = deployment.awx
    hook = deployment.objects["awx_schedule_notification"]
    hook["configuration"]["url"] = receiver.url
    made = deployment.apply(awx_schedule_notification=hook, awx_schedule_capacity={"forks": 5, "slices": 2})
    assert made.status == 0, made.output

    # Every template is launched; the survey's answer is what Axiom gets.
    deployment.succeeds("provision", extra_vars={"retention_days": 14})
    logs = next(item for item in deployment.api("datasets") if item["name"] == "claude-code-logs")
    assert logs["retentionDays"] == 14
    enforced = deployment.succeeds("enforce")
    (secret,) = set(deployment.installed().values())
    assert secret in deployment.axiom.secrets()
    # Each slice says what it saw.
    stats = [found["axiom_enforce"] for found in deployment.artifacts(enforced)]
    assert sorted(found["hosts"] for found in stats) == [1, 2]
    assert [found["coverage"] for found in stats] == [100, 100]
    deployment.succeeds("verify")
    deployment.succeeds("drift")
    assert receiver.bodies() == []

    # A machine breaks: the hourly look tells, the next scheduled run repairs.
    deployment.machines["b"].drop_in.write_text("{}")
    drift = awx.wait(awx.fire(f"{NAME} drift"), 600)
    assert drift["status"] == "failed"
    changed = [host for found in deployment.artifacts(drift) for host in found["axiom_enforce"]["changed_hosts"]]
    assert changed == ["b"]
    assert "1 of " in deployment.told(drift)
    assert deployment.installed()["b"] is None
    awx.settle()
    assert any(f"{NAME} drift" in body["job"] for body in receiver.bodies())
    repaired = awx.wait(awx.fire(f"{NAME} enforce"), 600)
    assert repaired["status"] == "successful", deployment.told(repaired)
    assert set(deployment.installed().values()) == {secret}

    # A rotation waits for its approval, and the old token lives until then.
    workflow = awx.launch("workflow_job_templates", f"{NAME} rotate")
    for _poll in range(600):
        pending = awx.api("GET", "workflow_approvals/", status="pending")["results"]
        now = awx.api("GET", workflow["url"])
        if pending or now["status"] not in ("new", "pending", "waiting", "running"):
            break
        awx._control("POST", "settle", {"seconds": 1})
    assert pending, deployment.told(now)
    (fresh,) = set(deployment.installed().values())
    assert fresh != secret
    assert len(deployment.tokens(TOKEN)) == 2
    olga = member(deployment, "olga", f"{NAME} operators")
    anna = member(deployment, "anna", f"{NAME} approvers")
    assert awx.request("POST", f"{pending[0]['url']}approve/", user=olga).status_code in (403, 404)
    assert awx.request("POST", f"{pending[0]['url']}approve/", user=anna).status_code == 204
    ended = awx.wait(workflow, 600)
    assert ended["status"] == "successful", deployment.told(ended)
    assert "3 of 3 machines have moved" in deployment.told(ended)
    assert len(deployment.tokens(TOKEN)) == 1, deployment.told(ended)
    deployment.succeeds("report")

    # A limit is for what is not sliced.
    deployment.machines["a"].drop_in.unlink()
    deployment.succeeds("enforce selected", limit="a")
    assert set(deployment.installed().values()) == {fresh}
    deployment.succeeds("revoke", extra_vars={"axiom_workspace_revoke": TOKEN})
    (third,) = set(deployment.installed().values())
    assert third not in (secret, fresh)
    refused = deployment.launch("remove", limit="c", extra_vars={"removal_word": "REMOVE"})
    assert refused["status"] == "failed"
    assert "Nothing was removed" in deployment.told(refused)
    deployment.succeeds("remove", limit="c", extra_vars={"removal_word": "remove"})
    assert deployment.installed() == {"a": third, "b": third, "c": None}
    assert deployment.sweep() > 15
