# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object looks like in an answer: ``related``, ``summary_fields``, and what is hidden."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from awx_controller.clock import timestamp
from awx_controller.credentials import ENCRYPTED, shown_inputs
from awx_controller.launching import survey
from awx_controller.permissions import Rights
from awx_controller.schema import KEY, UNIFIED_JOB, UNIFIED_TEMPLATE
from awx_controller.store import Item, Store
from awx_controller.surveys import password_variables

Answer = dict[str, Any]

# What is told of an object in the summary of another, besides id, name and description.
_SUMMARY: dict[str, tuple[str, ...]] = {
    "users": ("username", "first_name", "last_name"),
    "inventories": (
        "has_active_failures",
        "total_hosts",
        "hosts_with_active_failures",
        "total_groups",
        "has_inventory_sources",
        "total_inventory_sources",
        "inventory_sources_with_failures",
        "organization_id",
        "kind",
    ),
    "projects": ("status", "scm_type", "allow_override"),
    "execution_environments": ("image",),
    "credentials": ("kind", "cloud", "kubernetes", "credential_type_id"),
    "jobs": ("status", "failed", "elapsed", "type", "canceled_on"),
    "project_updates": ("status", "failed"),
    "inventory_updates": ("status", "failed"),
    "workflow_jobs": ("status", "failed", "elapsed", "type", "canceled_on"),
    "workflow_approvals": ("status", "failed", "timeout", "type", "timed_out"),
    "workflow_approval_templates": ("timeout",),
    "schedules": ("next_run",),
    "inventory_sources": ("source", "last_updated", "status"),
}
# The same where it depends on what the summary is called.
_SUMMARY_NAMED: dict[str, tuple[str, ...]] = {
    "unified_job_template": ("unified_job_type",),
    "workflow_job": (),
    "source_workflow_job": ("status", "failed", "elapsed"),
    "current_job": ("status", "failed"),
    "last_job": ("status", "failed", "finished"),
    "job": ("status", "failed", "elapsed", "type"),
}
# Kept here, and not shown by AWX: as a field, or as a link or a summary.
_UNSHOWN: dict[str, tuple[str, ...]] = {
    "jobs": ("schedule",),
    "project_updates": ("schedule", "organization", "controller_node"),
    "inventory_updates": ("schedule", "organization"),
    "workflow_jobs": ("schedule", "organization"),
    "workflow_approvals": ("schedule", "organization", "approved_or_denied_by"),
    "roles": ("role_field", "content_path", "content_id", "created", "modified"),
}
_UNLINKED: dict[str, tuple[str, ...]] = {
    "tokens": ("created_by", "modified_by"),
    "workflow_job_template_nodes": ("created_by", "modified_by"),
    "workflow_approvals": ("modified_by", "execution_environment", "notifications"),
}
# Lists leave out what is long.
_DETAIL_ONLY = (
    "job_args",
    "job_cwd",
    "job_env",
    "result_traceback",
    "event_processing_finished",
    "artifacts",
    "host_status_counts",
    "playbook_counts",
    "custom_virtualenv",
)
_JOB_OF = {
    "job_templates": "job",
    "projects": "project_update",
    "inventory_sources": "inventory_update",
    "workflow_job_templates": "workflow_job",
    "workflow_approval_templates": "workflow_approval",
}
_CAPABILITIES: dict[str, dict[str, str]] = {
    "job_templates": {"edit": "change", "delete": "delete", "start": "start", "schedule": "start", "copy": "change"},
    "projects": {"edit": "change", "delete": "delete", "start": "start", "schedule": "start", "copy": "change"},
    "credentials": {"edit": "change", "delete": "delete", "copy": "change", "use": "use"},
    "inventories": {"edit": "change", "delete": "delete", "copy": "change", "adhoc": "change"},
}
_CAPABILITIES["workflow_job_templates"] = _CAPABILITIES["job_templates"]
_CAPABILITIES |= {path: {} for path in ("labels", "tokens", "workflow_job_template_nodes")}
_CAPABILITIES |= {
    path: {"delete": "delete", "start": "start"}
    for path in ("jobs", "project_updates", "inventory_updates", "workflow_jobs", "workflow_approvals")
}
_PASSWORDS = {"password", "token"}


class Presenter:
    """Makes answers for one user."""

    def __init__(self, store: Store, rights: Rights) -> None:
        self._store, self._rights = store, rights

    def brief(self, item: Item, called: str = "") -> Answer:
        """Return the object as the summary of another shows it, under a name."""
        found: Answer = {"id": item.id}
        if "name" in item.values:
            found |= {"name": item["name"], "description": item.get("description", "")}
        values = {**item.values, **_computed(self._store, item), "type": item.kind.name}
        values["organization_id"] = item.get("organization")
        values["credential_type_id"] = item.get("credential_type")
        if item.kind.sequence == UNIFIED_TEMPLATE:
            values["unified_job_type"] = _JOB_OF[item.path]
        told = _SUMMARY_NAMED.get(called, _SUMMARY.get(item.path, ()))
        return found | {name: values[name] for name in told if name in values}

    def _related(self, item: Item) -> Answer:
        found: Answer = {}
        for name, identity in (("created_by", item.created_by), ("modified_by", item.modified_by)):
            if user := self._store.find("users", identity):
                found[name] = user.url
        for entry in item.kind.fields:
            if entry.form == KEY and (other := self._store.find(entry.target, item.get(entry.name))):
                found[entry.name] = other.url
        for name in (*item.kind.links, *item.kind.children, *item.kind.actions):
            found[name] = f"{item.url}{name}/"
        for name in ("current", "last"):
            if job := self._store.find(UNIFIED_JOB, item.private.get(f"{name}_job")):
                found[f"{name}_job"] = job.url
                if job.path in ("project_updates", "inventory_updates"):
                    found[f"{name}_update"] = job.url
        if node := self._store.one("workflow_job_nodes", job=item.id) if item.kind.sequence == UNIFIED_JOB else None:
            found["source_workflow_job"] = self._store.get("workflow_jobs", node["workflow_job"]).url
        if item.path == "schedules":
            found["unified_jobs"] = found.pop("jobs")
        elif item.path == "workflow_jobs":
            found.pop("organization", None)
        return {name: url for name, url in found.items() if name not in _UNLINKED.get(item.path, ())}

    def _summaries(self, item: Item) -> Answer:
        store = self._store
        found: Answer = {}
        for entry in item.kind.fields:
            if entry.form == KEY and (other := store.find(entry.target, item.get(entry.name))):
                found[entry.name] = self.brief(other, entry.name)
        for name in ("current", "last"):
            if job := store.find(UNIFIED_JOB, item.private.get(f"{name}_job")):
                found[f"{name}_job"] = self.brief(job, f"{name}_job")
                if job.path in ("project_updates", "inventory_updates"):
                    found[f"{name}_update"] = self.brief(job)
        if node := store.one("workflow_job_nodes", job=item.id) if item.kind.sequence == UNIFIED_JOB else None:
            workflow = store.get("workflow_jobs", node["workflow_job"])
            found["source_workflow_job"] = self.brief(workflow, "source_workflow_job")
        for name, identity in (("created_by", item.created_by), ("modified_by", item.modified_by)):
            if user := store.find("users", identity):
                found[name] = self.brief(user)
        if item.kind.roles:
            found["object_roles"] = {
                name: {"id": role.id, "name": role["name"], "description": role["description"]}
                for name, role in store.roles_of(item).items()
            }
        if item.kind.methods - {"GET"} or item.kind.sequence:
            actions = _CAPABILITIES.get(item.path, {"edit": "change", "delete": "delete"})
            if actions:
                found["user_capabilities"] = {name: self._rights.may(item, action) for name, action in actions.items()}
        for name in ("credentials", "labels"):
            if item.path in ("job_templates", "jobs", "workflow_job_templates", "workflow_jobs") and name in item.links:
                members = [self.brief(member) for member in store.linked(item, name)]
                found[name] = {"count": len(members), "results": members} if name == "labels" else members
        found |= self._special_summaries(item)
        return {name: told for name, told in found.items() if name not in _UNLINKED.get(item.path, ())}

    def _special_summaries(self, item: Item) -> Answer:
        store = self._store
        if item.path == "organizations":
            counts = {
                name: len(store.where(path, organization=item.id))
                for name, path in (
                    ("inventories", "inventories"),
                    ("teams", "teams"),
                    ("job_templates", "job_templates"),
                    ("projects", "projects"),
                )
            }
            roles = store.roles_of(item)
            counts |= {
                "users": len(roles["member_role"].links["users"]),
                "admins": len(roles["admin_role"].links["users"]),
            }
            return {"related_field_counts": counts}
        if item.path in ("job_templates", "workflow_job_templates"):
            jobs = [
                job
                for job in store.where(UNIFIED_JOB, unified_job_template=item.id)
                if job.path == "workflow_jobs" or job["job_slice_count"] == 1
            ]
            recent = [
                {name: job[name] for name in ("status", "finished", "canceled_on")}
                | {"id": job.id, "type": job.kind.name}
                for job in reversed(jobs[-10:])
            ]
            spec = item.private.get("survey_spec")
            title = {"survey": {"title": spec["name"], "description": spec["description"]}} if spec else {}
            return {"recent_jobs": recent, **title}
        if item.path == "notification_templates":
            sent = store.where("notifications", notification_template=item.id)[-5:]
            recent = [
                {"id": one.id, "status": one["status"], "created": one.created, "error": one["error"]} for one in sent
            ]
            return {"recent_notifications": recent}
        if item.path == "hosts":
            groups = [
                group for group in store.where("groups", inventory=item["inventory"]) if item.id in group.links["hosts"]
            ]
            shown = [{"id": group.id, "name": group["name"]} for group in groups]
            return {"groups": {"count": len(shown), "results": shown}}
        if item.path == "roles":
            about = store.find(item["content_path"], item["content_id"])
            if about:
                return {"resource_name": about.title, "resource_type": about.kind.name, "resource_id": about.id}
        return {}

    def answer(self, item: Item, detail: bool = True) -> Answer:
        """Return an object in full, or as a list shows it."""
        found: Answer = {
            "id": item.id,
            "type": item.kind.name,
            "url": item.url,
            "related": self._related(item),
            "summary_fields": self._summaries(item),
            "created": item.created,
            "modified": item.modified,
        }
        hidden = {entry.name for entry in item.kind.fields if entry.hidden}
        found |= {name: value for name, value in item.values.items() if name not in hidden}
        found |= _computed(self._store, item)
        for name in ("success_nodes", "failure_nodes", "always_nodes"):
            if name in item.links:
                found[name] = list(item.links[name])
        if show := _SHOWN.get(item.path):
            show(self._store, item, found)
        if item.kind.sequence == UNIFIED_JOB:
            found["launched_by"] = self._launched_by(item)
            if item.path == "workflow_approvals":
                found["can_approve_or_deny"] = item["status"] == "pending" and self._rights.may(item, "approve")
            if not detail:
                found = {name: value for name, value in found.items() if name not in _DETAIL_ONLY}
        return {name: value for name, value in found.items() if name not in _UNSHOWN.get(item.path, ())}

    def _launched_by(self, job: Item) -> Answer:
        for path, identity in (("schedules", job["schedule"]), ("users", job.created_by)):
            if by := self._store.find(path, identity):
                return {"id": by.id, "name": by.title, "type": by.kind.name, "url": by.url}
        return {}


def _credential(store: Store, item: Item, found: Answer) -> None:
    found["inputs"] = shown_inputs(item, store.get("credential_types", item["credential_type"]))


def _user(store: Store, item: Item, found: Answer) -> None:
    found["password"] = ENCRYPTED


def _notification_template(store: Store, item: Item, found: Answer) -> None:
    configuration = dict(item["notification_configuration"])
    found["notification_configuration"] = {
        name: ENCRYPTED if name in _PASSWORDS and value else value for name, value in configuration.items()
    }


def _token(store: Store, item: Item, found: Answer) -> None:
    found["token"] = "************"


def _configuration(store: Store, item: Item, found: Answer) -> None:
    """Answers to password questions are kept, and never shown."""
    template = store.find(UNIFIED_TEMPLATE, item["unified_job_template"])
    secret = password_variables(survey(template)) if template else set()
    found["extra_data"] = {name: ENCRYPTED if name in secret else value for name, value in item["extra_data"].items()}


def _job(store: Store, item: Item, found: Answer) -> None:
    hidden = item.private.get("survey_passwords", {})
    if hidden and "extra_vars" in found:
        found["extra_vars"] = json.dumps({**json.loads(item["extra_vars"]), **hidden})
    if item.path == "jobs" and item["artifacts"].get("_ansible_no_log"):
        found["artifacts"] = "$hidden due to Ansible no_log flag$"
    if item["started"] and not item["finished"]:
        found["elapsed"] = item.private["stopwatch"]()


_SHOWN: dict[str, Callable[[Store, Item, Answer], None]] = {
    "credentials": _credential,
    "users": _user,
    "notification_templates": _notification_template,
    "tokens": _token,
    "schedules": _configuration,
    "workflow_job_template_nodes": _configuration,
    "workflow_job_nodes": _configuration,
    "jobs": _job,
    "workflow_jobs": _job,
}


def _computed(store: Store, item: Item) -> Answer:
    """Return fields that follow from other objects."""
    if item.path == "credentials":
        kind = store.get("credential_types", item["credential_type"])
        return {"kind": kind["namespace"], "cloud": kind["kind"] == "cloud", "kubernetes": kind["kind"] == "kubernetes"}
    if item.path == "inventories":
        sources = store.where("inventory_sources", inventory=item.id)
        hosts = store.where("hosts", inventory=item.id)
        failing = sum(bool(host["has_active_failures"]) for host in hosts)
        return {
            "has_active_failures": bool(failing),
            "hosts_with_active_failures": failing,
            "total_hosts": len(hosts),
            "total_groups": len(store.where("groups", inventory=item.id)),
            "has_inventory_sources": bool(sources),
            "total_inventory_sources": len(sources),
            "inventory_sources_with_failures": sum(source["last_job_failed"] for source in sources),
        }
    if item.path in ("job_templates", "workflow_job_templates", "projects", "inventory_sources"):
        runs = [plan["next_run"] for plan in store.where("schedules", unified_job_template=item.id) if plan["next_run"]]
        return {"next_job_run": min(runs, default=None)}
    if item.path == "hosts":
        inventory = store.get("inventories", item["inventory"])
        return {"has_inventory_sources": bool(store.where("inventory_sources", inventory=inventory.id))}
    if item.path == "workflow_approvals" and item["status"] == "pending" and item["timeout"]:
        return {"approval_expiration": timestamp(item.private["expires"])}
    return {}
