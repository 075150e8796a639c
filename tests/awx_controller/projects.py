# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects: where their files are, and what playbooks are in them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from awx_controller.store import Item

# What marks a YAML file as a playbook, as AWX looks for it.
_PLAYBOOK = re.compile(r"^\s*?-?\s*?(?:hosts|(ansible\.builtin\.)?import_playbook):\s*?.*?$")
_SKIPPED = {"roles", "tasks", "group_vars", "host_vars", "collections", "vars", "defaults", "handlers", "meta"}


def folder(root: Path, project: Item) -> Path:
    """Return the directory of a project's files."""
    return root / (project["local_path"] or f"_{project.id}__{_slug(project['name'])}")


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _found(path: Path) -> list[str]:
    found = []
    for file in sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        if file.suffix not in (".yml", ".yaml") or not file.is_file() or _SKIPPED.intersection(parts[:-1]):
            continue
        if any(part.startswith(".") for part in parts):
            continue
        text = file.read_text(errors="replace")
        if text.startswith("$ANSIBLE_VAULT;") or any(_PLAYBOOK.match(line) for line in text.splitlines()):
            found.append("/".join(parts))
    return found


def playbooks(root: Path, project: Item) -> list[str]:
    """Return the playbooks of a project, by their path in it."""
    if project["scm_type"]:
        known: list[str] = project.private.get("playbooks", [])
        return known
    path = folder(root, project)
    return _found(path) if project["local_path"] and path.is_dir() else []


class UpdateFailed(Exception):
    """Why a project could not be brought up to date; what git said."""


def _git(*arguments: str, cwd: Path | None = None) -> str:
    # The repositories of tests belong to whoever runs them, not to the user of this process in every case.
    command = ["git", "-c", "safe.directory=*", "-c", "protocol.file.allow=always", *arguments]
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise UpdateFailed(done.stderr.strip() or f"git {arguments[0]} ended with {done.returncode}")
    return done.stdout.strip()


def check_out(root: Path, url: str, branch: str, path: Path) -> str:
    """Bring a checkout to the tip of a branch (or to a tag or commit); return its revision. UpdateFailed."""
    root.mkdir(parents=True, exist_ok=True)
    if not (path / ".git").is_dir():
        _git("clone", "--quiet", "--no-checkout", url, str(path))
    _git("remote", "set-url", "origin", url, cwd=path)
    _git("fetch", "--quiet", "--tags", "--force", "--prune", "origin", cwd=path)
    if not branch:
        _git("remote", "set-head", "origin", "--auto", cwd=path)
    wanted = f"refs/remotes/origin/{branch or 'HEAD'}"
    try:
        revision = _git("rev-parse", "--verify", "--quiet", f"{wanted}^{{commit}}", cwd=path)
    except UpdateFailed:
        try:
            revision = _git("rev-parse", "--verify", "--quiet", f"{branch}^{{commit}}", cwd=path)
        except UpdateFailed as error:
            raise UpdateFailed(f"Failed to checkout {branch}: no such branch, tag or commit") from error
    _git("checkout", "--quiet", "--force", "--detach", revision, cwd=path)
    _git("clean", "--quiet", "-ffd", cwd=path)
    return revision


def remember_playbooks(root: Path, project: Item) -> None:
    """Note which playbooks the checkout has now."""
    project.private["playbooks"] = _found(folder(root, project))
