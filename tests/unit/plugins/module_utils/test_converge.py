# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module does to a machine: exact installation, exact removal, and refusal before any change."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.machine import USER, FakeMachine
from support.options import SECRET

from ansible_collections.devfleet.axiom.plugins.module_utils import host_files, targets
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError

ROTATED = "xaat-ffffffff-1111-4222-8333-944445555666"
EVERYTHING: dict[str, Any] = {"targets": ["managed_settings", "shell_profile"]}
PER_USER: dict[str, Any] = {"targets": ["shell_profile"], "users": [USER]}
MERGE: dict[str, Any] = {"managed_settings_layout": "merge"}
USER_SETTINGS: dict[str, Any] = {"targets": ["user_settings"], "users": [USER]}
# The two documents that others have a part in: path, and the options that merge into it.
MERGED = {
    "managed": ("etc/claude-code/managed-settings.json", MERGE),
    "user": (f"home/{USER}/.claude/settings.json", USER_SETTINGS),
}
each_merged = pytest.mark.parametrize(("path", "options"), MERGED.values(), ids=MERGED)
VARIANTS = {
    "drop-in": {},
    "merge": MERGE,
    "everything": EVERYTHING,
    "per-user": PER_USER,
    "one-shell": {**PER_USER, "shells": ["bash"]},
    "session": {**EVERYTHING, "scope": "session"},
    "macos": {**EVERYTHING, "platform": "darwin"},
    "user-settings": USER_SETTINGS,
    "all-targets": {"targets": list(targets.TARGETS), "users": [USER]},
}


@pytest.fixture
def machine(open_path: Path) -> FakeMachine:
    return FakeMachine(open_path / "machine")


@pytest.fixture
def lived_in(machine: FakeMachine) -> FakeMachine:
    """With files of others in every place that we touch."""
    machine.write("etc/claude-code/managed-settings.json", '{\r\n\t"permissions": {"deny": ["Bash"]}\r\n}\r\n')
    machine.write("etc/claude-code/managed-settings.d/20-other.json", '{"env": {"A": "1"}}')
    machine.write("etc/bash.bashrc", '# theirs\n[ -z "$PS1" ] && return\n')
    machine.write("etc/zsh/zshenv", "# theirs, no newline at the end")
    machine.write("etc/profile", "")
    machine.write("etc/profile.d/other.sh", ":\n")
    machine.write("etc/fish/conf.d/other.fish", "\n")
    machine.write("Library/Application Support/other", "")
    machine.write("usr/local/etc/fish/conf.d/other.fish", "")
    machine.write(f"home/{USER}/.config/fish/conf.d/other.fish", "")
    machine.write(f"home/{USER}/.bashrc", "# theirs\n", 0o600)
    machine.write(f"home/{USER}/.bash_profile", "# theirs\n")
    machine.write(f"home/{USER}/.profile", "")
    machine.write(f"home/{USER}/.zshenv", "\n\n")
    machine.write(f"home/{USER}/.local/share/other/x", "")
    machine.write(f"home/{USER}/.claude/settings.json", '{"model": "x",\t"env": {"A": "1"}}', 0o640)
    return machine


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_install_predicts_converges_and_goes_without_a_trace(lived_in: FakeMachine, options: dict[str, Any]) -> None:
    before = lived_in.snapshot()
    predicted = lived_in.converge(check=True, **options)
    assert lived_in.snapshot() == before
    done = lived_in.converge(**options)
    assert done == predicted
    assert done.diffs
    installed = lived_in.snapshot()
    assert lived_in.converge(**options).diffs == []
    assert lived_in.snapshot() == installed
    predicted = lived_in.converge(check=True, state="absent", **options)
    assert lived_in.converge(state="absent", **options) == predicted
    assert lived_in.snapshot() == before
    assert lived_in.converge(state="absent", **options).diffs == []


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_bare_ground_is_bare_again_after_removal(machine: FakeMachine, options: dict[str, Any]) -> None:
    machine.converge(**options)
    machine.converge(state="absent", **options)
    left = {path for path, entry in machine.snapshot().items() if entry[0].startswith("-")}
    assert left == {"etc/passwd"}
    assert not any("claude" in path.lower() for path in machine.snapshot())


def test_the_drop_in_is_what_was_declared(machine: FakeMachine) -> None:
    os.umask(0o077)
    try:
        machine.converge(resource_attributes={"team": "platform"})
    finally:
        os.umask(0o022)
    document = json.loads(machine.drop_in.read_text())
    assert set(document) == {"otelHeadersHelper", "env"}
    assert document["env"]["OTEL_RESOURCE_ATTRIBUTES"] == "team=platform"
    assert document["env"]["OTEL_EXPORTER_OTLP_HEADERS"] == f"Authorization=Bearer {SECRET}"
    entry = machine.snapshot()["etc/claude-code/managed-settings.d/90-axiom-telemetry.json"]
    assert entry[:2] == ("-rw-r--r--", os.geteuid())
    for folder in ("etc/claude-code", "etc/claude-code/managed-settings.d"):
        assert machine.snapshot()[folder][0] == "drwxr-xr-x"


def test_a_users_files_belong_to_the_user_and_the_secret_is_theirs_alone(machine: FakeMachine) -> None:
    machine.converge(**PER_USER)
    uid = machine.home.stat().st_uid
    snapshot = machine.snapshot()
    below = {path: entry for path, entry in snapshot.items() if path.startswith(f"home/{USER}/")}
    assert {entry[1] for entry in below.values()} == {uid}
    holders = [path for path, entry in snapshot.items() if SECRET.encode() in entry[3]]
    assert holders == [f"home/{USER}/.local/share/claude-code-telemetry/token"]
    assert below[holders[0]][0] == "-rw-------"
    assert below[str(Path(holders[0]).parent)][0] == "drwx------"


def test_diffs_mask_the_secret_of_today_and_of_yesterday(machine: FakeMachine) -> None:
    machine.converge(**EVERYTHING)
    outcome = machine.converge(token=ROTATED, **EVERYTHING)
    text = json.dumps(outcome.diffs)
    assert SECRET not in text
    assert ROTATED not in text
    assert len(outcome.diffs) == 2
    assert all("another secret" in diff["before"] and "another secret" not in diff["after"] for diff in outcome.diffs)


def test_switching_the_layout_takes_the_old_one_along(lived_in: FakeMachine) -> None:
    original = lived_in.base.read_bytes()
    lived_in.converge()
    lived_in.converge(**MERGE)
    assert not lived_in.drop_in.exists()
    assert "OTEL_LOGS_EXPORTER" in lived_in.base.read_text()
    lived_in.converge()
    assert lived_in.drop_in.exists()
    assert lived_in.base.read_bytes() == original


def test_a_shell_that_is_no_longer_declared_is_taken_out(machine: FakeMachine) -> None:
    machine.converge(**EVERYTHING)
    machine.converge(**EVERYTHING, shells=["zsh"])
    paths = set(machine.snapshot())
    assert "etc/claude-code-telemetry/profile.zsh" in paths
    assert "etc/zshenv" in paths
    assert not paths & {
        "etc/bash.bashrc",
        "etc/profile.d/claude-code-telemetry.sh",
        "etc/claude-code-telemetry/profile.sh",
    }


@each_merged
def test_an_update_of_ours_is_no_conflict_and_a_foreign_value_is(
    machine: FakeMachine, path: str, options: dict[str, Any]
) -> None:
    document = machine.write(path, '{"env": {"OTEL_LOGS_EXPORT_INTERVAL": "30000"}}')
    machine.converge(**options)
    machine.converge(**options, intervals={"metrics": 5000})
    before = machine.snapshot()
    with pytest.raises(
        HostError, match=r"OTEL_LOGS_EXPORT_INTERVAL in env is set by somebody else.*: claude_code_telemetry_force\)"
    ):
        machine.converge(**options, intervals={"metrics": 5000, "logs": 7000})
    assert machine.snapshot() == before
    machine.converge(**options, intervals={"metrics": 5000, "logs": 7000}, force=True)
    assert json.loads(document.read_text())["env"]["OTEL_LOGS_EXPORT_INTERVAL"] == "7000"


@each_merged
def test_a_foreign_value_equal_to_ours_stays_when_we_go(
    machine: FakeMachine, path: str, options: dict[str, Any]
) -> None:
    text = '{"env": {"OTEL_LOGS_EXPORTER": "otlp"}}'
    document = machine.write(path, text)
    machine.converge(**options)
    machine.converge(state="absent", **options)
    assert document.read_text() == text


@each_merged
def test_what_others_changed_of_ours_is_left_and_said(machine: FakeMachine, path: str, options: dict[str, Any]) -> None:
    document = machine.write(path, "{}\n")
    machine.converge(**options)
    settings = json.loads(document.read_text())
    settings["env"]["OTEL_LOGS_EXPORTER"] = "none"
    document.write_text(json.dumps(settings))
    outcome = machine.converge(state="absent", **options)
    assert json.loads(document.read_text()) == {"env": {"OTEL_LOGS_EXPORTER": "none"}}
    assert "OTEL_LOGS_EXPORTER was changed by somebody else" in outcome.warnings[0]


@each_merged
def test_a_document_deleted_by_others_is_made_again_and_goes_again(
    machine: FakeMachine, path: str, options: dict[str, Any]
) -> None:
    document = machine.write(path, '{"model": "x"}')
    machine.converge(**options)
    document.unlink()
    machine.converge(**options)
    assert json.loads(document.read_text())["env"]["OTEL_LOGS_EXPORTER"] == "otlp"
    machine.converge(state="absent", **options)
    assert not document.exists()


def test_a_users_settings_are_theirs_alone_and_hold_what_was_declared(machine: FakeMachine) -> None:
    os.umask(0o077)
    try:
        machine.converge(**USER_SETTINGS)
    finally:
        os.umask(0o022)
    environment = json.loads(machine.user_settings.read_text())["env"]
    assert environment["OTEL_EXPORTER_OTLP_HEADERS"] == f"Authorization=Bearer {SECRET}"
    snapshot = machine.snapshot()
    uid = machine.home.stat().st_uid
    below = {path: entry[:2] for path, entry in snapshot.items() if path.startswith(f"home/{USER}/")}
    assert below == {
        f"home/{USER}/.claude": ("drwx------", uid),
        f"home/{USER}/.claude/settings.json": ("-rw-------", uid),
        f"home/{USER}/.claude/.claude-code-telemetry.state": ("-rw-------", uid),
    }
    assert [path for path, entry in snapshot.items() if SECRET.encode() in entry[3]] == [
        f"home/{USER}/.claude/settings.json"
    ]


def test_the_modes_of_a_users_settings_are_kept(machine: FakeMachine) -> None:
    machine.write(f"home/{USER}/.claude/settings.json", "{}", 0o644)
    machine.user_settings.parent.chmod(0o751)
    machine.converge(**USER_SETTINGS)
    assert oct(machine.user_settings.stat().st_mode)[-3:] == "644"
    assert oct(machine.user_settings.parent.stat().st_mode)[-3:] == "751"


def test_the_folder_stays_where_the_client_has_used_it_since(machine: FakeMachine) -> None:
    machine.converge(**USER_SETTINGS)
    machine.write(f"home/{USER}/.claude/history.jsonl", "")
    machine.converge(state="absent", **USER_SETTINGS)
    assert sorted(path.name for path in machine.user_settings.parent.iterdir()) == ["history.jsonl"]


def test_an_empty_folder_of_the_users_stays(machine: FakeMachine) -> None:
    machine.write(f"home/{USER}/.claude/x", "").unlink()
    machine.user_settings.parent.chmod(0o700)
    machine.converge(state="absent", **USER_SETTINGS)
    machine.converge(**USER_SETTINGS)
    machine.converge(state="absent", **USER_SETTINGS)
    assert machine.user_settings.parent.is_dir()


def test_a_linked_settings_document_stays_a_link(machine: FakeMachine) -> None:
    real = machine.write(f"home/{USER}/dotfiles/settings.json", "{}\n")
    machine.write(f"home/{USER}/.claude/x", "")
    machine.user_settings.symlink_to("../dotfiles/settings.json")
    machine.converge(**USER_SETTINGS)
    assert machine.user_settings.is_symlink()
    assert "OTEL_LOGS_EXPORTER" in real.read_text()
    machine.converge(state="absent", **USER_SETTINGS)
    assert real.read_text() == "{}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_a_linked_folder_out_of_the_home_gains_the_user_nothing(machine: FakeMachine) -> None:
    (machine.home / ".claude").symlink_to(machine.root / "etc")
    before = machine.snapshot()
    with pytest.raises(HostError, match="Permission denied"):
        machine.converge(**USER_SETTINGS)
    assert machine.snapshot() == before


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (f"home/{USER}/.claude/settings.json", '{"otelHeadersHelper": "/x"}', "otelHeadersHelper"),
        ("etc/claude-code/managed-settings.json", '{"otelHeadersHelper": "/x"}', "otelHeadersHelper"),
        (
            "etc/claude-code/managed-settings.d/10-x.json",
            '{"env": {"OTEL_EXPORTER_OTLP_LOGS_HEADERS": "Authorization=Bearer theirs"}}',
            "managed settings outrank a user's",
        ),
    ],
)
def test_what_takes_a_users_telemetry_away_stops_the_run_unless_forced(
    machine: FakeMachine, path: str, text: str, message: str
) -> None:
    machine.write(path, text)
    before = machine.snapshot()
    with pytest.raises(HostError, match=message) as error:
        machine.converge(**USER_SETTINGS)
    assert path.rpartition("/")[2] in str(error.value)
    assert machine.snapshot() == before
    assert message in machine.converge(**USER_SETTINGS, force=True).warnings[0]


def test_managed_settings_that_say_the_same_are_no_obstacle(machine: FakeMachine) -> None:
    machine.converge()
    assert machine.converge(**USER_SETTINGS).warnings == []
    with pytest.raises(HostError, match="outrank a user's"):
        machine.converge(**USER_SETTINGS, token=ROTATED)
    both: dict[str, Any] = {"targets": ["managed_settings", "user_settings"], "users": [USER]}
    assert machine.converge(**both, token=ROTATED).warnings == []
    assert ROTATED in machine.user_settings.read_text()


def test_a_users_broken_settings_are_named_and_untouched(machine: FakeMachine) -> None:
    machine.write(f"home/{USER}/.claude/settings.json", '{"env": {},}')
    before = machine.snapshot()
    with pytest.raises(HostError, match=r"settings.json: line 1 column \d+: .*; Claude Code drops all of it"):
        machine.converge(**USER_SETTINGS)
    assert machine.snapshot() == before


BAD = [
    ('{"a": 1,}', "line 1 column"),
    ("// mine\n{}", "line 1 column 1"),
    ("[]", "not a JSON object"),
    ('{"a": 1, "a": 2}', "stands twice"),
]


@pytest.mark.parametrize("layout", ["drop_in", "merge"])
@pytest.mark.parametrize(("text", "message"), BAD)
@pytest.mark.parametrize("name", ["managed-settings.json", "managed-settings.d/10-x.json"])
def test_a_document_that_bricks_the_client_is_named_and_untouched(
    machine: FakeMachine, name: str, text: str, message: str, layout: str
) -> None:
    machine.write(f"etc/claude-code/{name}", text)
    before = machine.snapshot()
    with pytest.raises(HostError) as error:
        machine.converge(**EVERYTHING, managed_settings_layout=layout)
    assert name in str(error.value)
    assert message in str(error.value)
    assert machine.snapshot() == before


@pytest.mark.parametrize(
    ("path", "mode", "fix"),
    [
        ("etc/claude-code/managed-settings.json", 0o640, "chmod o+r"),
        ("etc/claude-code/managed-settings.d/10-x.json", 0o600, "chmod o+r"),
        ("etc/claude-code", 0o700, "chmod o+rx"),
        ("etc/claude-code/managed-settings.d", 0o750, "chmod o+rx"),
    ],
)
def test_what_developers_cannot_read_is_an_error_with_the_fix(
    machine: FakeMachine, path: str, mode: int, fix: str
) -> None:
    machine.write("etc/claude-code/managed-settings.json", "{}")
    machine.write("etc/claude-code/managed-settings.d/10-x.json", "{}")
    (machine.root / path).chmod(mode)
    before = machine.snapshot()
    with pytest.raises(HostError, match=r"keeps developers from reading it") as error:
        machine.converge()
    assert fix in str(error.value)
    assert machine.snapshot() == before


@pytest.mark.parametrize(("text", "mode"), [("{", 0o644), ('{"env": {}}', 0o600)])
def test_our_own_drop_in_is_written_anew_whatever_became_of_it(machine: FakeMachine, text: str, mode: int) -> None:
    machine.converge()
    before = machine.snapshot()
    machine.drop_in.write_text(text)
    machine.drop_in.chmod(mode)
    damaged = machine.snapshot()
    assert [diff["after_header"] for diff in machine.converge(check=True).diffs] == [str(machine.drop_in)]
    assert machine.snapshot() == damaged
    machine.converge()
    assert machine.snapshot() == before


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("managed-settings.json", '{"otelHeadersHelper": "/x"}', "otelHeadersHelper"),
        ("managed-settings.d/95-x.json", '{"env": {"OTEL_LOGS_EXPORTER": "none"}}', "the last drop-in wins"),
    ],
)
def test_what_takes_the_telemetry_away_stops_the_run_unless_forced(
    machine: FakeMachine, name: str, text: str, message: str
) -> None:
    machine.write(f"etc/claude-code/{name}", text)
    before = machine.snapshot()
    with pytest.raises(HostError, match=message):
        machine.converge()
    assert machine.snapshot() == before
    assert message in machine.converge(force=True).warnings[0]
    assert machine.drop_in.exists()


def test_an_earlier_drop_in_and_the_base_are_no_obstacle(machine: FakeMachine) -> None:
    machine.write("etc/claude-code/managed-settings.d/20-x.json", '{"env": {"OTEL_LOGS_EXPORTER": "none"}}')
    machine.write("etc/claude-code/managed-settings.json", '{"env": {"OTEL_METRICS_EXPORTER": "none"}}')
    assert machine.converge().warnings == []


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "directory"])
def test_something_else_in_the_place_of_our_file_is_refused(machine: FakeMachine, kind: str) -> None:
    machine.drop_in.parent.mkdir(parents=True)
    for folder in (machine.settings, machine.drop_in.parent):
        folder.chmod(0o755)
    other = machine.write("etc/other", "theirs")
    if kind == "fifo":
        os.mkfifo(machine.drop_in)
    elif kind == "directory":
        machine.drop_in.mkdir()
    else:
        machine.drop_in.symlink_to(other if kind == "link" else "/nowhere")
    before = machine.snapshot()
    with pytest.raises(HostError, match=r"90-axiom-telemetry.json"):
        machine.converge()
    assert machine.snapshot() == before


def test_a_linked_start_up_file_stays_a_link(machine: FakeMachine) -> None:
    dotfile = machine.write(f"home/{USER}/dotfiles/bashrc", "# theirs\n")
    (machine.home / ".bashrc").symlink_to("dotfiles/bashrc")
    machine.converge(**PER_USER)
    assert (machine.home / ".bashrc").is_symlink()
    assert "devfleet.axiom" in dotfile.read_text()
    assert SECRET not in dotfile.read_text()
    machine.converge(state="absent", **PER_USER)
    assert dotfile.read_text() == "# theirs\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another user")
def test_a_link_out_of_the_home_gains_the_user_nothing(machine: FakeMachine) -> None:
    prize = machine.write("etc/prize", "root's own\n", 0o600)
    (machine.home / ".bashrc").symlink_to(prize)
    (machine.home / ".local").symlink_to(machine.root / "etc")
    before = machine.snapshot()
    with pytest.raises(HostError, match="Permission denied"):
        machine.converge(**PER_USER)
    assert machine.snapshot() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is tricked by a directory of somebody else's")
@pytest.mark.parametrize("damage", ["owner", "mode"])
def test_a_directory_that_others_can_change_is_refused(machine: FakeMachine, damage: str) -> None:
    if damage == "owner":
        os.chown(machine.root / "etc", 4242, -1)
    else:
        (machine.root / "etc").chmod(0o777)
    before = machine.snapshot()
    with pytest.raises(HostError, match="somebody other than root"):
        machine.converge()
    assert machine.snapshot() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is tricked by a directory of somebody else's")
def test_a_link_to_a_place_that_others_can_change_is_refused(machine: FakeMachine) -> None:
    theirs = machine.write("var/open/bashrc", "# theirs\n")
    theirs.parent.chmod(0o777)
    (machine.root / "etc/bash.bashrc").symlink_to(theirs)
    before = machine.snapshot()
    with pytest.raises(HostError, match="somebody other than root"):
        machine.converge(**EVERYTHING)
    assert machine.snapshot() == before


def test_without_the_rights_the_error_names_become(machine: FakeMachine) -> None:
    (machine.root / "etc").chmod(0o555)
    nobody = host_files.Account("nobody", 65534, 65534, "/")
    with pytest.raises(HostError, match=r"90-axiom-telemetry.json: Permission denied; set become: true"):
        host_files.run_as(nobody, lambda: list(machine.converge()))


def test_an_unknown_user_and_a_missing_home_are_named(machine: FakeMachine) -> None:
    with pytest.raises(HostError, match="there is no user linus"):
        machine.converge(targets=["shell_profile"], users=["linus"])
    machine.home.rmdir()
    with pytest.raises(HostError, match="the home of ada"):
        machine.converge(**PER_USER)


def test_an_error_for_one_user_comes_before_any_change_for_another(machine: FakeMachine) -> None:
    before = machine.snapshot()
    with pytest.raises(HostError, match="linus"):
        machine.converge(targets=["managed_settings", "shell_profile"], users=[USER, "linus"])
    assert machine.snapshot() == before


def test_login_bash_is_served_where_it_reads_another_file(machine: FakeMachine) -> None:
    machine.write(f"home/{USER}/.bash_profile", "# theirs\n")
    machine.converge(**PER_USER)
    assert "profile.bash" in (machine.home / ".bash_profile").read_text()


def test_zsh_moved_by_a_later_installation_leaves_no_stale_block(machine: FakeMachine) -> None:
    machine.converge(**EVERYTHING)
    (machine.root / "etc/zsh").mkdir(mode=0o755)
    machine.converge(**EVERYTHING)
    assert (machine.root / "etc/zsh/zshenv").exists()
    assert not (machine.root / "etc/zshenv").exists()


@each_merged
def test_the_state_file_holds_no_secret(lived_in: FakeMachine, path: str, options: dict[str, Any]) -> None:
    lived_in.converge(**options)
    state = lived_in.root / targets.state_path(path)
    assert SECRET not in state.read_text()
    assert json.loads(state.read_text())["merged"]["wanted"]


@each_merged
def test_a_broken_state_file_is_named(lived_in: FakeMachine, path: str, options: dict[str, Any]) -> None:
    lived_in.converge(**options)
    (lived_in.root / targets.state_path(path)).write_text("what?")
    with pytest.raises(HostError, match=targets.STATE_NAME):
        lived_in.converge(**options)


def test_no_temporary_file_is_left_and_none_could_be_read_by_the_client(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    replace = os.replace

    def failing(source: str, target: str) -> None:
        seen.append(os.path.basename(source))
        if target.endswith(".json"):
            raise OSError(28, "No space left on device", target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(HostError, match="No space left on device"):
        machine.converge()
    assert seen
    assert all(name.startswith(".") and not name.endswith(".json") for name in seen)
    assert not list(machine.root.rglob(".devfleet*"))
