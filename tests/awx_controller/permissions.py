# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: roles on objects, held directly, through a team, or through a stronger role."""

from __future__ import annotations

from collections.abc import Iterator

from awx_controller.store import Item, Store

# A role on a kind -> what grants it besides itself: a role on the same object, or with a leading "organization." on
# the organization that the object belongs to.
_GRANTED_BY: dict[str, dict[str, tuple[str, ...]]] = {
    "organizations": {
        **{
            f"{name}_role": ("admin_role",)
            for name in (
                "execute",
                "project_admin",
                "inventory_admin",
                "credential_admin",
                "workflow_admin",
                "notification_admin",
                "job_template_admin",
                "execution_environment_admin",
                "member",
                "approval",
            )
        },
        "read_role": (
            "member_role",
            "auditor_role",
            "execute_role",
            "project_admin_role",
            "inventory_admin_role",
            "credential_admin_role",
            "workflow_admin_role",
            "notification_admin_role",
            "job_template_admin_role",
            "execution_environment_admin_role",
            "approval_role",
        ),
    },
    "teams": {
        "admin_role": ("organization.admin_role",),
        "member_role": ("admin_role",),
        "read_role": ("member_role", "organization.auditor_role"),
    },
    "projects": {
        "admin_role": ("organization.project_admin_role",),
        "use_role": ("admin_role",),
        "update_role": ("admin_role",),
        "read_role": ("use_role", "update_role", "organization.auditor_role"),
    },
    "inventories": {
        "admin_role": ("organization.inventory_admin_role",),
        "update_role": ("admin_role",),
        "adhoc_role": ("admin_role",),
        "use_role": ("adhoc_role",),
        "read_role": ("use_role", "update_role", "organization.auditor_role"),
    },
    "job_templates": {
        "admin_role": ("organization.job_template_admin_role",),
        "execute_role": ("admin_role", "organization.execute_role"),
        "read_role": ("execute_role", "organization.auditor_role"),
    },
    "workflow_job_templates": {
        "admin_role": ("organization.workflow_admin_role",),
        "execute_role": ("admin_role", "organization.execute_role"),
        "approval_role": ("admin_role", "organization.approval_role"),
        "read_role": ("execute_role", "approval_role", "organization.auditor_role"),
    },
    "credentials": {
        "admin_role": ("organization.credential_admin_role",),
        "use_role": ("admin_role",),
        "read_role": ("use_role", "organization.auditor_role"),
    },
    "instance_groups": {"use_role": ("admin_role",), "read_role": ("use_role",)},
}
# Kinds without roles of their own: the field that leads to what decides.
_DECIDED_BY = {
    "hosts": "inventory",
    "groups": "inventory",
    "inventory_sources": "inventory",
    "inventory_updates": "inventory",
    "schedules": "unified_job_template",
    "jobs": "job_template",
    "project_updates": "project",
    "workflow_jobs": "workflow_job_template",
    "workflow_job_nodes": "workflow_job",
    "workflow_job_template_nodes": "workflow_job_template",
    "notifications": "notification_template",
}
# Kinds that the organization alone decides about: the role there that may change them.
_ORGANIZATION_DECIDES = {
    "notification_templates": "notification_admin_role",
    "execution_environments": "execution_environment_admin_role",
    "labels": "member_role",
}
# Kinds that all users may see.
_PUBLIC = {"credential_types", "instance_groups", "roles"}


def teams_of(store: Store, user: Item) -> list[Item]:
    """Return the teams that a user is a member of."""
    return [team for team in store.all("teams") if user.id in store.roles_of(team)["member_role"].links["users"]]


class Rights:
    """What one user may do. Superusers may do everything."""

    def __init__(self, store: Store, user: Item) -> None:
        self._store, self.user = store, user
        self._teams = {team.id for team in teams_of(store, user)} if not user["is_superuser"] else set()

    def _assigned(self, role: Item) -> bool:
        return self.user.id in role.links["users"] or bool(self._teams.intersection(role.links["teams"]))

    def _granting(self, item: Item, role: str) -> Iterator[tuple[Item, str]]:
        for name in _GRANTED_BY.get(item.path, {}).get(role, ()):
            if name.startswith("organization."):
                organization = self._store.find("organizations", item.get("organization"))
                if organization:
                    yield organization, name.removeprefix("organization.")
            else:
                yield item, name

    def holds(self, item: Item, role: str) -> bool:
        """Tell whether the user has a role on an object, by whatever way."""
        if self.user["is_superuser"]:
            return True
        if role == "read_role" and self.user["is_system_auditor"]:
            return True
        own = self._store.roles_of(item).get(role)
        if own and self._assigned(own):
            return True
        return any(self.holds(other, name) for other, name in self._granting(item, role))

    def _decider(self, item: Item) -> Item | None:
        """Return the object whose roles decide about one that has none; slices belong to their job template."""
        name = _DECIDED_BY[item.path]
        entry = item.kind.field(name)
        assert entry
        if item.path == "workflow_jobs" and item["is_sliced_job"]:
            return self._store.find("job_templates", item["job_template"])
        return self._store.find(entry.target, item.get(name))

    def _approval_workflow(self, item: Item) -> Item | None:
        """Return the workflow job template that an approval, or its template, is of."""
        node = self._store.one("workflow_job_nodes", job=item.id) if item.path == "workflow_approvals" else None
        if node:
            job = self._store.find("workflow_jobs", node["workflow_job"])
            return self._store.find("workflow_job_templates", job["workflow_job_template"]) if job else None
        template = self._store.one("workflow_job_template_nodes", unified_job_template=item.id)
        return self._store.find("workflow_job_templates", template["workflow_job_template"]) if template else None

    def may(self, item: Item, action: str) -> bool:
        """Tell whether the user may ``read``, ``change``, ``delete``, ``start``, ``use`` or ``approve`` an object."""
        if self.user["is_superuser"]:
            return True
        if item.path in ("workflow_approvals", "workflow_approval_templates"):
            workflow = self._approval_workflow(item)
            role = {"approve": "approval_role", "read": "read_role"}.get(action, "admin_role")
            return workflow is not None and self.holds(workflow, role)
        if item.path == "users":
            return item is self.user or (action == "read" and self._shares_organization(item))
        if item.path == "tokens":
            return bool(item["user"] == self.user.id)
        if action == "read" and (item.path in _PUBLIC or self.user["is_system_auditor"]):
            return True
        if item.path in _ORGANIZATION_DECIDES:
            organization = self._store.find("organizations", item["organization"])
            if organization is None:
                return action in ("read", "use")
            role = "member_role" if action in ("read", "use") else _ORGANIZATION_DECIDES[item.path]
            return self.holds(organization, role)
        if item.path in _DECIDED_BY:
            if item.created_by == self.user.id:
                return True
            decider = self._decider(item)
            return decider is not None and self.may(decider, action)
        if action == "start":
            role = "update_role" if item.path in ("projects", "inventories") else "execute_role"
        else:
            role = {"read": "read_role", "use": "use_role"}.get(action, "admin_role")
        return self.holds(item, role)

    def _shares_organization(self, other: Item) -> bool:
        return any(
            self.holds(organization, "member_role")
            and other.id in self._store.roles_of(organization)["member_role"].links["users"]
            for organization in self._store.all("organizations")
        )

    def may_create(self, path: str, values: dict[str, int | None]) -> bool:
        """Tell whether the user may create an object that belongs to what ``values`` names."""
        if self.user["is_superuser"]:
            return True
        if path in ("hosts", "groups", "inventory_sources"):
            return self._may_by("inventories", values.get("inventory"), "change")
        if path == "schedules":
            return self._may_by("unified_job_templates", values.get("unified_job_template"), "start")
        if path == "workflow_job_template_nodes":
            return self._may_by("workflow_job_templates", values.get("workflow_job_template"), "change")
        if path == "tokens":
            return True
        role = {
            "projects": "project_admin_role",
            "inventories": "inventory_admin_role",
            "job_templates": "job_template_admin_role",
            "workflow_job_templates": "workflow_admin_role",
            "credentials": "credential_admin_role",
            "teams": "admin_role",
            **_ORGANIZATION_DECIDES,
        }.get(path)
        if path == "job_templates":
            if not self._may_by("projects", values.get("project"), "use"):
                return False
            if values.get("inventory") is not None and not self._may_by("inventories", values["inventory"], "use"):
                return False
            project = self._store.find("projects", values.get("project"))
            values = {"organization": project["organization"] if project else None}
        organization = self._store.find("organizations", values.get("organization"))
        return role is not None and organization is not None and self.holds(organization, role)

    def _may_by(self, path: str, identity: int | None, action: str) -> bool:
        item = self._store.find(path, identity)
        return item is not None and self.may(item, action)
