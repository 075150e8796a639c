# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A laptop that nobody reaches from outside enforces itself: the shipped wrapper, with a real ansible-pull."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.machine import FakeMachine
from support.observed import Observed
from support.playbook import VAULT_PASSWORD, Controller

from axiom_emulator.testing import LocalAxiom

BUILD = Path(os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)[0])
EXAMPLE = BUILD / "ansible_collections/devfleet/axiom/docs/examples/ansible-pull"
TRY_LATER, WRONG = 75, 78


class Laptop(Observed):
    """A machine, the repository that it pulls, and the controller that writes the team's records into it."""

    def __init__(self, root: Path, axiom: LocalAxiom) -> None:
        self.axiom, self.root = axiom, root
        self.machine = FakeMachine(root / "machine")
        self.repository = root / "repository"
        shutil.copytree(EXAMPLE / "repository", self.repository)
        variables = {
            "claude_code_telemetry_prefix": str(self.machine.root),
            "ansible_python_interpreter": sys.executable,
        }
        inventory = {"all": {"hosts": {"ada-laptop": variables, "linus-laptop": {}}}}
        (self.repository / "platform/inventory.yml").write_text(yaml.safe_dump(inventory))
        self.store = self.repository / "platform/secrets/axiom.yml"
        self.controller = Controller(root / "controller", axiom.env())
        self.controller.inventory = self.repository / "platform/inventory.yml"
        self._git("init", "-q", "-b", "main")
        self.password = root / "vault-password"
        self.password.write_text(VAULT_PASSWORD)
        self.config = root / "config"
        self.configure()

    def _git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
        subprocess.run(["git", "-C", str(self.repository), *identity, *arguments], check=True)

    def publish(self, playbook: str) -> str:
        """Run a playbook for the team and commit what it stored; the current secret."""
        run = self.controller.playbook(f"devfleet.axiom.{playbook}")
        assert run.status == 0, run.output
        self._git("add", "-A")
        self._git("commit", "-q", "-m", playbook)
        secret: str = self.records()["claude-code-platform"]["secret"]
        return secret

    def configure(self, **changes: str) -> None:
        values = {
            "REPOSITORY": f"file://{self.repository}",
            "BRANCH": "main",
            "TEAM": "platform",
            "MACHINE": "ada-laptop",
            "VAULT_PASSWORD_FILE": str(self.password),
            "COLLECTIONS": str(BUILD),
            "STATE": str(self.root / "state"),
            "LOG": str(self.root / "log"),
            **changes,
        }
        self.config.write_text("".join(f"{name}='{value}'\n" for name, value in values.items()))

    def pull(self) -> int:
        """Run the wrapper as a timer would, with hardly an environment; nothing secret may be in what it leaves."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root), "LANG": "C.UTF-8"}
        done = subprocess.run(
            [str(EXAMPLE / "pull"), str(self.config)], env=environment, capture_output=True, text=True, check=False
        )
        self.output = done.stdout + done.stderr
        log = self.root / "log"
        self.log = log.read_text() if log.exists() else ""
        self.no_secret_in(self.output, self.log)
        assert VAULT_PASSWORD not in self.output + self.log
        return done.returncode

    def installed(self) -> str:
        return self.machine.drop_in.read_text() if self.machine.drop_in.exists() else ""


@pytest.fixture
def laptop(open_path: Path, axiom: LocalAxiom) -> Laptop:
    return Laptop(open_path, axiom)


def test_a_laptop_follows_its_repository(laptop: Laptop) -> None:
    first = laptop.publish("provision")
    assert laptop.pull() == 0, laptop.log
    assert first in laptop.installed()
    laptop.machine.drop_in.write_text("{}")
    assert laptop.pull() == 0, laptop.log
    assert first in laptop.installed()
    fresh = laptop.publish("mint")
    assert fresh != first
    assert laptop.pull() == 0, laptop.log
    assert fresh in laptop.installed()
    assert "changed=0" not in laptop.log.rpartition(" begins")[2]

    # Away from home: what was fetched last is enforced.
    laptop.repository.rename(laptop.root / "unreachable")
    laptop.machine.drop_in.unlink()
    assert laptop.pull() == 0, laptop.log
    assert fresh in laptop.installed()
    assert len(re.findall(r"Z ends with 0$", laptop.log, re.MULTILINE)) == 4
    # What it holds: its team's records, encrypted, and no management token.
    kept = b"".join(path.read_bytes() for path in (laptop.root / "state").rglob("*") if path.is_file())
    assert all(secret.encode() not in kept for secret in [*laptop.axiom.secrets(), laptop.axiom.token])


def test_exit_codes_tell_what_to_do(laptop: Laptop) -> None:
    laptop.publish("provision")
    laptop.configure(REPOSITORY=f"file://{laptop.root}/nothing")
    assert laptop.pull() == TRY_LATER
    assert "nothing was ever fetched" in laptop.log
    assert not laptop.installed()
    with open(laptop.root / "state/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert laptop.pull() == TRY_LATER
        assert "another run is under way" in laptop.output
    laptop.configure(MACHINE="")
    assert laptop.pull() == WRONG
    assert "MACHINE is missing" in laptop.output
    laptop.configure(VAULT_PASSWORD_FILE="/nowhere")
    assert laptop.pull() == WRONG
    # The password of another team opens nothing here.
    laptop.configure()
    laptop.password.write_text("the other team's")
    assert laptop.pull() == 2
    assert "cannot be decrypted" in laptop.log
    assert not laptop.installed()
    laptop.password.write_text(VAULT_PASSWORD)
    assert laptop.pull() == 0, laptop.log
    assert laptop.installed()


def test_the_units_are_understood_by_systemd(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    text = (EXAMPLE / "claude-code-telemetry-pull.service").read_text()
    # The program has to exist for systemd to be content; here it is where it was shipped.
    service = tmp_path / "claude-code-telemetry-pull.service"
    service.write_text(text.replace("/usr/local/sbin/claude-code-telemetry-pull", str(EXAMPLE / "pull")))
    timer = tmp_path / "claude-code-telemetry-pull.timer"
    shutil.copy(EXAMPLE / timer.name, timer)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(service), str(timer)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
