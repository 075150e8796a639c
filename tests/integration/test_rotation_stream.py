# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Twenty machines send without a pause while their token is rotated; the local Axiom counts what came."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from support.rollout import LOGS, Rollout, send

from axiom_emulator.testing import LocalAxiom

HOSTS = [f"m{number:02}" for number in range(20)]
DEAD, SLOW, LONG = "m03", "m07", "m11"
SESSION = "  4711 02-03:04:05 claude"


class Sender(threading.Thread):
    """What Claude Code does on a machine: sends events with the settings that it read.

    A short session reads them each time, a long one when it is started.
    """

    def __init__(self, fleet: Rollout, host: str, long: bool = False) -> None:
        super().__init__(daemon=True)
        self._fleet, self._host, self._long = fleet, host, long
        self._done = threading.Event()
        self._settings = self._read()
        self.sent: list[str] = []
        self.statuses: set[int] = set()

    def _read(self) -> tuple[str, str]:
        environment = json.loads(self._fleet.machines[self._host].drop_in.read_text())["env"]
        secret = environment["OTEL_EXPORTER_OTLP_HEADERS"].partition("Bearer ")[2]
        return secret, environment["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"]

    def restart(self) -> None:
        """The developer ends the session and starts another."""
        self._settings = self._read()

    def run(self) -> None:
        while not self._done.is_set():
            secret, endpoint = self._settings if self._long else self._read()
            name = f"{self._host}-{len(self.sent)}"
            self.statuses.add(send(self._fleet.axiom, secret, name, endpoint))
            self.sent.append(name)
            self._done.wait(0.5)

    def stop(self) -> None:
        self._done.set()
        self.join()


def test_nothing_is_lost_and_nothing_is_accepted_with_a_dead_token(open_path: Path, axiom: LocalAxiom) -> None:
    fleet = Rollout(open_path, axiom, HOSTS).after("provision", "enforce")
    old = fleet.record()["secret"]
    python = fleet.processes[SLOW].python
    python.write_text(python.read_text().replace("#!/bin/sh\n", "#!/bin/sh\nsleep 3\n"))
    fleet.runs(LONG, SESSION)
    fleet.declare(asleep=(DEAD,))
    senders = {host: Sender(fleet, host, long=host == LONG) for host in HOSTS}
    for sender in senders.values():
        sender.start()
    first = fleet.play("rotate", "-e", "claude_code_telemetry_serial=7")
    assert first.status == 0, first.output
    new = fleet.record()["secret"]
    assert fleet.installed() == {host: old if host == DEAD else new for host in HOSTS}
    assert [line.partition(":")[0] for line in fleet.summary(first)[1:]] == [DEAD, LONG]
    # The morning after: the laptop is awake and the long session was restarted.
    fleet.declare()
    fleet.runs(LONG)
    senders[LONG].restart()
    second = fleet.play("rotate")
    assert second.status == 0, second.output
    assert fleet.record()["secret"] == new
    assert set(fleet.installed().values()) == {new}
    assert send(axiom, old, "with-a-dead-token") == 401
    counts = {host: len(sender.sent) for host, sender in senders.items()}
    while any(len(sender.sent) < counts[host] + 2 for host, sender in senders.items()):
        senders[LONG].join(0.1)
    for sender in senders.values():
        sender.stop()
    assert {host: sender.statuses for host, sender in senders.items()} == {host: {200} for host in HOSTS}
    events = [entry["name"] for entry in axiom.arrived("logs") if entry["name"] != "devfleet.probe"]
    assert sorted(events) == sorted(name for sender in senders.values() for name in sender.sent)
    assert {entry["dataset"] for entry in axiom.arrived("logs")} == {LOGS}
