# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which stores there are, and the one that is declared."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.devfleet.axiom.plugins.plugin_utils.awx_credential import AwxCredential
from ansible_collections.devfleet.axiom.plugins.plugin_utils.command_store import CommandStore
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import Store, StoreError
from ansible_collections.devfleet.axiom.plugins.plugin_utils.vault_file import Vault, VaultFile, vault_from_loader

# What each type takes beside C(type), the first of which it needs, and how that is declared.
_MEMBERS = {
    "vault_file": (("path",), "{type: vault_file, path: FILE}"),
    "command": (("command", "timeout"), "{type: command, command: [PROGRAM, ARGUMENT, ...]}"),
    "awx_credential": (("credential",), "{type: awx_credential, credential: NAME}"),
}


def declared_store(spec: Mapping[str, Any], variables: Mapping[str, Any], loader: Any) -> Store:
    """The store that an action was given; relative paths start at the inventory's folder."""
    return open_store(spec, variables.get("inventory_dir"), vault_from_loader(loader))


def stored_record(
    spec: Mapping[str, Any], name: str, variables: Mapping[str, Any], loader: Any
) -> dict[str, Any] | None:
    """The record of a token whose secret a machine may get, or None: what is but a note of minting is none."""
    record = declared_store(spec, variables, loader).read(name)
    return record if record and record["secret"] is not None else None


def open_store(spec: Mapping[str, Any], base_dir: str | None, vault: Vault) -> Store:
    """The store that C(spec) describes. Raises StoreError that names the option."""
    given = {name: value for name, value in spec.items() if value is not None}
    kind = given.pop("type", "vault_file")
    if kind not in _MEMBERS:
        raise StoreError(f"axiom_workspace_store: type must be one of {', '.join(_MEMBERS)}")
    members, form = _MEMBERS[kind]
    if members[0] not in given or set(given) - set(members):
        raise StoreError(f"axiom_workspace_store: the store must be declared as {form}, with nothing else in it")
    if kind == "vault_file":
        return VaultFile(_file(given["path"], base_dir), vault)
    if kind == "command":
        return CommandStore(_command(given["command"], base_dir), _timeout(given.get("timeout", 60)))
    return AwxCredential(_credential(given["credential"]))


def _file(path: Any, base_dir: str | None) -> str:
    if not isinstance(path, str) or not path.strip() or "\0" in path or path.strip().endswith("/"):
        raise StoreError("axiom_workspace_store.path: the store's path must be that of a file")
    return _absolute(path.strip(), base_dir, "path")


def _absolute(path: str, base_dir: str | None, option: str) -> str:
    path = os.path.expanduser(path)
    if os.path.isabs(path):
        return path
    if not base_dir:
        raise StoreError(
            f"axiom_workspace_store.{option}: {path} is relative, and there is no inventory folder: make it absolute"
        )
    return os.path.join(base_dir, path)


def _command(words: Any, base_dir: str | None) -> list[str]:
    good = isinstance(words, list) and words and all(isinstance(word, str) and "\0" not in word for word in words)
    if not good or not words[0].strip():
        raise StoreError("axiom_workspace_store.command must be a list: a program, and what else to call it with")
    # As in a shell: what is but a name is looked up in PATH.
    return [_absolute(words[0], base_dir, "command") if "/" in words[0] else words[0], *words[1:]]


def _timeout(seconds: Any) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= 3600:
        raise StoreError("axiom_workspace_store.timeout must be a number of seconds from 1 to 3600")
    return seconds


def _credential(credential: Any) -> str:
    name = str(credential).strip()
    if isinstance(credential, bool) or not isinstance(credential, (str, int)) or not name:
        raise StoreError("axiom_workspace_store.credential must be the name or the id of a credential")
    return name
