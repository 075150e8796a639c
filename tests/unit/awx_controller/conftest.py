# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller in this process, without sockets; nothing is run unless a test launches it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from awx_controller.app import create_app
from awx_controller.controller import ADMIN, Controller

PASSWORD = "the administrator's"


class Api:
    """The API as one user sees it."""

    def __init__(self, whole: Controller, username: str = ADMIN, password: str = PASSWORD) -> None:
        self.whole = whole
        self._client = Client(create_app(whole))
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        self.headers = {"Authorization": f"Basic {pair}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> TestResponse:
        url = path if path.startswith("/") else f"/api/v2/{path}"
        data = None if body is None else json.dumps(body)
        return self._client.open(url, method=method, data=data, headers=self.headers)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """Send what must be accepted; return its JSON, or None."""
        response = self.call(method, path, body)
        assert response.status_code < 300, response.text
        return json.loads(response.data) if response.data else None

    def refused(self, status: int, method: str, path: str, body: Any = None) -> Any:
        """Send what must be refused; return the answer."""
        response = self.call(method, path, body)
        assert response.status_code == status, response.text
        return json.loads(response.data)

    def make(self, path: str, name: str, **values: Any) -> Any:
        """Create an object."""
        return self.ok("POST", f"{path}/", {"name": name, **values})

    def names(self, path: str) -> list[str]:
        """Names in a list, in its order."""
        return [item["name"] for item in self.ok("GET", path)["results"]]

    def as_user(self, username: str, password: str) -> Api:
        return Api(self.whole, username, password)


class Fleet:
    """An organization with a manual project, an inventory of three, and a job template."""

    def __init__(self, api: Api, root: Path) -> None:
        (root / "projects/fleet").mkdir(parents=True)
        (root / "projects/fleet/site.yml").write_text("- hosts: all\n")
        self.organization = api.make("organizations", "Fleet")["id"]
        self.project = api.make("projects", "Fleet", organization=self.organization, local_path="fleet")["id"]
        self.inventory = api.make("inventories", "Fleet", organization=self.organization)["id"]
        self.hosts = [api.make("hosts", name, inventory=self.inventory)["id"] for name in ("dev1", "dev2", "dev3")]
        self.template = self.job_template(api, "Enforce")["id"]

    def job_template(self, api: Api, name: str, **values: Any) -> Any:
        common = {"project": self.project, "inventory": self.inventory, "playbook": "site.yml"}
        return api.make("job_templates", name, **{**common, **values})


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A new controller, seen by its administrator."""
    whole = Controller(tmp_path, "http://127.0.0.1:1", PASSWORD, os.environ["PATH"], "")
    yield Api(whole)
    whole.engine.stop()


@pytest.fixture
def fleet(api: Api, tmp_path: Path) -> Fleet:
    return Fleet(api, tmp_path)
