#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dashboard
short_description: Manage one dashboard in Axiom
version_added: 1.0.0
author: devfleet maintainers (@devfleet)
description:
  - Creates a dashboard from its document, changes it, or deletes it. Its identity is its uid.
  - >-
    The document is the whole dashboard: a chart that somebody added in Axiom's console is removed again. Members that
    the document does not declare, such as those that Axiom adds to a layout, are no difference; the description and
    what to compare with keep their value if not declared.
  - >-
    All that the management token needs here is the org capability C(dashboards) with C(create), C(read) and C(update),
    and C(delete) where one is to be deleted.
  - An update names the version that was read, so that nobody's change in between is lost; the task then fails.
extends_documentation_fragment:
  - devfleet.axiom.connection
  - devfleet.axiom.attributes
  - devfleet.axiom.attributes.changes
  - devfleet.axiom.attributes.action_group
options:
  uid:
    description: The dashboard's uid, ASCII letters, digits, hyphens and underscores.
    type: str
    required: true
  state:
    description: V(absent) deletes the dashboard.
    type: str
    choices: [present, absent]
    default: present
  document:
    description:
      - The dashboard in the form of Axiom's API (schema C(Dashboard) of its OpenAPI document).
      - >-
        An empty C(owner) means everyone in the organization, as C(X-AXIOM-EVERYONE) does. An API token can make no
        other.
    type: dict
  src:
    description: A JSON file with the document, where this task runs, instead of O(document).
    type: path
seealso:
  - module: devfleet.axiom.apl_query
  - name: Dashboard JSON
    description: The document, as Axiom's API has it.
    link: https://axiom.co/docs/restapi/dashboard-json
"""

EXAMPLES = r"""
- name: Have a dashboard with one chart
  devfleet.axiom.dashboard:
    uid: claude-code-sessions
    document:
      name: Claude Code sessions
      owner: ""
      refreshTime: 300
      schemaVersion: 2
      timeWindowStart: qr-now-7d
      timeWindowEnd: qr-now
      charts:
        - id: sessions
          name: Sessions
          type: Statistic
          query: {mpl: "`claude-code-metrics`:`claude_code.session.count` | align using sum | group using sum"}
      layout:
        - {i: sessions, x: 0, y: 0, w: 4, h: 3}
  delegate_to: localhost
  run_once: true

- name: Have a dashboard as it was exported to a file
  devfleet.axiom.dashboard:
    uid: our-dashboard
    src: "{{ playbook_dir }}/files/our-dashboard.json"
  delegate_to: localhost
  run_once: true

- name: Delete a dashboard
  devfleet.axiom.dashboard:
    uid: our-dashboard
    state: absent
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
dashboard:
  description: The dashboard as it is now, or would be in check mode; null where there is none.
  returned: success
  type: dict
  contains:
    uid:
      description: Its uid.
      type: str
    id:
      description: Axiom's id; null if not created yet.
      type: str
    version:
      description: Axiom's number of this state of it; null if not created yet.
      type: int
    document:
      description: What is declared of it, as it is now.
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import connection_argument_spec
from ansible_collections.devfleet.axiom.plugins.module_utils.dashboards import (
    Dashboard,
    dashboard_argument_spec,
    read_document,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.module_runner import manage
from ansible_collections.devfleet.axiom.plugins.module_utils.resource import Refusal


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **connection_argument_spec(),
            **dashboard_argument_spec(),
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        mutually_exclusive=[("document", "src")],
        supports_check_mode=True,
    )
    if module.params["src"]:
        try:
            module.params["document"] = read_document(module.params["src"])
        except Refusal as error:
            module.fail_json(**error.result())
    outcome, dashboard = manage(module, Dashboard)
    module.exit_json(changed=outcome.changed, diff=outcome.diff, dashboard=dashboard)


if __name__ == "__main__":
    main()
