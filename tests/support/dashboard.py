# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the charts of a dashboard show, asked of a local Axiom; and a recording of what the real client sends."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import requests

from axiom_emulator.testing import LocalAxiom

RECORDING = Path(__file__).parents[1] / "data" / "claude-code-recording.json"
LOGS, METRICS = "logs", "metrics"
# What is true of one machine, installation or run, and of no interest.
_OWN = ("user.id", "session.id", "prompt.id", "host.id", "os.version", "request_id", "client_request_id", "tool_use_id")


def instant(nanoseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(nanoseconds / 10**9, datetime.UTC)


def recording(arrived: Iterable[dict[str, Any]], client_version: str) -> dict[str, Any]:
    """What arrived, as a recording: without names of datasets and tokens, and with made-up ids."""
    made_up: dict[Any, str] = {}

    def cleaned(attributes: dict[str, Any]) -> dict[str, Any]:
        return {
            name: made_up.setdefault((name, value), f"{name}-{len(made_up) + 1}") if name in _OWN else value
            for name, value in attributes.items()
        }

    kept: dict[str, list[dict[str, Any]]] = {"logs": [], "metrics": []}
    for row in arrived:
        also = ("body",) if row["signal"] == "logs" else ("value", "unit", "kind")
        kept[row["signal"]].append(
            {
                **{member: row[member] for member in ("time", "name", *also)},
                "resource": cleaned(row["resource"]),
                "attributes": cleaned(row["attributes"]),
            }
        )
    return {"client_version": client_version, **kept}


class Recording:
    """A recording that can be loaded into a local Axiom without data."""

    def __init__(self, recorded: dict[str, Any]) -> None:
        self._recorded = recorded
        times = [row["time"] for signal in ("logs", "metrics") for row in recorded[signal]]
        hour = datetime.timedelta(hours=1)
        self.start, self.end = instant(min(times)) - hour, instant(max(times)) + hour

    def load(self, axiom: LocalAxiom, layout: str) -> None:
        """Make the datasets and fill them; layout: where log attributes lie (flat, custom, map)."""
        axiom.settings(log_fields="custom" if layout == "custom" else "flat")
        _api(axiom, "POST", "/v2/datasets", {"name": LOGS})
        _api(axiom, "POST", "/v2/datasets", {"name": METRICS, "kind": "otel:metrics:v1"})
        if layout == "map":
            _api(axiom, "PUT", f"/v2/datasets/{LOGS}/mapfields", ["attributes", "resource"])
        for load, dataset, signal in ((axiom.load_events, LOGS, "logs"), (axiom.load_points, METRICS, "metrics")):
            load(dataset, [{**row, "time": instant(row["time"])} for row in self._recorded[signal]])


def _api(axiom: LocalAxiom, method: str, path: str, body: Any = None) -> Any:
    answer = requests.request(method, axiom.url + path, json=body, headers=_bearer(axiom.token), timeout=30)
    answer.raise_for_status()
    return answer.json()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def answers(
    axiom: LocalAxiom, document: dict[str, Any], start: datetime.datetime, end: datetime.datetime
) -> dict[str, list[dict[str, Any]]]:
    """The rows that each chart with a query gets, by the chart's id; a metric's series is a row with its sum.

    Asked with a token that may read every dataset, each at the edge where it lies.
    """
    datasets = {dataset["name"]: dataset for dataset in _api(axiom, "GET", "/v2/datasets")}
    token = axiom.mint(name="reader", datasetCapabilities={name: {"query": ["read"]} for name in datasets})["token"]
    window = {"startTime": start.isoformat(), "endTime": end.isoformat()}

    def ask(dataset: str, path: str, body: dict[str, Any]) -> Any:
        edge = datasets[dataset]["edgeDeploymentUrl"]
        answer = requests.post(edge + path, json={**body, **window}, headers=_bearer(token), timeout=30)
        assert answer.status_code == 200, (body, answer.text)
        return answer.json()

    found = {}
    for chart in document["charts"]:
        query = chart.get("query", {})
        if "apl" in query:
            dataset = query["apl"].split("'")[1]
            (table,) = ask(dataset, "/v1/query/_apl?format=tabular", query)["tables"]
            names = [field["name"] for field in table["fields"]]
            found[chart["id"]] = [dict(zip(names, row, strict=True)) for row in zip(*table["columns"], strict=True)]
        elif "mpl" in query:
            dataset = query["mpl"].split("`")[1]
            # The dashboard's own parameter.
            text = query["mpl"].replace("$__interval", "1h")
            answer = ask(dataset, "/v1/query/_mpl?format=metrics-v2", {"mpl": text})
            found[chart["id"]] = [
                {**(series["tags"] or {}), "value": sum(value for value in series["data"] if value is not None)}
                for series in answer["series"]
            ]
    return found
