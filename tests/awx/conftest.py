# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures for tests with AWX: a local controller, and a machine from which it is configured."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.playbook import Controller

from awx_controller.testing import LocalController, WebhookReceiver

AWX_COLLECTION = Path(os.environ["ANSIBLE_COLLECTIONS_PATH"]) / "awx"


@pytest.fixture
def controller() -> Iterator[LocalController]:
    """A local controller that holds what a new AWX holds; its execution environment has no collections."""
    with LocalController() as running:
        yield running
        assert not running.log, running.log


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A receiver of webhooks on loopback."""
    with WebhookReceiver() as running:
        yield running


@pytest.fixture
def operator(controller: LocalController, tmp_path: Path) -> Controller:
    """Where ansible-playbook runs with awx.awx, pointed at the local controller."""
    assert AWX_COLLECTION.is_dir(), f"{AWX_COLLECTION} is missing: run `make test-awx` once"
    collections = os.pathsep.join([os.environ["ANSIBLE_COLLECTIONS_PATH"], str(AWX_COLLECTION)])
    # Many small modules, each copied to where it runs already: half the time without that.
    options = {"ANSIBLE_COLLECTIONS_PATH": collections, "ANSIBLE_PIPELINING": "1"}
    made = Controller(tmp_path / "operator", {**controller.env(), **options})
    made.hosts({})
    return made
