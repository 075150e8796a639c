# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages are followed to the letter: what they say to declare is declared, what they say to run is run.

Axiom's own host names lead to the local one, and the machine is a directory.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from pathlib import Path

import yaml
from support import returned
from support.axiom_front import axioms_own_names
from support.checkout import CHECKOUT
from support.machine import FakeMachine
from support.pages import FOLLOWED, blocks, lines
from support.playbook import Controller

from ansible_collections.devfleet.axiom.plugins.modules import dashboard
from axiom_emulator.testing import LocalAxiom

LOGS, METRICS = "claude-code-logs", "claude-code-metrics"
HOSTS = ("one-laptop", "the-machine")
TASKS = {"name": "Tasks", "hosts": "all", "gather_facts": False}
# Commands of these pages that another test runs, or that need what is not here.
ELSEWHERE = (
    # Whether they are all that plugins need: tests/unit/collection/test_docs.py.
    "pip install requests opentelemetry-proto",
    # Starts this test again, among others.
    "make test",
    # test_demo.py
    "make demo",
    # Each machine by itself: test_pull.py. From the second part of docs/without-awx.md on.
    "export AXIOM_TOKEN=xaat-... ANSIBLE_VAULT_PASSWORD_FILE=~/platform.password",
    "ansible-playbook -i platform/inventory.yml devfleet.axiom.provision",
    "git add platform/secrets/axiom.yml",
    "python3 -m venv /opt/",
    "/opt/claude-code-telemetry-pull/",
    "install ",
    "systemctl ",
)


class Reader:
    """Somebody with an empty directory, an inventory, and a shell."""

    def __init__(self, root: Path, axiom: LocalAxiom, environment: dict[str, str]) -> None:
        self.axiom = axiom
        self.controller = Controller(root / "controller", environment)
        # What comes from the page, or is where Ansible looks by itself.
        self.collections = self.controller.environment.pop("ANSIBLE_COLLECTIONS_PATH")
        self.password = Path(self.controller.environment.pop("ANSIBLE_VAULT_PASSWORD_FILE"))
        self.password.rename(root / "controller/home/.vault-password")
        self.record = Path(self.controller.environment["RECORD_FILE"])
        self.exports: list[str] = []
        self.done: list[str] = []
        self.declared: dict[str, object] = {}
        self.machines = {host: FakeMachine(root / "machines" / host) for host in HOSTS}
        self._declare({})
        # A dashboard that somebody exported.
        (self.controller.root / "files").mkdir()
        document = yaml.safe_load(dashboard.EXAMPLES)[0]["devfleet.axiom.dashboard"]["document"]
        (self.controller.root / "files/our-dashboard.json").write_text(json.dumps(document))

    def _declare(self, variables: dict[str, object]) -> None:
        if not variables.items() <= self.declared.items():
            self.done.clear()
        self.declared |= variables
        hosts = {host: {"claude_code_telemetry_prefix": str(machine.root)} for host, machine in self.machines.items()}
        ours = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
        self.controller.hosts(hosts, **ours, machine_salt="salt", **self.declared)

    def follow(self, page: str) -> None:
        for block in blocks(CHECKOUT / page):
            if block.language == "yaml":
                written = yaml.safe_load(block.body)
                if isinstance(written, dict):
                    self._declare(written)
                else:
                    self._play(written)
            elif block.language == "console":
                for line in lines(block):
                    self._run(line)

    def _play(self, written: list[dict[str, object]]) -> None:
        plays = written if "hosts" in written[0] else [{**TASKS, "tasks": written}]
        (self.controller.root / "playbook.yml").write_text(yaml.safe_dump(plays))
        self._run(f"ansible-playbook -i inventory playbook.yml  # {plays[0]['name']}")

    def _run(self, line: str) -> None:
        # The only differences to what stands there: a secret of one's own, and no server between here and Galaxy.
        words = line.replace("xaat-...", self.axiom.token)
        if line == "ansible-galaxy collection install devfleet.axiom":
            (artifact,) = Path(self.collections.split(":")[0]).glob("dist/*.tar.gz")
            words = f"ansible-galaxy collection install --offline --no-deps {artifact}"
        # What another page has had run already would come to the same, unless something else is declared now.
        if line in self.done or line.startswith(ELSEWHERE):
            return
        if line.startswith("export "):
            self.exports.append(words)
        done = subprocess.run(
            ["bash", "-euc", "\n".join([*self.exports, words])],
            env=self.controller.environment,
            cwd=self.controller.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        with (self.controller.root / "printed").open("a") as printed:
            printed.write(done.stdout + done.stderr)
        if self.record.exists():
            results = [json.loads(result) for result in self.record.read_text().splitlines()]
            self.record.unlink()
            assert returned.differences(results) == [], line
        self.done.append(line)

    def installed(self) -> set[str]:
        """The secrets that are on the machines."""
        texts = [machine.drop_in.read_text() for machine in self.machines.values()]
        return {secret for secret in self.axiom.secrets() for text in texts if secret in text}

    def uses(self) -> None:
        """Developers work: telemetry of each machine arrives, as Claude Code sends it."""
        now = datetime.datetime.now(datetime.UTC)
        for host in HOSTS:
            one = {"time": now, "resource": {"host.name": host, "service.name": "claude-code"}}
            self.axiom.load_events(LOGS, [{**one, "name": "claude_code.user_prompt"}])
            self.axiom.load_points(METRICS, [{**one, "name": "claude_code.session.count", "value": 1}])


def test_the_pages_are_followed(open_path: Path, axiom: LocalAxiom, tmp_path: Path) -> None:
    with axioms_own_names(axiom, tmp_path) as environment:
        reader = Reader(open_path, axiom, environment)
        for page in FOLLOWED:
            reader.follow(page)
            if page == FOLLOWED[0]:
                reader.uses()
                (first,) = reader.installed()
                accepted = {(row["dataset"], row["resource"]["host.name"]) for row in axiom.arrived()}
                assert accepted == {(dataset, host) for dataset in (LOGS, METRICS) for host in HOSTS}
    # The last page ends with a secret that leaked.
    (last,) = reader.installed()
    assert last != first
