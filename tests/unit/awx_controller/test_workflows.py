# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflow graphs: which nodes run, whatever their shape and whatever becomes of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awx_controller.clock import Clock
from awx_controller.store import Item, Store
from awx_controller.workflows import LINKS, Graph


class Workflow:
    """A workflow job whose nodes end as they are told, without jobs that run."""

    def __init__(self) -> None:
        self.store = Store(Clock())
        with self.store.lock:
            self.template = self.store.add("job_templates", {"name": "t"})
            self.job = self.store.add("workflow_jobs", {"status": "running"})
        self.nodes: list[Item] = []

    def node(self, **values: Any) -> Item:
        template = values.pop("template", self.template.id)
        about = {"workflow_job": self.job.id, "unified_job_template": template, **values}
        made = self.store.add("workflow_job_nodes", about, ancestor_artifacts={})
        self.nodes.append(made)
        return made

    def step(self, outcome: Any) -> list[Item]:
        """Run what is ready, each to an end of its own; return it."""
        with self.store.lock:
            graph = Graph(self.store, self.job)
            graph.mark_not_run()
            ready = graph.ready()
            for node in ready:
                ended = self.store.add("jobs", {"status": outcome(node)})
                node.values["job"] = ended.id
            return ready

    def run(self, outcome: Any) -> None:
        while self.step(outcome):
            pass

    def ran(self) -> list[str]:
        return [node["identifier"] for node in self.nodes if node["job"]]


@pytest.mark.parametrize(
    ("status", "ran", "failed"),
    [("successful", ["a", "good", "always"], False), ("failed", ["a", "bad", "always"], False)],
)
def test_links(status: str, ran: list[str], failed: bool) -> None:
    workflow = Workflow()
    start = workflow.node(identifier="a")
    good, bad, always = (workflow.node(identifier=name) for name in ("good", "bad", "always"))
    start.links.update(success_nodes=[good.id], failure_nodes=[bad.id], always_nodes=[always.id])
    workflow.run(lambda node: status if node is start else "successful")
    assert workflow.ran() == ran
    assert Graph(workflow.store, workflow.job).done()
    assert bool(Graph(workflow.store, workflow.job).failure()) is failed


def test_a_failure_nobody_cares_for_fails_the_whole() -> None:
    workflow = Workflow()
    start, after = workflow.node(identifier="a"), workflow.node(identifier="b")
    start.links["success_nodes"] = [after.id]
    workflow.run(lambda node: "failed")
    assert workflow.ran() == ["a"]
    assert "No error handling path" in (Graph(workflow.store, workflow.job).failure() or "")


@pytest.mark.parametrize(("all_must", "ran"), [(False, ["a", "b", "c"]), (True, ["a", "b"])])
def test_two_ways_into_one_node(all_must: bool, ran: list[str]) -> None:
    workflow = Workflow()
    first, second = workflow.node(identifier="a"), workflow.node(identifier="b")
    end = workflow.node(identifier="c", all_parents_must_converge=all_must)
    for node in (first, second):
        node.links["success_nodes"] = [end.id]
    workflow.run(lambda node: "failed" if node is first else "successful")
    assert workflow.ran() == ran


def test_a_node_whose_template_is_gone_counts_as_failed() -> None:
    workflow = Workflow()
    lost, rescue = workflow.node(identifier="a", template=None), workflow.node(identifier="b")
    lost.links["failure_nodes"] = [rescue.id]
    workflow.run(lambda node: "successful")
    assert workflow.ran() == ["b"]
    assert Graph(workflow.store, workflow.job).failure() is None


@given(st.data())
def test_every_graph_comes_to_an_end(data: st.DataObject) -> None:
    """Each node runs or is marked, none before its parents have ended, and never twice."""
    workflow = Workflow()
    count = data.draw(st.integers(1, 7))
    for number in range(count):
        workflow.node(identifier=str(number), all_parents_must_converge=data.draw(st.booleans()))
    for number, node in enumerate(workflow.nodes):
        for later in workflow.nodes[number + 1 :]:
            name = data.draw(st.sampled_from([*LINKS, None, None]))
            if name:
                node.links[name].append(later.id)
    order: list[Item] = []

    def outcome(node: Item) -> str:
        assert node not in order
        parents = [one for one in workflow.nodes if any(node.id in one.links[name] for name in LINKS)]
        assert all(one["job"] or one["do_not_run"] for one in parents)
        order.append(node)
        return data.draw(st.sampled_from(["successful", "failed", "canceled"]))

    workflow.run(outcome)
    assert Graph(workflow.store, workflow.job).done()
    assert all(bool(node["job"]) != node["do_not_run"] for node in workflow.nodes)
