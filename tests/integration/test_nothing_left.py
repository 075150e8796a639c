# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run after run, nothing is left behind or grows: on machines, on the controller, in the store and in Axiom.

A few runs here; `make soak` makes a hundred.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.edits import EDITS
from support.machine import USER, FakeMachine, Snapshot
from support.playbook import CALLBACKS, Run
from support.rollout import Rollout

from axiom_emulator.testing import LocalAxiom

SEED = 4711
POLICY = '{\n    "permissions": {"deny": ["Bash"]},\n    "env": {"THEIRS": "1"}\n}\n'
HOSTS: dict[str, dict[str, Any]] = {
    "drop-in": {},
    "merged": {"claude_code_telemetry_managed_settings_layout": "merge"},
    "user": {
        "claude_code_telemetry_targets": ["shell_profile", "user_settings"],
        "claude_code_telemetry_users": [USER],
    },
}
# What somebody does to our part of each, and a run repairs.
DRIFTS: dict[str, list[Callable[[FakeMachine], object]]] = {
    "drop-in": [EDITS[f"drop-in {what}"] for what in ("gone", "edited", "mode", "somebody's")],
    "merged": [lambda machine: machine.base.write_text(POLICY)],
    "user": [EDITS[f"user {what}"] for what in ("token mode", "token folder", "profile gone", "settings gone")],
}
# Beside what a test's own controller keeps of each run.
KEPT = ("printed", "results.jsonl")
# Longer than the overlap of a rotation, so that each time round there is one.
CYCLE_SECONDS = 8 * 24 * 3600
CLOCK = """import os, time
real = time.time_ns
time.time_ns = lambda: real() + int(os.environ["CLOCK_SECONDS"]) * 10**9
"""
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z\Z")
# In the environment of every process that a run starts; its value is the test's own directory.
MARK = "STARTED_BY_RUNS_THAT_LEAVE_NOTHING"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a /tmp and a /dev/shm of its own take root")


class LastingFleet(Rollout):
    """One machine of each kind, whose runs have a /tmp and a /dev/shm that nobody else uses."""

    def __init__(self, root: Path, axiom: LocalAxiom) -> None:
        super().__init__(root, axiom, list(HOSTS))
        self.own = {Path("/tmp"): root / "tmp", Path("/dev/shm"): root / "shm"}
        for path in self.own.values():
            path.mkdir()
            path.chmod(0o1777)
        mounts = list(self.kept_visible())
        mounts += [f"mount --rbind '{path}' {place}" for place, path in self.own.items()]
        self.empty = self.temporary()
        variables = self.controller.inventory / "host_vars"
        variables.mkdir()
        for host, own in HOSTS.items():
            (variables / f"{host}.yml").write_text(json.dumps(own))
        self.machines["merged"].write("etc/claude-code/managed-settings.json", POLICY)
        # Directories that belong to nobody in particular stay where they were needed once.
        for folder in (".config/fish/conf.d", ".local/share"):
            self.machines["user"].write(f"home/{USER}/{folder}/theirs", "")
        command = self.controller.command
        wrapper = ["unshare", "-m", "sh", "-ec", "; ".join([*mounts, 'exec "$@"']), "sh"]
        self.controller.command = lambda name, *more: [*wrapper, *command(name, *more)]  # type: ignore[method-assign]
        environment = self.controller.environment
        environment.update({"ANSIBLE_CALLBACKS_ENABLED": "record", MARK: str(root)})
        (root / "clock").mkdir()
        (root / "clock/sitecustomize.py").write_text(CLOCK)
        environment.update({"PYTHONPATH": str(root / "clock"), "PYTHONDONTWRITEBYTECODE": "1"})
        self.later(0)
        # What they append to is theirs to rotate.
        del environment["ANSIBLE_LOG_PATH"]
        # As in everyday life, below the home and /tmp.
        for name in ("ANSIBLE_LOCAL_TEMP", "ANSIBLE_REMOTE_TMP", "ANSIBLE_CACHE_PLUGIN_CONNECTION"):
            del environment[name]
        environment["ANSIBLE_CACHE_PLUGIN"] = "ansible.builtin.memory"

    def later(self, cycle: int) -> None:
        """Let the controller's clock and Axiom's go on."""
        self.axiom.settings(clock_offset_seconds=cycle * CYCLE_SECONDS)
        self.controller.environment["CLOCK_SECONDS"] = str(cycle * CYCLE_SECONDS)

    def kept_visible(self) -> Iterator[str]:
        """Commands for what a run needs and a checkout below /tmp has there."""
        all_needed = {Path(os.environ["ANSIBLE_COLLECTIONS_PATH"]), CALLBACKS, Path(sys.prefix)}
        for needed in sorted(path for path in all_needed if not all_needed & set(path.parents)):
            for place, path in self.own.items():
                if place in needed.parents:
                    point = path / needed.relative_to(place)
                    point.mkdir(parents=True, exist_ok=True)
                    yield f"mount --bind '{needed}' '{point}'"

    def temporary(self) -> list[Path]:
        return sorted(path for own in self.own.values() for path in own.rglob("*"))

    def left_running(self) -> list[str]:
        """What runs have started and still lives."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"{MARK}={self.root}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def snapshots(self) -> dict[str, Snapshot]:
        return {host: machine.snapshot() for host, machine in self.machines.items()}

    def drift(self, chance: random.Random) -> None:
        for host, machine in self.machines.items():
            chance.choice(DRIFTS[host])(machine)

    def repaired(self, chance: random.Random) -> Run:
        """A run of enforce that has something to do on every machine."""
        self.drift(chance)
        run = self.play("enforce")
        assert {host for host, _path in run.changed()} == set(HOSTS)
        return run

    def footprint(self) -> dict[str, Any]:
        """Everything that could grow. Of files: kind, mode, owner and size, because secrets and salts differ."""
        controller = {
            str(path.relative_to(self.root)): (stat.filemode(path.lstat().st_mode), path.lstat().st_uid)
            for path in self.root.rglob("*")
            if path.name not in KEPT and self.root / "machines" not in path.parents
        }
        machines = {
            (host, path): (*entry[:3], len(entry[3]))
            for host, machine in self.machines.items()
            for path, entry in machine.snapshot().items()
        }
        return {"controller": controller, "machines": machines}

    def kept(self) -> dict[str, Any]:
        """What the store and Axiom hold."""
        return {"records": shape(self.records()), "tokens": [shape(token) for token in self.tokens()]}


def shape(value: Any) -> Any:
    """JSON without what is new each time: texts by their length, numbers as they are."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, str):
        # Of an instant the zeros at its end are not written.
        return "an instant" if INSTANT.match(value) else len(value)
    return value


@pytest.fixture
def fleet(axiom: LocalAxiom) -> Iterator[LastingFleet]:
    # Not below /tmp, which is another one for the runs.
    with tempfile.TemporaryDirectory(prefix="devfleet-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        yield LastingFleet(Path(folder), axiom)


def test_run_after_run_nothing_is_left_behind_and_nothing_grows(
    fleet: LastingFleet, pytestconfig: pytest.Config
) -> None:
    chance = random.Random(SEED)
    bare = fleet.snapshots()
    steps: dict[str, Callable[[], Run]] = {
        "site": lambda: fleet.play("site"),
        "drift, enforce": lambda: fleet.repaired(chance),
        "rotate": lambda: fleet.play("rotate", "-eaxiom_workspace_retire=now"),
        "remove": lambda: fleet.play("remove"),
    }
    installed: dict[str, Any] = {}
    kept: dict[tuple[str, bool], dict[str, Any]] = {}
    secrets = set()
    runs = pytestconfig.getoption("--runs")
    for number, name in zip(range(runs), itertools.cycle(steps), strict=False):
        cycle = number // len(steps)
        fleet.later(cycle)
        run = steps[name]()
        assert run.status == 0, (number, name, run.output)
        assert fleet.left_running() == [], (number, name)
        assert fleet.temporary() == fleet.empty, (number, name)
        found = fleet.footprint()
        if name == "remove":
            assert fleet.snapshots() == bare
        else:
            assert found["machines"] == installed.setdefault("machines", found["machines"]), (number, name)
        # The first run makes what lasts: Ansible's own directories, the store and its lock.
        assert found["controller"] == installed.setdefault("controller", found["controller"]), (number, name)
        # The store knows more once there was a rotation.
        now = fleet.kept()
        assert now == kept.setdefault((name, cycle > 0), now), (number, name)
        assert len(fleet.tokens()) == 1
        secrets.add(fleet.record()["secret"])
    # One of the beginning, and one of each rotation.
    assert len(secrets) == 1 + (runs + 1) // len(steps)
