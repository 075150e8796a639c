# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Summarise the local Axiom's log by machine; fail where one of the named machines delivered no logs or no metrics."""

from __future__ import annotations

import json
import sys
from collections import Counter


def main(machines: list[str]) -> int:
    arrived: Counter[tuple[str, str, str, str]] = Counter()
    for line in sys.stdin:
        entry = json.loads(line)
        host = entry["resource"].get("host.name", "?")
        for name in entry["names"]:
            arrived[host, entry["signal"], entry["dataset"], name] += 1
    print(f"{'machine':<14} {'signal':<8} {'dataset':<20} {'what':<24} {'times'}")
    for (host, signal, dataset, name), times in sorted(arrived.items()):
        print(f"{host:<14} {signal:<8} {dataset:<20} {name:<24} {times}")
    seen = {(host, signal) for host, signal, _dataset, _name in arrived}
    silent = [machine for machine in machines if not {(machine, "logs"), (machine, "metrics")} <= seen]
    if silent:
        print(f"silent: {', '.join(silent)}", file=sys.stderr)
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
