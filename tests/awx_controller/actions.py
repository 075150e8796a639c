# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single endpoints below objects: launch, cancel, surveys, output, approvals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from awx_controller import inventories, launching, queries, surveys
from awx_controller.context import Context
from awx_controller.engine import ACTIVE, Engine
from awx_controller.errors import ApiError, forbidden, invalid, method_not_allowed
from awx_controller.launching import prompts_of
from awx_controller.projects import playbooks
from awx_controller.store import Item
from awx_controller.validation import parse_variables

Body = dict[str, Any] | None
Action = Callable[[Context, Item, Body], ResponseReturnValue]


def token_answer(here: Context, item: Item, secret: str) -> dict[str, Any]:
    """Return a token as it is shown once."""
    return {**here.presenter.answer(item), "token": secret}


def _launch_form(here: Context, template: Item) -> dict[str, Any]:
    """Return what a launch may and must say."""
    store = here.store
    spec = launching.survey(template)
    required = surveys.required_variables(spec)
    needed = launching.needed_passwords(store, template.links.get("credentials", []))
    asks = prompts_of(template)
    found: dict[str, Any] = {
        "can_start_without_user_input": not (required or needed or any(template[ask] for ask in asks.values())),
        **{ask: template[ask] for ask in asks.values()},
        "survey_enabled": bool(spec),
        "variables_needed_to_start": required,
    }
    own = {"id": template.id, "name": template["name"], "description": template["description"]}
    defaults: dict[str, Any] = {}
    for name in asks:
        if name in template.links:
            defaults[name] = [here.presenter.brief(member) for member in store.linked(template, name)]
        elif name in ("inventory", "execution_environment"):
            paths = {"inventory": "inventories", "execution_environment": "execution_environments"}
            item = store.find(paths[name], template[name])
            defaults[name] = {"id": item.id, "name": item["name"]} if item else {}
        else:
            defaults[name] = template[name]
    if template.path == "job_templates":
        found |= {
            "passwords_needed_to_start": needed,
            "credential_needed_to_start": False,
            "inventory_needed_to_start": template["inventory"] is None,
            "job_template_data": own,
        }
    else:
        found |= {"node_templates_missing": [], "node_prompts_rejected": [], "workflow_job_template_data": own}
    return {**found, "defaults": defaults}


def _launch(here: Context, template: Item, body: Body) -> ResponseReturnValue:
    if body is None:
        return jsonify(_launch_form(here, template))
    if not here.rights.may(template, "start"):
        raise forbidden()
    result = launching.check_launch(here.store, template, body)
    for name, path in (("inventory", "inventories"), ("credentials", "credentials")):
        given = result.accepted.get(name, [])
        for identity in given if isinstance(given, list) else [given]:
            if not here.rights.may(here.store.get(path, identity), "use"):
                raise forbidden()
    passwords = body.get("credential_passwords") or {}
    job = here.whole.engine.launch(template, result.accepted, here.user, passwords=passwords)
    number = {"workflow_job" if job.path == "workflow_jobs" else "job": job.id}
    answer = {**number, "ignored_fields": result.rejected, **here.presenter.answer(job)}
    return jsonify(answer), 201, {"Location": job.url}


def _relaunch(here: Context, job: Item, body: Body) -> ResponseReturnValue:
    template = here.store.find("unified_job_templates", job["unified_job_template"])
    if template is None:
        raise ApiError(400, {"detail": "The template of this job is gone."})
    if body is None:
        return jsonify({"passwords_needed_to_start": [], "retry_counts": {"all": 0, "failed": 0}})
    if not here.rights.may(template, "start"):
        raise forbidden()
    slicing = None
    prompts: dict[str, Any] = {"extra_vars": parse_variables(job["extra_vars"])}
    if job.path == "jobs":
        names = ("inventory", "limit", "job_type", "job_tags", "skip_tags", "verbosity", "diff_mode", "forks")
        prompts |= {name: job[name] for name in names}
        prompts["credentials"] = list(job.links["credentials"])
        # One slice stays that slice.
        slicing = (job["job_slice_number"], job["job_slice_count"])
    made = here.whole.engine.launch(template, prompts, here.user, "relaunch", slicing=slicing)
    kind = "workflow_job" if made.path == "workflow_jobs" else "job"
    return jsonify({kind: made.id, **here.presenter.answer(made)}), 201, {"Location": made.url}


def _update(here: Context, template: Item, body: Body) -> ResponseReturnValue:
    manual = template.path == "projects" and not template["scm_type"]
    if body is None and request.method == "GET":
        return jsonify({"can_update": not manual})
    rights_on = here.store.get("inventories", template["inventory"]) if "inventory" in template.values else template
    if not here.rights.may(rights_on, "start"):
        raise forbidden()
    if manual:
        raise method_not_allowed("POST")
    job = here.whole.engine.launch(template, {}, here.user)
    name = "project_update" if template.path == "projects" else "inventory_update"
    return jsonify({name: job.id, **here.presenter.answer(job)}), 202, {"Location": job.url}


def _cancel(here: Context, job: Item, body: Body) -> ResponseReturnValue:
    if request.method == "GET":
        return jsonify({"can_cancel": job["status"] in ACTIVE})
    if job.created_by != here.user.id and not here.rights.may(job, "change"):
        raise forbidden()
    here.whole.engine.cancel(job)
    return "", 202


def _survey(here: Context, template: Item, body: Body) -> ResponseReturnValue:
    spec = template.private.get("survey_spec", {})
    if request.method == "GET":
        return jsonify(surveys.shown_specification(spec))
    if not here.rights.may(template, "change"):
        raise forbidden()
    template.private["survey_spec"] = surveys.check_specification(body, spec)
    return jsonify(None)


def delete_survey(here: Context, template: Item) -> ResponseReturnValue:
    """Forget a survey."""
    if not here.rights.may(template, "change"):
        raise forbidden()
    template.private["survey_spec"] = {}
    return jsonify(None)


def _stdout(here: Context, job: Item, body: Body) -> ResponseReturnValue:
    form = request.args.get("format", "txt")
    if form in ("txt", "txt_download", "ansi", "ansi_download"):
        return Response(Engine.stdout(job, form.startswith("ansi")), content_type="text/plain; charset=utf-8")
    if form == "json":
        text = Engine.stdout(job, colours=True)
        end = text.count("\n")
        return jsonify({"range": {"start": 0, "end": end, "absolute_end": end}, "content": text})
    raise invalid(format=f"{form} is not supported by this controller")


def _page(items: list[Any], represent: Callable[[Any], Any]) -> ResponseReturnValue:
    query = list(request.args.items(multi=True))
    return jsonify(queries.page(items, request.path, query, represent))


def _event(here: Context, job: Item, event: dict[str, Any]) -> dict[str, Any]:
    """Return one event of the engine as the API tells it."""
    data = event.get("event_data", {})
    name = event["event"]
    host = here.store.one("hosts", name=data.get("host"), inventory=job["inventory"])
    number = job.private["events"].index(event) + 1
    result = data.get("res") or {}
    counts = [data.get(name) for name in ("changed", "failures", "dark")]
    stats = name == "playbook_on_stats"
    return {
        "id": job.id * 100000 + number,
        "type": "job_event",
        "url": f"{job.url}job_events/{job.id * 100000 + number}/",
        "related": {"job": job.url},
        "summary_fields": {"job": here.presenter.brief(job)},
        "created": event.get("created"),
        "modified": event.get("created"),
        "job": job.id,
        "event": name,
        "counter": event["counter"],
        "event_display": name.replace("_", " ").title(),
        "event_data": data,
        "event_level": {"playbook_on_start": 0, "playbook_on_play_start": 1, "playbook_on_task_start": 2}.get(name, 3),
        "failed": name in ("runner_on_failed", "runner_on_unreachable") or (stats and bool(counts[1] or counts[2])),
        "changed": bool(result.get("changed")) or (stats and bool(counts[0])),
        "uuid": event.get("uuid", ""),
        "parent_uuid": event.get("parent_uuid", ""),
        "host": host.id if host else None,
        "host_name": data.get("host", ""),
        "playbook": data.get("playbook", ""),
        "play": data.get("play", ""),
        "task": data.get("task", ""),
        "role": data.get("role", ""),
        "stdout": event.get("stdout", ""),
        "start_line": event.get("start_line", 0),
        "end_line": event.get("end_line", 0),
        "verbosity": event.get("verbosity", 0),
    }


_EVENT_FILTERS = ("event", "host_name", "task", "failed", "changed")


def _events(here: Context, job: Item, body: Body) -> ResponseReturnValue:
    """The events, filtered by the fields that a test asks for."""
    events = [_event(here, job, event) for event in job.private["events"]]
    for name, text in request.args.items():
        if name in ("page", "page_size", "order_by"):
            continue
        if name not in _EVENT_FILTERS:
            raise ApiError(400, {"detail": f"JobEvent has no field named '{name}' that this controller filters by"})
        events = [event for event in events if str(event[name]).lower() == text.lower()]
    return _page(events, lambda event: event)


def _host_summaries(here: Context, job: Item, body: Body) -> ResponseReturnValue:
    def represent(entry: dict[str, Any]) -> dict[str, Any]:
        values = {name: value for name, value in entry.items() if name != "number"}
        return {"id": job.id * 1000 + entry["number"], "type": "job_host_summary", "job": job.id, **values}

    return _page(job.private.get("summaries", []), represent)


def _playbooks(here: Context, project: Item, body: Body) -> ResponseReturnValue:
    return jsonify(playbooks(here.whole.execution.projects, project))


def _script(here: Context, inventory: Item, body: Body) -> ResponseReturnValue:
    return jsonify(inventories.script_data(here.store, inventory))


def _variable_data(here: Context, item: Item, body: Body) -> ResponseReturnValue:
    return jsonify(parse_variables(item["variables"]))


def _approval_template(here: Context, node: Item, body: Body) -> ResponseReturnValue:
    if body is None:
        return jsonify({})
    if not here.rights.may(node, "change"):
        raise forbidden()
    name = str(body.get("name") or "").strip()
    if not name:
        raise invalid(name="This field is required." if "name" not in body else "This field may not be blank.")
    timeout = body.get("timeout", 0)
    if isinstance(timeout, bool) or not isinstance(timeout, int):
        raise invalid(timeout="A valid integer is required.")
    values = {"name": name, "description": body.get("description", ""), "timeout": timeout}
    template = here.store.add("workflow_approval_templates", values, here.user)
    here.store.change(node, {"unified_job_template": template.id})
    return jsonify(here.presenter.answer(template)), 201


def _decide(status: str, event: str) -> Action:
    def decide(here: Context, approval: Item, body: Body) -> ResponseReturnValue:
        if request.method != "POST":
            raise method_not_allowed(request.method)
        if not here.rights.may(approval, "approve"):
            raise forbidden()
        if approval["status"] != "pending":
            raise ApiError(400, {"error": "This workflow step has already been approved or denied."})
        here.whole.engine.decide(approval, status, here.user, event)
        return "", 204

    return decide


def _test_notification(here: Context, template: Item, body: Body) -> ResponseReturnValue:
    if request.method != "POST":
        raise method_not_allowed(request.method)
    if not here.rights.may(template, "change"):
        raise forbidden()
    sent = here.whole.engine.send_test(template)
    return jsonify({"notification": sent.id, **here.presenter.answer(sent)}), 202


ACTIONS: dict[tuple[str, str], Action] = {
    ("*", "launch"): _launch,
    ("*", "relaunch"): _relaunch,
    ("*", "update"): _update,
    ("*", "cancel"): _cancel,
    ("*", "survey_spec"): _survey,
    ("*", "stdout"): _stdout,
    ("*", "job_events"): _events,
    ("*", "job_host_summaries"): _host_summaries,
    ("*", "variable_data"): _variable_data,
    ("projects", "playbooks"): _playbooks,
    ("inventories", "script"): _script,
    ("workflow_job_template_nodes", "create_approval_template"): _approval_template,
    ("workflow_approvals", "approve"): _decide("successful", "approved"),
    ("workflow_approvals", "deny"): _decide("failed", "denied"),
    ("notification_templates", "test"): _test_notification,
}
