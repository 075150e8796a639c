# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine below a directory: everything the module does to it, and snapshots that show that nothing else moved."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from ansible_collections.devfleet.axiom.plugins.module_utils import converge
from support.options import telemetry_options_with

Snapshot = dict[str, tuple[str, int, int, bytes]]
USER, USER_ID = "ada", 4242


class FakeMachine:
    """A prefix with an `/etc` and one user, whose home is `home/ada`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "etc").mkdir(parents=True)
        home = root / "home" / USER
        home.mkdir(parents=True)
        # As root the user is somebody else; otherwise it has to be whoever runs the tests.
        uid = USER_ID if os.geteuid() == 0 else os.geteuid()
        os.chown(home, uid, uid if os.geteuid() == 0 else -1)
        (root / "etc/passwd").write_text(f"{USER}:x:{uid}:{uid}::/home/{USER}:/bin/sh\n")
        self.home = home
        self.settings = root / "etc/claude-code"
        self.drop_in = self.settings / "managed-settings.d/90-axiom-telemetry.json"
        self.base = self.settings / "managed-settings.json"
        self.state = self.settings / ".claude-code-telemetry.state"
        self.user_settings = home / ".claude/settings.json"

    def add_user(self, name: str) -> None:
        """Another home, of the same user's number."""
        status = self.home.stat()
        home = self.home.parent / name
        home.mkdir()
        os.chown(home, status.st_uid, status.st_gid)
        with (self.root / "etc/passwd").open("a") as passwd:
            passwd.write(f"{name}:x:{status.st_uid}:{status.st_gid}::/home/{name}:/bin/sh\n")

    def options(self, **changes: Any) -> dict[str, Any]:
        return telemetry_options_with(**{"prefix": str(self.root), **changes})

    def converge(self, check: bool = False, **changes: Any) -> converge.Outcome:
        return converge.converge(self.options(**changes), check)

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        """A file of somebody else's; below the home it belongs to the user."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode())
        target.chmod(mode)
        if path.startswith("home/"):
            for item in (target, *target.parents):
                if item == self.home:
                    break
                os.chown(item, self.home.stat().st_uid, self.home.stat().st_gid)
        return target

    def snapshot(self) -> Snapshot:
        """Every path below the prefix: kind, mode, owner, content."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            if path.is_symlink():
                content = os.readlink(path).encode()
            found[str(path.relative_to(self.root))] = (
                stat.filemode(status.st_mode),
                status.st_uid,
                status.st_gid,
                content,
            )
        return found
