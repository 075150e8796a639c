# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Managed settings as the client reads them: `managed-settings.json`, then the drop-ins in lexical order, last wins.

Rules measured on Claude Code 2.1.197 and 2.1.330: a malformed document stops the client, one that developers cannot
read loses telemetry with a warning, and a few keys take the telemetry away from a good document.
"""

from __future__ import annotations

import os
from typing import Any, Mapping, NamedTuple

from ansible_collections.devfleet.axiom.plugins.module_utils import host_files, settings_json, targets
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError


class Document(NamedTuple):
    """A settings document on the machine; `name` is relative to the settings directory."""

    name: str
    found: host_files.Found
    settings: dict[str, Any]

    def digest(self) -> str:
        return targets.digest(self.found.text)

    def env(self) -> dict[str, str]:
        """Its `env` as the client takes it: numbers and booleans count as text, anything else is ignored."""
        return scalars(self.settings.get("env"))


def scalars(env: Any) -> dict[str, str]:
    """An `env` as the client takes it."""
    items = env.items() if isinstance(env, dict) else ()
    return {_text(key): _text(value) for key, value in items if isinstance(value, (str, int, float))}


def _text(value: str | int | float) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    # JSON can hold halves of characters, an environment cannot.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def directory(options: Mapping[str, Any]) -> str:
    """Where managed settings lie; `base` in everything below."""
    return host_files.below(options["prefix"], targets.SETTINGS_DIR[options["platform"]])


def names(base: str) -> list[str]:
    """The documents that the client would read, whether they are there or not, in the order of application."""
    drop_ins = os.path.join(base, targets.SETTINGS_DROP_INS)
    try:
        listed = sorted(os.listdir(drop_ins))
    except FileNotFoundError:
        listed = []
    except OSError as exc:
        raise host_files.os_error(exc) from None
    return [targets.SETTINGS_BASE] + [
        f"{targets.SETTINGS_DROP_INS}/{name}" for name in listed if name.endswith(".json") and not name.startswith(".")
    ]


def read_document(base: str, name: str) -> Document | None:
    """:raises HostError: where the client could not use the document either; names the line and column."""
    return _read_document(base, name, "refuses to start with it")


def read_user_settings(folder: str) -> Document | None:
    """A user's own settings, with that user's rights. The client warns of a malformed one and drops it (measured).

    :raises HostError: as `read_document`.
    """
    return _read_document(folder, targets.USER_SETTINGS, "drops all of it")


def _read_document(base: str, name: str, consequence: str) -> Document | None:
    path = os.path.join(base, name)
    found = host_files.read(path)
    if found is None:
        return None
    try:
        return Document(name, found, settings_json.parse(found.text))
    except settings_json.DocumentError as exc:
        raise HostError(f"{path}: {exc}; Claude Code {consequence}, repair or remove it") from None


def documents(base: str, without: str = "") -> list[Document]:
    """Every document, but for the one named, in the order in which the client applies them."""
    read = (read_document(base, name) for name in names(base) if name != without)
    return [document for document in read if document is not None]


def check_readable(path: str, mode: int, needed: int) -> None:
    """:raises HostError: where somebody other than root could not read it, with the command that repairs it."""
    if mode & needed != needed:
        raise HostError(
            f"{path}: mode {mode:04o} keeps developers from reading it, so the client drops it with a mere warning; "
            f"chmod o+{'rx' if needed & 0o001 else 'r'} it"
        )


def obstacles(base: str, own: str, environment: Mapping[str, str]) -> list[str]:
    """What in the documents of others takes the telemetry away from ours.

    :param own: the name of the document that holds the telemetry environment.
    :raises HostError: a document that stops the client, or that developers cannot read.
    """
    found = []
    # A drop-in of that name is ours as a whole: whatever became of it is written anew.
    for document in documents(base, own if own != targets.SETTINGS_BASE else ""):
        path = os.path.join(base, document.name)
        check_readable(path, document.found.mode, 0o004)
        found += in_the_way(path, document.settings)
        if document.name == own:
            continue
        later = document.name.startswith(targets.SETTINGS_DROP_INS) and document.name > own
        for key, value in environment.items():
            if later and key in document.env() and document.env()[key] != value:
                found.append(f"{path}: {key} overrides ours, because the last drop-in wins")
    return found


def above_user_settings(base: str, environment: Mapping[str, str]) -> list[str]:
    """What in managed settings takes the telemetry away from a user's settings, which they outrank key by key.

    :param environment: what is to stand in the user's settings.
    :raises HostError: as `obstacles`.
    """
    found = []
    for document in documents(base):
        path = os.path.join(base, document.name)
        check_readable(path, document.found.mode, 0o004)
        found += in_the_way(path, document.settings)
        keys = [key for key, value in document.env().items() if environment.get(key, value) != value]
        if keys:
            found.append(f"{path}: {', '.join(keys)} overrides ours, because managed settings outrank a user's")
    return found


def in_the_way(path: str, settings: Mapping[str, Any]) -> list[str]:
    """A headers helper wins over every header variable, even one of a user over managed settings (measured)."""
    if settings.get("otelHeadersHelper") in (None, "", targets.HEADERS_HELPER):
        return []
    return [f"{path}: otelHeadersHelper overrides our Authorization header"]


def environment(base: str) -> dict[str, str]:
    """The `env` that the client takes from all documents together."""
    merged: dict[str, str] = {}
    for document in documents(base):
        merged.update(document.env())
    return merged
