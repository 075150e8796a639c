# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures for tests that run playbooks."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.fleet import Fleet
from support.playbook import core_version

from axiom_emulator.testing import LocalAxiom


def pytest_report_header() -> str:
    return f"controller: ansible-core {'.'.join(map(str, core_version()))}"


@pytest.fixture
def fleet(open_path: Path, axiom: LocalAxiom) -> Fleet:
    """Machines on bare ground and an empty Axiom."""
    return Fleet(open_path, axiom)
