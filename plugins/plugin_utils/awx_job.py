# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a job of AWX can know of itself, from the extra variables that AWX gives it.

A slice's inventory holds its own hosts and nothing tells of the others: AWX hands on neither the number of a slice nor
how many there are (C(awx_meta_vars) in its source, 24.6). But it runs slices in a workflow job that has the name of the
job template, and a job that is launched again alone, which may be a slice, says that it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_slice(variables: Mapping[str, Any]) -> bool:
    """Whether this job is one of several at the same time, each with a part of the inventory."""
    workflow = _of_job(variables, "workflow_job_name")
    return workflow is not None and workflow == _of_job(variables, "job_template_name")


def partial_inventory(variables: Mapping[str, Any]) -> str | None:
    """Why there may be machines that this run cannot know of; None where the inventory is all there is."""
    if is_slice(variables):
        return "this job is a slice"
    if _of_job(variables, "job_launch_type") == "relaunch":
        return "this job was launched again, and may be a slice: launch its template instead"
    return None


def _of_job(variables: Mapping[str, Any], name: str) -> Any:
    """A variable of AWX, which has each under two names."""
    return next((variables[prefix + name] for prefix in ("awx_", "tower_") if prefix + name in variables), None)
