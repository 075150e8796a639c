#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: claude_code_telemetry
short_description: Install Claude Code's OpenTelemetry environment on a developer machine
version_added: 1.0.0
description:
  - Turns typed options into the environment variables of Axiom's guide "Monitor Claude Code with Axiom" and installs
    them in Claude Code's managed settings, in shell start-up files or in users' settings.
  - The controller works out every file and compares it with the machine in one shell round trip. Python is sent to the
    machine only where something differs or has to be merged.
  - Foreign keys, files, order and indentation are kept. What is ours is taken out again exactly with O(state=absent).
notes:
  - Repair drift with pipelining on, as this action does where the connection can; without it a temporary file on the
    machine holds the task's arguments, the secret among them, until the task is over.
  - A running Claude Code session keeps the settings that it started with.
author:
  - devfleet maintainers (@devfleet)
extends_documentation_fragment:
  - devfleet.axiom.attributes
attributes:
  action:
    description: Has a part that runs on the controller.
    support: full
  check_mode:
    support: full
  diff_mode:
    support: full
    details: The secret is masked, also one that stood on the machine before.
  idempotent:
    support: full
options:
  state:
    description: V(absent) takes away what this module installed for the named O(targets), and nothing else.
    type: str
    choices: [present, absent]
    default: present
  targets:
    description:
      - Where the environment is installed.
      - V(managed_settings) is read by every Claude Code on the machine and cannot be overridden by a developer.
      - V(shell_profile) reaches what is started from a shell, see O(scope) and O(shells).
      - V(user_settings) are C(~/.claude/settings.json) of each of O(users), for machines where nobody is root. Their
        owner can change them; managed settings of others outrank them.
    type: list
    elements: str
    choices: [managed_settings, shell_profile, user_settings]
    default: [managed_settings]
  enabled:
    description: V(false) is a kill switch; it stops the export and leaves everything in place.
    type: bool
    default: true
  token_name:
    description: Name of the token whose secret and edge deployments are read from O(store).
    type: str
  token:
    description:
      - The ingest secret itself, instead of O(token_name) and O(store).
      - Personal tokens are refused, because every developer can read what is installed.
    type: str
  store:
    description:
      - The store that M(devfleet.axiom.workspace) writes, declared as for its O(devfleet.axiom.workspace#module:store).
      - It is read on the controller. The role takes C(axiom_workspace_store) by default.
    type: dict
  planned:
    description:
      - What M(devfleet.axiom.workspace) predicts in check mode, its RV(devfleet.axiom.workspace#module:records).
      - Used in check mode only, for tokens that are yet to be minted.
      - Not given, it is taken from C(axiom_workspace_result), which the role P(devfleet.axiom.axiom_workspace#role)
        registers.
    type: dict
  logs_dataset:
    description: Name of the dataset for logs, sent as header C(x-axiom-dataset). Required for O(state=present).
    type: str
  metrics_dataset:
    description:
      - Name of the dataset for metrics, sent as header C(x-axiom-metrics-dataset). Required for O(state=present).
    type: str
  logs_endpoint:
    description: Full URL, ending in C(/v1/logs). Derived from the dataset's edge deployment where not given.
    type: str
  metrics_endpoint:
    description: Full URL, ending in C(/v1/metrics). Derived from the dataset's edge deployment where not given.
    type: str
  logs_exporter:
    description: C(OTEL_LOGS_EXPORTER). V(none) switches logs off and leaves metrics on.
    type: str
    choices: [otlp, none]
    default: otlp
  metrics_exporter:
    description: C(OTEL_METRICS_EXPORTER). V(none) switches metrics off and leaves logs on.
    type: str
    choices: [otlp, none]
    default: otlp
  logs_protocol:
    description: C(OTEL_EXPORTER_OTLP_LOGS_PROTOCOL).
    type: str
    choices: [http/protobuf, http/json]
    default: http/protobuf
  metrics_protocol:
    description: C(OTEL_EXPORTER_OTLP_METRICS_PROTOCOL). Axiom takes metrics as protobuf only.
    type: str
    choices: [http/protobuf]
    default: http/protobuf
  intervals:
    description:
      - Export intervals. V(production) is 60000 ms for metrics and 30000 ms for logs, V(testing) 10000 and 5000.
      - Or a dict with C(metrics) and C(logs) in milliseconds.
    type: raw
    default: production
  resource_attributes:
    description:
      - C(OTEL_RESOURCE_ATTRIBUTES) as a dict. Values are percent-encoded, so commas and spaces arrive intact.
      - An encoded value may have 255 characters.
    type: dict
    default: {}
  machine_attribute:
    description: Name of the resource attribute by which the machine is known in Axiom.
    type: str
    default: host.name
  machine:
    description:
      - Value of O(machine_attribute). The role takes the inventory name by default, so that what arrives can be
        compared with the inventory; a pseudonym of your own works too.
      - Where it is empty or left out, the attribute is not written.
    type: str
  include_host:
    description:
      - C(OTEL_RESOURCE_INCLUDE_HOST), adds C(host.id) and, unless O(machine_attribute) sets it, C(host.name).
      - Switch it off where O(machine) is a pseudonym.
    type: bool
    default: true
  log_managed_settings:
    description:
      - C(OTEL_LOG_MANAGED_SETTINGS), the digest of the managed settings that a session resolved, and their names with
        values redacted. Shows settings that are out of date without asking the machine.
    type: bool
    default: true
  log_user_prompts:
    description: C(OTEL_LOG_USER_PROMPTS), the text of prompts.
    type: bool
    default: false
  log_assistant_responses:
    description: C(OTEL_LOG_ASSISTANT_RESPONSES), the text of answers.
    type: bool
    default: false
  log_tool_details:
    description: C(OTEL_LOG_TOOL_DETAILS), parameters of tools, command lines among them.
    type: bool
    default: false
  log_raw_api_bodies:
    description: C(OTEL_LOG_RAW_API_BODIES), whole requests and answers.
    type: bool
    default: false
  cardinality:
    description: What metrics carry; each is left to the client's default where not given.
    type: dict
    default: {}
    suboptions:
      session_id:
        description: C(OTEL_METRICS_INCLUDE_SESSION_ID).
        type: bool
      version:
        description: C(OTEL_METRICS_INCLUDE_VERSION).
        type: bool
      account_uuid:
        description: C(OTEL_METRICS_INCLUDE_ACCOUNT_UUID).
        type: bool
      resource_attributes:
        description: C(OTEL_METRICS_INCLUDE_RESOURCE_ATTRIBUTES).
        type: bool
      entrypoint:
        description: C(OTEL_METRICS_INCLUDE_ENTRYPOINT).
        type: bool
      repository:
        description: C(OTEL_METRICS_INCLUDE_REPOSITORY).
        type: bool
  http_proxy:
    description: C(HTTP_PROXY) of the client, without credentials.
    type: str
  https_proxy:
    description: C(HTTPS_PROXY) of the client, without credentials.
    type: str
  no_proxy:
    description: C(NO_PROXY) of the client.
    type: str
  ca_file:
    description: C(NODE_EXTRA_CA_CERTS), a file on the machine with additional certificate authorities.
    type: str
  extra:
    description:
      - Further variables, name to value. A variable that another option sets is refused, and so is one that shells keep
        for themselves, such as C(PATH) or C(UID).
      - Names consist of capital letters, digits and underscores.
    type: dict
    default: {}
  shield:
    description:
      - Also write into managed settings and users' settings what keeps others from taking the telemetry away.
      - That is the generic C(OTEL_EXPORTER_OTLP_HEADERS), which else replaces token and dataset on both signals,
        C(OTEL_TRACES_EXPORTER=none), because an exporter for traces can switch off all three signals, and in the
        drop-in of managed settings an C(otelHeadersHelper) that adds no header, so that theirs is not run.
    type: bool
    default: true
  managed_settings_layout:
    description:
      - V(drop_in) writes a file of its own in C(managed-settings.d); read by Claude Code 2.1.83 and later.
      - V(merge) puts the variables into C(managed-settings.json), for older clients.
    type: str
    choices: [drop_in, merge]
    default: drop_in
  drop_in_name:
    description: Name of the drop-in. The client reads them in lexical order and the last one wins.
    type: str
    default: 90-axiom-telemetry.json
  users:
    description:
      - Whose shell start-up files and settings to change, with their own rights.
      - Empty means the machine-wide start-up files; V(user_settings) in O(targets) needs names.
      - Has no effect on managed settings.
    type: list
    elements: str
    default: []
  shells:
    description: Which shells to serve.
    type: list
    elements: str
    choices: [sh, bash, zsh, fish]
    default: [sh, bash, zsh, fish]
  scope:
    description:
      - V(claude) defines a function C(claude) that sets the environment for that command only.
      - V(session) exports it, as in Axiom's guide, to everything started from the shell; a developer's own services
        that use OpenTelemetry then send B(their) data to your datasets, with your token.
    type: str
    choices: [claude, session]
    default: claude
  force:
    description:
      - Overwrite variables of ours that somebody else has set to another value in C(managed-settings.json) or in a
        user's settings.
      - Where a foreign document takes the telemetry away, go on with a warning.
    type: bool
    default: false
  prefix:
    description: Install below another directory (an image, a chroot). Paths inside the files do not carry it.
    type: path
    default: /
  platform:
    description: Whose paths to use. V(auto) asks the machine; WSL is V(linux).
    type: str
    choices: [auto, linux, darwin]
    default: auto
  probe:
    description: Compare by one shell round trip first. V(false) always sends Python; the result is the same.
    type: bool
    default: true
  variables:
    description:
      - A prefix. Options that the task does not give are taken from the variables of that prefix, for roles.
      - Cheaper than a template for each, because a variable that is a constant is not templated.
    type: str
  validate_only:
    description: Check the options and contact neither the store nor the machine.
    type: bool
    default: false
seealso:
  - module: devfleet.axiom.workspace
  - module: devfleet.axiom.claude_code_telemetry_info
  - module: devfleet.axiom.otlp_probe
  - name: Monitor Claude Code with Axiom
    description: The guide whose variables this module sets.
    link: https://axiom.co/docs/guides/opentelemetry-claude-code
  - name: Monitoring in Claude Code
    description: Every variable, event and metric of the client.
    link: https://code.claude.com/docs/en/monitoring-usage
"""

EXAMPLES = r"""
- name: Claude Code on this machine sends its telemetry to Axiom
  devfleet.axiom.claude_code_telemetry:
    logs_dataset: claude-code-logs
    metrics_dataset: claude-code-metrics
    token_name: claude-code-ingest
    store:
      type: vault_file
      path: secrets/axiom.yml
    resource_attributes:
      department: engineering
      cost_center: "4711, west"
  become: true

- name: The same for two users' shells, with a secret from elsewhere
  devfleet.axiom.claude_code_telemetry:
    targets: [shell_profile]
    users: [ada, linus]
    token: "{{ lookup('ansible.builtin.env', 'AXIOM_INGEST_TOKEN') }}"
    logs_dataset: claude-code-logs
    logs_endpoint: https://us-east-1.aws.edge.axiom.co/v1/logs
    metrics_dataset: claude-code-metrics
    metrics_endpoint: https://us-east-1.aws.edge.axiom.co/v1/metrics
  become: true

- name: Take it away again
  devfleet.axiom.claude_code_telemetry:
    state: absent
    targets: [managed_settings, shell_profile]
  become: true

- name: Without root, in one's own settings
  devfleet.axiom.claude_code_telemetry:
    targets: [user_settings]
    users: ["{{ ansible_user }}"]
    logs_dataset: claude-code-logs
    metrics_dataset: claude-code-metrics
    token_name: claude-code-ingest
    store:
      type: vault_file
      path: secrets/axiom.yml
"""

RETURN = r"""
files:
  description: Paths that were changed, or in check mode would be; empty where nothing drifted.
  returned: success
  type: list
  elements: str
  sample: [/etc/claude-code/managed-settings.d/90-axiom-telemetry.json]
probed:
  description: Whether the shell probe alone could tell that nothing drifted.
  returned: success
  type: bool
platform:
  description: Whose paths were used.
  returned: when the machine was contacted
  type: str
  sample: linux
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.devfleet.axiom.plugins.module_utils import converge, telemetry_options
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError


def main() -> None:
    module = AnsibleModule(argument_spec=telemetry_options.ARGUMENT_SPEC, supports_check_mode=True)
    options = telemetry_options.on_this_machine(module.params)
    try:
        telemetry_options.check(options)
        outcome = converge.converge(options, module.check_mode)
    except CollectionError as error:
        module.fail_json(**error.result())
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(
        changed=bool(outcome.diffs),
        diff=outcome.diffs,
        files=[diff["after_header"] for diff in outcome.diffs],
        platform=options["platform"],
        probed=False,
    )


if __name__ == "__main__":
    main()
