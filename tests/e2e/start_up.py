# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which a shell is started, and what `claude` and other programs see there, value by value."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from e2e.machine import HOME, USER, Machine

# What stands in for the client; then any other program.
COMMAND = "claude -p 'two words'; env -0"
STAND_IN = "#!/bin/sh\nenv -0\nprintf 'arguments=%s\\0END\\0' \"$*\"\n"
SSHD = "/usr/sbin/sshd"
SSHD_CONFIG = """\
HostKey /etc/ssh/key
AuthorizedKeysFile /etc/ssh/key.pub
UsePAM no
"""


class StartUp(NamedTuple):
    """One way to start a shell. `ssh`: sshd starts the user's login shell, which `command` names."""

    command: tuple[str, ...]
    used_by: str
    ssh: bool = False

    @property
    def name(self) -> str:
        return f"ssh host ...` with login shell `{self.program}" if self.ssh else " ".join((*self.command, "-c"))

    @property
    def program(self) -> str:
        return self.command[0]


_TERMINAL, _LOGIN = "a terminal", "a console, `ssh host`, a terminal on macOS"
_SCRIPT = "cron, an IDE, a program that starts another"
START_UPS = (
    StartUp(("bash", "-l", "-i"), _LOGIN),
    StartUp(("bash", "-l"), "a desktop session, `su -`"),
    StartUp(("bash", "-i"), _TERMINAL),
    StartUp(("bash",), _SCRIPT),
    StartUp(("bash",), "remote commands, rsync, remote IDEs", ssh=True),
    StartUp(("zsh", "-l", "-i"), _LOGIN),
    StartUp(("zsh", "-l"), "a desktop session"),
    StartUp(("zsh", "-i"), _TERMINAL),
    StartUp(("zsh",), _SCRIPT),
    StartUp(("zsh",), "remote commands", ssh=True),
    StartUp(("fish", "-l"), _LOGIN),
    StartUp(("fish", "-i"), _TERMINAL),
    StartUp(("fish",), _SCRIPT),
    StartUp(("fish",), "remote commands", ssh=True),
    StartUp(("sh", "-l"), "a desktop session, `su -`"),
    StartUp(("sh", "-i"), _TERMINAL),
    StartUp(("sh",), "cron, `system()`, make"),
    StartUp(("sh",), "remote commands", ssh=True),
    StartUp(("dash", "-l"), _LOGIN),
    StartUp(("dash", "-i"), _TERMINAL),
    StartUp(("dash",), _SCRIPT),
)


class Seen(NamedTuple):
    """What two programs found in their environment, and what the shell said besides."""

    claude: dict[str, str]
    other: dict[str, str]
    stderr: str


def _environment(output: str) -> dict[str, str]:
    return dict(item.split("=", 1) for item in output.split("\0") if "=" in item)


class Shells:
    """Starts shells on a machine whose `claude` shows its environment.

    :param machine: made with a folder that `install_stand_in` has prepared.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        if Path("/etc/skel").is_dir():
            # A home as this distribution makes it: its start-up files end early, or read one another.
            shutil.copytree("/etc/skel", machine.home, dirs_exist_ok=True)
            for path in machine.home.rglob("*"):
                os.chown(path, machine.uid, -1)
        self._prepare_sshd(machine.etc / "ssh")

    def _prepare_sshd(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sshd_config").write_text(SSHD_CONFIG)
        generate = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")]
        subprocess.run(generate, check=True)

    def _login(self, shell: str) -> None:
        """Make this the developer's login shell, as `chsh` does."""
        passwd = self._machine.etc / "passwd"
        others = [line for line in passwd.read_text().splitlines() if not line.startswith(f"{USER}:")]
        uid = self._machine.uid
        passwd.write_text("\n".join([*others, f"{USER}:x:{uid}:{uid}::{HOME}:/bin/{shell}", ""]))

    def _over_ssh(self) -> subprocess.CompletedProcess[str]:
        """A real sshd, which needs a directory of its own in /run; started by its client, it needs no port."""
        options = {
            "ProxyCommand": f"{SSHD} -i -f /etc/ssh/sshd_config",
            "UserKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "no",
            "LogLevel": "ERROR",
        }
        flags = " ".join(f"-o {shlex.quote(f'{name}={value}')}" for name, value in options.items())
        ssh = f"exec ssh -F none -i /etc/ssh/key {flags} {USER}@laptop {shlex.quote(COMMAND)}"
        script = f"mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/sshd && {ssh}"
        return self._machine.enter("/bin/sh", "-c", script, environment={"PATH": "/usr/bin:/bin"})

    def start(self, start_up: StartUp) -> Seen:
        """Start it as something without any telemetry variable does, and run `COMMAND` there."""
        if start_up.ssh:
            self._login(start_up.program)
            run = self._over_ssh()
        else:
            run = self._machine.run(*start_up.command, "-c", COMMAND)
        assert run.returncode == 0, run.stderr
        claude, _end, other = run.stdout.partition("\0END\0")
        seen = Seen(_environment(claude), _environment(other), run.stderr)
        assert seen.claude.pop("arguments") == "-p two words"
        assert "PATH" in seen.other
        return seen


def install_stand_in(folder: Path) -> Path:
    """A folder with a `claude` that shows its environment."""
    folder.mkdir()
    claude = folder / "claude"
    claude.write_text(STAND_IN)
    claude.chmod(0o755)
    return folder
