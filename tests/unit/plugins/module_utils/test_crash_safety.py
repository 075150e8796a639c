# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that is killed at any step leaves the old or the new file, whole, and the next run finishes the work."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.machine import USER, FakeMachine, Snapshot
from support.options import SECRET

from ansible_collections.devfleet.axiom.plugins.module_utils import host_files, targets
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError

# Every way in which the writing code changes a file system, by the name of CPython's audit event.
STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "fcntl.flock"}
ROTATED = "xaat-ffffffff-1111-4222-8333-944445555666"
FOREIGN = '{\n\t"model": "x",\n\t"env": {"A": "1"}\n}\n'
OPTIONS: dict[str, dict[str, Any]] = {
    "drop-in": {},
    "merge": {"managed_settings_layout": "merge"},
    "user-settings": {"targets": ["user_settings"], "users": [USER]},
    "shells": {"targets": ["shell_profile"], "users": [USER], "shells": ["bash", "fish"]},
}


class Killer:
    """Kills this process and its children when it is about to take a given step below a directory."""

    def __init__(self, below: Path, step: int) -> None:
        self.below, self.left = str(below), step

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in STEPS or not self._concerns(event, arguments):
            return
        if self.left == 0:
            os.killpg(0, signal.SIGKILL)
        self.left -= 1

    def _concerns(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return False
        return isinstance(arguments[0], int) or str(arguments[0]).startswith(self.below)


def _killed(root: Path, step: int, work: Callable[[], Any]) -> bool:
    """Do the work in a process that is killed just before that step; False where it was done before it came to that."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setpgid(0, 0)
            sys.addaudithook(Killer(root, step))
            work()
            status = 0
        except HostError as error:
            # With the rights of a user only the process that has them is killed, and the other one says so.
            status = 2 if "ended without an answer" in str(error) else 1
        finally:
            os._exit(status)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) in (0, 2)
    return os.WEXITSTATUS(status) == 2


def _contents(snapshot: Snapshot) -> dict[str, bytes]:
    return {path: entry[3] for path, entry in snapshot.items() if entry[0].startswith("-")}


def _check_remains(snapshot: Snapshot, old: Snapshot, new: Snapshot) -> None:
    """Nothing that the client or a shell reads is anything but the old or the new one."""
    before, after = _contents(old), _contents(new)
    for path, content in _contents(snapshot).items():
        name = path.rpartition("/")[2]
        if name == targets.STATE_NAME:
            json.loads(content)
        elif name.startswith(".devfleet-axiom-"):
            assert name.endswith(".tmp")
            # As private as what it was to become; before it was known what that is, its owner's alone.
            allowed = {entry[0] for entry in new.values() if entry[3] == content}
            assert SECRET.encode() not in content or snapshot[path][0] in {*allowed, "-rw-------"}, path
        else:
            assert content in (before.get(path), after.get(path)), path
    for path in before.keys() & after.keys():
        assert path in _contents(snapshot), path


@pytest.fixture
def make(open_path: Path) -> Callable[[str], FakeMachine]:
    def make(name: str) -> FakeMachine:
        machine = FakeMachine(open_path / name)
        machine.write("etc/claude-code/managed-settings.json", FOREIGN)
        machine.write("etc/claude-code/managed-settings.d/20-x.json", "{}")
        machine.write(f"home/{USER}/.claude/settings.json", FOREIGN, 0o600)
        machine.write(f"home/{USER}/.bashrc", "# theirs\n")
        machine.write(f"home/{USER}/.zshenv", "# theirs\n")
        machine.write(f"home/{USER}/.profile", "# theirs\n")
        machine.write(f"home/{USER}/.config/fish/conf.d/x.fish", "")
        machine.write(f"home/{USER}/.local/share/x", "")
        return machine

    return make


def _every_step(
    make: Callable[[str], FakeMachine], earlier: Callable[[FakeMachine], Any], work: Callable[[FakeMachine], Any]
) -> list[FakeMachine]:
    """A machine for each step at which the work was killed; each was looked at, and is left as it was found."""
    model = make("model")
    earlier(model)
    old = model.snapshot()
    work(model)
    new = model.snapshot()
    assert old != new
    machines: list[FakeMachine] = []
    while True:
        machine = make(f"m{len(machines)}")
        earlier(machine)
        killed = _killed(machine.root, len(machines), lambda machine=machine: work(machine))
        _check_remains(machine.snapshot(), _moved(old, model, machine), _moved(new, model, machine))
        machines.append(machine)
        if not killed:
            assert len(machines) > 2
            return machines


def _moved(snapshot: Snapshot, model: FakeMachine, machine: FakeMachine) -> Snapshot:
    """The same for a machine elsewhere: what was written holds the prefix in places."""
    ours, theirs = str(model.root).encode(), str(machine.root).encode()
    return {path: (*entry[:3], entry[3].replace(ours, theirs)) for path, entry in snapshot.items()}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_killed_installation_is_finished_by_the_next_run(make: Callable[[str], FakeMachine], name: str) -> None:
    options = OPTIONS[name]
    original = make("original").snapshot()
    model = make("finished")
    model.converge(**options)
    for machine in _every_step(make, lambda machine: None, lambda machine: machine.converge(**options)):
        machine.converge(**options)
        assert machine.snapshot() == _moved(model.snapshot(), model, machine)
        machine.converge(state="absent", **options)
        assert machine.snapshot() == original


@pytest.mark.parametrize("name", OPTIONS)
def test_a_killed_update_is_finished_by_the_next_run(make: Callable[[str], FakeMachine], name: str) -> None:
    options = OPTIONS[name]
    original = make("original").snapshot()
    model = make("finished")
    model.converge(**options)
    model.converge(**options, token=ROTATED)
    machines = _every_step(
        make,
        lambda machine: machine.converge(**options),
        lambda machine: machine.converge(**options, token=ROTATED),
    )
    for machine in machines:
        machine.converge(**options, token=ROTATED)
        assert machine.snapshot() == _moved(model.snapshot(), model, machine)
        machine.converge(state="absent", **options)
        assert machine.snapshot() == original


@pytest.mark.parametrize("name", OPTIONS)
def test_a_killed_removal_is_finished_by_the_next_run(make: Callable[[str], FakeMachine], name: str) -> None:
    options = OPTIONS[name]
    original = make("original").snapshot()
    machines = _every_step(
        make,
        lambda machine: machine.converge(**options),
        lambda machine: machine.converge(state="absent", **options),
    )
    for machine in machines:
        machine.converge(state="absent", **options)
        assert machine.snapshot() == original


@pytest.mark.parametrize("name", OPTIONS)
def test_who_is_reading_a_file_reads_the_old_one_to_its_end(make: Callable[[str], FakeMachine], name: str) -> None:
    machine = make("machine")
    machine.converge(**OPTIONS[name])
    paths = [path for path in machine.root.rglob("*") if path.is_file()]
    with ExitStack() as stack:
        readers = {path: (stack.enter_context(open(path, "rb")), path.read_bytes()) for path in paths}
        machine.converge(**OPTIONS[name], token=ROTATED)
        assert [path for path in paths if path.read_bytes() != readers[path][1]]
        for reader, old in readers.values():
            assert reader.read() == old


def test_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_end(
    open_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut there is the old or the new file: the kernel writes in any order unless it is told."""
    done: list[str] = []
    fsync, replace, unlink = os.fsync, os.replace, os.unlink

    def synced(descriptor: int) -> None:
        where = os.readlink(f"/proc/self/fd/{descriptor}")
        done.append("folder" if where == str(open_path) else f"bytes: {Path(where).read_text()}")
        fsync(descriptor)

    def replaced(source: str, target: str) -> None:
        done.append("name")
        replace(source, target)

    def unlinked(path: str) -> None:
        done.append("gone")
        unlink(path)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    monkeypatch.setattr(os, "unlink", unlinked)
    host_files.write(str(open_path / "a"), "new", 0o644)
    assert done == ["bytes: new", "name", "folder"]
    host_files.remove(str(open_path / "a"))
    assert done[3:] == ["gone", "folder"]


def test_the_temporary_file_of_a_living_run_is_not_taken_away(open_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def meanwhile(source: str, target: str) -> None:
        # Another run begins, in the same directory, before this one is done.
        host_files.clean(str(open_path))
        replace(source, target)

    # On either side of it, in whichever order they are listed.
    for digit in "0123456789abcdef":
        (open_path / f".devfleet-axiom-{digit * 16}.tmp").write_text("of a run that was killed")
    monkeypatch.setattr(os, "replace", meanwhile)
    host_files.write(str(open_path / "a"), "new", 0o644)
    assert [path.name for path in open_path.iterdir()] == ["a"]


def test_a_file_that_another_run_took_for_a_leftover_is_written_all_the_same(
    open_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, others = fcntl.flock, ["another run"]

    def late(descriptor: int, operation: int) -> None:
        if others:
            others.clear()
            host_files.clean(str(open_path))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    host_files.write(str(open_path / "a"), "new", 0o644)
    assert [(path.name, path.read_text()) for path in open_path.iterdir()] == [("a", "new")]
