# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``serve`` runs a controller in the foreground; ``record`` notes what the answers of a real AWX look like."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import requests
from support.serving import StartError

from awx_controller.recording import record, save
from awx_controller.server import serve

DEFAULT_PORT = 8652
DEFAULT_STATE = Path(".build/awx")


def _record(name: str) -> None:
    """Ask the controller that CONTROLLER_HOST and the others name."""
    session = requests.Session()
    session.auth = (os.environ["CONTROLLER_USERNAME"], os.environ["CONTROLLER_PASSWORD"])

    def call(method: str, path: str, body: Any) -> tuple[int, Any]:
        url = f"{os.environ['CONTROLLER_HOST']}/api/v2/{path}"
        response = session.request(method, url, json=body, timeout=60)
        # What a controller has no list of is a page in HTML.
        told = response.headers.get("Content-Type", "").startswith("application/json")
        return response.status_code, response.json() if told else None

    print(save(record(call), name))


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit status."""
    parser = argparse.ArgumentParser(prog="awx_controller", description="A small controller on loopback.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("serve", help="serve in the foreground; all is forgotten at the end")
    command.add_argument("--state", type=Path, default=DEFAULT_STATE, help="directory for files (default: %(default)s)")
    command.add_argument("--port", type=int, default=DEFAULT_PORT, help="0: any that is free (default: %(default)s)")
    command.add_argument("--path", default="", help="what jobs have as PATH (default: this process's)")
    command.add_argument("--collections", default="", help="search path of collections that jobs find")
    command.add_argument("--until-stdin-ends", action="store_true", help="stop when standard input is closed")
    command = commands.add_parser("record", help="write what the answers of $CONTROLLER_HOST look like to recorded/")
    command.add_argument("name", help="of the file, for example awx-24.6.1")
    options = parser.parse_args(arguments)
    if options.command == "record":
        _record(options.name)
        return 0
    try:
        serve(options.state, options.port, options.path, options.collections, options.until_stdin_ends)
    except StartError as error:
        print(f"awx_controller: {error}", file=sys.stderr)
        return 1
    return 0
