# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole declaration at once: two list calls, plan everything, then datasets, then tokens, each minted and stored.

Nothing is changed before all of the declaration is known to be possible. A converged run makes two requests, whatever
the number of datasets and tokens.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.devfleet.axiom.plugins.module_utils import token_policy
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import (
    AxiomClient,
    AxiomError,
    holds_secret,
    without_secrets,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.datasets import (
    EDGE_URLS,
    Dataset,
    checked_edge_url,
    edge_url_of,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.resource import Outcome, Refusal, converge
from ansible_collections.devfleet.axiom.plugins.module_utils.tokens import Token
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import Record, Store, StoreError

Declared = Mapping[str, Any]


def validate(datasets: Iterable[Declared], tokens: Iterable[Declared], store: Any) -> None:
    """Raise PolicyError for a declaration that cannot be; needs no request."""
    for label, kind, declared in (("dataset", Dataset, datasets), ("token", Token, tokens)):
        names = set()
        for item in declared:
            kind.validate(item)
            if item["name"] in names:
                raise Refusal(f"{label} {item['name']!r} is declared twice: names must be unique")
            names.add(item["name"])
    for dataset in datasets:
        if dataset.get("edge_url"):
            checked_edge_url(dataset["edge_url"], dataset["name"])
    for token in tokens:
        if token.get("secret") and not holds_secret(token["secret"]):
            raise Refusal(f"token {token['name']!r}: what is declared as its secret is no Axiom API token (xaat-...)")
        if store is None:
            raise Refusal(
                f"token {token['name']!r} is declared, but no store to keep its secret in: set axiom_workspace_store,"
                " such as {type: vault_file, path: secrets/axiom.yml}"
            )


class Step(NamedTuple):
    """One declared object, what was found of it, and what will become of it."""

    declared: Declared
    found: Mapping[str, Any] | None
    outcome: Outcome


class StoredToken(Token):
    """A token whose secret belongs into a store: minting and storing are one unit."""

    def __init__(self, workspace: Workspace, client: AxiomClient, now: int) -> None:
        super().__init__(client, now)
        self._workspace = workspace

    def decide(self, declared: Declared, found: Mapping[str, Any] | None) -> token_policy.Decision:
        record = self._workspace.record_of(declared["name"])
        decision = token_policy.decide(declared, found, record, self.now)
        if declared.get("secret") and decision.action == token_policy.SECRET_LOST:
            return token_policy.Decision(token_policy.KEEP)
        if declared.get("secret") and decision.action == token_policy.CREATE:
            text = (
                f"token {declared['name']!r} does not exist (any more), but its secret is declared: remove the secret"
            )
            return token_policy.Decision(token_policy.CONFLICT, f"{text}, and run again: a new token is minted")
        return decision

    def create(self, declared: Declared, after: Mapping[str, Any]) -> Mapping[str, Any]:
        """Mint, store; where it cannot be stored, the token is deleted again, because nobody could ever use it."""
        # Whatever can be found out before minting is: where the datasets take data in.
        self._workspace.new_record(declared, {}, "")
        raw = super().create(declared, after)
        try:
            self._workspace.keep(self._workspace.new_record(declared, raw, raw["token"]))
        except BaseException as error:
            fate = self._take_back(declared["name"], raw)
            if isinstance(error, StoreError):
                raise StoreError(f"{error.message}. {fate}") from None
            raise
        return raw

    def _take_back(self, name: str, raw: Mapping[str, Any]) -> str:
        try:
            self.delete(raw)
        except AxiomError as error:
            return (
                f"Token {name!r} (id {raw['id']}) was minted, its secret is lost and deleting it failed"
                f" ({error.message}): delete it in Axiom, then run again"
            )
        return f"Token {name!r}, just minted, was deleted again because its secret could not be kept"


class Workspace:
    """One run over one declaration. After run(), or after it raised, result() tells how far it came.

    Raises PolicyError, AxiomError and StoreError.
    """

    def __init__(
        self,
        client: AxiomClient,
        datasets: list[Declared],
        tokens: list[Declared],
        store: Store | None,
        check_mode: bool,
    ) -> None:
        self._client = client
        self._declared_datasets = datasets
        self._declared_tokens = tokens
        self._store = store
        self._check_mode = check_mode
        self._existing: dict[str, Mapping[str, Any]] = {}
        self._records: dict[str, Record | None] = {}
        self._dataset = Dataset(client)
        self._token = StoredToken(self, client, time.time_ns())
        self._changed = False
        self._diff: list[dict[str, Any]] = []
        self._datasets: list[dict[str, Any]] = []
        self._tokens: list[dict[str, Any]] = []
        self._stored: dict[str, dict[str, Any]] = {}

    def result(self) -> dict[str, Any]:
        """What the action returns; no secret is anywhere in it."""
        return {
            "changed": self._changed,
            "diff": self._diff,
            "datasets": self._datasets,
            "tokens": self._tokens,
            "records": self._stored,
        }

    def run(self) -> None:
        """Make everything as declared; in check mode only find out what would change."""
        writing = self._store is not None and not self._check_mode
        with self._store.locked() if self._store and writing else nullcontext():
            if self._store:
                self._records = {token["name"]: self._store.read(token["name"]) for token in self._declared_tokens}
            datasets, tokens = self._plan()
            for step in datasets:
                self._finish_dataset(self._carried_out(self._dataset, step))
            for step in tokens:
                self._finish_token(step, self._carried_out(self._token, step))

    def record_of(self, name: str) -> Record | None:
        """What the store holds under a token's name."""
        return self._records.get(name)

    def keep(self, record: Record) -> None:
        """Write a record to the store."""
        if self._store is None:
            raise StoreError("no store is declared")
        self._store.write(record)
        self._records[record["name"]] = record

    def new_record(self, declared: Declared, raw: Mapping[str, Any], secret: str) -> dict[str, Any]:
        """The record of a token of the API with its secret."""
        return {
            "name": declared["name"],
            "id": raw.get("id"),
            "secret": secret,
            "previous_secret": None,
            "expires_at": token_policy.found_view(raw)["expires_at"],
            "datasets": self._datasets_of(declared),
        }

    def _plan(self) -> tuple[list[Step], list[Step]]:
        objects = self._dataset.objects()
        self._existing = {item["name"]: item for item in objects}
        tokens = self._token.objects() if self._declared_tokens else []
        known = {*self._existing, *(item["name"] for item in self._declared_datasets)}
        for token in self._declared_tokens:
            unknown = [name for name in _ingest_names(token) if name not in known]
            if unknown:
                raise Refusal(
                    f"token {token['name']!r} is to ingest into {', '.join(map(repr, unknown))}, neither declared nor"
                    " existing: declare the dataset in axiom_workspace_datasets, or correct the name"
                )
            for name in _ingest_names(token):
                if name in self._existing:
                    self._require_edge_url(name)
        return (
            list(self._planned(self._dataset, self._declared_datasets, objects)),
            list(self._planned(self._token, self._declared_tokens, tokens)),
        )

    def _planned(
        self, resource: Dataset | Token, declared: list[Declared], objects: list[dict[str, Any]]
    ) -> Iterator[Step]:
        for item in declared:
            found = resource.find(item, objects)
            yield Step(item, found, converge(resource, item, found, check_mode=True))

    def _carried_out(self, resource: Dataset | Token, step: Step) -> Outcome:
        outcome = step.outcome
        if outcome.changed and not self._check_mode:
            outcome = converge(resource, step.declared, step.found, check_mode=False)
        if outcome.changed:
            self._note(outcome.diff)
        return outcome

    def _finish_dataset(self, outcome: Outcome) -> None:
        if outcome.raw is not None:
            self._existing[outcome.name] = outcome.raw
        known = self._dataset.result(outcome) or {}
        known["edge"] = known.pop("edge_deployment")
        known["edge_url"] = self._edge_url(outcome.name)
        self._datasets.append({**known, "adopted": outcome.adopted, "changed": outcome.changed})

    def _finish_token(self, step: Step, outcome: Outcome) -> None:
        declared, before = step.declared, self.record_of(outcome.name)
        minted = step.found is None
        if minted:
            # Written when it was minted; in check mode, what would be.
            after: Record = self.new_record(declared, outcome.raw or {}, "")
            before = None
        elif before is None or before["id"] != (outcome.raw or {}).get("id"):
            after = self.new_record(declared, outcome.raw or {}, declared["secret"])
        else:
            fresh = self.new_record(declared, outcome.raw or {}, "")
            after = {**before, "expires_at": fresh["expires_at"], "datasets": fresh["datasets"]}
        stored = after != before
        if stored:
            if not minted and not self._check_mode:
                self.keep(after)
            self._note(_record_diff(outcome.name, before, after))
        token = {**(self._token.result(outcome) or {}), "minted": minted, "changed": outcome.changed or stored}
        self._tokens.append(token)
        self._stored[outcome.name] = {"name": outcome.name, "datasets": after["datasets"]}

    def _note(self, diff: dict[str, Any]) -> None:
        self._changed = True
        self._diff.append(diff)

    def _datasets_of(self, declared: Declared) -> dict[str, dict[str, Any]]:
        return {name: self._metadata(name) for name in _ingest_names(declared)}

    def _metadata(self, name: str) -> dict[str, Any]:
        raw = self._existing.get(name)
        planned = self._dataset.wanted(self._declaration(name), raw)
        edge = raw.get("edgeDeployment") if raw else planned.get("edge_deployment")
        # Only in check mode may a dataset be new that has no edge yet.
        url = self._edge_url(name) if self._check_mode else self._require_edge_url(name)
        return {"kind": raw.get("kind") if raw else planned.get("kind"), "edge": edge, "edge_url": url}

    def _declaration(self, name: str) -> Declared:
        return next((item for item in self._declared_datasets if item["name"] == name), {"name": name})

    def _require_edge_url(self, name: str) -> str:
        url = self._edge_url(name)
        if url is None:
            raise Refusal(
                f"Axiom does not say where dataset {name!r} takes data in: declare its edge_url in"
                " axiom_workspace_datasets, such as https://us-east-1.aws.edge.axiom.co"
            )
        return url

    def _edge_url(self, name: str) -> str | None:
        """Where a dataset takes data in; None where that is not known (yet)."""
        declared, raw = self._declaration(name), self._existing.get(name)
        if declared.get("edge_url"):
            return checked_edge_url(declared["edge_url"], name)
        if raw is not None:
            return edge_url_of(raw)
        edge = declared.get("edge_deployment")
        if edge is None:
            return None
        neighbours = (edge_url_of(item) for item in self._existing.values() if item.get("edgeDeployment") == edge)
        of_axiom = (urlsplit(self._client.url).hostname or "").endswith(".axiom.co")
        return next(neighbours, None) or (EDGE_URLS.get(edge) if of_axiom else None)


def _ingest_names(declared: Declared) -> list[str]:
    """The datasets a declared token may ingest into, whichever way that is declared; C(*) names none."""
    scoped = token_policy.declared_capabilities(declared)["dataset_capabilities"]
    return [name for name in scoped if "create" in scoped[name].get("ingest", []) and name != "*"]


def _record_diff(name: str, before: Record | None, after: Record) -> dict[str, Any]:
    header = f"store: record {without_secrets(name)}"
    shown = [{key: record[key] for key in ("expires_at", "datasets")} if record else {} for record in (before, after)]
    return {"before": shown[0], "after": shown[1], "before_header": header, "after_header": header}
