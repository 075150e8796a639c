# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notification templates: what is refused, what is kept, what is sent."""

from __future__ import annotations

from typing import Any

import pytest

from awx_controller import notifications

CONFIGURATION = {"url": "http://127.0.0.1:1/", "headers": {}}


def body(**more: Any) -> dict[str, Any]:
    common = {"name": "Chat", "organization": 1, "notification_type": "webhook"}
    return {**common, "notification_configuration": CONFIGURATION, **more}


def test_defaults_are_filled_in(api: Any) -> None:
    made = api.ok("POST", "notification_templates/", body())
    assert made["notification_configuration"] == {
        **CONFIGURATION,
        "http_method": "POST",
        "disable_ssl_verification": False,
        "username": "",
        "password": "",
    }
    assert made["messages"] == {"started": None, "success": None, "error": None, "workflow_approval": None}


def test_a_password_is_hidden_and_kept(api: Any) -> None:
    made = api.ok(
        "POST", "notification_templates/", body(notification_configuration={**CONFIGURATION, "password": "kept"})
    )
    assert made["notification_configuration"]["password"] == "$encrypted$"
    configuration = made["notification_configuration"]
    api.ok("PATCH", made["url"], {"notification_configuration": configuration})
    [item] = api.whole.store.all("notification_templates")
    assert item["notification_configuration"]["password"] == "kept"


def test_old_messages_stay_where_new_ones_say_nothing(api: Any) -> None:
    approval = {"running": {"body": '{"a": 1}'}}
    messages = {"error": {"message": "m", "body": "{}"}, "workflow_approval": approval}
    made = api.ok("POST", "notification_templates/", body(messages=messages))
    changes = {"error": {"body": '{"b": 2}'}, "workflow_approval": {"denied": {"body": "{}"}}}
    changed = api.ok("PATCH", made["url"], {"messages": changes})["messages"]
    assert changed["error"] == {"message": "m", "body": '{"b": 2}'}
    assert changed["workflow_approval"]["running"] == approval["running"]
    assert changed["workflow_approval"]["denied"] == {"body": "{}"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"notification_configuration": {}}, "Missing required fields"),
        ({"notification_configuration": {"url": 1, "headers": {}}}, "'url' incorrect type, expected string"),
        ({"notification_configuration": {**CONFIGURATION, "http_method": "GET"}}, "must be either 'POST' or 'PUT'"),
        ({"notification_type": "pigeon"}, "is not a valid choice"),
        ({"messages": {"done": {}}}, "Event 'done' invalid"),
        ({"messages": {"error": {"subject": "x"}}}, "Message type 'subject' invalid"),
        ({"messages": {"error": {"message": "a\nb"}}}, "cannot contain newlines"),
        ({"messages": {"error": {"body": "{{ job.secret }}"}}}, "Unable to render message"),
        ({"messages": {"error": {"body": "{{"}}}, "Unable to render message"),
        ({"messages": {"error": {"body": "{{ job.__class__ }}"}}}, "Unable to render message"),
        ({"messages": {"workflow_approval": {"asked": {}}}}, "Workflow Approval event 'asked' invalid"),
    ],
)
def test_what_awx_refuses(api: Any, change: dict[str, Any], words: str) -> None:
    assert words in str(api.refused(400, "POST", "notification_templates/", body(**change)))


def test_a_body_that_is_no_json_is_sent_empty(api: Any) -> None:
    """As AWX does: nobody is told, and nothing says so."""
    api.ok("POST", "notification_templates/", body(messages={"error": {"body": "plain text"}}))
    [item] = api.whole.store.all("notification_templates")
    assert notifications.body(item, "error", {}) == {}


def test_what_cannot_be_delivered_is_said() -> None:
    configuration = {**CONFIGURATION, "http_method": "POST", "username": "", "password": ""}
    assert notifications.deliver(configuration, {}).startswith("Error sending webhook notification")
