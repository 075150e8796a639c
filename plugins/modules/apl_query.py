#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apl_query
short_description: Ask Axiom a question in APL
version_added: 1.0.0
author: devfleet maintainers (@devfleet)
description:
  - Runs one query in the Axiom Processing Language and returns its rows. One request.
  - Metrics are queried with M(devfleet.axiom.mpl_query).
  - What is asked is read only, so this runs in check mode too.
  - An answer of more than 32 MiB is refused; summarize, or ask for a shorter time.
extends_documentation_fragment:
  - devfleet.axiom.connection
  - devfleet.axiom.query
  - devfleet.axiom.attributes
  - devfleet.axiom.attributes.reads
  - devfleet.axiom.attributes.action_group
options:
  apl:
    description: The query. It names the dataset itself, for example C(['claude-code-logs'] | count).
    type: str
    required: true
  edge_url:
    description:
      - Base URL of the edge deployment where the dataset lives, such as V(https://eu-central-1.aws.edge.axiom.co).
      - If not set, the query goes to O(url).
    type: str
  limit:
    description: How many rows at most, where the query does not say it. If not set, Axiom's own default holds.
    type: int
  token:
    description:
      - A token that may query the dataset. A token for ingest may not, and a management token neither, unless it is a
        personal one; see the option O(devfleet.axiom.workspace#module:tokens[].query).
      - If not set, the environment variable E(AXIOM_TOKEN) of the machine that runs the task is used.
    type: str
seealso:
  - module: devfleet.axiom.mpl_query
  - module: devfleet.axiom.workspace
  - name: Axiom Processing Language
    description: The language.
    link: https://axiom.co/docs/apl/introduction
"""

EXAMPLES = r"""
- name: Ask which client versions are in use
  devfleet.axiom.apl_query:
    apl: >-
      ['claude-code-logs']
      | where body == "claude_code.user_prompt"
      | summarize prompts = count() by version = tostring(['service.version'])
    start_time: now-7d
    edge_url: https://us-east-1.aws.edge.axiom.co
    token: "{{ vaulted_query_token }}"
  delegate_to: localhost
  run_once: true
  register: asked

- name: Show them
  ansible.builtin.debug:
    msg: "{{ asked.rows | items2dict('version', 'prompts') }}"
"""

RETURN = r"""
rows:
  description: One dict per row, in the query's order.
  returned: success
  type: list
  elements: dict
  sample:
    - {version: 2.1.331, prompts: 17}
fields:
  description: Name and type of each column.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: version, type: string}
    - {name: prompts, type: integer}
status:
  description: What it took, as far as Axiom says it.
  returned: success
  type: dict
  contains:
    elapsed_us:
      description: Microseconds.
      type: int
    rows_examined:
      description: Rows that were looked at.
      type: int
    rows_matched:
      description: Rows that passed the filters.
      type: int
    is_partial:
      description: Whether rows are missing from the answer.
      type: bool
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


def main() -> None:
    spec = dict(query_argument_spec(), apl=dict(type="str", required=True), limit=dict(type="int"))
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    asked = module.params
    found = ask(module, lambda client: client.apl(asked["apl"], asked["start_time"], asked["end_time"], asked["limit"]))
    module.exit_json(changed=False, rows=found.rows, fields=found.fields, status=found.status)


if __name__ == "__main__":
    main()
