#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: arrivals_info
short_description: Find out which machines of the inventory have delivered Claude Code's telemetry to Axiom
version_added: 1.0.0
author: devfleet maintainers (@devfleet)
description:
  - Joins the hosts of the play with what arrived in their datasets within O(window), and tells for each whether it
    delivers. What a host should send where is taken from its variables C(claude_code_telemetry_*).
  - >-
    Runs on the controller once per play, and opens no connection to any host. One query for each dataset of logs, and
    two for each of metrics, whatever the number of hosts.
  - The probes of M(devfleet.axiom.otlp_probe) are never counted.
extends_documentation_fragment:
  - devfleet.axiom.connection
  - devfleet.axiom.attributes
  - devfleet.axiom.attributes.reads
  - devfleet.axiom.attributes.action_group
attributes:
  action:
    description: Runs on the controller.
    support: full
  bypass_host_loop:
    description: Runs once for all hosts of a play.
    support: full
options:
  token:
    description:
      - The secret of a token that may query all datasets, where it is in no store.
      - The environment variable E(AXIOM_TOKEN) is not used, because that is the management token.
    type: str
  store:
    description:
      - The store of M(devfleet.axiom.workspace), with C(type) and C(path). Besides the secrets of O(query_tokens) it
        tells where datasets live, and what machines should have installed.
    type: dict
  query_tokens:
    description: Names of the tokens in O(store) that may query the datasets. For each dataset the first one that may.
    type: list
    elements: str
    default: []
  window:
    description: How far to look back, one number and one of C(s), C(m), C(h), C(d), C(w).
    type: str
    default: 24h
  other_managed_settings:
    description:
      - What managed settings on the machines hold beside ours, merged, as one JSON document. Without it, settings that
        are out of date can only be told where ours are the only ones.
    type: dict
    default: {}
  management_token:
    description:
      - With it the number of fields of each dataset for logs is read, one request each, and the report warns near
        O(field_limit). It needs the org capability C(datasets) with C(read).
      - If not set, the environment variable E(AXIOM_TOKEN) is used. Without either, there is no such warning.
    type: str
  field_limit:
    description: How many fields a dataset may have, V(256) on Axiom's personal plan.
    type: int
    default: 1024
seealso:
  - module: devfleet.axiom.arrivals_report
  - module: devfleet.axiom.claude_code_telemetry_info
  - module: devfleet.axiom.workspace
"""

EXAMPLES = r"""
- name: Find out who delivers
  devfleet.axiom.arrivals_info:
    store:
      type: vault_file
      path: secrets/axiom.yml
    query_tokens: [claude-code-report]
  run_once: true
  register: arrived

- name: Name the others
  ansible.builtin.debug:
    msg: "{{ arrived.silent }}"
  run_once: true
"""

RETURN = r"""
report:
  description: The report, in the shape that C(docs/report.schema.json) describes.
  returned: success
  type: dict
silent:
  description: Names of the hosts that should deliver and do not.
  returned: success
  type: list
  elements: str
failure:
  description:
    - Why a request failed. C(status) is that of the answer, null where none came. C(code) is Axiom's, or a word for
      what went wrong without an answer, such as C(timeout). C(method) and C(path) are null if no request was sent.
  returned: when a request failed
  type: dict
  sample:
    status: 401
    code: unauthorized
    message: the token is missing, unknown, deleted or expired
    method: GET
    path: /v2/datasets
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.devfleet.axiom.plugins.module_utils.arrivals_spec import arrivals_argument_spec


def main() -> None:
    module = AnsibleModule(argument_spec=arrivals_argument_spec(), supports_check_mode=True)
    module.fail_json(msg="devfleet.axiom.arrivals_info runs on the controller: use it in a playbook, as a task")


if __name__ == "__main__":
    main()
