# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All objects, in memory, behind one lock: what a test started is gone when it stops."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from awx_controller.clock import Clock, timestamp
from awx_controller.schema import KEY, KINDS, MIXED, Kind


@dataclass(eq=False)
class Item:
    """One object. ``private`` is never answered: secrets, survey specifications, events."""

    kind: Kind
    id: int
    values: dict[str, Any]
    links: dict[str, list[int]] = field(default_factory=dict)
    private: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    modified: str = ""
    created_by: int | None = None
    modified_by: int | None = None

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    @property
    def path(self) -> str:
        return self.kind.path

    @property
    def url(self) -> str:
        return f"/api/v2/{self.kind.path}/{self.id}/"

    @property
    def title(self) -> str:
        return str(self.values.get(self.kind.identity, self.id))


class Store:
    """Collections of items by id. Use it with ``lock`` held."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        # Told of everything that happens to jobs: waiting for one to end needs no polling.
        self.changed = threading.Condition(self.lock)
        self._items: dict[str, dict[int, Item]] = {path: {} for path in KINDS}
        self._sequences: dict[str, int] = {}

    def all(self, path: str) -> Iterator[Item]:
        """Items of a collection, oldest first; of all its kinds where it is a mixed one."""
        for name in MIXED.get(path, (path,)):
            yield from list(self._items[name].values())

    def find(self, path: str, identity: int | None) -> Item | None:
        """Return one item, or None."""
        if identity is None:
            return None
        return next(
            (item for name in MIXED.get(path, (path,)) if (item := self._items[name].get(identity)) is not None), None
        )

    def get(self, path: str, identity: int | None) -> Item:
        """Return one item that must be there."""
        item = self.find(path, identity)
        if item is None:
            raise KeyError(f"{path}/{identity}")
        return item

    def where(self, path: str, **values: Any) -> list[Item]:
        """Items whose fields have these values."""
        return [item for item in self.all(path) if all(item.get(name) == value for name, value in values.items())]

    def one(self, path: str, **values: Any) -> Item | None:
        """Return the first item whose fields have these values, or None."""
        return next(iter(self.where(path, **values)), None)

    def add(self, path: str, values: dict[str, Any], user: Item | None = None, **private: Any) -> Item:
        """Create an item; fields that are not given have their defaults."""
        kind = KINDS[path]
        sequence = kind.sequence or path
        identity = self._sequences[sequence] = self._sequences.get(sequence, 0) + 1
        complete = {"name": "", "description": ""} if kind.described else {}
        complete |= {entry.name: copy.deepcopy(entry.default) for entry in kind.fields}
        now = timestamp(self.clock.now())
        item = Item(kind, identity, {**complete, **values}, {name: [] for name in kind.links}, private, now, now)
        item.created_by = item.modified_by = user.id if user else None
        self._items[path][identity] = item
        self._add_roles(item)
        return item

    def _add_roles(self, item: Item) -> None:
        for role in item.kind.roles:
            name = role.removesuffix("_role").replace("_", " ").title()
            values = {"name": name, "role_field": role, "content_path": item.path, "content_id": item.id}
            self.add("roles", values)

    def roles_of(self, item: Item) -> dict[str, Item]:
        """Return the roles on an item by name."""
        found = self.where("roles", content_path=item.path, content_id=item.id)
        return {role["role_field"]: role for role in found}

    def change(self, item: Item, values: dict[str, Any], user: Item | None = None) -> None:
        """Change fields."""
        item.values.update(values)
        item.modified = timestamp(self.clock.now())
        if user:
            item.modified_by = user.id
        self.changed.notify_all()

    def remove(self, item: Item) -> None:
        """Delete an item, and what cannot be without it; what only points to it stops doing so."""
        self._items[item.path].pop(item.id, None)
        node = item.path == "workflow_job_template_nodes"
        if node and (approval := self.find("workflow_approval_templates", item["unified_job_template"])):
            self.remove(approval)
        for role in self.where("roles", content_path=item.path, content_id=item.id):
            self.remove(role)
        paths = {item.path, item.kind.sequence}
        for other in [other for path in KINDS for other in self.all(path)]:
            for entry in other.kind.fields:
                if entry.form == KEY and entry.target in paths and other.get(entry.name) == item.id:
                    if entry.cascade:
                        self.remove(other)
                    else:
                        other.values[entry.name] = None
            for name, target in other.kind.links.items():
                if target == item.path and item.id in other.links[name]:
                    other.links[name].remove(item.id)
        self.changed.notify_all()

    def linked(self, item: Item, name: str) -> list[Item]:
        """Return the members of a sub-collection, in order."""
        target = item.kind.links[name]
        return [self.get(target, identity) for identity in item.links[name]]

    def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Release the lock until something makes ``done`` true; tell whether it did in time."""
        return self.changed.wait_for(done, seconds)
