# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is told apart from whom in a fleet's summary."""

from __future__ import annotations

from typing import Any

from ansible_collections.devfleet.axiom.plugins.filter.probe_summary import FilterModule

summary = FilterModule().filters()["probe_summary"]


def probe(signal: str, status: str = "accepted", **changes: Any) -> dict[str, Any]:
    usual = {"target": "managed_settings", "user": None, "http_status": 200, "reason": None, "dataset": f"the-{signal}"}
    return {**usual, "signal": signal, "status": status, **changes}


def host(*probes: dict[str, Any], delivering: bool = False) -> dict[str, Any]:
    return {"telemetry_verify_result": {"probes": list(probes), "delivering": delivering, "failed": False}}


HOSTS: dict[str, dict[str, Any]] = {
    "good": host(probe("logs"), probe("metrics", user="ada", target="shell_profile"), delivering=True),
    "half": host(
        probe("logs"),
        probe("metrics", "refused", http_status=403, reason="may not"),
    ),
    "partial": host(probe("logs", "partial", reason="1 rejected: x")),
    "off": host(probe("logs", "switched_off", http_status=None, dataset=None, reason="X is not 1")),
    "asleep": {"telemetry_verify_result": {"unreachable": True, "msg": "Task failed: no\n route"}},
    "odd": {"telemetry_verify_result": {"failed": True, "msg": "no Python " + "x" * 400}},
    "lost": {},
}


def test_every_host_is_named() -> None:
    found = summary(HOSTS, HOSTS)
    assert found["lines"] == [
        "good managed_settings logs: accepted -> the-logs",
        "good shell_profile of ada metrics: accepted -> the-metrics",
        "half managed_settings logs: accepted -> the-logs",
        "half managed_settings metrics: refused (403) -> the-metrics: may not",
        "partial managed_settings logs: partial -> the-logs: 1 rejected: x",
        "off managed_settings logs: switched_off: X is not 1",
        "asleep: unreachable: no route",
        "odd: could not be probed: no Python " + "x" * 390 + "…",
        "lost: not probed: it failed or was unreachable earlier in this run",
        "1 of 7 deliver, 1 unreachable, 4 not delivering, 1 not probed",
    ]
    assert found["unreachable"] == {"asleep": "no route"}
    assert found["not_probed"] == ["lost"]


def test_those_that_do_not_deliver_say_what_is_wrong_only() -> None:
    failed = summary(HOSTS, HOSTS)["failed"]
    assert failed["half"] == "managed_settings metrics: refused (403) -> the-metrics: may not"
    # Off although it was expected to be on: nothing else is wrong, so this is the reason.
    assert failed["off"] == "managed_settings logs: switched_off: X is not 1"
    assert sorted(failed) == ["half", "odd", "off", "partial"]


def finding(code: str, **changes: Any) -> dict[str, Any]:
    usual = {"severity": "error", "user": None, "path": "/etc/x", "message": f"the {code}", "fix": "mend it"}
    return {**usual, "code": code, **changes}


def test_the_reasons_of_those_that_do_not_deliver_are_given() -> None:
    silent = {
        "probes": [probe("logs", "broken", reason="/etc/x: line 1; it is bad"), probe("metrics", "refused")],
        "delivering": False,
    }
    findings = [
        finding("malformed", message="/etc/x: line 1"),
        finding("not_installed", path=""),
        finding("unreadable", message="/etc/x: mode 0600"),
        finding("old_session", severity="warning", path=""),
        finding("no_client", severity="info", path=""),
        finding("overridden"),
    ]
    reasons = {"findings": findings}
    good = {"probes": [probe("logs")], "delivering": True}
    hosts = {
        "silent": {"telemetry_verify_result": silent, "telemetry_verify_reasons": reasons},
        "skipped": {"telemetry_verify_result": good, "telemetry_verify_reasons": {"skipped": True}},
        "not-asked": {"telemetry_verify_result": silent},
    }
    why = [
        "why: unreadable: /etc/x: mode 0600; mend it",
        "why: old_session: the old_session; mend it",
        "why: overridden: /etc/x the overridden; mend it",
    ]
    found = summary(hosts, hosts)
    assert [line for line in found["lines"] if " why: " in line] == [f"silent {reason}" for reason in why]
    assert found["failed"]["silent"].endswith("; ".join(why))
    assert "why" not in found["failed"]["not-asked"]


def test_check_mode_fails_only_what_cannot_be_probed() -> None:
    found = summary(HOSTS, HOSTS, True)
    assert list(found["failed"]) == ["odd"]
    assert found["lines"][-1] == "check mode: nothing was sent"


def test_another_variable() -> None:
    assert summary(["x"], {"x": {"mine": {"unreachable": True}}}, variable="mine")["unreachable"] == {"x": ""}


def test_what_machines_say_cannot_move_the_cursor() -> None:
    evil = "\x1b[2J\x9b31m\u202e\n{{ lookup('pipe', 'id') }}"
    finding = {"code": evil, "path": evil, "message": f"more {evil}", "fix": evil, "severity": "error"}
    hosts = {
        "a": {
            **host(
                probe("metrics", "partial"),
                probe("logs", "refused", reason=evil, user=evil, dataset=evil, http_status=evil),
            ),
            "telemetry_verify_reasons": {"findings": [finding]},
        },
        f"b{evil}": {"telemetry_verify_result": {"unreachable": True, "msg": evil}},
        "c": {"telemetry_verify_result": {"failed": True, "msg": evil}},
    }
    found = summary(hosts, hosts)
    assert len(found["lines"]) == 6
    assert all(line.isprintable() for line in [*found["lines"], *found["failed"].values()])


def test_one_machine_that_answers_nonsense_does_not_silence_the_others() -> None:
    hosts = {f"odd{number}": {"telemetry_verify_result": {"probes": odd}} for number, odd in enumerate(ODD)}
    found = summary({**hosts, **HOSTS}, {**hosts, **HOSTS})
    assert all(found["failed"][name] for name in hosts)
    assert "good managed_settings logs: accepted -> the-logs" in found["lines"]


ODD: list[Any] = [None, 1, "text", [1], [{}], {"a": 1}, [{**probe("logs"), "reason": 1}]]
