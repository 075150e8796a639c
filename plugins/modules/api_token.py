#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_token
short_description: Manage one API token in Axiom
version_added: 1.0.0
author: devfleet maintainers (@devfleet)
description:
  - Mints an API token, or deletes it. Its identity is its name among the tokens that have not expired; an expired one
    counts as absent. Several live tokens of one name are an error that lists their ids.
  - >-
    Axiom cannot change a token, so one that exists and differs from what is declared is an error that names the
    differences. Capabilities are compared as sets, instants as instants.
  - >-
    Axiom shows the secret once. It is in the result only when this task minted the token; the output of that result is
    censored, while C(register) holds it. Store it in the same block, or use M(devfleet.axiom.workspace), which mints
    and stores as one unit.
extends_documentation_fragment:
  - devfleet.axiom.connection
  - devfleet.axiom.attributes
  - devfleet.axiom.attributes.changes
  - devfleet.axiom.attributes.action_group
attributes:
  action:
    description: Has a part that runs on the controller.
    support: full
    details: It censors the output of a result that holds a secret. In a loop, ansible-core 2.18 needs C(no_log) too.
options:
  name:
    description: Name of the token.
    type: str
    required: true
  state:
    description: V(absent) deletes the live token of that name.
    type: str
    choices: [present, absent]
    default: present
  id:
    description: Which token to delete where several live ones share the name. Only with O(state=absent).
    type: str
  description:
    description: Text shown beside the name. Used when the token is minted, and not compared later.
    type: str
  ingest:
    description: Names of the datasets it may ingest into, all of them.
    type: list
    elements: str
    default: []
  query:
    description:
      - Names of the datasets it may query, and so read all of. For reports; a token for machines must not have any.
    type: list
    elements: str
    default: []
  dataset_capabilities:
    description:
      - "More capabilities per dataset, such as C({claude-code-logs: {query: [read]}}). Axiom judges the words."
    type: dict
    default: {}
  org_capabilities:
    description: "Capabilities for the organization, such as C({annotations: [create]})."
    type: dict
    default: {}
  view_capabilities:
    description: "Capabilities per view, such as C({my-view: {query: [read]}})."
    type: dict
    default: {}
  expires_at:
    description: When it expires, as an RFC 3339 instant. Not compared if not declared.
    type: str
seealso:
  - module: devfleet.axiom.api_token_info
  - module: devfleet.axiom.workspace
  - name: Tokens
    description: Kinds of tokens and their capabilities, as Axiom explains them.
    link: https://axiom.co/docs/reference/tokens
"""

EXAMPLES = r"""
- name: Have a token that may do nothing but ingest into two datasets
  devfleet.axiom.api_token:
    name: claude-code-ingest
    ingest: [claude-code-logs, claude-code-metrics]
  delegate_to: localhost
  run_once: true
  register: minted

- name: Keep its secret, which is there only when the token was minted
  ansible.builtin.copy:
    content: "{{ minted.secret }}"
    dest: ~/.axiom-ingest
    mode: "0600"
  delegate_to: localhost
  run_once: true
  no_log: true
  when: minted.secret is defined

- name: Look up the ids of those that share a name
  devfleet.axiom.api_token_info:
    name: claude-code-ingest
  delegate_to: localhost
  run_once: true
  register: found

- name: Delete one of them
  devfleet.axiom.api_token:
    name: claude-code-ingest
    id: "{{ found.tokens[0].id }}"
    state: absent
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
token:
  description: The token without its secret, as it is now or would be in check mode; null where there is none.
  returned: success
  type: dict
  contains:
    id:
      description: Axiom's id; null if not minted yet.
      type: str
    name:
      description: Name.
      type: str
    description:
      description: Text shown beside the name.
      type: str
    expires_at:
      description: When it expires, RFC 3339 in UTC; null for never.
      type: str
    dataset_capabilities:
      description: Capabilities per dataset.
      type: dict
    org_capabilities:
      description: Capabilities for the organization.
      type: dict
    view_capabilities:
      description: Capabilities per view.
      type: dict
  sample:
    id: 3f1c9d2e-5a0b-4c57-9a54-0d1f6c1f6b0a
    name: claude-code-ingest
    description: ""
    expires_at: null
    dataset_capabilities:
      claude-code-logs: {ingest: [create]}
      claude-code-metrics: {ingest: [create]}
    org_capabilities: {}
    view_capabilities: {}
secret:
  description: The secret. The output of a result that holds it is censored.
  returned: when this task minted the token, never in check mode
  type: str
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

from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import connection_argument_spec
from ansible_collections.devfleet.axiom.plugins.module_utils.module_runner import manage
from ansible_collections.devfleet.axiom.plugins.module_utils.tokens import Token, token_argument_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **connection_argument_spec(),
            **token_argument_spec(),
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "id": {"type": "str"},
        },
        supports_check_mode=True,
    )
    if module.params["id"] and module.params["state"] == "present":
        module.fail_json(msg="id only says which token to delete: use it with state: absent")
    outcome, token = manage(module, Token)
    minted = outcome.raw if outcome.changed and outcome.raw else {}
    secret = {"secret": minted["token"]} if "token" in minted else {}
    module.exit_json(changed=outcome.changed, diff=outcome.diff, token=token, **secret)


if __name__ == "__main__":
    main()
