# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store in a credential of AWX: what is asked of AWX, and what is said where it does not answer as it should."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.store_servers import AwxCredentials

from ansible_collections.devfleet.axiom.plugins.plugin_utils.awx_credential import AwxCredential
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import StoreError

SECRET = "xaat-a-secret"
NAME = "Axiom ingest records"
RECORD: dict[str, Any] = {"name": "ingest", "id": "1", "secret": SECRET, "datasets": {}}
READ, WRITE = ("GET", "/api/v2/credentials/7/"), ("PATCH", "/api/v2/credentials/7/")
LOOK_UP = ("GET", "/api/v2/credentials/?name=Axiom%20ingest%20records")


@pytest.fixture
def server() -> Iterator[AwxCredentials]:
    running = AwxCredentials()
    yield running
    running.close()


@pytest.fixture
def job(server: AwxCredentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start a job: the file AWX makes of the credential, and what it sets in the environment."""
    monkeypatch.setenv("CONTROLLER_HOST", server.url)
    monkeypatch.setenv("CONTROLLER_OAUTH_TOKEN", server.TOKEN)
    path = tmp_path / "tmp-of-awx"

    def start(credential: str = NAME) -> AwxCredential:
        path.write_text(server.injected())
        monkeypatch.setenv("AXIOM_STORE_FILE", str(path))
        return AwxCredential(credential)

    return start


def refused(store: AwxCredential, server: AwxCredentials, record: dict[str, Any] | None = None) -> str:
    with pytest.raises(StoreError) as caught:
        store.write(record or RECORD)
    message: str = caught.value.message
    assert all(secret not in message for secret in (SECRET, server.TOKEN, server.PASSWORD, "\n"))
    return message


def sent(server: AwxCredentials) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _body in server.requests]


def test_reading_asks_awx_for_nothing(job: Any, server: AwxCredentials, monkeypatch: pytest.MonkeyPatch) -> None:
    job().write(RECORD)
    server.requests.clear()
    monkeypatch.delenv("CONTROLLER_HOST")
    monkeypatch.delenv("CONTROLLER_OAUTH_TOKEN")
    assert job().read("ingest") == RECORD
    assert server.requests == []


def test_a_write_replaces_the_whole_credential_and_the_file_of_the_job(
    job: Any, server: AwxCredentials, tmp_path: Path
) -> None:
    job().write({**RECORD, "name": "other"})
    server.requests.clear()
    job().write(RECORD)
    assert sent(server) == [LOOK_UP, READ, WRITE, READ]
    inputs = server.requests[2][2]["inputs"]
    assert sorted(inputs) == ["records", "revision"]
    document = json.loads(inputs["records"])
    assert document == {
        "version": 1,
        "revision": inputs["revision"],
        "records": {"ingest": RECORD, "other": {**RECORD, "name": "other"}},
    }
    assert (tmp_path / "tmp-of-awx").read_text() == inputs["records"]
    assert stat.S_IMODE((tmp_path / "tmp-of-awx").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["tmp-of-awx"]


def test_an_id_is_not_looked_up_and_a_user_will_do_for_a_token(
    job: Any, server: AwxCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONTROLLER_OAUTH_TOKEN")
    monkeypatch.setenv("CONTROLLER_USERNAME", server.USER)
    monkeypatch.setenv("CONTROLLER_PASSWORD", server.PASSWORD)
    job("7").write(RECORD)
    assert sent(server) == [READ, WRITE, READ]


def test_behind_a_gateway_the_path_has_a_prefix(
    job: Any, server: AwxCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTROLLER_OPTIONAL_API_URLPATTERN_PREFIX", "controller")
    server.after = lambda _method, path: (404, {}) if path == "/api/controller/v2/credentials/7/" else None
    server.answer = lambda *_arguments: (500, {})  # type: ignore[method-assign]
    assert "not found (404)" in refused(job("7"), server)


def test_a_job_that_was_given_older_records_changes_nothing(job: Any, server: AwxCredentials, tmp_path: Path) -> None:
    older = job()
    text = (tmp_path / "tmp-of-awx").read_text()
    job().write({**RECORD, "id": "of another job"})
    (tmp_path / "tmp-of-awx").write_text(text)
    server.requests.clear()
    assert "was changed since this job was started" in refused(older, server)
    assert WRITE not in sent(server)
    assert "of another job" in server.injected()


def test_jobs_that_write_at_the_same_moment_do_not_both_go_on(job: Any, server: AwxCredentials) -> None:
    store = job()

    def overtake(method: str, _path: str) -> None:
        if method == "PATCH":
            server.credentials[7]["inputs"] = {"records": "{}", "revision": "of another job"}

    server.after = overtake
    assert "was changed since this job was started" in refused(store, server)


@pytest.mark.parametrize("answer", [False, (502, {"detail": "bad gateway"})])
def test_a_lost_answer_to_writing_is_looked_up(job: Any, server: AwxCredentials, answer: Any) -> None:
    server.after = lambda method, _path: answer if method == "PATCH" else None
    store = job()
    store.write(RECORD)
    server.after = lambda _method, _path: None
    assert store.read("ingest") == RECORD
    assert job().read("ingest") == RECORD


def test_a_write_that_was_not_carried_out_is_an_error(job: Any, server: AwxCredentials) -> None:
    before = job().read("ingest")
    inputs = dict(server.credentials[7]["inputs"])

    def undone(method: str, _path: str) -> bool | None:
        if method == "PATCH":
            server.credentials[7]["inputs"] = inputs
            return False
        return None

    server.after = undone
    assert "was changed since" in refused(job(), server)
    assert job().read("ingest") == before


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"CONTROLLER_HOST": ""}, "CONTROLLER_HOST is not set"),
        ({"CONTROLLER_HOST": "http://awx.example.org"}, "CONTROLLER_HOST is plain http"),
        ({"CONTROLLER_HOST": "https://a:b@awx.example.org"}, "must not hold a user name or password"),
        ({"CONTROLLER_OAUTH_TOKEN": ""}, "set CONTROLLER_OAUTH_TOKEN, or CONTROLLER_USERNAME and CONTROLLER_PASSWORD"),
        ({"CONTROLLER_OAUTH_TOKEN": "a b"}, "characters that no header may hold"),
        ({"CONTROLLER_OAUTH_TOKEN": "wrong"}, "(401): correct the credential that sets them"),
    ],
)
def test_what_is_wrong_with_the_access_to_awx_is_one_line(
    job: Any, server: AwxCredentials, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert says in refused(job(), server)
    assert WRITE not in sent(server)


def test_a_user_without_the_role_admin_is_told(job: Any, server: AwxCredentials) -> None:
    server.after = lambda method, _path: (403, {"detail": "no"}) if method == "PATCH" else None
    assert "may not do this (403): PATCH /credentials/7/" in refused(job(), server)


def test_a_credential_that_is_missing_ambiguous_or_of_another_type_is_named(job: Any, server: AwxCredentials) -> None:
    assert "found: none" in refused(job("No such"), server)
    assert "not found (404)" in refused(job("8"), server)
    server.credentials[8] = {"name": NAME, "inputs": {"username": "root"}}
    assert "found: 7, 8" in refused(job(), server)
    assert "no credential of the type for ingest records" in refused(job("8"), server)
    assert WRITE not in sent(server)


@pytest.mark.parametrize(
    "content", ["not json", "[]", "{}", '{"version": 1, "records": {}}', '{"version": 1, "revision": 1, "records": {}}']
)
def test_a_file_that_holds_something_else_is_refused(job: Any, tmp_path: Path, content: str) -> None:
    store = job()
    (tmp_path / "tmp-of-awx").write_text(content)
    with pytest.raises(StoreError, match="holds something else than records"):
        store.read("ingest")


def test_without_the_injected_file_the_way_out_is_told(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = job()
    (tmp_path / "tmp-of-awx").unlink()
    with pytest.raises(StoreError, match="where there is no file"):
        store.read("ingest")
    monkeypatch.delenv("AXIOM_STORE_FILE")
    with pytest.raises(StoreError, match="attach the credential Axiom ingest records to the job template"):
        AwxCredential(NAME).read("ingest")
