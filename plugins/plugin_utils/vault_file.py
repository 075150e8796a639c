# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store in a file encrypted with ansible-vault: JSON C({"plugin": ..., "version": 1, "records": {NAME: record}})."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.parsing.vault import VaultLib, is_encrypted, parse_vaulttext_envelope

from ansible_collections.devfleet.axiom.plugins.plugin_utils import store_files
from ansible_collections.devfleet.axiom.plugins.plugin_utils.shared_cache import SHARED
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import VERSION, Record, StoreError, records_of

LOCK_SECONDS = 120
# Keeps Ansible from taking the file for inventory where it lies below an inventory directory.
_PLUGIN = "devfleet.axiom.store"
_SALT = os.urandom(16)


class Vault:
    """Encrypts and decrypts with the vault passwords of a run."""

    def __init__(self, secrets: Any) -> None:
        self._secrets = list(secrets or [])
        digest = hashlib.sha256(_SALT)
        for vault_id, secret in self._secrets:
            digest.update(repr((str(vault_id), secret.bytes)).encode("utf-8"))
        # Tells passwords apart within this run: what was decrypted with one is not handed out for another.
        self.fingerprint = digest.hexdigest()

    def require_password(self) -> None:
        """Raise StoreError where the run has no vault password at all."""
        if not self._secrets:
            raise StoreError(
                "the store is encrypted with ansible-vault, and no vault password was given: set"
                " ANSIBLE_VAULT_PASSWORD_FILE, or use --vault-id or --ask-vault-pass"
            )

    def decrypt(self, content: bytes) -> bytes:
        """Raises AnsibleError where no password fits or the text is damaged."""
        plain: bytes = VaultLib(self._secrets).decrypt(content)
        return plain

    def encrypt(self, plain: bytes, like: bytes | None) -> bytes:
        """With the password and label of the file C(like), else with the password Ansible would choose for a new file.

        Whoever could open the file before can open it after.
        """
        vault = VaultLib(self._secrets)
        if like is not None:
            label = parse_vaulttext_envelope(like)[3]
            secret = vault.decrypt_and_get_vault_id(like)[2]
        else:
            chosen = constants.config.get_config_value("DEFAULT_VAULT_ENCRYPT_IDENTITY")
            label, secret = next((pair for pair in self._secrets if pair[0] == chosen), self._secrets[0])
        text: bytes = vault.encrypt(plain, secret, None if label == constants.DEFAULT_VAULT_IDENTITY else label)
        return text


def vault_from_loader(loader: Any) -> Vault:
    """The vault passwords of this run. The only place that touches what ansible-core keeps private about them."""
    return Vault(loader._vault.secrets)


class VaultFile:
    """A store in one file encrypted with ansible-vault: mode 0600, replaced atomically, one writing run at a time."""

    def __init__(self, path: str, vault: Vault) -> None:
        self.path = _resolved(path)
        self._folder, self._name = os.path.split(self.path)
        self._vault = vault
        self._locks_held = 0
        vault.require_password()

    def read(self, name: str) -> dict[str, Any] | None:
        """The record of a token's name, or None. The file is decrypted once per run: see shared_cache.py."""
        record = self._records().get(name)
        return dict(record) if record is not None else None

    def write(self, record: Record) -> None:
        """Keep a record; the records of other tokens stay."""
        with self.locked():
            before = store_files.content(self.path)
            records = {**self._records(), record["name"]: dict(record)}
            document = json.dumps({"plugin": _PLUGIN, "version": VERSION, "records": records}, indent=2, sort_keys=True)
            store_files.replace(self.path, self._vault.encrypt(document.encode("utf-8"), before))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs from writing, by a lock on a file beside the store that is left in place. May be nested."""
        if self._locks_held:
            self._locks_held += 1
            try:
                yield
            finally:
                self._locks_held -= 1
            return
        descriptor = self._open_lock()
        try:
            self._wait_for(descriptor)
            self._locks_held = 1
            yield
        finally:
            self._locks_held = 0
            os.close(descriptor)

    def _records(self) -> dict[str, dict[str, Any]]:
        try:
            state = os.stat(self.path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise store_files.unusable(self.path, "cannot be read", error) from None
        key = (self.path, str(state.st_ino), str(state.st_mtime_ns), str(state.st_size), self._vault.fingerprint)
        return self._parsed(SHARED.get(key, self._decrypted))

    def _decrypted(self) -> bytes:
        content = store_files.content(self.path)
        if content is None:
            raise StoreError(f"the store {self.path} vanished while it was read: run again")
        if not is_encrypted(content):
            raise StoreError(f"the store {self.path} is not encrypted: run 'ansible-vault encrypt {self.path}'")
        try:
            return self._vault.decrypt(content)
        except AnsibleError:
            # Ansible's own text names the reason vaguely and differently in each version.
            raise StoreError(
                f"the store {self.path} cannot be decrypted: the vault password is not the one it was written with,"
                " or the file is damaged (then restore it from a backup)"
            ) from None

    def _parsed(self, plain: bytes) -> dict[str, dict[str, Any]]:
        try:
            document = json.loads(plain)
        except ValueError:
            raise self._damaged() from None
        found = records_of(document, f"the store {self.path}")
        if found is None:
            raise self._damaged()
        return found

    def _damaged(self) -> StoreError:
        return StoreError(
            f"the store {self.path} is decrypted but holds something else than records: restore it from a backup, or"
            f" look at it with 'ansible-vault view {self.path}'"
        )

    def _open_lock(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            if not os.access(self._folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return os.open(os.path.join(self._folder, f".{self._name}.lock"), flags, 0o600)
        except OSError as error:
            raise store_files.unusable(self.path, "cannot be written", error) from None

    def _wait_for(self, descriptor: int) -> None:
        give_up = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise StoreError(
                        f"another run has been writing the store {self.path} for {LOCK_SECONDS} s: wait for it to end"
                    ) from None
                time.sleep(0.1)
            except OSError as error:
                raise store_files.unusable(self.path, "cannot be locked", error) from None


def _resolved(path: str) -> str:
    """The path with symbolic links followed, so that the file is replaced where it lies and not the link."""
    if os.path.islink(path) and not os.path.exists(path):
        raise StoreError(f"the store {path} is a symbolic link that leads nowhere: remove or correct the link")
    return os.path.realpath(path)
