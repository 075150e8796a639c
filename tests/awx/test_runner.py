# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution environment as far as that goes without a container, and jobs in it as AWX starts them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from awx.deployment import BUILD, EXAMPLE
from support.rollout import METRICS, TOKEN, Rollout

from axiom_emulator.testing import LocalAxiom

ROLE = BUILD / "ansible_collections/devfleet/axiom/roles/awx_schedule"
HOSTS = ["a", "b"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean virtual environment with what the image would hold: the definition, and what introspection finds."""
    root = tmp_path_factory.mktemp("environment")
    definition = EXAMPLE / "execution-environment.yml"
    create = ["ansible-builder", "create", "--file", str(definition), "--context", str(root / "context")]
    subprocess.run(create, check=True, capture_output=True)
    introspect = [sys.executable, str(root / "context/_build/scripts/introspect.py"), "introspect", str(BUILD)]
    subprocess.run([*introspect, "--write-pip", str(root / "requirements.txt")], check=True, capture_output=True)
    found = (root / "requirements.txt").read_text()
    assert "requests" in found
    assert "opentelemetry-proto" in found
    arguments = (root / "context/Containerfile").read_text().splitlines()
    (line,) = [line for line in arguments if line.startswith("ARG ANSIBLE_INSTALL_REFS=")]
    tools = shlex.split(line.partition("=")[2])[0].split()
    assert tools == ["ansible-core>=2.18,<2.19", "ansible-runner>=2.4,<3"]
    subprocess.run([sys.executable, "-m", "venv", str(root / "venv")], check=True)
    pip = [str(root / "venv/bin/python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, *tools, "--requirement", str(root / "requirements.txt")], check=True)
    return root / "venv"


class Job:
    """A private data directory as AWX fills it, run by the environment's ansible-runner."""

    def __init__(self, root: Path, environment: Path, fleet: Rollout) -> None:
        self.root, self.environment, self.fleet = root, environment, fleet
        (root / "env").mkdir(parents=True)
        (root / "project").symlink_to(EXAMPLE)
        (root / "inventory").mkdir()
        hosts = yaml.safe_load((fleet.controller.inventory / "hosts.yml").read_text())
        # As in AWX, whose inventory holds what its update found beside the project's inventory.
        variables = yaml.safe_load((EXAMPLE / "group_vars/all.yml").read_text())
        hosts["all"]["vars"] = {**variables, "ansible_connection": "local", "axiom_workspace_timeout": 5}
        (root / "inventory/hosts.json").write_text(json.dumps(hosts))
        self.inject(ROLE)

    def inject(self, role: Path) -> None:
        """Render the injectors of the credential type for records, for what provisioning stored."""
        loader = type("Loader", (yaml.SafeLoader,), {})
        loader.add_constructor("!unsafe", lambda _loader, node: node.value)
        types = yaml.load((role / "vars/main.yml").read_text(), loader)["__awx_schedule_credential_types"]
        (injectors,) = [kind["injectors"] for kind in types if "file" in kind["injectors"]]
        document = {"version": 1, "revision": "r1", "records": self.fleet.records()}
        assert injectors["file"]["template"] == "{{ records }}"
        path = self.root / "env/tmp-records"
        path.write_text(json.dumps(document))
        path.chmod(0o600)
        values = {name: text.replace("{{ tower.filename }}", str(path)) for name, text in injectors["env"].items()}
        (self.root / "env/envvars").write_text(json.dumps(values))

    def run(self, playbook: str, *arguments: str, **extra_vars: Any) -> dict[str, Any]:
        """Run one job: status, stdout, events, artifacts; nothing secret is in any of them."""
        (self.root / "env/extravars").write_text(json.dumps({"claude_code_telemetry_stats": True, **extra_vars}))
        (self.root / "env/cmdline").write_text(shlex.join(arguments))
        environment = {
            "PATH": f"{self.environment}/bin:{os.environ['PATH']}",
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(BUILD),
        }
        ident = f"job{len(list(self.root.glob('artifacts/*')))}"
        runner = [f"{self.environment}/bin/ansible-runner", "run", str(self.root), "-p", playbook, "--ident", ident]
        done = subprocess.run([*runner, "-q"], env=environment, capture_output=True, text=True, check=False)
        folder = self.root / "artifacts" / ident
        events = [json.loads(path.read_text()) for path in sorted((folder / "job_events").glob("*.json"))]
        stats = folder / "fact_cache"
        assert not stats.exists() or not list(stats.iterdir())
        stdout = (folder / "stdout").read_text()
        self.fleet.no_secret_in(done.stdout, done.stderr, stdout, json.dumps(events))
        (last,) = [event["event_data"] for event in events if event["event"] == "playbook_on_stats"]
        return {
            "status": (folder / "status").read_text(),
            "stdout": stdout,
            "events": events,
            "artifacts": last["artifact_data"],
        }


@pytest.fixture
def job(open_path: Path, environment: Path, axiom: LocalAxiom) -> Job:
    """A fleet whose workspace was provisioned elsewhere, and a job that is given its records."""
    fleet = Rollout(open_path, axiom, HOSTS).after("provision")
    assert METRICS in fleet.record()["datasets"]
    return Job(open_path / "job", environment, fleet)


def test_the_project_is_understood(environment: Path, tmp_path: Path) -> None:
    """Each playbook of the project, by the environment's ansible-core."""
    own = {
        "PATH": f"{environment}/bin:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(BUILD),
        "HOME": str(tmp_path),
    }
    names = sorted(path.name for path in EXAMPLE.glob("*.yml") if "import_playbook" in path.read_text())
    assert {"enforce.yml", "provision.yml", "remove.yml", "awx.yml"} <= set(names)
    command = [f"{environment}/bin/ansible-playbook", "--syntax-check", "-i", str(EXAMPLE / "inventory.yml")]
    for name in names:
        done = subprocess.run([*command, str(EXAMPLE / name)], env=own, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_a_job_enforces_with_the_injected_record_and_leaves_artifacts(job: Job) -> None:
    drift = job.run("enforce.yml", "--check", "--diff", claude_code_telemetry_fail_on_drift=True)
    assert drift["status"] == "failed"
    assert "axiom_enforce" in drift["artifacts"], drift["stdout"]
    assert drift["artifacts"]["axiom_enforce"]["changed_hosts"] == HOSTS
    assert job.fleet.installed() == dict.fromkeys(HOSTS)

    enforced = job.run("enforce.yml", "--diff")
    assert enforced["status"] == "successful", enforced["stdout"]
    found = enforced["artifacts"]["axiom_enforce"]
    assert (found["hosts"], found["coverage"], found["ansible_core"][:5]) == (2, 100, "2.18.")
    assert set(job.fleet.installed().values()) == {job.fleet.records()[TOKEN]["secret"]}
    changed = [event for event in enforced["events"] if event["event_data"].get("res", {}).get("changed")]
    assert sorted(event["event_data"]["host"] for event in changed) == HOSTS

    again = job.run("enforce.yml", "--limit", "b")
    assert again["status"] == "successful", again["stdout"]
    assert again["artifacts"]["axiom_enforce"]["hosts"] == 1
    # One task contacts a machine, whatever is left for the scheduler.
    done = [event["event_data"] for event in again["events"] if event["event"] == "runner_on_ok"]
    assert [data["task_action"] for data in done] == [
        "devfleet.axiom.claude_code_telemetry",
        "ansible.builtin.set_stats",
    ]
    assert not any(data["res"].get("changed") for data in done)

    verified = job.run("verify.yml")
    assert verified["status"] == "successful", verified["stdout"]
    assert verified["artifacts"]["axiom_verify"]["coverage"] == 100


def test_a_job_that_was_given_no_record_says_so(job: Job) -> None:
    (job.root / "env/envvars").write_text("{}")
    failed = job.run("enforce.yml")
    assert failed["status"] == "failed"
    assert "AXIOM_STORE_FILE" in failed["stdout"]
    assert job.fleet.installed() == dict.fromkeys(HOSTS)
