# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store: what later runs need without the management token, one record per ingest token.

A record is C({"name", "id", "secret", "previous_secret": null | str, "expires_at": null | RFC 3339,
"datasets": {NAME: {"kind", "edge", "edge_url"}}}). C(datasets) are those the token may ingest into or query; their
C(edge_url) is a base URL with scheme and without trailing slash, to which C(/v1/logs) or C(/v1/metrics) is added. A
token that may query has the member C(query), the names of the datasets; such a secret is installed on no machine.

During and after a rotation there are more members, all of which may be missing: C(previous_secret) and C(previous_id)
of the token before it, for as long as that lives; C(previous_expires_at), when it was to end; C(pending), the note of a
regeneration about to happen (see token_policy.family()); C(revoked_at), when it was minted in place of a revoked one.
Members that are not known here stay as they are for as long as the token does.

A store offers read(name), write(record) and locked(). The one there is now is a file: JSON
C({"plugin": ..., "version": 1, "records": {NAME: record}}), encrypted with ansible-vault.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Protocol

from ansible import constants
from ansible.errors import AnsibleError
from ansible.parsing.vault import VaultLib, is_encrypted, parse_vaulttext_envelope

from ansible_collections.devfleet.axiom.plugins.plugin_utils.shared_cache import SHARED

VERSION = 1
LARGEST_FILE = 16 * 1024 * 1024
LOCK_SECONDS = 120
# Keeps Ansible from taking the file for inventory where it lies below an inventory directory.
_PLUGIN = "devfleet.axiom.store"
_SALT = os.urandom(16)

Record = Mapping[str, Any]


class StoreError(Exception):
    """The store cannot be used. C(message) is one line with the way out, and holds no secret."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def result(self) -> dict[str, Any]:
        """What an action reports."""
        return {"msg": self.message}


class Store(Protocol):
    """What the rest of the collection needs of a store."""

    def read(self, name: str) -> dict[str, Any] | None:
        """The record of a token's name, or None."""

    def write(self, record: Record) -> None:
        """Keep a record under its name, instead of the one before; once this returns, it is kept for good."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep other runs from writing."""


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


def open_store(spec: Mapping[str, Any], base_dir: str | None, vault: Vault) -> Store:
    """The store that C(spec) describes: C({type: vault_file, path: ...}), relative paths from C(base_dir)."""
    unknown = sorted(set(spec) - {"type", "path"})
    if unknown or spec.get("type", "vault_file") != "vault_file" or not isinstance(spec.get("path"), str):
        raise StoreError("the store must be declared as {type: vault_file, path: FILE}, with nothing else in it")
    path = os.path.expanduser(spec["path"].strip())
    if not path or "\0" in path or path.endswith("/"):
        raise StoreError("the store's path must be that of a file")
    if not os.path.isabs(path):
        if not base_dir:
            raise StoreError(f"the store's path {path} is relative, and there is no inventory folder: make it absolute")
        path = os.path.join(base_dir, path)
    return VaultFile(path, vault)


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
            before = self._content()
            records = {**self._records(), record["name"]: dict(record)}
            document = json.dumps({"plugin": _PLUGIN, "version": VERSION, "records": records}, indent=2, sort_keys=True)
            self._replace(self._vault.encrypt(document.encode("utf-8"), before))

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
            raise self._unusable("cannot be read", error) from None
        key = (self.path, str(state.st_ino), str(state.st_mtime_ns), str(state.st_size), self._vault.fingerprint)
        return self._parsed(SHARED.get(key, self._decrypted))

    def _decrypted(self) -> bytes:
        content = self._content()
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

    def _content(self) -> bytes | None:
        """The file's bytes, or None where there is no file."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable("cannot be read", error) from None
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode) or state.st_size > LARGEST_FILE:
            os.close(descriptor)
            raise StoreError(f"the store {self.path} is no regular file of a sensible size: correct its path")
        with open(descriptor, "rb") as handle:
            return handle.read()

    def _parsed(self, plain: bytes) -> dict[str, dict[str, Any]]:
        try:
            document = json.loads(plain)
            version, records = document["version"], document["records"]
        except (ValueError, KeyError, TypeError):
            raise self._damaged() from None
        if version != VERSION:
            known = f"this collection knows version {VERSION}"
            raise StoreError(f"the store {self.path} has version {version!r}, {known}: update the collection")
        if not isinstance(records, dict) or not all(_is_record(name, record) for name, record in records.items()):
            raise self._damaged()
        return dict(records)

    def _damaged(self) -> StoreError:
        return StoreError(
            f"the store {self.path} is decrypted but holds something else than records: restore it from a backup, or"
            f" look at it with 'ansible-vault view {self.path}'"
        )

    def _replace(self, content: bytes) -> None:
        temporary = None
        try:
            descriptor, temporary = tempfile.mkstemp(prefix=f".{self._name}.", suffix=".new", dir=self._folder)
            with open(descriptor, "wb") as handle:
                os.fchmod(descriptor, 0o600)
                handle.write(content)
                handle.flush()
                os.fsync(descriptor)
            os.rename(temporary, self.path)
            temporary = None
            self._sync_folder()
        except OSError as error:
            raise self._unusable("cannot be written", error) from None
        finally:
            if temporary:
                with suppress(OSError):
                    os.unlink(temporary)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network file systems cannot do this; the rename itself has succeeded.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(descriptor)

    def _open_lock(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            if not os.access(self._folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return os.open(os.path.join(self._folder, f".{self._name}.lock"), flags, 0o600)
        except OSError as error:
            raise self._unusable("cannot be written", error) from None

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
                raise self._unusable("cannot be locked", error) from None

    def _unusable(self, what: str, error: OSError) -> StoreError:
        return StoreError(f"the store {self.path} {what} ({error.strerror}): correct its path, owner or mode")


def _resolved(path: str) -> str:
    """The path with symbolic links followed, so that the file is replaced where it lies and not the link."""
    if os.path.islink(path) and not os.path.exists(path):
        raise StoreError(f"the store {path} is a symbolic link that leads nowhere: remove or correct the link")
    return os.path.realpath(path)


def _is_record(name: str, record: Any) -> bool:
    texts = ("id", "secret")
    return (
        isinstance(record, dict)
        and record.get("name") == name
        and isinstance(record.get("datasets"), dict)
        and all(isinstance(record.get(field), str) for field in texts)
    )
