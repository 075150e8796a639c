# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surveys and prompts: what a launch, a schedule and a node may say."""

from __future__ import annotations

from typing import Any

import pytest

from awx_controller import surveys


def question(kind: str = "text", **more: Any) -> dict[str, Any]:
    return {"question_name": "Q", "variable": "q", "type": kind, "required": True, **more}


@pytest.mark.parametrize(
    ("asked", "answers", "wrong"),
    [
        (question(), {"q": "x"}, []),
        (question(), {}, ["'q' value missing"]),
        (question(required=False), {}, []),
        (question(), {"q": 1}, ["Value 1 for 'q' expected to be a string."]),
        (question(min=3), {"q": "ab"}, ["'q' value ab is too small (length is 2 must be at least 3)."]),
        (question(max=1), {"q": "ab"}, ["'q' value ab is too large (must be no more than 1)."]),
        (question(min=""), {"q": ""}, []),
        (question("integer", max=5), {"q": 6}, ["'q' value 6 is too large (must be no more than 5)."]),
        (question("integer"), {"q": "6"}, ["Value 6 for 'q' expected to be an integer."]),
        (question("integer"), {"q": True}, ["Value True for 'q' expected to be an integer."]),
        (question("float"), {"q": 1}, []),
        (question("float"), {"q": "1"}, ["Value 1 for 'q' expected to be a numeric type."]),
        (question("multiplechoice", choices="a\nb"), {"q": "b"}, []),
        (question("multiplechoice", choices=["a"]), {"q": "b"}, ["Value b for 'q' expected to be one of ['a']."]),
        (question("multiselect", choices=["a"]), {"q": "a"}, ["'q' value is expected to be a list."]),
        (question("multiselect", choices=["a"]), {"q": ["b"]}, ["Value b for 'q' expected to be one of ['a']."]),
        (question("password"), {"q": "$encrypted$"}, ["'q' value missing"]),
        (question("password", default="kept"), {"q": "$encrypted$"}, []),
    ],
)
def test_answers(asked: dict[str, Any], answers: dict[str, Any], wrong: list[str]) -> None:
    assert surveys.answer_errors(asked, answers) == wrong


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spec": []}, "doesn't contain any items"),
        ({"name": 1}, "Expected string for field 'name', received int type."),
        ({"spec": [{"type": "text"}]}, "'question_name' missing from survey question 0"),
        ({"spec": [question(required="yes")]}, "expected to be boolean"),
        ({"spec": [question("choice")]}, "allowed question types"),
        ({"spec": [question(), question()]}, "duplicated in survey question 1"),
        ({"spec": [question("integer", default="1")]}, "expected to be integer"),
        ({"spec": [question("multiplechoice")]}, "must specify choices"),
        ({"spec": [question("multiplechoice", choices="a", default="b")]}, "must be answered from the choices"),
        ({"spec": [question(default="$encrypted$")]}, "reserved keyword for password question"),
        ({"spec": [question("password", default="$encrypted$")]}, "may not be used for new default in position 0"),
    ],
)
def test_specifications_that_awx_refuses(api: Any, fleet: Any, change: dict[str, Any], words: str) -> None:
    body = {"name": "", "description": "", "spec": [question()], **change}
    assert words in api.refused(400, "POST", f"job_templates/{fleet.template}/survey_spec/", body)["error"]


def test_a_hidden_default_is_kept(api: Any, fleet: Any) -> None:
    url = f"job_templates/{fleet.template}/survey_spec/"
    api.ok("POST", url, {"name": "", "description": "", "spec": [question("password", default="kept")]})
    shown = api.ok("GET", url)
    assert shown["spec"][0]["default"] == "$encrypted$"
    api.ok("POST", url, shown)
    template = api.whole.store.get("job_templates", fleet.template)
    assert template.private["survey_spec"]["spec"][0]["default"] == "kept"
    assert api.ok("GET", f"job_templates/{fleet.template}/")["summary_fields"]["survey"]["title"] == ""
    api.ok("DELETE", url)
    assert api.ok("GET", url) == {}


def test_saved_prompts_must_be_asked_for(api: Any, fleet: Any) -> None:
    rule = "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1"
    body = {"name": "s", "unified_job_template": fleet.template, "rrule": rule}
    assert api.refused(400, "POST", "schedules/", {**body, "limit": "dev1", "extra_data": {"a": 1}}) == {
        "limit": ["Field is not configured to prompt on launch."],
        "extra_data": [
            "Variables a are not allowed on launch. Check the Prompt on Launch setting on the Job Template to "
            "include Extra Variables."
        ],
    }
    api.ok("PATCH", f"job_templates/{fleet.template}/", {"ask_limit_on_launch": True, "survey_enabled": True})
    spec = {"name": "", "description": "", "spec": [question("password")]}
    api.ok("POST", f"job_templates/{fleet.template}/survey_spec/", spec)
    assert api.refused(400, "POST", "schedules/", body) == {"variables_needed_to_start": ["'q' value missing"]}
    made = api.ok("POST", "schedules/", {**body, "limit": "dev1", "extra_data": {"q": "survey-secret"}})
    assert (made["limit"], made["extra_data"]) == ("dev1", {"q": "$encrypted$"})
    again = api.ok("PATCH", made["url"], {"extra_data": {"q": "$encrypted$"}, "limit": "dev2"})
    assert again["extra_data"] == {"q": "$encrypted$"}
    assert api.whole.store.get("schedules", made["id"])["extra_data"] == {"q": "survey-secret"}
    credential = {"id": 1}
    refused = api.refused(400, "POST", f"{made['url']}credentials/", credential)
    assert "not configured to accept credentials" in refused["msg"]


def test_what_a_launch_asks(api: Any, fleet: Any) -> None:
    url = f"job_templates/{fleet.template}/"
    form = api.ok("GET", f"{url}launch/")
    assert (form["can_start_without_user_input"], form["inventory_needed_to_start"]) == (True, False)
    assert form["defaults"]["inventory"] == {"id": fleet.inventory, "name": "Fleet"}
    api.ok("PATCH", url, {"ask_limit_on_launch": True})
    assert api.ok("GET", f"{url}launch/")["can_start_without_user_input"] is False


def test_a_credential_may_be_replaced_by_its_like_and_not_taken_away(api: Any, fleet: Any) -> None:
    machine = api.ok("GET", "credential_types/?name=Machine")["results"][0]["id"]
    ids = [api.make("credentials", n, organization=1, credential_type=machine)["id"] for n in ("one", "two")]
    url = f"job_templates/{fleet.template}/"
    api.ok("POST", f"{url}credentials/", {"id": ids[0]})
    api.ok("PATCH", url, {"ask_credential_on_launch": True})
    refused = api.refused(400, "POST", f"{url}launch/", {"credentials": []})
    assert "Removing Machine credential at launch time" in refused["credentials"][0]
    job = api.ok("POST", f"{url}launch/", {"credentials": [ids[1]]})
    assert [one["name"] for one in job["summary_fields"]["credentials"]] == ["two"]


def test_a_password_that_must_be_given(api: Any, fleet: Any) -> None:
    vault = api.ok("GET", "credential_types/?name=Vault")["results"][0]["id"]
    made = api.make("credentials", "v", organization=1, credential_type=vault, inputs={"vault_password": "ASK"})
    assert made["inputs"] == {"vault_password": "ASK"}
    url = f"job_templates/{fleet.template}/"
    api.ok("POST", f"{url}credentials/", {"id": made["id"]})
    assert api.refused(400, "POST", f"{url}launch/", {}) == {"passwords_needed_to_start": ["vault_password"]}
