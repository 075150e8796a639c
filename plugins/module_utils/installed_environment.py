# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The telemetry environment as it is installed on this machine, read the way the client gets it.

Managed settings are merged like the client does, and lie over a user's, key by key. A shell snippet is not parsed but
run, by the shell that it was written for and with a `claude` that only notes down its environment.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
from typing import Any, Mapping, NamedTuple

from ansible_collections.devfleet.axiom.plugins.module_utils import (
    client_settings,
    host_files,
    shell_profile,
    targets,
    telemetry_env,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import Account, HostError

NOTHING = "nothing is installed here"
# For a shell to read a snippet and start a program; what takes longer was tampered with.
SHELL_SECONDS = 20

_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"
# No user's start-up file is read: zsh and bash are told so, and fish looks for its own where XDG_* points.
_SHELL_OPTIONS = {"bash": ["--noprofile", "--norc"], "zsh": ["-f"]}
_XDG = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")
# macOS has no such flag.
_NO_EXEC = getattr(os, "ST_NOEXEC", 0)
# Shells set these themselves.
_SHELLS_OWN = {*telemetry_env.SHELLS_OWN, "LC_CTYPE", *_XDG}


class Installed(NamedTuple):
    """One place where the environment is, or should be.

    owner: whose rights it was read with, None for a machine-wide place.
    environment: variable -> value; where it is None, `status` is `not_installed` or `broken` and `problem` says why.
    """

    target: str
    user: str | None
    owner: Account | None = None
    environment: dict[str, str] | None = None
    status: str | None = None
    problem: str | None = None


def installed_environments(options: Mapping[str, Any]) -> list[Installed]:
    """What is installed at every target; an obstacle at one is a problem of that one only.

    :param options: targets, users, prefix, and platform (`linux` or `darwin`).
    """
    found = []
    for target in options["targets"]:
        found += [_installed(target, user, options) for user in targets.users_of(target, options)]
    return found


def _installed(target: str, user: str | None, options: Mapping[str, Any]) -> Installed:
    owner = None
    try:
        if target == "managed_settings":
            environment = _managed_settings(options)
        elif user:
            owner = host_files.account(user, options["prefix"])
            read = _user_settings if target == "user_settings" else _shell_profile
            environment = host_files.run_as(owner, lambda: read(options, owner))
        else:
            environment = _shell_profile(options, None)
    except HostError as exc:
        return Installed(target, user, owner, None, "broken", str(exc))
    except OSError as exc:
        return Installed(target, user, owner, None, "broken", str(host_files.os_error(exc)))
    if environment is None:
        return Installed(target, user, owner, None, "not_installed", NOTHING)
    return Installed(target, user, owner, environment)


def _managed_settings(options: Mapping[str, Any]) -> dict[str, str] | None:
    base = client_settings.directory(options)
    environment = client_settings.environment(base)
    if not _about_telemetry(environment):
        return None
    for folder in (base, os.path.join(base, targets.SETTINGS_DROP_INS)):
        _check_folder(folder)
    # No document counts as ours here: whatever takes the telemetry away does so wherever it stands.
    found = client_settings.obstacles(base, "", {})
    if found:
        raise HostError("; ".join(found))
    return environment


def _about_telemetry(environment: Mapping[str, str]) -> bool:
    return any(name.startswith(("OTEL_", "CLAUDE_CODE_ENABLE_TELEMETRY")) for name in environment)


def _user_settings(options: Mapping[str, Any], owner: Account) -> dict[str, str] | None:
    """Runs with the rights of the owner."""
    path = os.path.join(owner.home, targets.user_settings_path())
    document = client_settings.read_user_settings(os.path.dirname(path))
    environment = document.env() if document else {}
    if document is None or not _about_telemetry(environment):
        return None
    base = client_settings.directory(options)
    found = client_settings.in_the_way(path, document.settings)
    # What managed settings say outranks a user's; whether that delivers, the probe finds out.
    found += client_settings.obstacles(base, "", {})
    if found:
        raise HostError("; ".join(found))
    return {**environment, **client_settings.environment(base)}


def _check_folder(folder: str) -> None:
    if os.path.isdir(folder):
        client_settings.check_readable(folder, stat.S_IMODE(os.stat(folder).st_mode), 0o005)


def _shell_profile(options: Mapping[str, Any], owner: Account | None) -> dict[str, str] | None:
    """Runs with the rights of the owner, if there is one."""
    prefix = options["prefix"]

    def path(place: str) -> str:
        return os.path.join(owner.home, place) if owner else host_files.below(prefix, place)

    user = owner.name if owner else None
    texts = {}
    for shell in shell_profile.SHELLS:
        found = host_files.read(path(targets.snippet_path(shell, user)), safe_parents=owner is None)
        if found is not None:
            texts[shell] = found
    if not texts:
        return None
    startable = [shell for shell in texts if shutil.which(shell, path=_PATH)]
    if not startable:
        raise HostError("there are snippets for {} here, but no such shell".format(" and ".join(texts)))
    shell = startable[0]
    token = targets.token_path(user)
    if owner is None:
        _check_shared(texts[shell], path(token))
    text = texts[shell].text
    if owner is None:
        quote = shell_profile.quote_fish if shell == "fish" else shell_profile.quote_posix
        text = text.replace(quote(token), quote(path(token)))
    environment = evaluate(shell, text, owner.home if owner else None)
    if "CLAUDE_CODE_ENABLE_TELEMETRY" not in environment:
        raise HostError(
            f"{texts[shell].path} sets nothing; the secret it reads, {path(token)}, is missing or not readable; "
            "run devfleet.axiom.enforce"
        )
    return environment


def _check_shared(snippet: host_files.Found, token: str) -> None:
    """Machine-wide files must be readable by those who are not root."""
    _check_folder(os.path.dirname(snippet.path))
    client_settings.check_readable(snippet.path, snippet.mode, 0o004)
    secret = host_files.read(token)
    if secret is not None:
        client_settings.check_readable(token, secret.mode, 0o004)


def _folder(home: str | None) -> str:
    """A new private folder from which programs may be started: many machines mount /tmp without that."""
    for parent in ("/tmp", "/var/tmp", home or os.path.expanduser("~")):
        if os.access(parent, os.W_OK | os.X_OK) and not os.statvfs(parent).f_flag & _NO_EXEC:
            return tempfile.mkdtemp(prefix=".devfleet-axiom-", dir=parent)
    raise HostError("no folder to start a program from; allow it in /var/tmp")


def evaluate(shell: str, text: str, home: str | None) -> dict[str, str]:
    """The environment that `claude` gets in a shell that has read `text`.

    :param home: what $HOME is; None for an empty folder.
    :raises HostError: the shell gave no answer.
    """
    folder = _folder(home)
    try:
        snippet, stub, answer = [os.path.join(folder, name) for name in ("snippet", "claude", "answer")]
        host_files.write(snippet, text, 0o600)
        host_files.write(stub, f"#!/bin/sh\nexec env -0 > {shlex.quote(answer)}\n", 0o700)
        source = "source" if shell == "fish" else "."
        environment = dict(dict.fromkeys(_XDG, folder), HOME=home or folder, PATH=f"{folder}:{_PATH}")
        command = [*_SHELL_OPTIONS.get(shell, []), "-c", f"{source} {shlex.quote(snippet)}; claude"]
        _run([shutil.which(shell, path=_PATH) or shell, *command], environment, folder)
        found = host_files.read(answer, owned=True, safe_parents=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if found is None:
        raise HostError(f"{shell} did not start claude with the snippet for {shell}; run devfleet.axiom.enforce")
    pairs = (entry.partition("=") for entry in found.text.split("\0"))
    return {name: value for name, _separator, value in pairs if name and name not in _SHELLS_OWN}


def _run(command: list[str], environment: dict[str, str], folder: str) -> None:
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(SHELL_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise HostError(f"{command[0]} was not done with the snippet after {SHELL_SECONDS} s") from None
