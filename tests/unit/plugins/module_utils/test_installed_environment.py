# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is installed is read back as the client gets it: by real shells, with the owner's rights."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from support.machine import USER, FakeMachine
from support.options import SECRET

from ansible_collections.devfleet.axiom.plugins.module_utils import installed_environment, telemetry_env
from ansible_collections.devfleet.axiom.plugins.module_utils.installed_environment import Installed

OPTIONS: dict[str, Any] = {
    "resource_attributes": {"team": 'it\'s, 50% "x" $HOME `id` \\ grüße'},
    "extra": {"ODD": "'\"\\$(id) ;#*~", "EMPTY": ""},
}
SHELLS = ("sh", "bash", "zsh", "fish")
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: rights are given up, or files belong to root")


@pytest.fixture
def machine(open_path: Path) -> FakeMachine:
    return FakeMachine(open_path / "machine")


def installed(machine: FakeMachine, target: str = "managed_settings", user: str | None = None) -> Installed:
    options = {
        "targets": [target],
        "users": [user] if user else [],
        "prefix": str(machine.root),
        "platform": "linux",
    }
    (found,) = installed_environment.installed_environments(options)
    return found


def problem(machine: FakeMachine, target: str = "managed_settings", user: str | None = None) -> str:
    found = installed(machine, target, user)
    assert (found.status, found.environment) == ("broken", None)
    assert found.problem
    return found.problem


@pytest.mark.parametrize("layout", ["drop_in", "merge"])
def test_managed_settings(machine: FakeMachine, layout: str) -> None:
    machine.write("etc/claude-code/managed-settings.json", '{"env": {"OTEL_LOGS_EXPORTER": "none", "THEIRS": "1"}}')
    machine.converge(managed_settings_layout=layout, force=True, **OPTIONS)
    wanted = telemetry_env.build(machine.options(**OPTIONS), SECRET, shield=True)
    assert installed(machine).environment == {**wanted, "THEIRS": "1"}


@pytest.mark.parametrize("scope", ["claude", "session"])
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("user", [None, USER])
def test_shell_profile(machine: FakeMachine, shell: str, scope: str, user: str | None) -> None:
    machine.converge(targets=["shell_profile"], shells=[shell], scope=scope, users=[user] if user else [], **OPTIONS)
    before = machine.snapshot()
    found = installed(machine, "shell_profile", user)
    assert found.environment == telemetry_env.build(machine.options(**OPTIONS), SECRET, shield=False)
    assert found.user == user
    assert machine.snapshot() == before


def test_user_settings_lie_below_managed_ones(machine: FakeMachine) -> None:
    machine.write(f"home/{USER}/.claude/settings.json", '{"env": {"THEIRS": "1", "POLICY": "mine"}}')
    machine.write("etc/claude-code/managed-settings.json", '{"env": {"POLICY": "ours"}}')
    machine.converge(targets=["user_settings"], users=[USER], **OPTIONS)
    wanted = telemetry_env.build(machine.options(**OPTIONS), SECRET, shield=True)
    found = installed(machine, "user_settings", USER)
    assert found.environment == {**wanted, "THEIRS": "1", "POLICY": "ours"}
    assert found.user == USER
    machine.write(
        f"home/{USER}/.claude/settings.json", '{"env": {"OTEL_LOGS_EXPORTER": "otlp"}, "otelHeadersHelper": "x"}'
    )
    assert "settings.json: otelHeadersHelper" in problem(machine, "user_settings", USER)
    machine.write(f"home/{USER}/.claude/settings.json", "[")
    assert "drops all of it" in problem(machine, "user_settings", USER)
    machine.user_settings.unlink()
    assert installed(machine, "user_settings", USER).status == "not_installed"


@pytest.mark.parametrize("target", ["managed_settings", "shell_profile"])
@pytest.mark.parametrize("user", [None, USER])
def test_nothing_installed(machine: FakeMachine, target: str, user: str | None) -> None:
    machine.write("etc/claude-code/managed-settings.json", '{"otelHeadersHelper": "x", "env": {"THEIRS": "1"}}')
    found = installed(machine, target, user)
    assert (found.status, found.problem, found.environment) == (
        "not_installed",
        "nothing is installed here",
        None,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"env": {', "line 1 column"),
        ("{} // no", "line 1 column"),
        ("[]", "not a JSON object"),
        ('{"a": 1, "a": 2}', "stands twice"),
        ('{"otelHeadersHelper": "/bin/x"}', "otelHeadersHelper overrides our Authorization header"),
    ],
)
def test_documents_that_take_the_telemetry_away(machine: FakeMachine, text: str, words: str) -> None:
    machine.converge()
    machine.write("etc/claude-code/managed-settings.d/10-theirs.json", text)
    assert "10-theirs.json" in problem(machine)
    assert words in problem(machine)


@pytest.mark.parametrize(
    ("path", "mode"),
    [("managed-settings.d/90-axiom-telemetry.json", 0o600), ("managed-settings.d", 0o700), (".", 0o700)],
)
def test_managed_settings_that_developers_cannot_read(machine: FakeMachine, path: str, mode: int) -> None:
    machine.converge()
    (machine.settings / path).chmod(mode)
    assert "keeps developers from reading it" in problem(machine)


def test_shared_shell_files_that_developers_cannot_read(machine: FakeMachine) -> None:
    machine.converge(targets=["shell_profile"])
    folder = machine.root / "etc/claude-code-telemetry"
    for path, mode in ((folder / "token", 0o600), (folder / "profile.sh", 0o600), (folder, 0o700)):
        usual = path.stat().st_mode
        path.chmod(mode)
        assert f"{path}: mode {mode:04o} keeps developers from reading it" in problem(machine, "shell_profile")
        path.chmod(usual)


@pytest.mark.parametrize("user", [None, USER])
@pytest.mark.parametrize("scope", ["claude", "session"])
@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_secret_is_named(machine: FakeMachine, shell: str, scope: str, user: str | None) -> None:
    machine.converge(targets=["shell_profile"], shells=[shell], scope=scope, users=[user] if user else [])
    folder = machine.home / ".local/share" if user else machine.root / "etc"
    token = folder / "claude-code-telemetry/token"
    token.unlink()
    assert f"the secret it reads, {token}, is missing or not readable" in problem(machine, "shell_profile", user)


@ROOT_ONLY
def test_a_users_files_are_read_with_that_users_rights(machine: FakeMachine) -> None:
    machine.converge(targets=["shell_profile"], users=[USER])
    os.chown(machine.home / ".local/share/claude-code-telemetry/token", 0, 0)
    assert "is missing or not readable" in problem(machine, "shell_profile", USER)


@ROOT_ONLY
def test_a_tampered_snippet_runs_with_its_owners_rights_only(machine: FakeMachine) -> None:
    machine.converge(targets=["shell_profile"], shells=["sh"], users=[USER])
    stolen, own = machine.root / "etc/stolen", machine.home / "who"
    machine.write(
        f"home/{USER}/.config/claude-code-telemetry/profile.sh",
        f"id -u > {own}\nid -G >> {own}\necho x > {stolen}\nexport CLAUDE_CODE_ENABLE_TELEMETRY=1\n",
    )
    found = installed(machine, "shell_profile", USER)
    uid = str(machine.home.stat().st_uid)
    assert own.read_text().split() == [uid, uid]
    assert not stolen.exists()
    assert found.environment == {"CLAUDE_CODE_ENABLE_TELEMETRY": "1"}


def test_a_snippet_that_never_ends(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed_environment, "SHELL_SECONDS", 0.5)
    machine.converge(targets=["shell_profile"], users=[USER])
    machine.write(f"home/{USER}/.config/claude-code-telemetry/profile.sh", "while :; do sleep 1; done\n")
    assert "was not done with the snippet after 0.5 s" in problem(machine, "shell_profile", USER)


def test_a_snippet_that_gives_up(machine: FakeMachine) -> None:
    machine.converge(targets=["shell_profile"], users=[USER])
    machine.write(f"home/{USER}/.config/claude-code-telemetry/profile.sh", "exit 0\n")
    assert "did not start claude" in problem(machine, "shell_profile", USER)


def test_a_fifo_in_place_of_a_snippet(machine: FakeMachine) -> None:
    machine.converge(targets=["shell_profile"], users=[USER])
    snippet = machine.home / ".config/claude-code-telemetry/profile.sh"
    snippet.unlink()
    os.mkfifo(snippet)
    assert "not a regular file" in problem(machine, "shell_profile", USER)


def test_unknown_users_are_named(machine: FakeMachine) -> None:
    assert "there is no user eve" in problem(machine, "shell_profile", "eve")


def test_shells_that_are_not_there(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.converge(targets=["shell_profile"], shells=["zsh", "fish"])
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **more: None if name == "zsh" else real(name, **more))
    assert installed(machine, "shell_profile").environment is not None
    monkeypatch.setattr(shutil, "which", lambda name, **more: None)
    assert "snippets for zsh and fish here, but no such shell" in problem(machine, "shell_profile")


def test_the_environment_of_the_process_has_no_say(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_HEADERS", "HTTPS_PROXY", "BASH_ENV", "ENV"):
        monkeypatch.setenv(name, "/nowhere")
    for shell in SHELLS:
        machine.converge(targets=["shell_profile"], shells=[shell])
        environment = installed(machine, "shell_profile").environment
        assert environment is not None
        assert not {"OTEL_EXPORTER_OTLP_HEADERS", "HTTPS_PROXY", "BASH_ENV", "ENV"} & set(environment)


def test_nothing_is_left_behind(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(**more: Any) -> str:
        made.append(real(**more))
        return made[-1]

    real = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", make)
    machine.converge(targets=["shell_profile"])
    installed(machine, "shell_profile")
    assert [os.path.exists(path) for path in made] == [False]


def test_several_places_are_told_apart(machine: FakeMachine) -> None:
    machine.converge(targets=["shell_profile"], users=[USER])
    machine.write("etc/claude-code/managed-settings.json", json.dumps({"env": {"OTEL_LOGS_EXPORTER": "otlp"}}))
    options = {
        "targets": ["managed_settings", "shell_profile"],
        "users": [USER, "eve"],
        "prefix": str(machine.root),
        "platform": "linux",
    }
    found = installed_environment.installed_environments(options)
    assert [(item.target, item.user, item.status) for item in found] == [
        ("managed_settings", None, None),
        ("shell_profile", USER, None),
        ("shell_profile", "eve", "broken"),
    ]
