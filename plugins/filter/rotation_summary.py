# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.devfleet.axiom.plugins.filter.probe_summary import ODD_ANSWER
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import error_line, one_line
from ansible_collections.devfleet.axiom.plugins.plugin_utils.awx_job import partial_inventory

DOCUMENTATION = r"""
name: rotation_summary
short_description: Which machines have moved to the secret that the store holds, and which have not
version_added: 1.0.0
description:
  - Takes the tokens of the result of M(devfleet.axiom.workspace), and from each host's variables which token it uses
    and the registered result of M(devfleet.axiom.otlp_probe).
  - A machine has moved when every environment installed there holds the current secret and is accepted with it.
  - A slice of a job in AWX knows only its own machines. There no token counts as moved, whatever these have.
  - Without a former secret that lives nobody can tell of a machine that was not reached whether it moved in an earlier
    run, unless the token was minted in this one.
author:
  - devfleet maintainers (@devfleet)
positional: _input, hosts, hostvars
options:
  _input:
    description: RV(devfleet.axiom.workspace#module:tokens).
    type: list
    elements: dict
    required: true
  hosts:
    description: Names of all hosts of the inventory, whether they took part in this run or not.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable RV(ignore:hostvars).
    type: dict
    required: true
  names:
    description:
      - Names of the tokens that the run is about; empty means all.
      - Of the others only those are told that are being rotated, or that a machine which was reached has trouble with.
    type: list
    elements: str
    default: []
  check_mode:
    description: The variable RV(ignore:ansible_check_mode); nothing has moved then, and that is no failure.
    type: bool
    default: false
  variable:
    description: Under which name the result was registered.
    type: str
    default: telemetry_verify_result
"""

EXAMPLES = r"""
- name: Say who has not moved
  ansible.builtin.debug:
    msg: >-
      {{ (axiom_workspace_result.tokens | devfleet.axiom.rotation_summary(groups.all, hostvars)).lines }}
  run_once: true
"""

RETURN = r"""
_value:
  description: The summary.
  type: dict
  contains:
    lines:
      description: One line for each token, and one for each machine that has not moved or still runs older sessions.
      type: list
      elements: str
    moved:
      description: Tokens whose former secret no machine holds any more, as far as can be known.
      type: list
      elements: str
    failed:
      description: Why, for each machine that was reached and has not moved.
      type: dict
"""

_GOOD = ("accepted", "switched_off")


def _obstacle(result: Mapping[str, Any]) -> str | None:
    """Why a machine that was reached has not moved; None where it has."""
    if "probes" not in result:
        return "could not be probed: " + error_line(result.get("msg", ""))
    for probe in result["probes"]:
        where = f"{probe['target']}{' of ' + probe['user'] if probe['user'] else ''} {probe['signal']}"
        if probe.get("secret") == "previous":
            return f"{where}: the former secret is still installed"
        if probe.get("secret") == "other":
            return f"{where}: the secret there is not one of the store"
        if probe["status"] not in _GOOD:
            return f"{where}: {probe['status']}: {error_line(probe['reason'] or '')}"
    return None if result["delivering"] else "not every expected signal is accepted"


def _sessions(variables: Mapping[str, Any], result: Mapping[str, Any]) -> str | None:
    """What may still send with the former secret on a machine that has moved."""
    targets = variables.get("claude_code_telemetry_targets") or ()
    if "shell_profile" in targets and variables.get("claude_code_telemetry_scope") == "session":
        return "shells opened before keep the former secret"
    older = result.get("older_sessions")
    if older is None:
        return "whether older sessions run is not known"
    return f"{older} older session{'s' if older > 1 else ''} of Claude Code, to be restarted" if older else None


class _Token:
    """What is known about the machines of one token."""

    def __init__(self, token: Mapping[str, Any], hosts: Iterable[str], hostvars: Mapping[str, Any], name: str) -> None:
        self.name = token["name"]
        self.deadline = token.get("previous_expires_at")
        self.minted = bool(token.get("minted"))
        self.failed: dict[str, str] = {}
        self.waiting: dict[str, str] = {}
        self.holding: dict[str, str] = {}
        self.number = 0
        for host in hosts:
            variables = hostvars[host]
            if variables.get("claude_code_telemetry_token_name") == self.name:
                self.number += 1
                self._add(host, variables, variables.get(name))

    def _add(self, host: str, variables: Mapping[str, Any], result: Mapping[str, Any] | None) -> None:
        if result is None:
            self.waiting[host] = "not part of this run, or it failed earlier"
        elif result.get("unreachable"):
            self.waiting[host] = "unreachable: " + error_line(result.get("msg", ""))
        else:
            try:
                obstacle, holding = _obstacle(result), _sessions(variables, result)
            except (KeyError, TypeError, AttributeError):
                obstacle, holding = ODD_ANSWER, None
            if obstacle is not None:
                self.failed[host] = obstacle
            elif holding is not None:
                self.holding[host] = holding

    @property
    def moved(self) -> bool:
        return bool(self.number) and not self.failed and not self.waiting and not self.holding

    def lines(self) -> list[str]:
        fate = f"the former secret works until {self.deadline}" if self.deadline else "no former secret works"
        count = self.number - len(self.waiting) - len(self.failed)
        return [
            f"token {self.name}: {count} of {self.number} machines have moved; {fate}",
            *(f"{host}: has not moved ({self._remark(host)}): {why}" for host, why in self.waiting.items()),
            *(f"{host}: has not moved ({self._remark(host)}): {why}" for host, why in self.failed.items()),
            *(f"{host}: has moved; {reason}" for host, reason in self.holding.items()),
        ]

    def _remark(self, host: str) -> str:
        """What it means for a machine that it has not moved."""
        if self.deadline:
            return f"the former secret works until {self.deadline}"
        if self.minted or host in self.failed:
            return "DARK until it is reached and set right"
        return "DARK, unless it moved in an earlier run"


def rotation_summary(
    tokens: Iterable[Mapping[str, Any]],
    hosts: Iterable[str],
    hostvars: Mapping[str, Any],
    check_mode: bool = False,
    variable: str = "telemetry_verify_result",
    names: Iterable[str] = (),
) -> dict[str, Any]:
    if check_mode:
        return {"lines": ["check mode: nothing was minted or moved"], "moved": [], "failed": {}}
    hosts = list(hosts)
    about = set(names)
    told = [_Token(token, hosts, hostvars, variable) for token in tokens]
    # Of a token that no machine uses, such as one for reports, or that the run is not about, there is nothing to say
    # unless it is being rotated.
    found = [
        token
        for token in told
        if token.deadline or token.failed or (token.number and (not about or token.name in about))
    ]
    # What AWX says of a job is the same for all hosts.
    partial = partial_inventory(hostvars[hosts[0]]) if hosts else None
    lines = [line for token in found for line in token.lines()]
    if partial and any(token.deadline for token in found):
        lines.append(
            f"{partial}. There may be machines that it knows nothing of, so no former secret ends for having moved"
        )
    return {
        "lines": [one_line(line) for line in lines],
        "moved": [token.name for token in found if token.moved and not partial],
        "failed": {host: one_line(reason) for token in found for host, reason in token.failed.items()},
    }


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"rotation_summary": rotation_summary}
