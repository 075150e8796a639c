# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller's answers look like, kept as data: taken from a real AWX once, compared with ours in a test.

A recording holds names and types, and the words of refusals; no values of whatever was on that AWX.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from awx_controller.schema import KINDS

RECORDED = Path(__file__).parent / "recorded"
# Keys below these are whatever users put there.
_FREE = {
    "inputs",
    "injectors",
    "extra_data",
    "artifacts",
    "job_env",
    "messages",
    "notification_configuration",
    "body",
    "survey_spec",
    "host_status_counts",
    "event_data",
}
# Requests that every controller refuses in the same words: nothing on it matters.
REFUSED: tuple[tuple[str, str, Any], ...] = (
    ("POST", "organizations/", {}),
    ("POST", "organizations/", {"name": ""}),
    ("POST", "organizations/", {"name": "Default"}),
    ("POST", "inventories/", {"name": "i", "organization": 999999}),
    ("POST", "inventories/", {"name": "i", "organization": "x"}),
    ("POST", "job_templates/", {"name": "j", "job_type": "nonsense"}),
    ("POST", "job_templates/", {"name": "j", "forks": "many"}),
    ("POST", "credential_types/", {"name": "c", "kind": "ssh"}),
    ("POST", "credential_types/", {"name": "c", "kind": "cloud", "injectors": {"env": {"ANSIBLE_FORKS": "1"}}}),
    ("POST", "schedules/", {"name": "s", "rrule": "RRULE:FREQ=DAILY"}),
    ("POST", "notification_templates/", {"name": "n", "organization": 1, "notification_type": "pigeon"}),
    ("GET", "organizations/999999/", None),
    ("GET", "organizations/?nonsense=1", None),
    ("GET", "organizations/?page=999", None),
    ("PUT", "organizations/", {}),
)
# (method, path below /api/v2/, body) -> status and JSON.
Call = Callable[[str, str, Any], tuple[int, Any]]


def _type(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _merge(shape: dict[str, Any], answer: dict[str, Any]) -> None:
    """Add an answer's names and types to what is known of its kind."""
    for name, value in answer.items():
        known = shape.setdefault(name, {"types": []})
        if _type(value) not in known["types"]:
            known["types"] = sorted([*known["types"], _type(value)])
        if isinstance(value, dict) and name not in _FREE:
            _merge(known.setdefault("members", {}), value)


def record(call: Call) -> dict[str, Any]:
    """Return the shapes of all kinds that a controller has objects of, and its refusals."""
    _status, config = call("GET", "config/", None)
    kinds: dict[str, Any] = {}
    for path in sorted(KINDS):
        status, listed = call("GET", f"{path}/?page_size=50", None)
        if status != 200 or not listed["results"]:
            continue
        shape: dict[str, Any] = {}
        for entry in listed["results"]:
            _merge(shape, call("GET", f"{path}/{entry['id']}/", None)[1])
        kinds[path] = shape
    refusals = []
    for method, path, body in REFUSED:
        status, answer = call(method, path, body)
        refusals.append({"method": method, "path": path, "body": body, "status": status, "answer": answer})
    return {"version": config["version"], "kinds": kinds, "refusals": refusals}


def save(recording: dict[str, Any], name: str) -> Path:
    """Write a recording as data that a person can read."""
    RECORDED.mkdir(exist_ok=True)
    file = RECORDED / f"{name}.json"
    file.write_text(json.dumps(recording, indent=1, sort_keys=True) + "\n")
    return file


def differences(real: dict[str, Any], ours: dict[str, Any], where: str = "") -> list[str]:
    """Return what ours has that the real one has not, and what has another type; fields that ours lacks too.

    Links and summaries may be fewer here: what they lead to is not there.
    """
    found = []
    for name in sorted(ours.keys() - real.keys()):
        found.append(f"{where}{name}: not in AWX")
    if not where.endswith(("related.", "summary_fields.")) and "summary_fields." not in where:
        found += [f"{where}{name}: missing here" for name in sorted(real.keys() - ours.keys())]
    for name in sorted(real.keys() & ours.keys()):
        mine, theirs = set(ours[name]["types"]) - {"null"}, set(real[name]["types"]) - {"null"}
        if mine and theirs and not mine & theirs:
            found.append(f"{where}{name}: {'/'.join(sorted(mine))} here, {'/'.join(sorted(theirs))} in AWX")
        inner = ours[name].get("members", {}), real[name].get("members", {})
        if all(inner):
            found += differences(inner[1], inner[0], f"{where}{name}.")
    return found
