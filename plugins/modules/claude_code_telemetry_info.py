#!/usr/bin/python
# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: claude_code_telemetry_info
short_description: Find out what decides about Claude Code's telemetry on a machine, and what is in the way
version_added: 1.0.0
description:
  - Lists every source from which Claude Code may take telemetry settings, which variable is in effect from where, and
    whether that is what M(devfleet.axiom.claude_code_telemetry) installed.
  - Names what takes the telemetry away, with the way out.
  - Reads only. Homes are read, and programs in them are asked for their version, with their owner's rights.
notes:
  - Nothing secret is returned. Of header lists only names and datasets stay.
  - That managed settings outrank a user's and these a shell's, and that generic headers win over those of a signal, was
    measured. What server-managed settings and a macOS property list outrank is taken from the client's documentation.
  - Server-managed settings are seen as far as the client has kept them, in C(~/.claude/remote-settings.json).
  - Shell start-up files are searched for assignments, not run. Where one sets C(CLAUDE_CONFIG_DIR) to a path,
    absolute or with C($HOME) or C(~) at its start, the user's settings are read from there and not from C(~/.claude).
  - Settings of projects are read where the client remembers the project, in C(~/.claude.json) or by the folder that a
    transcript names, and of no more than the fifty that were used last. Nothing else of a transcript is looked at.
author:
  - devfleet maintainers (@devfleet)
extends_documentation_fragment:
  - devfleet.axiom.attributes
  - devfleet.axiom.attributes.reads
options:
  users:
    description: Whose homes to look into too. Empty means what is everybody's only.
    type: list
    elements: str
    default: []
  drop_in_name:
    description: Name of the drop-in that is ours.
    type: str
    default: 90-axiom-telemetry.json
  prefix:
    description: Below which directory to look. Running sessions are looked for where it is V(/) only.
    type: path
    default: /
  platform:
    description: Whose paths to use. V(auto) asks the machine; WSL is V(linux).
    type: str
    choices: [auto, linux, darwin]
    default: auto
seealso:
  - module: devfleet.axiom.claude_code_telemetry
  - module: devfleet.axiom.otlp_probe
  - name: Monitoring in Claude Code
    description: Every variable, event and metric of the client.
    link: https://code.claude.com/docs/en/monitoring-usage
"""

EXAMPLES = r"""
- name: Find out why nothing comes from this machine
  devfleet.axiom.claude_code_telemetry_info:
    users: [ada, linus]
  become: true
  register: found

- name: Show what is in the way
  ansible.builtin.debug:
    msg: "{{ found.findings | selectattr('severity', 'equalto', 'error') | map(attribute='message') }}"
"""

RETURN = r"""
findings:
  description: What is wrong or worth knowing, the worst first.
  returned: success
  type: list
  elements: dict
  contains:
    severity:
      description:
        - C(error), telemetry is lost or goes elsewhere.
        - C(warning), something is not as declared.
        - C(info), no harm is done.
      type: str
    code:
      description:
        - C(server_managed_takes_telemetry), C(mdm_takes_telemetry), C(overridden), C(stale_user_settings),
          C(stale_shell_variables), a source has a say that ours should have.
        - C(project_takes_telemetry), C(project_changes_telemetry), the settings of a project have that say, for what is
          sent from its folder.
        - C(headers_helper), a program replaces the Authorization header.
        - C(unreadable), C(malformed), C(broken), a file cannot be used.
        - C(client_too_old_for_drop_ins), C(no_client), C(old_session), about the programs.
        - C(user_settings_not_read), C(CLAUDE_CONFIG_DIR) leads the client away from the settings that hold ours, or to
          a directory that cannot be told.
        - C(not_installed), nothing of ours is here.
      type: str
    user:
      description: Whose it is, null for everybody's.
      type: str
    path:
      description: The file, empty where it is about none.
      type: str
    message:
      description: What was found.
      type: str
    fix:
      description: What to do.
      type: str
  sample:
    - code: stale_shell_variables
      fix: ask the user to take these variables out of that file
      message: sets OTEL_EXPORTER_OTLP_HEADERS, without any effect on Claude Code
      path: /home/ada/.bashrc
      severity: info
      user: ada
sources:
  description: Every source that exists, the one that outranks all others first.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description:
        - C(server_managed), C(mdm), C(drop_in), C(managed_base), C(project_settings) (where it says anything about
          telemetry), C(user_settings), C(shell_profile) (what M(devfleet.axiom.claude_code_telemetry) installed there)
          or C(shell_start_up).
      type: str
    path:
      description: The file or directory.
      type: str
    user:
      description: Whose it is, null for everybody's.
      type: str
    status:
      description:
        - C(read), C(unreadable), C(malformed), C(broken), or C(not_read) by the client, which looks elsewhere.
      type: str
    variables:
      description: Names of the telemetry variables it sets.
      type: list
      elements: str
variables:
  description: Every telemetry variable that is in effect, for each of O(users), or once where there are none.
  returned: success
  type: list
  elements: dict
  contains:
    user:
      description: For whom, null for everybody.
      type: str
    name:
      description: The variable.
      type: str
    value:
      description: Its value without anything secret.
      type: str
    kind:
      description: The kind of source it comes from.
      type: str
    path:
      description: The file it comes from.
      type: str
    ours:
      description: Whether it is as we wrote it.
      type: bool
    overridden:
      description: Files whose value it overrides.
      type: list
      elements: str
clients:
  description: Every Claude Code found.
  returned: success
  type: list
  elements: dict
  contains:
    user:
      description: Whose it is, null for everybody's.
      type: str
    path:
      description: The program.
      type: str
    version:
      description: What it says its version is, null where it did not say.
      type: str
in_use:
  description:
    - Whether anybody has ever run Claude Code here, by what that leaves in a home. Of O(users), or without any in every
      home below C(/home), C(/Users) and root's.
    - Null where a home could not be looked into, or nothing was found and a start-up file sets C(CLAUDE_CONFIG_DIR).
  returned: success
  type: bool
old_sessions:
  description: How many running sessions are older than what is installed, null where that is not known.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.devfleet.axiom.plugins.module_utils import inspection, targets, telemetry_options
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            users=dict(type="list", elements="str", default=[]),
            drop_in_name=dict(type="str", default="90-axiom-telemetry.json"),
            prefix=dict(type="path", default="/"),
            platform=dict(type="str", choices=["auto", *targets.PLATFORMS], default="auto"),
        ),
        supports_check_mode=True,
    )
    options = telemetry_options.on_this_machine(module.params)
    try:
        module.exit_json(changed=False, **inspection.inspect(options))
    except CollectionError as error:
        module.fail_json(**error.result())


if __name__ == "__main__":
    main()
