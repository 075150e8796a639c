# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which start-up files there are, and what stands in them about Claude Code. They are searched, nothing is run."""

from __future__ import annotations

import contextlib
import os
import re

from ansible_collections.devfleet.axiom.plugins.module_utils import host_files, targets

OF_USER = (
    *(".profile", ".bash_profile", ".bash_login", ".bashrc", ".zshenv", ".zprofile", ".zshrc"),
    ".config/fish/config.fish",
)
OF_MACHINE = (
    *("/etc/environment", "/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/fish/config.fish"),
    *("/etc/zshenv", "/etc/zprofile", "/etc/zshrc", "/etc/zsh/zshenv", "/etc/zsh/zprofile", "/etc/zsh/zshrc"),
)
CONFIG_DIR = "CLAUDE_CONFIG_DIR"
_ASSIGNED = re.compile(
    r"^\s*(?:export\s+|declare\s+-x\s+|typeset\s+-x\s+|set\s+-[a-zA-Z]*x[a-zA-Z]*\s+)?"
    r"((?:OTEL|CLAUDE_CODE)_[A-Z0-9_]+|CLAUDE_CONFIG_DIR)(?:=|\s+)(.*)$",
    re.MULTILINE,
)
# A directory as a shell would take it, unquoted, in double or in single quotes; the home is expanded but in the last.
_DIRECTORY = re.compile(
    r"""(?:(?P<bare>(?:~|\$HOME|\$\{HOME\})?/[^\s"'$`\\;&|<>()*?]*)"""
    r"""|"(?P<double>(?:\$HOME|\$\{HOME\})?/[^"$`\\]*)"|'(?P<single>/[^']*)')\s*(?:[;#].*)?\Z"""
)


def of_machine(prefix: str) -> list[str]:
    folder = host_files.below(prefix, "/etc/profile.d")
    own = f"{targets.NAME}.sh"
    listed: list[str] = []
    with contextlib.suppress(OSError):
        listed = sorted(os.listdir(folder))
    return [host_files.below(prefix, path) for path in OF_MACHINE] + [
        os.path.join(folder, name) for name in listed if name.endswith(".sh") and name != own
    ]


def assigned(text: str) -> dict[str, str]:
    """Variables that are set, as they are written there."""
    return {name: value.strip().strip("'\";") for name, value in _ASSIGNED.findall(text)}


def config_dir(text: str) -> str | None:
    """The directory that CLAUDE_CONFIG_DIR is set to: absolute, or below `~`.

    Empty where it cannot be told without running the file, or depends on where the client is started; None where it is
    not set.
    """
    values = [value.strip() for name, value in _ASSIGNED.findall(text) if name == CONFIG_DIR]
    if not values:
        return None
    match = _DIRECTORY.match(values[-1])
    path = (match.group("bare") or match.group("double") or match.group("single")) if match else ""
    return re.sub(r"\A(?:\$HOME|\$\{HOME\})", "~", path) if path.isprintable() else ""
