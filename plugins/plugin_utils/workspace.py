# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole declaration at once: two list calls, plan everything, then datasets, then tokens, each minted and stored.

Nothing is changed before all of the declaration is known to be possible. A converged run makes two requests, whatever
the number of datasets and tokens.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ansible_collections.devfleet.axiom.plugins.module_utils import token_policy
from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import ApiError, holds_secret, without_secrets
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import AxiomClient
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
# A second run of a revocation within this time goes on where the first stopped, and kills nothing.
REVOCATION_PAUSE = token_policy.HOUR
# How many attempts to create a token are remembered, of which no answer came.
MARKS = 8


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
        token_policy.check_rotation(token)
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
    record: Record | None


class Rotation(NamedTuple):
    """What a run does to tokens beyond their policies.

    mode: C(declared) nothing; C(begin) rotate them now; C(retire) end those before them; C(revoke) end them and mint.
    names: of declared tokens; empty for all, which C(revoke) does not take.
    again: revoke what was minted by a revocation just now, too.
    """

    mode: str = "declared"
    names: tuple[str, ...] = ()
    again: bool = False

    def does(self, mode: str, name: str) -> bool:
        """Whether something is to be done to a token."""
        return self.mode == mode and (not self.names or name in self.names)


def check_rotation(rotation: Rotation, tokens: Iterable[Declared]) -> None:
    """Raise PolicyError for names that are not declared, or none where something is killed; needs no request."""
    declared = {token["name"] for token in tokens}
    unknown = [without_secrets(name) for name in rotation.names if name not in declared]
    if unknown:
        known = ", ".join(sorted(declared)) or "none"
        raise Refusal(f"no token is declared as {', '.join(unknown)}; declared are: {known}")
    if rotation.mode == "revoke" and not rotation.names:
        raise Refusal("name the token to revoke: -e axiom_workspace_revoke=NAME")


class StoredToken(Token):
    """A token whose secret belongs into a store: minting and storing are one unit."""

    def __init__(self, workspace: Workspace, client: AxiomClient, now: int) -> None:
        super().__init__(client, now)
        self._workspace = workspace
        self._families: dict[str, token_policy.Family] = {}

    def find(self, declared: Declared, objects: Sequence[dict[str, Any]]) -> Mapping[str, Any] | None:
        name = declared["name"]
        self._families[name] = token_policy.family(objects, name, self._workspace.record_of(name), self.now)
        return self._families[name].token

    def family(self, name: str) -> token_policy.Family:
        """The tokens of a name, after find()."""
        return self._families.get(name, token_policy.Family(None))

    def view(self, found: Mapping[str, Any]) -> dict[str, Any]:
        return {**super().view(found), "previous_expires_at": self._end_of_previous(str(found.get("name")))}

    def wanted(self, declared: Declared, found: Mapping[str, Any] | None) -> dict[str, Any]:
        minted = token_policy.dated(declared, self.now)
        if found is None:
            previous = self._end_of_previous(declared["name"])
            return {**token_policy.declared_view(minted), "previous_expires_at": previous}
        if self.decide(declared, found).action != token_policy.ROTATE:
            return token_policy.wanted_view(declared, found)
        view = token_policy.declared_view(minted)
        record = self._workspace.record_of(declared["name"]) or {}
        was = token_policy.found_view(found)
        view["description"] = view["description"] or was["description"]
        if view["expires_at"] is None and was["expires_at"] == record.get("expires_at"):
            # Nobody declared it, and no run of ours has set it to end the token: it is to stay.
            view["expires_at"] = was["expires_at"]
        end = token_policy.deadline(declared, found, self.now)
        return {**view, "previous_expires_at": token_policy.format_instant(end)}

    def decide(self, declared: Declared, found: Mapping[str, Any] | None) -> token_policy.Decision:
        name = declared["name"]
        begin = self._workspace.rotation.does("begin", name)
        record = self._workspace.record_of(name)
        decision = token_policy.decide_family(declared, self.family(name), record, self.now, begin)
        if declared.get("secret") and decision.action == token_policy.SECRET_LOST:
            return token_policy.Decision(token_policy.KEEP)
        if declared.get("secret") and decision.action == token_policy.CREATE:
            text = (
                f"token {declared['name']!r} does not exist (any more), but its secret is declared: remove the secret"
            )
            return token_policy.Decision(token_policy.CONFLICT, f"{text}, and run again: a new token is minted")
        return decision

    def create(self, declared: Declared, after: Mapping[str, Any]) -> Mapping[str, Any]:
        """Note, mint, store; where it cannot be stored, the token is deleted again, because nobody could ever use it.

        The note holds a mark that the token gets too. So a token whose secret was never learned is recognized by the
        next run, which deletes it: by its name alone nobody could tell that it is not in use.
        """
        # Whatever can be found out before minting is: where the datasets take data in.
        nothing = {**self._workspace.new_record(declared, {}, ""), "secret": None}
        self._delete_lost(declared["name"])
        mark = os.urandom(8).hex()
        record = self._workspace.record_of(declared["name"]) or nothing
        marks = (record.get("pending") or {}).get("marks", [])
        self._workspace.keep({**record, "pending": {"marks": [*marks, mark][-MARKS:]}})
        raw = super().create(token_policy.marked(token_policy.dated(declared, self.now), mark), after)
        family = self.family(declared["name"])
        record = self._workspace.new_record(declared, raw, raw["token"])
        if family.previous is not None:
            record.update(_previous_of(self._workspace.record_of(declared["name"]) or {}))
        self._keep(record, raw, "")
        return raw

    def update(
        self, found: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Regenerate with an overlap; the old secret stays in the record until its token has ended.

        What is about to happen is stored first. So a run that never learned the new secret, for whatever reason, is
        recognized by the next one, which deletes the useless token and rotates again.
        """
        name, end = found["name"], after["previous_expires_at"]
        declared, record = self._workspace.declared_token(name), self._workspace.record_of(name) or {}
        fresh = self._workspace.new_record(declared, {}, "")
        self._delete_lost(name)
        known = [str(item["id"]) for item in (found, self.family(name).previous) if item]
        self._workspace.keep({**record, "pending": {"id": found["id"], "deadline": end, "known": known}})
        raw = self._regenerated(found, before, after, declared)
        old = {"previous_secret": record["secret"], "previous_id": found["id"], "previous_expires_at": end}
        expires_at = token_policy.found_view(raw)["expires_at"]
        minted = {**fresh, "id": raw["id"], "secret": raw["token"], "expires_at": expires_at, **old}
        self._keep(minted, raw, f". The one before it works until {end}: run again before that")
        return raw

    def _regenerated(
        self, found: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], declared: Declared
    ) -> Mapping[str, Any]:
        # What is to stay goes back as it was read: what a later Axiom adds to capabilities stays too.
        asked = token_policy.request_body(declared)
        kept = all(before[option] == after[option] for option in token_policy.CAPABILITY_FIELDS)
        source = found if kept else asked
        new = {field: source[field] for field in token_policy.CAPABILITY_FIELDS.values() if source.get(field)}
        new.update({"name": found["name"], "description": after["description"], "expiresAt": after["expires_at"]})
        body: dict[str, Any] = {
            "existingTokenExpiresAt": after["previous_expires_at"],
            "newToken": {field: value for field, value in new.items() if value},
        }
        if after["expires_at"]:
            body["newTokenExpiresAt"] = after["expires_at"]
        return self.with_secret(self._client.post_object(f"{self._path_of(found)}/regenerate", body))

    def _keep(self, record: Record, raw: Mapping[str, Any], remark: str) -> None:
        try:
            self._workspace.keep(record)
        except BaseException as error:
            fate = self._take_back(record["name"], raw)
            if isinstance(error, StoreError):
                raise StoreError(f"{error.message}. {fate}{remark}") from None
            raise

    def _delete_lost(self, name: str) -> None:
        for lost in self.family(name).lost:
            self.end(lost)

    def end(self, found: Mapping[str, Any]) -> None:
        """Delete a token that may be gone already."""
        try:
            self.delete(found)
        except ApiError as error:
            if error.failure["status"] != 404:
                raise

    def _end_of_previous(self, name: str) -> str | None:
        previous = self.family(name).previous
        end: str | None = token_policy.found_view(previous)["expires_at"] if previous else None
        return end

    def _take_back(self, name: str, raw: Mapping[str, Any]) -> str:
        try:
            self.end(raw)
        except ApiError as error:
            return (
                f"Token {name!r} (id {raw['id']}) was minted, its secret is lost and deleting it failed"
                f" ({error.message}): delete it in Axiom, then run again"
            )
        return f"Token {name!r}, just minted, was deleted again because its secret could not be kept"


class Workspace:
    """One run over one declaration. After run(), or after it raised, result() tells how far it came.

    Raises PolicyError, ApiError and StoreError.
    """

    def __init__(
        self,
        client: AxiomClient,
        datasets: list[Declared],
        tokens: list[Declared],
        store: Store | None,
        check_mode: bool,
        rotation: Rotation | None = None,
    ) -> None:
        self.rotation = rotation or Rotation()
        self._client = client
        self._declared_datasets = datasets
        self._declared_tokens = tokens
        self._store = store
        self._check_mode = check_mode
        self._existing: dict[str, Mapping[str, Any]] = {}
        self._records: dict[str, Record | None] = {}
        self._dataset = Dataset(client)
        self._now = time.time_ns()
        self._token = StoredToken(self, client, self._now)
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

    def declared_token(self, name: str) -> Declared:
        """The declaration of a token."""
        return next(item for item in self._declared_tokens if item["name"] == name)

    def keep(self, record: Record) -> None:
        """Write a record to the store."""
        if self._store is None:
            raise StoreError("no store is declared")
        self._store.write(record)
        self._records[record["name"]] = record

    def new_record(self, declared: Declared, raw: Mapping[str, Any], secret: str) -> dict[str, Any]:
        """The record of a token of the API with its secret."""
        record = {
            "name": declared["name"],
            "id": raw.get("id"),
            "secret": secret,
            "previous_secret": None,
            "expires_at": token_policy.found_view(raw)["expires_at"],
            "datasets": self._datasets_of(declared),
        }
        if readable := _names(declared, "query", "read"):
            record["query"] = readable
        if self.rotation.does("revoke", declared["name"]):
            record["revoked_at"] = token_policy.format_instant(self._now)
        return record

    def _plan(self) -> tuple[list[Step], list[Step]]:
        objects = self._dataset.objects()
        self._existing = {item["name"]: item for item in objects}
        tokens = self._without_ended(self._token.objects()) if self._declared_tokens else []
        known = {*self._existing, *(item["name"] for item in self._declared_datasets)}
        for token in self._declared_tokens:
            unknown = [name for name in _dataset_names(token) if name not in known]
            if unknown:
                raise Refusal(
                    f"token {token['name']!r} is for {', '.join(map(repr, unknown))}, neither declared nor existing:"
                    " declare the dataset in axiom_workspace_datasets, or correct the name"
                )
            for name in _dataset_names(token):
                if name in self._existing:
                    self._require_edge_url(name)
        return (
            list(self._planned(self._dataset, self._declared_datasets, objects)),
            list(self._planned(self._token, self._declared_tokens, tokens)),
        )

    def _without_ended(self, tokens: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The tokens that are left when those are gone that this run is to end. What leaked ends before all else."""
        ended = [token for token in tokens if token_policy.is_live(token, self._now) and self._is_to_end(token)]
        for token in ended:
            if not self._check_mode:
                self._token.end(token)
            header = f"token {without_secrets(token['name'])} (id {token['id']})"
            view = token_policy.found_view(token)
            self._note({"before": view, "after": {}, "before_header": header, "after_header": header})
        return [token for token in tokens if token not in ended]

    def _is_to_end(self, token: Mapping[str, Any]) -> bool:
        record = self.record_of(token["name"]) or {}
        if token["name"] not in self._records:
            return False
        if self.rotation.does("retire", token["name"]):
            return bool(token["id"] == record.get("previous_id") and token["id"] != record["id"])
        if not self.rotation.does("revoke", token["name"]):
            return False
        fresh = token["id"] == record.get("id") and not self.rotation.again and record.get("revoked_at")
        return not fresh or token_policy.parse_instant(fresh) < self._now - REVOCATION_PAUSE

    def _planned(
        self, resource: Dataset | Token, declared: list[Declared], objects: list[dict[str, Any]]
    ) -> Iterator[Step]:
        for item in declared:
            found = resource.find(item, objects)
            yield Step(item, found, converge(resource, item, found, check_mode=True), self.record_of(item["name"]))

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
        known["edge_url"] = self._edge_url(outcome.name)
        self._datasets.append({**known, "adopted": outcome.adopted, "changed": outcome.changed})

    def _finish_token(self, step: Step, outcome: Outcome) -> None:
        declared, before = step.declared, step.record
        minted = step.found is None or outcome.changed
        if minted:
            # Written when it was minted; in check mode, what would be.
            after: Record = self.new_record(declared, outcome.raw or {}, "")
        elif before is None or before["id"] != (outcome.raw or {}).get("id"):
            after = self.new_record(declared, outcome.raw or {}, declared["secret"])
        else:
            fresh = self.new_record(declared, outcome.raw or {}, "")
            kept = {key: value for key, value in before.items() if key != "query"}
            after = {**kept, **{key: fresh[key] for key in ("expires_at", "datasets", "query") if key in fresh}}
            if before.get("previous_id") and self._token.family(outcome.name).previous is None:
                # It has ended. That it would have worked until then keeps the next rotation at bay.
                after = {**after, "previous_secret": None, "previous_id": None}
        stored = minted or after != before
        if stored:
            if not minted and not self._check_mode:
                self.keep(after)
            self._note(_record_diff(outcome.name, None if step.found is None else before, after))
        token = {**(self._token.result(outcome) or {}), "minted": minted, "changed": outcome.changed or stored}
        self._tokens.append(token)
        known = {key: after[key] for key in ("name", "datasets", "query") if key in after}
        self._stored[outcome.name] = {**known, "minted": minted}

    def _note(self, diff: dict[str, Any]) -> None:
        self._changed = True
        self._diff.append(diff)

    def _datasets_of(self, declared: Declared) -> dict[str, dict[str, Any]]:
        return {name: self._metadata(name) for name in _dataset_names(declared)}

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


def _names(declared: Declared, capability: str, verb: str) -> list[str]:
    """The datasets for which a declared token has a capability, whichever way that is declared."""
    scoped = token_policy.declared_capabilities(declared)["dataset_capabilities"]
    return [name for name in scoped if verb in scoped[name].get(capability, [])]


def _dataset_names(declared: Declared) -> list[str]:
    """The datasets that a declared token may ingest into or query; C(*) names none."""
    return sorted({*_names(declared, "ingest", "create"), *_names(declared, "query", "read")} - {"*"})


def _previous_of(record: Record) -> dict[str, Any]:
    return {key: record.get(key) for key in ("previous_secret", "previous_id", "previous_expires_at")}


def _record_diff(name: str, before: Record | None, after: Record) -> dict[str, Any]:
    header = f"store: record {without_secrets(name)}"
    fields = ("expires_at", "datasets", "query")
    shown = [{key: record[key] for key in fields if key in record} if record else {} for record in (before, after)]
    return {"before": shown[0], "after": shown[1], "before_header": header, "after_header": header}
