# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one loop over datasets and tokens: which requests are made, in which order, with which bodies."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import ApiError
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import AxiomClient
from ansible_collections.devfleet.axiom.plugins.module_utils.datasets import (
    Dataset,
    checked_edge_url,
    edge_url_of,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.resource import Refusal, Resource, converge
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import PolicyError
from ansible_collections.devfleet.axiom.plugins.module_utils.tokens import Token

NOW = 1_800_000_000 * 10**9


def dataset(**members: Any) -> dict[str, Any]:
    """A dataset as the API answers it."""
    return {
        "id": "logs-id",
        "name": "logs",
        "description": "",
        "kind": "axiom:events:v1",
        "created": "2026-01-01T00:00:00.123456789Z",
        "updatedAt": "2026-01-01T00:00:00Z",
        "who": "Ada",
        "retentionDays": 0,
        "useRetentionPeriod": False,
        "edgeDeployment": "cloud.us-east-1.aws",
        "edgeDeploymentUrl": "us-east-1.aws.edge.axiom.co",
        "mapFields": [],
        **members,
    }


def token(**members: Any) -> dict[str, Any]:
    return {
        "id": "token-id",
        "name": "ingest",
        "datasetCapabilities": {"logs": {"ingest": ["create"]}},
        "orgCapabilities": {},
        **members,
    }


def run(kind: type[Resource], options: dict[str, Any], declared: dict[str, Any], check_mode: bool = False) -> Any:
    """What a module does: (resource, outcome)."""
    resource = kind(AxiomClient(options))
    kind.validate(declared)
    return resource, converge(resource, declared, resource.find(declared, resource.objects()), check_mode)


# --- datasets


def test_a_new_dataset_gets_what_is_declared_and_the_kind_of_the_guide(options, script):
    script.expect("GET", "/datasets", [dataset(name="other")])
    script.expect(
        "POST",
        "/datasets",
        dataset(description="d", retentionDays=30, useRetentionPeriod=True),
        body={
            "name": "logs",
            "kind": "axiom:events:v1",
            "description": "d",
            "retentionDays": 30,
            "useRetentionPeriod": True,
        },
    )
    resource, outcome = run(Dataset, options, {"name": "logs", "description": "d", "retention_days": 30, "kind": None})
    assert outcome.changed
    assert not outcome.adopted
    assert outcome.diff["before"] == {}
    assert outcome.diff["after"] == {
        "name": "logs",
        "kind": "axiom:events:v1",
        "description": "d",
        "retention_days": 30,
    }
    assert resource.result(outcome) == {
        "id": "logs-id",
        "name": "logs",
        "kind": "axiom:events:v1",
        "description": "d",
        "retention_days": 30,
        "edge_deployment": "cloud.us-east-1.aws",
        "edge_url": "https://us-east-1.aws.edge.axiom.co",
        "map_fields": [],
    }


def test_map_fields_of_a_new_dataset_take_a_request_of_their_own(options, script):
    script.expect("GET", "/datasets", [])
    script.expect(
        "POST",
        "/datasets",
        dataset(kind="otel:metrics:v1", edgeDeployment="cloud.eu-central-1.aws"),
        body={"name": "logs", "kind": "otel:metrics:v1", "edgeDeployment": "cloud.eu-central-1.aws"},
    )
    script.expect("PUT", "/datasets/logs-id/mapfields", ["a", "b"], body=["a", "b"])
    declared = {
        "name": "logs",
        "kind": "otel:metrics:v1",
        "edge_deployment": "cloud.eu-central-1.aws",
        "map_fields": ["b", "a", "b"],
    }
    resource, outcome = run(Dataset, options, declared)
    assert resource.result(outcome)["map_fields"] == ["a", "b"]


@pytest.mark.parametrize(
    ("found", "declared"),
    [
        (dataset(), {"name": "logs"}),
        (dataset(description="kept", retentionDays=9, useRetentionPeriod=True), {"name": "logs", "kind": None}),
        (dataset(kind="otel:logs:v1"), {"name": "logs"}),
        (dataset(retentionDays=30, useRetentionPeriod=False), {"name": "logs", "retention_days": 0}),
        (dataset(retentionDays=30, useRetentionPeriod=True), {"name": "logs", "retention_days": 30}),
        (dataset(mapFields=["b", "a"]), {"name": "logs", "map_fields": ["a", "b", "a"]}),
        ({key: value for key, value in dataset().items() if key != "mapFields"}, {"name": "logs", "map_fields": []}),
    ],
)
def test_a_dataset_that_is_as_declared_is_adopted_with_one_request(found, declared, options, script):
    script.expect("GET", "/datasets", [found])
    _resource, outcome = run(Dataset, options, declared)
    assert not outcome.changed
    assert outcome.adopted
    assert outcome.diff["before"] == outcome.diff["after"]


@pytest.mark.parametrize(
    ("declared", "body"),
    [
        ({"description": "new"}, {"description": "new", "retentionDays": 9, "useRetentionPeriod": True}),
        ({"retention_days": 30}, {"description": "old", "retentionDays": 30, "useRetentionPeriod": True}),
        ({"retention_days": 0}, {"description": "old", "retentionDays": 0, "useRetentionPeriod": False}),
        ({"description": ""}, {"description": "", "retentionDays": 9, "useRetentionPeriod": True}),
    ],
)
def test_an_update_sends_undeclared_fields_as_just_read(declared, body, options, script):
    found = dataset(description="old", retentionDays=9, useRetentionPeriod=True)
    script.expect("GET", "/datasets", [found])
    script.expect("PUT", "/datasets/logs-id", {**found, **body}, body=body)
    _resource, outcome = run(Dataset, options, {"name": "logs", **declared})
    assert outcome.changed
    assert outcome.adopted
    changed = {key for key in outcome.after if outcome.after[key] != outcome.before[key]}
    assert changed == set(declared)


def test_only_map_fields_are_sent_when_only_they_differ(options, script):
    script.expect("GET", "/datasets", [dataset(mapFields=["a"])])
    script.expect("PUT", "/datasets/logs-id/mapfields", [], body=[])
    _resource, outcome = run(Dataset, options, {"name": "logs", "map_fields": []})
    assert outcome.changed


def test_map_fields_missing_in_the_list_are_read(options, script):
    found = dataset()
    del found["mapFields"]
    script.expect("GET", "/datasets", [found])
    script.expect("GET", "/datasets/logs-id/mapfields", ["a"])
    _resource, outcome = run(Dataset, options, {"name": "logs", "map_fields": ["a"]})
    assert not outcome.changed


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"kind": "otel:logs:v1"}, "has kind 'axiom:events:v1', declared is 'otel:logs:v1'"),
        (
            {"edge_deployment": "cloud.eu-central-1.aws"},
            "has edge_deployment 'cloud.us-east-1.aws', declared is 'cloud.eu-central-1.aws'",
        ),
        ({"state": "absent"}, "allow_data_loss: true"),
        ({"state": "absent", "allow_data_loss": False}, "allow_data_loss: true"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_is_refused_is_refused_in_check_mode_too(declared, says, check_mode, options, script):
    script.expect("GET", "/datasets", [dataset()])
    with pytest.raises(Refusal) as caught:
        run(Dataset, options, {"name": "logs", **declared}, check_mode)
    assert says in caught.value.message
    assert caught.value.result()["diff"]["before"]["name"] == "logs"


def test_a_dataset_is_deleted_by_its_id(options, script):
    script.expect("GET", "/datasets", [dataset(id="a/b")])
    script.expect("DELETE", "/datasets/a%2Fb", status=204)
    resource, outcome = run(Dataset, options, {"name": "logs", "state": "absent", "allow_data_loss": True})
    assert outcome.changed
    assert resource.result(outcome) is None


def test_an_absent_dataset_needs_no_permission_to_stay_absent(options, script):
    script.expect("GET", "/datasets", [])
    _resource, outcome = run(Dataset, options, {"name": "logs", "state": "absent"})
    assert not outcome.changed


@pytest.mark.parametrize(
    ("found", "declared"),
    [
        ([], {"name": "logs", "retention_days": 30, "map_fields": ["a"]}),
        ([dataset()], {"name": "logs", "retention_days": 30, "map_fields": ["a"]}),
        ([dataset()], {"name": "logs", "state": "absent", "allow_data_loss": True}),
    ],
)
def test_check_mode_writes_nothing_and_predicts_the_diff(found, declared, options, script):
    script.expect("GET", "/datasets", found)
    _resource, outcome = run(Dataset, options, declared, check_mode=True)
    assert outcome.changed
    assert script.requests() == [("GET", "/datasets")]


def test_check_mode_does_not_make_up_what_axiom_would_choose(options, script):
    script.expect("GET", "/datasets", [])
    resource, outcome = run(Dataset, options, {"name": "logs"}, check_mode=True)
    result = resource.result(outcome)
    assert result["kind"] == "axiom:events:v1"
    assert [result[key] for key in ("id", "edge_deployment", "edge_url", "retention_days")] == [None] * 4


def test_a_value_the_server_does_not_keep_is_an_error_and_not_a_change_at_every_run(options, script):
    script.expect("GET", "/datasets", [dataset()])
    script.expect("PUT", "/datasets/logs-id", dataset(retentionDays=30, useRetentionPeriod=True))
    with pytest.raises(Refusal, match="retention_days 30 instead of 900"):
        run(Dataset, options, {"name": "logs", "retention_days": 900})


def test_a_conflict_at_creation_is_told_as_axiom_tells_it(options, script):
    script.expect("GET", "/datasets", [])
    script.expect("POST", "/datasets", {"code": "exists", "message": "entity exists"}, status=409)
    with pytest.raises(ApiError, match=r"\(409\).*Axiom says: entity exists"):
        run(Dataset, options, {"name": "logs"})


@pytest.mark.parametrize("members", [{"retentionDays": "ten"}, {"mapFields": {"a": 1}}])
def test_a_dataset_of_another_shape_than_documented_is_an_error(members, options, script):
    script.expect("GET", "/datasets", [dataset(useRetentionPeriod=True, **members)])
    with pytest.raises(Refusal, match="does not know"):
        run(Dataset, options, {"name": "logs"})


@pytest.mark.parametrize("name", ["", " ", "a b", "a/b", "-a", "a" * 129, "a\nb", "ä", "a;b"])
def test_names_that_no_header_or_path_can_hold_are_refused(name):
    with pytest.raises(PolicyError, match="name"):
        Dataset.validate({"name": name})


@pytest.mark.parametrize("kind", [Dataset, Token])
def test_a_secret_pasted_as_a_name_is_not_echoed(kind):
    with pytest.raises(PolicyError) as caught:
        kind.validate({"name": "xaat-11111111-2222"})
    assert "xaat-" not in caught.value.message


def test_a_secret_pasted_as_a_dataset_to_ingest_into_is_not_echoed():
    with pytest.raises(PolicyError) as caught:
        Token.validate({"name": "ingest", "ingest": ["xapt-11111111-2222"]})
    assert "xapt-" not in caught.value.message


def test_a_negative_retention_is_refused():
    with pytest.raises(PolicyError, match="retention_days"):
        Dataset.validate({"name": "logs", "retention_days": -1})


@pytest.mark.parametrize(
    ("members", "url"),
    [
        ({"edgeDeploymentUrl": "eu.edge.example.org"}, "https://eu.edge.example.org"),
        ({"edgeDeploymentUrl": "https://eu.edge.example.org/"}, "https://eu.edge.example.org"),
        ({"edgeDeploymentUrl": "http://127.0.0.1:4711"}, "http://127.0.0.1:4711"),
        ({"edgeDeploymentUrl": None}, "https://us-east-1.aws.edge.axiom.co"),
        (
            {"edgeDeploymentUrl": None, "edgeDeployment": "cloud.eu-central-1.aws"},
            "https://eu-central-1.aws.edge.axiom.co",
        ),
        ({"edgeDeploymentUrl": None, "edgeDeployment": "cloud.mars.north"}, None),
        ({"edgeDeploymentUrl": "", "edgeDeployment": None}, None),
    ],
)
def test_where_a_dataset_takes_data_in(members, url):
    assert edge_url_of(dataset(**members)) == url


@pytest.mark.parametrize("url", ["http://eu.edge.example.org", "ftp://a", "https://", "https://u:p@a", "https://a?b"])
def test_an_edge_that_would_carry_the_secret_in_the_clear_is_refused(url):
    with pytest.raises(Refusal, match="https base URL"):
        checked_edge_url(url, "logs")


# --- tokens


def test_a_token_is_minted_with_what_is_declared(options, script):
    script.expect("GET", "/tokens", [token(name="other"), token(expiresAt="2001-01-01T00:00:00Z")])
    script.expect(
        "POST",
        "/tokens",
        token(token="xaat-new-secret", expiresAt="2030-01-01T00:00:00.000000000Z"),
        body={
            "name": "ingest",
            "datasetCapabilities": {"logs": {"ingest": ["create"], "query": ["read"]}},
            "orgCapabilities": {"annotations": ["create"]},
            "expiresAt": "2030-01-01T00:00:00Z",
        },
    )
    declared = {
        "name": "ingest",
        "ingest": ["logs"],
        "dataset_capabilities": {"logs": {"query": ["read"], "trim": []}},
        "org_capabilities": {"annotations": ["create"]},
        "expires_at": "2030-01-01T01:00:00+01:00",
    }
    resource, outcome = run(Token, options, declared)
    assert outcome.changed
    assert outcome.raw["token"] == "xaat-new-secret"
    assert "xaat" not in repr([outcome.diff, resource.result(outcome)])
    assert resource.result(outcome)["id"] == "token-id"
    assert resource.result(outcome)["expires_at"] == "2030-01-01T00:00:00Z"


def test_a_live_token_as_declared_is_kept(options, script):
    script.expect("GET", "/tokens", [token(viewCapabilities=None, orgCapabilities=None)])
    resource, outcome = run(Token, options, {"name": "ingest", "ingest": ["logs"], "description": "other"})
    assert not outcome.changed
    assert resource.result(outcome)["dataset_capabilities"] == {"logs": {"ingest": ["create"]}}


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_token_that_differs_is_refused_with_a_diff(check_mode, options, script):
    script.expect("GET", "/tokens", [token(token="xaat-should-not-be-here")])
    with pytest.raises(Refusal) as caught:
        run(Token, options, {"name": "ingest", "ingest": ["logs", "metrics"]}, check_mode)
    diff = caught.value.result()["diff"]
    assert diff["before"]["dataset_capabilities"] != diff["after"]["dataset_capabilities"]
    assert "xaat" not in repr(caught.value.result())


def test_several_live_tokens_are_told_apart_only_by_id(options, script):
    both = [token(id="one"), token(id="two")]
    script.expect("GET", "/tokens", both)
    with pytest.raises(PolicyError, match="one, two"):
        run(Token, options, {"name": "ingest", "state": "absent"})
    script.expect("GET", "/tokens", both)
    script.expect("DELETE", "/tokens/two", status=204)
    _resource, outcome = run(Token, options, {"name": "ingest", "state": "absent", "id": "two"})
    assert outcome.changed


def test_an_id_of_another_name_deletes_nothing(options, script):
    script.expect("GET", "/tokens", [token(id="one", name="other")])
    _resource, outcome = run(Token, options, {"name": "ingest", "state": "absent", "id": "one"})
    assert not outcome.changed


def test_check_mode_mints_nothing(options, script):
    script.expect("GET", "/tokens", [])
    resource, outcome = run(Token, options, {"name": "ingest", "ingest": ["logs"]}, check_mode=True)
    assert outcome.changed
    assert resource.result(outcome)["id"] is None
    assert resource.result(outcome)["dataset_capabilities"] == {"logs": {"ingest": ["create"]}}


@pytest.mark.parametrize("secret", [{}, {"token": ""}, {"token": None}])
def test_a_token_that_comes_without_its_secret_is_deleted_again(secret, options, script):
    script.expect("GET", "/tokens", [])
    script.expect("POST", "/tokens", token(**secret))
    script.expect("DELETE", "/tokens/token-id", status=204)
    with pytest.raises(Refusal, match="run again"):
        run(Token, options, {"name": "ingest", "ingest": ["logs"]})


def test_an_expiry_that_has_passed_is_refused_before_minting(options, script):
    script.expect("GET", "/tokens", [])
    with pytest.raises(Refusal, match="has passed"):
        run(Token, options, {"name": "ingest", "expires_at": "2001-01-01T00:00:00Z"})
