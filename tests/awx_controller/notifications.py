# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhook notifications: their configuration, their messages, and their delivery."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import Any

from jinja2 import ChainableUndefined, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from awx_controller.credentials import ENCRYPTED
from awx_controller.errors import ApiError, invalid
from awx_controller.store import Item, Store

EVENTS = ("started", "success", "error", "workflow_approval")
APPROVAL_EVENTS = ("running", "approved", "timed_out", "denied")
_SETTINGS: dict[str, tuple[type, Any]] = {
    "url": (str, None),
    "http_method": (str, "POST"),
    "disable_ssl_verification": (bool, False),
    "username": (str, ""),
    "password": (str, ""),
    "headers": (dict, None),
}
# What of a job may be in a message.
_JOB_FIELDS = (
    "id",
    "type",
    "url",
    "created",
    "modified",
    "name",
    "description",
    "job_type",
    "playbook",
    "forks",
    "limit",
    "verbosity",
    "job_tags",
    "force_handlers",
    "skip_tags",
    "start_at_task",
    "timeout",
    "use_fact_cache",
    "launch_type",
    "status",
    "failed",
    "started",
    "finished",
    "elapsed",
    "job_explanation",
    "execution_node",
    "controller_node",
    "allow_simultaneous",
    "scm_revision",
    "diff_mode",
    "job_slice_number",
    "job_slice_count",
    "custom_virtualenv",
    "scm_branch",
    "artifacts",
    "host_status_counts",
)
_SUMMARIES = ("inventory", "project", "job_template", "unified_job_template", "created_by", "schedule", "labels")
_COUNTS = ("skipped", "ok", "changed", "failed", "failures", "dark", "processed", "rescued", "ignored")
# As AWX's own default for webhooks: a body, no message.
_APPROVAL_TEXT = {
    "running": "needs review. This node can be viewed at: {{ workflow_url }}",
    "approved": "was approved. {{ workflow_url }}",
    "timed_out": "has timed out. {{ workflow_url }}",
    "denied": "was denied. {{ workflow_url }}",
}
SECONDS = 10


def _sample() -> dict[str, Any]:
    """Return variables like those that a message is rendered with."""
    job: dict[str, Any] = dict.fromkeys(_JOB_FIELDS, "")
    job["artifacts"] = {}
    job["host_status_counts"] = dict.fromkeys(_COUNTS, 0)
    job["summary_fields"] = {name: {"id": 1, "name": "", "description": ""} for name in _SUMMARIES}
    names = ("job_friendly_name", "url", "job_metadata", "approval_status", "approval_node_name", "workflow_url")
    return {"job": job, **dict.fromkeys(names, "")}


def _check_message(messages: Any, where: str) -> list[str]:
    if messages is None:
        return []
    if not isinstance(messages, dict):
        return [f"Expected dict for event '{where}', found {type(messages)}"]
    problems = []
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    for name, text in messages.items():
        if name not in ("message", "body"):
            problems.append(f"Message type '{name}' invalid, must be either 'message' or 'body'")
        elif text is None:
            continue
        elif not isinstance(text, str):
            problems.append(f"Expected string for '{name}', found {type(text)}, ")
        elif name == "message" and "\n" in text:
            problems.append(f"Messages cannot contain newlines (found newline in {where} event)")
        else:
            try:
                environment.from_string(text).render(_sample())
            except TemplateError as error:
                problems.append(f"Unable to render message '{text}': {error.message}")
    return problems


def _check_messages(messages: dict[str, Any]) -> list[str]:
    problems = []
    for event, entry in messages.items():
        if event not in EVENTS:
            allowed = "'started', 'success', 'error', or 'workflow_approval'"
            problems.append(f"Event '{event}' invalid, must be one of {allowed}")
        elif event == "workflow_approval" and isinstance(entry, dict):
            for name, inner in entry.items():
                if name not in APPROVAL_EVENTS:
                    allowed = "'running', 'approved', 'timed_out', or 'denied'"
                    problems.append(f"Workflow Approval event '{name}' invalid, must be one of {allowed}")
                else:
                    problems += _check_message(inner, name)
        else:
            problems += _check_message(entry, event)
    return problems


def _merged(old: dict[str, Any], new: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return new messages with the old ones where they say nothing, as AWX keeps them."""
    found = dict(new)
    for name in names:
        before, now = old.get(name) or {}, new.get(name) or {}
        if name == "workflow_approval" and before and now:
            found[name] = _merged(before, now, APPROVAL_EVENTS)
        else:
            found[name] = {**before, **now} or None
    return found


def check_template(store: Store, values: dict[str, Any], item: Item | None) -> None:
    """Refuse a notification template that AWX refuses, and complete what is kept: ApiError 400."""
    if values.get("messages") is not None:
        if problems := _check_messages(values["messages"]):
            raise invalid(messages=problems)
        old = (item["messages"] or {}) if item else {}
        values["messages"] = _merged(old, values["messages"], EVENTS)
    elif item is None:
        values["messages"] = dict.fromkeys(EVENTS)
    if "notification_configuration" not in values:
        if item is None:
            values["notification_configuration"] = {}
        else:
            return
    configuration = dict(values["notification_configuration"])
    problems = []
    missing = []
    for name, (kind, default) in _SETTINGS.items():
        if name not in configuration:
            if default is None:
                missing.append(name)
                continue
            configuration[name] = default
        if not isinstance(configuration[name], kind):
            label = {str: "string", bool: "bool", dict: "object"}[kind]
            problems.append(f"Configuration field '{name}' incorrect type, expected {label}.")
        elif name == "password" and configuration[name] == ENCRYPTED and item:
            configuration[name] = item["notification_configuration"][name]
        elif name == "http_method" and configuration[name].lower() not in ("put", "post"):
            problems.append("HTTP method must be either 'POST' or 'PUT'.")
    if missing:
        problems.insert(0, f"Missing required fields for Notification Configuration: {missing}.")
    if problems:
        raise ApiError(400, {"__all__": problems})
    values["notification_configuration"] = configuration


def context(answer: dict[str, Any], friendly_name: str, url: str, **more: Any) -> dict[str, Any]:
    """Return the variables of a message about a job, made from the API's own answer."""
    job = {name: answer[name] for name in _JOB_FIELDS if name in answer}
    summaries = answer["summary_fields"]
    job["summary_fields"] = {name: summaries[name] for name in _SUMMARIES if name in summaries}
    metadata = {
        "id": answer["id"],
        "name": answer["name"],
        "url": url,
        "created_by": summaries.get("created_by", {}).get("username"),
        "started": answer["started"],
        "finished": answer["finished"],
        "status": answer["status"],
        "traceback": answer.get("result_traceback", ""),
        "inventory": summaries.get("inventory", {}).get("name"),
        "project": summaries.get("project", {}).get("name"),
        "playbook": answer.get("playbook"),
        "limit": answer.get("limit"),
        "extra_vars": answer.get("extra_vars", "{}"),
        "friendly_name": friendly_name,
    }
    shown = json.dumps(metadata, ensure_ascii=False, indent=4)
    return {"job": job, "job_friendly_name": friendly_name, "url": url, "job_metadata": shown, **more}


def body(template: Item, event: str, variables: dict[str, Any], approval: str = "") -> Any:
    """Return the body of a webhook: what the rendered text says as JSON, {} where it says none."""
    messages = (template["messages"] or {}).get(event) or {}
    if approval:
        default = json.dumps({"body": 'The approval node "{{ approval_node_name }}" ' + _APPROVAL_TEXT[approval]})
        messages = messages.get(approval) or {}
    else:
        default = "{{ job_metadata }}"
    text = messages.get("body") or default
    environment = ImmutableSandboxedEnvironment(undefined=ChainableUndefined)
    try:
        rendered = json.loads(environment.from_string(text).render(**variables))
    except (TemplateError, ValueError):
        return {}
    return rendered if isinstance(rendered, dict) else {}


def deliver(configuration: dict[str, Any], content: Any) -> str:
    """Send a webhook; return what went wrong, or nothing."""
    headers = {"Content-Type": "application/json", "User-Agent": "AWX 24.6.1 (open)", **configuration["headers"]}
    if configuration["username"] or configuration["password"]:
        pair = f"{configuration['username']}:{configuration['password']}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    data = json.dumps(content, ensure_ascii=False).encode()
    method = configuration["http_method"].upper()
    # Whatever proxy the environment names has no part in this: receivers are on loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(configuration["url"], data, headers, method=method)
        with opener.open(request, timeout=SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return f"Error sending webhook notification: {error.code}"
    except (OSError, ValueError) as error:
        return f"Error sending webhook notification: {error}"
