# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Controller side of `otlp_probe`: build what is sent, so that the machine needs nothing but Python."""

from __future__ import annotations

import base64
import time
import uuid
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.devfleet.axiom.plugins.module_utils import secret_digest
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError
from ansible_collections.devfleet.axiom.plugins.plugin_utils import otlp_payload
from ansible_collections.devfleet.axiom.plugins.plugin_utils.stores import stored_record

_OPTIONS = {"logs": "log_payload", "metrics": "metric_payload"}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args, probe_id=str(uuid.uuid4()))
        # The store is none of the machine's business.
        store, token_name = arguments.pop("store", None), arguments.pop("token_name", None)
        try:
            payloads = otlp_payload.build(variables["inventory_hostname"], arguments["probe_id"], time.time_ns())
            arguments["secrets"] = self._digests(store, token_name, variables)
        except CollectionError as error:
            raise AnsibleActionFail(error.message) from None
        for signal, encoded in payloads.items():
            arguments[_OPTIONS[signal]] = {
                encoding: base64.b64encode(body).decode("ascii") for encoding, body in encoded.items()
            }
        result.update(
            self._execute_module(module_name="devfleet.axiom.otlp_probe", module_args=arguments, task_vars=variables)
        )
        return result

    def _digests(
        self, store: dict[str, Any] | None, token_name: str | None, variables: dict[str, Any]
    ) -> dict[str, str]:
        """What tells the machine which secret it holds."""
        if not store or not token_name:
            return {}
        # Without a record there is nothing to compare with: every secret is another one.
        return secret_digest.digests(stored_record(store, token_name, variables, self._loader) or {"secret": None})
