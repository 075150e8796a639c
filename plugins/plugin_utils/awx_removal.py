# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of the objects that the role awx_schedule makes is there, and may go: what nothing else in AWX uses.

AWX itself refuses little: it deletes a project, an inventory or a credential that templates of others use, and leaves
these without it. So who uses what is asked here, before anything is deleted. What is ours and goes as well does not
count as a user; so check mode, where nothing has gone, says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError, one_line

PAGE_SIZE = 200
# How others use an object: collections, and their fields that lead to it.
_NOTIFIED = ("notification_templates_started", "notification_templates_success", "notification_templates_error")
_APPROVALS = (*_NOTIFIED, "notification_templates_approvals")
_USED_BY: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "notification_templates": (
        ("organizations", _APPROVALS),
        ("projects", _NOTIFIED),
        ("inventory_sources", _NOTIFIED),
        ("job_templates", _NOTIFIED),
        ("workflow_job_templates", _APPROVALS),
    ),
    "inventories": (
        ("job_templates", ("inventory",)),
        ("workflow_job_templates", ("inventory",)),
        ("inventory_sources", ("inventory",)),
    ),
    "projects": (("job_templates", ("project",)), ("inventory_sources", ("source_project",))),
    "credentials": (
        ("job_templates", ("credentials",)),
        ("projects", ("credential",)),
        ("execution_environments", ("credential",)),
    ),
    "credential_types": (("credentials", ("credential_type",)),),
    "execution_environments": (
        ("job_templates", ("execution_environment",)),
        ("inventory_sources", ("execution_environment",)),
        ("projects", ("default_environment",)),
        ("organizations", ("default_environment",)),
    ),
}

Get = Callable[[str], Any]
Item = Mapping[str, Any]


class UnexpectedAnswer(CollectionError):
    """AWX answered something else than a list of objects."""


class Removal:
    """``going`` has names by kind, and ``left`` what is there and stays, each as one text with the reason."""

    def __init__(self, get: Get, organization: str, prefix: str) -> None:
        self._get, self._prefix = get, prefix
        self._going: set[tuple[str, int]] = set()
        self.going: dict[str, list[str]] = {}
        self.left: list[str] = []
        self._organization = self._find("organizations", name=organization)
        if self._organization:
            self._stays(f"organization {organization}", "it may hold more than this")

    def plan(self, made: Mapping[str, Any], kept: Mapping[str, str]) -> None:
        """Look for what was made, by kind, in an order in which what uses comes before what is used.

        ``kept`` gives the reasons why credentials of these names are left in any case.
        """
        self.going = {kind: [] for kind in (*made, "grants")}
        # What runs jobs is what has to end; schedules and nodes of others that hang on it end with it.
        for kind in ("job_templates", "workflow_job_templates"):
            for item in self._ours(kind, made[kind]):
                self._goes(kind, item)
                schedule = self._find("schedules", unified_job_template=item["id"], name=item["name"])
                if schedule and item["name"] in made["schedules"]:
                    self._goes("schedules", schedule)
        for team in self._ours("teams", made["teams"]):
            self._decide("teams", team, self._team_in_use(team))
        for item in self._ours("notification_templates", made["notification_templates"]):
            self._decide("notification_templates", item)
        self._inventories(made)
        for item in self._ours("projects", made["projects"]):
            self._decide("projects", item)
        self._credentials(made, kept)
        for name in made["credential_types"]:
            if found := self._find("credential_types", name=name):
                self._decide("credential_types", found)
        for item in self._ours("execution_environments", made["execution_environments"]):
            self._decide("execution_environments", item)

    def _inventories(self, made: Mapping[str, Any]) -> None:
        for inventory in self._ours("inventories", made["inventories"]):
            sources = [
                found
                for name in made["inventory_sources"]
                if (found := self._find("inventory_sources", inventory=inventory["id"], name=name))
            ]
            self._going.update(("inventory_source", source["id"]) for source in sources)
            if inventory.get("pending_deletion"):
                # AWX is at it already, and refuses to be asked again.
                continue
            by_hand = self._find("hosts", inventory=inventory["id"], inventory_sources__isnull="true")
            self._decide("inventories", inventory, f"host {by_hand['name']} was added by hand" if by_hand else None)
            if inventory["name"] not in self.going["inventories"]:
                self.going["inventory_sources"] += [source["name"] for source in sources]

    def _credentials(self, made: Mapping[str, Any], kept: Mapping[str, str]) -> None:
        found: dict[str, Item] = {}
        for name, about in made["credentials"].items():
            kind = self._find("credential_types", name=about["type"])
            found |= {item["name"]: item for item in self._ours("credentials", [name], kind)} if kind else {}
        for name, item in found.items():
            why = kept.get(name)
            if why is None and item["description"] != made["credentials"][name]["description"]:
                why = "it was not made by this role, or its description was changed"
            self._decide("credentials", item, why)
        for name, credential in made["users"].items():
            if user := self._find("users", username=name):
                self._user(user, credential, found.values())

    def _user(self, user: Item, credential: str, credentials: Iterable[Item]) -> None:
        """A user goes with the credential that was made for it."""
        name = user["username"]
        ours = {("credential", item["id"], "Admin") for item in credentials}
        member = {("organization", self._organization["id"], "Member")} if self._organization else set()
        roles = {(kind, identity, role): text for kind, identity, role, text in self._roles("users", user)}
        more = [text for role, text in roles.items() if role not in ours | member]
        if user.get("is_superuser"):
            why = "it is a superuser"
        elif more:
            why = f"it also has a right on {more[0]}"
        elif credential not in self.going["credentials"]:
            why = f"its credential, {credential}, was not made by this role, or stays"
        else:
            self._goes("users", user)
            return
        self._stays(f"user {name}", why)
        if ours & set(roles):
            self.going["grants"].append(name)

    def _team_in_use(self, team: Item) -> str | None:
        for kind, identity, _role, text in self._roles("teams", team):
            if (kind, identity) not in self._going:
                return f"it also has a right on {text}"
        if not team["name"].startswith(self._prefix) and self._objects(f"teams/{team['id']}/users"):
            return "it has members, and a name that does not begin with awx_schedule_name"
        return None

    def _roles(self, kind: str, item: Item) -> list[tuple[str, int, str, str]]:
        """What somebody has rights on: kind, id, the right, and both kind and name as a text."""
        return [
            (about.get("resource_type", ""), about.get("resource_id", 0), role["name"], _named(about))
            for role in self._objects(f"{kind}/{item['id']}/roles")
            for about in [role["summary_fields"]]
        ]

    def _decide(self, kind: str, item: Item, why: str | None = None) -> None:
        """Let an object go, unless there is a reason or something else uses it."""
        for path, fields in _USED_BY.get(kind, ()):
            if why is not None:
                break
            users = self._objects(path, **{f"or__{field}": item["id"] for field in fields})
            others = [user for user in users if (user["type"], user["id"]) not in self._going]
            why = f"{_spaced(others[0]['type'])} {others[0]['name']} uses it" if others else None
        if why is None:
            self._goes(kind, item)
        else:
            self._stays(f"{_spaced(item['type'])} {item['name']}", why)

    def _stays(self, what: str, why: str) -> None:
        self.left.append(one_line(f"{what}: {why}"))

    def _goes(self, kind: str, item: Item) -> None:
        self._going.add((item["type"], item["id"]))
        self.going[kind].append(item["username"] if kind == "users" else item["name"])

    def _ours(self, kind: str, names: Iterable[str], credential_type: Item | None = None) -> list[Item]:
        """Objects of these names in the organization."""
        if not self._organization:
            return []
        about = {"organization": self._organization["id"]}
        if credential_type:
            about["credential_type"] = credential_type["id"]
        return [found for name in names if (found := self._find(kind, name=name, **about))]

    def _find(self, path: str, **query: Any) -> Item | None:
        return next(iter(self._page(path, 1, 1, query)[0]), None)

    def _objects(self, path: str, **query: Any) -> list[Item]:
        found: list[Item] = []
        page, more = 0, True
        while more:
            page += 1
            items, more = self._page(path, page, PAGE_SIZE, query)
            found += items
        return found

    def _page(self, path: str, page: int, size: int, query: Mapping[str, Any]) -> tuple[list[Item], bool]:
        """Some objects, and whether there are more."""
        answer = self._get(f"/{path}/?{urlencode({**query, 'page': page, 'page_size': size})}")
        items = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(items, list) or not all(isinstance(item, dict) and "id" in item for item in items):
            raise UnexpectedAnswer(f"AWX answers something else than objects where its {path} are asked for")
        return items, bool(answer.get("next"))


def _spaced(kind: str) -> str:
    return kind.replace("_", " ")


def _named(about: Mapping[str, Any]) -> str:
    return f"{_spaced(about.get('resource_type', 'the whole of AWX'))} {about.get('resource_name', '')}".strip()
