# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OTLP log records as the events that a query sees: which attribute becomes which field."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from axiom_emulator.apl_values import Instant, read_instant, type_name
from axiom_emulator.storage import Row, Storage

LAYOUTS = ("flat", "custom")
"""flat: every attribute is a field. custom: those outside the semantic conventions are keys of a map field, as Axiom's
page on semantic conventions says of traces. Which one logs have is not documented."""

TIME_FIELDS = {"_time": "datetime", "_sysTime": "datetime"}
ROOT_PREFIXES = ("service.", "telemetry.sdk.")
CONVENTIONAL_RESOURCE = ("cloud.", "container.", "device.", "host.", "k8s.", "os.", "process.")
CONVENTIONAL_ATTRIBUTES = (
    "enduser.",
    "error.",
    "event.",
    "exception.",
    "http.",
    "server.",
    "session.",
    "url.",
    "user.",
)
CUSTOM_ROOT = ("service.instance.id", "service.namespace")


@dataclass(frozen=True)
class Layout:
    """Where a dataset's events keep their attributes."""

    name: str
    map_fields: tuple[str, ...]

    def place(self, event: Row, name: str, value: Any) -> None:
        """Put a value at a field, or into the map field that takes it."""
        for map_field in self.map_fields:
            if name.startswith(f"{map_field}."):
                event.setdefault(map_field, {})[name[len(map_field) + 1 :]] = value
                return
        event[name] = value

    def resource(self, attributes: dict[str, Any]) -> Row:
        """Return the fields that a resource gives all its events."""
        event: Row = {}
        for name, value in attributes.items():
            if self.name == "custom" and (
                name in CUSTOM_ROOT or not name.startswith(ROOT_PREFIXES + CONVENTIONAL_RESOURCE)
            ):
                event.setdefault("resource.custom", {})[name] = value
            else:
                self.place(event, name if name.startswith(ROOT_PREFIXES) else f"resource.{name}", value)
        return event

    def attributes(self, event: Row, attributes: dict[str, Any]) -> None:
        """Add a record's own attributes."""
        for name, value in attributes.items():
            if self.name == "custom" and not name.startswith(CONVENTIONAL_ATTRIBUTES):
                event.setdefault("attributes.custom", {})[name] = value
            else:
                self.place(event, f"attributes.{name}", value)


def read_events(storage: Storage, dataset: Row, layout: Layout) -> Iterator[Row]:
    """Yield all events of a dataset, oldest arrival first, with ``_time`` and ``_sysTime`` as instants."""
    last: tuple[int, Row, Instant] | None = None
    for delivery, arrived, resource, record in storage.stored_records(dataset["name"], "logs"):
        if last is None or last[0] != delivery:
            last = (delivery, layout.resource(resource), read_instant(arrived))
        event = {name: dict(value) if isinstance(value, dict) else value for name, value in last[1].items()}
        time = record["time"] or record.get("observed")
        event["_sysTime"] = last[2]
        event["_time"] = Instant(time) if time else last[2]
        for name, member in _MEMBERS.items():
            value = record.get(member)
            if value is not None and value != "":
                event[name] = value
        layout.attributes(event, record["attributes"])
        yield event


_MEMBERS = {
    "body": "body",
    "severity_text": "severity",
    "severity_number": "severity_number",
    "trace_id": "trace_id",
    "span_id": "span_id",
    "scope.name": "scope",
    "scope.version": "scope_version",
}
"""Field of an event, and the member of a stored record that holds it."""


def schema(events: Iterator[Row]) -> dict[str, str]:
    """Return the fields that events have, by name, and their types: several joined with ``|``."""
    found: dict[str, set[str]] = {name: {kind} for name, kind in TIME_FIELDS.items()}
    for event in events:
        for name, value in event.items():
            found.setdefault(name, set()).add(type_name(value))
    return {name: joined_types(found[name]) for name in sorted(found)}


def joined_types(kinds: Collection[str]) -> str:
    """Return one name for several types."""
    return "|".join(sorted(set(kinds) - {"unknown"})) or "unknown"
