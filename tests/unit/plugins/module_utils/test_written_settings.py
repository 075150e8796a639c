# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings documents on a machine: ours follow the settings schema, others' come back to the byte or stay untouched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import awkward
from support.machine import USER, FakeMachine
from support.options import telemetry_options_with
from support.settings_documents import BROKEN, DOCUMENTS, corpus, violations

from ansible_collections.devfleet.axiom.plugins.module_utils import (
    host_files,
    settings_json,
    targets,
    telemetry_env,
    telemetry_options,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError

# The documents that others have a part in: path, and the options that merge into it.
MERGED: dict[str, tuple[str, dict[str, Any]]] = {
    "managed": ("etc/claude-code/managed-settings.json", {"managed_settings_layout": "merge"}),
    "user": (f"home/{USER}/.claude/settings.json", {"targets": ["user_settings"], "users": [USER]}),
}
each_merged = pytest.mark.parametrize(("path", "options"), MERGED.values(), ids=MERGED)


@pytest.fixture
def machine(open_path: Path) -> FakeMachine:
    return FakeMachine(open_path / "machine")


TEXT = st.lists(st.sampled_from(awkward.PIECES), min_size=1, max_size=6).map("".join)
BOOLEAN = st.booleans()
MILLISECONDS = st.integers(1000, 86400000)
# Every option that has a say in what is written, with everything that it may be.
OPTIONS = st.fixed_dictionaries(
    {"targets": st.lists(st.sampled_from(targets.TARGETS), min_size=1, unique=True)},
    optional={
        "enabled": BOOLEAN,
        "token": st.text(st.sampled_from("aZ0-._~+/="), min_size=1, max_size=40),
        "logs_dataset": st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True),
        "metrics_dataset": st.from_regex(r"[A-Za-z0-9._-]{1,128}", fullmatch=True),
        "logs_endpoint": st.just("http://[::1]:4318/v1/logs"),
        "logs_exporter": st.sampled_from(["otlp", "none"]),
        "metrics_exporter": st.sampled_from(["otlp", "none"]),
        "logs_protocol": st.sampled_from(["http/protobuf", "http/json"]),
        "intervals": st.sampled_from(["production", "testing"])
        | st.fixed_dictionaries({}, optional={"metrics": MILLISECONDS, "logs": MILLISECONDS.map(str)}),
        "resource_attributes": st.dictionaries(st.from_regex(r"[a-z][A-Za-z0-9._-]{0,9}", fullmatch=True), TEXT),
        "machine_attribute": st.just("machine.id"),
        "machine": st.just("") | TEXT,
        "include_host": BOOLEAN,
        "log_managed_settings": BOOLEAN,
        **dict.fromkeys(telemetry_env.PRIVACY_SWITCHES, BOOLEAN),
        "cardinality": st.fixed_dictionaries(
            {}, optional={switch: st.none() | BOOLEAN for switch in telemetry_env.CARDINALITY_SWITCHES}
        ),
        "http_proxy": st.just("http://proxy.example:3128"),
        "https_proxy": st.just("https://proxy.example"),
        "no_proxy": TEXT,
        "ca_file": TEXT.map("/{}".format),
        # What the client makes of other variables is between it and whoever names them here.
        "extra": st.dictionaries(
            st.from_regex(r"X_[A-Z0-9_]{0,9}", fullmatch=True), TEXT | BOOLEAN | st.integers() | st.floats()
        ),
        "shield": BOOLEAN,
        "managed_settings_layout": st.sampled_from(["drop_in", "merge"]),
        "users": st.just([USER]),
        "scope": st.sampled_from(["claude", "session"]),
    },
)


@given(OPTIONS, st.sampled_from(targets.PLATFORMS))
def test_what_is_written_follows_the_settings_schema(changes: dict[str, Any], platform: str) -> None:
    """And what it is merged into breaks no rule that it did not break before."""
    options = telemetry_options_with(**{"users": [USER], **changes})
    telemetry_options.check(options)
    written = [item for item in targets.wanted(options, platform) if item.content.startswith("{")]
    assert bool(written) == (options["targets"] != ["shell_profile"])
    for item in written:
        ours = json.loads(item.content)
        assert violations(ours) == []
        if item.kind == "settings":
            for text in ('{"permissions": {"deny": ["WebSearch"]}}\n', corpus("valid")["with-schema.json"]):
                assert violations(json.loads(settings_json.merge(text, ours["env"]).text)) == []


def round_trip(machine: FakeMachine, path: str, options: dict[str, Any], text: str) -> None:
    document = machine.write(path, text)
    before = machine.snapshot()
    machine.converge(**options)
    installed = settings_json.parse(document.read_bytes().decode())
    original = settings_json.parse(text)
    assert installed["env"]["OTEL_LOGS_EXPORTER"] == "otlp"
    assert {**installed, "env": {**installed["env"], **original.get("env", {})}} == {
        **original,
        "env": installed["env"],
    }
    assert machine.converge(**options).diffs == []
    machine.converge(state="absent", **options)
    assert machine.snapshot() == before


@each_merged
@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_of_others_comes_back_to_the_byte(
    machine: FakeMachine, path: str, options: dict[str, Any], text: str
) -> None:
    round_trip(machine, path, options, text)


# Samples that say something else in our place.
OTHERS_SAY = {
    "enum-coverage.json": "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL.* in env is set by somebody else",
    "env-variables.json": "OTEL_LOG_USER_PROMPTS.* in env is set by somebody else",
    "invalid-enum-values.json": "OTEL_LOG_USER_PROMPTS.* in env is set by somebody else",
    "modern-complete-config.json": "otelHeadersHelper overrides our Authorization header",
}


@pytest.mark.parametrize("kind", ["valid", "invalid"])
def test_the_documents_people_have_come_back_to_the_byte_or_are_untouched(machine: FakeMachine, kind: str) -> None:
    path, options = MERGED["managed"]
    for name, text in corpus(kind).items():
        if name not in OTHERS_SAY:
            round_trip(machine, path, options, text)
            continue
        machine.write(path, text)
        before = machine.snapshot()
        with pytest.raises(HostError, match=OTHERS_SAY[name]):
            machine.converge(**options)
        assert machine.snapshot() == before


@each_merged
@pytest.mark.parametrize("state", ["present", "absent"])
def test_broken_documents_are_named_with_their_place_and_untouched(
    machine: FakeMachine, path: str, options: dict[str, Any], state: str
) -> None:
    if state == "absent":
        machine.converge(**options)
    for text, line, column, message in BROKEN:
        # What we would take out of an env that is none is gone already: see below.
        if state == "absent" and "env is not" in message:
            continue
        machine.write(path, text)
        before = machine.snapshot()
        with pytest.raises(HostError) as error:
            machine.converge(state=state, **options)
        assert f"{path}: line {line} column {column}: " in str(error.value)
        assert message in str(error.value)
        assert machine.snapshot() == before


@each_merged
def test_a_broken_document_without_anything_of_ours_is_no_obstacle_when_we_go(
    machine: FakeMachine, path: str, options: dict[str, Any]
) -> None:
    for text, *_place in BROKEN:
        machine.write(path, text)
        before = machine.snapshot()
        assert machine.converge(state="absent", **options).diffs == []
        assert machine.snapshot() == before


@each_merged
def test_an_env_that_others_broke_since_is_left_when_we_go(
    machine: FakeMachine, path: str, options: dict[str, Any]
) -> None:
    document = machine.write(path, "{}\n")
    machine.converge(**options)
    document.write_text('{"env": "theirs"}')
    machine.converge(state="absent", **options)
    assert document.read_text() == '{"env": "theirs"}'
    assert not any(targets.STATE_NAME in name for name in machine.snapshot())


@each_merged
def test_half_a_character_in_our_place_is_somebody_elses_value(
    machine: FakeMachine, path: str, options: dict[str, Any]
) -> None:
    document = machine.write(path, r'{"env": {"OTEL_LOGS_EXPORTER": "\ud800"}}')
    with pytest.raises(HostError, match="OTEL_LOGS_EXPORTER in env is set by somebody else"):
        machine.converge(**options)
    shown = machine.converge(**options, force=True).diffs[0]["before"]
    assert json.loads(shown) == {"env": {"OTEL_LOGS_EXPORTER": "\ufffd"}}
    shown.encode()
    document.write_text(document.read_text().replace('"otlp"', r'"\udfff"'))
    assert "was changed by somebody else" in machine.converge(state="absent", **options).warnings[0]


@each_merged
def test_a_document_is_not_made_so_large_that_it_could_not_be_read_again(
    machine: FakeMachine, path: str, options: dict[str, Any]
) -> None:
    machine.write(path, '{"x": "%s"}' % ("x" * (host_files.SIZE_MAX - 100)))
    before = machine.snapshot()
    with pytest.raises(HostError, match=r"settings.json: would become larger than [0-9]+ bytes"):
        machine.converge(**options)
    assert machine.snapshot() == before
