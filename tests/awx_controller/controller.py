# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that one controller holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from awx_controller.clock import Clock
from awx_controller.engine import Engine
from awx_controller.managed_types import MANAGED_TYPES
from awx_controller.passwords import hashed
from awx_controller.rules import Rules
from awx_controller.running import Execution
from awx_controller.store import Item, Store

VERSION = "24.6.1"
ADMIN = "admin"
# The settings that anything of ours looks at; others are kept as they are set.
_SETTINGS: dict[str, Any] = {
    "AWX_TASK_ENV": {},
    "AWX_ROLES_ENABLED": True,
    "AWX_COLLECTIONS_ENABLED": True,
    "MAX_FORKS": 200,
    "DEFAULT_JOB_TIMEOUT": 0,
    "SCHEDULE_MAX_JOBS": 10,
    "ALLOW_JINJA_IN_EXTRA_VARS": "template",
}


class Controller:
    """Store, clock, rules and engine of one controller, with what every new AWX has."""

    def __init__(self, root: Path, url: str, password: str, path: str, collections: str) -> None:
        self.url = url
        self.clock = Clock()
        self.store = Store(self.clock)
        self.execution = Execution(root, path or os.environ["PATH"], collections)
        self.rules = Rules(self.execution.projects, self.clock)
        self.engine = Engine(self.store, self.execution, url)
        self.settings = dict(_SETTINGS)
        self.requests: list[dict[str, Any]] = []
        self.admin = self._first_objects(password)

    def _first_objects(self, password: str) -> Item:
        store = self.store
        admin = store.add("users", {"username": ADMIN, "is_superuser": True, "password": hashed(password)})
        for values in MANAGED_TYPES:
            store.add("credential_types", {**values, "injectors": {}})
        galaxy = store.one("credential_types", kind="galaxy")
        assert galaxy
        values = {"url": "https://galaxy.ansible.com/"}
        store.add(
            "credentials",
            {"name": "Ansible Galaxy", "credential_type": galaxy.id, "managed": True, "inputs": values},
        )
        store.add(
            "execution_environments",
            {"name": "AWX EE (24.6.1)", "image": "quay.io/ansible/awx-ee:24.6.1", "managed": False},
        )
        store.add("instance_groups", {"name": "default"})
        organization = store.add("organizations", {"name": "Default", "description": "The default organization"})
        store.roles_of(organization)["admin_role"].links["users"].append(admin.id)
        return admin
