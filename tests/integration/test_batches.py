# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rolling out in batches: what breaks in one is not carried to the next; and what enforcing costs without batches."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from support.rollout import ASLEEP, LOGS, Rollout

from axiom_emulator.testing import LocalAxiom

HOSTS = ["a", "b", "c", "d"]
COUNTING = Path(__file__).parents[1] / "support" / "counting"
# Somebody else's document, read after ours: nothing is sent, and the module has nothing to repair.
THEIRS = "etc/claude-code/managed-settings.d/99-theirs.json"


@pytest.fixture
def fleet(open_path: Path, axiom: LocalAxiom) -> Rollout:
    """Four machines with nothing on them, and a store that holds their secret."""
    return Rollout(open_path, axiom, HOSTS).after("provision")


def batches(*sizes: Any, **more: Any) -> list[str]:
    return ["-e", json.dumps({"claude_code_telemetry_serial": [*sizes], **more})]


def reached(fleet: Rollout) -> set[str]:
    """Machines that hold a secret."""
    return {host for host, secret in fleet.installed().items() if secret}


def refuse(fleet: Rollout) -> None:
    fleet.axiom.fault(role="edge", path="/v1/", status=403, body={"message": "no"}, times=None)


def summaries(run: Any) -> list[str]:
    """The last line of each batch's summary."""
    said = [entry for entry in run.results if entry["task"].endswith("Say what was found")]
    return [entry["result"]["msg"][-1] for entry in said]


def test_every_batch_is_verified_and_the_last_one_reaches_the_rest(fleet: Rollout) -> None:
    run = fleet.play("roll_out", *batches(1, "100%"))
    assert run.status == 0, run.output
    assert reached(fleet) == set(HOSTS)
    assert summaries(run) == ["1 of 1 deliver", "3 of 3 deliver"]
    assert {entry["resource"]["host.name"] for entry in fleet.axiom.arrived()} == set(HOSTS)


def test_a_batch_that_does_not_deliver_stops_the_roll_out(fleet: Rollout) -> None:
    refuse(fleet)
    # The strategy of the user's configuration would not know when to stop.
    run = fleet.play("roll_out", ANSIBLE_STRATEGY="free")
    assert run.status == 2
    assert reached(fleet) == {"a"}
    assert "a: managed_settings logs: refused (403)" in run.messages()
    fleet.axiom.clear_faults()
    assert fleet.play("roll_out", *batches(1, "100%")).status == 0
    assert reached(fleet) == set(HOSTS)


def test_one_machine_that_does_not_deliver_stops_a_larger_batch_unless_some_may(fleet: Rollout) -> None:
    fleet.machines["b"].write(THEIRS, '{"env": {"OTEL_LOGS_EXPORTER": "none"}}')
    strict = fleet.play("roll_out", *batches(2), "-e", "claude_code_telemetry_force=true")
    assert strict.status == 2
    assert reached(fleet) == {"a", "b"}
    tolerant = fleet.play(
        "roll_out", *batches(2, claude_code_telemetry_max_fail_percentage=50, claude_code_telemetry_force=True)
    )
    assert tolerant.status == 2
    assert reached(fleet) == set(HOSTS)


def test_a_machine_that_cannot_be_set_up_stops_the_roll_out_before_its_batch_is_probed(fleet: Rollout) -> None:
    fleet.machines["a"].write(THEIRS, "{ not json")
    run = fleet.play("roll_out", *batches(2))
    assert run.status == 2
    assert reached(fleet) == {"b"}
    assert fleet.axiom.arrived() == []


def test_a_sleeping_canary_stops_nobody(fleet: Rollout) -> None:
    fleet.declare(asleep=("a", "c"))
    run = fleet.play("roll_out", *batches(1, "100%"))
    assert run.status == 0, run.output
    assert reached(fleet) == {"b", "d"}
    assert summaries(run) == ["0 of 1 deliver, 1 unreachable", "2 of 3 deliver, 1 unreachable"]


def test_a_roll_out_in_check_mode_goes_through_all_batches_and_touches_nothing(fleet: Rollout) -> None:
    before = {host: machine.snapshot() for host, machine in fleet.machines.items()}
    run = fleet.play("roll_out", "--check", *batches(1, "100%"))
    assert {host for host, _what in run.changed()} == set(HOSTS)
    assert {host: machine.snapshot() for host, machine in fleet.machines.items()} == before
    assert fleet.axiom.arrived() == []


def test_without_batches_a_machine_that_fails_stops_nobody(fleet: Rollout) -> None:
    fleet.machines["a"].write(THEIRS, "{ not json")
    refuse(fleet)
    run = fleet.play("enforce")
    assert run.status == 2
    assert reached(fleet) == {"b", "c", "d"}
    assert [entry["host"] for entry in run.results if entry["action"].endswith(".otlp_probe")] == []


def test_a_converged_run_contacts_each_machine_once_and_opens_the_store_once(fleet: Rollout) -> None:
    """Counted where it happens: by the shell that each machine is contacted with, and by the vault."""
    assert fleet.play("enforce").status == 0
    contacts, decryptions = fleet.root / "contacts", fleet.root / "decryptions"
    shell = fleet.root / "sh"
    shell.write_text(f'#!/bin/sh\necho x >>{contacts}\nexec /bin/sh "$@"\n')
    shell.chmod(0o755)
    path = f"{COUNTING}:{fleet.controller.environment.get('PYTHONPATH', '')}"
    counting = {"PYTHONPATH": path, "COUNT_DECRYPTIONS": str(decryptions)}
    fleet.declare(ansible_shell_executable=str(shell))
    run = fleet.play("enforce", **counting)
    assert run.status == 0, run.output
    assert run.changed() == set()
    assert contacts.read_text().count("x") == len(HOSTS)
    assert decryptions.read_text().count("w") == 1
    # The counters count: where something drifted more contacts are needed, and another run decrypts again.
    fleet.machines["a"].drop_in.unlink()
    assert fleet.play("enforce", **counting).status == 0
    assert contacts.read_text().count("x") > 2 * len(HOSTS)
    assert decryptions.read_text().count("w") == 2


def test_half_of_the_fleet_that_answers_with_silence_fails_nobody(fleet: Rollout) -> None:
    """Connections are taken and nothing is said, as by a machine that fell asleep: ssh gives up after its time-out."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        asleep = {**ASLEEP, "ansible_port": silent.getsockname()[1], "ansible_ssh_timeout": 1}
        (fleet.controller.inventory / "host_vars").mkdir()
        for host in ("a", "c"):
            (fleet.controller.inventory / "host_vars" / f"{host}.yml").write_text(json.dumps(asleep))
        run = fleet.play("enforce", ANSIBLE_FORKS="1")
        assert run.status == 0, run.output
        assert reached(fleet) == {"b", "d"}
        assert {entry["host"] for entry in run.results if entry["status"] == "unreachable"} == {"a", "c"}
        strict = fleet.play("enforce", "-e", "claude_code_telemetry_ignore_unreachable=false")
    assert strict.status == 2, strict.output
    assert "2 of 4 machines did not answer: a, c." in strict.messages()
    assert LOGS in fleet.machines["d"].drop_in.read_text()
