# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the local controller runs: the real ansible-runner, with all that AWX puts around a job."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awx_controller.recording import RECORDED
from awx_controller.testing import LocalController, WebhookReceiver

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Told
      ansible.builtin.debug:
        msg: "{{ greeting | default('none') }}|{{ way | default('none') }}|{{ minted | default('none') }}"
    - name: Injected
      ansible.builtin.set_fact:
        record: "{{ lookup('ansible.builtin.file', lookup('ansible.builtin.env', 'INGEST_FILE')) | from_json }}"
      no_log: true
      when: lookup('ansible.builtin.env', 'INGEST_FILE') | length > 0
    - name: A file
      ansible.builtin.copy:
        content: "{{ inventory_hostname }}\\n"
        dest: "{{ folder }}/{{ inventory_hostname }}"
        mode: "0600"
    - name: Stop where asked
      ansible.builtin.fail:
        msg: asked to
      when: inventory_hostname in stop_on | default([])
    - name: Machines
      ansible.builtin.set_stats:
        data:
          machines: ["{{ inventory_hostname }}"]
      check_mode: false
    - name: Report
      ansible.builtin.set_stats:
        data:
          minted: token-7
          job: "{{ awx_job_id }} {{ tower_job_launch_type }} {{ awx_workflow_job_name | default('alone') }}"
        aggregate: false
      check_mode: false
"""
VAULTED = """
- hosts: all
  gather_facts: false
  vars_files: [secret.yml]
  tasks:
    - ansible.builtin.debug:
        msg: "long: {{ vaulted | length }}"
"""
TOLD = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.set_stats:
        aggregate: false
        data:
          awx: "{{ query('ansible.builtin.varnames', '^awx_') | map('replace', 'awx_', '') | sort }}"
          tower: "{{ query('ansible.builtin.varnames', '^tower_') | map('replace', 'tower_', '') | sort }}"
          launch_type: "{{ awx_job_launch_type }}"
          workflow: "{{ awx_workflow_job_name | default('none') | replace(awx_job_template_name, 'as the template') }}"
"""
SLOW = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.wait_for:
        timeout: 300
"""


class Fleet:
    """An organization with a manual project and three machines on this one."""

    def __init__(self, controller: LocalController, folder: Path) -> None:
        self.controller, self.folder = controller, folder
        project = controller.projects / "fleet"
        project.mkdir()
        for name, text in (("site", PLAYBOOK), ("vaulted", VAULTED), ("told", TOLD), ("slow", SLOW)):
            (project / f"{name}.yml").write_text(text)
        vault = folder / "vault"
        vault.write_text("vault-secret")
        (project / "secret.yml").write_text("vaulted: twelve chars\n")
        encrypt = ["ansible-vault", "encrypt", "--vault-password-file", str(vault), str(project / "secret.yml")]
        subprocess.run(encrypt, check=True, capture_output=True)
        self.organization = self.make("organizations", "Fleet")
        self.project = self.make("projects", "Fleet", organization=self.organization, local_path="fleet")
        variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "folder": str(folder)}
        self.inventory = self.make(
            "inventories", "Fleet", organization=self.organization, variables=json.dumps(variables)
        )
        self.hosts = [self.make("hosts", name, inventory=self.inventory) for name in ("dev1", "dev2", "dev3")]

    def make(self, path: str, name: str, **values: Any) -> int:
        identity: int = self.controller.api("POST", f"{path}/", {"name": name, **values})["id"]
        return identity

    def template(self, name: str, credentials: tuple[int, ...] = (), **values: Any) -> int:
        common = {"project": self.project, "inventory": self.inventory, "playbook": "site.yml"}
        identity = self.make("job_templates", name, **{**common, **values})
        for credential in credentials:
            self.controller.api("POST", f"job_templates/{identity}/credentials/", {"id": credential})
        return identity

    def credential(self, name: str, kind: str, **inputs: Any) -> int:
        found = self.controller.named("credential_types", kind)["id"]
        return self.make("credentials", name, organization=self.organization, credential_type=found, inputs=inputs)

    def run(self, name: str, **prompts: Any) -> Any:
        return self.controller.wait(self.controller.launch("job_templates", name, **prompts))

    def files(self) -> list[str]:
        return sorted(file.name for file in self.folder.glob("dev*"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One controller for all tests here: each makes templates of its own."""
    with LocalController() as controller:
        yield Fleet(controller, tmp_path_factory.mktemp("machines"))
        assert not controller.log, controller.log


@pytest.fixture
def fleet(shared: Fleet) -> Iterator[Fleet]:
    yield shared
    shared.controller.settle()
    for file in shared.folder.glob("dev*"):
        file.unlink()


def everything(fleet: Fleet, job: Any) -> str:
    """All that the API tells of a job."""
    controller = fleet.controller
    ansi = controller.request("GET", f"{job['url']}stdout/", format="ansi").text
    return json.dumps([controller.api("GET", job["url"]), controller.events(job), ansi])


def test_a_job_with_injected_secrets(fleet: Fleet) -> None:
    injectors = {
        "env": {"INGEST_TOKEN": "{{ token }}", "INGEST_FILE": "{{ tower.filename }}"},
        "file": {"template": '{"token": "{{ token }}"}'},
        "extra_vars": {"greeting": "for {{ dataset }}"},
    }
    fields = [
        {"id": "token", "type": "string", "label": "Token", "secret": True},
        {"id": "dataset", "type": "string", "label": "Dataset"},
    ]
    fleet.make("credential_types", "Ingest", kind="cloud", inputs={"fields": fields}, injectors=injectors)
    credential = fleet.credential("Ingest", "Ingest", token="xaat-kept-secret", dataset="logs")
    fleet.template("Injected", (credential,), limit="dev1", forks=3, verbosity=1)
    job = fleet.run("Injected")
    assert (job["status"], job["failed"], job["job_explanation"]) == ("successful", False, "")
    assert "for logs|none|none" in fleet.controller.stdout(job)
    assert fleet.files() == ["dev1"]
    assert job["artifacts"] == {"minted": "token-7", "machines": ["dev1"], "job": f"{job['id']} manual alone"}
    assert job["job_env"]["INGEST_TOKEN"] == "**********"
    assert "/env/" in job["job_env"]["INGEST_FILE"]
    assert not Path(job["job_env"]["AWX_PRIVATE_DATA_DIR"]).exists()
    assert {"--forks=3", "-l", "-v"} <= set(json.loads(job["job_args"]))
    assert job["host_status_counts"]["ok"] == 1
    assert job["playbook_counts"] == {"play_count": 1, "task_count": 6}
    assert "xaat-kept-secret" not in everything(fleet, job)
    [end] = fleet.controller.events(job, event="playbook_on_stats")
    assert end["event_data"]["ok"] == {"dev1": 5}
    summaries = fleet.controller.api("GET", f"{job['url']}job_host_summaries/")["results"]
    assert [(one["host_name"], one["changed"], one["failed"]) for one in summaries] == [("dev1", 1, False)]


def test_prompts_that_are_not_asked_for_are_ignored(fleet: Fleet) -> None:
    fleet.template("Asks", ask_limit_on_launch=True, ask_job_type_on_launch=True, ask_diff_mode_on_launch=True)
    asked = {"limit": "dev2", "job_type": "check", "diff_mode": True, "forks": 9, "extra_vars": {"way": "x"}}
    job = fleet.controller.launch("job_templates", "Asks", **asked)
    assert job["ignored_fields"] == {"forks": 9, "extra_vars": {"way": "x"}}
    job = fleet.controller.wait(job)
    assert (job["status"], job["job_type"], job["limit"], job["diff_mode"]) == ("successful", "check", "dev2", True)
    assert {"--check", "--diff"} <= set(json.loads(job["job_args"]))
    assert fleet.files() == []
    assert "+dev2" in fleet.controller.stdout(job)
    # A check that finds drift is no failure: `changed` is all that tells.
    [summary] = fleet.controller.api("GET", f"{job['url']}job_host_summaries/")["results"]
    assert (summary["host_name"], summary["changed"]) == ("dev2", 1)


def test_a_survey_is_checked_and_its_passwords_are_hidden(fleet: Fleet) -> None:
    template = fleet.template("Survey", survey_enabled=True, limit="dev1", extra_vars='{"greeting": "{{ 6 * 7 }}"}')
    spec = {
        "name": "",
        "description": "",
        "spec": [
            {"question_name": "Way", "variable": "way", "type": "multiplechoice", "choices": "a\nb", "required": True},
            {"question_name": "Word", "variable": "word", "type": "password", "required": False},
        ],
    }
    fleet.controller.api("POST", f"job_templates/{template}/survey_spec/", spec)
    refused = fleet.controller.request("POST", f"job_templates/{template}/launch/", {"extra_vars": {"way": "c"}})
    assert refused.status_code == 400
    assert refused.json() == {"variables_needed_to_start": ["Value c for 'way' expected to be one of ['a', 'b']."]}
    refused = fleet.controller.request("POST", f"job_templates/{template}/launch/", {})
    assert refused.json() == {"variables_needed_to_start": ["'way' value missing"]}
    job = fleet.run("Survey", extra_vars={"way": "a", "word": "survey-secret"})
    assert "42|a|none" in fleet.controller.stdout(job), "what the template itself says may be a template"
    assert json.loads(job["extra_vars"]) == {"greeting": "{{ 6 * 7 }}", "way": "a", "word": "$encrypted$"}
    assert "survey-secret" not in everything(fleet, job)
    template = fleet.template("Trusting", ask_variables_on_launch=True, limit="dev1")
    job = fleet.run("Trusting", extra_vars={"greeting": "{{ 6 * 7 }}"})
    assert "{{ 6 * 7 }}|none" in fleet.controller.stdout(job), "what a launch says may not"


def test_vault_passwords_are_typed_in(fleet: Fleet) -> None:
    wrong = fleet.credential("Wrong vault", "Vault", vault_password="another")
    right = fleet.credential("Right vault", "Vault", vault_password="vault-secret", vault_id="fleet")
    fleet.template("Vaulted", (right,), playbook="vaulted.yml", limit="dev1")
    job = fleet.run("Vaulted")
    assert (job["status"], "long: 12" in fleet.controller.stdout(job)) == ("successful", True)
    assert "vault-secret" not in everything(fleet, job)
    fleet.template("Not vaulted", (wrong,), playbook="vaulted.yml", limit="dev1")
    assert fleet.run("Not vaulted")["status"] == "failed"


def test_slices_see_their_machines_only(fleet: Fleet) -> None:
    fleet.template("Sliced", job_slice_count=2, ask_limit_on_launch=True)
    whole = fleet.run("Sliced")
    assert (whole["type"], whole["is_sliced_job"], whole["status"]) == ("workflow_job", True, "successful")
    jobs = fleet.controller.jobs_of(whole)
    assert [sorted(job["artifacts"]["machines"]) for job in jobs] == [["dev1", "dev3"], ["dev2"]]
    assert [(job["job_slice_number"], job["job_slice_count"]) for job in jobs] == [(1, 2), (2, 2)]
    assert jobs[0]["artifacts"]["job"] == f"{jobs[0]['id']} workflow Sliced"
    emptied = fleet.run("Sliced", limit="dev2")
    assert emptied["status"] == "failed", "the slice without dev2 has no machine to target"
    assert sorted(job["status"] for job in fleet.controller.jobs_of(emptied)) == ["failed", "successful"]


def test_jobs_are_told_of_themselves_as_by_awx(fleet: Fleet) -> None:
    """What a play can know of slices: neither number nor count, but a workflow named like the template."""
    recorded = json.loads((RECORDED / "variables-24.6.1.json").read_text())
    template = fleet.template("Told", playbook="told.yml")
    jobs = {"manual": fleet.run("Told")}
    fleet.controller.api("PATCH", f"job_templates/{template}/", {"job_slice_count": 2})
    jobs["slice"] = fleet.controller.jobs_of(fleet.run("Told"))[0]
    again = fleet.controller.api("POST", f"{jobs['slice']['url']}relaunch/", {})
    jobs["relaunched slice"] = fleet.controller.wait(again)
    rule = "DTSTART:20260101T030000Z RRULE:FREQ=DAILY;INTERVAL=1"
    body = {"name": "Told daily", "unified_job_template": template, "rrule": rule}
    fleet.controller.api("POST", "schedules/", body)
    fired = fleet.controller.wait(fleet.controller.fire("Told daily"))
    jobs["slice of a schedule"] = fleet.controller.jobs_of(fired)[0]
    for what, job in jobs.items():
        told = fleet.controller.api("GET", job["url"])["artifacts"]
        assert told == {**recorded[what], "tower": recorded[what]["awx"]}, what


def test_a_running_job_is_cancelled_and_a_waiting_one_too(fleet: Fleet) -> None:
    controller = fleet.controller
    fleet.template("Slow", playbook="slow.yml", limit="dev1")
    first = controller.launch("job_templates", "Slow")
    second = controller.launch("job_templates", "Slow")
    while not controller.events(first):
        assert controller.api("GET", first["url"])["status"] == "running"
    assert controller.api("GET", second["url"])["status"] == "pending", "one at a time, unless allow_simultaneous"
    assert controller.request("DELETE", first["url"]).status_code == 409
    for job in (second, first):
        assert controller.request("POST", f"{job['url']}cancel/").status_code == 202
    assert [controller.wait(job)["status"] for job in (first, second)] == ["canceled", "canceled"]
    assert controller.request("POST", f"{first['url']}cancel/").status_code == 405


def test_schedules_fire_when_the_clock_gets_there(fleet: Fleet) -> None:
    template = fleet.template("Nightly", limit="dev1")
    body = {
        "name": "Every night",
        "unified_job_template": template,
        "rrule": "DTSTART;TZID=Europe/Berlin:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1",
    }
    refused = fleet.controller.request("POST", "schedules/", {**body, "job_type": "check"})
    assert refused.json() == {"job_type": ["Field is not configured to prompt on launch."]}
    schedule = fleet.controller.api("POST", "schedules/", body)
    job = fleet.controller.wait(fleet.controller.fire("Every night"))
    assert (job["status"], job["launch_type"], job["related"]["schedule"]) == (
        "successful",
        "scheduled",
        schedule["url"],
    )
    assert job["launched_by"]["name"] == "Every night"
    following = fleet.controller.api("GET", schedule["url"])["next_run"]
    assert following > schedule["next_run"]
    # Three days off: what was missed runs once, late.
    assert len(fleet.controller.advance(3 * 86400)) == 1
    fleet.controller.api("PATCH", schedule["url"], {"enabled": False})
    assert fleet.controller.advance(3 * 86400) == []


def test_a_workflow_waits_for_its_approval(fleet: Fleet, receiver: WebhookReceiver) -> None:
    controller = fleet.controller
    mint = fleet.template("Mint", limit="dev1")
    retire = fleet.template("Retire", limit="dev2")
    told = fleet.make(
        "notification_templates",
        "Chat",
        organization=fleet.organization,
        notification_type="webhook",
        notification_configuration={"url": f"{receiver.url}/chat", "headers": {"X-Fleet": "7"}},
        messages={
            "started": {"body": '{"started": "{{ job.name }}"}'},
            "workflow_approval": {"running": {"body": '{"asks": "{{ approval_node_name }}"}'}},
        },
    )
    workflow = fleet.make("workflow_job_templates", "Rotate", organization=fleet.organization)
    for path in (
        f"workflow_job_templates/{workflow}/notification_templates_approvals/",
        f"workflow_job_templates/{workflow}/notification_templates_success/",
        f"job_templates/{retire}/notification_templates_started/",
    ):
        controller.api("POST", path, {"id": told})
    nodes = {}
    for name, template in (("mint", mint), ("agree", None), ("retire", retire), ("undo", mint)):
        body = {"identifier": name, "workflow_job_template": workflow, "unified_job_template": template}
        nodes[name] = controller.api("POST", "workflow_job_template_nodes/", body)["id"]
    path = f"workflow_job_template_nodes/{nodes['agree']}"
    controller.api("POST", f"{path}/create_approval_template/", {"name": "End it", "timeout": 3600})
    controller.api("POST", f"workflow_job_template_nodes/{nodes['mint']}/success_nodes/", {"id": nodes["agree"]})
    controller.api("POST", f"{path}/success_nodes/", {"id": nodes["retire"]})
    controller.api("POST", f"{path}/failure_nodes/", {"id": nodes["undo"]})

    run = controller.launch("workflow_job_templates", "Rotate")
    controller.settle()
    assert controller.api("GET", run["url"])["status"] == "running"
    [approval] = controller.api("GET", "workflow_approvals/", status="pending")["results"]
    assert (approval["name"], approval["can_approve_or_deny"]) == ("End it", True)
    assert receiver.bodies() == [{"asks": "End it"}]
    assert receiver.received[0]["headers"]["X-Fleet"] == "7"
    assert controller.request("POST", f"{approval['url']}approve/").status_code == 204
    assert controller.request("POST", f"{approval['url']}approve/").status_code == 400
    run = controller.wait(run)
    controller.settle()
    assert run["status"] == "successful"
    jobs = controller.jobs_of(run)
    assert [job["name"] for job in jobs] == ["Mint", "End it", "Retire"]
    assert "none|none|token-7" in controller.stdout(jobs[2]), "what one node reports, the next ones know"
    assert jobs[2]["artifacts"]["job"].endswith("workflow Rotate")
    assert {"started": "Retire"} in receiver.bodies()
    [done] = [body for body in receiver.bodies() if body.get("friendly_name") == "Workflow Job"]
    assert (done["name"], done["status"]) == ("Rotate", "successful")
    not_run = [node for node in controller.api("GET", f"{run['url']}workflow_nodes/")["results"] if node["do_not_run"]]
    assert [node["identifier"] for node in not_run] == ["undo"]

    run = controller.launch("workflow_job_templates", "Rotate")
    controller.settle()
    controller.advance(3601)
    run = controller.wait(run)
    jobs = controller.jobs_of(run)
    assert [(job["name"], job["status"]) for job in jobs][1:] == [("End it", "failed"), ("Mint", "successful")]
    assert jobs[1]["timed_out"] is True
    assert run["status"] == "successful", "the failure had a node of its own"


def test_failures_are_told(fleet: Fleet, receiver: WebhookReceiver) -> None:
    controller = fleet.controller
    template = fleet.template("Failing", extra_vars='{"stop_on": ["dev2"]}')
    # They finish in any order.
    machines = "{{ job.artifacts.machines | default([]) | sort | join(',') }}"
    told = fleet.make(
        "notification_templates",
        "Pager",
        organization=fleet.organization,
        notification_type="webhook",
        notification_configuration={"url": receiver.url, "headers": {}, "username": "u", "password": "hook-secret"},
        messages={"error": {"body": '{"{{ job.name }}": "%s"}' % machines}},
    )
    controller.api("POST", f"job_templates/{template}/notification_templates_error/", {"id": told})
    shown = controller.api("GET", f"notification_templates/{told}/")["notification_configuration"]
    assert (shown["http_method"], shown["password"]) == ("POST", "$encrypted$")
    job = fleet.run("Failing")
    controller.settle()
    assert (job["status"], job["failed"]) == ("failed", True)
    assert receiver.bodies() == [{"Failing": "dev1,dev3"}]
    assert receiver.received[0]["headers"]["Authorization"].startswith("Basic ")
    [sent] = controller.api("GET", f"{job['url']}notifications/")["results"]
    assert (sent["status"], sent["body"]) == ("successful", {"Failing": "dev1,dev3"})
    failed = controller.api("GET", "hosts/", name="dev2")["results"][0]
    assert failed["has_active_failures"] is True


def test_a_project_from_git_with_its_collections_and_inventory(fleet: Fleet, tmp_path: Path) -> None:
    controller = fleet.controller
    collection = tmp_path / "collection"
    (collection / "roles/hello/tasks").mkdir(parents=True)
    (collection / "roles/hello/tasks/main.yml").write_text("- ansible.builtin.debug:\n    msg: hello from {{ rack }}\n")
    (collection / "galaxy.yml").write_text("{namespace: demo, name: fleet, version: 1.0.0, readme: R, authors: [a]}")
    (collection / "R").write_text("")
    project = tmp_path / "project"
    (project / "collections").mkdir(parents=True)
    requirement = {"name": f"git+file://{collection}", "type": "git", "version": "main"}
    (project / "collections/requirements.yml").write_text(json.dumps({"collections": [requirement]}))
    (project / "hello.yml").write_text("- hosts: racks\n  gather_facts: false\n  roles: [demo.fleet.hello]\n")
    (project / "hosts.yml").write_text("racks: {hosts: {build1: {rack: 7, ansible_connection: local}}}")
    for folder in (collection, project):
        commit = ("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--message=first")
        for command in (("init", "--quiet", "--initial-branch=main"), ("add", "."), commit):
            subprocess.run(["git", *command], cwd=folder, check=True)

    organization = fleet.make("organizations", "Gitted")
    body = {"organization": organization, "scm_type": "git", "scm_url": f"file://{project}"}
    made = controller.api("POST", "projects/", {"name": "Gitted", **body, "scm_update_on_launch": True})
    controller.settle()
    update = controller.api("GET", controller.api("GET", made["url"])["related"]["last_update"])
    assert update["status"] == "successful"
    assert "Collection and role syncing disabled" in controller.stdout(update)
    assert controller.api("GET", f"{made['url']}playbooks/") == ["hello.yml"]
    inventory = fleet.make("inventories", "Gitted", organization=organization)
    source = {"inventory": inventory, "source": "scm", "source_project": made["id"], "source_path": "hosts.yml"}
    fleet.make("inventory_sources", "Gitted", **source, update_on_launch=True)
    fleet.template("Hello", project=made["id"], inventory=inventory, playbook="hello.yml")
    job = fleet.run("Hello")
    assert job["status"] == "failed"
    assert "demo.fleet.hello" in controller.stdout(job), "the role is not there"

    galaxy = controller.named("credentials", "Ansible Galaxy")["id"]
    controller.api("POST", f"organizations/{organization}/galaxy_credentials/", {"id": galaxy})
    job = fleet.run("Hello")
    assert job["status"] == "successful", controller.stdout(job)
    assert "hello from 7" in controller.stdout(job)
    assert job["scm_revision"] == controller.api("GET", made["url"])["scm_revision"] != ""
    (project / "hosts.yml").write_text("not: [an inventory")
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@e", "commit", "-qam", "x"], cwd=project, check=True)
    job = fleet.run("Hello")
    assert job["status"] == "failed"
    assert "Previous Task Failed" in job["job_explanation"]


def test_many_jobs_at_once(fleet: Fleet) -> None:
    fleet.template("Many", allow_simultaneous=True, limit="dev1")
    jobs = [fleet.controller.launch("job_templates", "Many") for _index in range(6)]
    assert {fleet.controller.wait(job)["status"] for job in jobs} == {"successful"}
