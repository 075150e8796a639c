# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller's answers look like, kept as data: taken from a real AWX once, compared with ours in a test.

A recording holds names and types, the words of refusals, and a conversation about objects made for that; no values of
whatever else was on that AWX.
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


_TYPE = {
    "name": "Recorded type",
    "kind": "cloud",
    "inputs": {
        "fields": [
            {"id": "records", "label": "Records", "type": "string", "secret": True, "multiline": True},
            {"id": "revision", "label": "Revision", "type": "string"},
        ]
    },
    "injectors": {"file": {"template": "{{ records }}"}, "env": {"RECORDS": "{{ tower.filename }}"}},
}
_QUESTIONS: tuple[dict[str, Any], ...] = (
    {"question_name": "Way?", "variable": "way", "type": "multiplechoice", "choices": ["a", "b"]},
    {"question_name": "Days?", "variable": "days", "type": "integer", "min": 1, "max": 9, "default": 3},
    {"question_name": "Word?", "variable": "word", "type": "text", "min": 6, "max": 6, "default": ""},
)
_SURVEY = {
    "name": "",
    "description": "",
    "spec": [{**question, "question_description": "", "required": True} for question in _QUESTIONS],
}
_LAUNCH = "workflow_job_templates/{workflow}/launch/"
_DAILY = "DTSTART;TZID=Europe/Berlin:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1"
# (method, path, body, what of an answer is compared where it is no refusal); {name} is the id of what a step made.
_STEPS: tuple[tuple[str, str, Any, tuple[str, ...]], ...] = (
    ("POST credential_type", "credential_types/", _TYPE, ("inputs", "injectors", "namespace", "managed")),
    (
        "POST credential",
        "credentials/",
        {
            "name": "Recorded",
            "organization": "{organization}",
            "credential_type": "{credential_type}",
            "inputs": {"records": "kept", "revision": "1"},
        },
        ("inputs", "kind", "cloud"),
    ),
    ("GET", "credentials/{credential}/", None, ("inputs",)),
    ("PATCH", "credentials/{credential}/", {"inputs": {"records": "$encrypted$", "revision": "2"}}, ("inputs",)),
    ("PATCH", "credentials/{credential}/", {"inputs": {"records": "other", "revision": "3"}}, ("inputs",)),
    ("PATCH", "credentials/{credential}/", {"inputs": {"revision": "4"}}, ("inputs",)),
    ("PATCH", "credentials/{credential}/", {"inputs": {"records": "", "revision": ""}}, ("inputs",)),
    ("PATCH", "credentials/{credential}/", {"inputs": {"nonsense": "1"}}, ()),
    ("PATCH", "credentials/{credential}/", {"inputs": {"revision": 5}}, ()),
    (
        "POST workflow",
        "workflow_job_templates/",
        {"name": "Recorded", "organization": "{organization}", "survey_enabled": True},
        ("survey_enabled", "extra_vars", "limit", "ask_variables_on_launch"),
    ),
    ("POST", "workflow_job_templates/{workflow}/survey_spec/", _SURVEY, ()),
    ("GET", "workflow_job_templates/{workflow}/survey_spec/", None, ("spec",)),
    (
        "GET",
        _LAUNCH,
        None,
        ("variables_needed_to_start", "survey_enabled", "can_start_without_user_input"),
    ),
    ("POST", _LAUNCH, {}, ()),
    ("POST", _LAUNCH, {"extra_vars": {"way": "c", "days": 3, "word": "abcdef"}}, ()),
    ("POST", _LAUNCH, {"extra_vars": {"way": "a", "days": 10, "word": "abc"}}, ()),
    ("POST", _LAUNCH, {"extra_vars": {"way": "a", "days": "x", "word": 1}}, ()),
    ("POST", "schedules/", {"name": "s", "rrule": _DAILY, "unified_job_template": "{workflow}", "limit": "x"}, ()),
    ("POST", "schedules/", {"name": "s", "rrule": _DAILY, "unified_job_template": "{workflow}"}, ()),
    (
        "POST schedule",
        "schedules/",
        {
            "name": "s",
            "rrule": _DAILY,
            "unified_job_template": "{workflow}",
            "extra_data": {"way": "a", "days": 2, "word": "abcdef"},
        },
        ("rrule", "extra_data", "enabled", "dtstart", "dtend", "timezone", "until", "limit", "job_type"),
    ),
    ("PATCH", "schedules/{schedule}/", {"enabled": False}, ("enabled", "next_run", "rrule")),
    (
        "POST node",
        "workflow_job_template_nodes/",
        {"identifier": "agree", "workflow_job_template": "{workflow}"},
        ("identifier", "extra_data", "success_nodes", "all_parents_must_converge"),
    ),
    (
        "POST",
        "workflow_job_template_nodes/{node}/create_approval_template/",
        {"name": "End it", "description": "At once", "timeout": 60},
        ("name", "description", "timeout"),
    ),
    ("DELETE", "workflow_job_templates/{workflow}/", None, ()),
    ("DELETE", "credentials/{credential}/", None, ()),
    ("DELETE", "credential_types/{credential_type}/", None, ()),
)


def converse(call: Call) -> list[dict[str, Any]]:
    """Make an organization with a credential, a workflow and a schedule, be refused much, and remove all again."""
    made = {"organization": call("POST", "organizations/", {"name": "Recorded"})[1]["id"]}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(inner) for name, inner in value.items()}
        name = value[1:-1] if isinstance(value, str) and value.startswith("{") else ""
        return made.get(name, value)

    said = []
    for what, path, body, compared in _STEPS:
        method, _space, name = what.partition(" ")
        free = body if "survey_spec" in path or name == "credential_type" else filled(body)
        status, answer = call(method, path.format(**made), free)
        if name and status == 201:
            made[name] = answer["id"]
        told = answer if status >= 400 else {key: answer[key] for key in compared}
        said.append({"what": what, "path": path, "body": body, "status": status, "answer": told})
    call("DELETE", f"organizations/{made['organization']}/", None)
    return said


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
    return {"version": config["version"], "kinds": kinds, "refusals": refusals, "said": converse(call)}


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
