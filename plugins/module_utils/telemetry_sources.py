# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything on a machine that Claude Code may take its telemetry settings from, read and taken apart.

A home is read with its owner's rights. That managed settings outrank a user's, and these a shell's, was measured
(Claude Code 2.1.330). Server-managed settings and those of a macOS plist are looked for where the client's
documentation and its program name them; what they outrank is documented and was not measured. A project's settings are
about its folder and no others; what they can take is in `project_findings`.
"""

from __future__ import annotations

import json
import os
import plistlib
import re
from typing import Any, Callable, Mapping, NamedTuple, Sequence
from xml.parsers.expat import ExpatError

from ansible_collections.devfleet.axiom.plugins.module_utils import (
    client_settings,
    host_files,
    installed_environment,
    opened_projects,
    settings_json,
    shell_profile,
    start_up_files,
    targets,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import Account, HostError
from ansible_collections.devfleet.axiom.plugins.module_utils.settings_json import DocumentError

# In the order in which the client heeds them, the highest first.
KINDS = (
    *("server_managed", "mdm", "drop_in", "managed_base"),
    *("project_settings", "user_settings", "shell_profile", "shell_start_up"),
)
ADMIN = KINDS[:4]
PROJECT = "project_settings"
VARIABLE = re.compile(r"(?:OTEL_|CLAUDE_CODE_ENABLE_TELEMETRY\Z|CLAUDE_CODE_OTEL_)")

SERVER_CACHE = "remote-settings.json"
# The first outranks the second (measured).
PROJECT_FILES = (".claude/settings.local.json", ".claude/settings.json")
PLIST_DIR = "/Library/Managed Preferences"
PLIST = "com.anthropic.claudecode.plist"


class Source(NamedTuple):
    """One place, as it was found.

    user: whose it is; None where it is everybody's.
    problem: why nothing of it can be used, otherwise None. `status` is then `unreadable`, `malformed` or `broken`;
        where the client looks elsewhere it is `not_read`.
    environment: what it says about telemetry. ours: which of these variables are as we wrote them.
    helper: whether it names an `otelHeadersHelper`, other than the one that adds nothing.
    silences_helpers: whether it names that one.
    config_dir: where a start-up file says that the client keeps what is a user's, as `start_up_files.config_dir`.
    """

    kind: str
    path: str
    user: str | None
    status: str = "read"
    problem: str | None = None
    environment: dict[str, str] = {}
    ours: list[str] = []
    helper: bool = False
    silences_helpers: bool = False
    config_dir: str | None = None


def _telemetry(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if VARIABLE.match(name)}


def _of_settings(kind: str, path: str, user: str | None, settings: dict[str, Any], ours: Any = None) -> Source:
    """:param ours: digests of what we wrote, by variable; True where all of the document is ours."""
    environment = _telemetry(client_settings.scalars(settings.get("env")))
    digests = ours if isinstance(ours, dict) else {}
    written = [
        name for name, value in environment.items() if ours is True or digests.get(name) == targets.digest(value)
    ]
    helper = settings.get("otelHeadersHelper") or None
    silent = helper == targets.HEADERS_HELPER
    return Source(kind, path, user, "read", None, environment, written, bool(helper) and not silent, silent)


def _one(kind: str, path: str, user: str | None, read: Callable[[], Source | None]) -> list[Source]:
    """What `read` finds, or why it cannot."""
    try:
        found = read()
    except (DocumentError, ExpatError, ValueError) as exc:
        return [Source(kind, path, user, "malformed", f"{path}: {str(exc) or 'not a property list'}")]
    except HostError as exc:
        return [Source(kind, path, user, "unreadable", str(exc))]
    except OSError as exc:
        return [Source(kind, path, user, "unreadable", str(host_files.os_error(exc)))]
    return [found] if found else []


def _json(kind: str, path: str, user: str | None, ours: Any = None, shared: bool = False) -> list[Source]:
    def read() -> Source | None:
        found = host_files.read(path, safe_parents=user is None)
        if found is None:
            return None
        if shared:
            client_settings.check_readable(path, found.mode, 0o004)
        settings = settings_json.parse(found.text)
        # The server's answer holds the settings beside a checksum; what is kept of it may be either.
        inner = settings.get("settings")
        return _of_settings(kind, path, user, inner if kind == "server_managed" and inner else settings, ours)

    return _one(kind, path, user, read)


def _plist(path: str) -> list[Source]:
    def read() -> Source | None:
        found = host_files.read_bytes(path)
        if found is None:
            return None
        settings = plistlib.loads(found[1])
        if not isinstance(settings, dict):
            raise DocumentError("the document is not a dictionary")
        return _of_settings("mdm", path, None, settings)

    return _one("mdm", path, None, read)


def _written(document: str, safe_parents: bool) -> dict[str, str]:
    """Digests of what we merged into a document, by variable."""
    try:
        found = host_files.read(targets.state_path(document), owned=True, safe_parents=safe_parents)
        keys: dict[str, str] = json.loads(found.text)["merged"]["keys"] if found else {}
        return keys
    except (HostError, ValueError, KeyError, TypeError):
        return {}


def _managed(options: Mapping[str, Any]) -> list[Source]:
    base = client_settings.directory(options)
    folder = os.path.join(base, targets.SETTINGS_DROP_INS)
    closed = [
        Source("managed_base", path, None, "unreadable", str(problem))
        for path in (base, folder)
        for problem in [_closed(path)]
        if problem
    ]
    try:
        names = client_settings.names(base)
    except HostError as exc:
        return [*closed, Source("drop_in", folder, None, "unreadable", str(exc))]
    found = list(closed)
    for name in reversed(names):
        path = os.path.join(base, name)
        if name == targets.SETTINGS_BASE:
            found += _json("managed_base", path, None, _written(path, True), shared=True)
        else:
            found += _json("drop_in", path, None, os.path.basename(name) == options["drop_in_name"], shared=True)
    return found


def _closed(folder: str) -> HostError | None:
    try:
        if os.path.isdir(folder):
            client_settings.check_readable(folder, os.stat(folder).st_mode & 0o7777, 0o005)
    except HostError as exc:
        return exc
    return None


def _assignments(path: str, user: str | None) -> list[Source]:
    """Variables that a start-up file sets outside our block, as they are written there; nothing is run."""

    def read() -> Source | None:
        found = host_files.read(path, safe_parents=user is None)
        if found is None:
            return None
        text = shell_profile.remove_block(found.text)[0]
        environment = _telemetry(start_up_files.assigned(text))
        config_dir = start_up_files.config_dir(text)
        source = Source("shell_start_up", path, user, environment=environment, config_dir=config_dir)
        return source if environment or config_dir is not None else None

    return _one("shell_start_up", path, user, read)


def _snippets(options: Mapping[str, Any], user: str | None) -> list[Source]:
    """Our own target `shell_profile`, run as the probe does."""
    chosen = dict(options, targets=["shell_profile"], users=[user] if user else [])
    (found,) = installed_environment.installed_environments(chosen)
    folder = os.path.dirname(targets.snippet_path("sh", user))
    path = os.path.join(found.owner.home, folder) if found.owner else host_files.below(options["prefix"], folder)
    if found.environment is not None:
        environment = _telemetry(found.environment)
        return [Source("shell_profile", path, user, environment=environment, ours=list(environment))]
    if found.status == "broken":
        return [Source("shell_profile", path, user, "broken", found.problem)]
    return []


class _Folder(NamedTuple):
    """Where the client keeps what is a user's (measured with 2.1.217 and 2.1.332).

    path: None where that cannot be told. usual: whether it is ~/.claude. register: the file of all that it remembers.
    """

    path: str | None
    register: str
    usual: bool


def _folder(owner: Account, prefix: str, start_up: Sequence[Source]) -> _Folder:
    """:param start_up: the start-up files, the user's first."""
    usual = os.path.join(owner.home, targets.USER_SETTINGS_DIR)
    told = next((source.config_dir for source in start_up if source.config_dir is not None), None)
    if told is None:
        return _Folder(usual, os.path.join(owner.home, opened_projects.REGISTER), True)
    if not told:
        return _Folder(None, "", False)
    path = owner.home + told[1:] if told.startswith("~") else host_files.below(prefix, told)
    register = os.path.join(path, opened_projects.REGISTER)
    return _Folder(path, register, os.path.realpath(path) == os.path.realpath(usual))


def _home(owner: Account, prefix: str, everybodys: Sequence[Source]) -> list[Source]:
    """Runs with the owner's rights.

    :param everybodys: the machine's start-up files.
    """
    start_up: list[Source] = []
    for name in start_up_files.OF_USER:
        start_up += _assignments(os.path.join(owner.home, name), owner.name)
    usual = os.path.join(owner.home, targets.user_settings_path())
    ours = _written(usual, False)
    folder = _folder(owner, prefix, [*start_up, *everybodys])
    found: list[Source] = []
    if folder.path is not None:
        found += _json("server_managed", os.path.join(folder.path, SERVER_CACHE), owner.name)
        found += _json("user_settings", os.path.join(folder.path, targets.USER_SETTINGS), owner.name, ours)
    if not folder.usual:
        unread = _json("user_settings", usual, owner.name, ours)
        found += [source._replace(status="not_read", problem=None) for source in unread]
    return found + start_up


def _projects(owner: Account, prefix: str, start_up: Sequence[Source]) -> list[Source]:
    """What the user's projects say about telemetry. Runs with the owner's rights."""
    folder = _folder(owner, prefix, start_up)
    if folder.path is None:
        return []
    own = os.path.join(owner.home, targets.user_settings_path())
    found: list[Source] = []
    for project in opened_projects.folders(folder.register, os.path.join(folder.path, opened_projects.TRANSCRIPTS)):
        for name in PROJECT_FILES:
            path = os.path.join(host_files.below(prefix, project), name)
            # The home itself can be a project; what is in this file then counts as the user's.
            found += _json(PROJECT, path, owner.name) if path != own else []
    return [source for source in found if source.problem or source.environment or source.helper]


def _of_user(user: str, options: Mapping[str, Any], everybodys: Sequence[Source]) -> list[Source]:
    prefix = options["prefix"]
    found: list[Source] = []
    try:
        owner = host_files.account(user, prefix)
        found += [Source(*item) for item in host_files.run_as(owner, lambda: _home(owner, prefix, everybodys))]
        start_up = [source for source in [*found, *everybodys] if source.kind == "shell_start_up"]
        found += _snippets(options, user)
    except HostError as exc:
        return [*found, Source("user_settings", "", user, "unreadable", str(exc))]
    try:
        # A project can be on a mount that hangs, which must not take away what is known of the home.
        found += [Source(*item) for item in host_files.run_as(owner, lambda: _projects(owner, prefix, start_up))]
    except HostError as exc:
        found.append(Source(PROJECT, "", user, "unreadable", f"projects: {exc}"))
    return found


def sources(options: Mapping[str, Any]) -> list[Source]:
    """Every source that exists, the highest first; of the same kind a user's before everybody's.

    :param options: users, prefix, drop_in_name, and platform (`linux` or `darwin`).
    """
    prefix = options["prefix"]
    everybodys = [source for path in start_up_files.of_machine(prefix) for source in _assignments(path, None)]
    found: list[Source] = []
    if options["platform"] == "darwin":
        for folder in [*(f"{PLIST_DIR}/{user}" for user in options["users"]), PLIST_DIR]:
            plists = _plist(host_files.below(prefix, f"{folder}/{PLIST}"))
            found += [item._replace(user=None if folder == PLIST_DIR else os.path.basename(folder)) for item in plists]
    found += _managed(options)
    for user in options["users"]:
        found += _of_user(user, options, everybodys)
    found += _snippets(options, None) + everybodys
    return sorted(found, key=lambda item: KINDS.index(item.kind))
