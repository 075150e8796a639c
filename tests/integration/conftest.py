# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures for tests that run playbooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import sweep
from support.fleet import Fleet
from support.playbook import core_version

from axiom_emulator.testing import LocalAxiom


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--machines", type=int, default=60, help="how many there are in the fleet in which much is wrong")
    parser.addoption("--runs", type=int, default=5, help="how many follow each other and leave nothing behind")


def pytest_report_header() -> str:
    return f"controller: ansible-core {'.'.join(map(str, core_version()))}"


@pytest.fixture
def fleet(open_path: Path, axiom: LocalAxiom) -> Fleet:
    """Machines on bare ground and an empty Axiom."""
    return Fleet(open_path, axiom)


@pytest.fixture(autouse=True)
def nothing_leaks(request: pytest.FixtureRequest, open_path: Path) -> Iterator[None]:
    """After each test no secret is where it does not belong; `secrets_belong("*/a/file")` names other places."""
    axiom = request.getfixturevalue("axiom") if "axiom" in request.fixturenames else None
    yield
    places = [place for mark in request.node.iter_markers("secrets_belong") for place in mark.args]
    assert sweep.leaks(open_path, sweep.registry(axiom), places) == []


@pytest.fixture(autouse=True, scope="session")
def system_log() -> Iterator[list[str] | None]:
    """What modules leave in the machine's log: that they were called, and with what."""
    log = sweep.SystemLog()
    yield log.messages
    log.close()
    assert [message for message in log.messages or [] if sweep.ANY_TOKEN.search(message)] == []
