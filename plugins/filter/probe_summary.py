# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import error_line, finding_line, one_line

DOCUMENTATION = r"""
name: probe_summary
short_description: What the probes of many machines say together
version_added: 1.0.0
description:
  - Takes host names and, from each one's variables, the registered result of M(devfleet.axiom.otlp_probe).
  - Tells machines that deliver, that do not, that could not be reached, and that were not probed at all.
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
    description: The variable RV(ignore:ansible_check_mode); that nothing was accepted is no failure then.
    type: bool
    default: false
  variable:
    description: Under which name the result was registered.
    type: str
    default: telemetry_verify_result
  reasons_variable:
    description:
      - Under which name the result of M(devfleet.axiom.claude_code_telemetry_info) was registered. Its findings say why
        a machine does not deliver.
    type: str
    default: telemetry_verify_reasons
"""

EXAMPLES = r"""
- name: Say what was found
  ansible.builtin.debug:
    msg: "{{ (ansible_play_hosts_all | devfleet.axiom.probe_summary(hostvars)).lines }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The summary.
  type: dict
  contains:
    lines:
      description: One line for each host and signal, and for each reason that was found, and one that counts.
      type: list
      elements: str
    failed:
      description: Why, for each host that was reached and does not deliver.
      type: dict
    unreachable:
      description: Why, for each host that could not be reached.
      type: dict
    not_probed:
      description: Hosts without a result, because they failed or were unreachable earlier.
      type: list
      elements: str
"""

ODD_ANSWER = "could not be probed: it answers in another form than the module otlp_probe"
_GOOD = ("accepted", "switched_off", "not_sent")


def _probe(probe: Mapping[str, Any]) -> str:
    """For example ``managed_settings logs: accepted -> claude-code-logs``."""
    whose = f" of {probe['user']}" if probe["user"] else ""
    number = f" ({probe['http_status']})" if probe["http_status"] not in (None, 200) else ""
    where = f" -> {probe['dataset']}" if probe["dataset"] else ""
    why = f": {probe['reason']}" if probe["reason"] else ""
    return f"{probe['target']}{whose} {probe['signal']}: {probe['status']}{number}{where}{why}"


def _reasons(result: Mapping[str, Any] | None, probes: Iterable[Mapping[str, Any]]) -> list[str]:
    """What was found on the machine, but for what the probe has said already."""
    said = " ".join(probe["reason"] or "" for probe in probes)
    return [
        f"{finding['code']}: {finding_line(finding)}; {finding['fix']}"
        for finding in (result or {}).get("findings", [])
        if finding["severity"] != "info" and finding["code"] != "not_installed" and finding["message"] not in said
    ]


def _told(result: Mapping[str, Any], found: Mapping[str, Any] | None, check_mode: bool) -> tuple[list[str], str]:
    """What the probes of one host say, and why it does not deliver, if so."""
    probes = {_probe(probe): probe["status"] in _GOOD for probe in result["probes"]}
    if result["delivering"] or check_mode:
        return list(probes), ""
    wrong = "; ".join(text for text, good in probes.items() if not good) or "; ".join(probes)
    reasons = [f"why: {reason}" for reason in _reasons(found, result["probes"])]
    return [*probes, *reasons], "; ".join([wrong, *reasons])


def _summary(
    results: Mapping[str, Mapping[str, Any] | None], check_mode: bool, found: Mapping[str, Mapping[str, Any] | None]
) -> dict[str, Any]:
    lines: list[str] = []
    failed: dict[str, str] = {}
    unreachable: dict[str, str] = {}
    for host, result in results.items():
        if result is None:
            lines.append(f"{host}: not probed: it failed or was unreachable earlier in this run")
        elif result.get("unreachable"):
            unreachable[host] = error_line(result.get("msg", ""))
            lines.append(f"{host}: unreachable: {unreachable[host]}")
        elif "probes" not in result:
            failed[host] = "could not be probed: " + error_line(result.get("msg", ""))
            lines.append(f"{host}: {failed[host]}")
        else:
            try:
                said, why = _told(result, found[host], check_mode)
            except (KeyError, TypeError, AttributeError):
                said, why = [], ODD_ANSWER
                lines.append(f"{host}: {why}")
            lines += [f"{host} {text}" for text in said]
            if why:
                failed[host] = why
    not_probed = [host for host, result in results.items() if result is None]
    delivering = len(results) - len(failed) - len(unreachable) - len(not_probed)
    counts = {"unreachable": len(unreachable), "not delivering": len(failed), "not probed": len(not_probed)}
    others = "".join(f", {count} {word}" for word, count in counts.items() if count)
    lines.append("check mode: nothing was sent" if check_mode else f"{delivering} of {len(results)} deliver{others}")
    return {
        "lines": [one_line(line) for line in lines],
        "failed": {host: one_line(why) for host, why in failed.items()},
        "unreachable": unreachable,
        "not_probed": not_probed,
    }


def probe_summary(
    hosts: Iterable[str],
    hostvars: Mapping[str, Any],
    check_mode: bool = False,
    variable: str = "telemetry_verify_result",
    reasons_variable: str = "telemetry_verify_reasons",
) -> dict[str, Any]:
    names = list(hosts)
    results, reasons = [{host: hostvars[host].get(name) for host in names} for name in (variable, reasons_variable)]
    return _summary(results, check_mode, reasons)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"probe_summary": probe_summary}
