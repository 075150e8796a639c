# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is checked of single kinds beyond the forms of their fields, and what follows from saving them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from awx_controller import credentials, notifications, recurrence, surveys
from awx_controller.clock import Clock, seconds_timestamp
from awx_controller.credentials import ENCRYPTED
from awx_controller.errors import ApiError, forbidden, invalid
from awx_controller.launching import LAUNCH_KINDS, accept, prompts_of, saved_prompts, survey
from awx_controller.passwords import hashed
from awx_controller.projects import playbooks
from awx_controller.schema import KINDS, LINKED_PROMPTS
from awx_controller.store import Item, Store

Values = dict[str, Any]
Check = Callable[[Store, Values, Item | None], None]


def _current(values: Values, item: Item | None, name: str, default: Any = None) -> Any:
    return values[name] if name in values else (item.get(name) if item else default)


def _check_user(store: Store, values: Values, item: Item | None) -> None:
    password = values.pop("password", "")
    if not password and item is None:
        raise invalid(password="Password required for new User.")
    if password and password != ENCRYPTED:
        values["password"] = hashed(password)


def _check_project(store: Store, values: Values, item: Item | None) -> None:
    scm_type = _current(values, item, "scm_type", "")
    if scm_type:
        if "local_path" in values and item and values["local_path"] != item["local_path"]:
            raise invalid(local_path=f"Cannot change local_path for {scm_type}-based projects")
        values.pop("local_path", None)
        if not _current(values, item, "scm_url"):
            raise invalid(scm_url="SCM URL is required.")
        return
    for name in ("scm_update_on_launch", "scm_delete_on_update", "scm_track_submodules", "scm_clean"):
        if _current(values, item, name):
            raise ApiError(400, {name: ["Update options must be set to false for manual projects."]})
    path = values.get("local_path")
    taken = [project for project in store.where("projects", local_path=path) if project is not item]
    if path and (taken or "/" in path):
        raise invalid(local_path="This path is already being used by another manual project.")


def _check_environment(store: Store, values: Values, item: Item | None) -> None:
    organization = values.get("organization")
    if item and organization is not None and organization != item["organization"]:
        raise invalid(organization="Cannot change the organization of an execution environment")
    if item and item["managed"]:
        raise forbidden()


def _check_inventory_source(store: Store, values: Values, item: Item | None) -> None:
    if _current(values, item, "source_project") is None:
        raise invalid(source_project="Project required for scm type sources.")


def _check_job_template(project_root: Path) -> Check:
    def check(store: Store, values: Values, item: Item | None) -> None:
        project = store.find("projects", _current(values, item, "project"))
        if project is None:
            raise invalid(project="Job Templates must have a project assigned.")
        if _current(values, item, "inventory") is None and not _current(values, item, "ask_inventory_on_launch"):
            raise invalid(inventory="You must either set a default value or ask to prompt on launch.")
        playbook = _current(values, item, "playbook")
        if not playbook:
            raise invalid(playbook="Must select playbook for project.")
        if not project["allow_override"]:
            # A manual project is looked at now, another as its last update left it.
            if playbook not in playbooks(project_root, project):
                raise invalid(playbook="Playbook not found for project.")
            for name in ("scm_branch", "ask_scm_branch_on_launch"):
                if _current(values, item, name):
                    raise ApiError(400, {name: ["Project does not allow overriding branch."]})
        values["organization"] = project["organization"]

    return check


def _check_saved_prompts(store: Store, values: Values, item: Item | None, need_required: bool) -> None:
    """Refuse prompts that the template does not ask for."""
    template = store.find("unified_job_templates", _current(values, item, "unified_job_template"))
    if template is None:
        return
    passwords = surveys.password_variables(survey(template)) if prompts_of(template) else set()
    old = item["extra_data"] if item else {}
    extra = dict(values.get("extra_data", {}))
    for name in [name for name in extra if extra[name] == ENCRYPTED]:
        if name not in passwords:
            raise invalid(extra_data=f'"$encrypted$ is a reserved keyword, may not be used for {name}."')
        if name not in old:
            raise invalid(extra_data=f"Provided variable {name} has no database value to replace with.")
        extra[name] = old[name]
    if "extra_data" in values:
        values["extra_data"] = extra
    # As the configuration would be.
    trial = Item(KINDS["schedules"], 0, {"extra_data": {}, **(item.values if item else {}), **values})
    trial.links = item.links if item else {name: [] for name in LINKED_PROMPTS}
    result = accept(store, template, saved_prompts(trial), saved=True, need_required=need_required)
    if "extra_vars" in result.errors:
        result.errors["extra_data"] = result.errors.pop("extra_vars")
    if result.errors:
        raise ApiError(400, {name: text if isinstance(text, list) else [text] for name, text in result.errors.items()})


def _check_schedule(clock: Clock) -> Check:
    def check(store: Store, values: Values, item: Item | None) -> None:
        if item is not None and values == {"enabled": False}:
            values["next_run"] = None
            return
        template = store.find("unified_job_templates", _current(values, item, "unified_job_template"))
        if template is not None and template.path == "projects" and not template["scm_type"]:
            raise invalid(unified_job_template="Manual Project cannot have a schedule set.")
        rule = _current(values, item, "rrule", "")
        _check_saved_prompts(store, values, item, need_required=True)
        values["rrule"] = rule = recurrence.normalised(rule)
        now = clock.now()
        enabled = _current(values, item, "enabled", True)
        values |= {
            "dtstart": seconds_timestamp(recurrence.first(rule, now)),
            "dtend": seconds_timestamp(recurrence.last(rule)),
            "next_run": seconds_timestamp(recurrence.next_after(rule, now)) if enabled else None,
            "timezone": recurrence.zone(rule),
            "until": recurrence.until(rule),
        }

    return check


def _check_node(store: Store, values: Values, item: Item | None) -> None:
    # Required answers may come from the workflow, or at launch.
    _check_saved_prompts(store, values, item, need_required=False)


def _check_label(store: Store, values: Values, item: Item | None) -> None:
    if item and values.get("organization", item["organization"]) != item["organization"]:
        raise invalid(organization="Cannot change the organization of a label")


class Rules:
    """The checks by collection."""

    def __init__(self, project_root: Path, clock: Clock) -> None:
        self._checks: dict[str, Check] = {
            "users": _check_user,
            "credential_types": credentials.check_type,
            "credentials": credentials.check_credential,
            "projects": _check_project,
            "execution_environments": _check_environment,
            "inventory_sources": _check_inventory_source,
            "job_templates": _check_job_template(project_root),
            "schedules": _check_schedule(clock),
            "workflow_job_template_nodes": _check_node,
            "notification_templates": notifications.check_template,
            "labels": _check_label,
        }

    def check(self, store: Store, path: str, values: Values, item: Item | None) -> None:
        """Refuse values, or change them to what is kept: ApiError."""
        if path in self._checks:
            self._checks[path](store, values, item)


def check_link(store: Store, parent: Item, name: str, member: Item) -> None:
    """Refuse a member that does not belong into a sub-collection: ApiError 400."""
    if name in LINKED_PROMPTS and parent.path in ("schedules", "workflow_job_template_nodes"):
        template = store.find("unified_job_templates", parent["unified_job_template"])
        ask = prompts_of(template).get(name) if template else None
        if template is None or ask is None or not template[ask]:
            raise ApiError(400, {"msg": "Related template is not configured to accept " + name + " on launch."})
    if member.path == "credentials" and name in ("credentials", "galaxy_credentials"):
        kind = store.get("credential_types", member["credential_type"])
        if name == "galaxy_credentials":
            if kind["kind"] != "galaxy":
                raise ApiError(400, {"msg": f"Credential must be a Galaxy credential, not {kind['name']}."})
            return
        if kind["kind"] not in LAUNCH_KINDS:
            raise ApiError(400, {"error": f"Cannot assign a Credential of kind `{kind['kind']}`."})
        title = credentials.exclusive(member, kind)
        for other in store.linked(parent, name):
            if other is not member and title == credentials.exclusive(
                other, store.get("credential_types", other["credential_type"])
            ):
                raise ApiError(400, {"error": f"Cannot assign multiple {title} credentials."})
    if parent.path == "groups" and member["inventory"] != parent["inventory"]:
        raise ApiError(400, {"error": "Cannot associate an object of another inventory."})
    if parent.path == "workflow_job_template_nodes" and member.path == parent.path:
        if member["workflow_job_template"] != parent["workflow_job_template"]:
            raise ApiError(400, {"Error": "Cannot associate nodes of different workflows."})
        if _reaches(store, member, parent):
            raise ApiError(400, {"Error": "Cycle detected."})
        links = ("success_nodes", "failure_nodes", "always_nodes")
        if any(member.id in parent.links[link] for link in links if link != name):
            raise ApiError(400, {"Error": "Relationship not allowed."})


def _reaches(store: Store, start: Item, goal: Item) -> bool:
    if start is goal:
        return True
    links = ("success_nodes", "failure_nodes", "always_nodes")
    return any(_reaches(store, child, goal) for link in links for child in store.linked(start, link))
