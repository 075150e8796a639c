# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""With the probe and without it a machine ends in the same state, and `changed` and failure are the same.

The real action and the real module's work, on machines in random states and with shells, tools and login habits of many
kinds. The probe's script runs in a real shell; what it prints is then disturbed as real logins disturb it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import connection_loader
from ansible.template import Templar
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from support.edits import EDITS, VARIANTS
from support.machine import FakeMachine

from ansible_collections.devfleet.axiom.plugins.action.claude_code_telemetry import ActionModule
from ansible_collections.devfleet.axiom.plugins.module_utils import converge
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError

SHELLS = {
    "dash": ["dash"],
    "bash": ["bash"],
    "bash, restricted": ["bash", "--restricted"],
    "busybox": ["busybox", "sh"],
    "zsh": ["zsh", "--emulate", "sh"],
    "no shell": ["false"],
}
TOOLS = ("cat", "grep", "id", "ls", "sed", "setpriv", "sh", "sha256sum", "shasum", "timeout", "uname")
SYSTEM_PATH = "PATH=$PATH:/usr/bin:/bin:/usr/sbin:/sbin"
# Tools that are there and answer in another way, as scripts in their place.
ODD_TOOLS = {
    "ls": [
        # An extended attribute, as macOS and SELinux show it.
        'exec /bin/ls "$@" | sed -E "s/^([-dlrwxsStT]{10})/\\1@/"',
        'exec /bin/ls --time-style=long-iso "$@"',
        'exec /bin/ls --color=always "$@"',
        'exec /bin/ls -i "$@"',
        'exec /bin/ls -Q "$@"',
        'exec busybox ls "$@"',
    ],
    "sha256sum": [
        'echo "Command sha256sum not found, but can be installed with: apt install coreutils"',
        'exec /usr/bin/sha256sum --tag "$@"',
        'exec /usr/bin/sha256sum --binary "$@"',
        "exit 127",
        'exec busybox sha256sum "$@"',
    ],
    "id": ["echo 'uid=0(root) gid=0(root)'", "exit 1"],
    "uname": ["echo FreeBSD", "exit 1"],
    "timeout": ["exit 125", 'shift; exec "$@"'],
    "sed": ['exec busybox sed "$@"', "exit 1"],
}
LOCALES = ({}, {"LC_ALL": "de_DE.UTF-8"}, {"LANG": "tr_TR.UTF-8", "LC_TIME": "ja_JP.eucJP"}, {"LANG": "xx"})
SETTINGS: tuple[dict[str, str], ...] = (
    {},
    {"TIME_STYLE": "full-iso"},
    {"QUOTING_STYLE": "shell-always"},
    {"POSIXLY_CORRECT": "1", "BLOCK_SIZE": "human-readable"},
    {"LS_COLORS": "di=1", "CLICOLOR_FORCE": "1", "GREP_OPTIONS": "--color=always"},
    {"CDPATH": "/", "IFS": "/", "ENV": "/nowhere"},
)
LECTURE = """
We trust you have received the usual lecture from the local System
Administrator. It usually boils down to these three things:

    #1) Respect the privacy of others.
    #2) Think before you type.
"""
BANNERS = (
    "",
    "Welcome to dev1\n",
    LECTURE,
    "Last login: Tue Nov 24 21:01:07 2026 from 10.0.0.7\n=== maintenance at 22:00 ===\n",
    "=user 0 / /\n=ls\n=sum\n=end\n",
    "\x1b]0;ada@dev1\x07\x1b[31mno newline at the end",
)


class Habit(NamedTuple):
    """How a machine answers."""

    shell: str = "dash"
    missing: tuple[str, ...] = ()
    odd: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    before: str = ""
    after: str = ""
    said_at_the_end: str = ""
    returns: bool = False
    errors_too: bool = False
    kept: float = 1.0


@st.composite
def habits(draw: st.DrawFn) -> Habit:
    odd = draw(st.lists(st.sampled_from(list(ODD_TOOLS)), unique=True, max_size=2))
    return Habit(
        shell=draw(st.sampled_from(list(SHELLS))),
        missing=tuple(draw(st.lists(st.sampled_from(TOOLS), unique=True, max_size=3))),
        odd=tuple((tool, draw(st.sampled_from(ODD_TOOLS[tool]))) for tool in odd),
        environment=tuple({**draw(st.sampled_from(LOCALES)), **draw(st.sampled_from(SETTINGS))}.items()),
        before=draw(st.sampled_from(BANNERS) | st.text(max_size=30)),
        after=draw(st.sampled_from(BANNERS)),
        said_at_the_end=draw(st.sampled_from(["", "\n", "logout\n", LECTURE])),
        returns=draw(st.booleans()),
        errors_too=draw(st.booleans()),
        kept=draw(st.sampled_from([1.0, 1.0, 1.0, 0.9, 0.5, 0.0])),
    )


def tools(folder: Path, habit: Habit) -> Path:
    """A directory to be the machine's whole PATH."""
    folder.mkdir(mode=0o755)
    for tool in {*TOOLS, "busybox"} - set(habit.missing):
        found = shutil.which(tool)
        if found:
            (folder / tool).symlink_to(found)
    for tool, script in habit.odd:
        (folder / tool).unlink(missing_ok=True)
        # Started by its path: a missing `sh` is for the probe to miss, not for these.
        (folder / tool).write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        (folder / tool).chmod(0o755)
    return folder


class Action(ActionModule):
    """The action, with the machine of a habit behind its connection, and the module's work done without shipping it."""

    machine: FakeMachine
    habit: Habit
    path: Path
    # What an earlier login left on the terminal: a whole answer from better days.
    replayed: str

    def _low_level_execute_command(self, cmd: str, *_arguments: Any, **_options: Any) -> dict[str, Any]:
        habit = self.habit
        done = subprocess.run(
            [*SHELLS[habit.shell], "-c", cmd.replace(SYSTEM_PATH, f"PATH={self.path}")],
            env={"PATH": f"{self.path}:/usr/bin:/bin", **dict(habit.environment)},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if habit.errors_too else subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        answer = done.stdout.decode("utf-8", "replace")
        answer = answer[: int(len(answer) * habit.kept)]
        output = habit.before + self.replayed + answer + habit.after + habit.said_at_the_end
        # What ssh returns where the connection was lost.
        status = done.returncode if habit.kept == 1.0 else 255
        return {"rc": status, "stdout": output.replace("\n", "\r\n") if habit.returns else output}

    def _execute_module(self, *_arguments: Any, **options: Any) -> dict[str, Any]:
        arguments = {**self.machine.options(), **options["module_args"], "platform": "linux"}
        try:
            outcome = converge.converge(arguments, self._task.check_mode)
        except HostError as exc:
            return {"failed": True, "msg": str(exc)}
        return {"changed": bool(outcome.diffs), "files": [diff["after_header"] for diff in outcome.diffs]}


class Ended(NamedTuple):
    """What came of one run of the action."""

    changed: bool
    failed: bool
    files: list[str]
    state: dict[str, tuple[str, int, int, bytes]]


def enforce(machine: FakeMachine, options: dict[str, Any], habit: Habit, path: Path, replayed: str = "") -> Any:
    task = Task()
    task.action = "devfleet.axiom.claude_code_telemetry"
    task.args = {name: value for name, value in machine.options(**options).items() if value is not None}
    loader = DataLoader()
    connection = connection_loader.get("local", PlayContext())
    action = Action(task, connection, PlayContext(), loader, Templar(loader=loader, variables={}), None)
    action.machine, action.habit, action.path, action.replayed = machine, habit, path, replayed
    return action.run(task_vars={})


def ended(machine: FakeMachine, result: dict[str, Any]) -> Ended:
    return Ended(result.get("changed", False), result.get("failed", False), result.get("files", []), machine.snapshot())


def both(
    variant: str, edits: list[str], habit: Habit, state: str = "present", replay: bool = False
) -> tuple[Ended, Ended, bool]:
    """The same machine with the probe on and off, and whether the probe found that nothing drifted."""
    with tempfile.TemporaryDirectory(prefix="devfleet-") as folder:
        Path(folder).chmod(0o711)
        options = VARIANTS[variant]
        found = []
        passed = False
        path = tools(Path(folder) / "bin", habit)
        for on in (True, False):
            machine = FakeMachine(Path(folder) / "machine")
            machine.converge(**options)
            replayed = answer_of(machine, dict(options, state=state), path) if replay else ""
            for edit in edits:
                EDITS[edit](machine)
            result = enforce(machine, dict(options, state=state, probe=on), habit, path, replayed)
            passed = passed or bool(result.get("probed"))
            found.append(ended(machine, result))
            shutil.rmtree(machine.root)
    return found[0], found[1], passed


def answer_of(machine: FakeMachine, options: dict[str, Any], path: Path) -> str:
    """What the probe prints where nothing has drifted yet."""
    heard: list[str] = []

    class Listening(Action):
        def _low_level_execute_command(self, cmd: str, *arguments: Any, **more: Any) -> dict[str, Any]:
            answer = super()._low_level_execute_command(cmd, *arguments, **more)
            heard.append(answer["stdout"])
            return answer

        def _execute_module(self, *_arguments: Any, **_options: Any) -> dict[str, Any]:
            return {}

    task = Task()
    task.args = {name: value for name, value in machine.options(**options).items() if value is not None}
    loader = DataLoader()
    connection = connection_loader.get("local", PlayContext())
    action = Listening(task, connection, PlayContext(), loader, Templar(loader=loader, variables={}), None)
    action.machine, action.habit, action.path, action.replayed = machine, Habit(), path, ""
    action.run(task_vars={})
    return heard[0]


@settings(max_examples=100)
@example("drop-in", ["drop-in gone"], Habit(shell="no shell"), "present", True)
@example("drop-in", [], Habit(environment=(("QUOTING_STYLE", "shell-always"),)), "absent", False)
@example("drop-in", [], Habit(odd=(("ls", 'exec /bin/ls -Q "$@"'),)), "absent", False)
@given(
    st.sampled_from(list(VARIANTS)),
    st.lists(st.sampled_from(list(EDITS)), max_size=3),
    habits(),
    st.sampled_from(["present", "present", "present", "absent"]),
    st.booleans(),
)
def test_the_probe_changes_nothing_about_the_outcome(
    variant: str, edits: list[str], habit: Habit, state: str, replay: bool
) -> None:
    on, off, passed = both(variant, edits, habit, state, replay)
    event(f"the probe {'passed' if passed else 'left it to the module'}")
    assert on == off


@pytest.mark.parametrize("edit", EDITS)
def test_every_edit_ends_the_same_on_a_machine_without_habits(edit: str) -> None:
    on, off, passed = both("all-targets", [edit], Habit())
    assert on == off
    assert not (passed and on.changed)


@pytest.mark.parametrize("edit", ["drop-in mode", "drop-in edited", "drop-in linked", "drop-in somebody's"])
def test_a_terminal_that_still_shows_a_good_answer_deceives_nobody(edit: str) -> None:
    if edit == "drop-in somebody's" and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    on, off, passed = both("drop-in", [edit], Habit(), replay=True)
    assert not passed
    assert on == off
    assert on.changed or on.failed


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "habit",
    [
        Habit(before=LECTURE, after="logout\n", returns=True),
        Habit(environment=(("LC_ALL", "de_DE.UTF-8"), ("TIME_STYLE", "full-iso")), errors_too=True),
        Habit(shell="busybox", missing=("timeout",)),
        Habit(missing=("sha256sum", "timeout")),
        Habit(odd=(("ls", ODD_TOOLS["ls"][0]),)),
    ],
    ids=["a lecture on a terminal", "another locale", "busybox", "no sha256sum", "marks behind modes"],
)
def test_habits_that_it_can_read_through_do_not_send_python(variant: str, habit: Habit) -> None:
    on, off, passed = both(variant, [], habit)
    assert passed
    assert on == off
    assert not on.changed


@pytest.mark.parametrize(
    "habit",
    [
        Habit(shell="no shell"),
        Habit(shell="bash, restricted"),
        Habit(missing=("sha256sum", "shasum")),
        Habit(missing=("ls",)),
        Habit(odd=(("sha256sum", ODD_TOOLS["sha256sum"][0]),)),
        Habit(kept=0.5),
    ],
    ids=["no shell", "restricted shell", "no digest", "no ls", "a hint in place of a digest", "connection lost"],
)
def test_habits_that_it_cannot_read_through_are_left_to_the_module(habit: Habit) -> None:
    on, off, passed = both("everything", [], habit)
    assert not passed
    assert on == off
    assert not on.changed


def test_the_edits_reach_every_kind_of_state() -> None:
    """What the property is about must be among what it draws from."""
    kinds: set[str] = set()
    for edit in EDITS.values():
        with tempfile.TemporaryDirectory() as folder:
            machine = FakeMachine(Path(folder) / "machine")
            machine.converge()
            before = machine.snapshot()
            edit(machine)
            after = machine.snapshot()
            for path, (mode, owner, _group, content) in before.items():
                if path not in after:
                    kinds.add("gone")
                elif after[path][0][0] != mode[0]:
                    kinds.add({"l": "link", "d": "directory"}[after[path][0][0]])
                elif after[path][0] != mode:
                    kinds.add("mode")
                elif after[path][1] != owner:
                    kinds.add("owner")
                elif after[path][3] != content:
                    kinds.add("content")
            if after.keys() - before.keys():
                kinds.add("new")
    assert kinds >= {"gone", "link", "directory", "mode", "content", "new"}
    assert ("owner" in kinds) == (os.geteuid() == 0)
