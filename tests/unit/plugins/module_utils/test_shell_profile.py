# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snippets in the real shells: what `claude` sees, what everything else sees, and what happens without the secret."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import awkward
from support.options import SECRET, telemetry_options_with

from ansible_collections.devfleet.axiom.plugins.module_utils import shell_profile, telemetry_env
from ansible_collections.devfleet.axiom.plugins.module_utils.shell_profile import SECRET_MARK, SHELLS

AWKWARD = 'it\'s "$(id)" `id` !x \\ %s 50% -n ~ * # ä'
ENVIRONMENT = {
    "OTEL_HEADERS": f"Authorization=Bearer {SECRET_MARK},x-axiom-dataset=logs",
    "OTEL_AWKWARD": AWKWARD,
    "OTEL_EMPTY": "",
    "OTEL_ONLY": SECRET_MARK,
    "OTEL_EQUALS": "=0",
}
SEEN = {name: value.replace(SECRET_MARK, SECRET) for name, value in ENVIRONMENT.items()}


# Lists the variables that a shell has of itself.
OWN = {
    "sh": ["sh", "-c", "set | sed -n 's/^\\([A-Z0-9_]*\\)=.*/\\1/p'"],
    "bash": ["bash", "--norc", "-c", "compgen -v"],
    "zsh": ["zsh", "-f", "-c", "zmodload zsh/parameter; print -l ${(k)parameters}"],
    "fish": ["fish", "--no-config", "-c", "set --names"],
}


class Session:
    """A home with a snippet for each shell, and a `claude` that prints its arguments and environment."""

    def __init__(self, home: Path, scope: str) -> None:
        self.home = home
        self.token = home / "state dir" / "token"
        self.token.parent.mkdir()
        self.token.write_text(SECRET + "\n")
        (home / "bin").mkdir()
        claude = home / "bin" / "claude"
        claude.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\nprintf "=\\0"\nenv -0\n')
        claude.chmod(0o755)
        for shell in SHELLS:
            self.snippet(shell).write_text(
                shell_profile.render(shell, scope, ENVIRONMENT, "~/state dir/token"), encoding="utf-8"
            )

    def snippet(self, shell: str) -> Path:
        return self.home / f"profile.{shell}"

    def run(self, shell: str, commands: str) -> subprocess.CompletedProcess[bytes]:
        """Source the snippet through the line that start-up files get, then run the commands."""
        script = shell_profile.source_line(shell, "~/" + self.snippet(shell).name) + commands
        environment = {
            "HOME": str(self.home),
            "PATH": f"{self.home}/bin:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "OTEL_HEADERS": "the developer's own",
        }
        return subprocess.run([shell, "-c", script], env=environment, capture_output=True, timeout=30, check=False)


def variables(output: bytes) -> tuple[list[str], dict[str, str]]:
    """What the stand-in printed: its arguments, and the variables that are ours."""
    arguments, _unused, rest = output.decode().partition("=\0")
    pairs = dict(item.split("=", 1) for item in rest.split("\0") if "=" in item)
    ours = {name: value for name, value in pairs.items() if name.startswith(("OTEL_", "_claude"))}
    return [item for item in arguments.split("\0") if item], ours


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path, "claude")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_wrapper_sets_the_environment_for_that_command_only(session: Session, shell: str) -> None:
    done = session.run(shell, 'claude -p "two words"; echo "<$OTEL_AWKWARD><$OTEL_HEADERS>"')
    assert done.stderr == b""
    output, _unused, others = done.stdout.rpartition(b"<>")
    assert variables(output) == (["-p", "two words"], SEEN)
    assert others == b"<the developer's own>\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_session_scope_exports_to_everything(tmp_path: Path, shell: str) -> None:
    done = Session(tmp_path, "session").run(shell, "env -0")
    assert done.stderr == b""
    assert variables(b"=\0" + done.stdout) == ([], SEEN)


@pytest.mark.parametrize("scope", shell_profile.SCOPES)
@pytest.mark.parametrize("shell", SHELLS)
def test_without_the_secret_nothing_is_printed_and_nothing_breaks(tmp_path: Path, shell: str, scope: str) -> None:
    session = Session(tmp_path, scope)
    session.token.unlink()
    done = session.run(shell, "claude now; echo ended $?" if shell != "fish" else "claude now; echo ended $status")
    assert done.stderr == b""
    output, _unused, ended = done.stdout.partition(b"ended ")
    assert ended == b"0\n"
    assert variables(output) == (["now"], {"OTEL_HEADERS": "the developer's own"})


@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_snippet_is_silent(session: Session, shell: str) -> None:
    session.snippet(shell).unlink()
    done = session.run(shell, "echo fine")
    assert (done.stdout, done.stderr) == (b"fine\n", b"")


@pytest.mark.parametrize("scope", shell_profile.SCOPES)
@pytest.mark.parametrize("shell", SHELLS)
def test_sourcing_twice_changes_nothing(tmp_path: Path, shell: str, scope: str) -> None:
    session = Session(tmp_path, scope)
    line = shell_profile.source_line(shell, "~/" + session.snippet(shell).name)
    assert variables(session.run(shell, line + "claude").stdout) == ([], SEEN)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_exit_status_of_the_client_is_kept(session: Session, shell: str) -> None:
    (session.home / "bin" / "claude").write_text("#!/bin/sh\nexit 7\n")
    status = "$status" if shell == "fish" else "$?"
    assert session.run(shell, f"claude; echo {status}").stdout == b"7\n"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_an_alias_of_that_name_does_not_break_the_start_up(session: Session, shell: str) -> None:
    line = shell_profile.source_line(shell, "~/" + session.snippet(shell).name)
    option = "shopt -s expand_aliases" if shell == "bash" else "setopt aliases"
    done = session.run(shell, f"{option}\nalias claude=/nowhere/claude\n{line}echo fine\n")
    assert (done.stdout, done.stderr) == (b"fine\n", b"")


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_strict_scripts_can_source_it(session: Session, shell: str) -> None:
    session.token.unlink()
    line = shell_profile.source_line(shell, "~/" + session.snippet(shell).name)
    done = session.run(shell, f"set -eu\n{line}echo fine\n")
    assert (done.stdout, done.stderr) == (b"fine\n", b"")


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_login_lines_serve_sh_and_bash_from_one_file(tmp_path: Path, shell: str) -> None:
    for name in ("sh", "bash"):
        (tmp_path / f"profile.{name}").write_text(f"echo {name}\n")
    lines = shell_profile.login_lines({name: f"~/profile.{name}" for name in ("sh", "bash")})
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run([shell, "-c", lines], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{shell}\n"


# A shell that copies its whole environment for each variable is slow with more.
CHUNK = 1000
# What people set in their start-up files and changes how quotes, words and patterns are read.
SHELL_OPTIONS = {
    "bash": ["-H", "-O", "extglob", "-O", "nullglob"],
    "zsh": [
        f"-o{option}"
        for option in (
            *("banghist", "cshjunkiequotes", "extendedglob", "globassign", "globsubst", "ksharrays"),
            *("magicequalsubst", "nullglob", "rcexpandparam", "rcquotes", "shwordsplit"),
        )
    ],
}


def read_back(shell: str, values: Mapping[str, str], folder: Path, locale: str) -> dict[str, str]:
    """What a program gets that is started from a shell after the snippet."""
    (folder / "token").write_text(SECRET + "\n")
    snippet = folder / "snippet"
    snippet.write_text(shell_profile.render(shell, "session", values, str(folder / "token")), encoding="utf-8")
    command = f"source {snippet}" if shell == "fish" else f". {snippet}"
    done = subprocess.run(
        [shell, *SHELL_OPTIONS.get(shell, []), "-c", f"{command}\nenv -0"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": locale},
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == b""
    pairs = (item.split("=", 1) for item in done.stdout.decode().split("\0") if item)
    return {name: value for name, value in pairs if name in values}


@pytest.fixture(scope="module")
def environments() -> list[dict[str, str]]:
    """Ten thousand values as the option `extra` lets them through."""
    accepted = awkward.values(10000)
    return [
        telemetry_env.build(
            telemetry_options_with(
                extra={f"AWKWARD_{index}": text for index, text in enumerate(accepted[start : start + CHUNK])}
            ),
            SECRET_MARK,
        )
        for start in range(0, len(accepted), CHUNK)
    ]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize("shell", SHELLS)
def test_any_value_comes_back_from_the_shell_as_it_was(
    shell: str, locale: str, tmp_path: Path, environments: list[dict[str, str]]
) -> None:
    """`sh` is dash on Debian and bash elsewhere."""
    assert sum(len(environment) for environment in environments) > 10000
    for environment in environments:
        seen = {name: value.replace(SECRET_MARK, SECRET) for name, value in environment.items()}
        assert read_back(shell, environment, tmp_path, locale) == seen


BODY = "if true; then :; fi\n"
START_UP = st.lists(st.sampled_from(["export A=1", "", "# BEGIN other", "case $- in *i*) ;; *) return;; esac"])).map(
    "\n".join
)


@given(START_UP, st.booleans())
def test_a_block_goes_in_once_and_comes_out_exactly(text: str, created: bool) -> None:
    once = shell_profile.set_block(text, BODY, created)
    assert shell_profile.set_block(once, BODY, created) == once
    assert shell_profile.block_of(once) == BODY
    assert shell_profile.remove_block(once) == (text, created and text == "")
    changed = shell_profile.set_block(once, "other\n", False)
    assert shell_profile.remove_block(changed) == (text, created and text == "")


@pytest.mark.parametrize("damage", ["begin", "end", "twice"])
def test_damaged_marks_are_refused(damage: str) -> None:
    block = shell_profile.block(BODY, False)
    begin, *_middle, end = block.splitlines(keepends=True)
    text = {"begin": block.replace(begin, ""), "end": block.replace(end, ""), "twice": block + block}[damage]
    with pytest.raises(shell_profile.BlockError, match="our block"):
        shell_profile.set_block(text, BODY, False)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_name_that_is_accepted_is_one_that_the_shell_sets(tmp_path: Path, shell: str) -> None:
    listed = subprocess.run(OWN[shell], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True, text=True)
    accepted = []
    for name in listed.stdout.split():
        with contextlib.suppress(telemetry_env.OptionError):
            telemetry_env.build(telemetry_options_with(extra={name: "/a:b"}), SECRET)
            accepted.append(name)
    assert "PATH" in listed.stdout.split()
    assert "PATH" not in accepted
    snippet = tmp_path / "snippet"
    (tmp_path / "token").write_text(SECRET + "\n")
    for name in accepted:
        snippet.write_text(shell_profile.render(shell, "session", {name: "/a:b"}, str(tmp_path / "token")))
        script = shell_profile.source_line(shell, str(snippet)) + "/usr/bin/env"
        seen = subprocess.run([shell, "-c", script], capture_output=True, check=True, text=True)
        assert f"{name}=/a:b" in seen.stdout.splitlines(), name
