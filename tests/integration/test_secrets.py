# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Search for every secret in everything that a run prints, keeps, passes on or leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import sweep
from support.fleet import HOSTS, TOKENS, Fleet
from support.playbook import Run


@contextmanager
def processes_watched(found: set[str]) -> Iterator[None]:
    """Collect the command lines of all processes for as long as the block runs."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    found.add(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue
            stop.wait(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def secrets(fleet: Fleet) -> list[str]:
    return sweep.registry(fleet.axiom)


def check(fleet: Fleet, run: Run, command_lines: set[str]) -> None:
    assert len(fleet.axiom.secrets()) > 1
    for secret in secrets(fleet):
        assert secret not in run.output
        assert secret not in json.dumps(run.results)
        assert not [line for line in list(command_lines) if secret in line]
    assert sweep.leaks(fleet.controller.root.parent, secrets(fleet)) == []
    for folder in ("local-tmp", "remote-tmp"):
        left = [path for path in (fleet.controller.root / folder).rglob("*") if path.is_file()]
        assert left == []


def test_no_secret_shows_in_the_whole_life_of_a_fleet(fleet: Fleet) -> None:
    command_lines: set[str] = set()
    with processes_watched(command_lines):
        for name, *arguments in (
            ("site", "--check"),
            ("site",),
            ("site",),
            ("enforce", "-e", "claude_code_telemetry_probe=false"),
            ("enforce", "-e", "claude_code_telemetry_intervals=testing"),
            ("verify",),
            ("rotate",),
            ("revoke", "-e", f"axiom_workspace_revoke={TOKENS[0]['name']}"),
        ):
            run = fleet.playbook(name, "-vvvv", "--diff", *arguments)
            assert run.status == 0, run.output
            if name != "site" or "--check" not in arguments:
                check(fleet, run, command_lines)
    assert any("ansible-playbook" in line for line in list(command_lines))
    assert {host for host, machine in fleet.machines.items() if sweep.holders(machine.root, secrets(fleet))} == set(
        HOSTS
    )
    with processes_watched(command_lines):
        check(fleet, fleet.playbook("remove", "-vvvv", "--diff"), command_lines)
    assert not any(sweep.holders(machine.root, secrets(fleet)) for machine in fleet.machines.values())


def test_no_secret_shows_where_things_go_wrong(fleet: Fleet) -> None:
    assert fleet.playbook("site").status == 0
    command_lines: set[str] = set()
    fleet.machines["merged"].base.write_text('{"broken": ')
    fleet.machines["drop-in"].drop_in.unlink()
    fleet.machines["drop-in"].drop_in.mkdir()
    fleet.axiom.fault(role="edge", status=403, body={"message": "no"}, times=None)
    with processes_watched(command_lines):
        run = fleet.playbook("site", "-vvvv", "--diff")
    assert run.status != 0
    check(fleet, run, command_lines)
    fleet.declare(claude_code_telemetry_token_name=fleet.axiom.secrets()[0])
    run = fleet.playbook("site", "-vv")
    assert "holds what looks like an Axiom token" in run.messages()
    assert fleet.axiom.secrets()[0] not in run.messages()


def test_the_secret_is_readable_by_those_who_need_it_and_the_store_by_nobody_else(fleet: Fleet) -> None:
    assert fleet.playbook("site").status == 0
    store = fleet.controller.inventory / "secrets" / "axiom.yml"
    assert store.stat().st_mode & 0o777 == 0o600
    assert store.read_text().startswith("$ANSIBLE_VAULT;")
    view = subprocess.run(
        ["ansible-vault", "view", str(store)],
        env=fleet.controller.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert fleet.axiom.secrets()[-1] in view.stdout
    token = fleet.machines["both"].home / ".local/share/claude-code-telemetry/token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.stat().st_uid == fleet.machines["both"].home.stat().st_uid
    assert os.stat(fleet.machines["drop-in"].drop_in).st_mode & 0o777 == 0o644


def test_a_module_that_breaks_in_the_middle_tells_no_secret(fleet: Fleet) -> None:
    """An error that nobody foresaw, where the secret is in a variable: Python's own report of it is all there is."""
    assert fleet.playbook("provision").status == 0
    broken = fleet.controller.root / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import builtins, os\n"
        "def broken(descriptor):\n"
        "    raise RuntimeError('nobody foresaw this')\n"
        "os.fsync = broken\n"
    )
    run = fleet.controller.playbook("devfleet.axiom.enforce", "-vvvv", "--diff", PYTHONPATH=str(broken))
    assert run.status != 0
    assert "nobody foresaw this" in run.output
    check(fleet, run, set())


def test_no_file_of_a_repair_holds_the_secret_while_it_runs(fleet: Fleet) -> None:
    """Nor do its arguments or its environment. The machine's Python is asked, before it starts the module."""
    assert fleet.playbook("provision").status == 0
    folder = fleet.controller.root / "remote-tmp"
    seen = fleet.controller.root.parent / "seen"
    python = seen.with_name("python")
    python.write_text(
        f"#!/bin/sh\n{{ tr '\\0' ' ' < /proc/$$/cmdline; env; grep -rh . {folder}; }} >> {seen} 2>&1\n"
        f'exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    fleet.declare(ansible_python_interpreter=str(python))
    run = fleet.controller.playbook("devfleet.axiom.enforce", AXIOM_TOKEN="")
    assert {host for host, _what in run.changed()} == set(HOSTS)
    assert str(python) in seen.read_text(errors="replace")
    assert sweep.holders(seen.parent, secrets(fleet)) != []
    assert str(seen) not in sweep.holders(seen.parent, secrets(fleet))


def test_the_system_log_says_that_a_module_was_called_and_no_secret(fleet: Fleet, system_log: list[str] | None) -> None:
    if system_log is None:
        pytest.skip("the machine's system log is not ours to read, or another process reads it")
    assert fleet.playbook("site").status == 0
    noted = [message for message in system_log if "claude_code_telemetry: Invoked with" in message]
    assert noted
    assert all("token=NOT_LOGGING_PARAMETER" in message for message in noted)
    for secret in secrets(fleet):
        assert not [message for message in system_log if secret in message]
