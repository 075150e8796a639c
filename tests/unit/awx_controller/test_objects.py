# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections, objects and links: what AWX answers, also when it refuses."""

from __future__ import annotations

from typing import Any

import pytest


def test_without_login_only_ping(api: Any) -> None:
    api.headers.pop("Authorization")
    assert api.ok("GET", "ping/")["version"] == "24.6.1"
    answer = api.call("GET", "organizations/")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Basic realm=api"
    assert answer.headers["X-API-Product-Version"] == "24.6.1"


def test_a_token_is_shown_once_and_works_until_it_is_deleted(api: Any) -> None:
    token = api.ok("POST", "tokens/", {"description": "d", "application": None, "scope": "write"})
    assert api.ok("GET", token["url"])["token"] != token["token"]
    admin, api.headers["Authorization"] = api.headers["Authorization"], f"Bearer {token['token']}"
    assert api.ok("GET", "me/")["results"][0]["username"] == "admin"
    api.ok("DELETE", token["url"])
    api.refused(401, "GET", "me/")
    api.headers["Authorization"] = admin
    assert api.ok("GET", "me/")["results"][0]["is_superuser"] is True


def test_a_token_that_only_reads(api: Any) -> None:
    token = api.ok("POST", "tokens/", {"scope": "read"})
    api.headers["Authorization"] = f"Bearer {token['token']}"
    api.ok("GET", "organizations/")
    api.refused(403, "POST", "organizations/", {"name": "Fleet"})


def test_refusals_name_the_field(api: Any) -> None:
    assert api.refused(400, "POST", "organizations/", {}) == {"name": ["This field is required."]}
    assert api.refused(400, "POST", "organizations/", {"name": "Default"}) == {
        "name": ["Organization with this Name already exists."]
    }
    assert api.refused(400, "POST", "inventories/", {"name": "i", "organization": 99}) == {
        "organization": ['Invalid pk "99" - object does not exist.']
    }
    assert api.refused(400, "POST", "inventories/", {"name": "i", "organization": 1, "variables": "- a"}) == {
        "variables": ["Input type `list` is not a dictionary"]
    }
    assert api.refused(404, "GET", "organizations/99/") == {"detail": "No Organization matches the given query."}
    assert api.refused(405, "DELETE", "labels/1/" if api.make("labels", "l", organization=1) else "") == {
        "detail": 'Method "DELETE" not allowed.'
    }


def test_null_is_the_empty_value_of_what_is_not_a_reference(api: Any) -> None:
    made = api.make("inventories", "i", organization=1, kind=None, description=None)
    assert (made["kind"], made["description"]) == ("", "")


def test_deleting_takes_along_what_belongs_and_only_that(api: Any, fleet: Any) -> None:
    other = api.make("organizations", "Other")
    api.ok("POST", f"inventories/{fleet.inventory}/groups/", {"name": "g"})
    api.ok("POST", "groups/1/hosts/", {"id": fleet.hosts[0]})
    api.ok("DELETE", f"hosts/{fleet.hosts[0]}/")
    assert api.names("groups/1/hosts/") == []
    api.ok("DELETE", f"organizations/{fleet.organization}/")
    assert api.names("organizations/") == ["Default", "Other"]
    assert api.names("job_templates/") == api.names("hosts/") == api.names("groups/") == []
    # What happens to have the same numbers stays as it is.
    assert api.ok("GET", "users/1/")["is_superuser"] is True
    assert api.ok("GET", other["url"])["name"] == "Other"


@pytest.mark.parametrize(
    ("path", "job", "field"),
    [
        ("projects", "jobs", "project"),
        ("projects", "project_updates", "project"),
        ("inventories", "jobs", "inventory"),
        ("inventories", "inventory_updates", "inventory"),
        ("organizations", "jobs", "organization"),
        ("job_templates", "jobs", "unified_job_template"),
    ],
)
def test_what_a_running_job_needs_is_not_deleted(api: Any, fleet: Any, path: str, job: str, field: str) -> None:
    identity = {
        "projects": fleet.project,
        "inventories": fleet.inventory,
        "organizations": fleet.organization,
        "job_templates": fleet.template,
    }[path]
    running = api.whole.store.add(job, {"status": "running", field: identity})
    assert api.refused(409, "DELETE", f"{path}/{identity}/") == {
        "error": "Resource is being used by running jobs.",
        "active_jobs": [{"type": running.kind.name, "id": running.id}],
    }
    running.values["status"] = "successful"
    api.ok("DELETE", f"{path}/{identity}/")


def test_an_inventory_is_deleted_after_a_while(api: Any, fleet: Any) -> None:
    url = f"inventories/{fleet.inventory}/"
    assert api.call("DELETE", url).status_code == 202
    # Its templates are without it at once.
    assert api.ok("GET", f"job_templates/{fleet.template}/")["inventory"] is None
    assert api.refused(400, "DELETE", url) == {"error": "Inventory is already pending deletion."}
    assert [item["pending_deletion"] for item in api.ok("GET", "inventories/")["results"]] == [True]
    assert api.ok("GET", "inventories/")["results"] == []
    assert api.names("hosts/") == []


def test_a_project_takes_its_inventory_sources_along_and_leaves_templates_without_it(api: Any, fleet: Any) -> None:
    api.make("inventory_sources", "s", inventory=fleet.inventory, source="scm", source_project=fleet.project)
    api.ok("DELETE", f"projects/{fleet.project}/")
    assert api.names("inventory_sources/") == []
    assert api.ok("GET", f"job_templates/{fleet.template}/")["project"] is None


def test_a_notification_is_sent_before_its_template_goes(api: Any) -> None:
    told = {"notification_type": "webhook", "notification_configuration": {"url": "http://127.0.0.1:1/", "headers": {}}}
    template = api.make("notification_templates", "n", organization=1, **told)
    sent = api.whole.store.add("notifications", {"notification_template": template["id"], "status": "pending"})
    assert api.refused(405, "DELETE", template["url"]) == {
        "error": "Delete not allowed while there are pending notifications"
    }
    sent.values["status"] = "successful"
    api.ok("DELETE", template["url"])


def test_a_workflow_takes_its_nodes_and_approvals_along(api: Any, fleet: Any) -> None:
    workflow = api.make("workflow_job_templates", "Rotate", organization=fleet.organization)
    about = {"workflow_job_template": workflow["id"]}
    agree = api.ok("POST", "workflow_job_template_nodes/", {"identifier": "agree", **about})
    api.ok("POST", f"{agree['url']}create_approval_template/", {"name": "Agree"})
    enforce = {"identifier": "enforce", "unified_job_template": fleet.template}
    api.ok("POST", "workflow_job_template_nodes/", {**enforce, **about})
    api.ok("DELETE", workflow["url"])
    assert api.ok("GET", "workflow_job_template_nodes/")["count"] == 0
    assert api.names("workflow_approval_templates/") == []
    assert api.names("job_templates/") == ["Enforce"]


def test_nobody_deletes_themselves_or_what_awx_manages(api: Any) -> None:
    api.refused(403, "DELETE", "users/1/")
    managed = api.ok("GET", "credential_types/?name=Machine")["results"][0]
    assert api.refused(403, "DELETE", managed["url"]) == {"detail": "Deletion not allowed for managed credential types"}


def test_hosts_that_no_source_brought(api: Any, fleet: Any) -> None:
    source = api.make("inventory_sources", "s", inventory=fleet.inventory, source="scm", source_project=fleet.project)
    api.whole.store.get("hosts", fleet.hosts[0]).links["inventory_sources"].append(source["id"])
    assert api.names("hosts/?inventory_sources__isnull=true") == ["dev2", "dev3"]
    assert api.names("hosts/?inventory_sources__isnull=false") == ["dev1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=dev2", ["dev2"]),
        ("name__in=dev1,dev3", ["dev1", "dev3"]),
        ("or__name=dev1&or__id=3", ["dev1", "dev3"]),
        ("not__name=dev1", ["dev2", "dev3"]),
        ("name__startswith=dev&order_by=-name", ["dev3", "dev2", "dev1"]),
        ("inventory__organization__name=Fleet&page_size=2", ["dev1", "dev2"]),
        ("inventory__name=Elsewhere", []),
        ("enabled=false", []),
        ("page=2&page_size=2", ["dev3"]),
    ],
)
def test_lists_are_filtered(api: Any, fleet: Any, query: str, found: list[str]) -> None:
    assert api.names(f"hosts/?{query}") == found


def test_filters_that_awx_refuses(api: Any, fleet: Any) -> None:
    assert "no field named" in api.refused(400, "GET", "hosts/?nonsense=1")["detail"]
    assert "expected a number" in api.refused(400, "GET", "hosts/?inventory=x")["detail"]
    api.refused(404, "GET", "hosts/?page=9")


def test_pages_link_to_each_other(api: Any, fleet: Any) -> None:
    first = api.ok("GET", "hosts/?page_size=2")
    assert (first["count"], first["previous"]) == (3, None)
    second = api.ok("GET", first["next"])
    assert (second["next"], second["previous"]) == (None, "/api/v2/hosts/?page_size=2&page=1")


def test_templates_of_all_kinds_share_their_numbers(api: Any, fleet: Any) -> None:
    workflow = api.make("workflow_job_templates", "Rotate", organization=fleet.organization)
    found = api.ok("GET", "unified_job_templates/")["results"]
    assert [(item["id"], item["type"]) for item in found] == [
        (fleet.project, "project"),
        (fleet.template, "job_template"),
        (workflow["id"], "workflow_job_template"),
    ]
    listed = api.names(f"unified_job_templates/?organization={fleet.organization}&type=job_template")
    assert listed == ["Enforce"]


def test_a_job_template_needs_what_it_runs(api: Any, fleet: Any) -> None:
    body = {"name": "x", "project": fleet.project, "inventory": fleet.inventory, "playbook": "other.yml"}
    assert api.refused(400, "POST", "job_templates/", body) == {"playbook": ["Playbook not found for project."]}
    body = {"name": "x", "project": fleet.project, "playbook": "site.yml"}
    assert "inventory" in api.refused(400, "POST", "job_templates/", body)
    body = {"name": "Enforce", "project": fleet.project, "playbook": "site.yml", "inventory": fleet.inventory}
    assert "combination already exists" in api.refused(400, "POST", "job_templates/", body)["__all__"][0]


def test_a_job_template_is_of_its_projects_organization(api: Any, fleet: Any) -> None:
    found = api.ok("GET", f"job_templates/{fleet.template}/")
    assert found["organization"] == fleet.organization
    assert found["summary_fields"]["organization"]["name"] == "Fleet"
    assert found["related"]["survey_spec"] == f"/api/v2/job_templates/{fleet.template}/survey_spec/"


def test_associating_twice_and_back(api: Any, fleet: Any) -> None:
    galaxy = api.ok("GET", "credentials/?name=Ansible%20Galaxy")["results"][0]["id"]
    path = f"organizations/{fleet.organization}/galaxy_credentials/"
    for _time in range(2):
        assert api.ok("POST", path, {"id": galaxy}) is None
    assert api.names(path) == ["Ansible Galaxy"]
    api.ok("POST", path, {"id": galaxy, "disassociate": True})
    assert api.names(path) == []
    assert api.refused(400, "POST", f"job_templates/{fleet.template}/credentials/", {"id": galaxy}) == {
        "error": "Cannot assign a Credential of kind `galaxy`."
    }


def test_nodes_may_not_go_in_circles(api: Any, fleet: Any) -> None:
    workflow = api.make("workflow_job_templates", "Rotate", organization=fleet.organization)["id"]
    nodes = [
        api.ok("POST", "workflow_job_template_nodes/", {"identifier": name, "workflow_job_template": workflow})["id"]
        for name in ("a", "b")
    ]
    api.ok("POST", f"workflow_job_template_nodes/{nodes[0]}/success_nodes/", {"id": nodes[1]})
    assert api.ok("GET", f"workflow_job_template_nodes/{nodes[0]}/")["success_nodes"] == [nodes[1]]
    for name in ("success_nodes", "always_nodes"):
        body = {"id": nodes[0]}
        assert api.refused(400, "POST", f"workflow_job_template_nodes/{nodes[1]}/{name}/", body) == {
            "Error": "Cycle detected."
        }


def test_an_approval_template_has_no_links(api: Any, fleet: Any) -> None:
    """awx.awx asks for them where a task gives an approval and links at once, and fails on a real AWX as here."""
    workflow = api.make("workflow_job_templates", "Rotate", organization=fleet.organization)["id"]
    node = api.ok("POST", "workflow_job_template_nodes/", {"identifier": "n", "workflow_job_template": workflow})
    made = api.ok("POST", f"{node['url']}create_approval_template/", {"name": "Agree", "timeout": 60})
    assert (made["type"], made["timeout"]) == ("workflow_approval_template", 60)
    assert api.ok("GET", node["url"])["unified_job_template"] == made["id"]
    api.refused(404, "GET", f"{made['url']}success_nodes/")


def test_settings_are_kept(api: Any) -> None:
    api.ok("PATCH", "settings/jobs/", {"AWX_TASK_ENV": {"A": 1}})
    assert api.ok("GET", "settings/all/")["AWX_TASK_ENV"] == {"A": 1}
    assert api.whole.execution.task_environment == {"A": "1"}
