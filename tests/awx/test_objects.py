# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judges of the local controller are the modules of awx.awx: one of every object, made, kept, tried and removed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.playbook import Controller, Run

from awx_controller.testing import LocalController, WebhookReceiver

TASKS = Path(__file__).parent / "tasks"
REPORT = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Where the record is
      ansible.builtin.set_fact:
        place: "{{ lookup('ansible.builtin.env', 'INGEST_FILE') }}"
    - name: Hidden
      ansible.builtin.set_fact:
        record: "{{ lookup('ansible.builtin.file', place) }}"
      no_log: true
    - name: Told
      ansible.builtin.debug:
        msg: "{{ greeting }} {{ way }} {{ ingest_dataset }} {{ record | length }} {{ minted | default('none') }}"
    - name: Something to change
      ansible.builtin.file:
        path: "{{ lookup('ansible.builtin.env', 'HOME') }}/{{ inventory_hostname }}"
        state: directory
        mode: "0700"
    - name: Stop where asked
      ansible.builtin.fail:
        msg: asked to
      when: inventory_hostname == stop_on | default('')
    - name: Report
      ansible.builtin.set_stats:
        data:
          minted: token-7
          machines: "{{ [inventory_hostname] }}"
"""
INVENTORY = """
all:
  children:
    builders:
      hosts:
        build1: {rack: 7}
"""


def git_project(folder: Path) -> str:
    """A repository with a playbook and an inventory; its URL."""
    (folder / "inventory").mkdir(parents=True)
    (folder / "report.yml").write_text(REPORT)
    (folder / "inventory/hosts.yml").write_text(INVENTORY)
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "."),
        ("-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--message=first"),
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return f"file://{folder}"


@pytest.fixture
def variables(tmp_path: Path, receiver: WebhookReceiver) -> tuple[str, ...]:
    """What tasks/objects.yml needs to be told."""
    url = git_project(tmp_path / "project")
    return "-e", f"project_url={url}", "-e", f"receiver_url={receiver.url}"


# Not a file of its own: ansible-lint would want awx.awx to be installed.
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
  tasks:
    - ansible.builtin.import_tasks: {tasks}
"""


def play(operator: Controller, name: str, *arguments: str) -> Run:
    (operator.root / "play.yml").write_text(PLAY.format(tasks=TASKS / f"{name}.yml"))
    run = operator.playbook("play.yml", *arguments)
    assert run.status == 0, run.output
    return run


def changed(run: Run) -> list[str]:
    return [entry["task"] for entry in run.results if entry["result"].get("changed")]


def test_objects_are_made_once_and_launched(
    operator: Controller, controller: LocalController, receiver: WebhookReceiver, variables: tuple[str, ...]
) -> None:
    first = play(operator, "objects", *variables)
    assert changed(first) == [entry["task"] for entry in first.results]
    assert not [one for one in controller.requests() if one["status"] >= 400]
    assert "You are running collection version" not in first.output

    for arguments in ((), ("--check",)):
        controller.clear_requests()
        again = play(operator, "objects", *variables, *arguments)
        assert changed(again) == []
        assert controller.writes() == []

    play(operator, "launch")
    controller.settle()
    check, mint, agree, retire = (
        controller.api("GET", job["url"])
        for job in controller.api("GET", "unified_jobs/", type__in="job,workflow_approval", order_by="id")["results"]
    )
    assert [job["status"] for job in (check, mint, agree, retire)] == ["successful"] * 4
    assert (check["job_type"], check["limit"]) == ("check", "dev1")
    assert "hello dev1 firmly claude-code 32 none" in controller.stdout(check)
    assert json.loads(check["extra_vars"])["word"] == "$encrypted$"
    assert "hello dev1 firmly claude-code 32 none" in controller.stdout(mint)
    assert "hello dev2 gently claude-code 32 token-7" in controller.stdout(retire)
    assert check["job_env"]["FROM_SETTINGS"] == "1"
    assert receiver.bodies() == [{"started": check["id"]}, {"started": mint["id"]}, *receiver.bodies()[2:]]

    secrets = [*controller.secrets(), "survey-kept-secret"]
    assert len(secrets) == 5
    told = [
        controller.stdout(job) + json.dumps(job) + json.dumps(controller.events(job)) for job in (check, mint, retire)
    ]
    assert [secret for secret in secrets if secret in "".join(told)] == []
