# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The contract of stores, for each that there is: what survives, what is not overwritten unseen, what never shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.store_servers import AwxCredentials, VaultKv

from ansible_collections.devfleet.axiom.plugins.plugin_utils import command_store, vault_file
from ansible_collections.devfleet.axiom.plugins.plugin_utils.shared_cache import SharedCache
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import Store, StoreError
from ansible_collections.devfleet.axiom.plugins.plugin_utils.stores import open_store, stored_record
from ansible_collections.devfleet.axiom.plugins.plugin_utils.vault_file import vault_from_loader

EXAMPLES = Path(__file__).parents[4] / "docs/examples"
SECRET = "xaat-the-secret-of-a-token"
# The least that keeps the contract: no locks, no comparing.
PLAIN = """#!/bin/sh
set -eu
file=$STORE_FOLDER/$(printf %s "$2" | od -An -tx1 | tr -d ' \\n')
case $1 in
read) if [ -e "$file" ]; then cat "$file"; else echo null; fi ;;
write) cat > "$file.new"; mv "$file.new" "$file" ;;
esac
"""
KINDS = ("vault_file", "command", "store-gpg", "store-vault-kv", "awx_credential")


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


def loader() -> DataLoader:
    found = DataLoader()
    found.set_vault_secrets([("default", VaultSecret(b"pw"))])
    return found


class Kept:
    """A kind of store, and its place. `run()` opens it as a new run of Ansible does."""

    def __init__(self, spec: dict[str, Any], folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.spec = spec
        self.folder = folder
        self._patch = patch
        self.new_job: Callable[[], None] = lambda: None

    def run(self) -> Store:
        self._patch.setattr(command_store, "SHARED", SharedCache())
        self.new_job()
        return open_store(self.spec, str(self.folder), vault_from_loader(loader()))


def gpg(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """A key without a passphrase, and its agent for as long as the test takes."""
    # The agent's socket must have a short path.
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    patch.setenv("GNUPGHOME", str(home))
    command = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "team@example.org"]
    subprocess.run([*command, "future-default", "default", "never"], check=True, capture_output=True)
    patch.setenv("AXIOM_STORE_DIR", str(folder / "records"))
    patch.setenv("AXIOM_STORE_RECIPIENTS", "team@example.org")
    try:
        yield
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=True)
        shutil.rmtree(home)


def kept(kind: str, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Kept]:
    if kind == "vault_file":
        yield Kept({"type": kind, "path": "secrets/axiom.yml"}, folder, patch)
    elif kind == "command":
        program = folder / "store"
        program.write_text(PLAIN)
        program.chmod(0o755)
        (folder / "records").mkdir()
        patch.setenv("STORE_FOLDER", str(folder / "records"))
        yield Kept({"type": "command", "command": ["./store"]}, folder, patch)
    elif kind == "store-gpg":
        with contextmanager(gpg)(folder, patch):
            yield Kept({"type": "command", "command": [str(EXAMPLES / kind)]}, folder, patch)
    elif kind == "store-vault-kv":
        server = VaultKv()
        patch.setenv("VAULT_ADDR", server.url)
        patch.setenv("VAULT_TOKEN", server.TOKEN)
        patch.setenv("no_proxy", "127.0.0.1")
        try:
            yield Kept({"type": "command", "command": [str(EXAMPLES / kind)]}, folder, patch)
        finally:
            server.close()
    else:
        yield from awx(folder, patch)


def awx(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Kept]:
    server = AwxCredentials()
    patch.setenv("CONTROLLER_HOST", server.url)
    patch.setenv("CONTROLLER_OAUTH_TOKEN", server.TOKEN)
    found = Kept({"type": "awx_credential", "credential": "Axiom ingest records"}, folder, patch)
    jobs = iter(range(1000))

    def new_job() -> None:
        path = folder / f"job-{next(jobs)}"
        path.mkdir()
        (path / "tmp-of-awx").write_text(server.injected())
        patch.setenv("AXIOM_STORE_FILE", str(path / "tmp-of-awx"))

    found.new_job = new_job
    try:
        yield found
    finally:
        server.close()


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    yield from kept(request.param, tmp_path, monkeypatch)


def test_before_the_first_write_there_is_no_record(place: Kept) -> None:
    assert place.run().read("ingest") is None


def test_a_record_comes_back_as_it_was_written_in_this_run_and_in_the_next(place: Kept) -> None:
    store = place.run()
    assert store.read("ingest") is None
    store.write(record())
    assert store.read("ingest") == record()
    assert place.run().read("ingest") == record()
    assert place.run().read("other") is None


def test_names_may_hold_what_they_like_and_records_of_others_and_unknown_members_survive(place: Kept) -> None:
    names = ["team a/b", "..", "--help", "ünïcode 'n\"quotes\\", "$(false)"]
    for name in names:
        place.run().write(record(name, note={"from": "a later version", "quotes": "\"'\\n ü"}))
    found = place.run()
    expected = {name: record(name, note={"from": "a later version", "quotes": "\"'\\n ü"}) for name in names}
    assert {name: found.read(name) for name in names} == expected


def test_several_writes_of_one_run_follow_each_other(place: Kept) -> None:
    store = place.run()
    with store.locked():
        store.write(record(secret=None, pending={"marks": ["a"]}))
        store.write(record(secret="xaat-first"))
        store.write(record(secret="xaat-second", previous_secret="xaat-first"))
        store.write(record("other"))
    found = place.run()
    assert found.read("ingest") == record(secret="xaat-second", previous_secret="xaat-first")
    assert found.read("other") == record("other")


def test_what_another_run_has_written_meanwhile_is_not_overwritten(
    place: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either the second has to wait for the first, or the first finds out: one of both is refused."""
    monkeypatch.setattr(vault_file, "LOCK_SECONDS", 0)
    place.run().write(record(note=0))
    first = place.run()
    injected = os.environ.get("AXIOM_STORE_FILE", "")
    refused = []
    with first.locked():
        first.read("ingest")
        try:
            place.run().write(record(note="second"))
        except StoreError as error:
            refused.append(error.message)
        monkeypatch.setenv("AXIOM_STORE_FILE", injected)
        try:
            first.write(record(note="first"))
        except StoreError as error:
            refused.append(error.message)
    assert len(refused) == 1
    assert "\n" not in refused[0]
    assert SECRET not in refused[0]
    assert "another run" in refused[0] or "launch the job again" in refused[0]
    winner = "first" if "another run has been writing the store" in refused[0] else "second"
    found = place.run().read("ingest")
    assert found is not None
    assert found["note"] == winner


def test_a_machine_gets_no_secret_from_a_mere_note(place: Kept) -> None:
    place.run().write(record(id=None, secret=None, pending={"marks": ["a"]}))
    place.run()
    variables = {"inventory_dir": str(place.folder)}
    assert stored_record(place.spec, "ingest", variables, loader()) is None
    place.run().write(record())
    place.run()
    assert stored_record(place.spec, "ingest", variables, loader()) == record()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
RECORDS = st.builds(
    lambda name, secret, note: record(name, secret="xaat-" + secret, note=note),
    st.sampled_from(["a", "b c", "d/e"]),
    TEXTS,
    st.one_of(st.none(), TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3)),
)


# The examples are programs like `command`, only slower.
@pytest.mark.parametrize("kind", ["vault_file", "command", "awx_credential"])
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs=st.lists(st.lists(RECORDS, max_size=3), max_size=3))
def test_property_the_last_record_of_each_name_is_what_a_later_run_reads(
    kind: str, runs: list[list[dict[str, Any]]]
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        contextmanager(kept)(kind, Path(folder), patch) as place,
    ):
        expected = {}
        for records in runs:
            store = place.run()
            with store.locked():
                for item in records:
                    store.write(item)
                    expected[item["name"]] = item
        found = place.run()
        assert {name: found.read(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"type": "s3", "path": "a"}, "type must be one of vault_file, command, awx_credential"),
        ({"type": "command"}, "declared as {type: command"),
        ({"type": "command", "command": "./store read"}, "axiom_workspace_store.command must be a list"),
        ({"type": "command", "command": []}, "axiom_workspace_store.command must be a list"),
        ({"type": "command", "command": [" "]}, "axiom_workspace_store.command must be a list"),
        ({"type": "command", "command": ["a\0"]}, "axiom_workspace_store.command must be a list"),
        ({"type": "command", "command": ["a", 1]}, "axiom_workspace_store.command must be a list"),
        ({"type": "command", "command": ["a"], "timeout": 0}, "axiom_workspace_store.timeout must be"),
        ({"type": "command", "command": ["a"], "timeout": True}, "axiom_workspace_store.timeout must be"),
        ({"type": "command", "command": ["a"], "path": "b"}, "with nothing else in it"),
        ({"type": "awx_credential"}, "declared as {type: awx_credential"),
        ({"type": "awx_credential", "credential": ""}, "axiom_workspace_store.credential must be"),
        ({"type": "awx_credential", "credential": True}, "axiom_workspace_store.credential must be"),
        ({"type": "awx_credential", "credential": "a", "token": "b"}, "with nothing else in it"),
        ({"type": "vault_file", "path": "a/"}, r"axiom_workspace_store\.path"),
    ],
)
def test_a_store_that_is_declared_wrongly_is_refused_naming_the_option(spec: dict[str, Any], says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        open_store(spec, "/nowhere", vault_from_loader(loader()))
    assert "\n" not in caught.value.message


def test_a_relative_command_needs_an_inventory_folder() -> None:
    with pytest.raises(StoreError, match=r"axiom_workspace_store\.command: \./store is relative"):
        open_store({"type": "command", "command": ["./store"]}, None, vault_from_loader(loader()))
