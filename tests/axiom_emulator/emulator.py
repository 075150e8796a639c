# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state that all ports share, and how it begins."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from axiom_emulator import capabilities
from axiom_emulator.events import LAYOUTS
from axiom_emulator.faults import Faults
from axiom_emulator.ratelimit import RateLimiter
from axiom_emulator.storage import Row, Storage
from axiom_emulator.timestamps import Clock, is_past, render
from axiom_emulator.token_secrets import API_PREFIX, SecretFiles, digest

EDGES = ("cloud.us-east-1.aws", "cloud.eu-central-1.aws")
DEFAULT_EDGE = EDGES[0]
MANAGEMENT_NAME = "local-axiom-management"
PUT_MODES = ("merge", "replace")


@dataclass
class Settings:
    """What may change while the server runs."""

    put: str = "merge"
    readonly: bool = False
    log_fields: str = LAYOUTS[0]


@dataclass
class Emulator:
    """One local Axiom: its storage, clock, faults and where its ports are."""

    storage: Storage
    secrets: SecretFiles
    api_port: int
    edge_ports: dict[str, int]
    settings: Settings = field(default_factory=Settings)
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    org_id: str = ""

    def __post_init__(self) -> None:
        self.limiter = RateLimiter(self.clock)
        if not self.org_id:
            self.org_id = self._remembered("org_id", f"local-{uuid.uuid4().hex[:8]}")
        self.founded = self._remembered("founded", render(self.clock.now()))

    @classmethod
    def open(cls, state: Path, api_port: int, edge_ports: dict[str, int], record_secrets: bool = False) -> Emulator:
        """Open the state directory, made where it is missing."""
        storage = Storage(state)
        return cls(storage, SecretFiles(state, record_secrets), api_port, edge_ports)

    def _remembered(self, key: str, first: str) -> str:
        value = self.storage.meta(key)
        if value is None:
            value = first
            self.storage.set_meta(key, value)
        return value

    @property
    def url(self) -> str:
        """The API's base URL, without a trailing slash."""
        return f"http://127.0.0.1:{self.api_port}"

    def edge_url(self, edge: str) -> str:
        """Return an edge deployment's base URL, without a trailing slash."""
        return f"http://127.0.0.1:{self.edge_ports[edge]}"

    def edge_of_port(self, port: int) -> str | None:
        """Return the edge deployment served on a port; None is the API."""
        return next((edge for edge, number in self.edge_ports.items() if number == port), None)

    def management_token(self) -> str:
        """Return the management token's secret: the one of earlier starts while it lives, else a new one."""
        secret = self.secrets.management()
        row = self.storage.token_of_secret(digest(secret)) if secret else None
        if secret and row and not (row["expires_at"] and is_past(row["expires_at"], self.clock.now())):
            return secret
        secret, row = self.new_token(API_PREFIX, MANAGEMENT_NAME, org=capabilities.EVERYTHING)
        self.storage.add_token(row)
        self.secrets.keep_management(secret)
        return secret

    def new_token(
        self,
        prefix: str,
        name: str,
        description: str = "",
        expires_at: str | None = None,
        datasets: dict[str, dict[str, list[str]]] | None = None,
        org: dict[str, list[str]] | None = None,
        views: dict[str, dict[str, list[str]]] | None = None,
    ) -> tuple[str, Row]:
        """Return a fresh secret and the row for it, not stored yet."""
        secret = self.secrets.mint(prefix)
        row = {
            "id": str(uuid.uuid4()),
            "name": name,
            "description": description,
            "secret_hash": digest(secret),
            "personal": int(prefix != API_PREFIX),
            "dataset_capabilities": datasets or {},
            "org_capabilities": org or {},
            "view_capabilities": views or {},
            "expires_at": expires_at,
            "created": render(self.clock.now()),
        }
        return secret, row
