# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test looks at from outside: what Axiom says is there, what the store holds, and that nothing leaked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import requests

from axiom_emulator.testing import LocalAxiom
from support.playbook import Controller, Run


class Observed:
    """A controller, its store, and the local Axiom it works on."""

    axiom: LocalAxiom
    controller: Controller
    store: Path

    def no_secret_in(self, *texts: str) -> None:
        for secret in [*self.axiom.secrets(), self.axiom.token]:
            assert all(secret not in text for text in texts)

    def records(self) -> dict[str, Any]:
        """The store's records, read as anyone with the vault password would."""
        shown = subprocess.run(
            ["ansible-vault", "view", str(self.store)],
            env=self.controller.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        records: dict[str, Any] = json.loads(shown.stdout)["records"]
        return records

    def tokens(self, name: str = "claude-code-ingest") -> list[dict[str, Any]]:
        return [token for token in self.api("tokens") if token["name"] == name]

    def api(self, path: str, body: Any = None) -> Any:
        """What Axiom itself says is there; with a body, what it makes of it for somebody else."""
        headers = {"Authorization": f"Bearer {self.axiom.token}"}
        method = "GET" if body is None else "POST"
        response = requests.request(method, f"{self.axiom.url}/v2/{path}", headers=headers, json=body, timeout=10)
        assert response.ok, response.text
        return response.json()

    def summary(self, run: Run) -> list[str]:
        """What the end of a rotation says."""
        name = "Say who has moved to the secret in the store"
        (said,) = [entry for entry in run.results if entry["task"].endswith(name)]
        lines: list[str] = said["result"]["msg"]
        return lines
