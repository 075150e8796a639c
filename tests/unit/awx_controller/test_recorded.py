# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local controller's answers beside those recorded from a real AWX: see ``recorded/`` and README.md."""

from __future__ import annotations

import json
from typing import Any

import pytest

from awx_controller.recording import RECORDED, REFUSED, converse, differences, record

RECORDINGS = sorted(RECORDED.glob("awx-*.json"))
# What README.md says is less here: not all fields of these.
FEWER = ("instance_groups", "project_updates", "inventory_updates")


def _call(api: Any) -> Any:
    def call(method: str, path: str, body: Any) -> tuple[int, Any]:
        response = api.call(method, path, body)
        return response.status_code, json.loads(response.data) if response.data else None

    return call


def _everything(api: Any, fleet: Any) -> None:
    """Have an object of every kind; what jobs leave behind is put in their place, nothing is run."""
    store = api.whole.store
    api.ok("POST", "tokens/", {})
    api.make("teams", "t", organization=1)
    api.make("labels", "l", organization=1)
    api.make("groups", "g", inventory=fleet.inventory)
    api.make("inventory_sources", "s", inventory=fleet.inventory, source="scm", source_project=fleet.project)
    workflow = api.make("workflow_job_templates", "w", organization=1)["id"]
    node = api.ok("POST", "workflow_job_template_nodes/", {"identifier": "n", "workflow_job_template": workflow})
    api.ok("POST", f"{node['url']}create_approval_template/", {"name": "a"})
    rule = "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1"
    api.make("schedules", "s", unified_job_template=fleet.template, rrule=rule)
    configuration = {"url": "http://127.0.0.1:1/", "headers": {}}
    told = {"notification_type": "webhook", "notification_configuration": configuration}
    api.make("notification_templates", "n", organization=1, **told)
    store.add("notifications", {"notification_template": 1})
    api.ok("POST", f"workflow_job_templates/{workflow}/launch/", {})
    for path in ("jobs", "project_updates", "inventory_updates"):
        ended = {"status": "successful", "started": "2026-11-25T00:00:00Z", "finished": "2026-11-25T00:00:01Z"}
        store.add(path, {"name": path, **ended})


def test_recording_is_possible_here_too(api: Any, fleet: Any) -> None:
    """So that one made from AWX has everything, and the comparison below cannot be empty."""
    _everything(api, fleet)
    ours = record(_call(api))
    assert differences(ours["kinds"]["jobs"], ours["kinds"]["jobs"]) == []
    changed = json.loads(json.dumps(ours["kinds"]["jobs"]))
    changed["status"]["types"] = ["int"]
    del changed["failed"], changed["related"]["members"]["stdout"]
    changed["new"] = {"types": ["str"]}
    assert differences(changed, ours["kinds"]["jobs"]) == [
        "failed: not in AWX",
        "new: missing here",
        "related.stdout: not in AWX",
        "status: str here, int in AWX",
    ]
    assert [refusal["status"] for refusal in ours["refusals"]] == [400] * 11 + [404, 400, 404, 405]
    assert len(ours["refusals"]) == len(REFUSED)
    assert [said["status"] for said in ours["said"]].count(400) == 8


@pytest.fixture(params=RECORDINGS, ids=lambda file: file.stem)
def real(request: pytest.FixtureRequest) -> Any:
    """A recording."""
    return json.loads(request.param.read_text())


def test_answers_have_the_form_of_awx(api: Any, fleet: Any, real: Any) -> None:
    _everything(api, fleet)
    ours = record(_call(api))
    found = [
        f"{path} {line}"
        for path, shape in real["kinds"].items()
        if path in ours["kinds"]
        for line in differences(shape, ours["kinds"][path])
        if not (path in FEWER and line.endswith(": missing here"))
    ]
    assert found == []


def test_a_conversation_goes_as_with_awx(api: Any, real: Any) -> None:
    """Secrets kept and dropped, surveys and prompts checked, schedules with their answers: same words, same values."""
    for ours, theirs in zip(converse(_call(api)), real["said"], strict=True):
        assert ours == theirs


def test_refusals_have_the_words_of_awx(api: Any, real: Any) -> None:
    found = []
    for refusal in real["refusals"]:
        response = api.call(refusal["method"], refusal["path"], refusal["body"])
        ours = {"status": response.status_code, "answer": json.loads(response.data)}
        if ours != {"status": refusal["status"], "answer": refusal["answer"]}:
            found.append((refusal, ours))
    assert found == []
