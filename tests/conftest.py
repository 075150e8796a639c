# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for all tests."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Not in pyproject.toml: `ansible-test units` reads no configuration of pytest's but its own.
sys.path.insert(0, str(Path(__file__).parent))

from axiom_emulator.testing import LocalAxiom

# How long an example takes says nothing on a machine that is shared.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture
def axiom() -> Iterator[LocalAxiom]:
    """A fresh local Axiom, gone after the test."""
    with LocalAxiom() as running:
        yield running


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A temporary directory that other users can reach; pytest keeps its own private."""
    with tempfile.TemporaryDirectory(prefix="devfleet-") as folder:
        path = Path(folder)
        path.chmod(0o711)
        yield path
