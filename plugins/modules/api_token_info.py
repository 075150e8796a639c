#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_token_info
short_description: Read the API tokens of an organization in Axiom
version_added: 1.0.0
author: devfleet maintainers (@devfleet)
description:
  - Reads every API token, or those of a name, expired ones too. One request. A secret can never be read.
extends_documentation_fragment:
  - devfleet.axiom.connection
  - devfleet.axiom.attributes
  - devfleet.axiom.attributes.reads
  - devfleet.axiom.attributes.action_group
options:
  name:
    description: Name of the tokens to return. If not set, all are returned.
    type: str
seealso:
  - module: devfleet.axiom.api_token
"""

EXAMPLES = r"""
- name: Read all tokens
  devfleet.axiom.api_token_info:
  delegate_to: localhost
  run_once: true
  register: found

- name: Name those that never expire
  ansible.builtin.debug:
    msg: "{{ found.tokens | selectattr('expires_at', 'none') | map(attribute='name') }}"
"""

RETURN = r"""
tokens:
  description: The tokens, sorted by name, which several may share. Empty where there is none, or none of that name.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Axiom's id.
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
    live:
      description: Whether it has not expired, by the clock of the machine that runs the task.
      type: bool
    dataset_capabilities:
      description: Capabilities per dataset.
      type: dict
    org_capabilities:
      description: Capabilities for the organization.
      type: dict
    view_capabilities:
      description: Capabilities per view.
      type: dict
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

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import connection_argument_spec
from ansible_collections.devfleet.axiom.plugins.module_utils.module_runner import read
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import is_live
from ansible_collections.devfleet.axiom.plugins.module_utils.tokens import Token


def main() -> None:
    module = AnsibleModule({**connection_argument_spec(), "name": {"type": "str"}}, supports_check_mode=True)
    now = time.time_ns()
    tokens = [{**token, "live": is_live({"expiresAt": token["expires_at"]}, now)} for token in read(module, Token)]
    module.exit_json(changed=False, tokens=tokens)


if __name__ == "__main__":
    main()
