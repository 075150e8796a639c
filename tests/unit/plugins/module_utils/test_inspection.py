# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines in every known state: what is found, whose value wins, and nothing secret or changed."""

from __future__ import annotations

import json
import os
import plistlib
from pathlib import Path
from typing import Any

import pytest
from support.machine import USER, FakeMachine
from support.options import SECRET

from ansible_collections.devfleet.axiom.plugins.module_utils import client_version, diagnosis, inspection, sessions
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import OptionError

PRIVATE = "a-private-value"
SETTINGS = f"home/{USER}/.claude/settings.json"
SERVER = f"home/{USER}/.claude/remote-settings.json"
BASE = "etc/claude-code/managed-settings.json"
DROP_IN = "etc/claude-code/managed-settings.d/90-axiom-telemetry.json"
USER_TARGET: dict[str, Any] = {"targets": ["user_settings"], "users": [USER]}
SHELL_TARGET: dict[str, Any] = {"targets": ["shell_profile"], "users": [USER]}
# What is ours and can be found so, by target.
TARGETS: dict[str, dict[str, Any]] = {
    "drop_in": {},
    "managed_base": {"managed_settings_layout": "merge"},
    "user_settings": USER_TARGET,
    "shell_profile": SHELL_TARGET,
}


@pytest.fixture
def machine(open_path: Path) -> FakeMachine:
    machine = FakeMachine(open_path / "machine")
    client(machine, "2.1.330")
    return machine


def client(machine: FakeMachine, version: str, place: str = f"home/{USER}/.local/bin/claude") -> Path:
    return machine.write(place, f"#!/bin/sh\necho '{version} (Claude Code)'\n", 0o755)


def inspect(machine: FakeMachine, **changes: Any) -> dict[str, Any]:
    options = {
        "users": [USER],
        "drop_in_name": "90-axiom-telemetry.json",
        "prefix": str(machine.root),
        "platform": "linux",
        **changes,
    }
    before = machine.snapshot()
    found = inspection.inspect(options)
    assert machine.snapshot() == before
    text = json.dumps(found)
    assert SECRET not in text
    assert PRIVATE not in text
    return found


def codes(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(finding["severity"], finding["code"]) for finding in found["findings"]]


def only(machine: FakeMachine, **changes: Any) -> dict[str, Any]:
    """The one finding, its path relative to the machine."""
    (finding,) = inspect(machine, **changes)["findings"]
    assert finding["fix"]
    return {**finding, "path": os.path.relpath(finding["path"], machine.root) if finding["path"] else ""}


@pytest.mark.parametrize(("kind", "options"), TARGETS.items(), ids=TARGETS)
def test_a_healthy_machine_has_no_finding_and_all_of_it_is_ours(
    machine: FakeMachine, kind: str, options: dict[str, Any]
) -> None:
    machine.converge(**options)
    found = inspect(machine)
    assert found["findings"] == []
    assert {entry["kind"] for entry in found["variables"]} == {kind}
    assert all(entry["ours"] and entry["user"] == USER for entry in found["variables"])
    shown = {entry["name"]: entry["value"] for entry in found["variables"]}
    assert shown["OTEL_EXPORTER_OTLP_LOGS_HEADERS"] == "Authorization=********,x-axiom-dataset=claude-code-logs"
    assert found["clients"] == [{"user": USER, "path": str(machine.home / ".local/bin/claude"), "version": "2.1.330"}]
    assert found["old_sessions"] is None


def test_bare_ground(machine: FakeMachine) -> None:
    assert codes(inspect(machine)) == [("error", "not_installed")]
    (machine.home / ".local/bin/claude").unlink()
    found = inspect(machine)
    assert codes(found) == [("error", "not_installed"), ("info", "no_client")]
    assert (found["sources"], found["variables"], found["clients"]) == ([], [], [])


def test_without_users_only_what_is_everybodys_is_looked_at(machine: FakeMachine) -> None:
    machine.converge()
    machine.write(SETTINGS, "{")
    client(machine, "2.1.200", "usr/local/bin/claude")
    found = inspect(machine, users=[])
    assert found["findings"] == []
    assert {entry["user"] for entry in found["variables"]} == {None}
    assert [(entry["user"], entry["version"]) for entry in found["clients"]] == [(None, "2.1.200")]


def test_the_order_of_sources_is_the_clients(machine: FakeMachine) -> None:
    for path in (SERVER, BASE, "etc/claude-code/managed-settings.d/10-a.json", SETTINGS):
        machine.write(path, json.dumps({"env": {"OTEL_LOG_USER_PROMPTS": path}}))
    machine.write(f"home/{USER}/.bashrc", "export OTEL_LOG_USER_PROMPTS=1\n")
    machine.write("etc/profile", "OTEL_LOG_USER_PROMPTS=1\nexport OTEL_LOG_USER_PROMPTS\n")
    machine.converge(**SHELL_TARGET)
    found = inspect(machine)
    assert [entry["kind"] for entry in found["sources"]] == [
        "server_managed",
        "drop_in",
        "managed_base",
        "user_settings",
        "shell_profile",
        "shell_start_up",
        "shell_start_up",
    ]
    (entry,) = [entry for entry in found["variables"] if entry["name"] == "OTEL_LOG_USER_PROMPTS"]
    assert (entry["value"], entry["ours"]) == (SERVER, False)
    # What stands in files falls to the server as one unit, so it is not even overridden.
    assert [os.path.relpath(path, machine.root) for path in entry["overridden"]] == [
        SETTINGS,
        f"home/{USER}/.config/claude-code-telemetry",
        f"home/{USER}/.bashrc",
        "etc/profile",
    ]


@pytest.mark.parametrize("wrapped", [False, True])
def test_server_managed_settings_that_take_the_unit(machine: FakeMachine, wrapped: bool) -> None:
    machine.converge()
    settings = {"env": {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {PRIVATE}"}}
    machine.write(SERVER, json.dumps({"uuid": "x", "settings": settings} if wrapped else settings))
    finding = only(machine)
    assert (finding["severity"], finding["code"]) == ("error", "server_managed_takes_telemetry")
    assert (finding["path"], finding["user"]) == (SERVER, USER)
    assert "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT" in finding["message"]
    assert "OTEL_LOGS_EXPORTER" not in finding["message"], "that is not of the unit"


def test_server_managed_settings_about_other_things_take_nothing(machine: FakeMachine) -> None:
    machine.converge()
    machine.write(SERVER, '{"env": {"OTHER": "1"}, "permissions": {}}')
    assert inspect(machine)["findings"] == []


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("folder", ["", f"{USER}/"])
def test_a_profile_of_macos(machine: FakeMachine, folder: str, binary: bool) -> None:
    """A plist as Apple's documentation and the client's describe it, in both of its formats; no Mac took part."""
    machine.converge(platform="darwin")
    settings = {"env": {"OTEL_LOGS_EXPORTER": "none"}, "permissions": {"deny": ["WebSearch"]}}
    path = f"Library/Managed Preferences/{folder}com.anthropic.claudecode.plist"
    data = plistlib.dumps(settings, fmt=plistlib.FMT_BINARY if binary else plistlib.FMT_XML)
    machine.write(path, "").write_bytes(data)
    finding = only(machine, platform="darwin")
    assert (finding["code"], finding["path"]) == ("mdm_takes_telemetry", path)
    assert finding["user"] == (USER if folder else None)
    assert finding["message"] == "overrides our OTEL_LOGS_EXPORTER"
    machine.write(path, "<plist><dict>")
    assert only(machine, platform="darwin")["code"] == "malformed"
    assert inspect(machine)["findings"][0]["code"] == "not_installed", "Linux has no such place"


@pytest.mark.parametrize(
    ("path", "mode", "fix"),
    [
        (DROP_IN, 0o600, "chmod o+r it"),
        ("etc/claude-code/managed-settings.d", 0o700, "chmod o+rx it"),
    ],
)
def test_an_unreadable_file(machine: FakeMachine, path: str, mode: int, fix: str) -> None:
    machine.converge()
    (machine.root / path).chmod(mode)
    finding = inspect(machine)["findings"][0]
    assert (finding["severity"], finding["code"]) == ("error", "unreadable")
    assert finding["path"] == str(machine.root / path)
    assert finding["message"].endswith(fix)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_a_users_file_that_is_not_theirs_to_read(machine: FakeMachine) -> None:
    machine.converge(**USER_TARGET)
    os.chown(machine.user_settings, 0, 0)
    found = inspect(machine)["findings"]
    assert [finding["code"] for finding in found] == ["unreadable", "not_installed"]
    assert "Permission denied" in found[0]["message"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_a_planted_link_shows_nothing_of_others(machine: FakeMachine) -> None:
    machine.converge()
    prize = machine.write("etc/prize", json.dumps({"env": {"OTEL_PRIZE": "1"}}), 0o600)
    machine.write(SETTINGS, "").unlink()
    machine.user_settings.symlink_to(prize)
    assert only(machine)["code"] == "unreadable"


@pytest.mark.parametrize("path", [BASE, "etc/claude-code/managed-settings.d/10-theirs.json", SETTINGS, SERVER])
def test_a_bricked_document_next_to_ours(machine: FakeMachine, path: str) -> None:
    machine.converge()
    machine.write(path, '{"env": {},}')
    finding = only(machine)
    assert (finding["severity"], finding["code"], finding["path"]) == ("error", "malformed", path)
    assert "line 1 column" in finding["message"]
    assert ("refuses to start" in finding["fix"]) == path.startswith("etc")


def test_a_users_headers_helper(machine: FakeMachine) -> None:
    machine.write(SETTINGS, json.dumps({"otelHeadersHelper": f"echo {PRIVATE}"}))
    machine.converge(shield=False)
    finding = only(machine)
    assert (finding["code"], finding["path"], finding["user"]) == ("headers_helper", SETTINGS, USER)
    machine.converge()
    assert inspect(machine)["findings"] == [], "the shield's own helper keeps it from being run"


STALE = {
    "exported": (f"home/{USER}/.bashrc", "export {name}='{value}'\n"),
    "fish": (f"home/{USER}/.config/fish/config.fish", "set -gx {name} '{value}'\n"),
    "machine-wide": ("etc/environment", '{name}="{value}"\n'),
    "settings": (SETTINGS, '{{"env": {{"{name}": "{value}"}}}}'),
}


@pytest.mark.parametrize(("path", "line"), STALE.values(), ids=STALE)
def test_stale_headers_of_a_user(machine: FakeMachine, path: str, line: str) -> None:
    value = f"Authorization=Bearer {PRIVATE},x-honeycomb-team={PRIVATE}"
    machine.write(path, line.format(name="OTEL_EXPORTER_OTLP_HEADERS", value=value))
    machine.converge(shield=False)
    finding = only(machine)
    code = "stale_user_settings" if path == SETTINGS else "stale_shell_variables"
    assert (finding["severity"], finding["code"], finding["path"]) == ("error", code, path)
    assert finding["message"] == "OTEL_EXPORTER_OTLP_HEADERS replaces authorization of both signals"
    machine.converge()
    assert codes(inspect(machine)) == [("info", code)], "the shield keeps them out"


def test_a_stale_endpoint_of_a_user(machine: FakeMachine) -> None:
    endpoint = f"https://me:{PRIVATE}@x.example/v1/logs?key={PRIVATE}"
    machine.write(SETTINGS, json.dumps({"env": {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": endpoint}}))
    machine.converge(**SHELL_TARGET)
    found = inspect(machine)
    assert codes(found) == [("error", "stale_user_settings")]
    assert found["findings"][0]["message"] == "overrides our OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"
    (entry,) = [entry for entry in found["variables"] if entry["name"] == "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"]
    assert entry["value"] == "https://********@x.example/v1/logs?********"
    machine.converge()
    assert codes(inspect(machine)) == [("info", "stale_user_settings")]


def test_a_users_own_addition_is_a_warning(machine: FakeMachine) -> None:
    machine.converge()
    machine.write(f"home/{USER}/.profile", "export OTEL_LOG_TOOL_CONTENT=1; # mine\n")
    finding = only(machine)
    assert (finding["severity"], finding["message"]) == ("warning", "sets OTEL_LOG_TOOL_CONTENT")


def test_our_block_in_a_start_up_file_is_no_finding(machine: FakeMachine) -> None:
    machine.write(f"home/{USER}/.bashrc", "alias x=y\n")
    machine.converge(**SHELL_TARGET)
    assert inspect(machine)["findings"] == []


def test_a_later_drop_in(machine: FakeMachine) -> None:
    machine.converge()
    machine.write("etc/claude-code/managed-settings.d/95-x.json", '{"env": {"OTEL_LOGS_EXPORTER": "none"}}')
    finding = only(machine)
    assert (finding["code"], finding["message"]) == ("overridden", "overrides our OTEL_LOGS_EXPORTER")


def test_what_somebody_changed_in_a_merged_document_is_no_longer_ours(machine: FakeMachine) -> None:
    machine.converge(managed_settings_layout="merge")
    document = json.loads(machine.base.read_text())
    document["env"]["OTEL_LOGS_EXPORTER"] = "none"
    machine.base.write_text(json.dumps(document))
    entries = {entry["name"]: entry["ours"] for entry in inspect(machine)["variables"]}
    assert [name for name, ours in entries.items() if not ours] == ["OTEL_LOGS_EXPORTER"]


def test_a_broken_shell_profile(machine: FakeMachine) -> None:
    machine.converge(**SHELL_TARGET)
    (machine.home / ".local/share/claude-code-telemetry/token").unlink()
    found = inspect(machine)["findings"]
    assert [finding["code"] for finding in found] == ["broken", "not_installed"]
    assert "is missing or not readable" in found[0]["message"]


@pytest.mark.parametrize(
    ("version", "layout", "expected"),
    [
        ("2.1.82", "drop_in", ["client_too_old_for_drop_ins"]),
        ("2.1.82", "merge", []),
        ("2.1.83", "drop_in", []),
        ("2.2.0", "drop_in", []),
        ("1.10.99", "drop_in", ["client_too_old_for_drop_ins"]),
        ("no number", "drop_in", []),
    ],
)
def test_a_client_too_old_for_drop_ins(machine: FakeMachine, version: str, layout: str, expected: list[str]) -> None:
    machine.converge(managed_settings_layout=layout)
    client(machine, version)
    assert [finding["code"] for finding in inspect(machine)["findings"]] == expected


def test_every_client_is_asked_once_with_its_users_rights(machine: FakeMachine) -> None:
    machine.converge()
    program = machine.write("usr/local/bin/claude", '#!/bin/sh\necho "2.1.$(id -u)"\n', 0o755)
    machine.write(f"home/{USER}/.nvm/versions/node/v22/bin/x", "")
    (machine.home / ".nvm/versions/node/v22/bin/claude").symlink_to(program)
    found = inspect(machine)["clients"]
    uid = machine.home.stat().st_uid
    assert [(entry["path"].rpartition("/home/")[2], entry["version"]) for entry in found] == [
        (f"{USER}/.local/bin/claude", "2.1.330"),
        (f"{USER}/.nvm/versions/node/v22/bin/claude", f"2.1.{uid}"),
    ]


def test_a_client_that_hangs_is_left_alone(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_version, "SECONDS", 0.3)
    machine.converge()
    machine.write(f"home/{USER}/.local/bin/claude", "#!/bin/sh\nexec sleep 60\n", 0o755)
    assert [entry["version"] for entry in inspect(machine)["clients"]] == [None]


def test_sessions_older_than_the_last_change(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.converge()
    monkeypatch.setattr(inspection, "_old_sessions", lambda options: 2)
    finding = only(machine)
    assert (finding["severity"], finding["code"]) == ("warning", "old_session")
    assert finding["message"].startswith("2 running session(s)")


def test_sessions_are_counted_for_what_is_looked_at(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(sessions, "count_older", asked.append)
    for users in ([], [USER]):
        inspection._old_sessions({"prefix": "/", "platform": "linux", "users": users})
    assert [("user_settings" in options["targets"], options["users"]) for options in asked] == [
        (False, []),
        (True, [USER]),
    ]


def test_an_unknown_user_is_named_and_does_not_stop_the_others(machine: FakeMachine) -> None:
    machine.converge(**USER_TARGET)
    found = inspect(machine, users=["eve", USER])
    assert "there is no user eve" in found["findings"][0]["message"]
    assert {entry["user"] for entry in found["variables"]} == {USER}
    with pytest.raises(OptionError, match="is not a user name"):
        inspect(machine, users=["$(id)"])


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-axiom-dataset=d,api-key=k", "x-axiom-dataset=d,api-key=********"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "nonsense", "********"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h/x", "https://h/x"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://[h/x", "********"),
        ("OTEL_X", "the xaat-0c0ffee0-1111", "the ********"),
    ],
)
def test_values_are_shown_without_anything_secret(name: str, value: str, shown: str) -> None:
    assert diagnosis.shown(name, value) == shown


@pytest.mark.parametrize("users", [[], [USER]])
def test_whether_anybody_ever_ran_it_is_told_by_what_that_leaves(machine: FakeMachine, users: list[str]) -> None:
    # Installed, and settings of ours, are no use.
    machine.converge(**USER_TARGET)
    assert inspect(machine, users=users)["in_use"] is False
    machine.write(f"home/{USER}/.claude.json", "{}")
    assert inspect(machine, users=users)["in_use"] is True
    (machine.home / ".claude.json").unlink()
    machine.write(f"home/{USER}/.claude/projects/x", "")
    assert inspect(machine, users=users)["in_use"] is True


def test_homes_that_cannot_be_looked_into_leave_it_open(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert inspect(machine, users=["nobody-here"])["in_use"] is None
    monkeypatch.setattr(os, "geteuid", lambda: 987654)
    assert client_version.in_use({"users": [], "prefix": str(machine.root)}) is None


ELSEWHERE = ".config/claude"
# As it stands in a start-up file, and the directory that is then read, below the home; none where it cannot be told.
CONFIG_DIRS: dict[str, tuple[str, str, str | None]] = {
    "a shell's": (".profile", "export CLAUDE_CONFIG_DIR=$HOME/.config/claude\n", ELSEWHERE),
    "tilde": (".zshenv", "CLAUDE_CONFIG_DIR=~/.config/claude # mine\n", ELSEWHERE),
    "quoted": (".bashrc", 'export CLAUDE_CONFIG_DIR="${HOME}/a b";\n', "a b"),
    "fish": (".config/fish/config.fish", "set -gx CLAUDE_CONFIG_DIR ~/.config/claude\n", ELSEWHERE),
    "the last": (".bashrc", "CLAUDE_CONFIG_DIR=/x\nCLAUDE_CONFIG_DIR=~/.config/claude\n", ELSEWHERE),
    "computed": (".profile", "export CLAUDE_CONFIG_DIR=$XDG_CONFIG_HOME/claude\n", None),
    "of a program": (".profile", 'export CLAUDE_CONFIG_DIR="$(cat where)"\n', None),
    "quoted tilde": (".profile", 'export CLAUDE_CONFIG_DIR="~/.config/claude"\n', None),
    "relative": (".profile", "export CLAUDE_CONFIG_DIR=claude\n", None),
    "empty": (".profile", "export CLAUDE_CONFIG_DIR=\n", None),
    "for a terminal": (".profile", "export CLAUDE_CONFIG_DIR='/\x1b[2J'\n", None),
}


@pytest.mark.parametrize("state", CONFIG_DIRS)
def test_a_directory_of_the_users_own_choice(machine: FakeMachine, state: str) -> None:
    """What the client then does was measured, and is again by `tests/e2e/test_inspection.py`."""
    name, line, folder = CONFIG_DIRS[state]
    machine.write(f"home/{USER}/{name}", line)
    machine.converge(**USER_TARGET)
    finding = only(machine)
    assert (finding["severity"], finding["code"]) == ("error", "user_settings_not_read")
    assert finding["path"] == f"home/{USER}/{name}"
    assert ("cannot be told from here" in finding["message"]) == (folder is None)
    assert [(source["kind"], source["status"]) for source in inspect(machine)["sources"]] == [
        ("user_settings", "not_read"),
        ("shell_start_up", "read"),
    ]
    # Managed settings are read wherever it is; and so are the user's there, if it can be told where.
    machine.converge(shield=False)
    assert codes(inspect(machine)) == ([] if folder else [("warning", "user_settings_not_read")])
    if folder:
        helper = machine.write(f"home/{USER}/{folder}/settings.json", json.dumps({"otelHeadersHelper": "x"}))
        assert only(machine)["path"] == os.path.relpath(helper, machine.root)


def test_a_directory_for_everybody_is_below_the_home_of_each(machine: FakeMachine) -> None:
    machine.write("etc/environment", "CLAUDE_CONFIG_DIR=/srv/claude\n")
    machine.write("srv/claude/settings.json", json.dumps({"env": {"OTEL_LOGS_EXPORTER": "none"}}))
    machine.converge(**SHELL_TARGET)
    finding = only(machine)
    assert (finding["code"], finding["path"]) == ("stale_user_settings", "srv/claude/settings.json")
    # The user's own start-up file is read after it.
    machine.write(f"home/{USER}/.profile", "export CLAUDE_CONFIG_DIR=$HOME/own\n")
    machine.write(f"home/{USER}/own/settings.json", json.dumps({"env": {"OTEL_METRICS_EXPORTER": "none"}}))
    assert only(machine)["message"] == "overrides our OTEL_METRICS_EXPORTER"


@pytest.mark.parametrize("copied", [False, True])
def test_the_usual_directory_by_another_name_or_copied_is_ours(machine: FakeMachine, copied: bool) -> None:
    machine.converge(**USER_TARGET)
    machine.write(f"home/{USER}/.profile", "export CLAUDE_CONFIG_DIR=$HOME/own\n")
    if copied:
        machine.write(f"home/{USER}/own/settings.json", machine.user_settings.read_text())
    else:
        (machine.home / "own").symlink_to(".claude")
    found = inspect(machine)
    assert found["findings"] == []
    assert {entry["ours"] for entry in found["variables"]} == {True}


def test_what_the_client_remembers_is_in_that_directory_too(machine: FakeMachine) -> None:
    machine.converge(**USER_TARGET)
    machine.write(f"home/{USER}/.profile", "export CLAUDE_CONFIG_DIR=$HOME/own\n")
    machine.write(f"home/{USER}/own/settings.json", machine.user_settings.read_text())
    machine.write(f"home/{USER}/own/.claude.json", json.dumps({"projects": {"/srv/x": {}}}))
    machine.write(f"home/{USER}/own/remote-settings.json", json.dumps({"env": {"OTEL_LOGS_EXPORTER": "none"}}))
    machine.write("srv/x/.claude/settings.json", json.dumps({"otelHeadersHelper": "x"}))
    assert {source["kind"] for source in inspect(machine)["sources"]} >= {"server_managed", "project_settings"}
    # Nothing in the usual places, but that says nothing about whether it is used.
    assert inspect(machine)["in_use"] is None
