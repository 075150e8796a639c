# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take every defence of tests/mutations.yml out of a copy of the collection, and demand that its tests notice.

First all of these tests have to be green without a mutation.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.mutations import TESTS, Mutation, listed

COLLECTION = Path("ansible_collections/devfleet/axiom")
# Most take a few. What does not end any more has noticed as well.
SECONDS = 180
_RED = re.compile(r"^(?:FAILED|ERROR) (?:tests/)?(\S+?::\w+.*?)(?: - .*)?$", re.MULTILINE)


def copied(build: Path, scratch: Path) -> Path:
    """The built collection and the tests below another directory; returns where a checkout's files are there."""
    checkout = scratch / "checkout"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(build / COLLECTION, scratch / COLLECTION, ignore=ignore)
    shutil.copytree(TESTS, checkout / "tests", ignore=ignore)
    shutil.copy(TESTS.parent / "pyproject.toml", checkout)
    # Tests act for other users, who import from here.
    scratch.chmod(0o755)
    return checkout


def pytest(build: Path, tests: Iterable[str], mutation: Mutation | None = None, *more: str) -> tuple[int | None, str]:
    """Its exit status, None where it did not end, and what it printed."""
    with tempfile.TemporaryDirectory(prefix="devfleet-mutation-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        checkout = copied(build, scratch)
        if mutation:
            path = (checkout if mutation.file.startswith("tests/") else scratch / COLLECTION) / mutation.file
            path.write_text(mutation.applied(path.read_text()))
        with subprocess.Popen(
            # One seed for all, so that a property finds today what it found yesterday.
            [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rfE", "--hypothesis-seed=0", *more]
            + [f"tests/{test}" for test in tests],
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(scratch),
                "PYTHONPATH": f"{scratch}:{checkout / 'tests'}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "COLUMNS": "1000",
            },
            cwd=checkout,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output = process.communicate(timeout=SECONDS if mutation else None)[0]
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return None, ""
            return process.returncode, output


def unnoticed(mutation: Mutation, status: int | None, output: str) -> list[str]:
    """The tests that stayed green."""
    red = _RED.findall(output)
    return [
        test
        for test in mutation.tests
        if status is not None and not any(one == test or one.startswith(f"{test}[") for one in red)
    ]


def main() -> int:
    """Print a line for each defence, and one that counts them; 1 where something stayed green."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="where `make build` has installed the collection")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="take those whose words or file hold this")
    options = parser.parse_args()
    chosen = [one for one in listed() if options.only in f"{one.attack}\n{one.defence}\n{one.file}"]
    tests = sorted({test for one in chosen for test in one.tests})
    status, output = pytest(options.build, tests, None, "-n", str(options.workers))
    if status != 0:
        print(f"{output}\nThese have to be green before any defence is taken out.")
        return 1
    print(f"green  {len(tests)} tests, with nothing taken out")
    survived = 0
    with ThreadPoolExecutor(options.workers) as pool:
        for one, found in zip(chosen, pool.map(lambda one: pytest(options.build, one.tests, one), chosen), strict=True):
            missed = unnoticed(one, *found)
            survived += bool(missed)
            word = "GREEN" if missed else "red  " if found[0] is not None else "stuck"
            print(f"{word}  {one.defence}", *missed, sep="\n         ", flush=True)
    noticed = len(chosen) - survived
    print(f"\n{noticed} of {len(chosen)} defences cannot be taken out without a test that turns red.")
    return int(survived > 0)


if __name__ == "__main__":
    sys.exit(main())
