# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action C(arrivals_report): runs on the controller, once per play."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.devfleet.axiom.plugins.filter.run_stats import MOST_NAMES
from ansible_collections.devfleet.axiom.plugins.module_utils.token_policy import PolicyError
from ansible_collections.devfleet.axiom.plugins.plugin_utils import arrivals, report_views, whole_file

# For their owner and their group: the files name machines and teams, and CI has to read them.
_MODE = 0o640
_DIRECTORY_MODE = 0o750


class ActionModule(ActionBase):
    BYPASS_HOST_LOOP = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                "report": {"type": "dict", "required": True},
                "answers": {"type": "str", "default": "telemetry_verify_reasons"},
                "dir": {"type": "path"},
                "fail_below": {"type": "str"},
            }
        )
        share = self._share(options["fail_below"])
        report = arrivals.with_reasons(options["report"], self._answers(options, task_vars))
        if options["dir"]:
            self._require_outside(options["dir"], task_vars.get("ansible_inventory_sources") or [])
            files = self._files(report)
            if not self._task.check_mode:
                self._write(options["dir"], files)
        return {**result, "changed": False, **self._told(report, share)}

    @staticmethod
    def _share(text: str | None) -> float:
        """Below which percentage the report falls short."""
        try:
            return arrivals.parse_percent(text) if text else 0
        except PolicyError as error:
            raise AnsibleActionFail(error.message) from None

    @staticmethod
    def _answers(options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """What the silent machines said, of those that were asked."""
        answers = {}
        for host in arrivals.silent(options["report"]):
            # A task that was skipped for a host registers that, too.
            answer = task_vars["hostvars"].raw_get(host).get(options["answers"])
            if answer and not answer.get("skipped"):
                answers[host] = answer
        return answers

    @staticmethod
    def _files(report: Mapping[str, Any]) -> dict[str, str]:
        return {
            "report.json": json.dumps(report, indent=2) + "\n",
            "junit.xml": report_views.junit(report),
            "report.html": report_views.html(report),
        }

    @staticmethod
    def _require_outside(directory: str, inventories: list[str]) -> None:
        """Every file in a directory that is an inventory would be read as one, and its lines taken for hosts."""
        for inventory in inventories:
            if os.path.isdir(inventory) and os.path.commonpath(map(os.path.realpath, (inventory, directory))) == (
                os.path.realpath(inventory)
            ):
                raise AnsibleActionFail(
                    f"telemetry_verify_report_dir: {directory} lies in the inventory {inventory}, so the next run would"
                    " take the report for hosts; choose a directory outside"
                )

    @staticmethod
    def _write(directory: str, files: Mapping[str, str]) -> None:
        """Each file is replaced as a whole, so that whoever serves the directory never serves half of one."""
        try:
            os.makedirs(directory, _DIRECTORY_MODE, exist_ok=True)
            for name, text in files.items():
                whole_file.replace(os.path.join(directory, name), text.encode("utf-8"), _MODE)
        except OSError as error:
            text = (
                f"the report cannot be written to {directory} ({error.strerror}): correct telemetry_verify_report_dir"
            )
            raise AnsibleActionFail(text) from None

    @staticmethod
    def _told(report: Mapping[str, Any], share: float) -> dict[str, Any]:
        """What the task returns."""
        silent = arrivals.silent(report)
        return {
            "lines": report_views.terminal(report),
            "falls_short": arrivals.falls_short(report, share),
            "silent": silent,
            "summary": {
                **report["coverage"],
                "classes": report["classes"],
                "window": report["window"],
                "silent": silent[:MOST_NAMES],
            },
        }
