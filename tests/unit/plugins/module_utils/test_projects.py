# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folders in which a user works, what their settings take there, and what a hostile home says of such folders."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.machine import USER, FakeMachine
from support.options import SECRET

from ansible_collections.devfleet.axiom.plugins.module_utils import (
    diagnosis,
    host_files,
    inspection,
    opened_projects,
    telemetry_sources,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError

FOLDER = f"/home/{USER}/work"
SHARED, LOCAL = ".claude/settings.json", ".claude/settings.local.json"
OLD, NEW = "2.1.281", "2.1.282"
PRIVATE = "a-private-value"
USER_TARGET: dict[str, Any] = {"targets": ["user_settings"], "users": [USER]}
SHELL_TARGET: dict[str, Any] = {"targets": ["shell_profile"], "users": [USER]}
ENDPOINT = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"https://me:{PRIVATE}@x.example/v1/logs"}
HEADERS = {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {PRIVATE}"}
LOGS_OFF = {"OTEL_LOGS_EXPORTER": "none"}
ATTRIBUTES = {"OTEL_RESOURCE_ATTRIBUTES": "team=other"}
PROMPTS = {"OTEL_LOG_USER_PROMPTS": "1"}
TRACES = {"OTEL_TRACES_EXPORTER": "otlp"}


@pytest.fixture
def machine(open_path: Path) -> FakeMachine:
    return FakeMachine(open_path / "machine")


def client(machine: FakeMachine, version: str, place: str = f"home/{USER}/.local/bin/claude") -> None:
    machine.write(place, f"#!/bin/sh\necho '{version} (Claude Code)'\n", 0o755)


def register(machine: FakeMachine, *paths: str) -> None:
    """As the client writes it (2.1.332), shortened."""
    projects = {path: {"allowedTools": [], "hasTrustDialogAccepted": True} for path in paths}
    machine.write(f"home/{USER}/.claude.json", json.dumps({"numStartups": 1, "projects": projects}))


def transcript(machine: FakeMachine, path: str, changed: int = 0, first: str = "") -> None:
    """As the client writes it (2.1.332), shortened."""
    name = "".join(one if one.isascii() and one.isalnum() else "-" for one in path)
    folder = f"home/{USER}/.claude/projects/{name}"
    records: list[dict[str, Any]] = [
        {"type": "queue-operation", "operation": "enqueue"},
        {"type": "user", "message": {"role": "user", "content": first or 'is "cwd":"/etc" here?'}, "cwd": path},
        {"type": "assistant", "cwd": f"{path}/below"},
    ]
    machine.write(
        f"{folder}/f58f.jsonl", "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
    )
    machine.write(f"{folder}/memory/x", "")
    for item in (machine.root / folder, machine.root / folder / "f58f.jsonl"):
        os.utime(item, (changed, changed))


def set_project(machine: FakeMachine, document: dict[str, Any], name: str = SHARED, folder: str = FOLDER) -> Path:
    return machine.write(f"{folder[1:]}/{name}", json.dumps(document))


def inspect(machine: FakeMachine) -> dict[str, Any]:
    before = machine.snapshot()
    found = inspection.inspect(options(machine))
    assert machine.snapshot() == before
    text = json.dumps(found)
    assert SECRET not in text
    assert PRIVATE not in text
    return found


def codes(machine: FakeMachine) -> list[tuple[str, str]]:
    return [(item["severity"], item["code"]) for item in inspect(machine)["findings"] if item["code"] != "no_client"]


def diagnosed(machine: FakeMachine, version: str) -> list[tuple[str, str, str]]:
    """What is found where that release is installed: severity, code and path."""
    found = diagnosis.diagnose(telemetry_sources.sources(options(machine)), [USER], [installed(version)], None)
    return [(item["severity"], item["code"], item["path"]) for item in found]


def installed(version: str) -> dict[str, Any]:
    return {"user": USER, "path": "", "version": version}


def options(machine: FakeMachine) -> dict[str, Any]:
    named = {"users": [USER], "drop_in_name": "90-axiom-telemetry.json", "platform": "linux"}
    return {**named, "prefix": str(machine.root)}


def of_projects(machine: FakeMachine) -> list[str]:
    """Paths of the projects' files that say something about telemetry, relative to the machine."""
    found = telemetry_sources.sources(options(machine))
    return [os.path.relpath(source.path, machine.root) for source in found if source.kind == "project_settings"]


ERROR, WARNING = ("error", "project_takes_telemetry"), ("warning", "project_changes_telemetry")
# What ours is, what the project says, and what is found with an older and a newer release.
TAKEN: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]], list[tuple[str, str]]]] = {
    "user, endpoint": (USER_TARGET, {"env": ENDPOINT}, [ERROR], []),
    "user, headers": (USER_TARGET, {"env": HEADERS}, [ERROR], []),
    "user, signal": (USER_TARGET, {"env": LOGS_OFF}, [ERROR], [ERROR]),
    "user, exporter": (USER_TARGET, {"env": {"OTEL_LOGS_EXPORTER": "console"}}, [ERROR], []),
    "user, attributes": (USER_TARGET, {"env": ATTRIBUTES}, [WARNING], [WARNING]),
    "user, prompts": (USER_TARGET, {"env": PROMPTS}, [WARNING], []),
    "user, traces": (USER_TARGET, {"env": TRACES}, [ERROR], []),
    "user, helper": (USER_TARGET, {"otelHeadersHelper": f"echo {PRIVATE}"}, [ERROR], [ERROR]),
    "user, both": (USER_TARGET, {"env": {**LOGS_OFF, **ATTRIBUTES}}, [ERROR, WARNING], [ERROR, WARNING]),
    "user, nothing of ours": (USER_TARGET, {"env": {"OTEL_LOG_TOOL_CONTENT": "1", "OTHER": "1"}}, [], []),
    "user, as ours": (USER_TARGET, {"env": {"OTEL_LOGS_EXPORTER": "otlp", "OTEL_TRACES_EXPORTER": "none"}}, [], []),
    "user, generic endpoint": (USER_TARGET, {"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}}, [], []),
    "shell, endpoint": (SHELL_TARGET, {"env": ENDPOINT}, [ERROR], []),
    "shell, headers": (SHELL_TARGET, {"env": HEADERS}, [ERROR], []),
    "shell, signal": (SHELL_TARGET, {"env": LOGS_OFF}, [ERROR], []),
    "shell, attributes": (SHELL_TARGET, {"env": ATTRIBUTES}, [WARNING], [WARNING]),
    "shell, helper": (SHELL_TARGET, {"otelHeadersHelper": "x"}, [ERROR], [ERROR]),
    "drop-in": (
        {},
        {"env": {**ENDPOINT, **HEADERS, **LOGS_OFF, **PROMPTS, **TRACES}, "otelHeadersHelper": "x"},
        [],
        [],
    ),
    "merged, helper": ({"managed_settings_layout": "merge"}, {"otelHeadersHelper": "x"}, [ERROR], [ERROR]),
    "unshielded, headers": ({"shield": False}, {"env": HEADERS}, [ERROR], []),
    "unshielded, traces": ({"shield": False}, {"env": TRACES}, [ERROR], []),
    "unshielded, signal": ({"shield": False}, {"env": LOGS_OFF}, [], []),
    "drop-in and user": (
        {"targets": ["managed_settings", "user_settings"], "users": [USER]},
        {"env": {**ENDPOINT, **LOGS_OFF}},
        [],
        [],
    ),
}


@pytest.mark.parametrize("state", TAKEN)
def test_what_a_project_takes(machine: FakeMachine, state: str) -> None:
    """The real client did so in `tests/e2e/test_inspection.py`, or by hand."""
    ours, document, older, newer = TAKEN[state]
    machine.converge(**ours)
    register(machine, FOLDER)
    path = str(set_project(machine, document, LOCAL if "endpoint" in state else SHARED))
    assert diagnosed(machine, OLD) == [(*expected, path) for expected in older]
    assert diagnosed(machine, NEW) == [(*expected, path) for expected in newer]


def test_the_message_names_variables_releases_and_the_way_out(machine: FakeMachine) -> None:
    machine.converge(**USER_TARGET)
    register(machine, FOLDER)
    set_project(machine, {"env": {**ENDPOINT, **LOGS_OFF, **PROMPTS}})
    client(machine, OLD)
    client(machine, NEW, "usr/local/bin/claude")
    found = inspect(machine)
    assert "project_settings" not in {entry["kind"] for entry in found["variables"]}, "they are about a folder"
    taken, changed = found["findings"]
    assert taken["message"] == (
        "takes the telemetry of this project away: OTEL_LOGS_EXPORTER in every release of Claude Code; "
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT up to Claude Code 2.1.281 (2.1.281 is installed); the token goes there too"
    )
    assert taken["fix"] == (
        "take these variables out of that file, or use the target managed_settings with its drop-in and the shield"
    )
    assert changed["message"] == (
        "changes the telemetry of this project: OTEL_LOG_USER_PROMPTS up to Claude Code 2.1.281 (2.1.281 is installed)"
        "; that sends contents which are kept back elsewhere"
    )
    assert changed["fix"].startswith("update Claude Code to 2.1.282 or newer, or take these")


@pytest.mark.parametrize("version", ["no number", None])
def test_of_an_unknown_release_the_worst_is_assumed(machine: FakeMachine, version: str | None) -> None:
    machine.converge(**SHELL_TARGET)
    register(machine, FOLDER)
    set_project(machine, {"env": ENDPOINT})
    client(machine, NEW)
    if version:
        client(machine, version, "usr/local/bin/claude")
    else:
        (machine.home / ".local/bin/claude").unlink()
    finding = inspect(machine)["findings"][0]
    assert (finding["severity"], finding["code"]) == ERROR
    assert "up to Claude Code 2.1.281 (which release is installed is not known)" in finding["message"]


def test_a_project_where_nothing_of_ours_is_installed(machine: FakeMachine) -> None:
    register(machine, FOLDER)
    set_project(machine, {"env": HEADERS, "otelHeadersHelper": "x"})
    assert codes(machine) == [("error", "not_installed")]


def test_the_local_file_outranks_the_shared_one(machine: FakeMachine) -> None:
    """But newer releases heed only that a signal is switched off, not that it is switched on again (measured)."""
    machine.converge(**USER_TARGET)
    register(machine, FOLDER)
    shared = set_project(machine, {"env": {**LOGS_OFF, **ATTRIBUTES}})
    local = set_project(machine, {"env": {"OTEL_LOGS_EXPORTER": "otlp", **ATTRIBUTES}}, LOCAL)
    assert of_projects(machine) == [f"{FOLDER[1:]}/{LOCAL}", f"{FOLDER[1:]}/{SHARED}"]
    assert diagnosed(machine, NEW) == [(*ERROR, str(shared)), (*WARNING, str(local))]


def test_projects_do_not_see_each_other(machine: FakeMachine) -> None:
    machine.converge(**USER_TARGET)
    client(machine, NEW)
    register(machine, FOLDER, "/srv/other")
    set_project(machine, {"env": {"OTEL_LOGS_EXPORTER": "otlp"}})
    other = set_project(machine, {"env": LOGS_OFF}, folder="/srv/other")
    assert [finding["path"] for finding in inspect(machine)["findings"]] == [str(other)]


def test_a_home_that_is_a_project_has_its_settings_read_once(machine: FakeMachine) -> None:
    machine.converge(**USER_TARGET)
    client(machine, OLD)
    register(machine, f"/home/{USER}")
    assert inspect(machine)["findings"] == []
    assert of_projects(machine) == []


def test_transcripts_tell_where_a_session_was_started(machine: FakeMachine) -> None:
    """`claude -p` registers nothing, and what is registered is the repository's root."""
    machine.converge(**USER_TARGET)
    client(machine, NEW)
    register(machine, FOLDER)
    for folder in (f"{FOLDER}/sub", '/srv/ü "quoted"'):
        transcript(machine, folder)
        set_project(machine, {"env": LOGS_OFF}, folder=folder)
    assert sorted(of_projects(machine)) == [f"{FOLDER[1:]}/sub/{SHARED}", f'srv/ü "quoted"/{SHARED}']
    assert codes(machine) == [ERROR, ERROR]


def test_a_long_first_question_does_not_hide_the_folder(machine: FakeMachine) -> None:
    transcript(machine, FOLDER, first="x" * 200_000)
    set_project(machine, {"env": LOGS_OFF})
    assert of_projects(machine) == [f"{FOLDER[1:]}/{SHARED}"]


def test_only_the_projects_used_last_are_looked_at(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened_projects, "MOST", 3)
    folders = [f"/srv/{number}" for number in range(5)]
    for number, folder in enumerate(folders):
        set_project(machine, {"env": LOGS_OFF}, folder=folder)
        transcript(machine, folder, changed=number)
    register(machine, *folders)
    assert of_projects(machine) == [f"srv/{number}/{SHARED}" for number in (4, 3, 2)]


def test_of_ten_thousand_projects_a_few_are_looked_at(machine: FakeMachine) -> None:
    register(machine, *(f"/srv/{number}" for number in range(10_000)))
    for number in range(100):
        set_project(machine, {"env": LOGS_OFF}, folder=f"/srv/{number}")
    assert len(of_projects(machine)) == opened_projects.MOST


HOSTILE: dict[str, str] = {
    "a list": "[]",
    "projects are a list": json.dumps({"projects": [FOLDER]}),
    "malformed": '{"projects": {"' + FOLDER + '": {}},}',
    "too deep": "[" * 100_000,
    "relative": json.dumps({"projects": {FOLDER[1:]: {}}}),
    "leads elsewhere": json.dumps({"projects": {f"/srv/..{FOLDER}": {}, f"{FOLDER}/../work": {}}}),
    "NUL": json.dumps({"projects": {f"{FOLDER}\0": {}}}),
    "half a character": '{"projects": {"' + FOLDER + '\\ud800": {}}}',
    "for a terminal": json.dumps({"projects": {f"{FOLDER}\x1b[2J": {}}}),
    "too long": json.dumps({"projects": {f"/{'x' * 100_000}": {}}}),
    "vanished": json.dumps({"projects": {"/srv/vanished": {}, "/etc/passwd": {}}}),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_register_hurts_nobody(machine: FakeMachine, text: str) -> None:
    machine.converge(**USER_TARGET)
    client(machine, NEW)
    machine.write(f"home/{USER}/.claude.json", text)
    for folder in (FOLDER, f"{FOLDER}\x1b[2J"):
        set_project(machine, {"env": LOGS_OFF}, folder=folder)
    assert [code for severity, code in codes(machine) if severity != "info"] == []
    assert {entry["kind"] for entry in inspect(machine)["variables"]} == {"user_settings"}


@pytest.mark.parametrize("path", [".claude.json", ".claude/projects/-x/a.jsonl", f"work/{SHARED}"])
def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(machine: FakeMachine, path: str) -> None:
    machine.converge(**USER_TARGET)
    client(machine, NEW)
    if path != ".claude.json":
        register(machine, FOLDER)
    machine.write(f"home/{USER}/{path}", "").unlink()
    os.mkfifo(machine.home / path)
    assert [severity for severity, _code in codes(machine)] in ([], ["info"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
@pytest.mark.parametrize("secret", [lambda path: path.chmod(0o600), lambda path: path.parent.chmod(0o700)])
def test_a_project_of_somebody_else_is_read_with_the_users_rights(
    machine: FakeMachine, secret: Callable[[Path], None]
) -> None:
    """Where they cannot read it, neither can the client that they start."""
    machine.converge(**USER_TARGET)
    client(machine, NEW)
    register(machine, "/srv/shared")
    path = set_project(machine, {"env": {**LOGS_OFF, "OTEL_PRIZE": PRIVATE}}, folder="/srv/shared")
    assert codes(machine) == [ERROR]
    secret(path)
    assert set(codes(machine)) == {("info", "unreadable")}


def test_a_malformed_file_of_a_project_takes_nothing(machine: FakeMachine) -> None:
    machine.converge(**USER_TARGET)
    client(machine, NEW)
    register(machine, FOLDER)
    path = machine.write(f"{FOLDER[1:]}/{SHARED}", '{"env": {},}')
    (finding,) = inspect(machine)["findings"]
    assert (finding["severity"], finding["code"], finding["path"]) == ("info", "malformed", str(path))


def test_projects_that_do_not_answer_leave_the_home_known(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.converge(**USER_TARGET)
    client(machine, NEW)
    register(machine, FOLDER)

    def hang(register: str, transcripts: str) -> list[str]:
        raise HostError("did not answer")

    monkeypatch.setattr(opened_projects, "folders", hang)
    found = inspect(machine)
    assert [(item["severity"], item["code"], item["message"]) for item in found["findings"]] == [
        ("warning", "unreadable", "projects: did not answer")
    ]
    assert all(entry["ours"] for entry in found["variables"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_a_project_on_a_mount_that_hangs_is_given_up_alone(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.converge(**USER_TARGET)
    client(machine, NEW)
    register(machine, FOLDER)
    read = host_files.read

    def hang(path: str, *arguments: Any, **options: Any) -> Any:
        if f"work/{SHARED}" in path:
            os.read(os.pipe()[0], 1)
        return read(path, *arguments, **options)

    monkeypatch.setattr(host_files, "HOME_SECONDS", 0.5)
    monkeypatch.setattr(host_files, "read", hang)
    found = inspect(machine)
    assert [(item["severity"], item["code"]) for item in found["findings"]] == [("warning", "unreadable")]
    assert all(entry["ours"] for entry in found["variables"])
