# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which folders a user has worked with Claude Code, as the client remembers it.

Measured with 2.1.217 and 2.1.332: `.claude.json` gets a key in `projects`, the root of the repository, once somebody at
a terminal has said that they trust the folder, and none from `claude -p`. Each session leaves a transcript below
`projects`, in a folder named after where it was started, until the client takes old ones away. The name cannot be
turned back into a path, but the records of a transcript hold it. Nothing else of a transcript is looked at.
"""

from __future__ import annotations

import contextlib
import json
import os
import re

from ansible_collections.devfleet.axiom.plugins.module_utils import host_files, settings_json
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError

REGISTER = ".claude.json"
TRANSCRIPTS = "projects"
# The most recently used; of those that have no transcript any more it is not known when that was.
MOST = 50
# The first record that says where comes after the first question, which may be long.
_HEAD = 256 * 1024
_FOLDER = re.compile(r'"cwd":("(?:[^"\\]|\\.)*")')


def _is_folder(path: object) -> bool:
    """Whether the client can have written it. What a terminal would obey is no folder that anybody works in."""
    return isinstance(path, str) and path.startswith("/") and os.path.normpath(path) == path and path.isprintable()


def _registered(register: str) -> list[str]:
    with contextlib.suppress(HostError, OSError, ValueError):
        found = host_files.read(register, safe_parents=False)
        projects = settings_json.parse(found.text).get("projects") if found else None
        return [path for path in projects if _is_folder(path)] if isinstance(projects, dict) else []
    return []


def _by_age(folder: str) -> list[tuple[float, str]]:
    """What is in a directory with its time of change, the newest first."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(((entry.stat(follow_symlinks=False).st_mtime, entry.name) for entry in entries), reverse=True)
    return []


def _started_in(transcripts: str) -> str | None:
    """Where the newest session was started of those whose transcripts are in one directory."""
    names = [name for _changed, name in _by_age(transcripts) if name.endswith(".jsonl")]
    with contextlib.suppress(HostError, OSError, ValueError):
        head = host_files.read_head(os.path.join(transcripts, names[0]), _HEAD) if names else ""
        match = _FOLDER.search(head)
        path = json.loads(match.group(1)) if match else None
        return path if _is_folder(path) else None
    return None


def folders(register: str, transcripts: str) -> list[str]:
    """The paths of at most `MOST` folders, the most recently used first. Runs with the owner's rights.

    :param register: the client's file of all that it remembers.
    :param transcripts: the directory that holds those of each folder.
    """
    used = [_started_in(os.path.join(transcripts, name)) for _changed, name in _by_age(transcripts)[:MOST]]
    return list(dict.fromkeys(path for path in [*used, *_registered(register)] if path))[:MOST]
