# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each machine of an inventory should send where, from its variables; and the queries that tell what arrived."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ansible.template import Templar

from ansible_collections.devfleet.axiom.plugins.module_utils import targets, telemetry_options
from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import ApiError, path_segment
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import AxiomClient
from ansible_collections.devfleet.axiom.plugins.module_utils.query_client import QueryClient
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import SIGNAL_PATHS, OptionError
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import PolicyError, format_instant
from ansible_collections.devfleet.axiom.plugins.plugin_utils.arguments import checked
from ansible_collections.devfleet.axiom.plugins.plugin_utils.arrivals import (
    METRICS,
    Arrived,
    Expected,
    Source,
    Window,
    logs_query,
    metric_query,
)
from ansible_collections.devfleet.axiom.plugins.plugin_utils.role_variables import options_from
from ansible_collections.devfleet.axiom.plugins.plugin_utils.store import Record

PREFIX = "claude_code_telemetry_"
TEAM = "telemetry_verify_team"
# A secret that is not in a store may cost a request to wherever it is kept, for each machine; it is not looked up here.
_NOT_ASKED = ("token", "store", "planned", "variables", "probe", "validate_only", "force")
_NEAR = 0.8
_SPEC = {name: option for name, option in telemetry_options.ARGUMENT_SPEC.items() if name not in _NOT_ASKED}


class _LazyTemplar:
    """A templar of one host's variables, made only where a variable is a template."""

    def __init__(self, loader: Any, variables: Mapping[str, Any]) -> None:
        self._loader = loader
        self._variables = variables

    def template(self, value: Any) -> Any:
        return Templar(loader=self._loader, variables=self._variables).template(value) if value else value


class Machine(NamedTuple):
    """A machine of the inventory: what is expected of it, and the edges where its datasets are said to live."""

    expected: Expected
    edges: Mapping[Source, str]


class Inventory:
    """Reads machines from their variables.

    loader: of the run. variables_of: the untemplated variables of a host. record_of: the store's record of a token's
    name. other_settings: what managed settings hold beside ours.
    """

    def __init__(
        self,
        loader: Any,
        variables_of: Callable[[str], Mapping[str, Any]],
        record_of: Callable[[str], Record | None],
        other_settings: Mapping[str, Any],
    ) -> None:
        self._loader = loader
        self._variables_of = variables_of
        self._record_of = record_of
        self._other_settings = other_settings
        self._validated: dict[str, dict[str, Any]] = {}

    def machine(self, host: str) -> Machine:
        """Raises PolicyError that names the host and what is wrong in its variables."""
        variables = self._variables_of(host)
        options = self._options(host, variables)
        sources = {signal: self._source(options, signal) for signal in SIGNAL_PATHS}
        record = self._record_of(options["token_name"]) if options["token_name"] else None
        edges = {}
        for signal, source in sources.items():
            edge = _edge_of(options, signal, record)
            if source and edge:
                edges[source] = edge
        expected = Expected(
            host,
            options["machine"],
            sources["logs"],
            sources["metrics"],
            options["token_name"],
            self._team(options, variables),
            *(self._digest(options, record, secret) for secret in ("secret", "previous_secret")),
        )
        return Machine(expected, edges)

    def _options(self, host: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        taken = options_from({"variables": PREFIX}, _SPEC, variables, _LazyTemplar(self._loader, variables))
        machine = str(taken.pop("machine", host))
        # Machines of a group have the same options, and validating them costs more than all else here.
        key = json.dumps(taken, sort_keys=True, default=str)
        if key not in self._validated:
            try:
                self._validated[key] = checked(taken, _SPEC, PREFIX, _SPEC)
            except PolicyError as error:
                raise PolicyError(f"{host}: {error.message}") from None
        return {**self._validated[key], "machine": machine}

    @staticmethod
    def _source(options: Mapping[str, Any], signal: str) -> Source | None:
        on = options["enabled"] and options["state"] == "present" and options[f"{signal}_exporter"] == "otlp"
        dataset = options[f"{signal}_dataset"]
        return Source(dataset, options["machine_attribute"]) if on and dataset and options["machine"] else None

    def _team(self, options: Mapping[str, Any], variables: Mapping[str, Any]) -> str | None:
        team = options["resource_attributes"].get("team")
        if TEAM in variables:
            team = _LazyTemplar(self._loader, variables).template(variables[TEAM])
        return str(team) if team else None

    def _digest(self, options: Mapping[str, Any], record: Record | None, member: str) -> str | None:
        """What the client would report of the managed settings that we write, with a secret of a record."""
        secret = (record or {}).get(member)
        if not secret or record is None or "managed_settings" not in options["targets"]:
            return None
        complete = dict(options)
        for signal, path in SIGNAL_PATHS.items():
            complete[f"{signal}_endpoint"] = f"{_edge_of(options, signal, record)}{path}"
        try:
            ours = targets.managed_settings(complete, secret)
        except OptionError:
            # Enforcement refuses it too, and names the option; nothing of ours can be there.
            return None
        theirs = self._other_settings
        return resolved_digest({**theirs, **ours, "env": {**theirs.get("env", {}), **ours["env"]}})


def resolved_digest(document: Mapping[str, Any]) -> str:
    """C(managed_settings.resolved_sha256) of settings, as Claude Code 2.1.331 makes it (measured): compact, sorted."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _edge_of(options: Mapping[str, Any], signal: str, record: Record | None) -> str | None:
    if options[f"{signal}_endpoint"]:
        return str(options[f"{signal}_endpoint"]).removesuffix(SIGNAL_PATHS[signal])
    known = (record or {}).get("datasets", {}).get(options[f"{signal}_dataset"]) or {}
    return str(known["edge_url"]) if known.get("edge_url") else None


class Readers:
    """Clients for queries, one for each edge and secret.

    records: of tokens that may query. secret: of a token that is not in the store, for all datasets. settings: of the
    connection.
    """

    def __init__(self, records: Iterable[Record], secret: str | None, settings: Mapping[str, Any]) -> None:
        self._records = list(records)
        self._secret = secret
        self._settings = settings
        self._clients: dict[tuple[str | None, str], QueryClient] = {}

    def client(self, dataset: str, edge_url: str | None) -> QueryClient:
        """Raises PolicyError where no token may query the dataset."""
        record = next((each for each in self._records if _may_query(each, dataset)), None)
        edge_url = ((record or {}).get("datasets", {}).get(dataset) or {}).get("edge_url") or edge_url
        secret = self._secret or (record or {}).get("secret")
        if not secret:
            raise PolicyError(
                f"no token may query {dataset}: declare one in axiom_workspace_tokens, such as {{name: report, query:"
                f" [{dataset}]}}, and run devfleet.axiom.provision; or set telemetry_verify_query_token"
            )
        key = (edge_url, secret)
        if key not in self._clients:
            self._clients[key] = QueryClient(secret, self._settings, edge_url)
        return self._clients[key]


def _may_query(record: Record, dataset: str) -> bool:
    return dataset in record.get("query", ()) or "*" in record.get("query", ())


def ask(machines: Iterable[Machine], readers: Readers, window: Window) -> Arrived:
    """One query for each dataset of logs and two for each of metrics, however many machines there are.

    Raises ApiError and PolicyError.
    """
    edges: dict[Source, str] = {}
    kinds: dict[Source, str] = {}
    for machine in machines:
        edges.update(machine.edges)
        for signal, source in (("logs", machine.expected.logs), ("metrics", machine.expected.metrics)):
            if source:
                kinds[source] = signal
    start, end = format_instant(window.start), format_instant(window.end)
    arrived = Arrived()
    for source in sorted(kinds):
        client = readers.client(source.dataset, edges.get(source))
        if kinds[source] == "logs":
            arrived.add_logs(source, client.apl(logs_query(source), start, end).rows)
        else:
            _ask_metrics(client, source, window, arrived)
    return arrived


def near_field_limit(machines: Iterable[Machine], client: AxiomClient, limit: int) -> list[str]:
    """A warning for each dataset of logs that will soon take no new fields; what cannot be read is no error."""
    warnings = []
    for name in sorted({machine.expected.logs.dataset for machine in machines if machine.expected.logs}):
        try:
            fields = client.get(f"/datasets/{path_segment(name)}/fields")
        except ApiError:
            continue
        number = len(fields) if isinstance(fields, list) else 0
        if number >= limit * _NEAR:
            warnings.append(
                f"{name} has {number} fields, and {limit} are the most: declare map_fields for the dataset before what"
                " is new is lost (docs/volume.md)"
            )
    return warnings


def _ask_metrics(client: QueryClient, source: Source, window: Window, arrived: Arrived) -> None:
    start, end = format_instant(window.start), format_instant(window.end)
    missing = []
    for metric in METRICS:
        try:
            arrived.add_metric(source, metric, client.mpl(metric_query(source, metric, window), start, end))
        except ApiError as error:
            # Of a metric that never came, Axiom may say that it does not exist.
            if error.failure["status"] != 404:
                raise
            missing.append(error.message)
    if len(missing) == len(METRICS):
        arrived.warnings.append(f"{source.dataset} has none of the metrics asked for, or does not exist: {missing[0]}")
