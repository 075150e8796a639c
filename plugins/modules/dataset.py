#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dataset
short_description: Manage one dataset in Axiom
version_added: 1.0.0
author: devfleet maintainers (@devfleet)
description:
  - Creates a dataset, changes it, or deletes it with its data. Its identity is its name; one that exists is adopted.
  - Whatever is not declared keeps its value.
  - For all datasets and tokens of a fleet in one task see M(devfleet.axiom.workspace).
extends_documentation_fragment:
  - devfleet.axiom.connection
  - devfleet.axiom.attributes
  - devfleet.axiom.attributes.changes
  - devfleet.axiom.attributes.action_group
options:
  name:
    description: Name of the dataset, ASCII letters, digits and hyphens.
    type: str
    required: true
  state:
    description: V(absent) deletes the dataset with all its data, and needs O(allow_data_loss=true).
    type: str
    choices: [present, absent]
    default: present
  kind:
    description:
      - What the dataset holds. V(axiom:events:v1) is right for Claude Code's logs, V(otel:metrics:v1) for its metrics.
      - Cannot be changed later. A dataset that exists with another kind is refused.
      - If not declared, a new dataset is made for events, and an existing one is taken as it is.
    type: str
    choices: ['axiom:events:v1', 'otel:logs:v1', 'otel:metrics:v1', 'otel:traces:v1']
  description:
    description: Text shown beside the name.
    type: str
  retention_days:
    description: Days after which data is deleted; V(0) switches the dataset's own retention period off.
    type: int
  edge_deployment:
    description:
      - Where the data lives and is ingested, such as V(cloud.eu-central-1.aws). If not declared, Axiom chooses.
      - Cannot be changed later. A dataset that exists on another edge deployment is refused.
    type: str
  map_fields:
    description:
      - Fields that are stored as maps, so that their many keys count as one field. The list is the whole of them.
    type: list
    elements: str
  allow_data_loss:
    description: Permits O(state=absent) to delete a dataset that exists.
    type: bool
    default: false
seealso:
  - module: devfleet.axiom.dataset_info
  - module: devfleet.axiom.workspace
  - name: Datasets
    description: Kinds, retention and map fields, as Axiom explains them.
    link: https://axiom.co/docs/reference/datasets
  - name: Edge deployments
    description: Where data can live.
    link: https://axiom.co/docs/reference/edge-deployments
"""

EXAMPLES = r"""
- name: Have a dataset for Claude Code's logs, kept for a month
  devfleet.axiom.dataset:
    name: claude-code-logs
    description: Events of Claude Code
    retention_days: 30
  delegate_to: localhost
  run_once: true

- name: Have a dataset for Claude Code's metrics on the European edge
  devfleet.axiom.dataset:
    name: claude-code-metrics
    kind: otel:metrics:v1
    edge_deployment: cloud.eu-central-1.aws
  delegate_to: localhost
  run_once: true

- name: Delete a dataset with all its data
  devfleet.axiom.dataset:
    name: experiment
    state: absent
    allow_data_loss: true
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
adopted:
  description: Whether the dataset existed before this task and was taken over as it was, or with changes.
  returned: success
  type: bool
dataset:
  description: The dataset as it is now, or would be in check mode; null where there is none.
  returned: success
  type: dict
  contains:
    id:
      description: Axiom's id; null if not created yet.
      type: str
    name:
      description: Name.
      type: str
    kind:
      description: Kind.
      type: str
    description:
      description: Text shown beside the name; null if not known yet.
      type: str
    retention_days:
      description: Days of the retention period, 0 where it is off; null if not known yet.
      type: int
    edge_deployment:
      description: Edge deployment; null if not known.
      type: str
    edge_url:
      description: Base URL for ingest, to which C(/v1/logs) or C(/v1/metrics) is added; null if not known.
      type: str
    map_fields:
      description: Fields stored as maps; null if not known yet.
      type: list
      elements: str
  sample:
    id: claude-code-logs
    name: claude-code-logs
    kind: axiom:events:v1
    description: Events of Claude Code
    retention_days: 30
    edge_deployment: cloud.us-east-1.aws
    edge_url: https://us-east-1.aws.edge.axiom.co
    map_fields: []
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
from ansible_collections.devfleet.axiom.plugins.module_utils.datasets import Dataset, dataset_argument_spec
from ansible_collections.devfleet.axiom.plugins.module_utils.module_runner import manage


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **connection_argument_spec(),
            **dataset_argument_spec(),
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "allow_data_loss": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    outcome, dataset = manage(module, Dataset)
    module.exit_json(changed=outcome.changed, diff=outcome.diff, adopted=outcome.adopted, dataset=dataset)


if __name__ == "__main__":
    main()
