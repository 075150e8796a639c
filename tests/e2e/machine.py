# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A developer's machine without a container: a directory that a playbook takes for / and the client finds in /etc.

The client runs in a mount namespace of its own, in which the machine's `etc` and `home` lie over /etc and /home. So the
files are where the collection means them to be, and nothing outside the directory is touched. Without a resolver in
that /etc, nothing but loopback is reached; and no name server is asked, as the client would wait for it when it exits,
in the two seconds that it then has for its last export.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from e2e.stub import ANSWER, StubServer

USER = "ada"
HOME = Path("/home", USER)
WORK = HOME / "work"
# What shells and the client need of /etc; /etc/alternatives because commands in /usr/bin point there.
ETC = (
    *("alternatives", "bash.bashrc", "bashrc", "fish", "group", "hosts", "ld.so.cache", "machine-id"),
    *("passwd", "profile", "profile.d", "shells", "zsh", "zshenv"),
)
NAMES = "".join(f"{database}: files\n" for database in ("passwd", "group", "hosts"))
# $1: folder of the client, $2: the machine, $3: where to start; the command follows. /tmp last, as $2 may be in it.
ENTER = """\
set -e
mount --bind "$1" /usr/local/bin
mount --bind "$2/home" /home
mount --bind "$2/etc" /etc
mount -t tmpfs -o mode=1777 tmpfs /tmp
cd "$3"
shift 3
exec "$@"
"""
# Far more than a run takes: machines that test are busy.
RUN_SECONDS = 300
PROMPT = "a question that nobody else should read"


class Outcome(NamedTuple):
    """How a run of the client ended, as the developer sees it."""

    returncode: int
    stdout: str
    stderr: str


UNDISTURBED = Outcome(0, f"{ANSWER}\n", "")


def _unshare() -> list[str]:
    own_namespaces = ["unshare", "--mount"]
    return own_namespaces if os.geteuid() == 0 else [*own_namespaces, "--user", "--map-root-user"]


def why_not() -> str | None:
    """Why no mount namespace can be had here, or None."""
    probe = subprocess.run(
        [*_unshare(), "mount", "-t", "tmpfs", "tmpfs", "/tmp"], capture_output=True, text=True, check=False
    )
    return probe.stderr.strip() or f"exit status {probe.returncode}" if probe.returncode else None


class Machine:
    """One machine with one developer, `USER`, who is not root where the tests run as root.

    :param root: its directory, to be made; any user can enter the one above.
    :param client: the folder that holds the program `claude`.
    :param api: what the client takes for Anthropic's API.
    :param like: copy this machine, with all that is installed there.
    """

    def __init__(self, root: Path, client: Path, api: StubServer, like: Machine | None = None) -> None:
        self.root = root
        self._client = client
        self._api = api
        self.uid = os.getuid() or 4711
        self.etc = root / "etc"
        self.home = root / HOME.relative_to("/")
        self.work = root / WORK.relative_to("/")
        if like:
            subprocess.run(["cp", "--archive", like.root, root], check=True)
        else:
            self._furnish()

    def _furnish(self) -> None:
        for directory in (self.root, self.etc, self.home, self.work):
            directory.mkdir(parents=True)
        for name in ETC:
            if Path("/etc", name).is_dir():
                shutil.copytree(Path("/etc", name), self.etc / name, symlinks=True)
            elif Path("/etc", name).exists():
                shutil.copy(Path("/etc", name), self.etc / name)
        (self.etc / "nsswitch.conf").write_text(NAMES)
        with open(self.etc / "passwd", "a") as passwd:
            passwd.write(f"{USER}:x:{self.uid}:{self.uid}::{HOME}:/bin/sh\n")
        for directory in (self.home, self.work):
            os.chown(directory, self.uid, -1)

    def write_json(self, path: Path, content: Any) -> None:
        """Write a JSON file that everybody on the machine can read."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2))

    def run(self, *command: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command as the developer, in their working directory."""
        as_user = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        variables = {
            "HOME": str(HOME),
            "USER": USER,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "ANTHROPIC_API_KEY": "dummy",
            "ANTHROPIC_BASE_URL": self._api.url,
            "DISABLE_AUTOUPDATER": "1",
        }
        return self.enter(
            *(as_user if os.geteuid() == 0 else []), *command, environment=variables | (environment or {})
        )

    def enter(self, *command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine as root, with this environment and no other."""
        return subprocess.run(
            [*_unshare(), "/bin/sh", "-c", ENTER, "sh", str(self._client), str(self.root), str(WORK), *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )

    def ask(self, environment: dict[str, str] | None = None, prompt: str = PROMPT) -> Outcome:
        """Start the client directly, not from a shell, and ask it something."""
        run = self.run("claude", "-p", prompt, environment=environment)
        return Outcome(run.returncode, run.stdout, run.stderr)
