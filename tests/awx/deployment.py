# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The example project in a git repository, made into objects of a controller by the playbook for that, and machines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from support.machine import FakeMachine
from support.observed import Observed
from support.playbook import Controller, Run
from support.processes import Processes

from awx_controller.testing import LocalController
from axiom_emulator.testing import LocalAxiom

BUILD = Path(os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)[0])
EXAMPLE = BUILD / "ansible_collections/devfleet/axiom/docs/examples/awx"
NAME = "Claude Code telemetry"
WRITER_PASSWORD = "the-writers-own-1"
JOBS = ("jobs", "workflow_jobs", "project_updates", "inventory_updates")


def example_project(folder: Path, hosts: dict[str, Any], **variables: Any) -> str:
    """A copy of the example with an inventory of ours, and the collection that was built; the repository's URL."""
    shutil.copytree(EXAMPLE, folder)
    (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": variables}}))
    (artifact,) = (BUILD / "dist").glob("devfleet-axiom-*.tar.gz")
    requirements = {"collections": [{"name": str(artifact.resolve()), "type": "file"}]}
    (folder / "collections/requirements.yml").write_text(yaml.safe_dump(requirements))
    git = ["git", "-C", str(folder), "-c", "user.name=T", "-c", "user.email=t@example.com"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Example"]):
        subprocess.run([*git, *arguments], check=True)
    return f"file://{folder}"


class Deployment(Observed):
    """What `devfleet.axiom.awx` made, and everything that ran there."""

    def __init__(
        self, root: Path, controller: LocalController, operator: Controller, axiom: LocalAxiom, hosts: list[str]
    ) -> None:
        self.awx, self.operator, self.axiom = controller, operator, axiom
        self.machines = {host: FakeMachine(root / "machines" / host) for host in hosts}
        self.project = root / "project"
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(Processes(root / "processes").python),
            "axiom_workspace_timeout": 5,
        }
        prefixes = {
            host: {"claude_code_telemetry_prefix": str(machine.root)} for host, machine in self.machines.items()
        }
        self.url = example_project(self.project, prefixes, **variables)
        operator.hosts({})
        self.objects: dict[str, Any] = yaml.safe_load((EXAMPLE / "awx-objects.yml").read_text())

    def apply(self, *arguments: str, **changes: Any) -> Run:
        """Run the project's awx.yml with the example's objects, as far as these can be here."""
        objects = {
            **self.objects,
            "awx_schedule_project_url": self.url,
            "awx_schedule_project_credential": "",
            "awx_schedule_machine_credential": "",
            "awx_schedule_execution_environment": "",
            "awx_schedule_execution_environment_image": "",
            "awx_schedule_management_token": self.axiom.token,
            "awx_schedule_management_org_id": self.axiom.org_id,
            "awx_schedule_management_url": self.axiom.url,
            "awx_schedule_writer_host": self.awx.url,
            "awx_schedule_writer_password": WRITER_PASSWORD,
            **changes,
        }
        return self._run(objects, *arguments)

    def take_away(self, *arguments: str, **objects: Any) -> Run:
        """Run it with nothing but what is given."""
        return self._run(objects, *arguments)

    def _run(self, objects: dict[str, Any], *arguments: str) -> Run:
        path = self.operator.root / "objects.yml"
        path.write_text(yaml.safe_dump(objects))
        run = self.operator.playbook(str(self.project / "awx.yml"), "-e", f"@{path}", *arguments)
        self.no_secret_in(run.output, json.dumps(run.results))
        assert WRITER_PASSWORD not in run.output
        return run

    def launch(self, name: str, path: str = "job_templates", **prompts: Any) -> Any:
        """Launch one of ours and wait for its end."""
        return self.awx.wait(self.awx.launch(path, f"{NAME} {name}", **prompts), 600)

    def succeeds(self, name: str, **prompts: Any) -> Any:
        job = self.launch(name, **prompts)
        assert job["status"] == "successful", self.told(job)
        return job

    def parts(self, job: Any) -> list[Any]:
        """The slices of a sliced job, the jobs of a workflow's nodes, or the job itself."""
        if job["type"] != "workflow_job":
            return [job]
        return [part for one in self.awx.jobs_of(job) for part in self.parts(one)]

    def told(self, job: Any) -> str:
        """What a job printed, all parts of it."""
        return "\n".join(f"{part['name']} {part['status']}\n{self.awx.stdout(part)}" for part in self.parts(job))

    def artifacts(self, job: Any) -> list[Any]:
        """What set_stats left, slice by slice."""
        return [self.awx.api("GET", part["url"])["artifacts"] for part in self.parts(job)]

    def installed(self) -> dict[str, str | None]:
        """The secret on each machine."""
        found: dict[str, str | None] = {}
        for host, machine in self.machines.items():
            document = json.loads(machine.drop_in.read_text()) if machine.drop_in.exists() else {}
            header = document.get("env", {}).get("OTEL_EXPORTER_OTLP_HEADERS")
            found[host] = header.partition("Bearer ")[2] if header else None
        return found

    def sweep(self) -> int:
        """Search all that is kept of all jobs for every secret; how many jobs there were."""
        secrets = {*self.axiom.secrets(), self.axiom.token, WRITER_PASSWORD, *self.awx.secrets()}
        # A secret of many lines or members is also one in parts; what is short is found by chance.
        secrets = {secret for secret in secrets if len(secret) >= 8}
        number = 0
        for path in JOBS:
            for job in self.awx.api("GET", f"{path}/", page_size=200)["results"]:
                number += 1
                whole = json.dumps(self.awx.api("GET", job["url"]))
                if path == "jobs":
                    whole += self.awx.stdout(job) + json.dumps(self.awx.events(job))
                found = [secret[:6] for secret in secrets if secret in whole]
                assert not found, f"{job['name']} tells {found}"
        return number
