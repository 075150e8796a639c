# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine with several installed environments: each signal sent once, each reported, nothing secret in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.machine import USER, FakeMachine
from support.options import SECRET

from ansible_collections.devfleet.axiom.plugins.module_utils import otlp_send, probing
from ansible_collections.devfleet.axiom.plugins.module_utils.otlp_export import Delivery
from ansible_collections.devfleet.axiom.plugins.module_utils.otlp_send import Answer
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import OptionError

BOTH = ["managed_settings", "shell_profile"]
PAYLOADS = {signal: dict.fromkeys(("protobuf", "json"), b"") for signal in ("logs", "metrics")}


@pytest.fixture
def machine(open_path: Path) -> FakeMachine:
    return FakeMachine(open_path / "machine")


class Sent:
    """Stands in for the network; keeps who sent what in a file, because a user's probe is sent by another process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answer = Answer("accepted", 200, None)
        path.touch()
        path.chmod(0o666)

    def send(self, delivery: Delivery, body: bytes | None, timeout: float, prefix: str) -> Answer:
        with self.path.open("a") as stream:
            stream.write(f"{os.geteuid()} {delivery.endpoint} {body!r}\n")
        return self.answer

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()


@pytest.fixture
def sent(machine: FakeMachine, monkeypatch: pytest.MonkeyPatch) -> Sent:
    sent = Sent(machine.root / "sent")
    monkeypatch.setattr(otlp_send, "send", sent.send)
    return sent


def probe(machine: FakeMachine, check: bool = False, **changes: Any) -> probing.Report:
    options = {"targets": BOTH, "users": [], "prefix": str(machine.root), "platform": "linux", **changes}
    return probing.probe(options, PAYLOADS, 5, check)


def test_the_same_delivery_is_tried_once_and_reported_for_each(machine: FakeMachine, sent: Sent) -> None:
    machine.converge(targets=BOTH)
    report = probe(machine)
    assert [(item["target"], item["signal"], item["status"], item["dataset"]) for item in report.probes] == [
        (target, signal, "accepted", f"claude-code-{signal}") for target in BOTH for signal in ("logs", "metrics")
    ]
    assert len(sent.lines()) == 2


def test_another_delivery_is_tried_too(machine: FakeMachine, sent: Sent) -> None:
    machine.converge(targets=["managed_settings"])
    machine.converge(targets=["shell_profile"], token="another-secret")
    probe(machine)
    assert len(sent.lines()) == 4


def test_a_users_probe_is_sent_with_that_users_rights(machine: FakeMachine, sent: Sent) -> None:
    machine.converge(targets=["shell_profile"], users=[USER])
    probe(machine, targets=["shell_profile"], users=[USER])
    assert {line.split()[0] for line in sent.lines()} == {str(machine.home.stat().st_uid)}


def test_check_mode_gives_no_body_to_send(machine: FakeMachine, sent: Sent) -> None:
    machine.converge()
    probe(machine, check=True, targets=["managed_settings"])
    assert {line.split()[2] for line in sent.lines()} == {"None"}


def test_no_secret_is_in_a_report(machine: FakeMachine, sent: Sent) -> None:
    """Not the installed one, however the server returns it; nor another that looks like a token."""
    sent.answer = Answer("refused", 401, f"no token {SECRET}, nor xaat-another, a\n\x1bb " + SECRET * 50)
    machine.converge()
    report = probe(machine, targets=["managed_settings"])
    assert SECRET in report.secrets
    reason = report.probes[0]["reason"]
    assert reason.startswith("no token ********, nor ********, a \ufffdb ********")
    assert len(reason) <= 401


def test_the_way_out_is_not_cut_off_behind_a_long_path(machine: FakeMachine, sent: Sent) -> None:
    machine.write("etc/claude-code/managed-settings.d/" + "x" * 180 + ".json", "{")
    reason = probe(machine, targets=["managed_settings"]).probes[0]["reason"]
    assert reason.endswith("Claude Code refuses to start with it, repair or remove it")


def test_a_secret_that_is_no_token_of_axioms_is_masked(machine: FakeMachine, sent: Sent) -> None:
    sent.answer = Answer("refused", 401, "0123456789abcdef is not known")
    machine.write(
        "etc/claude-code/managed-settings.json",
        '{"env": {"CLAUDE_CODE_ENABLE_TELEMETRY": "1", "OTEL_LOGS_EXPORTER": "otlp",'
        '"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf",'
        '"OTEL_EXPORTER_OTLP_LOGS_HEADERS": "x-api-key=0123456789abcdef",'
        '"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://gateway.example/v1/logs"}}',
    )
    logs = probe(machine, targets=["managed_settings"]).probes[0]
    assert logs["reason"] == "******** is not known"


def test_a_secret_in_the_wrong_place_is_masked(machine: FakeMachine, sent: Sent) -> None:
    machine.write(
        "etc/claude-code/managed-settings.json",
        '{"env": {"CLAUDE_CODE_ENABLE_TELEMETRY": "1", "OTEL_LOGS_EXPORTER": "otlp",'
        '"OTEL_METRICS_EXPORTER": "xaat-1-1",'
        f'"OTEL_EXPORTER_OTLP_LOGS_HEADERS": "x-axiom-dataset={SECRET}",'
        f'"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://u:p4ssw0rds@x/{SECRET}"}}}}',
    )
    text = str(probe(machine, targets=["managed_settings"]).probes)
    assert "xaat-" not in text
    assert "p4ssw0rds" not in text


def test_what_is_not_installed_and_what_is_off(machine: FakeMachine, sent: Sent) -> None:
    machine.converge(enabled=False)
    report = probe(machine)
    assert [item["status"] for item in report.probes] == ["switched_off"] * 2 + ["not_installed"] * 2
    assert sent.lines() == []
    machine.settings.joinpath("managed-settings.json").write_text("{")
    assert [item["status"] for item in probe(machine, targets=["managed_settings"]).probes] == ["broken"] * 2


@pytest.mark.parametrize(
    ("statuses", "expected", "wanted"),
    [
        (["accepted", "accepted"], ["logs", "metrics"], True),
        (["accepted", "switched_off"], ["logs", "metrics"], False),
        (["accepted", "switched_off"], ["logs"], True),
        (["accepted", "refused"], ["logs"], False),
        (["switched_off", "switched_off"], [], True),
        *[(["accepted", status], ["logs", "metrics"], False) for status in ("partial", "unreachable", "not_sent")],
        *[([status, status], [], False) for status in ("not_installed", "broken")],
    ],
)
def test_delivering(statuses: list[str], expected: list[str], wanted: bool) -> None:
    probes = [
        {"signal": signal, "status": status} for signal, status in zip(["logs", "metrics"], statuses, strict=True)
    ]
    assert probing.delivering(probes, expected) is wanted


@pytest.mark.parametrize("wrong", [{"users": ["ada; id"]}, {"prefix": "relative"}, {"prefix": "/a/../b"}])
def test_wrong_options(machine: FakeMachine, wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        probe(machine, **wrong)
