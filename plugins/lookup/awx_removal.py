# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: awx_removal
short_description: Which objects in AWX may be taken away, because nothing else there uses them
version_added: 1.1.0
description:
  - For the role P(devfleet.axiom.awx_schedule#role), when it takes away what it made. Reads, and changes nothing.
  - AWX deletes a project, an inventory or a credential that others use, and leaves these without it. So this asks
    who does, before anything is deleted.
  - AWX is reached as the modules of C(awx.awx) are told in the environment, E(CONTROLLER_HOST), and
    E(CONTROLLER_OAUTH_TOKEN) or E(CONTROLLER_USERNAME) and E(CONTROLLER_PASSWORD).
author:
  - devfleet maintainers (@devfleet)
options:
  _terms:
    description:
      - One dict with the names of what the role makes, by kind as in the API's paths, such as C(job_templates).
      - Of credentials it is a dict from names to C(type) and C(description), of users one to the names of their
        credentials.
    required: true
  organization:
    description: Name of the organization that owns them.
    type: str
    required: true
  prefix:
    description: What the names of the role's own teams begin with.
    type: str
    required: true
  kept:
    description: Names of credentials to leave, with the reasons.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Say what of two templates and their project could go
  ansible.builtin.debug:
    msg: "{{ lookup('devfleet.axiom.awx_removal', made, organization='Platform', prefix='Telemetry') }}"
  vars:
    made:
      schedules: [Telemetry enforce]
      job_templates: [Telemetry enforce, Telemetry drift]
      workflow_job_templates: []
      teams: []
      notification_templates: []
      inventories: []
      inventory_sources: []
      projects: [Telemetry]
      users: {}
      credentials: {}
      credential_types: []
      execution_environments: []
"""

RETURN = r"""
_raw:
  description: One dict.
  type: list
  elements: dict
  contains:
    going:
      description: Names by kind of what is there and may go, and in C(grants) the users that stay without their right.
      type: dict
    left:
      description: What is there and stays, with the reasons, each as one text.
      type: list
      elements: str
"""

import os
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError
from ansible_collections.devfleet.axiom.plugins.plugin_utils.awx_removal import Removal
from ansible_collections.devfleet.axiom.plugins.plugin_utils.controller_client import ControllerClient


class LookupModule(LookupBase):
    def run(self, terms: Any, variables: Any = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        if len(terms) != 1 or not isinstance(terms[0], dict):
            raise AnsibleLookupError("devfleet.axiom.awx_removal takes one dict of names by kind")
        try:
            get = ControllerClient(os.environ).get
            removal = Removal(get, self.get_option("organization"), self.get_option("prefix"))
            removal.plan(terms[0], self.get_option("kept"))
        except CollectionError as error:
            raise AnsibleLookupError(error.message) from None
        return [{"going": removal.going, "left": removal.left}]
