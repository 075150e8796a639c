# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first page of the documentation: its one command does what the page says, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from support.checkout import CHECKOUT


def test_the_demo_is_what_the_first_page_says(open_path: Path) -> None:
    recipe = subprocess.run(["make", "-n", "demo"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert recipe.splitlines()[-1] == "tests/demo/run"
    temporary, home = open_path / "tmp", open_path / "home"
    temporary.mkdir()
    home.mkdir()
    # Of a matrix the first python in PATH is the controller's, and has nothing that the local Axiom needs.
    tools = open_path / "bin"
    tools.mkdir()
    (tools / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tools / "python").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    done = subprocess.run(
        [CHECKOUT / "tests/demo/run"],
        cwd=home,
        env={**os.environ, "TMPDIR": str(temporary), "HOME": str(home), "PATH": path, "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    said = dict(re.findall(r"^\x1b\[1m(\d)\. (.*)\x1b\[0m$", done.stdout, re.MULTILINE))
    promised = re.findall(r"^(\d)\. \*\*", (CHECKOUT / "docs/start.md").read_text(), re.MULTILINE)
    assert list(said) == promised
    first, second = re.split(r"^\x1b\[1m4\. .*$", done.stdout, flags=re.MULTILINE)
    recap = r"^([\w-]+) +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0"
    machines = dict(re.findall(recap, first, re.MULTILINE))
    assert len(machines) == 4
    assert "0" not in machines.values()
    assert dict(re.findall(recap, second, re.MULTILINE)) == dict.fromkeys(machines, "0")
    assert "disableBypassPermissionsMode" in second, "the foreign policy is still there"
    arrived = second.partition(said["6"])[2]
    assert all(machine in arrived for machine in machines)
    assert list(temporary.iterdir()) == []
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(temporary) not in running
