# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ways to start a shell the shell profile reaches: measured, value by value, and written to docs/shells.md."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e import machine as machines
from e2e import telemetry_program
from e2e.conftest import WRITE_TABLES
from e2e.fleet import METRICS_DATASET, TOKEN, Fleet
from e2e.machine import USER, Machine
from e2e.start_up import SSHD, START_UPS, Seen, Shells, StartUp, install_stand_in
from e2e.stub import StubServer
from e2e.tables import Document, rendered

SCOPES = ("claude", "session")
PLACES: dict[str, list[str]] = {"machine-wide": [], "per user": [USER]}
COMBINATIONS = tuple(itertools.product(SCOPES, PLACES))
PROGRAM = str(Path(telemetry_program.__file__))

each_start_up = pytest.mark.parametrize("start_up", START_UPS, ids=lambda start_up: start_up.name)
each_scope = pytest.mark.parametrize("scope", SCOPES)
each_place = pytest.mark.parametrize("place", PLACES)


class Laptops:
    """A machine for each scope and place, and a bare one; each way to start a shell is tried once."""

    def __init__(self, folder: Path, fleet: Fleet, api: StubServer) -> None:
        client = install_stand_in(folder / "stand-in")
        self._bare = Shells(Machine(folder / "shells-bare", client, api))
        self._shells: dict[tuple[str, str], Shells] = {}
        self._seen: dict[tuple[StartUp, str, str], Seen] = {}
        for scope, place in COMBINATIONS:
            machine = Machine(folder / f"shells-{scope}-{place}", client, api)
            self._shells[scope, place] = Shells(machine)
            targets = ["managed_settings", "shell_profile"]
            fleet.enforce(machine, targets=targets, users=PLACES[place], scope=scope, shield=False)
            (drop_in,) = (machine.etc / "claude-code/managed-settings.d").glob("*.json")
            self.declared: dict[str, str] = json.loads(drop_in.read_text())["env"]

    def bare(self, start_up: StartUp) -> Seen:
        return self._bare.start(start_up)

    def seen(self, start_up: StartUp, scope: str, place: str) -> Seen:
        key = (start_up, scope, place)
        if key not in self._seen:
            self._seen[key] = self._shells[scope, place].start(start_up)
        return self._seen[key]

    def of(self, environment: dict[str, str]) -> dict[str, str]:
        """What of an environment is about telemetry."""
        return {
            name: value
            for name, value in environment.items()
            if name in self.declared or name.startswith(("OTEL_", "_claude", "CLAUDE"))
        }


@pytest.fixture(scope="module")
def laptops(folder: Path, fleet: Fleet, api: StubServer) -> Laptops:
    obstacle = machines.why_not() or (None if os.geteuid() == 0 else "only root can start sshd for somebody else")
    if obstacle:
        pytest.skip(f"no machine to start shells on: {obstacle}")
    missing = {program for program in (*(each.program for each in START_UPS), SSHD) if not shutil.which(program)}
    if missing:
        pytest.fail(
            f"not installed: {', '.join(sorted(missing))}; `make e2e` installs them, sshd only where it would not start"
        )
    return Laptops(folder, fleet, api)


@each_place
@each_scope
@each_start_up
def test_a_shell_sees_the_environment_as_declared_or_nothing_of_it(
    laptops: Laptops, start_up: StartUp, scope: str, place: str
) -> None:
    seen = laptops.seen(start_up, scope, place)
    found = laptops.of(seen.claude)
    assert found in (laptops.declared, {})
    assert laptops.of(seen.other) == (found if scope == "session" else {})
    assert seen.stderr == laptops.bare(start_up).stderr


def table(laptops: Laptops) -> list[list[str]]:
    rows = [["shell started as", "for example by", *(f"`{scope}`, {place}" for scope, place in COMBINATIONS)]]
    for start_up in START_UPS:
        reached = ("yes" if laptops.of(laptops.seen(start_up, *each).claude) else "**no**" for each in COMBINATIONS)
        rows.append([f"`{start_up.name}`", start_up.used_by, *reached])
    return rows


def test_the_documented_table_is_what_was_measured(laptops: Laptops, request: pytest.FixtureRequest) -> None:
    document = Document("shells.md", Path(__file__).name)
    measured = table(laptops)
    if request.config.getoption(WRITE_TABLES):
        document.write(measured)
    assert document.table == rendered(measured), "run `make docs-tables`"


def run_program(environment: dict[str, str], collector: StubServer) -> None:
    """Start a program with the environment that a shell hands on, and telemetry of its own configured by its owner."""
    own = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "10"}
    subprocess.run([sys.executable, PROGRAM], env={**own, **environment}, check=True, capture_output=True, timeout=60)


REACHED = [
    start_up for start_up in START_UPS if start_up.command in (("bash", "-l"), ("zsh", "-i"), ("fish",), ("sh", "-l"))
]


@pytest.mark.parametrize("start_up", [each for each in REACHED if not each.ssh], ids=lambda start_up: start_up.name)
def test_scope_claude_keeps_another_programs_telemetry_its_own(
    laptops: Laptops, fleet: Fleet, start_up: StartUp
) -> None:
    with StubServer() as collector:
        run_program(laptops.seen(start_up, "claude", "machine-wide").other, collector)
        assert collector.requests == ["POST /v1/metrics"]
    assert fleet.sent() == []


def test_scope_session_takes_another_programs_telemetry(laptops: Laptops, fleet: Fleet) -> None:
    """What the documentation warns of, and what shows that the test above could fail."""
    with StubServer() as collector:
        run_program(laptops.seen(REACHED[0], "session", "machine-wide").other, collector)
        assert collector.requests == []
    assert [(row["name"], row["dataset"], row["token"]) for row in fleet.axiom.arrived()] == [
        ("own.counter", METRICS_DATASET, TOKEN)
    ]
