# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: a provisioned Axiom, a stub of Anthropic's API, and machines on which the real client runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from axiom_emulator.testing import LocalAxiom
from e2e import machine as machines
from e2e.client import CURRENT, LISTED, by_age
from e2e.fleet import Fleet
from e2e.machine import Machine
from e2e.stub import StubServer

MakeMachine = Callable[[str], Machine]
WRITE_TABLES = "--write-tables"
WRITE_RECORDING = "--write-recording"
EVERY_CLIENT = "--every-client"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(WRITE_TABLES, action="store_true", help="write what is measured to the tables in docs")
    parser.addoption(WRITE_RECORDING, action="store_true", help="write what the client sends to tests/data")
    parser.addoption(EVERY_CLIENT, action="store_true", help="run every release of clients.yml as well")


def current_client() -> Path:
    """The folder of the client that `make e2e` installed beside the collection."""
    build = os.environ.get("ANSIBLE_COLLECTIONS_PATH", ".build").split(os.pathsep)[0]
    return Path(build, "claude", CURRENT).resolve()


def tried(config: pytest.Config) -> list[str]:
    """The current release; with the option all that are listed too, oldest first."""
    listed = LISTED if config.getoption(EVERY_CLIENT) else []
    return sorted({*listed, current_client().name}, key=by_age)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "release" in metafunc.fixturenames:
        metafunc.parametrize("release", tried(metafunc.config))


def pytest_report_header() -> str:
    return f"client: Claude Code {current_client().name}"


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Where users other than the one who runs the tests can go, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory(prefix="axiom-e2e-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="session")
def api() -> Iterator[StubServer]:
    with StubServer() as stub:
        yield stub


@pytest.fixture(scope="session")
def fleet(folder: Path) -> Iterator[Fleet]:
    """Datasets and tokens exist, and the store holds the secrets."""
    with LocalAxiom() as axiom:
        fleet = Fleet(folder / "controller", axiom)
        fleet.provision()
        yield fleet


@pytest.fixture(autouse=True)
def _nothing_arrived_yet(fleet: Fleet) -> None:
    fleet.axiom.clear_arrived()
    fleet.axiom.clear_requests()


@pytest.fixture(scope="session")
def make_machine(folder: Path, api: StubServer) -> MakeMachine:
    """Make a machine of that name, without any telemetry yet."""
    client = current_client()
    if not (client / "claude").exists():
        pytest.fail(f"{client} holds no client; `make e2e` installs it")
    obstacle = machines.why_not()
    if obstacle:
        pytest.skip(f"no mount namespace to run the client in: {obstacle}")
    return lambda name: Machine(folder / name, client, api)
