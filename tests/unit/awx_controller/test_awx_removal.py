# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be taken away in AWX, asked of the local controller: everything of ours, unless something else uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.devfleet.axiom.plugins.plugin_utils.awx_removal import Removal, UnexpectedAnswer

NAME = "Telemetry"
MADE: dict[str, Any] = {
    "schedules": [f"{NAME} enforce"],
    "job_templates": [f"{NAME} enforce", f"{NAME} drift"],
    "workflow_job_templates": [f"{NAME} rotate"],
    "teams": [f"{NAME} operators", "Fleet"],
    "notification_templates": [NAME],
    "inventories": [NAME],
    "inventory_sources": [NAME],
    "projects": [NAME],
    "users": {"writer": "writer credential"},
    "credentials": {
        "records": {"type": "Records", "description": "ours"},
        "writer credential": {"type": "Red Hat Ansible Automation Platform", "description": "ours"},
    },
    "credential_types": ["Records"],
    "execution_environments": ["EE"],
}
ALL = {**MADE, "users": ["writer"], "credentials": ["records", "writer credential"], "grants": []}
# It goes with its inventory.
ALL["inventory_sources"] = []
ORGANIZATION = "organization Platform: it may hold more than this"


class Site:
    """An organization that holds all of ours, and somebody's objects beside it."""

    def __init__(self, api: Any, root: Path) -> None:
        self.api = api
        (root / "projects/ours").mkdir(parents=True)
        (root / "projects/ours/site.yml").write_text("- hosts: all\n")
        self.organization = api.make("organizations", "Platform")
        self.about = {"organization": self.organization["id"]}
        self.project = api.make("projects", NAME, local_path="ours", **self.about)
        self.inventory = api.make("inventories", NAME, **self.about)
        self.source = api.make(
            "inventory_sources", NAME, inventory=self.inventory["id"], source="scm", source_project=self.project["id"]
        )
        self.environment = api.make("execution_environments", "EE", image="ee", **self.about)
        told = {"url": "http://127.0.0.1:1/", "headers": {}}
        self.hook = api.make(
            "notification_templates", NAME, notification_type="webhook", notification_configuration=told, **self.about
        )
        self.enforce, self.drift = (self.template(name, self.project, self.inventory) for name in MADE["job_templates"])
        self.environ(self.enforce)
        self.link(self.enforce, "notification_templates_error", self.hook)
        rule = "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1"
        api.make("schedules", self.enforce["name"], unified_job_template=self.enforce["id"], rrule=rule)
        self.rotate = api.make("workflow_job_templates", f"{NAME} rotate", **self.about)
        self.operators, self.fleet = (api.make("teams", name, **self.about) for name in MADE["teams"])
        self.grant(self.enforce, "execute_role", "teams", self.operators)
        fields = [{"id": "records", "label": "Records", "type": "string", "secret": True}]
        self.type = api.make("credential_types", "Records", kind="cloud", inputs={"fields": fields}, injectors={})
        self.records = self.credential("records", self.type)
        self.link(self.enforce, "credentials", self.records)
        managed = "Red%20Hat%20Ansible%20Automation%20Platform"
        self.platform = api.ok("GET", f"credential_types/?name={managed}")["results"][0]
        self.own = self.credential("writer credential", self.platform)
        self.writer = api.ok("POST", "users/", {"username": "writer", "password": "the-writers-own-1"})
        self.grant(self.organization, "member_role", "users", self.writer)
        self.grant(self.records, "admin_role", "users", self.writer)
        # Somebody's, of the same kinds.
        (root / "projects/theirs").mkdir()
        (root / "projects/theirs/site.yml").write_text("- hosts: all\n")
        self.their_project = api.make("projects", "Theirs", local_path="theirs", **self.about)
        self.their_inventory = api.make("inventories", "Theirs", **self.about)
        self.theirs = self.template("Theirs", self.their_project, self.their_inventory)

    def template(self, name: str, project: Any, inventory: Any) -> Any:
        return self.api.make(
            "job_templates", name, project=project["id"], inventory=inventory["id"], playbook="site.yml"
        )

    def credential(self, name: str, kind: Any, description: str = "ours") -> Any:
        return self.api.make("credentials", name, credential_type=kind["id"], description=description, **self.about)

    def grant(self, on: Any, role: str, path: str, holder: Any) -> None:
        identity = self.api.ok("GET", on["url"])["summary_fields"]["object_roles"][role]["id"]
        self.api.ok("POST", f"roles/{identity}/{path}/", {"id": holder["id"]})

    def link(self, item: Any, name: str, member: Any) -> None:
        self.api.ok("POST", f"{item['url']}{name}/", {"id": member["id"]})

    def change(self, item: Any, **values: Any) -> None:
        self.api.ok("PATCH", item["url"], values)

    def environ(self, item: Any, name: str = "execution_environment") -> None:
        self.change(item, **{name: self.environment["id"]})

    def plan(self, **kept: str) -> Removal:
        removal = Removal(lambda path: self.api.ok("GET", path.lstrip("/")), "Platform", NAME)
        removal.plan(MADE, kept)
        return removal


@pytest.fixture
def site(api: Any, tmp_path: Path) -> Site:
    return Site(api, tmp_path)


def test_all_of_ours_goes_and_the_organization_stays(site: Site) -> None:
    removal = site.plan()
    assert removal.going == ALL
    assert removal.left == [ORGANIZATION]


def _source(site: Site, inventory: Any, project: Any) -> None:
    about = {"inventory": inventory["id"], "source": "scm", "source_project": project["id"]}
    site.api.make("inventory_sources", "Theirs", **about)


def _workflow(site: Site) -> None:
    site.api.make("workflow_job_templates", "Theirs", inventory=site.inventory["id"], **site.about)


# Kind and name of ours, who uses it, and how that comes.
USES: list[tuple[str, str, str, Callable[[Site], Any]]] = [
    ("projects", NAME, "job template Theirs", lambda site: site.change(site.theirs, project=site.project["id"])),
    (
        "projects",
        NAME,
        "inventory source Theirs",
        lambda site: _source(site, site.their_inventory, site.project),
    ),
    (
        "inventories",
        NAME,
        "job template Theirs",
        lambda site: site.change(site.theirs, inventory=site.inventory["id"]),
    ),
    ("inventories", NAME, "workflow job template Theirs", _workflow),
    (
        "inventories",
        NAME,
        "inventory source Theirs",
        lambda site: _source(site, site.inventory, site.their_project),
    ),
    (
        "credentials",
        "records",
        "job template Theirs",
        lambda site: site.link(site.theirs, "credentials", site.records),
    ),
    ("credential_types", "Records", "credential Theirs", lambda site: site.credential("Theirs", site.type)),
    ("execution_environments", "EE", "job template Theirs", lambda site: site.environ(site.theirs)),
    (
        "execution_environments",
        "EE",
        "project Theirs",
        lambda site: site.environ(site.their_project, "default_environment"),
    ),
    (
        "execution_environments",
        "EE",
        "organization Platform",
        lambda site: site.environ(site.organization, "default_environment"),
    ),
    (
        "notification_templates",
        NAME,
        "job template Theirs",
        lambda site: site.link(site.theirs, "notification_templates_success", site.hook),
    ),
    (
        "notification_templates",
        NAME,
        "organization Platform",
        lambda site: site.link(site.organization, "notification_templates_approvals", site.hook),
    ),
]


@pytest.mark.parametrize(("kind", "name", "user", "use"), USES)
def test_what_others_use_stays(site: Site, kind: str, name: str, user: str, use: Callable[[Site], Any]) -> None:
    use(site)
    removal = site.plan()
    assert name not in removal.going[kind]
    assert removal.left[1].endswith(f" {name}: {user} uses it")


def test_an_inventory_that_stays_loses_our_source_and_no_host(site: Site) -> None:
    site.api.make("hosts", "by-hand", inventory=site.inventory["id"])
    removal = site.plan()
    assert (removal.going["inventories"], removal.going["inventory_sources"]) == ([], [NAME])
    assert removal.left[1:] == [f"inventory {NAME}: host by-hand was added by hand"]


def test_an_inventory_that_awx_is_deleting_is_not_asked_for_again(site: Site) -> None:
    site.api.ok("DELETE", site.inventory["url"])
    removal = site.plan()
    assert removal.going["inventories"] == []
    assert removal.left == [ORGANIZATION]


@pytest.mark.parametrize(
    ("change", "why", "grants"),
    [
        (
            lambda site: site.grant(site.their_inventory, "use_role", "users", site.writer),
            "it also has a right on inventory Theirs",
            ["writer"],
        ),
        (
            lambda site: site.grant(site.organization, "admin_role", "users", site.writer),
            "it also has a right on organization Platform",
            ["writer"],
        ),
        (lambda site: site.change(site.writer, is_superuser=True), "it is a superuser", ["writer"]),
        (
            lambda site: site.change(site.own, description="made by hand"),
            "its credential, writer credential, was not made by this role, or stays",
            ["writer"],
        ),
    ],
    ids=["right", "stronger right", "superuser", "credential by hand"],
)
def test_a_user_that_is_more_than_ours_stays_without_our_right(
    site: Site, change: Callable[[Site], Any], why: str, grants: list[str]
) -> None:
    change(site)
    removal = site.plan()
    assert f"user writer: {why}" in removal.left
    assert (removal.going["users"], removal.going["grants"]) == ([], grants)


def test_a_team_with_other_rights_stays_and_one_of_another_name_with_members(site: Site) -> None:
    site.grant(site.fleet, "member_role", "users", site.writer)
    site.grant(site.operators, "member_role", "users", site.writer)
    removal = site.plan()
    assert removal.going["teams"] == [f"{NAME} operators"]
    assert "team Fleet: it has members, and a name that does not begin with awx_schedule_name" in removal.left
    site.grant(site.their_inventory, "read_role", "teams", site.operators)
    removal = site.plan()
    assert removal.going["teams"] == []
    assert f"team {NAME} operators: it also has a right on inventory Theirs" in removal.left


def test_a_credential_that_is_kept_keeps_its_type(site: Site) -> None:
    removal = site.plan(records="it holds secrets")
    assert removal.left[1:] == [
        "credential records: it holds secrets",
        "credential type Records: credential records uses it",
    ]
    assert removal.going == {**ALL, "credentials": ["writer credential"], "credential_types": []}


def test_what_is_in_another_organization_is_not_ours(site: Site) -> None:
    """Names are unique in an organization, those of types and users everywhere."""
    removal = Removal(lambda path: site.api.ok("GET", path.lstrip("/")), "Default", NAME)
    removal.plan(MADE, {})
    assert {kind for kind, names in removal.going.items() if names} == set()
    assert removal.left[1:] == [
        "user writer: it also has a right on organization Platform",
        "credential type Records: credential records uses it",
    ]


def test_an_organization_that_is_not_there_has_nothing(site: Site) -> None:
    removal = Removal(lambda path: site.api.ok("GET", path.lstrip("/")), "Nowhere", NAME)
    removal.plan(MADE, {})
    assert {kind for kind, names in removal.going.items() if names} == set()
    assert not any(text.startswith("organization ") for text in removal.left)


def test_names_of_others_cannot_move_the_cursor(site: Site) -> None:
    site.change(site.theirs, project=site.project["id"], name="Theirs\x1b[2J\nall is gone")
    assert all(text.isprintable() for text in site.plan().left)


@pytest.mark.parametrize("answer", [None, [], {"results": "no"}, {"results": [1]}, {"results": [{}]}])
def test_an_answer_that_is_no_list_stops(answer: Any) -> None:
    with pytest.raises(UnexpectedAnswer, match="its organizations are asked for"):
        Removal(lambda path: answer, "Platform", NAME)


def test_long_lists_are_read_to_their_end() -> None:
    """The first user that is not ours may be on the last page."""
    asked = []

    def get(path: str) -> Any:
        asked.append(path)
        page = int(path.partition("page=")[2].partition("&")[0])
        if path.startswith("/organizations/?name"):
            return {"results": [{"id": 1, "type": "organization", "name": "Platform"}], "next": None}
        if path.startswith("/projects/?name"):
            return {"results": [{"id": 2, "type": "project", "name": NAME}], "next": None}
        if path.startswith("/job_templates/?or__project=2"):
            found = {"id": 9, "type": "job_template", "name": "Theirs"}
            return {"results": [found] if page == 3 else [], "next": "more" if page < 3 else None}
        return {"results": [], "next": None}

    removal = Removal(get, "Platform", NAME)
    removal.plan({**MADE, "job_templates": [], "workflow_job_templates": [], "credentials": {}, "users": {}}, {})
    assert removal.left[1:] == [f"project {NAME}: job template Theirs uses it"]
