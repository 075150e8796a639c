# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe is an optimisation only: it may say "nothing drifted" only where the module would change nothing."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.edits import EDITS, HOME, VARIANTS
from support.machine import FakeMachine
from support.options import SECRET, telemetry_options_with

from ansible_collections.devfleet.axiom.plugins.module_utils import targets
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError
from ansible_collections.devfleet.axiom.plugins.plugin_utils import host_probe

SHELLS = {
    "dash": ["dash"],
    "bash": ["bash", "--posix"],
    "busybox": ["busybox", "sh"],
    "zsh": ["zsh", "--emulate", "sh"],
}


def wanted(machine: FakeMachine, **changes: Any) -> dict[str, list[targets.Wanted]]:
    options = machine.options(**changes)
    return {platform: targets.wanted(options, platform) for platform in targets.PLATFORMS}


def probe(machine: FakeMachine, shell: list[str] | None = None, **changes: Any) -> str | None:
    """The platform where the probe says that nothing drifted; None where it leaves it to the module."""
    looked_for = wanted(machine, **changes)
    script = host_probe.script(looked_for, str(machine.root))
    assert SECRET not in script
    done = subprocess.run([*(shell or ["sh"]), "-c", script], capture_output=True, text=True, timeout=60, check=False)
    own = targets.own_document(machine.options(**changes))
    try:
        return host_probe.check(looked_for, str(machine.root), own, done.stdout)
    except host_probe.Unclear:
        return None


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_a_converged_machine_passes(open_path: Path, options: dict[str, Any], shell: list[str]) -> None:
    machine = FakeMachine(open_path / """a $(machine); it's "one" `here`""")
    machine.write("etc/claude-code/managed-settings.d/20-other.json", "{}")
    assert probe(machine, shell, **options) is None
    machine.converge(**options)
    assert probe(machine, shell, **options) == "linux"
    assert probe(machine, shell, state="absent", **options) is None
    machine.converge(state="absent", **options)
    assert probe(machine, shell, state="absent", **options) == "linux"


@settings(max_examples=60)
@example("user-settings", ["user settings are a folder", "user state gone"], True)
@example("merge", ["base broken", "state gone"], True)
@given(st.sampled_from(list(VARIANTS)), st.lists(st.sampled_from(list(EDITS)), max_size=4), st.booleans())
def test_the_probe_never_passes_what_the_module_would_change_or_refuse(
    variant: str, edits: list[str], absent: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        machine = FakeMachine(Path(folder) / "machine")
        options = VARIANTS[variant]
        machine.converge(**options)
        for edit in edits:
            EDITS[edit](machine)
        state = "absent" if absent else "present"
        passed = probe(machine, state=state, **options)
        before = machine.snapshot()
        try:
            drifted = bool(machine.converge(check=True, state=state, **options).diffs)
        except HostError:
            drifted = True
        assert machine.snapshot() == before
        if passed:
            assert not drifted, edits
        if not edits and not absent:
            assert passed


@pytest.mark.parametrize(
    ("path", "text", "options"),
    [
        ("etc/claude-code/managed-settings.json", '{"otelHeadersHelper": "/x"}', VARIANTS["drop-in"]),
        ("etc/claude-code/managed-settings.json", '{"otelHeadersHelper": "/x"}', VARIANTS["user-settings"]),
        (f"{HOME}/.claude/settings.json", '{"otelHeadersHelper": "/x"}', VARIANTS["user-settings"]),
    ],
)
def test_what_was_gone_over_by_force_is_asked_about_again(
    open_path: Path, path: str, text: str, options: dict[str, Any]
) -> None:
    machine = FakeMachine(open_path / "machine")
    machine.write(path, text)
    machine.converge(**options, force=True)
    assert probe(machine, **options) is None
    with pytest.raises(HostError, match="otelHeadersHelper"):
        machine.converge(**options)


@pytest.mark.parametrize("edit", ["bashrc edited", "user bash_profile"])
def test_what_is_no_drift_does_not_send_python(open_path: Path, edit: str) -> None:
    machine = FakeMachine(open_path / "machine")
    options = VARIANTS["everything"]
    machine.converge(**options)
    EDITS[edit](machine)
    assert probe(machine, **options) == "linux"


def test_a_banner_and_carriage_returns_are_read_through(open_path: Path) -> None:
    machine = FakeMachine(open_path / "machine")
    machine.converge()
    looked_for = wanted(machine)
    script = host_probe.script(looked_for, str(machine.root))
    output = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    noisy = "\n\nWelcome!\n=sum\n" + output.replace("\n", "\r\n") + "bye\r\n"
    own = targets.own_document(machine.options())
    assert host_probe.check(looked_for, str(machine.root), own, noisy) == "linux"
    for cut in range(0, len(output) - 6, 7):
        with pytest.raises(host_probe.Unclear):
            host_probe.check(looked_for, str(machine.root), own, output[:cut])


@given(st.text(max_size=200))
def test_any_other_output_is_unclear_and_nothing_worse(text: str) -> None:
    item = targets.Wanted("managed_settings", "file", (targets.Place("/etc/x"),), "content")
    for output in (text, f"=devfleet.axiom probe 1 Linux\n=user 0 / /\n{text}\n=end\n"):
        with pytest.raises(host_probe.Unclear):
            host_probe.check({"linux": [item]}, "/", "x", output)


# The shape in which Apple's BSD userland answers, after its manual pages and published listings; no Mac took part.
# An extended attribute shows as a mark after the mode.
MACOS = """\
=devfleet.axiom probe 1 Darwin
=user 0 / /
=ls
drwxr-xr-x  20 0  0  640 Nov 23 21:01 /.
drwxr-xr-x@ 66 0  0 2112 Nov 20 09:12 /Library/.
drwxr-xr-x   9 0  80  288 Nov 20 09:12 /Library/Application Support/.
drwxr-xr-x   3 0  0   96 Nov 23 21:01 /Library/Application Support/ClaudeCode/.
drwxr-xr-x   3 0  0   96 Nov 23 21:01 /Library/Application Support/ClaudeCode/managed-settings.d/.
-rw-r--r--@  1 0  0 1172 Nov 23 21:01 {path}
=sum
{digest}  {path}
=end
"""


def test_the_output_of_a_mac_is_understood() -> None:
    options = telemetry_options_with()
    looked_for = {platform: targets.wanted(options, platform) for platform in targets.PLATFORMS}
    own = next(item for item in looked_for["darwin"] if item.kind == "file")
    output = MACOS.format(path=own.places[0].path, digest=targets.digest(own.content))
    assert host_probe.check(looked_for, "/", targets.own_document(options), output) == "darwin"
    with pytest.raises(host_probe.Unclear):
        host_probe.check(looked_for, "/", targets.own_document(options), output.replace("-rw-r--r--@", "-rw-------@"))


MACOS_USER = """\
=devfleet.axiom probe 1 Darwin
=user 501 ada /Users/ada
=ls
drwxr-xr-x   3 0  0   96 Nov 23 21:01 /Library/Application Support/ClaudeCode
-rw-------@  1 501  20 1172 Nov 23 21:01 /Users/ada/.claude/settings.json
=sum
{digest}  /Users/ada/.claude/settings.json
=state {state}
=end
"""


def test_the_output_of_a_mac_about_a_users_settings_is_understood() -> None:
    options = telemetry_options_with(**VARIANTS["user-settings"])
    looked_for = {platform: targets.wanted(options, platform) for platform in targets.PLATFORMS}
    item = next(item for item in looked_for["darwin"] if item.kind == "settings")
    wanted_digest = targets.environment_digest(json.loads(item.content)["env"])
    merged = {"wanted": wanted_digest, "document": targets.digest("as written")}
    state = json.dumps({"version": 1, "documents": {}, "merged": merged})
    own = targets.own_document(options)
    output = MACOS_USER.format(digest=targets.digest("as written"), state=state)
    assert host_probe.check(looked_for, "/", own, output) == "darwin"
    for before, after in (("drwxr-xr-x", "drwx------"), ("as written", "edited"), (wanted_digest, "another")):
        changed = output.replace(before, after).replace(targets.digest(before), targets.digest(after), 1)
        with pytest.raises(host_probe.Unclear):
            host_probe.check(looked_for, "/", own, changed)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_parent_that_is_not_roots_is_left_to_the_module(open_path: Path) -> None:
    machine = FakeMachine(open_path / "machine")
    machine.converge()
    os.chown(machine.root / "etc", 4242, -1)
    assert probe(machine) is None


def test_without_a_digest_tool_the_module_decides(open_path: Path) -> None:
    machine = FakeMachine(open_path / "machine")
    machine.converge()
    looked_for = wanted(machine)
    script = (
        host_probe.script(looked_for, str(machine.root))
        .replace("sha256sum", "no-such-tool")
        .replace("shasum -a 256", "no-such-tool")
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    with pytest.raises(host_probe.Unclear):
        host_probe.check(looked_for, str(machine.root), targets.own_document(machine.options()), done.stdout)
