# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action C(workspace): runs on the controller, opens no connection to any host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import AxiomClient
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import PolicyError
from ansible_collections.devfleet.axiom.plugins.module_utils.workspace_spec import workspace_argument_spec
from ansible_collections.devfleet.axiom.plugins.plugin_utils.arguments import checked
from ansible_collections.devfleet.axiom.plugins.plugin_utils.awx_job import is_slice
from ansible_collections.devfleet.axiom.plugins.plugin_utils.role_variables import role_prefix
from ansible_collections.devfleet.axiom.plugins.plugin_utils.stores import declared_store
from ansible_collections.devfleet.axiom.plugins.plugin_utils.workspace import (
    Rotation,
    Workspace,
    check_rotation,
    validate,
)

PREFIX = "axiom_workspace_"
# What the role itself leaves in the variables of those hosts that took part.
REGISTERED = ("axiom_workspace_result", "axiom_workspace_summary", "axiom_workspace_previous")
# Options that the role takes from a variable of another name.
_OTHERWISE = {"token"}


class ActionModule(ActionBase):
    # One task for the whole play, with or without run_once: a second one at the same time could mint twice.
    BYPASS_HOST_LOOP = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        workspace = None
        try:
            require_same_everywhere(task_vars)
            if is_slice(task_vars) and not self._task.check_mode:
                raise PolicyError(
                    "this job is a slice, and slices run at the same time, while datasets and tokens are those of the"
                    " whole fleet: set job_slice_count of the job template to 1, and give no workflow its name"
                )
            spec = workspace_argument_spec()
            options = checked(self._task.args, spec, role_prefix(self._task), spec.keys() - _OTHERWISE)
            datasets, tokens = options["datasets"], options["tokens"]
            validate(datasets, tokens, options["store"])
            rotation = Rotation(options["rotation"], tuple(options["rotation_tokens"]), options["revoke_again"])
            check_rotation(rotation, tokens)
            store = None
            if options["store"]:
                store = declared_store(options["store"], task_vars, self._loader)
            client = AxiomClient(options)
            workspace = Workspace(client, datasets, tokens, store, bool(self._task.check_mode), rotation)
            workspace.run()
        except CollectionError as error:
            result.update(error.result(), failed=True)
        if workspace:
            # What was done before a failure is reported with it.
            result = {**workspace.result(), **result}
        return result


def require_same_everywhere(task_vars: Mapping[str, Any]) -> None:
    """Raise PolicyError where two hosts of the play declare different workspaces: only one host's could be used.

    Compared as written, before templating, which would cost a templating per host.
    """
    first, expected = None, {}
    for host in task_vars.get("ansible_play_hosts_all", []):
        variables = task_vars["hostvars"].raw_get(host)
        found = {name: variables[name] for name in variables if name.startswith(PREFIX) and name not in REGISTERED}
        if first is None:
            first, expected = host, found
        elif found != expected:
            different = sorted(
                name for name in {*found, *expected} if name not in found or found[name] != expected.get(name)
            )
            raise PolicyError(
                f"{different[0]} is not the same for {first} and {host}: a workspace is one for all hosts of a play,"
                " declare it in group_vars/all; groups choose from it by name"
            )
