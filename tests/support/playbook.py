# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the real `ansible-playbook` in a directory of its own, and read back what every task said."""

from __future__ import annotations

import functools
import json
import os
import re
import runpy
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from support import returned

CALLBACKS = Path(__file__).parent / "callbacks"
VAULT_PASSWORD = "the vault's own secret"


@functools.cache
def _controller() -> str:
    return subprocess.run(["ansible-playbook", "--version"], capture_output=True, text=True, check=True).stdout


def core_version() -> tuple[int, ...]:
    """Major and minor of the controller's ansible-core, which need not be the one that the tests can import."""
    found = re.match(r"ansible-playbook \[core (\d+)\.(\d+)", _controller())
    assert found, _controller()
    return tuple(int(part) for part in found.groups())


def target_pythons() -> list[str]:
    """The Pythons that the controller's ansible-core supports on machines, oldest first: what ansible-test knows."""
    found = re.search(r"ansible python module location = (.*)/ansible$", _controller(), re.MULTILINE)
    assert found, _controller()
    constants = runpy.run_path(f"{found[1]}/ansible_test/_util/target/common/constants.py")
    return [*constants["REMOTE_ONLY_PYTHON_VERSIONS"], *constants["CONTROLLER_PYTHON_VERSIONS"]]


class Run(NamedTuple):
    """What came of a run: `output` is stdout and stderr, `results` one entry per task and host."""

    status: int
    output: str
    results: list[dict[str, Any]]

    def changed(self) -> set[tuple[str, str]]:
        """(host, path or object) of everything that was changed, or in check mode would be."""
        return {
            (entry["host"], diff["after_header"])
            for entry in self.results
            if entry["result"].get("changed")
            for diff in entry["result"].get("diff", [])
        }

    def messages(self) -> str:
        return "\n".join(str(entry["result"].get("msg", "")) for entry in self.results if entry["status"] == "failed")


class Controller:
    """A home for a controller: inventory, vault password, temporary directories and log, all below one directory."""

    def __init__(self, root: Path, environment: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.inventory = root / "inventory"
        (self.inventory / "group_vars").mkdir(parents=True)
        (root / "home").mkdir()
        (root / "vault-password").write_text(VAULT_PASSWORD + "\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(root / "home"),
            "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
            "ANSIBLE_VAULT_PASSWORD_FILE": str(root / "vault-password"),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "record,ansible.builtin.junit",
            "ANSIBLE_LOCAL_TEMP": str(root / "local-tmp"),
            "ANSIBLE_REMOTE_TMP": str(root / "remote-tmp"),
            "ANSIBLE_LOG_PATH": str(root / "ansible.log"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_DEPRECATION_WARNINGS": "1",
            # Callbacks are given the diffs in diff mode only.
            "ANSIBLE_DIFF_ALWAYS": "1",
            "RECORD_FILE": str(root / "results.jsonl"),
            "JUNIT_OUTPUT_DIR": str(root / "junit"),
            "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(root / "fact-cache"),
            **(environment or {}),
        }

    def hosts(self, hosts: Mapping[str, Mapping[str, Any]], **variables: Any) -> None:
        """Write the inventory; variables are the fleet's (group_vars/all.yml)."""
        (self.inventory / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {**hosts}}}))
        (self.inventory / "group_vars" / "all.yml").write_text(yaml.safe_dump(variables))

    def command(self, name: str, *arguments: str) -> list[str]:
        return ["ansible-playbook", "-i", str(self.inventory), name, *arguments]

    def playbook(self, name: str, *arguments: str, **environment: str) -> Run:
        record = Path(self.environment["RECORD_FILE"])
        record.unlink(missing_ok=True)
        done = subprocess.run(
            self.command(name, *arguments),
            env={**self.environment, **environment},
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        # Everything that was ever printed lies where the search for secrets finds it: see sweep.py.
        with open(self.root / "printed", "a", encoding="utf-8") as printed:
            printed.write(done.stdout)
        # With every ansible-core; whoever hears of it first can still do something.
        assert "[DEPRECATION WARNING]" not in done.stdout, done.stdout
        lines = record.read_text().splitlines() if record.exists() else []
        run = Run(done.returncode, done.stdout, [json.loads(line) for line in lines])
        undocumented = returned.differences(run.results)
        if undocumented:
            raise AssertionError("\n".join(undocumented))
        return run
