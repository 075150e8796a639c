# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.release import __version__ as ansible_core_version

from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import COLLECTION_VERSION

DOCUMENTATION = r"""
name: run_stats
short_description: What a run over many machines came to, small and without secrets, for a scheduler to keep
version_added: 1.0.0
description:
  - Takes host names and, from each one's variables, the registered result of M(devfleet.axiom.claude_code_telemetry) or
    M(devfleet.axiom.otlp_probe).
  - Made for M(ansible.builtin.set_stats), which becomes the artifacts of a job in AWX.
author:
  - devfleet maintainers (@devfleet)
positional: _input, hostvars
options:
  _input:
    description: Names of hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable RV(ignore:hostvars).
    type: dict
    required: true
  check_mode:
    description: The variable RV(ignore:ansible_check_mode). A machine that has drifted is not good then.
    type: bool
    default: false
  variable:
    description: Under which name the result was registered.
    type: str
    default: claude_code_telemetry_result
"""

EXAMPLES = r"""
- name: Leave what happened for the scheduler
  ansible.builtin.set_stats:
    data:
      axiom_enforce: "{{ ansible_play_hosts_all | devfleet.axiom.run_stats(hostvars, ansible_check_mode) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: Numbers, and the names of up to a hundred machines of each kind.
  type: dict
  contains:
    hosts:
      description: How many machines there are.
      type: int
    good:
      description: How many of them are as declared now, or deliver.
      type: int
    coverage:
      description: RV(good) of RV(hosts) in percent, rounded down to a tenth; 0 where there is no machine.
      type: float
    changed:
      description: How many had drifted. They were repaired, in check mode they were not.
      type: int
    changed_hosts:
      description: Their names.
      type: list
      elements: str
    failed:
      description: How many were reached and are not as they should be.
      type: int
    failed_hosts:
      description: Their names.
      type: list
      elements: str
    unreachable:
      description: How many could not be reached.
      type: int
    unreachable_hosts:
      description: Their names.
      type: list
      elements: str
    collection:
      description: Version of this collection.
      type: str
    ansible_core:
      description: Version of ansible-core.
      type: str
"""

# Artifacts travel to every later job of a workflow.
MOST_NAMES = 100


def _kind(result: Mapping[str, Any] | None) -> str:
    if result is None:
        return "failed"
    if result.get("unreachable"):
        return "unreachable"
    if result.get("failed") or not result.get("delivering", True):
        return "failed"
    return "changed" if result.get("changed") else "good"


def run_stats(
    hosts: Iterable[str],
    hostvars: Mapping[str, Any],
    check_mode: bool = False,
    variable: str = "claude_code_telemetry_result",
) -> dict[str, Any]:
    names: dict[str, list[str]] = {kind: [] for kind in ("good", "changed", "failed", "unreachable")}
    for host in hosts:
        names[_kind(hostvars[host].get(variable))].append(host)
    number = sum(map(len, names.values()))
    good = len(names["good"]) + (0 if check_mode else len(names["changed"]))
    stats: dict[str, Any] = {
        "hosts": number,
        "good": good,
        "coverage": good * 1000 // number / 10 if number else 0.0,
        "collection": COLLECTION_VERSION,
        "ansible_core": ansible_core_version,
    }
    for kind in ("changed", "failed", "unreachable"):
        stats[kind] = len(names[kind])
        stats[f"{kind}_hosts"] = names[kind][:MOST_NAMES]
    return stats


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"run_stats": run_stats}
