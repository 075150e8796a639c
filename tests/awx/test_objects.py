# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judges of the local controller are the modules of awx.awx: one of every object, made, kept, tried and removed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.playbook import Controller, Run

from awx_controller.testing import LocalController, WebhookReceiver

HERE = Path(__file__).parent
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
    """What objects.yml needs to be told."""
    url = git_project(tmp_path / "project")
    return "-e", f"project_url={url}", "-e", f"receiver_url={receiver.url}"


def objects(operator: Controller, *arguments: str) -> Run:
    shutil.copy(HERE / "objects.yml", operator.root)
    run = operator.playbook("objects.yml", *arguments)
    assert run.status == 0, run.output
    return run


def changed(run: Run) -> list[str]:
    return [entry["task"] for entry in run.results if entry["result"].get("changed")]


def test_objects_are_made_once(operator: Controller, controller: LocalController, variables: tuple[str, ...]) -> None:
    first = objects(operator, *variables)
    tasks = [entry["task"] for entry in first.results]
    assert changed(first) == tasks
    before = controller.requests()
    controller.clear_requests()

    second = objects(operator, *variables)
    assert changed(second) == []
    assert controller.writes() == []

    third = objects(operator, *variables, "--check")
    assert changed(third) == []
    assert controller.writes() == []
    assert not [one for one in before if one["status"] >= 400]
    assert "WARNING" not in first.output.replace("[WARNING]: Deprecation warnings", "")
