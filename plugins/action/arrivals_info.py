# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action C(arrivals_info): asks Axiom once for all hosts of a play, and opens no connection to any of them."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.devfleet.axiom.plugins.module_utils.arrivals_spec import arrivals_argument_spec
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import AxiomClient
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import parse_duration
from ansible_collections.devfleet.axiom.plugins.plugin_utils import arrivals
from ansible_collections.devfleet.axiom.plugins.plugin_utils.arguments import checked
from ansible_collections.devfleet.axiom.plugins.plugin_utils.fleet_arrivals import (
    Inventory,
    Readers,
    ask,
    near_field_limit,
)
from ansible_collections.devfleet.axiom.plugins.plugin_utils.role_variables import role_prefix
from ansible_collections.devfleet.axiom.plugins.plugin_utils.stores import stored_record

# Options that the role takes from variables of its own with the same name.
_VARIABLES = ("window", "query_tokens", "other_managed_settings", "field_limit")


class ActionModule(ActionBase):
    # One question for all hosts of the play, with or without run_once.
    BYPASS_HOST_LOOP = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            prefix = role_prefix(self._task)
            options = checked(self._task.args, arrivals_argument_spec(), prefix, _VARIABLES)
            length = parse_duration(options["window"], f"{prefix}window")
            found = self._report(options, length, task_vars)
        except CollectionError as error:
            result.update(error.result(), failed=True)
            return result
        return {**result, "changed": False, "report": found, "silent": arrivals.silent(found)}

    def _report(self, options: Mapping[str, Any], length: int, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        end = time.time_ns()
        window = arrivals.Window(end - length, end)
        read = self._store(options, task_vars)
        inventory = Inventory(
            self._loader, task_vars["hostvars"].raw_get, read, options["other_managed_settings"] or {}
        )
        machines = [inventory.machine(host) for host in task_vars["ansible_play_hosts_all"]]
        named = {machine.expected.name: machine.expected.machine for machine in machines}
        known = [
            named[host] if host in named else inventory.machine(host).expected.machine
            for host in task_vars["groups"]["all"]
        ]
        records = [record for record in map(read, options["query_tokens"]) if record]
        arrived = ask(machines, Readers(records, options["token"], options), window)
        if options["management_token"]:
            client = AxiomClient({**options, "token": options["management_token"]})
            arrived.warnings += near_field_limit(machines, client, options["field_limit"])
        return arrivals.report([machine.expected for machine in machines], known, arrived, window)

    def _store(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> Any:
        """What reads the record of a token's name, once."""
        if not options["store"]:
            return lambda name: None
        return functools.cache(lambda name: stored_record(options["store"], name, task_vars, self._loader))
