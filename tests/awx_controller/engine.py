# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting jobs, in the order and side by side as AWX does, and everything that follows from their ends."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from awx_controller import inventories, launching, notifications, projects, recurrence, running, workflows
from awx_controller.clock import seconds_timestamp, timestamp
from awx_controller.errors import ApiError
from awx_controller.permissions import Rights
from awx_controller.presentation import Presenter
from awx_controller.projects import UpdateFailed
from awx_controller.running import Execution, Process
from awx_controller.schema import COPIED_TO_JOB, UNIFIED_JOB
from awx_controller.store import Item, Store

ACTIVE = ("new", "pending", "waiting", "running")
FAILED = ("failed", "error", "canceled")
# More would only make each slower on the two cores that tests have.
SIDE_BY_SIDE = 4
_FRIENDLY = {
    "jobs": "Job",
    "workflow_jobs": "Workflow Job",
    "project_updates": "Project Update",
    "inventory_updates": "Inventory Update",
    "workflow_approvals": "Workflow Approval",
}
_COLOUR = re.compile(r"\x1b\[[0-9;]*[a-zA-Z]")


class Launch(NamedTuple):
    """What a job is made of. about: values that every kind of job has; slicing: number and count of a slice."""

    template: Item
    prompts: dict[str, Any]
    about: dict[str, Any]
    user: Item | None
    slicing: tuple[int, int] | None


class Engine:
    """Runs what is launched. Everything that touches the store holds its lock; runs and deliveries do not."""

    def __init__(self, store: Store, execution: Execution, url: str) -> None:
        self.store, self.execution, self.url = store, execution, url
        self._processes: dict[int, Process] = {}
        self._threads: set[threading.Thread] = set()
        self.stopping = False

    # Launching

    def launch(
        self,
        template: Item,
        prompts: dict[str, Any],
        user: Item | None,
        launch_type: str = "manual",
        schedule: Item | None = None,
        passwords: dict[str, str] | None = None,
        slicing: tuple[int, int] | None = None,
        start: bool = True,
    ) -> Item:
        """Make the job that a template stands for, with accepted prompts, and queue it."""
        about = {
            "name": template["name"],
            "description": template["description"],
            "unified_job_template": template.id,
            "launch_type": launch_type,
            "schedule": schedule.id if schedule else None,
            "organization": template.get("organization"),
            "execution_environment": self._environment_of(template, prompts),
        }
        make = {
            "job_templates": self._make_job,
            "workflow_job_templates": self._make_workflow_job,
            "projects": self._make_project_update,
            "inventory_sources": self._make_inventory_update,
            "workflow_approval_templates": self._make_approval,
        }[template.path]
        job = make(Launch(template, prompts, about, user, slicing))
        job.private |= {"passwords": passwords or {}, "events": [], "stdout": ""}
        template.private["current_job"] = job.id
        if template.path in ("projects", "inventory_sources"):
            self.store.change(template, {"status": "pending"})
        if start:
            self.pump()
        return job

    def _environment_of(self, template: Item, prompts: dict[str, Any]) -> int | None:
        store = self.store
        project = store.find("projects", template.get("project"))
        organization = store.find("organizations", template.get("organization"))
        for identity in (
            prompts.get("execution_environment"),
            template.get("execution_environment"),
            template.get("default_environment"),
            project and project["default_environment"],
            organization and organization["default_environment"],
        ):
            if identity:
                return int(identity)
        return next((item.id for item in store.all("execution_environments")), None)

    def _make_job(self, launch: Launch) -> Item:
        store = self.store
        template, prompts, about, user, slicing = launch
        extra_vars, hidden = launching.job_variables(template, prompts.get("extra_vars", {}))
        count = launching.slice_count(store, template, prompts)
        if count > 1 and not slicing:
            return self._make_sliced(launch, count)
        values = {name: template[name] for name in COPIED_TO_JOB}
        values |= {name: value for name, value in prompts.items() if name in values}
        project = store.find("projects", template["project"])
        values |= about
        values |= {
            "extra_vars": extra_vars,
            "job_template": template.id,
            "allow_simultaneous": bool(slicing) or template["allow_simultaneous"],
            "scm_revision": project["scm_revision"] if project else "",
            "job_slice_number": slicing[0] if slicing else 0,
            "job_slice_count": slicing[1] if slicing else 1,
            "execution_node": "localhost",
            "controller_node": "localhost",
            "passwords_needed_to_start": [],
        }
        job = store.add("jobs", values, user, survey_passwords=hidden)
        own = template.links["credentials"]
        job.links["credentials"] = launching.merged_credentials(store, own, prompts.get("credentials", []))
        job.links["labels"] = list(prompts.get("labels", template.links["labels"]))
        return job

    def _make_sliced(self, launch: Launch, count: int) -> Item:
        values = {
            **launch.about,
            "job_template": launch.template.id,
            "is_sliced_job": True,
            "inventory": launch.prompts.get("inventory"),
        }
        del values["execution_environment"]
        extra_vars, hidden = launching.job_variables(launch.template, launch.prompts.get("extra_vars", {}))
        values |= {"extra_vars": extra_vars, "limit": launch.prompts.get("limit")}
        job = self.store.add("workflow_jobs", values, launch.user, survey_passwords=hidden, prompts=launch.prompts)
        for number in range(1, count + 1):
            node = {"workflow_job": job.id, "unified_job_template": launch.template.id}
            self.store.add("workflow_job_nodes", node, slicing=(number, count), ancestor_artifacts={})
        return job

    def _make_workflow_job(self, launch: Launch) -> Item:
        template, prompts = launch.template, launch.prompts
        extra_vars, hidden = launching.job_variables(template, prompts.get("extra_vars", {}))
        values = {**launch.about, "workflow_job_template": template.id, "extra_vars": extra_vars}
        del values["execution_environment"]
        kept = ("inventory", "limit", "scm_branch", "job_tags", "skip_tags")
        values |= {name: prompts.get(name, template[name]) for name in kept}
        values["allow_simultaneous"] = template["allow_simultaneous"]
        job = self.store.add("workflow_jobs", values, launch.user, survey_passwords=hidden)
        job.links["labels"] = list(prompts.get("labels", template.links["labels"]))
        workflows.copy_nodes(self.store, template, job)
        return job

    def _make_project_update(self, launch: Launch) -> Item:
        names = ("local_path", "scm_type", "scm_url", "scm_branch")
        values = {**launch.about, "project": launch.template.id, **{name: launch.template[name] for name in names}}
        return self.store.add("project_updates", values, launch.user)

    def _make_inventory_update(self, launch: Launch) -> Item:
        values = {**launch.about, "inventory_source": launch.template.id, "inventory": launch.template["inventory"]}
        return self.store.add("inventory_updates", values, launch.user)

    def _make_approval(self, launch: Launch) -> Item:
        values = {**launch.about, "timeout": launch.template["timeout"]}
        return self.store.add("workflow_approvals", values, launch.user)

    # Queue

    def _active(self, path: str = UNIFIED_JOB, **values: Any) -> list[Item]:
        return [job for job in self.store.where(path, **values) if job["status"] in ACTIVE]

    def pump(self) -> None:
        """Start what can be started."""
        seen: set[int] = set()
        # Looking at a job may queue what it depends on.
        while found := [job for job in self._active() if job["status"] == "pending" and job.id not in seen]:
            for job in sorted(found, key=lambda job: job.id):
                seen.add(job.id)
                if self.stopping or job["status"] != "pending" or job.path == "workflow_approvals":
                    continue
                if job.path == "workflow_jobs":
                    if not self._blocked_by_sibling(job):
                        self._start_workflow(job)
                elif not self._blocked(job):
                    self._start(job)

    def _blocked_by_sibling(self, job: Item) -> bool:
        siblings = self._active(unified_job_template=job["unified_job_template"])
        earlier = [other for other in siblings if other.id < job.id and other["status"] in ("waiting", "running")]
        return bool(earlier) and not job.get("allow_simultaneous")

    def _blocked(self, job: Item) -> bool:
        if self._blocked_by_sibling(job):
            return True
        if "depends_on" not in job.private:
            job.private["depends_on"] = self._dependencies(job)
        for identity in job.private["depends_on"]:
            other = self.store.get(UNIFIED_JOB, identity)
            if other["status"] in FAILED:
                explained = {"job_type": other.kind.name, "job_name": other["name"], "job_id": str(other.id)}
                self.finish(job, "failed", f"Previous Task Failed: {json.dumps(explained)}")
                return True
            if other["status"] in ACTIVE:
                return True
        project = job.get("project")
        if job.path == "jobs" and (
            self._started("project_updates", project=project)
            or self._started("inventory_updates", inventory=job["inventory"])
        ):
            return True
        running_now = [one for one in self._active() if one["status"] in ("waiting", "running")]
        return len([one for one in running_now if one.path != "workflow_jobs"]) >= SIDE_BY_SIDE

    def _started(self, path: str, **values: Any) -> bool:
        return any(job["status"] != "pending" for job in self._active(path, **values))

    def _stale(self, updated: str | None, timeout: int) -> bool:
        if not updated:
            return True
        age = self.store.clock.now() - datetime.fromisoformat(updated)
        return age.total_seconds() > timeout

    def _update_of(self, template: Item, timeout: int) -> list[int]:
        """Return the update that a job needs first, begun where none is under way or young enough."""
        path = "project_updates" if template.path == "projects" else "inventory_updates"
        active = self._active(path, unified_job_template=template.id)
        if active:
            return [active[0].id]
        if template["status"] == "successful" and timeout and not self._stale(template["last_updated"], timeout):
            return []
        return [self.launch(template, {}, None, "dependency", start=False).id]

    def _dependencies(self, job: Item) -> list[int]:
        store = self.store
        found: list[int] = []
        if job.path == "jobs":
            project = store.find("projects", job["project"])
            if project and project["scm_type"] and project["scm_update_on_launch"]:
                found += self._update_of(project, project["scm_update_cache_timeout"])
            for source in store.where("inventory_sources", inventory=job["inventory"]):
                if source["update_on_launch"]:
                    found += self._update_of(source, source["update_cache_timeout"])
        elif job.path == "inventory_updates":
            source = store.get("inventory_sources", job["inventory_source"])
            project = store.find("projects", source["source_project"])
            if project and project["scm_type"] and (project["scm_update_on_launch"] or not project["scm_revision"]):
                found += self._update_of(project, project["scm_update_cache_timeout"])
        return found

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        def run() -> None:
            try:
                target(*arguments)
            finally:
                with self.store.lock:
                    self._threads.discard(threading.current_thread())
                    self.store.changed.notify_all()

        thread = threading.Thread(target=run, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _begin(self, job: Item) -> None:
        begun = time.monotonic()
        job.private["stopwatch"] = lambda: round(time.monotonic() - begun, 3)
        self.store.change(job, {"status": "running", "started": timestamp(self.store.clock.now())})
        template = self.store.find("unified_job_templates", job["unified_job_template"])
        if template:
            self.store.change(template, {"status": "running"})

    def _start(self, job: Item) -> None:
        self._begin(job)
        sent = self._notify(job, "started")
        work = {
            "jobs": self._run_job,
            "project_updates": self._run_project_update,
            "inventory_updates": self._run_inventory_update,
        }[job.path]
        self._spawn(self._run, job, sent, work)

    def _run(self, job: Item, sent: list[Item], work: Callable[[Item], tuple[str, str]]) -> None:
        self._deliver(sent)
        try:
            status, explanation = work(job)
        except Exception as error:
            # Whatever it is, the job must not stay running for ever, and whoever reads the job must see it.
            status, explanation = "error", f"{type(error).__name__}: {error}"
        with self.store.lock:
            if job["status"] in ACTIVE:
                self.finish(job, status, explanation)

    def finish(self, job: Item, status: str, explanation: str = "") -> None:
        """End a job: what waits for it goes on, and who is to be told is told."""
        store = self.store
        now = timestamp(store.clock.now())
        watch = job.private.get("stopwatch", lambda: 0.0)
        values: dict[str, Any] = {"status": status, "failed": status in FAILED, "finished": now, "elapsed": watch()}
        if not job["started"]:
            values["started"] = now
        if status == "canceled":
            values["canceled_on"] = now
        if explanation:
            values["job_explanation"] = explanation
        if "event_processing_finished" in job.values:
            values["event_processing_finished"] = True
        store.change(job, values)
        job.private.pop("passwords", None)
        template = store.find("unified_job_templates", job["unified_job_template"])
        if template and "last_job_run" in template.values:
            template.private["last_job"] = job.id
            if template.private.get("current_job") == job.id:
                template.private["current_job"] = None
            changes: dict[str, Any] = {"status": status, "last_job_run": now, "last_job_failed": status in FAILED}
            if "last_updated" in template.values:
                changes |= {"last_update_failed": status in FAILED, "last_updated": now}
            store.change(template, changes)
        if job.path != "workflow_approvals":
            self._tell(self._notify(job, "error" if status in FAILED else "success"))
        node = store.one("workflow_job_nodes", job=job.id)
        if node:
            self._go_on(store.get("workflow_jobs", node["workflow_job"]))
        self.pump()

    def _tell(self, sent: list[Item]) -> None:
        """Deliver notifications without holding the lock meanwhile."""
        if sent:
            self._spawn(self._deliver, sent)

    # Workflows

    def _start_workflow(self, job: Item) -> None:
        self._begin(job)
        self._tell(self._notify(job, "started"))
        self._go_on(job)

    def _go_on(self, workflow_job: Item) -> None:
        """Take a workflow as far as it goes by itself."""
        if workflow_job["status"] not in ACTIVE:
            return
        store = self.store
        graph = workflows.Graph(store, workflow_job)
        if workflow_job.private.get("cancelled"):
            if not graph.active():
                self.finish(workflow_job, "canceled")
            return
        graph.mark_not_run()
        for node in graph.ready():
            # A job that cannot start ends at once, and takes the workflow further from within this loop.
            if node["job"] is None:
                self._start_node(workflow_job, graph, node)
        if workflow_job["status"] in ACTIVE and graph.done():
            problem = graph.failure()
            self.finish(workflow_job, "failed" if problem else "successful", problem or "")
        else:
            self.pump()

    def _start_node(self, workflow_job: Item, graph: workflows.Graph, node: Item) -> None:
        store = self.store
        template = store.get("unified_job_templates", node["unified_job_template"])
        user = store.find("users", workflow_job.created_by)
        slicing = node.private.get("slicing")
        prompts = workflow_job.private.get("prompts", {}) if slicing else graph.prompts(node, template)
        job = self.launch(template, prompts, user, "workflow", slicing=slicing, start=False)
        if graph.hidden_artifacts(node):
            job.private["survey_passwords"] = {
                **job.private.get("survey_passwords", {}),
                **graph.hidden_artifacts(node),
            }
        store.change(node, {"job": job.id})
        if template.path == "workflow_approval_templates":
            self._begin_approval(workflow_job, job)
        elif template.path == "job_templates":
            missing = [name for name in ("project", "inventory") if job.get(name) is None and job.path == "jobs"]
            if missing:
                explanation = "missing a related resource such as project or inventory"
                self.finish(job, "failed", f"Job spawned from workflow could not start because it was {explanation}")
            elif launching.needed_passwords(store, job.links.get("credentials", [])):
                explanation = "not in the right state or required manual credentials"
                self.finish(job, "failed", f"Job spawned from workflow could not start because it was {explanation}")

    def _begin_approval(self, workflow_job: Item, approval: Item) -> None:
        store = self.store
        approval.private["expires"] = workflows.expiry(store.clock.now(), approval["timeout"])
        store.change(approval, {"status": "pending", "started": timestamp(store.clock.now())})
        self._tell(self._notify_approval(workflow_job, approval, "running"))

    def decide(self, approval: Item, status: str, user: Item | None, event: str) -> None:
        """End an approval: ``successful`` or ``failed``; ``event`` is ``approved``, ``denied`` or ``timed_out``."""
        store = self.store
        node = store.one("workflow_job_nodes", job=approval.id)
        workflow_job = store.get("workflow_jobs", node["workflow_job"]) if node else None
        store.change(approval, {"approved_or_denied_by": user.id if user else None, "timed_out": event == "timed_out"})
        if workflow_job:
            self._tell(self._notify_approval(workflow_job, approval, event))
        explanation = (
            f"The approval node {approval['name']} ({approval.id}) has expired after {approval['timeout']} seconds."
        )
        self.finish(approval, status, explanation if event == "timed_out" else "")

    # Cancelling

    def cancel(self, job: Item) -> None:
        """End a job before its time; ApiError 405 where it has ended."""
        if job["status"] not in ACTIVE:
            raise ApiError(405, {"detail": 'Method "POST" not allowed.'})
        if job.path == "workflow_jobs":
            job.private["cancelled"] = True
            for child in workflows.Graph(self.store, job).active():
                self.cancel(child)
            self._go_on(job)
        elif process := self._processes.get(job.id):
            job.private["cancelled"] = True
            process.cancel()
        elif job["status"] in ("new", "pending") or job.path == "workflow_approvals":
            self.finish(job, "canceled")
        else:
            job.private["cancelled"] = True

    def stop(self) -> None:
        """End all workers at once."""
        with self.store.lock:
            self.stopping = True
            processes = list(self._processes.values())
        for process in processes:
            process.kill()

    def idle(self) -> bool:
        """Tell whether nothing runs, waits to run or is being delivered; approvals may wait."""
        return not self._threads and not [
            job
            for job in self._active()
            if job.path not in ("workflow_approvals", "workflow_jobs")
            or (job.path == "workflow_jobs" and not self._awaits_approval(job))
        ]

    def _awaits_approval(self, workflow_job: Item) -> bool:
        active = workflows.Graph(self.store, workflow_job).active()
        return bool(active) and all(
            job.path == "workflow_approvals" or (job.path == "workflow_jobs" and self._awaits_approval(job))
            for job in active
        )

    # Running

    def _run_job(self, job: Item) -> tuple[str, str]:
        store = self.store
        with store.lock:
            project = store.get("projects", job["project"])
            store.change(job, {"scm_revision": project["scm_revision"]})
            plan = running.prepare(store, self.execution, job, self.url, job.private["passwords"])
        try:
            running.copy_project(self.execution, project, plan.private_data)
            with store.lock:
                process = self._processes[job.id] = Process(self.execution, plan)
                if job.private.get("cancelled"):
                    process.cancel()
            outcome = {"status": "error", "rc": None}

            def message(entry: dict[str, Any]) -> None:
                with store.lock:
                    if "event" in entry:
                        self._event(job, entry["event"])
                    elif "starting" in entry:
                        self._starting(job, entry["starting"], plan.safe_environment)
                    else:
                        outcome.update(entry)

            problem = process.follow(message)
        finally:
            with store.lock:
                self._processes.pop(job.id, None)
            shutil.rmtree(plan.private_data, ignore_errors=True)
        with store.lock:
            if problem:
                store.change(job, {"result_traceback": problem})
        status = str(outcome["status"])
        if status == "timeout":
            return "failed", "Job terminated due to timeout"
        return status, "Job terminated due to error" if status == "error" else ""

    def _starting(self, job: Item, told: dict[str, Any], safe: dict[str, str]) -> None:
        environment = {name: safe.get(name, value) for name, value in told["environment"].items()}
        values = {"job_args": json.dumps(told["command"]), "job_cwd": told["cwd"], "job_env": environment}
        self.store.change(job, values)

    def _event(self, job: Item, event: dict[str, Any]) -> None:
        job.private["events"].append(event)
        if event.get("stdout"):
            job.private["stdout"] += event["stdout"] + "\n"
        data = event.get("event_data", {})
        if event["event"] != "playbook_on_stats":
            self.store.changed.notify_all()
            return
        if data.get("artifact_data"):
            self.store.change(job, {"artifacts": data["artifact_data"]})
        self._summarise(job, data)

    def _summarise(self, job: Item, stats: dict[str, Any]) -> None:
        """Note how each host did."""
        names = ("changed", "dark", "failures", "ignored", "ok", "processed", "rescued", "skipped")
        told = sorted({host for name in names for host in stats.get(name, {})})
        summaries = []
        for number, name in enumerate(told, 1):
            host = self.store.one("hosts", name=name, inventory=job["inventory"])
            counts = {count: stats.get(count, {}).get(name, 0) for count in names}
            failed = bool(counts["dark"] or counts["failures"])
            summaries.append(
                {"number": number, "host": host.id if host else None, "host_name": name, **counts, "failed": failed}
            )
            if host:
                self.store.change(host, {"last_job": job.id, "has_active_failures": failed})
        job.private["summaries"] = summaries
        counted = {
            name: len(stats.get(name, {})) for name in ("changed", "dark", "failures", "ok", "processed", "skipped")
        }
        events = [event["event"] for event in job.private["events"]]
        plays, tasks = events.count("playbook_on_play_start"), events.count("playbook_on_task_start")
        self.store.change(
            job, {"host_status_counts": counted, "playbook_counts": {"play_count": plays, "task_count": tasks}}
        )

    def _say(self, job: Item, *lines: str) -> None:
        with self.store.lock:
            job.private["stdout"] += "".join(f"{line}\n" for line in lines if line)
            self.store.changed.notify_all()

    def _run_project_update(self, job: Item) -> tuple[str, str]:
        store, root = self.store, self.execution.projects
        with store.lock:
            project = store.get("projects", job["project"])
            path = projects.folder(root, project)
            organization = store.find("organizations", project["organization"])
            synced = bool(organization and organization.links["galaxy_credentials"])
            target = self.execution.requirements(project)
            fresh = project["scm_delete_on_update"]
        if fresh:
            shutil.rmtree(path, ignore_errors=True)
        try:
            revision = projects.check_out(root, job["scm_url"], job["scm_branch"], path)
        except UpdateFailed as error:
            self._say(job, f"fatal: [localhost]: FAILED! => {error}")
            return "failed", ""
        self._say(job, f"Repository Version {revision}")
        listed = [path / "collections" / name for name in ("requirements.yml", "requirements.yaml")]
        required = next((file for file in listed if file.exists()), None)
        if required and not synced:
            self._say(
                job,
                "Collection and role syncing disabled. Check the AWX_ROLES_ENABLED and AWX_COLLECTIONS_ENABLED "
                "settings and Galaxy credentials on the project's organization.",
            )
        elif required:
            with store.lock:
                current = project.private.get("requirements") == revision and target.is_dir()
            if not current and not self._install(job, required, target):
                return "failed", ""
        with store.lock:
            project.private["requirements"] = revision if synced else None
            projects.remember_playbooks(root, project)
            store.change(job, {"scm_revision": revision})
            store.change(project, {"scm_revision": revision})
        return "successful", ""

    def _install(self, job: Item, required: Any, target: Any) -> bool:
        """Install what a project requires, by the real ansible-galaxy; tell whether that worked."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        home = self.execution.root / "galaxy-home"
        home.mkdir(exist_ok=True)
        done = subprocess.run(
            ["ansible-galaxy", "collection", "install", "-r", str(required), "-p", str(target)],
            env={**self.execution.base_environment(home), **self.execution.task_environment, "NO_COLOR": "1"},
            cwd=required.parent.parent,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._say(job, done.stdout)
        return done.returncode == 0

    def _run_inventory_update(self, job: Item) -> tuple[str, str]:
        store = self.store
        with store.lock:
            source = store.get("inventory_sources", job["inventory_source"])
            inventory = store.get("inventories", source["inventory"])
            project = store.get("projects", source["source_project"])
            folder = projects.folder(self.execution.projects, project)
            limit = ["--limit", source["limit"]] if source["limit"] else []
        home = self.execution.root / "inventory-home"
        home.mkdir(parents=True, exist_ok=True)
        environment = self.execution.base_environment(home) | self.execution.task_environment
        done = subprocess.run(
            ["ansible-inventory", "-i", source["source_path"] or ".", "--list", "--export", *limit],
            env={**environment, "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True"},
            cwd=folder,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self._say(job, done.stderr)
        if done.returncode:
            return "failed", ""
        with store.lock:
            lines = inventories.import_listing(store, inventory, json.loads(done.stdout), source)
        self._say(job, *lines, "Inventory import completed")
        return "successful", ""

    # Schedules and time

    def fire_due(self) -> list[Item]:
        """Launch every schedule whose time has come, once each; return the jobs."""
        store = self.store
        now = store.clock.now()
        fired = []
        for schedule in sorted(store.all("schedules"), key=lambda item: (item["next_run"] or "", item.id)):
            due = schedule["next_run"]
            if not schedule["enabled"] or not due or datetime.fromisoformat(due) > now:
                continue
            following = recurrence.next_after(schedule["rrule"], now)
            store.change(schedule, {"next_run": seconds_timestamp(following)})
            template = store.get("unified_job_templates", schedule["unified_job_template"])
            result = launching.accept(store, template, launching.saved_prompts(schedule), saved=True)
            user = store.find("users", schedule.created_by)
            job = self.launch(template, result.accepted, None, "scheduled", schedule, start=False)
            job.created_by = job.modified_by = user.id if user and job.path == "project_updates" else None
            if result.errors:
                explanation = "not in the right state or required manual credentials"
                self.finish(job, "failed", f"Scheduled job could not start because it was {explanation}")
            fired.append(job)
        for approval in store.where("workflow_approvals", status="pending"):
            expires = approval.private.get("expires")
            if expires and expires <= now:
                self.decide(approval, "failed", None, "timed_out")
        self.pump()
        return fired

    # Notifications

    def _templates(self, job: Item, event: str) -> list[Item]:
        """Return who is told of an event: linked to the template, its project and its organization."""
        store = self.store
        template = store.find("unified_job_templates", job["unified_job_template"])
        if job.path == "workflow_jobs" and job["is_sliced_job"]:
            return []
        sources = [template, store.find("organizations", job["organization"])]
        if job.path == "jobs":
            sources.append(store.find("projects", job["project"]))
        name = f"notification_templates_{event}"
        found = {
            one.id: one for source in sources if source and name in source.links for one in store.linked(source, name)
        }
        return list(found.values())

    def _context(self, job: Item, **more: Any) -> dict[str, Any]:
        admin = self.store.get("users", 1)
        answer = Presenter(self.store, Rights(self.store, admin)).answer(job)
        part = {"jobs": "playbook", "project_updates": "project", "workflow_jobs": "workflow"}.get(
            job.path, "inventory"
        )
        page = f"{self.url}/#/jobs/{part}/{job.id}"
        return notifications.context(answer, _FRIENDLY[job.path], page, **more)

    def _queue(self, template: Item, job: Item, content: Any) -> Item:
        configuration = template["notification_configuration"]
        values = {
            "notification_template": template.id,
            "notification_type": template["notification_type"],
            "recipients": configuration["url"],
            "body": content,
        }
        sent = self.store.add("notifications", values, configuration=dict(configuration))
        job.links["notifications"].append(sent.id)
        return sent

    def _notify(self, job: Item, event: str) -> list[Item]:
        templates = self._templates(job, event)
        if not templates:
            return []
        context = self._context(job)
        return [self._queue(template, job, notifications.body(template, event, context)) for template in templates]

    def _notify_approval(self, workflow_job: Item, approval: Item, event: str) -> list[Item]:
        templates = self._templates(workflow_job, "approvals")
        if not templates:
            return []
        workflow_url = f"{self.url}/#/jobs/workflow/{workflow_job.id}"
        told = {"approval_status": event, "approval_node_name": approval["name"], "workflow_url": workflow_url}
        context = self._context(workflow_job, **told)
        return [
            self._queue(template, workflow_job, notifications.body(template, "workflow_approval", context, event))
            for template in templates
        ]

    def _deliver(self, sent: list[Item]) -> None:
        for notification in sent:
            error = notifications.deliver(notification.private["configuration"], notification["body"])
            with self.store.lock:
                values = {
                    "status": "failed" if error else "successful",
                    "error": error,
                    "notifications_sent": int(not error),
                }
                self.store.change(notification, values)

    def send_test(self, template: Item) -> Item:
        """Send a notification that only says that it can be sent."""
        content = {"body": f"Notification Test {template.id} {self.url}"}
        configuration = template["notification_configuration"]
        values = {"notification_template": template.id, "recipients": configuration["url"], "body": content}
        sent = self.store.add("notifications", values, configuration=dict(configuration))
        self._spawn(self._deliver, [sent])
        return sent

    # What a job said

    @staticmethod
    def stdout(job: Item, colours: bool) -> str:
        """Return a job's output, with or without terminal colours."""
        text = str(job.private.get("stdout", ""))
        return text if colours else _COLOUR.sub("", text)
