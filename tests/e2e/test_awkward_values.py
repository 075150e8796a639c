# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that shells, JSON and encodings could damage, as the real client decodes them; documents it starts with."""

from __future__ import annotations

import string
from collections.abc import Iterator

import pytest
from support import awkward
from support.options import telemetry_options_with
from support.settings_documents import DOCUMENTS

from ansible_collections.devfleet.axiom.plugins.module_utils import converge
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import DATASET_HEADERS
from e2e.conftest import MakeMachine
from e2e.fleet import Fleet
from e2e.machine import UNDISTURBED
from e2e.stub import ANSWER, StubServer

# Each alone, at the beginning and at the end.
ATTRIBUTES = {f"awkward.{index}": piece for index, piece in enumerate(awkward.PIECES)} | {
    f"around.{index}": f"{piece}x{piece}" for index, piece in enumerate(awkward.PIECES)
}
# Every character that a token and a dataset may hold.
TOKEN = f"{string.ascii_letters}{string.digits}._~+/=-2B=="
DATASET = f"-._{string.ascii_letters}{string.digits}-"
# Those in which something could go wrong. Of a nest deeper than 64 levels the client warns, whoever wrote it.
LAYOUTS = {name: text for name, text in DOCUMENTS.items() if len(text) > 20 and name != "deep"}


@pytest.fixture
def collector() -> Iterator[StubServer]:
    """Takes the place of Axiom."""
    with StubServer() as stub:
        yield stub


def endpoints(collector: StubServer) -> dict[str, str]:
    return {f"{signal}_endpoint": f"{collector.url}/v1/{signal}" for signal in ("logs", "metrics")}


def check_attributes(fleet: Fleet) -> None:
    arrived = [row["resource"] for row in fleet.axiom.arrived()]
    assert arrived
    for resource in arrived:
        assert {name: resource.get(name) for name in ATTRIBUTES} == ATTRIBUTES


@pytest.mark.parametrize("layout", ["drop_in", "merge"])
def test_resource_attributes_through_settings(fleet: Fleet, make_machine: MakeMachine, layout: str) -> None:
    machine = make_machine(f"awkward-{layout}")
    fleet.enforce(machine, managed_settings_layout=layout, resource_attributes=ATTRIBUTES)
    assert machine.ask() == UNDISTURBED
    check_attributes(fleet)


def test_resource_attributes_through_shells(fleet: Fleet, make_machine: MakeMachine) -> None:
    machine = make_machine("awkward-shells")
    fleet.enforce(machine, targets=["shell_profile"], resource_attributes=ATTRIBUTES)
    for shell in ("sh", "bash", "zsh", "fish"):
        fleet.axiom.clear_arrived()
        assert machine.run(shell, "-lc", "claude -p hello", environment={"LC_ALL": "C"}).stdout == f"{ANSWER}\n"
        check_attributes(fleet)


def test_headers(make_machine: MakeMachine, fleet: Fleet, collector: StubServer) -> None:
    machine = make_machine("awkward-headers")
    datasets = {f"{signal}_dataset": f"{signal}{DATASET}" for signal in ("logs", "metrics")}
    fleet.enforce(machine, token=TOKEN, **datasets, **endpoints(collector))
    assert machine.ask() == UNDISTURBED
    seen = dict(zip(collector.requests, collector.headers, strict=True))
    for signal, header in DATASET_HEADERS.items():
        sent = seen[f"POST /v1/{signal}"]
        assert sent["authorization"] == f"Bearer {TOKEN}"
        assert {name: value for name, value in sent.items() if name.startswith("x-axiom")} == {
            header: datasets[f"{signal}_dataset"]
        }


def test_the_client_starts_with_what_was_merged_into_any_document(
    make_machine: MakeMachine, collector: StubServer
) -> None:
    machine = make_machine("awkward-documents")
    options = telemetry_options_with(
        prefix=str(machine.root), managed_settings_layout="merge", token=TOKEN, **endpoints(collector)
    )
    document = machine.etc / "claude-code/managed-settings.json"
    for name, text in LAYOUTS.items():
        document.parent.mkdir(exist_ok=True)
        document.write_bytes(text.encode())
        converge.converge(options, check=False)
        collector.forget()
        assert (name, machine.ask()) == (name, UNDISTURBED)
        assert (name, sorted(set(collector.requests))) == (name, ["POST /v1/logs", "POST /v1/metrics"])
        converge.converge({**options, "state": "absent"}, check=False)
        assert document.read_bytes() == text.encode()
