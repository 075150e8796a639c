#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: otlp_probe
short_description: Send a probe to Axiom with the telemetry environment that is installed on a machine
version_added: 1.0.0
description:
  - Reads the environment that M(devfleet.axiom.claude_code_telemetry) installed, the way Claude Code gets it. With this
    environment, its proxy and its certificate authorities too, it sends one log record and one data point.
  - Reports for each signal what the ingest endpoint said. Accepted does not mean arrived, which only a query can tell.
  - A probe that is not accepted is a result and no failure; see RV(delivering). The module fails where it cannot probe.
  - What it sends has the service name C(devfleet-probe), event C(devfleet.probe) and metric C(devfleet.probe.count).
requirements:
  - opentelemetry-proto, on the controller only
notes:
  - A shell snippet is run by the shell that it was written for, with its owner's rights and an empty environment, in
    which C(claude) only notes down what it was given.
  - What was installed with another prefix than V(/) is read below it, the file of certificate authorities as well.
  - A proxy is spoken to over plain HTTP. One with an C(https://) URL is reported as unreachable.
author:
  - devfleet maintainers (@devfleet)
extends_documentation_fragment:
  - devfleet.axiom.attributes
attributes:
  action:
    description: Has a part that runs on the controller.
    support: full
  check_mode:
    support: full
    details: Everything is done but the POST; a connection to the endpoint is made.
  diff_mode:
    support: N/A
    details: This changes nothing.
  idempotent:
    support: N/A
    details: This changes nothing on the machine, and sends a new probe each time.
options:
  targets:
    description: Which installed environments to probe.
    type: list
    elements: str
    choices: [managed_settings, shell_profile, user_settings]
    default: [managed_settings]
  users:
    description:
      - Whose shell profiles and settings to probe, with their own rights.
      - Empty means the machine-wide shell profile; V(user_settings) in O(targets) needs names.
    type: list
    elements: str
    default: []
  prefix:
    description: Below which directory the environment was installed.
    type: path
    default: /
  platform:
    description: Whose paths to use. V(auto) asks the machine; WSL is V(linux).
    type: str
    choices: [auto, linux, darwin]
    default: auto
  signals:
    description: Which signals should be delivered. Others may be switched off without RV(delivering) becoming false.
    type: list
    elements: str
    choices: [logs, metrics]
    default: [logs, metrics]
  timeout:
    description: Seconds to wait for one endpoint.
    type: int
    default: 10
  store:
    description:
      - The store of M(devfleet.axiom.workspace), read on the controller. With O(token_name) it also tells which secret
        of that token the machine holds, and whether sessions run there that started before it came.
    type: dict
    default: {}
  token_name:
    description: Which token of O(store) the machine should use.
    type: str
  secrets:
    description: Set by the action, salted digests of the secrets in the store.
    type: dict
    default: {}
  probe_id:
    description: Set by the action.
    type: str
  log_payload:
    description: Set by the action, the log record in both encodings of OTLP, each as Base64.
    type: dict
    default: {}
  metric_payload:
    description: Set by the action, the data point in both encodings of OTLP, each as Base64.
    type: dict
    default: {}
seealso:
  - module: devfleet.axiom.claude_code_telemetry
  - module: devfleet.axiom.claude_code_telemetry_info
  - module: devfleet.axiom.arrivals_info
"""

EXAMPLES = r"""
- name: See what Axiom says to this machine
  devfleet.axiom.otlp_probe:
    targets: [managed_settings, shell_profile]
    users: [ada, linus]
  become: true
  register: probe

- name: Stop where a signal is not accepted
  ansible.builtin.assert:
    that: probe.delivering
"""

RETURN = r"""
probes:
  description: One entry for each target, user and signal.
  returned: success
  type: list
  elements: dict
  contains:
    target:
      description: Where the environment is installed.
      type: str
    user:
      description: Whose it is; null for a machine-wide one.
      type: str
    signal:
      description: C(logs) or C(metrics).
      type: str
    status:
      description:
        - C(accepted), HTTP 200 and nothing turned away.
        - C(partial), HTTP 200 but the record was turned away.
        - C(refused), another answer.
        - C(unreachable), no answer; the network, the proxy or TLS.
        - C(switched_off), the client would not send this signal.
        - C(not_installed), there is no environment.
        - C(broken), what is installed cannot work.
        - C(not_sent), in check mode.
      type: str
    http_status:
      description: The status of the answer, null where there was none.
      type: int
    reason:
      description: One line, null where there is nothing to say. Never holds the secret.
      type: str
    dataset:
      description: The dataset that the signal's header names, null where no environment is installed.
      type: str
    endpoint:
      description: Where the signal goes, null where no environment is installed.
      type: str
    secret:
      description:
        - Which secret is sent. C(current) or C(previous) of the record in the store, or C(other).
        - Null where no environment is installed.
      returned: with O(store)
      type: str
  sample:
    - dataset: claude-code-logs
      endpoint: https://us-east-1.aws.edge.axiom.co/v1/logs
      http_status: 200
      reason: null
      signal: logs
      status: accepted
      target: managed_settings
      user: null
delivering:
  description: Whether each of O(signals) was accepted from every target. False in check mode, where nothing is sent.
  returned: success
  type: bool
  sample: true
older_sessions:
  description:
    - How many Claude Code sessions started before the settings were last written, and so keep what was there before.
    - Null where C(ps) cannot tell, or nothing is installed.
  returned: success, with O(store)
  type: int
probe_id:
  description: The resource attribute C(devfleet.probe.id) of what was sent, to find it in a query.
  returned: success
  type: str
  sample: 4d0f5ad5-93c2-4f0b-8d5b-1f0b8f8a2b0e
"""

import base64

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.devfleet.axiom.plugins.module_utils import probing, sessions, targets, telemetry_options
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError
from ansible_collections.devfleet.axiom.plugins.module_utils.otlp_export import SIGNALS


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            targets=dict(type="list", elements="str", choices=list(targets.TARGETS), default=["managed_settings"]),
            users=dict(type="list", elements="str", default=[]),
            prefix=dict(type="path", default="/"),
            platform=dict(type="str", choices=["auto", *targets.PLATFORMS], default="auto"),
            signals=dict(type="list", elements="str", choices=list(SIGNALS), default=list(SIGNALS)),
            timeout=dict(type="int", default=10),
            store=dict(type="dict", default={}),
            token_name=dict(type="str", no_log=False),
            secrets=dict(type="dict", default={}, no_log=False),
            probe_id=dict(type="str"),
            log_payload=dict(type="dict", default={}),
            metric_payload=dict(type="dict", default={}),
        ),
        supports_check_mode=True,
    )
    options = telemetry_options.on_this_machine(module.params)
    payloads = {
        signal: {encoding: base64.b64decode(body) for encoding, body in options[option].items()}
        for signal, option in (("logs", "log_payload"), ("metrics", "metric_payload"))
    }
    try:
        report = probing.probe(options, payloads, options["timeout"], module.check_mode, options["secrets"])
    except CollectionError as error:
        module.fail_json(**error.result())
    module.no_log_values.update(report.secrets)
    module.exit_json(
        changed=False,
        probes=report.probes,
        delivering=probing.delivering(report.probes, options["signals"]),
        probe_id=options["probe_id"],
        **({"older_sessions": sessions.count_older(options)} if options["secrets"] else {}),
    )


if __name__ == "__main__":
    main()
