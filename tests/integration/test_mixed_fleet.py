# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet in which much is wrong at once: the rest is set right, each trouble is told in a line, the numbers add up.

Small here; `make soak` has five hundred machines.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.machine import FakeMachine
from support.memory import Memory
from support.playbook import Run
from support.rollout import ASLEEP, Rollout

from axiom_emulator.testing import LocalAxiom

SEED = 4711
MODEL = "model"
DROP_INS = "etc/claude-code/managed-settings.d"
FORKS = 10
# In MiB: what ansible-core, the local Axiom and these tests take with a handful of machines, what another machine may
# add, and what a fork, its module and its connection hold.
BASE, EACH, FORK = 200, 0.2, 35


def edited(machine: FakeMachine, chance: random.Random) -> None:
    """One of the ways in which our file drifts."""
    edits: list[Callable[[], object]] = [
        machine.drop_in.unlink,
        lambda: machine.drop_in.chmod(0o600),
        lambda: machine.drop_in.write_text('{"env": {}}'),
        lambda: machine.drop_in.write_text(machine.drop_in.read_text() + " "),
        lambda: shutil.rmtree(machine.settings),
    ]
    if os.geteuid() == 0:
        edits.append(lambda: os.chown(machine.drop_in, 4343, -1))
    chance.choice(edits)()


def half_done(machine: FakeMachine, chance: random.Random) -> None:
    """What a run that was killed leaves, or one by hand that was given up."""
    machine.drop_in.unlink()
    leftover = machine.drop_in.with_name(".devfleet-axiom-0123456789abcdef.tmp")
    chance.choice(
        [
            lambda: leftover.write_text('{"env": {"OTEL_'),
            lambda: machine.drop_in.write_text('{"env": {"OTEL_'),
            machine.drop_in.parent.rmdir,
            lambda: machine.drop_in.write_text(""),
        ]
    )()


class Kind(NamedTuple):
    """What is the matter with a machine: how often that is so, and what is to come of it.

    converged: it is set up, before `prepare` does something to it. first: `ok`, `changed`, `unreachable` or `failed`;
    what is not set right stays so in the next run. says: of each failure.
    """

    weight: int
    first: str
    says: str = ""
    converged: bool = True
    prepare: Callable[[FakeMachine, random.Random], object] = lambda machine, chance: None
    disk: str = ""


KINDS = {
    "as declared": Kind(20, "ok"),
    "bare": Kind(10, "changed", converged=False),
    "drifted": Kind(20, "changed", prepare=edited),
    "half done": Kind(10, "changed", prepare=half_done),
    "slow": Kind(6, "changed", prepare=edited),
    "asleep": Kind(12, "unreachable"),
    "another's broken settings": Kind(
        6,
        "failed",
        r"managed-settings\.json: line 2 column 1: .*Claude Code refuses to start with it, repair or remove it",
        prepare=lambda machine, chance: machine.write("etc/claude-code/managed-settings.json", '{"a": 1,\n'),
    ),
    "another's drop-in": Kind(
        6,
        "failed",
        r"99-theirs\.json: OTEL_LOGS_EXPORTER overrides ours, because the last drop-in wins; remove that",
        prepare=lambda machine, chance: machine.write(
            f"{DROP_INS}/99-theirs.json", '{"env": {"OTEL_LOGS_EXPORTER": "none"}}'
        ),
    ),
    "full": Kind(
        5, "failed", r"90-axiom-telemetry\.json: No space left on device; free some space", converged=False, disk="full"
    ),
    "read-only": Kind(
        5, "failed", r"managed-settings\.d.*: .*read-only file system", converged=False, disk="read-only"
    ),
}


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    folder.mkdir(mode=0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755,size=4m", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class MixedFleet(Rollout):
    """Machines of every kind, drawn with a seed."""

    def __init__(self, root: Path, axiom: LocalAxiom, number: int, disks: dict[str, Path]) -> None:
        super().__init__(root, axiom, [MODEL])
        self.controller.environment["ANSIBLE_FORKS"] = str(FORKS)
        for name in ("provision", "enforce"):
            assert self.play(name).status == 0
        chance = random.Random(SEED)
        kinds = [name for name, kind in KINDS.items() if not kind.disk or disks]
        # Each at least once.
        drawn = [*kinds, *chance.choices(kinds, [KINDS[name].weight for name in kinds], k=number - len(kinds))]
        chance.shuffle(drawn)
        self.kinds = {f"h{index:03d}": name for index, name in enumerate(drawn)}
        model = self.machines.pop(MODEL)
        self.document = model.drop_in.read_text()
        for host, name in self.kinds.items():
            kind = KINDS[name]
            machine = self.machines[host] = FakeMachine(disks.get(kind.disk, root / "machines") / host)
            if kind.converged:
                shutil.copytree(model.settings, machine.settings)
                machine.drop_in.write_text(self.wanted(host))
            kind.prepare(machine, chance)
        self.slow = root / "slow-python"
        self.slow.write_text(f'#!/bin/sh\nsleep 1\nexec {self.processes[MODEL].python} "$@"\n')
        self.slow.chmod(0o755)
        self.declare()

    def hosts(self, asleep: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
        found = super().hosts(asleep) if MODEL in self.machines else {}
        for host, name in getattr(self, "kinds", {}).items():
            found[host] = {
                "claude_code_telemetry_prefix": str(self.machines[host].root),
                "ansible_python_interpreter": str(self.slow if name == "slow" else self.processes[MODEL].python),
                **(ASLEEP if name == "asleep" else {}),
            }
        return found

    def wanted(self, host: str) -> str:
        """What is to stand on a machine."""
        return self.document.replace(f"host.name={MODEL}", f"host.name={host}")

    def enforce(self) -> tuple[Run, float]:
        """One run, and the most memory that all its processes held at a time, in MiB."""
        memory = Memory(os.getpid())
        try:
            run = self.play("enforce", "-eclaude_code_telemetry_stats=true")
        finally:
            peak = memory.stop()
        return run, peak


@pytest.fixture
def number(pytestconfig: pytest.Config) -> int:
    found: int = pytestconfig.getoption("--machines")
    return found


@pytest.fixture
def fleet(open_path: Path, axiom: LocalAxiom, number: int) -> Iterator[MixedFleet]:
    with ExitStack() as stack:
        disks: dict[str, Path] = {}
        if os.geteuid() == 0:
            disks = {name: stack.enter_context(mounted(open_path / name)) for name in ("full", "read-only")}
        found = MixedFleet(open_path, axiom, number, disks)
        if disks:
            with pytest.raises(OSError, match="No space"):
                (disks["full"] / "filler").write_bytes(b"x" * 2**23)
            subprocess.run(["mount", "-o", "remount,ro", str(disks["read-only"])], check=True)
        yield found


def recap(run: Run) -> dict[str, dict[str, int]]:
    """The last lines of a run, by host."""
    lines = run.output.partition("PLAY RECAP")[2].splitlines()
    found = {}
    for line in lines:
        host, separator, counts = line.partition(" : ")
        if separator:
            found[host.strip()] = {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", counts)}
    return found


def check_recap(fleet: MixedFleet, run: Run, outcomes: dict[str, str]) -> None:
    found = recap(run)
    assert found.keys() == fleet.kinds.keys()
    for host, outcome in outcomes.items():
        # Those who sleep make no run red, so they are counted as ignored.
        column = "ignored" if outcome == "unreachable" else outcome
        said = {name: found[host][name] > 0 for name in ("changed", "ignored", "failed", "unreachable")}
        assert said == {name: name == column for name in said}, (host, fleet.kinds[host])


def check_stats(run: Run, outcomes: dict[str, str]) -> None:
    (entry,) = [entry for entry in run.results if "ansible_stats" in entry["result"]]
    stats = entry["result"]["ansible_stats"]["data"]["axiom_enforce"]
    counts = Counter(outcomes.values())
    assert stats["hosts"] == len(outcomes)
    assert stats["good"] == counts["ok"] + counts["changed"]
    for kind in ("changed", "failed", "unreachable"):
        names = [host for host, outcome in outcomes.items() if outcome == kind]
        assert (stats[kind], stats[f"{kind}_hosts"]) == (len(names), names[:100])


def check_messages(fleet: MixedFleet, run: Run) -> None:
    assert "Traceback" not in run.output
    assert "Traceback" not in json.dumps(run.results)
    said = {entry["host"]: entry["result"]["msg"] for entry in run.results if entry["status"] == "failed"}
    for host, name in fleet.kinds.items():
        assert (host in said) == bool(KINDS[name].says)
        if host in said:
            assert "\n" not in said[host]
            assert re.search(KINDS[name].says, said[host]), said[host]


def check_machines(fleet: MixedFleet) -> None:
    for host, name in fleet.kinds.items():
        machine = fleet.machines[host]
        # Nothing of a write that was refused or did not get through is left.
        assert not list(machine.root.rglob(".devfleet-axiom-*")), name
        if KINDS[name].first in ("ok", "changed"):
            assert machine.drop_in.read_text() == fleet.wanted(host), name
            assert machine.drop_in.stat().st_mode & 0o7777 == 0o644
            assert machine.drop_in.stat().st_uid == os.geteuid()


def test_the_rest_is_right_the_numbers_add_up_and_no_message_is_a_traceback(fleet: MixedFleet, number: int) -> None:
    first, peak = fleet.enforce()
    outcomes = {host: KINDS[name].first for host, name in fleet.kinds.items()}
    assert first.status == 2
    check_recap(fleet, first, outcomes)
    check_stats(first, outcomes)
    check_messages(fleet, first)
    check_machines(fleet)
    assert peak < BASE + EACH * number + FORK * FORKS

    second, again = fleet.enforce()
    outcomes = {host: "ok" if outcome == "changed" else outcome for host, outcome in outcomes.items()}
    assert second.status == 2
    assert second.changed() == set()
    check_recap(fleet, second, outcomes)
    check_stats(second, outcomes)
    check_messages(fleet, second)
    check_machines(fleet)
    assert again < BASE + EACH * number + FORK * FORKS
    print(f"{number} machines, {dict(Counter(fleet.kinds.values()))}: {peak:.0f} MiB, then {again:.0f} MiB at most")
