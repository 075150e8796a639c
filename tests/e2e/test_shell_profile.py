# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell profile as real shells and the real client understand it."""

from __future__ import annotations

import re
import shlex
import shutil

import pytest

from e2e.conftest import MakeMachine
from e2e.fleet import EVERYTHING, Fleet
from e2e.machine import PROMPT, USER, Machine
from e2e.stub import ANSWER

# How a developer comes to a prompt; a login sh reads no start-up file but the profile.
STARTS = [["bash", "-ic"], ["bash", "-lc"], ["zsh", "-c"], ["fish", "-c"], ["sh", "-lc"]]
TELEMETRY = re.compile(r"^(OTEL_|CLAUDE_CODE_ENABLE_TELEMETRY)", re.MULTILINE)

each_start = pytest.mark.parametrize("start", STARTS, ids=" ".join)
ASK = f"claude -p {shlex.quote(PROMPT)}"


@pytest.fixture(scope="module", params=["machine-wide", "per user"])
def machine(request: pytest.FixtureRequest, fleet: Fleet, make_machine: MakeMachine) -> Machine:
    machine = make_machine(f"shells-{request.param.replace(' ', '-')}")
    users = [USER] if request.param == "per user" else []
    fleet.enforce(machine, targets=["shell_profile"], users=users)
    return machine


@pytest.fixture(scope="module")
def session_machine(fleet: Fleet, make_machine: MakeMachine) -> Machine:
    machine = make_machine("shells-session")
    fleet.enforce(machine, targets=["shell_profile"], scope="session")
    return machine


def run_in(machine: Machine, start: list[str], command: str) -> str:
    """What a command typed into a shell prints."""
    if not shutil.which(start[0]):
        pytest.skip(f"{start[0]} is not installed")
    run = machine.run(*start, command)
    assert run.returncode == 0, run.stderr
    return run.stdout


def ask_in(machine: Machine, start: list[str]) -> str:
    """Ask the client from a shell; return the environment that another program then sees there."""
    answer, _newline, environment = run_in(machine, start, f"{ASK} && env").partition("\n")
    assert answer == ANSWER
    assert "PATH=" in environment
    return environment


@each_start
def test_the_client_started_from_a_shell_delivers_and_nothing_else_sees_telemetry(
    machine: Machine, fleet: Fleet, start: list[str]
) -> None:
    assert not TELEMETRY.search(ask_in(machine, start))
    assert fleet.arrivals() == EVERYTHING


def test_started_without_a_shell_the_client_sends_nothing(machine: Machine, fleet: Fleet) -> None:
    assert machine.ask().returncode == 0
    assert fleet.sent() == []


@pytest.mark.parametrize("start", [["sh", "-lc"], ["fish", "-c"]], ids=" ".join)
def test_scope_session_reaches_everything_started_from_the_shell(
    session_machine: Machine, fleet: Fleet, start: list[str]
) -> None:
    assert TELEMETRY.search(ask_in(session_machine, start))
    assert fleet.arrivals() == EVERYTHING


@pytest.mark.parametrize("users", [[], [USER]], ids=["machine-wide", "per user"])
def test_after_removal_nothing_is_sent(fleet: Fleet, make_machine: MakeMachine, users: list[str]) -> None:
    machine = make_machine(f"removed-{len(users)}")
    fleet.enforce(machine, targets=["managed_settings", "shell_profile"], users=users)
    ask_in(machine, STARTS[0])
    assert fleet.arrivals() == EVERYTHING
    fleet.axiom.clear_requests()
    fleet.remove(machine, users=users)
    ask_in(machine, STARTS[0])
    assert fleet.sent() == []
    for start in STARTS:
        if shutil.which(start[0]):
            assert run_in(machine, start, "type claude") == "claude is /usr/local/bin/claude\n"
