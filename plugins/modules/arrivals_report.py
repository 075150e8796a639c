#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: arrivals_report
short_description: Write down what M(devfleet.axiom.arrivals_info) found, for people, CI and schedulers
version_added: 1.0.0
author: devfleet maintainers (@devfleet)
description:
  - Adds to a report what the silent machines said when they were asked, and writes C(report.json), C(junit.xml) and
    C(report.html).
  - Runs on the controller once per play, and opens no connection to any host.
extends_documentation_fragment:
  - devfleet.axiom.attributes
attributes:
  action:
    description: Runs on the controller.
    support: full
  bypass_host_loop:
    description: Runs once for all hosts of a play.
    support: full
  check_mode:
    support: full
    details: Everything is done but the writing.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: The files are output and hold the time, so they are written anew; that is not counted as a change.
options:
  report:
    description: RV(devfleet.axiom.arrivals_info#module:report).
    type: dict
    required: true
  answers:
    description:
      - Under which name the results of M(devfleet.axiom.claude_code_telemetry_info) were registered, where machines
        were asked.
    type: str
    default: telemetry_verify_reasons
  dir:
    description:
      - Where to write the files, relative to where Ansible was started. It is made where it is missing, and may not lie
        in a directory that is an inventory. If not set, nothing is written.
      - The files can be read by their owner and their group. They hold the names of machines and teams, and no secret.
    type: path
  fail_below:
    description: RV(falls_short) is true where fewer than this share of the machines delivers, for example V(95%).
    type: str
seealso:
  - module: devfleet.axiom.arrivals_info
"""

EXAMPLES = r"""
- name: Write the report
  devfleet.axiom.arrivals_report:
    report: "{{ arrived.report }}"
    dir: claude-code-report
    fail_below: 95%
  run_once: true
  register: written
"""

RETURN = r"""
lines:
  description: The report as lines for a terminal.
  returned: success
  type: list
  elements: str
falls_short:
  description: Whether fewer machines deliver than O(fail_below).
  returned: success
  type: bool
silent:
  description: Names of the machines that should deliver and do not.
  returned: success
  type: list
  elements: str
summary:
  description: Numbers, and the names of up to a hundred silent machines, small enough for a scheduler to keep.
  returned: success
  type: dict
  contains:
    expected:
      description: How many machines should deliver.
      type: int
    delivering:
      description: How many of them do.
      type: int
    percent:
      description: O(ignore:delivering) of O(ignore:expected) in percent; null where none is expected.
      type: float
    classes:
      description: How many machines are in each class of C(docs/report.md).
      type: dict
    window:
      description: C(start) and C(end) of the time that was looked at, RFC 3339 in UTC.
      type: dict
    silent:
      description: Names of up to a hundred machines that should deliver and do not.
      type: list
      elements: str
  sample:
    expected: 1
    delivering: 0
    percent: 0.0
    classes: {never_seen: 1, stale: 0, logs_only: 0, metrics_only: 0, unknown: 0, not_in_use: 0, delivering: 0}
    window: {start: "2026-11-25T01:37:56.027010161Z", end: "2026-11-26T01:37:56.027010161Z"}
    silent: [pay-laptop-1]
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            report=dict(type="dict", required=True),
            answers=dict(type="str", default="telemetry_verify_reasons"),
            dir=dict(type="path"),
            fail_below=dict(type="str"),
        ),
        supports_check_mode=True,
    )
    module.fail_json(msg="devfleet.axiom.arrivals_report runs on the controller: use it in a playbook, as a task")


if __name__ == "__main__":
    main()
