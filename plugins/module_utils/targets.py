# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each target wants on a machine: a list of directories, files, blocks and settings documents.

Pure: options and platform in, `Wanted` out. The controller compares it with what the probe saw, the module makes it so;
both from the same list, so they cannot disagree.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Mapping, NamedTuple

from ansible_collections.devfleet.axiom.plugins.module_utils import shell_profile
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import OptionError, build

TARGETS = ("managed_settings", "shell_profile", "user_settings")
PLATFORMS = ("linux", "darwin")
NAME = "claude-code-telemetry"

# Where Claude Code looks for managed settings (its documentation, "Settings files"); WSL is Linux here.
SETTINGS_DIR = {"linux": "/etc/claude-code", "darwin": "/Library/Application Support/ClaudeCode"}
SETTINGS_BASE = "managed-settings.json"
SETTINGS_DROP_INS = "managed-settings.d"
# Part of the shield: a developer's own helper would replace our Authorization on both signals. One that adds no header
# keeps theirs from being run at all (measured).
HEADERS_HELPER = "echo '{}'"
# A user's own, below the home (documentation, "Settings files"); there are no drop-ins beside it.
USER_SETTINGS_DIR = ".claude"
USER_SETTINGS = "settings.json"
# Digests of what was last examined; the client reads no such name.
STATE_NAME = f".{NAME}.state"
TOKEN_NAME = "token"

_USER = re.compile(r"[a-z_][a-z0-9_.-]{0,31}\Z")
_DROP_IN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.json\Z")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def environment_digest(environment: Mapping[str, str]) -> str:
    return digest(json.dumps(environment, sort_keys=True))


class Place(NamedTuple):
    """One possible path of a file: taken where `anchor` exists, or always where there is no anchor."""

    path: str
    anchor: str | None = None


class Wanted(NamedTuple):
    """One thing on a machine that should be there, or should not.

    kind: `directory` (ours), `shared_directory` (everybody must be able to enter it), `file` (all of it is ours),
    `block` (a marked block in a foreign file), `settings` (members of `env` in a foreign JSON document, with the
    remembered state beside it) or `documents` (the managed settings of others, which have a say in what ours do).
    places: the first that applies is used; below the user's home where `user` is given and the path is relative.
    content: a file's or a block's text, the secret in it; for settings the wanted members as JSON.
    """

    target: str
    kind: str
    places: tuple[Place, ...]
    content: str = ""
    mode: int = 0o644
    user: str | None = None
    present: bool = True


def users_of(target: str, options: Mapping[str, Any]) -> list[str | None]:
    """Whose places of a target are meant; None for the machine-wide one."""
    users = [] if target == "managed_settings" else options["users"]
    return [*users] or [None]


def check_options(options: Mapping[str, Any]) -> None:
    """Raise `OptionError` for what is wrong in the options that say where, before any machine is contacted."""
    if not options["targets"]:
        raise OptionError("targets is empty; name at least one of {}".format(", ".join(TARGETS)))
    for user in options["users"] or []:
        if not _USER.match(user):
            raise OptionError(f"users: {user!r} is not a user name")
    if "user_settings" in options["targets"] and not options["users"]:
        raise OptionError("users is empty; the target user_settings needs the names of those whose settings are meant")
    if "shell_profile" in options["targets"] and not options["shells"]:
        raise OptionError("shells is empty; name at least one of {}".format(", ".join(shell_profile.SHELLS)))
    if not _DROP_IN.match(options["drop_in_name"]):
        raise OptionError(
            f"drop_in_name: {options['drop_in_name']!r} must start with a letter or a digit and end in .json; "
            "the client reads nothing else"
        )
    prefix = options["prefix"]
    if not prefix.startswith("/") or ".." in prefix.split("/") or re.search(r"[\x00-\x1f\x7f]", prefix):
        raise OptionError(f"prefix: {prefix!r} must be an absolute path without ..")


def _managed_settings(options: Mapping[str, Any], platform: str) -> list[Wanted]:
    target = "managed_settings"
    base = SETTINGS_DIR[platform]
    drop_ins = f"{base}/{SETTINGS_DROP_INS}"
    own = (Place("{}/{}".format(drop_ins, options["drop_in_name"])),)
    document = (Place(f"{base}/{SETTINGS_BASE}"),)
    present = options["state"] == "present"
    merging = present and options["managed_settings_layout"] == "merge"
    dropping = present and not merging
    content = ""
    if present:
        content = json.dumps(managed_settings(options, options["token"]), indent=2, ensure_ascii=False) + "\n"
    return [
        Wanted(target, "shared_directory", (Place(base),), mode=0o755, present=present),
        Wanted(target, "shared_directory", (Place(drop_ins),), mode=0o755, present=dropping),
        Wanted(target, "documents", (Place(base),), content, present=present),
        Wanted(target, "file", own, content, present=dropping),
        Wanted(target, "settings", document, content, present=merging),
    ]


def managed_settings(options: Mapping[str, Any], token: str) -> dict[str, Any]:
    """What we put into managed settings, as JSON has it."""
    dropping = options["managed_settings_layout"] == "drop_in"
    helper = {"otelHeadersHelper": HEADERS_HELPER} if options["shield"] and dropping else {}
    return {**helper, "env": build(options, token, options["shield"])}


def _user_settings(options: Mapping[str, Any], platform: str, user: str) -> list[Wanted]:
    target = "user_settings"
    present = options["state"] == "present"
    # A shell's generic headers would win here too (measured), so the shield belongs here as well.
    content = json.dumps({"env": build(options, options["token"], options["shield"])}) if present else ""
    document = (Place(user_settings_path()),)
    items = [Wanted(target, "settings", document, content, 0o600, user, present)]
    if "managed_settings" not in options["targets"]:
        # Managed settings outrank these; where they are ours as well, they say the same.
        managed = (Place(SETTINGS_DIR[platform]),)
        items.insert(0, Wanted(target, "documents", managed, content, user=user, present=present))
    return items


def user_settings_path() -> str:
    return f"{USER_SETTINGS_DIR}/{USER_SETTINGS}"


def state_path(document: str) -> str:
    """Where it is remembered what we did to a settings document."""
    return f"{document.rpartition('/')[0]}/{STATE_NAME}"


def own_document(options: Mapping[str, Any]) -> str:
    """The settings document that holds the telemetry environment, relative to the settings directory."""
    merging = options["managed_settings_layout"] == "merge"
    return SETTINGS_BASE if merging else f"{SETTINGS_DROP_INS}/{options['drop_in_name']}"


# Start-up files that get a block. Which one a shell reads differs by distribution: the first whose anchor exists.
# Debian has /etc/bash.bashrc and /etc/zsh/zshenv, others /etc/bashrc and /etc/zshenv; macOS has no /etc/profile.d.
_MACHINE_BLOCKS: dict[str, tuple[tuple[Place, ...], ...]] = {
    "bash": ((Place("/etc/bashrc", "/etc/bashrc"), Place("/etc/bash.bashrc")),),
    "zsh": ((Place("/etc/zsh/zshenv", "/etc/zsh"), Place("/etc/zshenv")),),
}
_MACHINE_LOGIN: dict[str, tuple[str, tuple[Place, ...]]] = {
    "linux": ("file", (Place(f"/etc/profile.d/{NAME}.sh"),)),
    "darwin": ("block", (Place("/etc/profile"),)),
}
_MACHINE_FISH: dict[str, tuple[Place, ...]] = {
    "linux": (Place(f"/etc/fish/conf.d/{NAME}.fish"),),
    "darwin": (
        Place(f"/opt/homebrew/etc/fish/conf.d/{NAME}.fish", "/opt/homebrew"),
        Place(f"/usr/local/etc/fish/conf.d/{NAME}.fish"),
    ),
}
# Below a home. A login bash reads .bash_profile or .bash_login in place of .profile where one is there.
_USER_BLOCKS: dict[str, tuple[tuple[Place, ...], ...]] = {
    "bash": (
        (Place(".bashrc"),),
        (Place(".bash_profile", ".bash_profile"), Place(".bash_login", ".bash_login")),
    ),
    "zsh": ((Place(".zshenv"),),),
}
_USER_LOGIN: tuple[str, tuple[Place, ...]] = ("block", (Place(".profile"),))
_USER_FISH: tuple[Place, ...] = (Place(f".config/fish/conf.d/{NAME}.fish"),)


def token_path(user: str | None) -> str:
    """The file that holds the secret for shells: apart from the snippets, because people publish their dotfiles."""
    return f"{'.local/share' if user else '/etc'}/{NAME}/{TOKEN_NAME}"


def snippet_path(shell: str, user: str | None) -> str:
    return "{}/{}/profile.{}".format(".config" if user else "/etc", NAME, shell)


def as_seen_by_shell(path: str) -> str:
    """A path below a home is written with `~/`, which `shell_profile` turns into a reference to $HOME."""
    return path if path.startswith("/") else "~/" + path


def _start_up(shells: list[str], user: str | None, platform: str) -> list[tuple[str, tuple[Place, ...], str]]:
    """(kind, places, text) of every start-up file that the shells need."""
    snippets = {shell: as_seen_by_shell(snippet_path(shell, user)) for shell in shells}
    found: list[tuple[str, tuple[Place, ...], str]] = []
    posix = {shell: path for shell, path in snippets.items() if shell in ("sh", "bash")}
    if posix:
        kind, places = _USER_LOGIN if user else _MACHINE_LOGIN[platform]
        found.append((kind, places, shell_profile.login_lines(posix)))
    blocks = _USER_BLOCKS if user else _MACHINE_BLOCKS
    for shell in ("bash", "zsh"):
        if shell in shells:
            text = shell_profile.source_line(shell, snippets[shell])
            found += [("block", places, text) for places in blocks[shell]]
    if "fish" in shells:
        places = _USER_FISH if user else _MACHINE_FISH[platform]
        found.append(("file", places, shell_profile.source_line("fish", snippets["fish"])))
    return found


def _shell_profile(options: Mapping[str, Any], platform: str, user: str | None) -> list[Wanted]:
    target = "shell_profile"
    present = options["state"] == "present"
    shells = [shell for shell in shell_profile.SHELLS if present and shell in options["shells"]]
    environment = build(options, shell_profile.SECRET_MARK) if present else {}
    token = token_path(user)
    secret = "{}\n".format(options["token"]) if present else ""

    def one(kind: str, path: str, there: bool, text: str = "", mode: int = 0o644) -> Wanted:
        return Wanted(target, kind, (Place(path),), text, mode, user, there)

    items = [
        one("directory", token.rpartition("/")[0], present, mode=0o700 if user else 0o755),
        one("file", token, present, secret, 0o600 if user else 0o644),
    ]
    if user:
        items.append(one("directory", snippet_path("sh", user).rpartition("/")[0], present, mode=0o755))
    for shell in shell_profile.SHELLS:
        there = shell in shells
        snippet = shell_profile.render(shell, options["scope"], environment, as_seen_by_shell(token)) if there else ""
        items.append(one("file", snippet_path(shell, user), there, snippet))
    present_start_up = _start_up(shells, user, platform)
    taken = {(kind, place.path) for kind, places, text in present_start_up for place in places}
    for kind, places, text in present_start_up:
        items.append(Wanted(target, kind, places, text, user=user))
    for kind, places, _text in _start_up(list(shell_profile.SHELLS), user, platform):
        for place in places:
            if (kind, place.path) not in taken:
                items.append(Wanted(target, kind, (place,), user=user, present=False))
    return items


def wanted(options: Mapping[str, Any], platform: str) -> list[Wanted]:
    """Everything that the options want on a machine of that platform, and what of ours they no longer want there."""
    items: list[Wanted] = []
    if "managed_settings" in options["targets"]:
        items += _managed_settings(options, platform)
    if "shell_profile" in options["targets"]:
        # What an earlier declaration put machine-wide is ours to take away too.
        owners = [None, *options["users"]] if options["state"] == "absent" else users_of("shell_profile", options)
        for user in owners:
            items += _shell_profile(options, platform, user)
    if "user_settings" in options["targets"]:
        for user in options["users"]:
            items += _user_settings(options, platform, user)
    return items
