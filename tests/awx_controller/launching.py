# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a launch, a schedule or a workflow node may change of a template."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from awx_controller import surveys
from awx_controller.credentials import ENCRYPTED, exclusive, passwords_needed
from awx_controller.errors import ApiError
from awx_controller.inventories import hosts_of
from awx_controller.schema import JOB_PROMPTS, KINDS, LINKED_PROMPTS, WORKFLOW_PROMPTS
from awx_controller.store import Item, Store
from awx_controller.validation import Invalid, field_value, key, parse_variables

LAUNCH_KINDS = ("ssh", "vault", "cloud", "net", "kubernetes")
NO_PROMPT = "Field is not configured to prompt on launch."


@dataclass
class Prompts:
    """What came of asked-for changes: those that count, those that do not, and why."""

    accepted: dict[str, Any] = field(default_factory=dict)
    rejected: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=dict)


def prompts_of(template: Item) -> dict[str, str]:
    """Return prompt -> the template's field that allows it; empty for what takes no prompts."""
    return {"job_templates": JOB_PROMPTS, "workflow_job_templates": WORKFLOW_PROMPTS}.get(template.path, {})


def survey(template: Item) -> dict[str, Any]:
    """Return the survey in force, or an empty one."""
    spec: dict[str, Any] = template.private.get("survey_spec", {}) if template.get("survey_enabled") else {}
    return spec


def _variables(template: Item, given: dict[str, Any], result: Prompts, saved: bool, need_required: bool) -> None:
    left = dict(given)
    accepted: dict[str, Any] = {}
    rejected: dict[str, Any] = {}
    problems = []
    for question in survey(template).get("spec", []):
        variable = question["variable"]
        wrong = surveys.answer_errors(question, given, need_required)
        problems += wrong
        if variable in left:
            (rejected if wrong else accepted)[variable] = left.pop(variable)
    if problems:
        result.errors["variables_needed_to_start"] = problems
    if template["ask_variables_on_launch"]:
        accepted |= left
        left = {}
    own = parse_variables(template["extra_vars"])
    left = {name: value for name, value in left.items() if name not in own or own[name] != value}
    if left:
        rejected |= left
        if saved:
            names = ", ".join(left)
            result.errors["extra_vars"] = [
                f"Variables {names} are not allowed on launch. Check the Prompt on Launch setting on the "
                f"{template.kind.name.replace('_', ' ').title()} to include Extra Variables."
            ]
    if accepted:
        result.accepted["extra_vars"] = accepted
    if rejected:
        result.rejected["extra_vars"] = rejected


def slice_count(store: Store, template: Item, prompts: dict[str, Any]) -> int:
    """Return into how many jobs a launch is cut: never more than there are hosts."""
    wanted: int = prompts.get("job_slice_count", template["job_slice_count"])
    inventory = store.find("inventories", prompts.get("inventory", template["inventory"]))
    return min(wanted, len(hosts_of(store, inventory, enabled=False))) if inventory else wanted


def _branch_problem(store: Store, template: Item, branch: str) -> str | None:
    if template.path != "job_templates":
        return None
    project = store.find("projects", template["project"])
    if project is None:
        return "Project is missing."
    if branch != project["scm_branch"] and not project["allow_override"]:
        return "Project does not allow override of branch."
    return None


def accept(
    store: Store, template: Item, given: dict[str, Any], saved: bool = False, need_required: bool = True
) -> Prompts:
    """Sort changes into accepted and rejected.

    ``saved``: for a schedule or a node, where a prompt that is not allowed is an error; a launch only ignores it.
    """
    result = Prompts()
    mapping = prompts_of(template)
    if not mapping:
        if saved and given:
            result.errors = dict.fromkeys(given, NO_PROMPT)
        return result
    _variables(template, given.get("extra_vars") or {}, result, saved, need_required)
    for name, ask in mapping.items():
        value = given.get(name)
        if name == "extra_vars" or value is None:
            continue
        if name in LINKED_PROMPTS:
            own = template.links.get(name, [])
            if name == "credentials":
                value = [identity for identity in value if identity not in own]
            if not value or value == own:
                continue
        elif value == template[name]:
            continue
        if not template[ask]:
            result.rejected[name] = value
            if saved:
                result.errors[name] = NO_PROMPT
            continue
        problem = _branch_problem(store, template, value) if name == "scm_branch" else None
        if name == "job_slice_count" and value > 1 and slice_count(store, template, given) <= 1:
            problem = "Job inventory does not have enough hosts for slicing"
        if problem:
            result.rejected[name] = value
            result.errors[name] = problem
            continue
        result.accepted[name] = value
    if template.path == "job_templates":
        if (
            saved
            and not template["ask_credential_on_launch"]
            and needed_passwords(store, template.links["credentials"])
        ):
            result.errors["passwords_needed_to_start"] = (
                "Saved launch configurations cannot provide passwords needed to start."
            )
        missing = [name for name in ("inventory", "project") if template[name] is None and name not in result.accepted]
        if missing:
            result.errors["resources_needed_to_start"] = [
                f"Job Template {name} is missing or undefined." for name in missing
            ]
    return result


def needed_passwords(store: Store, credentials: list[int]) -> list[str]:
    """Return which passwords must be given at launch for these credentials."""
    return [
        name
        for identity in credentials
        if (credential := store.get("credentials", identity))
        for name in passwords_needed(credential, store.get("credential_types", credential["credential_type"]))
    ]


def _unique(store: Store, credentials: list[int]) -> dict[str, int]:
    """Return credentials by what they must not share; later ones win."""
    found = {}
    for identity in credentials:
        credential = store.get("credentials", identity)
        found[exclusive(credential, store.get("credential_types", credential["credential_type"]))] = identity
    return found


def merged_credentials(store: Store, own: list[int], given: list[int]) -> list[int]:
    """Return a template's credentials with those of a launch in the place of their likes."""
    return [*_unique(store, [*own, *given]).values()]


def launch_values(store: Store, template: Item, body: dict[str, Any]) -> dict[str, Any]:
    """Return the known prompts in a body with their types checked; ApiError 400."""
    errors: dict[str, Any] = {}
    values: dict[str, Any] = {}
    # The template's fields have the forms that prompts have.
    kind = KINDS[template.path]
    for name in prompts_of(template):
        if name not in body:
            continue
        value = body[name]
        try:
            if name == "extra_vars":
                values[name] = parse_variables(value)
            elif name in LINKED_PROMPTS:
                if not isinstance(value, list):
                    raise Invalid(f'Expected a list of items but got type "{type(value).__name__}".')
                values[name] = [key(store, one, LINKED_PROMPTS[name]) for one in value]
            else:
                entry = kind.field(name)
                assert entry
                values[name] = field_value(store, entry, value)
        except Invalid as error:
            errors[name] = [str(error)]
    if errors:
        raise ApiError(400, errors)
    return values


def _credential_errors(store: Store, template: Item, given: list[int], accepted: list[int]) -> list[str]:
    problems = []
    seen: set[str] = set()
    for identity in accepted:
        credential = store.get("credentials", identity)
        credential_type = store.get("credential_types", credential["credential_type"])
        title = exclusive(credential, credential_type)
        if title in seen:
            problems.append(f"Cannot assign multiple {title} credentials.")
        if credential_type["kind"] not in LAUNCH_KINDS:
            problems.append(f"Cannot assign a Credential of kind `{credential_type['kind']}`")
        seen.add(title)
    lost = [identity for identity in template.links["credentials"] if identity not in given]
    replaced = _unique(store, given)
    for title, identity in _unique(store, lost).items():
        if title not in replaced:
            name = store.get("credentials", identity)["name"]
            problems.append(
                f"Removing {title} credential at launch time without replacement is not supported. Provided list "
                f"lacked credential(s): {name}."
            )
    return problems


def check_launch(store: Store, template: Item, body: dict[str, Any]) -> Prompts:
    """Return what a launch may change; ApiError 400 where it cannot be."""
    values = launch_values(store, template, body)
    result = accept(store, template, values)
    if template.path == "job_templates":
        project = store.find("projects", template["project"])
        if project is None:
            result.errors["project"] = "A project is required to run a job."
        elif (
            project["scm_type"] and project["status"] in ("failed", "error", "canceled") and not project["scm_revision"]
        ):
            result.errors["playbook"] = "Project update failed: launch it again."
        if "credentials" in values:
            wrong = _credential_errors(store, template, values["credentials"], result.accepted.get("credentials", []))
            if wrong:
                result.errors["credentials"] = wrong
        passwords = body.get("credential_passwords") or {}
        used = merged_credentials(store, template.links["credentials"], result.accepted.get("credentials", []))
        lacking = [name for name in needed_passwords(store, used) if name not in passwords]
        if lacking:
            result.errors["passwords_needed_to_start"] = lacking
    if result.errors:
        raise ApiError(400, result.errors)
    return result


def saved_prompts(config: Item) -> dict[str, Any]:
    """Return the prompts that a schedule or a node keeps."""
    found: dict[str, Any] = {name: config.get(name) for name in JOB_PROMPTS if config.get(name) not in (None, "")}
    found |= {name: list(config.links[name]) for name in LINKED_PROMPTS if config.links[name]}
    if config["extra_data"]:
        found["extra_vars"] = dict(config["extra_data"])
    return found


def job_variables(template: Item, given: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return a job's extra variables as JSON, and which of them are hidden: template, survey defaults, launch."""
    spec = survey(template)
    given = {name: value for name, value in given.items() if value != ENCRYPTED}
    variables = {**parse_variables(template["extra_vars"]), **surveys.defaults(spec), **given}
    hidden = {name: ENCRYPTED for name in surveys.password_variables(spec) if name in variables}
    return json.dumps(variables), hidden
