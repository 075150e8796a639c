# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows: copies of a template's nodes, which of them run next, and how the whole went."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from awx_controller.credentials import ENCRYPTED
from awx_controller.launching import accept, saved_prompts
from awx_controller.schema import KINDS, LINKED_PROMPTS
from awx_controller.store import Item, Store

ENDED = ("successful", "failed", "error", "canceled")
LINKS = ("success_nodes", "failure_nodes", "always_nodes")


def expiry(now: datetime, timeout: int) -> datetime | None:
    """Return when an approval is decided by itself, None for never."""
    return now + timedelta(seconds=timeout) if timeout else None


def copy_nodes(store: Store, template: Item, job: Item) -> None:
    """Give a workflow job nodes like those of its template."""
    copies: dict[int, Item] = {}
    nodes = store.where("workflow_job_template_nodes", workflow_job_template=template.id)
    names = [entry.name for entry in KINDS["workflow_job_nodes"].fields]
    for node in nodes:
        values = {name: node.values[name] for name in names if name in node.values}
        copy = store.add("workflow_job_nodes", {**values, "workflow_job": job.id}, ancestor_artifacts={})
        for name in LINKED_PROMPTS:
            copy.links[name] = list(node.links[name])
        copies[node.id] = copy
    for node in nodes:
        for name in LINKS:
            copies[node.id].links[name] = [copies[identity].id for identity in node.links[name]]


class Graph:
    """One workflow job's nodes as they are now."""

    def __init__(self, store: Store, job: Item) -> None:
        self._store, self._job = store, job
        self.nodes = store.where("workflow_job_nodes", workflow_job=job.id)

    def _job_of(self, node: Item) -> Item | None:
        return self._store.find("unified_jobs", node["job"])

    def _parents(self, node: Item) -> list[Item]:
        return [parent for parent in self.nodes if any(node.id in parent.links[name] for name in LINKS)]

    def _leads(self, parent: Item, node: Item) -> bool | None:
        """Tell whether a node's end leads to a child; None while that is open."""
        if parent["do_not_run"]:
            return False
        job = self._job_of(parent)
        if job is None:
            # A node whose template is gone counts as one that failed.
            return None if parent["unified_job_template"] else self._linked(parent, node, "failure_nodes")
        if job["status"] not in ENDED:
            return None
        return self._linked(parent, node, "success_nodes" if job["status"] == "successful" else "failure_nodes")

    @staticmethod
    def _linked(parent: Item, node: Item, name: str) -> bool:
        return node.id in parent.links[name] or node.id in parent.links["always_nodes"]

    def _undecided(self) -> list[Item]:
        return [
            node for node in self.nodes if not node["do_not_run"] and not node["job"] and node["unified_job_template"]
        ]

    def mark_not_run(self) -> None:
        """Note which nodes will decidedly not run; that decides about their children too."""
        marked = True
        while marked:
            marked = False
            for node in self._undecided():
                leads = [self._leads(parent, node) for parent in self._parents(node)]
                if not leads:
                    continue
                all_must = node["all_parents_must_converge"]
                if False in leads if all_must else not any(leads) and None not in leads:
                    node.values["do_not_run"] = marked = True

    def ready(self) -> list[Item]:
        """Return the nodes to start now: a node waits until all its parents have ended or will not run."""
        return [
            node
            for node in self._undecided()
            if None not in [self._leads(parent, node) for parent in self._parents(node)]
        ]

    def active(self) -> list[Item]:
        """Return the jobs of nodes that have not ended."""
        jobs = [self._job_of(node) for node in self.nodes]
        return [job for job in jobs if job is not None and job["status"] not in ENDED]

    def done(self) -> bool:
        """Tell whether nothing is left to run."""
        return not self._undecided() and not self.active()

    def failure(self) -> str | None:
        """Return why the workflow failed: a node that failed with nothing to run on failure."""
        failed, lost = [], []
        for node in self.nodes:
            job = self._job_of(node)
            handled = node.links["failure_nodes"] or node.links["always_nodes"]
            if handled or node["do_not_run"]:
                continue
            if job is None and not node["unified_job_template"]:
                lost.append(str(node.id))
            elif job is not None and job["status"] in ENDED[1:]:
                failed.append(f"({node.id},{job['status']})")
        if not failed and not lost:
            return None
        return (
            f"No error handling path for workflow job node(s) [{','.join(failed)}]. Workflow job node(s) missing "
            f"unified job template and error handling path [{','.join(lost)}]."
        )

    def _gather_artifacts(self, node: Item) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for parent in self._parents(node):
            found |= parent.private["ancestor_artifacts"]
            if job := self._job_of(parent):
                found |= effective_artifacts(self._store, job)
        node.private["ancestor_artifacts"] = found
        return found

    def prompts(self, node: Item, template: Item) -> dict[str, Any]:
        """Return what a node's job is launched with: the node's and the workflow's prompts, artifacts, variables."""
        # Nodes that take no variables, like approvals, hand them on.
        artifacts = self._gather_artifacts(node)
        if template.path not in ("job_templates", "workflow_job_templates"):
            return {}
        given = saved_prompts(node)
        kept = ("inventory", "limit", "scm_branch", "job_tags", "skip_tags")
        given |= {name: self._job[name] for name in kept if self._job[name] not in (None, "")}
        own = json.loads(self._job["extra_vars"] or "{}")
        if template.path == "workflow_job_templates":
            given["extra_vars"] = {**given.get("extra_vars", {}), **own}
        accepted = accept(self._store, template, given).accepted
        artifacts = {name: value for name, value in artifacts.items() if name != "_ansible_no_log"}
        # A workflow's variables reach its jobs whether or not they ask for any.
        accepted["extra_vars"] = {**accepted.get("extra_vars", {}), **artifacts, **own}
        return accepted

    def hidden_artifacts(self, node: Item) -> dict[str, str]:
        """Return the variables that came as artifacts which must not be shown, and the workflow's own secrets."""
        artifacts = node.private["ancestor_artifacts"]
        hidden = dict(self._job.private.get("survey_passwords", {}))
        if artifacts.get("_ansible_no_log"):
            hidden |= dict.fromkeys((name for name in artifacts if name != "_ansible_no_log"), ENCRYPTED)
        return hidden


def effective_artifacts(store: Store, job: Item) -> dict[str, Any]:
    """Return a job's artifacts; those of a workflow are all of its jobs', later ones winning."""
    if job.path == "jobs":
        own: dict[str, Any] = job["artifacts"]
        return own
    found: dict[str, Any] = {}
    if job.path == "workflow_jobs":
        for node in sorted(store.where("workflow_job_nodes", workflow_job=job.id), key=lambda node: node["job"] or 0):
            if inner := store.find("unified_jobs", node["job"]):
                found |= effective_artifacts(store, inner)
    return found
