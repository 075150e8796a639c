# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real local Axiom for tests: a subprocess on free ports, stopped with the test."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
from support.serving import ServerProcess

from axiom_emulator import token_secrets
from axiom_emulator.storage import Row, Storage
from axiom_emulator.timestamps import render


class LocalAxiom:
    """Context manager: ``with LocalAxiom() as axiom: ... axiom.url, axiom.token, axiom.arrived("logs")``.

    Without ``state`` the state goes into a temporary directory that is removed at the end.
    """

    def __init__(self, state: Path | None = None, port: int = 0, put: str = "merge", readonly: bool = False) -> None:
        self._temporary = None if state else tempfile.TemporaryDirectory(prefix="axiom-")
        self.state = Path(self._temporary.name if self._temporary else state or "")
        options = ("--port", str(port), "--put", put, "--record-secrets", *(("--readonly",) if readonly else ()))
        self._server = ServerProcess("axiom_emulator", self.state, *options)
        self._storage: Storage | None = None
        self._control = requests.Session()
        self._control.trust_env = False
        self.url = self.token = self.org_id = ""
        self.edge_urls: dict[str, str] = {}

    def __enter__(self) -> LocalAxiom:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._storage:
            self._storage.close()
        if self._temporary:
            self._temporary.cleanup()

    def start(self) -> None:
        """Start the server; RuntimeError with its own words where it does not come up."""
        values = self._server.start()
        self.url, self.token, self.org_id = values["AXIOM_URL"], values["AXIOM_TOKEN"], values["AXIOM_ORG_ID"]
        self.edge_urls = self.control("GET", "info")["edges"]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """Stop the server with a signal and return its exit status; what it stored stays readable."""
        self._control.close()
        return self._server.stop(number)

    def restart(self) -> None:
        """Stop, and start again on the same state and ports."""
        self.stop()
        self.start()

    def env(self) -> dict[str, str]:
        """Return the variables that point a client at this server."""
        return {"AXIOM_URL": self.url, "AXIOM_TOKEN": self.token, "AXIOM_ORG_ID": self.org_id}

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """Call the control endpoint; return its JSON, or None."""
        response = self._control.request(method, f"{self.url}/_emulator/{name}", json=body, timeout=30)
        if not response.ok:
            raise ValueError(response.text)
        return response.json() if response.content else None

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change and return the settings: put, readonly, log_fields, clock_offset_seconds, rate_limit_per_minute."""
        settings: dict[str, Any] = self.control("PUT", "settings", changes)
        return settings

    def fault(self, **spec: Any) -> None:
        """Inject a fault: see README.md beside this file."""
        self.control("POST", "faults", spec)

    def faults(self) -> list[dict[str, Any]]:
        """Return all injected faults with ``seen`` and ``hits``."""
        faults: list[dict[str, Any]] = self.control("GET", "faults")
        return faults

    def clear_faults(self) -> None:
        """Back to a server that works."""
        self.control("DELETE", "faults")

    def personal_token(self, name: str = "personal") -> str:
        """Mint a personal token and return its secret."""
        secret: str = self.control("POST", "personal-tokens", {"name": name})["token"]
        return secret

    def mint(self, **members: Any) -> Any:
        """Create an API token as the management token does; return the answer, which holds the secret once."""
        response = self._control.post(
            f"{self.url}/v2/tokens", json=members, headers={"Authorization": f"Bearer {self.token}"}, timeout=30
        )
        if not response.ok:
            raise ValueError(response.text)
        return response.json()

    def _stored(self) -> Storage:
        if self._storage is None:
            self._storage = Storage(self.state, create=False)
        return self._storage

    def arrived(self, signal: str | None = None) -> list[Row]:
        """Return one dict per log record or data point that was stored, oldest first.

        Members: signal, dataset, token (its name), edge, name, names (a list of that one name), body, attributes,
        resource, scope, time (Unix nanoseconds), received; for metrics also kind, unit and value.
        """
        return [
            {
                **record,
                "names": [record["name"]],
                "signal": delivery["signal"],
                "dataset": delivery["dataset"],
                "token": delivery["token"],
                "edge": delivery["edge"],
                "received": delivery["time"],
            }
            for delivery, records in self._stored().deliveries(signal)
            for record in records
        ]

    def load_events(self, dataset: str, events: Iterable[Row]) -> None:
        """Store log records as if they had been ingested, many at once.

        Members of each: time (an aware datetime; it is also when it arrived), name, resource, attributes; body is the
        name where it is left out.
        """
        self._load(dataset, "logs", events, lambda event: {"body": event["name"], "severity": "", **event})

    def load_points(self, dataset: str, points: Iterable[Row]) -> None:
        """Store number data points like :meth:`load_events`; further members: value, and kind, unit, temporality (1
        delta, 2 cumulative), monotonic of their metric, by default those of Claude Code's counters."""
        counter = {"body": None, "kind": "sum", "unit": "", "temporality": 1, "monotonic": True}
        self._load(dataset, "metrics", points, lambda point: {**counter, **point})

    def _load(self, dataset: str, signal: str, rows: Iterable[Row], complete: Callable[[Row], Row]) -> None:
        storage = self._stored()
        found = storage.dataset(dataset)
        if found is None:
            raise ValueError(f"there is no dataset {dataset!r}")
        with storage.transaction():
            for row in rows:
                record = {"attributes": {}, "resource": {}, "scope": "", **complete(row)}
                delivery = {"time": render(row["time"]), "signal": signal, "dataset": dataset, "token": "loaded"}
                record["time"] = int(row["time"].timestamp()) * 10**9 + row["time"].microsecond * 1000
                storage.add_delivery({**delivery, "edge": found["edge"], "resource": record["resource"]}, [record])

    def clear_arrived(self) -> None:
        """Forget what arrived."""
        self.control("DELETE", "arrived")

    def requests(self) -> list[Row]:
        """Return the access log, oldest first: method, path, query, status (None: connection torn), role, edge, token,
        user_agent, content_type, content_encoding, fault, attempted_write, time."""
        return self._stored().requests()

    def clear_requests(self) -> None:
        """Empty the access log."""
        self.control("DELETE", "requests")

    def secrets(self) -> list[str]:
        """Return every secret ever minted here."""
        return token_secrets.minted(self.state)
