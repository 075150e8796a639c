#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mpl_query
short_description: Ask Axiom a question about metrics, in MPL
version_added: 1.1.0
author: devfleet maintainers (@devfleet)
description:
  - Runs one query in the Metrics Processing Language and returns its series. One request.
  - Datasets of the kind C(otel:metrics:v1) are queried in MPL, all others with M(devfleet.axiom.apl_query).
  - What is asked is read only, so this runs in check mode too.
  - An answer of more than 32 MiB is refused; group, align to longer intervals, or ask for a shorter time.
extends_documentation_fragment:
  - devfleet.axiom.connection
  - devfleet.axiom.query
  - devfleet.axiom.attributes
  - devfleet.axiom.attributes.reads
  - devfleet.axiom.attributes.action_group
options:
  mpl:
    description:
      - The query. It names the dataset and the metric itself, for example
        C(`claude-code-metrics`:`claude_code.cost.usage` | align to 1h using sum).
    type: str
    required: true
  edge_url:
    description:
      - Base URL of the edge deployment where the dataset lives, such as V(https://eu-central-1.aws.edge.axiom.co).
      - Axiom's API at O(url) takes no queries of metrics, and is not asked.
    type: str
    required: true
  token:
    description:
      - An API token that may query the dataset. A token for ingest may not, and neither may a management token or a
        personal one; see the option O(devfleet.axiom.workspace#module:tokens[].query).
      - If not set, the environment variable E(AXIOM_TOKEN) of the machine that runs the task is used.
    type: str
seealso:
  - module: devfleet.axiom.apl_query
  - module: devfleet.axiom.workspace
  - name: Metrics Processing Language
    description: The language.
    link: https://axiom.co/docs/query-data/metrics
"""

EXAMPLES = r"""
- name: Ask what each team spent
  devfleet.axiom.mpl_query:
    mpl: >-
      `claude-code-metrics`:`claude_code.cost.usage`
      | align to 1h using sum
      | group by `team` using sum
    start_time: now-7d
    edge_url: https://us-east-1.aws.edge.axiom.co
    token: "{{ vaulted_query_token }}"
  delegate_to: localhost
  run_once: true
  register: asked

- name: Show it
  ansible.builtin.debug:
    msg: "{{ item.tags.team }}: {{ item.data | select | sum | round(2) }} USD"
  loop: "{{ asked.series }}"
  loop_control:
    label: "{{ item.tags.team }}"
"""

RETURN = r"""
series:
  description: One for each combination of tags that the query leaves.
  returned: success
  type: list
  elements: dict
  contains:
    tags:
      description: Name to value.
      type: dict
    start:
      description: Where the first interval begins, as an RFC 3339 instant.
      type: str
    resolution_s:
      description: Length of an interval in seconds.
      type: int
    data:
      description: A number for each interval, null where there is none.
      type: list
      elements: float
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

from ansible_collections.devfleet.axiom.plugins.module_utils.module_runner import ask
from ansible_collections.devfleet.axiom.plugins.module_utils.query_client import query_argument_spec
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import SECOND, format_instant


def main() -> None:
    spec = dict(query_argument_spec(), mpl=dict(type="str", required=True), edge_url=dict(type="str", required=True))
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    asked = module.params
    found = ask(module, lambda client: client.mpl(asked["mpl"], asked["start_time"], asked["end_time"]))
    series = [
        {
            "tags": one.tags,
            "start": format_instant(one.start * SECOND),
            "resolution_s": one.resolution,
            "data": one.data,
        }
        for one in found
    ]
    module.exit_json(changed=False, series=series)


if __name__ == "__main__":
    main()
