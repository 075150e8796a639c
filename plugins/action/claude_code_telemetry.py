# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller side of `claude_code_telemetry`: validate, read the store, probe; ship the module only on drift."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.devfleet.axiom.plugins.module_utils import targets, telemetry_env, telemetry_options
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import NOT_MINTED, OptionError
from ansible_collections.devfleet.axiom.plugins.plugin_utils import host_probe
from ansible_collections.devfleet.axiom.plugins.plugin_utils.arguments import checked
from ansible_collections.devfleet.axiom.plugins.plugin_utils.role_variables import as_variable, misspelt, options_from
from ansible_collections.devfleet.axiom.plugins.plugin_utils.stores import stored_record

# What only the controller needs; the module gets the secret and the endpoints instead.
_CONTROLLER_OPTIONS = ("variables", "token_name", "store", "planned", "probe", "validate_only")
# Where the store is belongs to the workspace. Only an inventory has names for machines.
_OTHERWISE = {"store": "axiom_workspace_store", "machine": "inventory_hostname"}
# A name under .invalid never resolves (RFC 2606): in check mode, for a dataset whose edge Axiom has yet to choose.
_UNKNOWN_EDGE = "https://edge-not-known-yet.invalid"


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        spec = telemetry_options.ARGUMENT_SPEC
        prefix = self._task.args.get("variables")
        if warnings := misspelt(prefix, spec, variables):
            result["warnings"] = warnings
        self._task.args = options_from(self._task.args, spec, variables, self._templar, _OTHERWISE)
        try:
            options = checked(self._task.args, spec, prefix, spec)
            telemetry_options.check(options)
            if options["validate_only"]:
                return dict(result, changed=False, files=[], probed=False)
            options = self._resolved(options, variables)
            platform = self._probe(options) if options["probe"] else None
        except CollectionError as error:
            # What is misspelt is often its reason.
            raise AnsibleActionFail("; ".join([as_variable(prefix, spec, error.message), *warnings])) from None
        if platform:
            return dict(result, changed=False, diff=[], files=[], platform=platform, probed=True)
        arguments = {
            name: value for name, value in options.items() if name not in _CONTROLLER_OPTIONS and value is not None
        }
        # Without pipelining the arguments, and so the secret, would lie in a file on the machine.
        if self._connection.has_pipelining:
            self._connection.set_option("pipelining", True)
        answered = self._execute_module(
            module_name="devfleet.axiom.claude_code_telemetry", module_args=arguments, task_vars=variables
        )
        return {**result, **answered, "warnings": [*warnings, *answered.get("warnings", [])]}

    def _resolved(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """The options with the secret and both endpoints in them."""
        if options["state"] == "absent":
            return dict(options, token="")
        record = None
        if options["store"] and options["token_name"]:
            record = self._record(options, variables)
        found = dict(options, token=options["token"] or (record or {}).get("secret") or NOT_MINTED)
        for signal in telemetry_env.SIGNAL_PATHS:
            if not options[f"{signal}_endpoint"]:
                edge_url = self._edge_url(options, signal, record)
                found[f"{signal}_endpoint"] = telemetry_env.endpoint_of(signal, edge_url)
        return found

    def _record(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        name = options["token_name"]
        record: dict[str, Any] | None = stored_record(options["store"], name, variables, self._loader)
        if self._task.check_mode:
            # Not handed over by the role: a template in its task costs every host one, in every run.
            predicted = options["planned"] or variables.get("axiom_workspace_result", {}).get("records") or {}
            planned = predicted.get(name)
            if planned and (record is None or planned.get("minted")):
                record = planned
        if record is None:
            raise OptionError(
                f"token_name: the store holds no token {name}; run devfleet.axiom.provision first, or correct the name"
            )
        if record.get("query"):
            raise OptionError(
                f"token_name: the token {name} may query {', '.join(record['query'])}, and everybody on a machine can"
                " read what is installed there; name a token that may only ingest"
            )
        return record

    @staticmethod
    def _edge_url(options: dict[str, Any], signal: str, record: dict[str, Any] | None) -> str:
        if record is None:
            raise OptionError(f"{signal}_endpoint is missing; without a store it cannot be derived")
        name, kinds = options[f"{signal}_dataset"], telemetry_env.SIGNAL_KINDS[signal]
        if name not in record["datasets"]:
            raise OptionError(
                f"{signal}_dataset: the token {record['name']} may not ingest into {name}, only into "
                f"{', '.join(sorted(record['datasets'])) or 'nothing'}; correct the name or the token's declaration"
            )
        dataset = record["datasets"][name]
        if (dataset.get("kind") or kinds[0]) not in kinds:
            raise OptionError(
                f"{signal}_dataset: {name} is of kind {dataset['kind']}, which takes no {signal}; name one of kind "
                f"{' or '.join(kinds)}"
            )
        return dataset["edge_url"] or _UNKNOWN_EDGE

    def _probe(self, options: dict[str, Any]) -> str | None:
        """The platform where nothing drifted, None where Python has to look."""
        platforms = targets.PLATFORMS if options["platform"] == "auto" else (options["platform"],)
        wanted = {platform: targets.wanted(options, platform) for platform in platforms}
        script = host_probe.script(wanted, options["prefix"])
        answer = self._low_level_execute_command(script)
        try:
            # A terminal may still show a whole answer of better days where this time no shell gave any.
            if answer["rc"]:
                raise host_probe.Unclear(f"the shell returned {answer['rc']}")
            return host_probe.check(wanted, options["prefix"], targets.own_document(options), answer["stdout"])
        except host_probe.Unclear as exc:
            Display().vvv(
                f"probe: {exc}; sending the module", host=self._task.delegate_to or self._play_context.remote_addr
            )
            return None
