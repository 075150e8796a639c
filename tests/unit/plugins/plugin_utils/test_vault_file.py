# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in a vaulted file: what is refused, who may read it, and how often it is decrypted."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible.constants import DEFAULT_VAULT_IDENTITY
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.devfleet.axiom.plugins.plugin_utils import vault_file, whole_file
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import StoreError
from ansible_collections.devfleet.axiom.plugins.plugin_utils.stores import open_store
from ansible_collections.devfleet.axiom.plugins.plugin_utils.vault_file import Vault, vault_from_loader

SECRET = "xaat-the-secret-of-a-token"


def vault(*passwords: str | tuple[str, str]) -> Vault:
    """The vault of a run, as Ansible's loader would hand it out; a password alone has the default id."""
    loader = DataLoader()
    pairs = [item if isinstance(item, tuple) else (DEFAULT_VAULT_IDENTITY, item) for item in passwords]
    loader.set_vault_secrets([(name, VaultSecret(password.encode())) for name, password in pairs])
    return vault_from_loader(loader)


def record(name: str = "ingest", **members: Any) -> dict[str, Any]:
    return {
        "name": name,
        "id": f"id-of-{name}",
        "secret": SECRET,
        "previous_secret": None,
        "expires_at": None,
        "datasets": {"logs": {"kind": "axiom:events:v1", "edge": None, "edge_url": "https://edge.example.org"}},
        **members,
    }


def opened(folder: Path, *passwords: str | tuple[str, str], path: str = "secrets/axiom.yml") -> Any:
    return open_store({"type": "vault_file", "path": path}, str(folder), vault(*(passwords or ("pw",))))


def file_of(folder: Path) -> Path:
    return folder / "secrets" / "axiom.yml"


def put(folder: Path, plain: Any, password: str = "pw") -> Path:
    """A store's file with this content, encrypted."""
    path = file_of(folder)
    path.parent.mkdir(exist_ok=True)
    text = plain if isinstance(plain, str) else json.dumps(plain)
    path.write_bytes(VaultLib().encrypt(text, VaultSecret(password.encode())))
    return path


# --- what survives


def test_a_record_comes_back_as_it_was_written(tmp_path):
    opened(tmp_path).write(record())
    assert opened(tmp_path).read("ingest") == record()
    assert opened(tmp_path).read("other") is None


def test_before_the_first_write_there_is_no_record_and_no_file(tmp_path):
    assert opened(tmp_path).read("ingest") is None
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_the_documented_json_encrypted(tmp_path):
    opened(tmp_path).write(record())
    content = file_of(tmp_path).read_bytes()
    assert content.startswith(b"$ANSIBLE_VAULT;1.1;AES256\n")
    plain = VaultLib([(DEFAULT_VAULT_IDENTITY, VaultSecret(b"pw"))]).decrypt(content)
    assert json.loads(plain) == {"plugin": "devfleet.axiom.store", "version": 1, "records": {"ingest": record()}}


def test_other_records_and_unknown_members_of_them_survive(tmp_path):
    put(tmp_path, {"version": 1, "records": {"old": record("old", note="from a later version")}})
    opened(tmp_path).write(record("new"))
    assert opened(tmp_path).read("old") == record("old", note="from a later version")
    assert opened(tmp_path).read("new") == record("new")


def test_only_the_owner_can_read_it(tmp_path):
    before = os.umask(0)
    try:
        opened(tmp_path).write(record())
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file_of(tmp_path).parent.iterdir()}
    assert modes == {"axiom.yml": 0o600, ".axiom.yml.lock": 0o600}
    assert stat.S_IMODE(file_of(tmp_path).parent.stat().st_mode) == 0o700


def test_a_store_others_could_read_is_closed_by_the_next_write(tmp_path):
    put(tmp_path, {"version": 1, "records": {}}).chmod(0o644)
    opened(tmp_path).write(record())
    assert stat.S_IMODE(file_of(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize("step", ["mkstemp", "fsync", "rename"])
def test_a_write_that_fails_leaves_the_old_store_and_nothing_else(step, tmp_path, monkeypatch):
    opened(tmp_path).write(record())
    before = file_of(tmp_path).read_bytes()

    def full(*_arguments: Any, **_named: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_file.tempfile if step == "mkstemp" else whole_file.os, step, full)
    with pytest.raises(StoreError, match=r"cannot be written \(No space left on device\)"):
        opened(tmp_path).write(record("other"))
    monkeypatch.undo()
    assert file_of(tmp_path).read_bytes() == before
    assert sorted(path.name for path in file_of(tmp_path).parent.iterdir()) == [".axiom.yml.lock", "axiom.yml"]


# --- paths


def test_a_relative_path_starts_at_the_inventory_and_others_do_not(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    opened(tmp_path, path="a.yml").write(record())
    opened(tmp_path, path="~/b.yml").write(record())
    opened(tmp_path, path=str(tmp_path / "c/c.yml")).write(record())
    assert [(tmp_path / name).is_file() for name in ("a.yml", "home/b.yml", "c/c.yml")] == [True] * 3


def test_a_relative_path_without_an_inventory_folder_is_refused():
    with pytest.raises(StoreError, match="make it absolute"):
        open_store({"path": "secrets/axiom.yml"}, None, vault("pw"))


@pytest.mark.parametrize(
    "spec", [{}, {"path": ""}, {"path": "a/"}, {"path": 1}, {"type": "s3", "path": "a"}, {"path": "a", "mode": "0644"}]
)
def test_a_store_declared_otherwise_is_refused(spec, tmp_path):
    with pytest.raises(StoreError, match="store"):
        open_store(spec, str(tmp_path), vault("pw"))


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    put(tmp_path / "real", {"version": 1, "records": {}})
    (tmp_path / "secrets").symlink_to(tmp_path / "real" / "secrets")
    link = tmp_path / "link.yml"
    link.symlink_to("secrets/axiom.yml")
    opened(tmp_path, path="link.yml").write(record())
    assert link.is_symlink()
    assert opened(tmp_path / "real").read("ingest") == record()


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    (tmp_path / "link.yml").symlink_to("nowhere/axiom.yml")
    with pytest.raises(StoreError, match="symbolic link that leads nowhere"):
        opened(tmp_path, path="link.yml")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused_and_not_waited_for(make, tmp_path):
    make(tmp_path / "axiom.yml")
    with pytest.raises(StoreError, match="no regular file"):
        opened(tmp_path, path="axiom.yml").read("ingest")


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "secrets").write_text("")
    with pytest.raises(StoreError, match="correct its path"), opened(tmp_path).locked():
        pass


def test_a_folder_without_permission_is_found_before_anything_is_written(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("giving up permissions takes root")
    context = multiprocessing.get_context("fork")
    said = context.SimpleQueue()

    def as_nobody() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            with opened(tmp_path, path="axiom.yml").locked():
                said.put("locked")
        except StoreError as error:
            said.put(error.message)

    tmp_path.chmod(0o755)
    process = context.Process(target=as_nobody)
    process.start()
    process.join()
    assert "cannot be written (Permission denied)" in said.get()
    assert list(tmp_path.iterdir()) == []


# --- passwords and damage


def test_without_any_password_one_line_says_how_to_give_one(tmp_path):
    with pytest.raises(StoreError, match=r"ANSIBLE_VAULT_PASSWORD_FILE.*--vault-id") as caught:
        open_store({"path": "a.yml"}, str(tmp_path), vault_from_loader(DataLoader()))
    assert "\n" not in caught.value.message


def test_a_wrong_password_is_told_and_not_cached_over(tmp_path):
    opened(tmp_path, "pw").write(record())
    assert opened(tmp_path, "pw").read("ingest") == record()
    with pytest.raises(StoreError, match="vault password"):
        opened(tmp_path, "wrong").read("ingest")
    with pytest.raises(StoreError, match="vault password"):
        opened(tmp_path, "wrong").write(record("other"))


def test_whoever_could_open_the_store_still_can_after_a_write(tmp_path):
    opened(tmp_path, ("prod", "prod-pw")).write(record())
    assert file_of(tmp_path).read_bytes().startswith(b"$ANSIBLE_VAULT;1.2;AES256;prod\n")
    opened(tmp_path, ("dev", "dev-pw"), ("prod", "prod-pw")).write(record("other"))
    assert file_of(tmp_path).read_bytes().startswith(b"$ANSIBLE_VAULT;1.2;AES256;prod\n")
    assert opened(tmp_path, ("prod", "prod-pw")).read("other") == record("other")


def test_a_new_store_is_encrypted_as_ansible_is_told_to(tmp_path, monkeypatch):
    monkeypatch.setenv("ANSIBLE_VAULT_ENCRYPT_IDENTITY", "prod")
    opened(tmp_path, ("dev", "dev-pw"), ("prod", "prod-pw")).write(record())
    assert opened(tmp_path, ("prod", "prod-pw")).read("ingest") == record()


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        ("not json", "restore it from a backup"),
        ("[]", "restore it from a backup"),
        ({"version": 1}, "restore it from a backup"),
        ({"version": 1, "records": []}, "restore it from a backup"),
        ({"version": 1, "records": {"ingest": {}}}, "restore it from a backup"),
        ({"version": 1, "records": {"ingest": record("another")}}, "restore it from a backup"),
        ({"version": 1, "records": {"ingest": record(id=None)}}, "restore it from a backup"),
        ({"version": 1, "records": {"ingest": record(secret=None)}}, "restore it from a backup"),
        ({"version": 2, "records": {}}, "update the collection"),
    ],
)
def test_a_store_that_holds_something_else_is_refused_and_not_overwritten(plain, says, tmp_path):
    path = put(tmp_path, plain)
    before = path.read_bytes()
    for use in (lambda store: store.read("ingest"), lambda store: store.write(record())):
        with pytest.raises(StoreError, match=says) as caught:
            use(opened(tmp_path))
        assert SECRET not in caught.value.message
    assert path.read_bytes() == before


def test_a_store_that_is_not_encrypted_is_refused(tmp_path):
    path = put(tmp_path, "")
    path.write_text(json.dumps({"version": 1, "records": {"ingest": record()}}))
    with pytest.raises(StoreError, match="ansible-vault encrypt") as caught:
        opened(tmp_path).read("ingest")
    assert SECRET not in caught.value.message


def test_damaged_ciphertext_is_refused(tmp_path):
    path = put(tmp_path, {"version": 1, "records": {}})
    path.write_bytes(path.read_bytes()[:-20] + b"0" * 10)
    with pytest.raises(StoreError, match="damaged"):
        opened(tmp_path).read("ingest")


# --- several at once


def write_some(folder: str, number: int) -> None:
    for step in range(3):
        opened(Path(folder)).write(record(f"token-{number}-{step}"))


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_some, args=(str(tmp_path), number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    store = opened(tmp_path)
    assert all(store.read(f"token-{number}-{step}") for number in range(4) for step in range(3))


def test_the_lock_can_be_held_over_several_writes(tmp_path):
    store = opened(tmp_path)
    with store.locked():
        store.write(record("a"))
        store.write(record("b"))
    assert store.read("a")
    assert store.read("b")


def test_a_lock_held_for_too_long_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(vault_file, "LOCK_SECONDS", 0)
    with (
        opened(tmp_path).locked(),
        pytest.raises(StoreError, match="another run has been writing"),
        opened(tmp_path).locked(),
    ):
        pass


def test_workers_forked_from_one_process_decrypt_once(tmp_path, monkeypatch):
    opened(tmp_path).write(record())
    calls = tmp_path / "decryptions"
    decrypt = Vault.decrypt

    def counted(self: Vault, content: bytes) -> bytes:
        with calls.open("a") as log:
            log.write("x")
        return decrypt(self, content)

    monkeypatch.setattr(Vault, "decrypt", counted)
    context = multiprocessing.get_context("fork")
    with context.Pool(8) as pool:
        found = pool.starmap(read_in_worker, [(str(tmp_path),)] * 40, chunksize=1)
    assert found == [record()] * 40
    assert calls.read_text() == "x"

    # A store that was written again is read again.
    opened(tmp_path).write(record(secret="xaat-newer"))
    calls.write_text("")
    with context.Pool(4) as pool:
        found = pool.starmap(read_in_worker, [(str(tmp_path),)] * 8, chunksize=1)
    assert found == [record(secret="xaat-newer")] * 8
    assert calls.read_text() == "x"


def read_in_worker(folder: str) -> Any:
    return opened(Path(folder)).read("ingest")
