# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole declaration at once: which requests, in which order, and what happens to a secret when things go wrong."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.devfleet.axiom.plugins.action.workspace import require_same_everywhere
from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import ApiError
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import AxiomClient
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import PolicyError
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import StoreError
from ansible_collections.devfleet.axiom.plugins.plugin_utils.workspace import (
    Rotation,
    Workspace,
    check_rotation,
    validate,
)

SECRET = "xaat-a-new-secret"
EDGE = "https://us-east-1.aws.edge.axiom.co"
LOGS = {"name": "logs", "retention_days": 30}
METRICS = {"name": "metrics", "kind": "otel:metrics:v1"}
TOKEN = {"name": "ingest", "ingest": ["logs", "metrics"]}


class MemoryStore:
    """A store that remembers how it was used, and fails on demand: after so many writes that succeed."""

    def __init__(self, *records: dict[str, Any], failure: BaseException | None = None, after: int = 1) -> None:
        self.records = {record["name"]: record for record in records}
        self.failure = failure
        self.after = after
        self.used: list[str] = []
        self.is_locked = False

    def read(self, name: str) -> dict[str, Any] | None:
        return self.records.get(name)

    def write(self, record: dict[str, Any]) -> None:
        assert self.is_locked, "reading what there is, minting and writing belong under one lock"
        self.used.append("write")
        if self.failure and self.used.count("write") > self.after:
            raise self.failure
        self.records[record["name"]] = dict(record)

    @contextmanager
    def locked(self):
        self.used.append("lock")
        self.is_locked = True
        yield
        self.is_locked = False


def dataset(name: str = "logs", kind: str = "axiom:events:v1", **members: Any) -> dict[str, Any]:
    return {
        "id": f"{name}-id",
        "name": name,
        "description": "",
        "kind": kind,
        "created": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
        "who": "Ada",
        "retentionDays": 30,
        "useRetentionPeriod": True,
        "edgeDeployment": "cloud.us-east-1.aws",
        "edgeDeploymentUrl": EDGE,
        "mapFields": [],
        **members,
    }


def token(**members: Any) -> dict[str, Any]:
    both = {"logs": {"ingest": ["create"]}, "metrics": {"ingest": ["create"]}}
    return {"id": "token-id", "name": "ingest", "datasetCapabilities": both, "orgCapabilities": {}, **members}


def record(**members: Any) -> dict[str, Any]:
    edge = {"edge": "cloud.us-east-1.aws", "edge_url": EDGE}
    return {
        "name": "ingest",
        "id": "token-id",
        "secret": "xaat-a-stored-secret",
        "previous_secret": None,
        "expires_at": None,
        "datasets": {"logs": {"kind": "axiom:events:v1", **edge}, "metrics": {"kind": "otel:metrics:v1", **edge}},
        **members,
    }


FOUND = [dataset("logs"), dataset("metrics", "otel:metrics:v1")]


@pytest.fixture
def workspace(options):
    """Make a run: ``workspace(store, datasets=..., tokens=..., check_mode=...)``."""

    def make(
        store: Any, datasets: Any = (LOGS, METRICS), tokens: Any = (TOKEN,), check_mode: bool = False
    ) -> Workspace:
        validate(list(datasets), list(tokens), store)
        return Workspace(AxiomClient(options), list(datasets), list(tokens), store, check_mode)

    return make


def failing(run: Workspace, kind: type[Exception]) -> tuple[str, dict[str, Any]]:
    """The message of a run that fails, and how far it came; neither holds a secret."""
    with pytest.raises(kind) as caught:
        run.run()
    text = json.dumps([caught.value.result(), run.result()])
    assert SECRET not in text
    assert "xaat-a-stored" not in text
    return caught.value.message, run.result()


# --- runs that succeed


def test_bare_ground_datasets_first_then_the_token_then_the_store(workspace, script):
    store = MemoryStore()
    script.expect("GET", "/datasets", []).expect("GET", "/tokens", [])
    script.expect("POST", "/datasets", FOUND[0]).expect("POST", "/datasets", FOUND[1])
    script.expect("POST", "/tokens", token(token=SECRET))
    run = workspace(store)
    run.run()
    result = run.result()
    assert result["changed"]
    assert store.records == {"ingest": record(secret=SECRET)}
    # The second is the token's secret, the first the note that one is about to be minted.
    assert store.used == ["lock", "write", "write"]
    assert [(item["name"], item["changed"], item["adopted"]) for item in result["datasets"]] == [
        ("logs", True, False),
        ("metrics", True, False),
    ]
    assert [(item["id"], item["minted"], item["changed"]) for item in result["tokens"]] == [("token-id", True, True)]
    assert result["records"] == {"ingest": {"name": "ingest", "datasets": record()["datasets"], "minted": True}}
    assert [diff["after_header"] for diff in result["diff"]] == [
        "dataset logs",
        "dataset metrics",
        "token ingest",
        "store: record ingest",
    ]
    assert "xaat" not in json.dumps(result)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_converged_run_makes_two_requests_whatever_the_number(check_mode, workspace, script):
    names = [f"data-{number}" for number in range(50)]
    tokens = [{"name": f"token-{name}", "ingest": [name]} for name in names]
    script.expect("GET", "/datasets", [dataset(name) for name in names])
    script.expect(
        "GET",
        "/tokens",
        [
            token(id=f"id-{name}", name=f"token-{name}", datasetCapabilities={name: {"ingest": ["create"]}})
            for name in names
        ],
    )
    metadata = record()["datasets"]["logs"]
    store = MemoryStore(*(record(name=f"token-{name}", id=f"id-{name}", datasets={name: metadata}) for name in names))
    run = workspace(store, [{"name": name, "retention_days": 30} for name in names], tokens, check_mode)
    run.run()
    assert not run.result()["changed"]
    assert run.result()["diff"] == []
    assert len(script.requests()) == 2
    assert "write" not in store.used


def test_check_mode_on_bare_ground_writes_nothing_and_predicts_everything(workspace, script):
    store = MemoryStore()
    script.expect("GET", "/datasets", []).expect("GET", "/tokens", [])
    run = workspace(store, check_mode=True)
    run.run()
    result = run.result()
    assert store.used == []
    assert result["changed"]
    assert [item["minted"] for item in result["tokens"]] == [True]
    assert [item["id"] for item in result["tokens"] + result["datasets"]] == [None] * 3
    assert result["records"]["ingest"]["datasets"] == {
        "logs": {"kind": "axiom:events:v1", "edge": None, "edge_url": None},
        "metrics": {"kind": "otel:metrics:v1", "edge": None, "edge_url": None},
    }
    assert "secret" not in json.dumps([result["tokens"], result["records"]])


def test_check_mode_names_the_edge_where_it_can_be_known(workspace, script):
    script.expect("GET", "/datasets", [dataset("other", edgeDeployment="cloud.mars", edgeDeploymentUrl="mars.example")])
    script.expect("GET", "/tokens", [])
    declared = [
        {"name": "logs", "edge_deployment": "cloud.eu-central-1.aws"},
        {"name": "metrics", "edge_deployment": "cloud.mars"},
        {"name": "own", "edge_url": "https://edge.example.org/"},
    ]
    run = workspace(MemoryStore(), declared, [{"name": "ingest", "ingest": ["logs", "metrics", "own"]}], True)
    run.run()
    datasets = run.result()["records"]["ingest"]["datasets"]
    assert [datasets[name]["edge_url"] for name in ("logs", "metrics", "own")] == [
        "https://eu-central-1.aws.edge.axiom.co",
        "https://mars.example",
        "https://edge.example.org",
    ]


def test_without_tokens_there_is_nothing_to_store_and_one_request(workspace, script):
    script.expect("GET", "/datasets", [dataset("logs")])
    run = workspace(None, [LOGS], [])
    run.run()
    assert not run.result()["changed"]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    "stale",
    [
        {"datasets": {"logs": {"kind": "axiom:events:v1", "edge": "old", "edge_url": "https://old.example.org"}}},
        {"expires_at": "2029-01-01T00:00:00Z"},
    ],
)
def test_what_the_store_says_about_datasets_is_refreshed(stale, check_mode, workspace, script):
    store = MemoryStore(record(**stale))
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [token()])
    run = workspace(store, check_mode=check_mode)
    run.run()
    assert run.result()["changed"]
    assert not run.result()["tokens"][0]["minted"]
    assert store.records["ingest"] == (record(**stale) if check_mode else record())
    (diff,) = run.result()["diff"]
    assert diff["before"] != diff["after"]
    assert "xaat" not in json.dumps(diff)


def test_a_dataset_may_exist_without_being_declared(workspace, script):
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [token()])
    run = workspace(MemoryStore(record()), [])
    run.run()
    assert not run.result()["changed"]
    assert run.result()["datasets"] == []


def test_datasets_to_ingest_into_may_be_declared_as_capabilities(workspace, script):
    capabilities = {"logs": {"ingest": ["create"]}, "metrics": {"query": ["read"]}, "*": {"ingest": ["create"]}}
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [])
    script.expect("POST", "/tokens", token(token=SECRET, datasetCapabilities=capabilities))
    store = MemoryStore()
    workspace(store, [], [{"name": "ingest", "dataset_capabilities": capabilities}]).run()
    assert list(store.records["ingest"]["datasets"]) == ["logs", "metrics"]
    assert store.records["ingest"]["query"] == ["metrics"]


def test_a_token_for_reports_may_query_its_datasets_and_nothing_else(workspace, script):
    capabilities = {"logs": {"query": ["read"]}, "metrics": {"query": ["read"]}}
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [])
    script.expect("POST", "/tokens", token(token=SECRET, datasetCapabilities=capabilities))
    store = MemoryStore()
    run = workspace(store, [], [{"name": "ingest", "query": ["metrics", "logs"]}])
    run.run()
    assert store.records["ingest"]["query"] == ["logs", "metrics"] == list(store.records["ingest"]["datasets"])
    assert run.result()["records"]["ingest"]["query"] == ["logs", "metrics"]
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [token(datasetCapabilities=capabilities)])
    again = workspace(store, [], [{"name": "ingest", "query": ["logs", "metrics"]}])
    again.run()
    assert not again.result()["changed"]


@pytest.mark.parametrize("before", [[], [record(id="of-a-token-before")]])
def test_a_known_secret_is_put_into_the_store(before, workspace, script):
    store = MemoryStore(*before)
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [token()])
    run = workspace(store, tokens=[{**TOKEN, "secret": "xaat-brought-along"}])
    run.run()
    assert store.records["ingest"] == record(secret="xaat-brought-along")
    assert run.result()["changed"]
    assert "xaat" not in json.dumps(run.result())


def test_a_known_secret_that_is_there_already_changes_nothing(workspace, script):
    store = MemoryStore(record())
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [token()])
    run = workspace(store, tokens=[{**TOKEN, "secret": "xaat-brought-along"}])
    run.run()
    assert not run.result()["changed"]
    assert store.records["ingest"]["secret"] == "xaat-a-stored-secret"


def test_an_expired_token_is_minted_anew_and_its_record_replaced(workspace, script):
    store = MemoryStore(record(id="expired-id"))
    expired = token(id="expired-id", expiresAt="2001-01-01T00:00:00Z")
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [expired])
    script.expect("POST", "/tokens", token(token=SECRET))
    workspace(store).run()
    assert store.records["ingest"] == record(secret=SECRET)


# --- declarations that cannot be: nothing is requested


@pytest.mark.parametrize(
    ("datasets", "tokens", "store", "says"),
    [
        ([LOGS, LOGS], [], None, "dataset 'logs' is declared twice"),
        ([], [TOKEN, TOKEN], {}, "token 'ingest' is declared twice"),
        ([], [TOKEN], None, "axiom_workspace_store"),
        ([{"name": "xaat-1234"}], [], None, "looks like an Axiom token"),
        ([], [{"name": "ingest", "ingest": ["xaat-1234"]}], {}, "looks like an Axiom token"),
        ([], [{"name": "report", "query": ["xaat-1234"]}], {}, "looks like an Axiom token"),
        ([{"name": "logs", "edge_url": "http://example.org"}], [], None, "no https base URL"),
        ([], [{**TOKEN, "secret": "oops"}], {}, "no Axiom API token"),
        ([], [{**TOKEN, "org_capabilities": ["x"]}], {}, "must have the form"),
        ([], [{**TOKEN, "expires_at": "soon"}], {}, "is not an instant"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_before_any_request(datasets, tokens, store, says):
    with pytest.raises(PolicyError, match=says) as caught:
        validate(datasets, tokens, store)
    assert "xaat-1" not in caught.value.message
    assert "oops" not in caught.value.message


# --- plans that cannot be: read, but nothing is changed


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("found", "tokens", "records", "declared", "says"),
    [
        ([], [], [], [LOGS], "'metrics', neither declared nor existing"),
        ([dataset("logs", "otel:logs:v1")], [], [], [{**LOGS, "kind": "axiom:events:v1"}, METRICS], "has kind"),
        (FOUND, [token()], [], [LOGS, METRICS], "its secret is not in the store"),
        (FOUND, [token()], [record(id="another")], [LOGS, METRICS], "its secret is not in the store"),
        (FOUND, [token(), token(id="second")], [record()], [LOGS, METRICS], "Not known here: second"),
        (FOUND, [token(orgCapabilities={"users": ["read"]})], [record()], [METRICS], "org_capabilities users read"),
        (
            [dataset("logs", edgeDeployment=None, edgeDeploymentUrl=None)],
            [],
            [],
            [LOGS, METRICS],
            "declare its edge_url",
        ),
    ],
)
def test_a_plan_that_cannot_be_changes_nothing(check_mode, found, tokens, records, declared, says, workspace, script):
    # The first dataset is always one that would have to be changed.
    script.expect("GET", "/datasets", [{**item, "retentionDays": 7} for item in found]).expect("GET", "/tokens", tokens)
    run = workspace(MemoryStore(*records), declared, check_mode=check_mode)
    message, result = failing(run, PolicyError)
    assert says in message
    assert not result["changed"]


def test_a_declared_secret_of_a_token_that_is_gone_is_refused(workspace, script):
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [])
    message, _result = failing(workspace(MemoryStore(), tokens=[{**TOKEN, "secret": SECRET}]), PolicyError)
    assert "remove the secret" in message


# --- failures half-way


def test_a_store_that_fails_takes_the_token_back(workspace, script):
    store = MemoryStore(failure=StoreError("the store /s cannot be written (No space left on device)"))
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [])
    script.expect("POST", "/tokens", token(token=SECRET)).expect("DELETE", "/tokens/token-id", status=204)
    message, result = failing(workspace(store), StoreError)
    assert "No space left on device" in message
    assert "was deleted again" in message
    assert result["tokens"] == []


def test_a_store_that_fails_before_minting_keeps_the_token_from_being_minted(workspace, script):
    store = MemoryStore(failure=StoreError("the store /s cannot be written (No space left on device)"), after=0)
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [])
    message, result = failing(workspace(store), StoreError)
    assert message == "the store /s cannot be written (No space left on device)"
    assert not result["changed"]


def test_a_token_whose_secret_was_never_learned_is_replaced_and_shows_no_mark(workspace, script):
    store = MemoryStore(failure=KeyboardInterrupt())
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [])
    script.expect("POST", "/tokens", token(token=SECRET)).expect("DELETE", "/tokens/token-id", {}, status=500)
    with pytest.raises(KeyboardInterrupt):
        workspace(store, tokens=[{**TOKEN, "description": "for the fleet"}]).run()
    (asked,) = script.bodies("POST")
    assert asked["description"].startswith("for the fleet [devfleet.axiom ")
    assert store.records["ingest"]["secret"] is None
    useless = token(description=asked["description"])
    store.failure = None
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [useless])
    script.expect("DELETE", "/tokens/token-id", status=204)
    script.expect("POST", "/tokens", token(id="new-id", token=SECRET, description="again"))
    run = workspace(store, tokens=[{**TOKEN, "description": "for the fleet"}])
    run.run()
    assert store.records["ingest"] == record(id="new-id", secret=SECRET)
    assert "[devfleet.axiom" not in json.dumps(run.result())


def test_a_token_that_cannot_be_taken_back_is_named(workspace, script):
    store = MemoryStore(failure=StoreError("the store /s cannot be written (No space left on device)"))
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [])
    script.expect("POST", "/tokens", token(token=SECRET))
    script.expect("DELETE", "/tokens/token-id", {"message": "no"}, status=403)
    message, _result = failing(workspace(store), StoreError)
    assert "No space left on device" in message
    assert "(id token-id) was minted, its secret is lost" in message
    assert "apiTokens: [delete]" in message


def test_an_interrupted_store_takes_the_token_back_too(workspace, script):
    store = MemoryStore(failure=KeyboardInterrupt())
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [])
    script.expect("POST", "/tokens", token(token=SECRET)).expect("DELETE", "/tokens/token-id", status=204)
    with pytest.raises(KeyboardInterrupt):
        workspace(store).run()


def test_a_new_dataset_without_an_edge_stops_before_minting(workspace, script):
    script.expect("GET", "/datasets", []).expect("GET", "/tokens", [])
    script.expect("POST", "/datasets", dataset("logs", edgeDeployment=None, edgeDeploymentUrl=None))
    message, result = failing(workspace(MemoryStore(), [LOGS], [{"name": "ingest", "ingest": ["logs"]}]), PolicyError)
    assert "declare its edge_url" in message
    assert [item["name"] for item in result["datasets"]] == ["logs"]
    assert result["changed"], "what was done is reported with the failure"


def test_what_was_done_before_a_failure_is_reported(workspace, script):
    script.expect("GET", "/datasets", []).expect("GET", "/tokens", [])
    script.expect("POST", "/datasets", FOUND[0]).expect("POST", "/datasets", {"message": "quota"}, status=422)
    message, result = failing(workspace(MemoryStore()), ApiError)
    assert "quota" in message
    assert [item["name"] for item in result["datasets"]] == ["logs"]
    assert result["changed"]


# --- rotating


NEW = {"id": "new-id", "token": SECRET}


def rotating(workspace: Any, store: Any, mode: str = "begin", **options: Any) -> Workspace:
    run = workspace(store, **options)
    run.rotation = Rotation(mode, ("ingest",))
    return run


def test_regenerating_sends_capabilities_back_as_they_were_read_and_keeps_the_old_secret(workspace, script):
    read = {"logs": {"ingest": ["create"], "later": None}, "metrics": {"ingest": ["create"]}}
    found = token(datasetCapabilities=read, description="for people", expiresAt="2090-01-01T00:00:00Z")
    store = MemoryStore(record(expires_at="2090-01-01T00:00:00Z"))
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [found])
    script.expect("POST", "/tokens/token-id/regenerate", token(**NEW))
    run = rotating(workspace, store)
    run.run()
    body = json.loads(script.last.body)
    end = body.pop("existingTokenExpiresAt")
    assert body == {
        "newToken": {
            "name": "ingest",
            "description": "for people",
            "datasetCapabilities": read,
            "expiresAt": "2090-01-01T00:00:00Z",
        },
        "newTokenExpiresAt": "2090-01-01T00:00:00Z",
    }
    kept = {"previous_secret": "xaat-a-stored-secret", "previous_id": "token-id", "previous_expires_at": end}
    assert store.records["ingest"] == record(id="new-id", secret=SECRET, **kept)
    assert store.used == ["lock", "write", "write"], "what is about to happen is stored first"
    assert run.result()["tokens"][0]["previous_expires_at"] == end
    assert "xaat" not in json.dumps(run.result())


def test_an_end_that_an_earlier_run_set_is_not_handed_on(workspace, script):
    store = MemoryStore(record(pending={"id": "token-id", "deadline": "2090-01-01T00:00:00Z", "known": ["token-id"]}))
    found = [token(expiresAt="2090-01-01T00:00:00Z"), token(id="lost-id")]
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", found)
    script.expect("DELETE", "/tokens/lost-id", {"message": "gone"}, status=404)
    script.expect("POST", "/tokens/token-id/regenerate", token(**NEW))
    workspace(store).run()
    assert "expiresAt" not in json.loads(script.last.body)["newToken"]
    assert "pending" not in store.records["ingest"]


def test_a_store_that_fails_before_regenerating_changes_nothing(workspace, script):
    full = StoreError("the store /s cannot be written (No space left on device)")
    store = MemoryStore(record(), failure=full, after=0)
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [token()])
    message, result = failing(rotating(workspace, store), StoreError)
    assert "No space left on device" in message
    assert not result["changed"]


@pytest.mark.parametrize("mode", ["begin", "retire", "revoke"])
def test_check_mode_rotates_retires_and_revokes_nothing_and_says_what_would_be(mode, workspace, script):
    previous = {"previous_id": "old-id", "previous_secret": "xaat-old", "previous_expires_at": "2001-01-01T00:00:00Z"}
    old = [token(id="old-id", expiresAt="2090-01-01T00:00:00Z")] if mode != "begin" else []
    store = MemoryStore(record(**previous))
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [*old, token()])
    run = rotating(workspace, store, mode, check_mode=True)
    run.run()
    assert run.result()["changed"]
    assert run.result()["tokens"][0]["minted"] == (mode != "retire")
    assert store.used == []


def test_retiring_never_touches_the_current_token(workspace, script):
    store = MemoryStore(record(previous_id="token-id"))
    script.expect("GET", "/datasets", FOUND).expect("GET", "/tokens", [token()])
    rotating(workspace, store, "retire").run()
    assert script.requests() == [("GET", "/datasets"), ("GET", "/tokens")]


def test_names_that_are_not_declared_are_refused_without_showing_a_secret():
    with pytest.raises(PolicyError, match=r"no token is declared as \*+; declared are: ingest"):
        check_rotation(Rotation("revoke", ("xaat-0123",)), [TOKEN])
    with pytest.raises(PolicyError, match="name the token to revoke"):
        check_rotation(Rotation("revoke"), [TOKEN])


# --- one workspace for all hosts


class HostVars:
    def __init__(self, **hosts: dict[str, Any]) -> None:
        self._hosts = hosts

    def raw_get(self, host: str) -> dict[str, Any]:
        return self._hosts[host]


def variables(**hosts: dict[str, Any]) -> dict[str, Any]:
    return {"ansible_play_hosts_all": list(hosts), "hostvars": HostVars(**hosts)}


def test_the_same_declaration_for_all_hosts_is_fine():
    declared = {"axiom_workspace_datasets": [LOGS], "other": 1}
    require_same_everywhere(
        variables(a=declared, b={**declared, "other": 2}, c={**declared, "axiom_workspace_result": 1})
    )


@pytest.mark.parametrize(
    "other", [{}, {"axiom_workspace_datasets": []}, {"axiom_workspace_datasets": [LOGS], "axiom_workspace_url": "x"}]
)
@pytest.mark.parametrize("turned", [True, False])
def test_a_host_with_another_declaration_is_named_with_the_variable(other, turned):
    hosts = [{"axiom_workspace_datasets": [LOGS]}, other]
    if turned:
        hosts.reverse()
    with pytest.raises(PolicyError) as caught:
        require_same_everywhere(variables(ada=hosts[0], same=hosts[0], linus=hosts[1]))
    name = "axiom_workspace_url" if "axiom_workspace_url" in other else "axiom_workspace_datasets"
    assert caught.value.message.startswith(f"{name} is not the same for ada and linus")
