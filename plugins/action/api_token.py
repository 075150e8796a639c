# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module C(api_token) and censors the output of a result that holds a secret."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as ansible_core_version

# Until 2.18, a loop's result as a whole reaches callbacks with all that its items hold, censored or not.
LOOPS_ARE_CENSORED = tuple(int(part) for part in ansible_core_version.split(".")[:2]) >= (2, 19)


class ActionModule(ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.loop is not None and not self._task.no_log and not LOOPS_ARE_CENSORED:
            raise AnsibleActionFail(
                f"ansible-core {ansible_core_version} would show callbacks a secret minted in a loop: set no_log: true"
                " on the task"
            )
        # From -vvv on, the ssh connection prints what the module answered, unless the play context says no_log.
        self._play_context.no_log = True
        self._connection._play_context.no_log = True
        result.update(self._execute_module(module_name="devfleet.axiom.api_token", task_vars=task_vars))
        if "secret" in result:
            # Callbacks then censor the result as a whole; what register holds is not affected.
            result["_ansible_no_log"] = True
        return result
