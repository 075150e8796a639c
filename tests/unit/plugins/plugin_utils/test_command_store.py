# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store that is a user's program: how it is called, how often, and what is said where it fails."""

from __future__ import annotations

import json
import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.devfleet.axiom.plugins.plugin_utils import command_store
from ansible_collections.devfleet.axiom.plugins.plugin_utils.command_store import CommandStore
from ansible_collections.devfleet.axiom.plugins.plugin_utils.shared_cache import SharedCache
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import StoreError

SECRET, FORMER = "not-like-a-token-of-axiom", "xaat-the-former-one"
RECORD: dict[str, Any] = {
    "name": "ingest",
    "id": "1",
    "secret": SECRET,
    "previous_secret": FORMER,
    "expires_at": None,
    "datasets": {},
}
KEEP = "case $1 in read) cat kept 2>/dev/null || echo null ;; write) cat > kept ;; esac\n"


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store whose program is a shell script in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def make(script: str, *arguments: str, timeout: float = 20) -> CommandStore:
        monkeypatch.setattr(command_store, "SHARED", SharedCache())
        program = tmp_path / "program"
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)
        return CommandStore([str(program), *arguments], timeout)

    return make


def refused(store: CommandStore, write: bool = True) -> str:
    with pytest.raises(StoreError) as caught:
        store.write(RECORD) if write else store.read("ingest")
    message: str = caught.value.message
    assert "\n" not in message
    assert SECRET not in message
    assert FORMER not in message
    return message


def test_arguments_come_first_and_no_secret_is_in_arguments_or_environment(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AXIOM_TOKEN", "xaat-a-management-token")
    monkeypatch.setenv("MINE", "yes")
    store = opened(
        'echo "$MINE $AXIOM_TOKEN $*" >> calls; cat /proc/$$/cmdline >> seen; env >> seen; shift 2\n' + KEEP, "a", "b c"
    )
    store.write(RECORD)
    lines = (tmp_path / "calls").read_text().splitlines()
    assert lines == [f"yes  a b c {operation} ingest" for operation in ("read", "read", "write", "read")]
    seen = (tmp_path / "seen").read_text()
    assert all(secret not in seen for secret in (SECRET, FORMER, "xaat-a-management-token"))


def test_a_record_says_what_it_replaces(opened: Any, tmp_path: Path) -> None:
    store = opened(KEEP.replace("cat > kept", "cat > kept; cat kept >> written; echo >> written"))
    assert store.read("ingest") is None
    store.write(RECORD)
    store.write({**RECORD, "id": "2"})
    first, second = (json.loads(line) for line in (tmp_path / "written").read_text().splitlines())
    assert (first["replaces"], second["replaces"]) == (None, first["revision"])
    assert first["revision"] != second["revision"]
    assert store.read("ingest") == {**RECORD, "id": "2"}


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 3\n", "failed (exit status 3): it does not say why"),
        ("echo first >&2; echo second >&2; exit 1\n", "failed (exit status 1): first second"),
        ("true\n", "has not printed a record as JSON for 'read ingest', nor null"),
        ("echo '{}'\n", "has not printed a record"),
        ('echo \'{"name": "other"}\'\n', "has not printed a record"),
        ("printf '\\377'\n", "has not printed a record"),
        ("exec sleep 60\n", "did not end within 1 s"),
        ("sleep 60 & echo null\n", "did not end within 1 s"),
    ],
)
def test_a_program_that_cannot_read_is_named_with_its_reason(opened: Any, script: str, says: str) -> None:
    message = refused(opened(script, timeout=1), write=False)
    assert says in message
    assert "program" in message


@pytest.mark.parametrize(
    ("write", "says"),
    [
        ("cat >&2; exit 1", "called to write the record ingest, failed (exit status 1): {"),
        ("exit 4", "failed (exit status 4)"),
        ("cat >/dev/null", "reads another one back"),
        ("tr 1 2 > kept", "reads another one back"),
        ("exec sleep 60", "did not end within 1 s: repair it, or raise axiom_workspace_store.timeout"),
    ],
)
def test_a_program_that_does_not_keep_what_it_gets_is_found_out(opened: Any, write: str, says: str) -> None:
    assert says in refused(opened(KEEP.replace("cat > kept", write), timeout=1))


def test_a_program_that_is_not_there_or_may_not_run_is_named_with_the_option(opened: Any, tmp_path: Path) -> None:
    store = opened(KEEP)
    (tmp_path / "program").chmod(0o644)
    assert "cannot be run (Permission denied): correct axiom_workspace_store.command" in refused(store)
    (tmp_path / "program").unlink()
    assert "cannot be run (No such file or directory)" in refused(store)


def test_a_write_between_reading_and_writing_is_noticed(opened: Any, tmp_path: Path) -> None:
    store = opened(KEEP)
    assert store.read("ingest") is None
    CommandStore([str(tmp_path / "program")], 20).write({**RECORD, "id": "of another run"})
    assert "another run has written the record ingest" in refused(store)
    assert "of another run" in (tmp_path / "kept").read_text()


def read_in_worker(program: str) -> Any:
    return CommandStore([program], 20).read("ingest")


def test_workers_of_a_run_ask_once_and_see_what_the_run_has_written(opened: Any, tmp_path: Path) -> None:
    store = opened("[ $1 = write ] || echo x >> calls\n" + KEEP)
    program = str(tmp_path / "program")
    context = multiprocessing.get_context("fork")
    with context.Pool(4) as pool:
        assert pool.map(read_in_worker, [program] * 12, chunksize=1) == [None] * 12
    assert (tmp_path / "calls").read_text() == "x\n"
    store.write(RECORD)
    (tmp_path / "calls").write_text("")
    with context.Pool(4) as pool:
        assert pool.map(read_in_worker, [program] * 12, chunksize=1) == [RECORD] * 12
    assert (tmp_path / "calls").read_text() == ""


def test_what_the_program_has_started_ends_with_it(opened: Any, tmp_path: Path) -> None:
    refused(opened("sleep 60 & echo $! > child; wait\n", timeout=1), write=False)
    child = int((tmp_path / "child").read_text())
    # A killed process needs a moment to be gone, or to be nobody's.
    give_up = time.monotonic() + 20
    while not ended(child):
        assert time.monotonic() < give_up
        time.sleep(0.05)


def ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
