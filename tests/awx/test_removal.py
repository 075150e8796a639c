# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`awx_schedule_state: absent` takes away what `present` has made, and nothing that somebody else has or uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from awx.deployment import NAME, WRITER_PASSWORD, Deployment
from support import returned
from support.playbook import Controller, Run

from ansible_collections.devfleet.axiom.plugins.lookup import awx_removal
from awx_controller.schema import KINDS, UNIFIED_JOB
from awx_controller.testing import LocalController
from axiom_emulator.testing import LocalAxiom

RECORDS, RECORDS_TYPE, WRITER = f"{NAME} records", "Axiom ingest records", "axiom-records-writer"
ENVIRONMENT = {
    "awx_schedule_execution_environment": f"{NAME} EE",
    "awx_schedule_execution_environment_image": "registry.example.com/axiom-ee:1",
}
# What a removal is told: names, no secret, and no URL.
NAMES = {"awx_schedule_state": "absent", "awx_schedule_organization": "Platform", **ENVIRONMENT}
# What was run is history, which AWX keeps; roles come and go with what they are on; modules log in and out.
HISTORY = {"notifications", "workflow_job_nodes", "roles", "tokens"}


@pytest.fixture
def deployment(open_path: Path, controller: LocalController, operator: Controller, axiom: LocalAxiom) -> Deployment:
    """An organization with things of its own, and nothing of ours."""
    galaxy = controller.named("credentials", "Ansible Galaxy")
    organization = controller.api("POST", "organizations/", {"name": "Platform"})
    controller.api("POST", f"{organization['url']}galaxy_credentials/", {"id": galaxy["id"]})
    for path in ("teams", "inventories"):
        controller.api("POST", f"{path}/", {"name": "Theirs", "organization": organization["id"]})
    return Deployment(open_path, controller, operator, axiom, ["a"])


def held(awx: LocalController) -> dict[str, Any]:
    """Everything that the controller holds, by its URL."""
    found = {}
    for path, kind in KINDS.items():
        if path not in HISTORY and kind.sequence != UNIFIED_JOB:
            for item in awx.api("GET", f"{path}/", page_size=200)["results"]:
                found[item["url"]] = item
    return found


def names(awx: LocalController, path: str) -> set[str]:
    return {item["name"] for item in awx.api("GET", f"{path}/", page_size=200)["results"]}


def make(deployment: Deployment, **changes: Any) -> None:
    run = deployment.apply(**ENVIRONMENT, **changes)
    assert run.status == 0, run.output


def remove(deployment: Deployment, *arguments: str, **changes: Any) -> Run:
    deployment.awx.clear_requests()
    run = deployment.take_away(*arguments, **{**NAMES, **changes})
    assert run.status == 0, run.output
    return run


def changed(run: Run) -> list[tuple[str, str]]:
    """Tasks that changed something, with what."""
    found = []
    for entry in run.results:
        for result in entry["result"].get("results", [entry["result"]]):
            if result.get("changed"):
                found.append((entry["task"], str(result.get("item", ""))))
    return found


def left(run: Run) -> list[str]:
    """The one line of what was left, in its parts."""
    (line,) = [text for entry in run.results if str(text := entry["result"].get("msg", "")).startswith("Left in AWX: ")]
    return str(line).removeprefix("Left in AWX: ").split("; ")


def test_what_was_made_is_taken_away_and_nothing_else(deployment: Deployment) -> None:
    awx = deployment.awx
    before = held(awx)
    make(deployment)
    assert len(held(awx)) == len(before) + 34
    # As a job writes it.
    stored = {"records": "xaat-records-of-jobs", "revision": "1"}
    awx.api("PATCH", awx.named("credentials", RECORDS)["url"], {"inputs": stored})

    # Check mode names what the run then does, and does none of it.
    made = held(awx)
    checked = remove(deployment, "--check")
    assert awx.writes() == []
    assert held(awx) == made
    removed = remove(deployment)
    assert changed(removed) == changed(checked)
    assert len(changed(removed)) == 25
    assert [one["path"] for one in awx.writes() if one["status"] >= 400] == [
        # Asked for again until AWX has deleted it.
        next(url for url, item in made.items() if item["type"] == "inventory" and item["name"] == NAME)
    ]
    # Nothing is started any more before anything else goes.
    kinds = [one["path"].split("/")[3] for one in awx.writes()]
    assert kinds[:6] == ["schedules"] * 4 + ["workflow_job_templates", "job_templates"]
    # The store stays as it is, and so does its type.
    assert {item["name"] for url, item in held(awx).items() if url not in before} == {RECORDS, RECORDS_TYPE}
    assert stored["records"] in awx.secrets()
    assert left(removed) == left(checked)
    assert left(removed) == [
        "organization Platform: it may hold more than this",
        f"credential {RECORDS}: it holds the secrets of tokens that may live (awx_schedule_remove_records=true)",
        f"credential type {RECORDS_TYPE}: credential {RECORDS} uses it",
    ]

    again = remove(deployment)
    assert "changed=0 " in again.output
    assert awx.writes() == []
    assert left(again) == left(removed)

    whole = remove(deployment, awx_schedule_remove_records=True)
    assert [task for task, _item in changed(whole)] == [
        "devfleet.axiom.awx_schedule : The credential that is the store",
        "devfleet.axiom.awx_schedule : The credential types",
    ]
    assert held(awx) == before
    assert left(whole) == ["organization Platform: it may hold more than this"]


def test_what_is_not_ours_stays_and_what_runs_is_not_pulled_away(deployment: Deployment) -> None:
    awx = deployment.awx
    organization = {"organization": awx.named("organizations", "Platform")["id"]}
    # From before: an inventory with a host of somebody's, and a user with its credential that were made by hand.
    inventory = awx.api("POST", "inventories/", {"name": "Laptops", **organization})
    awx.api("POST", "hosts/", {"name": "by-hand", "inventory": inventory["id"]})
    user = awx.api("POST", "users/", {"username": WRITER, "password": WRITER_PASSWORD})
    kind = awx.named("credential_types", "Red Hat Ansible Automation Platform")["id"]
    inputs = {"host": awx.url, "username": WRITER, "password": WRITER_PASSWORD}
    credential = {"name": f"{WRITER} credential", "credential_type": kind, "inputs": inputs, **organization}
    awx.api("POST", "credentials/", credential)
    before = held(awx)
    names_of_ours = {"awx_schedule_inventory": "Laptops", "awx_schedule_operators": "Theirs"}
    make(deployment, awx_schedule_writer_password="", **names_of_ours)
    # From after: somebody's template that needs our project and our management token.
    runs = {"project": awx.named("projects", NAME)["id"], "inventory": inventory["id"], "playbook": "enforce.yml"}
    template = awx.api("POST", "job_templates/", {"name": "Theirs", **runs})
    management = awx.named("credentials", f"{NAME} management token")
    awx.api("POST", f"{template['url']}credentials/", {"id": management["id"]})
    member = awx.named("teams", "Theirs")["summary_fields"]["object_roles"]["member_role"]
    awx.api("POST", f"roles/{member['id']}/users/", {"id": user["id"]})

    # A rotation that waits for its approval: the schedules are gone, and who may approve is still there.
    rotate = awx.named("workflow_job_templates", f"{NAME} rotate")
    nodes = {node["identifier"]: node for node in awx.api("GET", f"{rotate['url']}workflow_nodes/")["results"]}
    for name in ("mint", "enforce", "verify"):
        awx.api("DELETE", nodes[name]["url"])
    awx.launch("workflow_job_templates", f"{NAME} rotate")
    (pending,) = awx.api("GET", "workflow_approvals/", status="pending")["results"]
    refused = deployment.take_away(**NAMES, **names_of_ours)
    assert refused.status == 2
    assert f"Unable to delete workflow_job_template {NAME} rotate: Resource is being used by running jobs." in (
        refused.output
    )
    assert names(awx, "schedules") == set()
    assert f"{NAME} approvers" in names(awx, "teams")
    assert len(names(awx, "job_templates")) == 11
    awx.api("POST", f"{pending['url']}deny/")
    awx.settle()

    run = remove(deployment, awx_schedule_remove_records=True, **names_of_ours)
    assert left(run) == [
        "organization Platform: it may hold more than this",
        "team Theirs: it has members, and a name that does not begin with awx_schedule_name",
        "inventory Laptops: host by-hand was added by hand",
        f"project {NAME}: job template Theirs uses it",
        f"credential {NAME} management token: job template Theirs uses it",
        f"credential {WRITER} credential: it was not made by this role, or its description was changed",
        f"user {WRITER}: it also has a right on team Theirs",
        f"credential type Axiom management token: credential {NAME} management token uses it",
    ]
    after = held(awx)
    assert set(before) <= set(after)
    assert {item["name"] for url, item in after.items() if url not in before} == {
        "Theirs",
        NAME,
        f"{NAME} management token",
        "Axiom management token",
    }
    assert after[template["url"]]["project"] == runs["project"]
    assert awx.api("GET", f"{template['url']}credentials/")["count"] == 1
    # The user stays a member, and has no right on records any more.
    rights = awx.api("GET", f"{user['url']}roles/")["results"]
    assert {role["summary_fields"]["resource_name"] for role in rights} == {"Platform", "Theirs"}
    assert "changed=0 " in remove(deployment, awx_schedule_remove_records=True, **names_of_ours).output


def test_the_lookups_example_runs_as_it_stands(controller: LocalController, operator: Controller) -> None:
    organization = controller.api("POST", "organizations/", {"name": "Platform"})["id"]
    for project in ("Telemetry", "Theirs"):
        controller.api("POST", "projects/", {"name": project, "organization": organization, "scm_type": ""})
    play = {"hosts": "localhost", "gather_facts": False, "tasks": yaml.safe_load(awx_removal.EXAMPLES)}
    path = operator.root / "example.yml"
    path.write_text(yaml.safe_dump([play]))
    run = operator.playbook(str(path))
    assert run.status == 0, run.output
    (planned,) = (entry["result"]["msg"] for entry in run.results)
    described = yaml.safe_load(awx_removal.RETURN)["_raw"]
    assert list(returned.mismatches("awx_removal", described, [planned])) == []
    assert {kind: names for kind, names in planned["going"].items() if names} == {"projects": ["Telemetry"]}
