# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/v2/tokens``: secrets are shown once, expiry counts, regenerating makes a second token."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from axiom_emulator.timestamps import render

GO_ZERO = "0001-01-01T00:00:00Z"


def later(hours: float = 1) -> str:
    return render(datetime.now(UTC) + timedelta(hours=hours))


def listed(workspace: Any, name: str) -> list[Any]:
    return [token for token in workspace.ok("GET", "/v2/tokens") if token["name"] == name]


def test_the_secret_is_in_the_first_answer_only(workspace: Any) -> None:
    workspace.dataset("logs")
    made = workspace.mint(
        "ingest",
        description="d",
        datasetCapabilities={"logs": {"ingest": ["create"]}, "*": {"query": ["read"]}},
        orgCapabilities={"users": ["read"]},
        viewCapabilities={"v": {"query": ["read"]}},
        expiresAt=later(),
    )
    secret = made.pop("token")
    assert re.fullmatch(r"xaat-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", secret)
    assert made == workspace.ok("GET", f"/v2/tokens/{made['id']}")
    assert made in workspace.ok("GET", "/v2/tokens")
    assert workspace.ok("GET", "/v2/user", token=secret)["id"]


def test_optional_members_are_left_out_when_empty(workspace: Any) -> None:
    made = workspace.mint("plain", description="", expiresAt=None, viewCapabilities=None)
    assert set(made) == {"id", "name", "datasetCapabilities", "orgCapabilities", "token"}


def test_what_axiom_go_sends_for_what_it_does_not_ask_for(workspace: Any) -> None:
    names = ("query", "starredQueries", "virtualFields", "trim", "vacuum", "data", "share")
    held = {"*": {"ingest": ["create"], **dict.fromkeys(names)}}
    made = workspace.mint("go", description="", expiresAt=GO_ZERO, datasetCapabilities=held, orgCapabilities={})
    assert made["datasetCapabilities"] == {"*": {"ingest": ["create"]}}
    assert "expiresAt" not in made


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("2999-01-01T00:00:00Z", "2999-01-01T00:00:00Z"),
        ("2999-01-01T00:00:00.123456789Z", "2999-01-01T00:00:00.123456789Z"),
        ("2999-01-01T01:30:00.500+01:30", "2999-01-01T00:00:00.5Z"),
    ],
)
def test_instants_keep_their_nanoseconds_and_come_back_in_utc(sent: str, answered: str, workspace: Any) -> None:
    assert workspace.mint("t", expiresAt=sent)["expiresAt"] == answered


@pytest.mark.parametrize("value", ["tomorrow", "2999-01-01", "2999-01-01T00:00:00", "2999-13-01T00:00:00Z", 5, ""])
def test_a_bad_instant_is_refused(value: Any, workspace: Any) -> None:
    assert "expiresAt" in workspace.refused(422, "POST", "/v2/tokens", {"name": "t", "expiresAt": value})


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("name", ""),
        ("name", " "),
        ("name", 5),
        ("name", "x" * 129),
        ("name", "two\nlines"),
        ("description", []),
        ("expiresAt", "2001-01-01T00:00:00Z"),
        ("datasetCapabilities", []),
        ("datasetCapabilities", {"none": {"ingest": ["create"]}}),
        ("datasetCapabilities", {"logs": {"ingest": ["read"]}}),
        ("datasetCapabilities", {"logs": {"ingest": "create"}}),
        ("datasetCapabilities", {"logs": {"write": ["create"]}}),
        ("datasetCapabilities", {"logs": ["ingest"]}),
        ("orgCapabilities", {"users": ["own"]}),
        ("orgCapabilities", {"ingest": ["create"]}),
        ("viewCapabilities", {"v": {"query": ["create"]}}),
        ("scopes", ["CanIngest"]),
    ],
)
def test_a_bad_member_is_refused_by_name_and_nothing_is_minted(member: str, value: Any, workspace: Any) -> None:
    workspace.dataset("logs")
    before = workspace.ok("GET", "/v2/tokens")
    assert member in workspace.refused(422, "POST", "/v2/tokens", {"name": "t", member: value})
    assert workspace.ok("GET", "/v2/tokens") == before


def test_names_may_be_shared_and_the_oldest_comes_first(workspace: Any) -> None:
    first, second = workspace.mint("same"), workspace.mint("same")
    assert [token["id"] for token in listed(workspace, "same")] == [first["id"], second["id"]]


def test_deleting_revokes_and_deletes_one(workspace: Any) -> None:
    first, second = workspace.mint("same"), workspace.mint("same")
    workspace.ok("DELETE", f"/v2/tokens/{first['id']}")
    workspace.refused(401, "GET", "/v2/user", token=first["token"])
    workspace.ok("GET", "/v2/user", token=second["token"])
    workspace.refused(404, "DELETE", f"/v2/tokens/{first['id']}")
    workspace.refused(404, "GET", f"/v2/tokens/{first['id']}")


def test_an_expired_token_is_refused_but_listed(workspace: Any) -> None:
    made = workspace.mint("short", expiresAt=later(1))
    workspace.ok("GET", "/v2/user", token=made["token"])
    workspace.emulator.clock.offset_seconds = 3601
    expired = workspace.refused(401, "GET", "/v2/user", token=made["token"])
    assert expired == workspace.refused(401, "GET", "/v2/user", token="xaat-unknown")
    assert len(listed(workspace, "short")) == 1


def test_regenerate_copies_and_ends_the_old_one(workspace: Any) -> None:
    workspace.dataset("logs")
    held = {"logs": {"ingest": ["create"]}}
    old = workspace.mint("ingest", description="d", datasetCapabilities=held, expiresAt=later(10))
    end, next_end = later(1), later(20)
    path = f"/v2/tokens/{old['id']}/regenerate"
    new = workspace.ok("POST", path, {"existingTokenExpiresAt": end, "newTokenExpiresAt": next_end})
    assert new["id"] != old["id"]
    assert new["token"] != old["token"]
    assert {**new, "id": 0, "token": 0, "expiresAt": 0} == {**old, "id": 0, "token": 0, "expiresAt": 0}
    assert [token["expiresAt"] for token in listed(workspace, "ingest")] == [end, next_end]
    for secret in (old["token"], new["token"]):
        workspace.ok("GET", "/v2/user", token=secret)
    workspace.emulator.clock.offset_seconds = 3601
    workspace.refused(401, "GET", "/v2/user", token=old["token"])
    workspace.ok("GET", "/v2/user", token=new["token"])


def test_regenerate_without_an_expiry_never_ends(workspace: Any) -> None:
    old = workspace.mint("t", expiresAt=later(10))
    new = workspace.ok("POST", f"/v2/tokens/{old['id']}/regenerate", {"existingTokenExpiresAt": later(0)})
    assert "expiresAt" not in new
    workspace.refused(401, "GET", "/v2/user", token=old["token"])


def test_regenerate_with_a_new_token_carries_nothing_over(workspace: Any) -> None:
    old = workspace.mint("t", description="d", datasetCapabilities={"*": {"ingest": ["create"]}})
    body = {"existingTokenExpiresAt": later(), "newToken": {"name": "u", "orgCapabilities": {"users": ["read"]}}}
    new = workspace.ok("POST", f"/v2/tokens/{old['id']}/regenerate", body)
    assert {name: new[name] for name in ("name", "datasetCapabilities", "orgCapabilities")} == {
        "name": "u",
        "datasetCapabilities": {},
        "orgCapabilities": {"users": ["read"]},
    }
    assert "description" not in new


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"existingTokenExpiresAt": None},
        {"existingTokenExpiresAt": GO_ZERO},
        {"existingTokenExpiresAt": "soon"},
        {"existingTokenExpiresAt": "2999-01-01T00:00:00Z"},
        {"existingTokenExpiresAt": later(), "newTokenExpiresAt": "2001-01-01T00:00:00Z"},
        {"existingTokenExpiresAt": later(), "newToken": {}},
        {"existingTokenExpiresAt": later(), "newToken": {"name": "u", "expiresAt": "soon"}},
        {"existingTokenExpiresAt": later(), "newToken": {"name": "u", "x": 1}},
        {
            "existingTokenExpiresAt": later(),
            "newToken": {"name": "u", "expiresAt": later(2)},
            "newTokenExpiresAt": later(3),
        },
        {"existingTokenExpiresAt": later(), "name": "u"},
    ],
)
def test_a_bad_regeneration_changes_nothing(body: Any, workspace: Any) -> None:
    old = workspace.mint("t", expiresAt=later(10))
    before = workspace.ok("GET", "/v2/tokens")
    workspace.refused(422, "POST", f"/v2/tokens/{old['id']}/regenerate", body)
    assert workspace.ok("GET", "/v2/tokens") == before


def test_an_expired_token_can_be_regenerated_and_stays_expired(workspace: Any) -> None:
    old = workspace.mint("t", expiresAt=later(1))
    workspace.emulator.clock.offset_seconds = 7200
    new = workspace.ok("POST", f"/v2/tokens/{old['id']}/regenerate", {"existingTokenExpiresAt": later(5)})
    workspace.ok("GET", "/v2/user", token=new["token"])
    workspace.refused(401, "GET", "/v2/user", token=old["token"])


def test_regenerating_what_is_not_there(workspace: Any) -> None:
    workspace.refused(404, "POST", "/v2/tokens/none/regenerate", {"existingTokenExpiresAt": later()})


def test_only_hashes_are_stored(workspace: Any, tmp_path: Any) -> None:
    workspace.mint("t")
    workspace.ok("POST", "/_emulator/personal-tokens", {"name": "p"})
    state = tmp_path / "state"
    secrets = (state / "minted-secrets").read_text().split()
    assert len(secrets) == 3
    stored = b"".join(path.read_bytes() for path in state.glob("axiom.sqlite3*"))
    assert b"local-axiom-management" in stored
    assert not [secret for secret in secrets if secret.encode() in stored]
    for name in ("minted-secrets", "management-token", "axiom.sqlite3"):
        assert (state / name).stat().st_mode & 0o777 == 0o600


class TestPersonalTokens:
    @pytest.fixture
    def secret(self, workspace: Any) -> str:
        made: str = workspace.ok("POST", "/_emulator/personal-tokens", {"name": "me"})["token"]
        return made

    def test_may_do_everything_with_the_organization_header(self, secret: str, workspace: Any) -> None:
        assert secret.startswith("xapt-")
        workspace.headers["X-Axiom-Org-Id"] = workspace.emulator.org_id
        workspace.ok("POST", "/v2/datasets", {"name": "logs"}, token=secret)
        assert "me" not in [token["name"] for token in workspace.ok("GET", "/v2/tokens", token=secret)]

    def test_are_refused_without_it(self, secret: str, workspace: Any) -> None:
        assert "X-Axiom-Org-Id" in workspace.refused(403, "GET", "/v2/datasets", token=secret)

    def test_need_none_to_ask_who_they_are(self, secret: str, workspace: Any) -> None:
        assert workspace.ok("GET", "/v2/user", token=secret)["role"]["name"]
        assert workspace.ok("GET", "/v2/orgs", token=secret)[0]["id"] == workspace.emulator.org_id

    def test_are_refused_by_edges(self, secret: str, workspace: Any) -> None:
        workspace.dataset("logs")
        response = workspace.send("logs", b"", secret, content_type="application/x-protobuf", x_axiom_dataset="logs")
        assert response.status_code == 403


def test_another_organization_is_refused(workspace: Any) -> None:
    workspace.headers["X-Axiom-Org-Id"] = "another"
    assert "'another'" in workspace.refused(403, "GET", "/v2/datasets")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic {token}", "{token}", "Bearer {token}x"])
def test_only_a_bearer_token_will_do(header: str, workspace: Any) -> None:
    value = {"Authorization": header.format(token=workspace.token)}
    workspace.refused(401, "GET", "/v2/datasets", token="", headers=value)


def test_a_deleted_management_token_is_minted_again(workspace: Any) -> None:
    (token,) = workspace.ok("GET", "/v2/tokens")
    assert workspace.emulator.management_token() == workspace.token
    workspace.ok("DELETE", f"/v2/tokens/{token['id']}")
    assert workspace.emulator.management_token() != workspace.token


def test_an_expired_management_token_is_minted_again(workspace: Any) -> None:
    (token,) = workspace.ok("GET", "/v2/tokens")
    workspace.ok("POST", f"/v2/tokens/{token['id']}/regenerate", {"existingTokenExpiresAt": later(1)})
    assert workspace.emulator.management_token() == workspace.token
    workspace.emulator.clock.offset_seconds = 3601
    assert workspace.emulator.management_token() != workspace.token
