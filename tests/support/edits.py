# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is declared for a machine, and what somebody may have done there since."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

from ansible_collections.devfleet.axiom.plugins.module_utils import targets
from support.machine import USER, FakeMachine

VARIANTS: dict[str, dict[str, Any]] = {
    "drop-in": {},
    "merge": {"managed_settings_layout": "merge"},
    "everything": {"targets": ["managed_settings", "shell_profile"]},
    "per-user": {"targets": ["managed_settings", "shell_profile"], "users": [USER]},
    "user-settings": {"targets": ["user_settings"], "users": [USER]},
    "all-targets": {"targets": list(targets.TARGETS), "users": [USER]},
}


def write(path: str, text: str = "{}", mode: int = 0o644) -> Callable[[FakeMachine], object]:
    # Where another edit put a folder, nobody writes a file.
    return lambda machine: None if (machine.root / path).is_dir() else machine.write(path, text, mode)


def chmod(path: str, mode: int) -> Callable[[FakeMachine], object]:
    return lambda machine: (machine.root / path).chmod(mode) if (machine.root / path).exists() else None


def gone(path: str) -> Callable[[FakeMachine], object]:
    def remove(machine: FakeMachine) -> None:
        target = machine.root / path
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)

    return remove


def linked(path: str) -> Callable[[FakeMachine], object]:
    def link(machine: FakeMachine) -> None:
        gone(path)(machine)
        target = machine.write("etc/elsewhere", "{}")
        (machine.root / path).parent.mkdir(parents=True, exist_ok=True)
        (machine.root / path).symlink_to(target)

    return link


def added(path: str, text: str) -> Callable[[FakeMachine], object]:
    def append(machine: FakeMachine) -> None:
        target = machine.root / path
        if target.is_file():
            target.write_text(target.read_text() + text)

    return append


def replaced(path: str, old: str, new: str) -> Callable[[FakeMachine], object]:
    def replace(machine: FakeMachine) -> None:
        target = machine.root / path
        if target.is_file():
            target.write_text(target.read_text().replace(old, new))

    return replace


def folder(path: str) -> Callable[[FakeMachine], object]:
    def make(machine: FakeMachine) -> None:
        gone(path)(machine)
        (machine.root / path).mkdir(parents=True)

    return make


def owned(path: str) -> Callable[[FakeMachine], object]:
    """Given away, to somebody who is neither root nor the user."""

    def give(machine: FakeMachine) -> None:
        target = machine.root / path
        if os.geteuid() == 0 and target.exists():
            os.chown(target, 4343, -1)

    return give


DROP_IN = "etc/claude-code/managed-settings.d/90-axiom-telemetry.json"
BASE = "etc/claude-code/managed-settings.json"
HOME = f"home/{USER}"
EDITS: dict[str, Callable[[FakeMachine], object]] = {
    "drop-in gone": gone(DROP_IN),
    "drop-in edited": added(DROP_IN, " "),
    "drop-in mode": chmod(DROP_IN, 0o600),
    "drop-in linked": linked(DROP_IN),
    "folder mode": chmod("etc/claude-code", 0o700),
    "folder open": chmod("etc/claude-code", 0o777),
    "base appears": write(BASE, '{"permissions": {}}'),
    "base broken": write(BASE, "{"),
    "base unreadable": write(BASE, "{}", 0o640),
    "base gone": gone(BASE),
    "base edited": added(BASE, "\n"),
    "drop-in beside": write("etc/claude-code/managed-settings.d/95-x.json", '{"env": {"A": "1"}}'),
    "drop-in overrides": write("etc/claude-code/managed-settings.d/95-y.json", '{"env": {"OTEL_LOGS_EXPORTER": "x"}}'),
    "drop-in is a folder": folder(DROP_IN),
    "drop-in somebody's": owned(DROP_IN),
    "base is a folder": folder(BASE),
    "token linked": linked("etc/claude-code-telemetry/token"),
    "profile.d somebody's": owned("etc/profile.d"),
    "user token somebody's": owned(f"{HOME}/.local/share/claude-code-telemetry/token"),
    "user settings are a folder": folder(f"{HOME}/.claude/settings.json"),
    "odd name": write("etc/claude-code/managed-settings.d/a b\n=sum.json"),
    "state gone": gone("etc/claude-code/.claude-code-telemetry.state"),
    "token edited": added("etc/claude-code-telemetry/token", "x"),
    "snippet edited": added("etc/claude-code-telemetry/profile.zsh", "x"),
    "snippets gone": gone("etc/claude-code-telemetry"),
    "bashrc of another kind": write("etc/bashrc", "# theirs\n"),
    "block edited": replaced("etc/bash.bashrc", "if [ -r", "if [ ! -r"),
    "user block edited": replaced(f"{HOME}/.bashrc", "if [ -r", "if [ ! -r"),
    "bashrc edited": added("etc/bash.bashrc", "alias x=y\n"),
    "zsh installed": write("etc/zsh/zlogin", ""),
    "zshenv gone": gone("etc/zshenv"),
    "user token mode": chmod(f"{HOME}/.local/share/claude-code-telemetry/token", 0o644),
    "user token folder": chmod(f"{HOME}/.local/share/claude-code-telemetry", 0o755),
    "user bashrc": added(f"{HOME}/.bashrc", "# BEGIN devfleet.axiom claude_code_telemetry\n"),
    "user profile gone": gone(f"{HOME}/.profile"),
    "user bash_profile": write(f"{HOME}/.bash_profile", "# theirs\n"),
    "user zshenv linked": linked(f"{HOME}/.zshenv"),
    "user settings gone": gone(f"{HOME}/.claude/settings.json"),
    "user settings edited": added(f"{HOME}/.claude/settings.json", "\n"),
    "user settings broken": added(f"{HOME}/.claude/settings.json", "{"),
    "user settings replaced": write(f"{HOME}/.claude/settings.json", '{"otelHeadersHelper": "/x"}'),
    "user settings mode": chmod(f"{HOME}/.claude/settings.json", 0o400),
    "user settings linked": linked(f"{HOME}/.claude/settings.json"),
    "user state gone": gone(f"{HOME}/.claude/.claude-code-telemetry.state"),
    "user folder gone": gone(f"{HOME}/.claude"),
    "managed folder closed to the group": chmod("etc/claude-code/managed-settings.d", 0o750),
    "managed helper": write("etc/claude-code/managed-settings.d/10-h.json", '{"otelHeadersHelper": "/x"}'),
    "managed above the user": write(
        "etc/claude-code/managed-settings.d/99-z.json", '{"env": {"OTEL_LOGS_EXPORTER": "none"}}', 0o640
    ),
}
