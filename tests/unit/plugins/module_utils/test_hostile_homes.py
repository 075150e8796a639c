# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users may prepare in their homes before root comes: it gains them nothing, and holds nobody else up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.machine import USER, USER_ID, FakeMachine, Snapshot
from support.options import SECRET

from ansible_collections.devfleet.axiom.plugins.module_utils import host_files
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")

OPTIONS: dict[str, Any] = {"targets": ["shell_profile", "user_settings"], "users": [USER]}
FILES = [
    ".bashrc",
    ".claude/settings.json",
    ".claude/.claude-code-telemetry.state",
    ".config/claude-code-telemetry/profile.sh",
    ".local/share/claude-code-telemetry/token",
]
FOLDERS = [".claude", ".config/claude-code-telemetry", ".local/share/claude-code-telemetry"]


def _link(to: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(to)


def _hard_link(mode: int) -> Callable[[Path], None]:
    def plant(path: Path) -> None:
        prize = path.parents[len(path.parts) - len(_root(path).parts) - 1] / "etc/prize"
        prize.chmod(mode)
        os.link(prize, path)

    return plant


def _root(path: Path) -> Path:
    return next(parent for parent in path.parents if (parent / "etc/passwd").exists())


def _socket(path: Path) -> None:
    here = Path.cwd()
    # The name of a socket has little room.
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def _huge(path: Path) -> None:
    with open(path, "wb") as stream:
        stream.truncate(host_files.SIZE_MAX + 1)


def _root_s_own(path: Path) -> None:
    path.write_text("{}")
    path.chmod(0o600)


PLANTS: dict[str, Callable[[Path], None]] = {
    "link to a file of root's": _link("../../etc/prize"),
    "link to the accounts": _link("/etc/passwd"),
    "dangling link": _link("/nowhere/at/all"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "hard link to a secret file": _hard_link(0o600),
    "hard link to a public file": _hard_link(0o644),
    "FIFO": os.mkfifo,
    "socket": _socket,
    "endless device": lambda path: os.mknod(path, 0o666 | 0o020000, os.makedev(1, 5)),
    "directory": lambda path: path.mkdir(),
    "huge": _huge,
    "file of root's": _root_s_own,
    "no text": lambda path: path.write_bytes(b"\xff\xfe{"),
}


@pytest.fixture
def machine(open_path: Path) -> FakeMachine:
    machine = FakeMachine(open_path / "machine")
    machine.write("etc/prize", "root's own\n", 0o600)
    (machine.root / "var").mkdir(mode=0o777)
    return machine


def _outside(machine: FakeMachine) -> Snapshot:
    return {path: entry for path, entry in machine.snapshot().items() if not path.startswith(f"home/{USER}")}


def _in_home(machine: FakeMachine, name: str) -> Path:
    path = machine.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in path.parents:
        if folder == machine.home:
            break
        os.chown(folder, USER_ID, USER_ID)
    return path


def _attempt(machine: FakeMachine, **changes: Any) -> str:
    """Empty, or why it was refused."""
    try:
        machine.converge(**{**OPTIONS, **changes})
        problem = ""
    except HostError as error:
        problem = str(error)
    assert SECRET not in problem
    return problem


def _check(machine: FakeMachine, outside: Snapshot) -> None:
    assert _outside(machine) == outside
    for path in machine.home.rglob("*"):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > 10**6:
            continue
        if SECRET.encode() in path.read_bytes():
            assert path.stat().st_uid == USER_ID
            assert path.stat().st_mode & 0o077 == 0
    assert not list(machine.home.rglob(".devfleet-axiom-*"))


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("name", FILES)
def test_what_is_planted_in_the_place_of_a_file_gains_nothing(machine: FakeMachine, name: str, plant: str) -> None:
    path = _in_home(machine, name)
    PLANTS[plant](path)
    if plant in ("FIFO", "socket", "directory", "huge", "no text"):
        os.chown(path, USER_ID, USER_ID)
    outside = _outside(machine)
    problem = _attempt(machine)
    assert not problem or str(machine.home) in problem
    # Whatever it is, it is looked at and not waited for; and what nobody could read to its end is not replaced either.
    assert "did not answer" not in problem
    assert problem or plant not in ("FIFO", "socket", "endless device", "directory")
    # Before it is in memory, not when it would be written.
    assert "is no settings or start-up file" in problem or plant != "huge"
    # Each target alone, too: what stops one must not hide what another would do.
    for target in OPTIONS["targets"]:
        _attempt(machine, targets=[target])
    _check(machine, outside)


@pytest.mark.parametrize("plant", ["link", "dangling", "loop", "file", "root's", "read-only", "FIFO"])
@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_planted_in_the_place_of_a_directory_gains_nothing(machine: FakeMachine, name: str, plant: str) -> None:
    path = _in_home(machine, name)
    if plant in ("link", "dangling", "loop"):
        path.symlink_to({"link": machine.root / "etc", "dangling": "/nowhere", "loop": path.name}[plant])
    elif plant == "file":
        path.write_text("")
    elif plant == "FIFO":
        os.mkfifo(path)
    else:
        path.mkdir()
        path.chmod(0o755 if plant == "root's" else 0o555)
        os.chown(path, 0 if plant == "root's" else USER_ID, -1)
    outside = _outside(machine)
    if plant == "read-only" and name != ".claude":
        # One of ours, by its name: it gets its mode again.
        machine.converge(**OPTIONS)
    else:
        with pytest.raises(HostError, match=str(machine.home)):
            machine.converge(**OPTIONS)
    _check(machine, outside)


def test_a_directory_that_all_may_write_is_no_way_to_another_users_secret(machine: FakeMachine) -> None:
    """The home leads to a place where others could swap what we write: only the user's own files are at stake."""
    (machine.home / ".local").symlink_to(machine.root / "var")
    _attempt(machine)
    for path in (machine.root / "var").rglob("*"):
        assert path.stat().st_uid == USER_ID
        assert path.is_dir() or SECRET not in path.read_text() or path.stat().st_mode & 0o077 == 0


@contextmanager
def _as_user(work: Callable[[], None]) -> Iterator[int]:
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(USER_ID)
            os.setuid(USER_ID)
            while True:
                work()
        finally:
            os._exit(1)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_directory_that_is_swapped_during_the_run_gains_nothing(machine: FakeMachine, name: str) -> None:
    path = _in_home(machine, name)
    path.mkdir()
    link = path.with_name(path.name + ".link")
    link.symlink_to(machine.root / "etc")
    aside = path.with_name(path.name + ".aside")
    for folder in (path, path.parent):
        os.chown(folder, USER_ID, USER_ID)
    outside = _outside(machine)

    def swap() -> None:
        os.rename(path, aside)
        os.rename(link, path)
        os.rename(path, link)
        os.rename(aside, path)

    with _as_user(swap):
        for _round in range(8):
            for state in ("present", "absent"):
                _attempt(machine, state=state)
                _attempt(machine, state=state, targets=["shell_profile"])
    assert _outside(machine) == outside


def test_a_user_who_stops_the_work_in_their_home_holds_up_that_home_only(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_files, "HOME_SECONDS", 1)
    owner = host_files.account(USER, str(machine.root))
    with pytest.raises(HostError, match=f"the home of {USER}, {machine.home}, did not answer within 1 s"):
        host_files.run_as(owner, lambda: os.kill(os.getpid(), signal.SIGSTOP))
    assert host_files.run_as(owner, os.getuid) == USER_ID


def test_the_work_in_a_home_has_the_owners_rights_and_no_others(machine: FakeMachine) -> None:
    owner = host_files.account(USER, str(machine.root))
    groups = os.getgroups()
    os.setgroups([*groups, 0, 4711])
    try:
        rights = host_files.run_as(owner, lambda: [os.getresuid(), os.getresgid(), os.getgroups()])
    finally:
        os.setgroups(groups)
    assert rights == [[USER_ID] * 3, [USER_ID] * 3, []]
    with pytest.raises(HostError, match="Permission denied"):
        host_files.run_as(owner, (machine.root / "etc/prize").read_text)
    with pytest.raises(HostError, match="not permitted"):
        host_files.run_as(owner, lambda: os.setuid(0))


_NAMESPACE = ("unshare", "-m", "sh", "-ec")
_PROGRAM = """
import json, sys
from ansible_collections.devfleet.axiom.plugins.module_utils import converge, host_files
try:
    converge.converge(json.load(sys.stdin), False)
    print("done")
except host_files.HostError as error:
    print(error)
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare for mounts of its own")
@pytest.mark.parametrize(
    ("mount", "says"),
    [
        (
            "mount -t tmpfs -o size=4k,mode=0777 tmpfs .claude && head -c 4096 /dev/zero > .claude/full",
            "free some space",
        ),
        ("touch .bashrc && chown 4242 .bashrc && mount --bind .bashrc .bashrc", "something is mounted there"),
        ("mount -t tmpfs -o ro tmpfs .local", "read-only file system"),
    ],
    ids=["full disk", "mount point", "read-only file system"],
)
def test_what_is_mounted_in_a_home_is_named(machine: FakeMachine, mount: str, says: str) -> None:
    for name in (".claude", ".local"):
        _in_home(machine, name + "/x")
    outside = _outside(machine)
    run = subprocess.run(
        [*_NAMESPACE, f'cd "$1"; {mount}; exec "$2" -c "$3"', "sh", machine.home, sys.executable, _PROGRAM],
        input=json.dumps(machine.options(**OPTIONS)),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert says in run.stdout, run.stdout
    assert str(machine.home) in run.stdout
    assert SECRET not in run.stdout + run.stderr
    _check(machine, outside)
