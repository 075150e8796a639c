# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``serve`` runs the local Axiom in the foreground; ``log`` prints what arrived."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from support.serving import StartError

from axiom_emulator.emulator import PUT_MODES
from axiom_emulator.server import serve
from axiom_emulator.storage import Storage

DEFAULT_PORT = 8642
DEFAULT_STATE = Path(".build/axiom")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="axiom_emulator", description="A local Axiom on loopback.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("serve", "serve in the foreground"), ("log", "print what arrived, as JSON lines")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--state", type=Path, default=DEFAULT_STATE, help="directory (default: %(default)s)")
    command = commands.choices["serve"]
    port_help = "the API's; edges take the next two; 0: any that are free (default: %(default)s)"
    command.add_argument("--port", type=int, default=DEFAULT_PORT, help=port_help)
    command.add_argument("--put", choices=PUT_MODES, default="merge", help="what PUT does with fields left out")
    command.add_argument("--readonly", action="store_true", help="answer 500 to every write on the API")
    command.add_argument("--record-secrets", action="store_true", help="list every secret in a file, for leak sweeps")
    command.add_argument("--until-stdin-ends", action="store_true", help="stop when standard input is closed")
    return parser


def _log(state: Path) -> None:
    storage = Storage(state, create=False)
    for delivery, records in storage.deliveries():
        line = {
            "signal": delivery["signal"],
            "dataset": delivery["dataset"],
            "token": delivery["token"],
            "names": list(dict.fromkeys(record["name"] for record in records)),
            "resource": delivery["resource"],
            "records": len(records),
            "edge": delivery["edge"],
            "time": delivery["time"],
        }
        print(json.dumps(line, ensure_ascii=False))


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "log":
            _log(options.state)
        else:
            serve(
                options.state,
                options.port,
                options.put,
                options.readonly,
                options.record_secrets,
                options.until_stdin_ends,
            )
    except (StartError, FileNotFoundError) as error:
        print(f"axiom_emulator: {error}", file=sys.stderr)
        return 1
    return 0
