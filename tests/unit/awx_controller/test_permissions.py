# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: an operator runs and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def operator(api: Any, fleet: Any) -> Any:
    """A user who is in a team, and in nothing else."""
    api.ok("POST", "users/", {"username": "olga", "password": "hers"})
    api.make("teams", "Operators", organization=fleet.organization)
    api.ok("POST", "teams/1/users/", {"id": 2})
    return api.as_user("olga", "hers")


def grant(api: Any, url: str, role: str, team: int = 1) -> None:
    roles = api.ok("GET", url)["summary_fields"]["object_roles"]
    api.ok("POST", f"roles/{roles[role]['id']}/teams/", {"id": team})


def test_without_a_role_nothing_is_there(api: Any, fleet: Any, operator: Any) -> None:
    for path in ("job_templates", "inventories", "projects", "credentials", "hosts", "organizations"):
        assert operator.names(f"{path}/") == []
    operator.refused(404, "GET", f"job_templates/{fleet.template}/")
    operator.refused(403, "POST", "organizations/", {"name": "Mine"})
    operator.refused(403, "GET", "settings/all/")


def test_execute_is_not_edit(api: Any, fleet: Any, operator: Any) -> None:
    url = f"job_templates/{fleet.template}/"
    grant(api, url, "execute_role")
    shown = operator.ok("GET", url)
    assert shown["summary_fields"]["user_capabilities"]["start"] is True
    assert shown["summary_fields"]["user_capabilities"]["edit"] is False
    operator.refused(403, "PATCH", url, {"playbook": "other.yml"})
    operator.refused(403, "DELETE", url)
    operator.refused(403, "POST", f"{url}survey_spec/", {"name": "", "description": "", "spec": []})
    operator.refused(403, "POST", f"{url}credentials/", {"id": 1})
    job = operator.ok("POST", f"{url}launch/", {})
    assert operator.ok("GET", job["url"])["launched_by"]["name"] == "olga"
    assert operator.call("POST", f"{job['url']}cancel/").status_code in (202, 405)
    # What it runs on stays out of sight.
    assert operator.names("inventories/") == operator.names("credentials/") == []
    body = {
        "name": "n",
        "unified_job_template": fleet.template,
        "rrule": "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1",
    }
    operator.ok("POST", "schedules/", body)


def test_read_is_not_execute(api: Any, fleet: Any, operator: Any) -> None:
    url = f"job_templates/{fleet.template}/"
    grant(api, url, "read_role")
    assert operator.names("job_templates/") == ["Enforce"]
    operator.refused(403, "POST", f"{url}launch/", {})


def test_a_prompted_credential_takes_the_right_to_use_it(api: Any, fleet: Any, operator: Any) -> None:
    machine = api.ok("GET", "credential_types/?name=Machine")["results"][0]["id"]
    values = {"organization": fleet.organization, "credential_type": machine}
    made = api.make("credentials", "Root", **values)
    url = f"job_templates/{fleet.template}/"
    api.ok("PATCH", url, {"ask_credential_on_launch": True})
    grant(api, url, "execute_role")
    operator.refused(403, "POST", f"{url}launch/", {"credentials": [made["id"]]})
    grant(api, made["url"], "use_role")
    operator.ok("POST", f"{url}launch/", {"credentials": [made["id"]]})
    assert operator.ok("GET", made["url"])["inputs"] == {}
    operator.refused(403, "PATCH", made["url"], {"inputs": {"username": "me"}})


def test_who_approves(api: Any, fleet: Any, operator: Any) -> None:
    workflow = api.make("workflow_job_templates", "Rotate", organization=fleet.organization)
    node = api.ok("POST", "workflow_job_template_nodes/", {"identifier": "n", "workflow_job_template": workflow["id"]})
    api.ok("POST", f"{node['url']}create_approval_template/", {"name": "Agree"})
    grant(api, workflow["url"], "read_role")
    run = api.ok("POST", f"{workflow['url']}launch/", {})
    [approval] = api.ok("GET", "workflow_approvals/?status=pending")["results"]
    assert operator.ok("GET", approval["url"])["can_approve_or_deny"] is False
    operator.refused(403, "POST", f"{approval['url']}approve/")
    grant(api, workflow["url"], "approval_role")
    operator.ok("POST", f"{approval['url']}deny/")
    assert api.ok("GET", run["url"])["status"] == "failed"


def test_credentials_stay_in_their_organization(api: Any, fleet: Any, operator: Any) -> None:
    machine = api.ok("GET", "credential_types/?name=Machine")["results"][0]["id"]
    made = api.make("credentials", "Root", organization=1, credential_type=machine)
    role = made["summary_fields"]["object_roles"]["use_role"]["id"]
    assert "different organization" in api.refused(400, "POST", f"roles/{role}/teams/", {"id": 1})["msg"]
    assert "not in the credentials' organization" in api.refused(400, "POST", f"roles/{role}/users/", {"id": 2})["msg"]
    api.ok("POST", "organizations/1/users/", {"id": 2})
    api.ok("POST", f"roles/{role}/users/", {"id": 2})
    assert operator.names("credentials/") == ["Root"]
    api.ok("POST", f"roles/{role}/users/", {"id": 2, "disassociate": True})
    assert operator.names("credentials/") == []


def test_the_administrator_of_an_organization(api: Any, fleet: Any, operator: Any) -> None:
    api.ok("POST", f"organizations/{fleet.organization}/admins/", {"id": 2})
    assert operator.names("organizations/") == ["Fleet"]
    operator.ok("PATCH", f"job_templates/{fleet.template}/", {"description": "changed"})
    operator.make("inventories", "Second", organization=fleet.organization)
    operator.refused(403, "POST", "inventories/", {"name": "Third", "organization": 1})
