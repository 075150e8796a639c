# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/datasets``: what is taken, what is refused, and what becomes of fields left out."""

from __future__ import annotations

from typing import Any

import pytest


def test_an_answer_has_what_is_set_and_nothing_empty(workspace: Any) -> None:
    made = workspace.dataset("logs")
    assert made == workspace.ok("GET", "/v2/datasets/logs")
    assert [made] == workspace.ok("GET", "/v2/datasets")
    assert set(made) == {
        "id",
        "name",
        "description",
        "kind",
        "created",
        "updatedAt",
        "who",
        "canWrite",
        "edgeDeployment",
        "edgeDeploymentUrl",
        "retentionDays",
        "useRetentionPeriod",
    }
    assert made["kind"] == "axiom:events:v1"
    assert (made["retentionDays"], made["useRetentionPeriod"]) == (0, False)
    assert made["edgeDeploymentUrl"] == "http://127.0.0.1:1002"


def test_all_fields_are_kept(workspace: Any) -> None:
    wanted = {
        "kind": "otel:metrics:v1",
        "description": "métriques",
        "edgeDeployment": "cloud.eu-central-1.aws",
        "retentionDays": 30,
        "useRetentionPeriod": True,
    }
    made = workspace.dataset("metrics", **wanted)
    assert {name: made[name] for name in wanted} == wanted
    assert made["edgeDeploymentUrl"] == "http://127.0.0.1:1003"


@pytest.mark.parametrize("name", ["a", "A-9", "-", "x" * 128])
def test_names_of_1_to_128_letters_digits_hyphens(name: str, workspace: Any) -> None:
    assert workspace.dataset(name)["name"] == name


@pytest.mark.parametrize("name", ["", "x" * 129, "a_b", "a.b", "a b", "ä", "a/b", "a\n", "٣"])
def test_other_names_are_refused(name: str, workspace: Any) -> None:
    assert "name" in workspace.refused(422, "POST", "/v2/datasets", {"name": name})


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("kind", "events"),
        ("kind", 1),
        ("edgeDeployment", "cloud.mars-1.aws"),
        ("description", 5),
        ("retentionDays", -1),
        ("retentionDays", 1.5),
        ("retentionDays", True),
        ("retentionDays", "30"),
        ("useRetentionPeriod", 1),
        ("useRetentionPeriod", True),
        ("region", "us"),
        ("mapFields", ["a"]),
    ],
)
def test_a_bad_member_is_refused_by_name_and_nothing_is_made(member: str, value: Any, workspace: Any) -> None:
    body = {"name": "logs", member: value}
    assert member.split(":")[0].removesuffix("Deployment") in workspace.refused(422, "POST", "/v2/datasets", body)
    assert workspace.ok("GET", "/v2/datasets") == []


def test_retention_days_do_not_switch_retention_on(workspace: Any) -> None:
    made = workspace.dataset("logs", retentionDays=30)
    assert (made["retentionDays"], made["useRetentionPeriod"]) == (30, False)


def test_null_members_count_as_left_out(workspace: Any) -> None:
    made = workspace.dataset("logs", description=None, kind=None, retentionDays=None, edgeDeployment=None)
    assert (made["description"], made["kind"], made["retentionDays"]) == ("", "axiom:events:v1", 0)


def test_a_name_exists_once(workspace: Any) -> None:
    workspace.dataset("logs", description="first")
    assert "'logs'" in workspace.refused(409, "POST", "/v2/datasets", {"name": "logs"})
    assert workspace.ok("GET", "/v2/datasets/logs")["description"] == "first"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"logs"', b"\xff"])
def test_a_malformed_body_is_refused(body: bytes, workspace: Any) -> None:
    response = workspace.call("POST", "/v2/datasets", body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)


def test_a_body_must_say_that_it_is_json(workspace: Any) -> None:
    assert "application/json" in workspace.refused(415, "POST", "/v2/datasets", b'{"name": "logs"}')


@pytest.mark.parametrize("mode", ["merge", "replace"])
@pytest.mark.parametrize(
    ("sent", "merged", "replaced"),
    [
        ({}, ("old", 30, True), ("", 0, False)),
        ({"description": "new"}, ("new", 30, True), ("new", 0, False)),
        ({"description": None}, ("old", 30, True), ("", 0, False)),
        ({"description": "", "useRetentionPeriod": False}, ("", 30, False), ("", 0, False)),
        (
            {"description": "old", "retentionDays": 7, "useRetentionPeriod": True},
            ("old", 7, True),
            ("old", 7, True),
        ),
    ],
)
def test_put_merges_or_replaces(mode: str, sent: Any, merged: Any, replaced: Any, workspace: Any) -> None:
    workspace.dataset("logs", description="old", retentionDays=30, useRetentionPeriod=True)
    workspace.ok("PUT", "/v2/datasets/logs/mapfields", ["m"])
    workspace.emulator.settings.put = mode
    workspace.emulator.clock.offset_seconds = 60
    answer = workspace.ok("PUT", "/v2/datasets/logs", sent)
    assert answer == workspace.ok("GET", "/v2/datasets/logs")
    found = (answer["description"], answer["retentionDays"], answer["useRetentionPeriod"])
    assert found == (merged if mode == "merge" else replaced)
    assert answer["mapFields"] == ["m"]
    assert answer["updatedAt"] > answer["created"]


def test_retention_rules_hold_for_what_put_results_in(workspace: Any) -> None:
    workspace.dataset("logs", retentionDays=30, useRetentionPeriod=True)
    workspace.refused(422, "PUT", "/v2/datasets/logs", {"retentionDays": 0})
    workspace.emulator.settings.put = "replace"
    workspace.refused(422, "PUT", "/v2/datasets/logs", {"useRetentionPeriod": True})
    found = workspace.ok("GET", "/v2/datasets/logs")
    assert (found["retentionDays"], found["useRetentionPeriod"]) == (30, True)


@pytest.mark.parametrize("member", ["name", "kind", "edgeDeployment", "created", "mapFields"])
def test_put_takes_nothing_else_not_even_unchanged(member: str, workspace: Any) -> None:
    made = workspace.dataset("logs") | {"mapFields": ["a"]}
    assert member in workspace.refused(422, "PUT", "/v2/datasets/logs", {member: made[member]})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v2/datasets/none", None),
        ("PUT", "/v2/datasets/none", {}),
        ("DELETE", "/v2/datasets/none", None),
        ("GET", "/v2/datasets/none/mapfields", None),
        ("PUT", "/v2/datasets/none/mapfields", []),
        ("POST", "/v2/datasets/none/mapfields", {"name": "a"}),
        ("DELETE", "/v2/datasets/none/mapfields/a", None),
        ("DELETE", "/v2/datasets/logs/mapfields/none", None),
    ],
)
def test_what_is_not_there_is_not_found(method: str, path: str, body: Any, workspace: Any) -> None:
    workspace.dataset("logs")
    assert "'none'" in workspace.refused(404, method, path, body)


def test_delete_deletes(workspace: Any) -> None:
    workspace.dataset("logs")
    assert workspace.ok("DELETE", "/v2/datasets/logs") is None
    assert workspace.ok("GET", "/v2/datasets") == []


def test_map_fields(workspace: Any) -> None:
    workspace.dataset("logs")
    path = "/v2/datasets/logs/mapfields"
    assert workspace.ok("GET", path) == []
    assert workspace.ok("PUT", path, ["b", "a.b/c d"]) == ["b", "a.b/c d"]
    assert workspace.ok("POST", path, {"name": "x"}) == {"name": "x"}
    workspace.refused(409, "POST", path, {"name": "x"})
    assert workspace.ok("GET", "/v2/datasets/logs")["mapFields"] == ["b", "a.b/c d", "x"]
    workspace.checked = False  # the encoded slash is no single segment for the document's path template
    assert workspace.call("DELETE", path + "/a.b%2Fc%20d").status_code == 204
    workspace.checked = True
    assert workspace.ok("GET", path) == ["b", "x"]
    assert workspace.ok("PUT", path, []) == []
    assert "mapFields" not in workspace.ok("GET", "/v2/datasets/logs")


@pytest.mark.parametrize("body", [{}, [1], [""], ["a", "a"], ["x" * 201]])
def test_bad_lists_of_map_fields_are_refused(body: Any, workspace: Any) -> None:
    workspace.dataset("logs")
    workspace.refused(422, "PUT", "/v2/datasets/logs/mapfields", body)
    assert workspace.ok("GET", "/v2/datasets/logs/mapfields") == []


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": 1}, {"name": "a", "type": "b"}])
def test_bad_map_fields_are_refused(body: Any, workspace: Any) -> None:
    workspace.dataset("logs")
    workspace.refused(422, "POST", "/v2/datasets/logs/mapfields", body)


def test_v1_is_the_same_datasets(workspace: Any) -> None:
    made = workspace.ok("POST", "/v1/datasets", {"name": "logs", "description": "d"})
    assert workspace.ok("GET", "/v2/datasets/logs") == made == workspace.ok("GET", "/v1/datasets/logs")
    assert workspace.ok("PUT", "/v1/datasets/logs", {"description": "e"})["description"] == "e"
    assert workspace.ok("DELETE", "/v1/datasets/logs") is None


def test_organization_and_user(workspace: Any) -> None:
    (organization,) = workspace.ok("GET", "/v2/orgs")
    assert organization == workspace.ok("GET", f"/v2/orgs/{organization['id']}")
    assert organization["license"]["edgeDeployments"] == ["cloud.us-east-1.aws", "cloud.eu-central-1.aws"]
    workspace.refused(404, "GET", "/v2/orgs/another")
    assert "@" in workspace.ok("GET", "/v2/user")["email"]
