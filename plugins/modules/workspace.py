#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: workspace
short_description: Make all datasets and ingest tokens of a fleet in Axiom as declared
version_added: 1.0.0
author: devfleet maintainers (@devfleet)
description:
  - >-
    Takes the whole declaration at once, the datasets and the tokens that may ingest into them. Two requests read what
    there is, and when nothing differs no more are made, whatever the number of datasets and tokens.
  - Nothing is changed before the whole declaration is known to be possible. Datasets come before tokens.
  - >-
    A token's secret is shown once. So minting a token and storing its secret are one unit; where the secret cannot be
    stored, the token is deleted again. A token that is alive while its secret is not in the store is an error that
    says how to get out. One whose secret an earlier run never learned is recognized by a mark that its description
    ends with, deleted and replaced.
  - What is not declared is left alone, and nothing is ever deleted here, except a token that was minted in vain, and
    the tokens that O(rotation) names.
  - >-
    A token is rotated by regenerating it. The one before keeps working for O(tokens[].overlap), and its secret stays in
    the store as long. There are never more than two live tokens of a name.
  - >-
    Runs on the controller once per play, and opens no connection to any host. Every variable whose name starts with
    C(axiom_workspace_) must be the same for all hosts of the play.
extends_documentation_fragment:
  - devfleet.axiom.connection
  - devfleet.axiom.attributes
  - devfleet.axiom.attributes.changes
  - devfleet.axiom.attributes.action_group
attributes:
  action:
    description: Runs on the controller.
    support: full
  bypass_host_loop:
    description: Runs once for all hosts of a play.
    support: full
options:
  datasets:
    description: The datasets to have. One that exists is adopted; what is not declared of it keeps its value.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the dataset, ASCII letters, digits and hyphens.
        type: str
        required: true
      kind:
        description:
          - What the dataset holds. V(axiom:events:v1) is right for Claude Code's logs, V(otel:metrics:v1) for its
            metrics. Cannot be changed later; a dataset that exists with another kind is refused.
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
          - Cannot be changed later; a dataset that exists on another edge deployment is refused.
        type: str
      map_fields:
        description: Fields that are stored as maps. The list is the whole of them.
        type: list
        elements: str
      edge_url:
        description:
          - Base URL for ingest, such as V(https://us-east-1.aws.edge.axiom.co), where Axiom does not tell it.
        type: str
  tokens:
    description: The tokens to have.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the token.
        type: str
        required: true
      description:
        description: Text shown beside the name. Used when the token is minted, and not compared later.
        type: str
      ingest:
        description: Names of the datasets it may ingest into. Each must be declared or exist.
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
        description: "More capabilities per dataset, such as C({claude-code-logs: {query: [read]}})."
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
      expires_after:
        description: How long it lives from when it is minted, such as V(90d). Excludes O(tokens[].expires_at).
        type: str
      rotate:
        description:
          - V(never) fails where the token differs from what is declared.
          - V(expiring) rotates it when it expires within O(tokens[].rotate_before), or later than
            O(tokens[].expires_after) allows.
          - V(drift) rotates it for that reason, and where it differs from what is declared.
          - V(always) rotates it with every run, but not before the overlap of the last time has ended.
        type: str
        choices: [never, expiring, drift, always]
        default: never
      rotate_before:
        description: How long before its expiry a token is rotated.
        type: str
        default: 14d
      overlap:
        description:
          - How long the token before keeps working, at most until its own expiry. At least an hour.
          - A running session keeps the secret that it started with until it is restarted, so this should outlast the
            longest one.
        type: str
        default: 7d
      secret:
        description:
          - The secret of a token that exists already, to put it into the store when it is not there.
          - Nobody can read it from Axiom, and it is not verified. Remove it after one run.
        type: str
  store:
    description: Where secrets are kept. Needed where tokens are declared. C(docs/stores.md) has all about it.
    type: dict
    suboptions:
      type:
        description:
          - V(vault_file) is a file encrypted with ansible-vault, with the vault password of the run.
          - V(command) is a program that reads and writes the records, as JSON on its standard output and input.
          - V(awx_credential) is a credential of AWX, read from the file that E(AXIOM_STORE_FILE) names and written
            through AWX's API, for which the environment has what the modules of C(awx.awx) take from it.
        type: str
        choices: [vault_file, command, awx_credential]
        default: vault_file
      path:
        description: Path of the file, relative to the inventory's folder. Required for V(vault_file).
        type: str
      command:
        description:
          - The program and its first arguments. C(read NAME) or C(write NAME) is added. Required for V(command).
          - A program with a slash in it is a path, relative to the inventory's folder; others are looked up in E(PATH).
        type: list
        elements: str
      timeout:
        description: Seconds that one call of O(store.command) may take. If not given, 60.
        type: float
      credential:
        description: Name or id of the credential. Required for V(awx_credential).
        type: str
  rotation:
    description:
      - V(declared) rotates tokens only as their own O(tokens[].rotate) says.
      - V(begin) rotates now, unless that was done within the last overlap.
      - V(retire) ends the tokens before the ones that the store holds, ahead of time.
      - V(revoke) ends every live token of the names in O(rotation_tokens), and mints new ones.
    type: str
    choices: [declared, begin, retire, revoke]
    default: declared
  rotation_tokens:
    description: Names of the declared tokens that O(rotation) is about; empty means all, which V(revoke) does not take.
    type: list
    elements: str
    default: []
  revoke_again:
    description: Revoke a token too that was minted by a revocation within the last hour. Such a one is left alone
      otherwise, so that a second run goes on where the first stopped.
    type: bool
    default: false
seealso:
  - module: devfleet.axiom.dataset
  - module: devfleet.axiom.api_token
  - module: devfleet.axiom.claude_code_telemetry
  - name: Datasets
    description: Kinds, retention and map fields, as Axiom explains them.
    link: https://axiom.co/docs/reference/datasets
  - name: Edge deployments
    description: Where data can live.
    link: https://axiom.co/docs/reference/edge-deployments
  - name: Tokens
    description: Kinds of tokens and their capabilities, as Axiom explains them.
    link: https://axiom.co/docs/reference/tokens
"""

EXAMPLES = r"""
- name: Have two datasets, and a token that may do nothing but ingest into them
  devfleet.axiom.workspace:
    datasets:
      - name: claude-code-logs
        retention_days: 30
      - name: claude-code-metrics
        kind: otel:metrics:v1
    tokens:
      - name: claude-code-ingest
        ingest: [claude-code-logs, claude-code-metrics]
    store:
      type: vault_file
      path: secrets/axiom.yml
  run_once: true
  register: axiom_workspace_result

- name: Put the secret of a token that exists into the store, once
  devfleet.axiom.workspace:
    tokens:
      - name: claude-code-builds
        ingest: [claude-code-logs]
        secret: "{{ vaulted_ingest_secret }}"
    store:
      path: secrets/axiom.yml
  run_once: true
"""

RETURN = r"""
datasets:
  description: The declared datasets as they are now, or would be in check mode.
  returned: always, after a failure those that were dealt with before
  type: list
  elements: dict
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
      description: Base URL for ingest, to which C(/v1/logs) or C(/v1/metrics) is added; null if not known yet.
      type: str
    map_fields:
      description: Fields stored as maps; null if not known yet.
      type: list
      elements: str
    adopted:
      description: Whether it existed before.
      type: bool
    changed:
      description: Whether it was created or changed, or would be.
      type: bool
tokens:
  description: The declared tokens without their secrets, as they are now, or would be in check mode.
  returned: always, after a failure those that were dealt with before
  type: list
  elements: dict
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
    previous_expires_at:
      description: When the token before it ends, while it lives; else null.
      type: str
    minted:
      description: Whether it was minted, or would be; by rotating, too.
      type: bool
    changed:
      description: Whether it was minted or its record changed, or would.
      type: bool
records:
  description: What the store holds for each declared token, without secrets; in check mode, what it would hold.
  returned: always, after a failure those that were dealt with before
  type: dict
  sample:
    claude-code-ingest:
      name: claude-code-ingest
      minted: true
      datasets:
        claude-code-logs:
          kind: axiom:events:v1
          edge: cloud.us-east-1.aws
          edge_url: https://us-east-1.aws.edge.axiom.co
        claude-code-metrics:
          kind: otel:metrics:v1
          edge: cloud.us-east-1.aws
          edge_url: https://us-east-1.aws.edge.axiom.co
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

from ansible_collections.devfleet.axiom.plugins.module_utils.workspace_spec import workspace_argument_spec


def main() -> None:
    module = AnsibleModule(argument_spec=workspace_argument_spec(), supports_check_mode=True)
    module.fail_json(msg="devfleet.axiom.workspace runs on the controller: use it in a playbook, as a task")


if __name__ == "__main__":
    main()
