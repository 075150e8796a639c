# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module C(api_token) and censors the output of a result that holds a secret."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        # From -vvv on, the ssh connection prints what the module answered, unless the play context says no_log.
        self._play_context.no_log = True
        self._connection._play_context.no_log = True
        result.update(self._execute_module(module_name="devfleet.axiom.api_token", task_vars=task_vars))
        if "secret" in result:
            # Callbacks then censor the result as a whole; what register holds is not affected.
            result["_ansible_no_log"] = True
        return result
