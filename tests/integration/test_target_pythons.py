# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job with the oldest and the newest Python found here that the controller's core supports on machines."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.fleet import HOSTS, Fleet
from support.playbook import target_pythons
from support.pythons import pythons

FOUND = pythons(target_pythons(), "json, ssl", first=[Path(sys.executable).parent])
ENDS = [*dict.fromkeys([next(iter(FOUND)), next(reversed(FOUND))])]


@pytest.mark.parametrize("version", ENDS)
def test_the_main_job_on_this_python(fleet: Fleet, open_path: Path, version: str) -> None:
    started, interpreter = open_path / "started", open_path / "python"
    interpreter.write_text(f'#!/bin/sh\necho >>{started}\nexec {FOUND[version]} "$@"\n')
    interpreter.chmod(0o755)
    fleet.declare(ansible_python_interpreter=str(interpreter))
    done = fleet.playbook("site")
    assert done.status == 0, done.output
    assert {host for host, _what in done.changed()} == set(HOSTS)
    # On each machine one module that converges and one that probes.
    assert started.read_text().count("\n") >= 2 * len(HOSTS)
    assert {entry["resource"]["host.name"] for entry in fleet.axiom.arrived()} == set(HOSTS)
    removed = fleet.playbook("remove")
    assert removed.status == 0, removed.output
    assert {host for host, _what in removed.changed()} == set(HOSTS)
