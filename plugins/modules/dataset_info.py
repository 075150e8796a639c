#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dataset_info
short_description: Read the datasets of an organization in Axiom
version_added: 1.0.0
author: devfleet maintainers (@devfleet)
description:
  - Reads every dataset that the management token may see, or the one of a name. One request.
extends_documentation_fragment:
  - devfleet.axiom.connection
  - devfleet.axiom.attributes
  - devfleet.axiom.attributes.reads
  - devfleet.axiom.attributes.action_group
options:
  name:
    description: Name of one dataset. If not set, all are returned.
    type: str
seealso:
  - module: devfleet.axiom.dataset
"""

EXAMPLES = r"""
- name: Read all datasets
  devfleet.axiom.dataset_info:
  delegate_to: localhost
  run_once: true
  register: found

- name: Name those without a retention period
  ansible.builtin.debug:
    msg: "{{ found.datasets | selectattr('retention_days', 'equalto', 0) | map(attribute='name') }}"
"""

RETURN = r"""
datasets:
  description: The datasets, sorted by name. Empty where there is none, or none of that name.
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
    kind:
      description: Kind.
      type: str
    description:
      description: Text shown beside the name.
      type: str
    retention_days:
      description: Days of the retention period, 0 where it is off.
      type: int
    edge_deployment:
      description: Edge deployment; null if not known.
      type: str
    edge_url:
      description: Base URL for ingest, to which C(/v1/logs) or C(/v1/metrics) is added; null if not known.
      type: str
    map_fields:
      description: Fields stored as maps.
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

from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import connection_argument_spec
from ansible_collections.devfleet.axiom.plugins.module_utils.datasets import Dataset
from ansible_collections.devfleet.axiom.plugins.module_utils.module_runner import read


def main() -> None:
    module = AnsibleModule({**connection_argument_spec(), "name": {"type": "str"}}, supports_check_mode=True)
    module.exit_json(changed=False, datasets=read(module, Dataset))


if __name__ == "__main__":
    main()
