# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dashboards: what counts as a difference, and which requests are made."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import ApiError
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import AxiomClient
from ansible_collections.devfleet.axiom.plugins.module_utils.dashboards import (
    EVERYONE,
    Dashboard,
    declared_part,
    read_document,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.resource import Refusal, converge


def document(**members: Any) -> dict[str, Any]:
    return {
        "name": "Fleet",
        "owner": "",
        "refreshTime": 300,
        "schemaVersion": 2,
        "timeWindowStart": "qr-now-7d",
        "timeWindowEnd": "qr-now",
        "charts": [
            {"id": "machines", "type": "Statistic", "query": {"apl": "['logs'] | summarize count()"}},
            {"id": "note", "type": "Note", "text": "Look"},
        ],
        "layout": [{"i": "machines", "x": 0, "y": 0, "w": 3, "h": 3}, {"i": "note", "x": 3, "y": 0, "w": 9, "h": 3}],
        **members,
    }


def resource(of: dict[str, Any], version: int = 7) -> dict[str, Any]:
    """A dashboard as Axiom answers it, with what it adds, and in an order of its own."""
    whole = copy.deepcopy(of)
    whole["owner"] = whole["owner"] or EVERYONE
    whole["layout"] = [{**cell, "minH": 2, "moved": False} for cell in reversed(whole["layout"])]
    whole["charts"].reverse()
    return {
        "uid": "fleet",
        "id": "an-id",
        "version": version,
        "dashboard": {"description": "", **whole},
        "createdAt": "2026-11-24T00:00:00Z",
        "updatedAt": "2026-11-24T00:00:00Z",
        "createdBy": "ada",
        "updatedBy": "ada",
    }


def run(options: dict[str, Any], check_mode: bool = False, **declared: Any) -> tuple[Dashboard, Any]:
    declared = {"uid": "fleet", "state": "present", **declared}
    Dashboard.validate(declared)
    dashboard = Dashboard(AxiomClient(options))
    return dashboard, converge(dashboard, declared, dashboard.find(declared, dashboard.objects()), check_mode)


def written(script: Any) -> dict[str, Any]:
    return json.loads(script.last.body)


def test_a_new_one_is_created_with_its_uid(options, script):
    script.expect("GET", "/dashboards/uid/fleet", {"code": "not_found", "message": "no"}, status=404)
    script.expect("POST", "/dashboards", {"status": "created", "dashboard": resource(document(), 1)}, status=201)
    dashboard, outcome = run(options, document=document())
    declared = document(owner=EVERYONE)
    assert written(script) == {"uid": "fleet", "dashboard": declared, "overwrite": False}
    assert outcome.diff["before"] == {}
    assert outcome.diff["after"] == {"uid": "fleet", "document": declared}
    assert dashboard.result(outcome) == {"uid": "fleet", "id": "an-id", "version": 1, "document": declared}


def test_what_axiom_adds_and_how_it_sorts_is_no_difference(options, script):
    script.expect("GET", "/dashboards/uid/fleet", resource(document()))
    outcome = run(options, document=document())[1]
    assert not outcome.changed
    assert outcome.adopted


def test_a_difference_is_written_over_the_version_that_was_read(options, script):
    found = document(description="ours", timeWindowStart="qr-now-1d")
    script.expect("GET", "/dashboards/uid/fleet", resource(found))
    script.expect(
        "PUT",
        "/dashboards/uid/fleet",
        {"status": "updated", "dashboard": resource(document(description="ours"), 8)},
    )
    dashboard, outcome = run(options, document=document())
    assert written(script) == {
        "dashboard": document(owner=EVERYONE, description="ours"),
        "version": 7,
        "overwrite": False,
    }
    before, after = outcome.diff["before"]["document"], outcome.diff["after"]["document"]
    assert {member for member in after if before[member] != after[member]} == {"timeWindowStart"}
    assert dashboard.result(outcome)["version"] == 8


def test_a_chart_that_somebody_added_is_a_difference_and_shown(options, script):
    own = {"id": "own", "type": "Note", "text": "Mine"}
    cell = {"i": "own", "x": 0, "y": 9, "w": 1, "h": 1}
    found = document(charts=[*document()["charts"], own], layout=[*document()["layout"], cell])
    script.expect("GET", "/dashboards/uid/fleet", resource(found))
    outcome = run(options, check_mode=True, document=document())[1]
    assert outcome.changed
    assert own in outcome.diff["before"]["document"]["charts"]
    assert own not in outcome.diff["after"]["document"]["charts"]


def test_check_mode_writes_nothing(options, script):
    script.expect("GET", "/dashboards/uid/fleet", {"code": "not_found", "message": "no"}, status=404)
    dashboard, outcome = run(options, check_mode=True, document=document())
    assert outcome.changed
    assert dashboard.result(outcome)["version"] is None


def test_absent_deletes_it_once(options, script):
    script.expect("GET", "/dashboards/uid/fleet", resource(document()))
    script.expect("DELETE", "/dashboards/uid/fleet", status=204)
    dashboard, outcome = run(options, state="absent")
    assert outcome.changed
    assert dashboard.result(outcome) is None
    script.expect("GET", "/dashboards/uid/fleet", {"code": "not_found", "message": "no"}, status=404)
    assert not run(options, state="absent")[1].changed


def test_somebody_elses_change_in_between_is_not_lost(options, script):
    script.expect("GET", "/dashboards/uid/fleet", resource(document(name="Old")))
    conflict = {"code": "version_conflict", "message": "version conflict", "currentVersion": 8}
    script.expect("PUT", "/dashboards/uid/fleet", conflict, status=412)
    with pytest.raises(ApiError) as caught:
        run(options, document=document())
    assert "somebody changed the dashboard while this ran. Run again" in caught.value.message


def test_what_axiom_makes_another_of_is_said_and_not_changed_for_ever(options, script):
    script.expect("GET", "/dashboards/uid/fleet", {"code": "not_found", "message": "no"}, status=404)
    script.expect("POST", "/dashboards", {"status": "created", "dashboard": resource(document(refreshTime=60))})
    with pytest.raises(Refusal, match="with another refreshTime"):
        run(options, document=document())


@pytest.mark.parametrize("answer", [[], {"dashboard": {}}, {"version": 1}, "text"])
def test_another_answer_is_refused(answer, options, script):
    script.expect("GET", "/dashboards/uid/fleet", json.dumps(answer))
    with pytest.raises(Refusal, match="does not know"):
        run(options, document=document())


def without(member: str) -> dict[str, Any]:
    return {key: value for key, value in document().items() if key != member}


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({}, "needs its document"),
        ({"document": without("charts")}, "lacks charts"),
        ({"document": document(uid="other")}, "is of dashboard 'other'"),
        ({"document": document(layout=[])}, "do not match: machines, note"),
        ({"document": document(charts=document()["charts"] * 2)}, "names machines, note more than once"),
        ({"document": document(charts=["x"])}, "each with its id"),
        ({"document": document(), "uid": "a/b"}, "ASCII letters"),
    ],
)
def test_a_document_that_cannot_be_is_refused_before_any_request(declared, message, options, script):
    with pytest.raises(Refusal, match=message):
        run(options, **declared)
    assert script.requests() == []


def test_a_file_that_is_no_document_is_named(tmp_path):
    path = tmp_path / "dashboard.json"
    with pytest.raises(Refusal, match="cannot be read"):
        read_document(str(path))
    path.write_text('{"name":\n oops}')
    with pytest.raises(Refusal, match="line 2 column 2"):
        read_document(str(path))
    path.write_text("[]")
    with pytest.raises(Refusal, match="no JSON object"):
        read_document(str(path))
    path.write_text(json.dumps(document()))
    assert read_document(str(path)) == document()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(VALUES, VALUES)
def test_the_declared_part_of_what_is_as_declared_is_the_declaration(declared, other):
    assert declared_part(declared, declared) == declared
    assert declared_part({"more": other, "x": declared}, {"x": declared}) == {"x": declared}
