# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a job to a run of ansible-runner: its private data directory, its parameters, and its worker process."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from awx_controller import credentials, inventories, projects
from awx_controller.credentials import Injected, safe_environment
from awx_controller.store import Item, Store

WORKER = Path(__file__).with_name("worker.py")
_BECOME = ("su", "sudo", "pbrun", "pfexec", "dzdo", "pmrun", "runas", "enable", "doas", "ksu", "machinectl", "sesu")


@dataclass
class Execution:
    """Where jobs run: what stands for the execution environment, and the folders that outlive a job."""

    root: Path
    # What jobs have as PATH; its ansible-playbook is the engine's.
    path: str
    # Collections that the execution environment holds, as a search path.
    collections: str = ""
    # The setting AWX_TASK_ENV.
    task_environment: dict[str, str] = field(default_factory=dict)

    @property
    def projects(self) -> Path:
        return self.root / "projects"

    def requirements(self, project: Item) -> Path:
        """Return where collections of a project's requirements are kept."""
        return self.root / "requirements" / str(project.id)

    def base_environment(self, home: Path) -> dict[str, str]:
        """Return what every process of the execution environment has."""
        return {"PATH": self.path, "HOME": str(home), "LANG": "C.UTF-8"}


@dataclass
class Plan:
    """Everything about a job that its run needs, so that the store need not be locked meanwhile."""

    job: Item
    private_data: Path
    parameters: dict[str, Any]
    safe_environment: dict[str, str]


def _passwords(store: Store, job: Item, given: dict[str, str]) -> dict[str, str]:
    """Return the passwords that the engine may ask for, by AWX's names."""
    found: dict[str, str] = {}
    for credential in store.linked(job, "credentials"):
        kind = store.get("credential_types", credential["credential_type"])["kind"]
        inputs = credential["inputs"]
        names: dict[str, Any] = {}
        if kind == "ssh":
            names = {"ssh_password": inputs.get("password")}
            names |= {name: inputs.get(name) for name in ("ssh_key_unlock", "become_password")}
        elif kind == "vault":
            vault_id = inputs.get("vault_id")
            names = {f"vault_password.{vault_id}" if vault_id else "vault_password": inputs.get("vault_password")}
        for name, kept in names.items():
            value = given.get(name, kept)
            if value not in (None, "", "ASK"):
                found[name] = value
    return found


def _prompts(passwords: dict[str, str]) -> dict[str, str]:
    """Return what the engine's questions look like -> the answer."""
    prompts = {r"Enter passphrase for .*:\s*?$": "ssh_key_unlock"}
    for method in _BECOME:
        prompts[rf"{method} password.*:\s*?$"] = "become_password"
        prompts[rf"{method.upper()} password.*:\s*?$"] = "become_password"
    prompts |= {r"BECOME password.*:\s*?$": "become_password", r"SSH password:\s*?$": "ssh_password"}
    prompts |= {r"Password:\s*?$": "ssh_password", r"Vault password:\s*?$": "vault_password"}
    for name in passwords:
        if name.startswith("vault_password."):
            prompts[rf"Vault password \({name.split('.', 1)[1]}\):\s*?$"] = name
    return {pattern: passwords.get(name, "") for pattern, name in prompts.items()}


def _arguments(job: Item, machine: dict[str, Any], passwords: dict[str, str]) -> list[str]:
    """Return the options of ansible-playbook."""
    arguments = ["--check"] if job["job_type"] == "check" else []
    arguments += ["-u", machine.get("username") or "root"]
    arguments += ["--ask-pass"] if "ssh_password" in passwords else []
    arguments += ["--become"] if job["become_enabled"] else []
    arguments += ["--diff"] if job["diff_mode"] else []
    for option, name in (("--become-method", "become_method"), ("--become-user", "become_username")):
        arguments += [option, machine[name]] if machine.get(name) else []
    arguments += ["--ask-become-pass"] if "become_password" in passwords else []
    for name in passwords:
        if name == "vault_password":
            arguments.append("--ask-vault-pass")
        elif name.startswith("vault_password."):
            arguments += ["--vault-id", f"{name.split('.', 1)[1]}@prompt"]
    arguments += [f"--forks={job['forks']}"] if job["forks"] else []
    arguments += ["--force-handlers"] if job["force_handlers"] else []
    arguments += ["-l", job["limit"]] if job["limit"] else []
    arguments += ["-" + "v" * min(5, job["verbosity"])] if job["verbosity"] else []
    arguments += ["-t", job["job_tags"]] if job["job_tags"] else []
    arguments += [f"--skip-tags={job['skip_tags']}"] if job["skip_tags"] else []
    arguments += [f"--start-at-task={job['start_at_task']}"] if job["start_at_task"] else []
    return arguments


def meta_variables(store: Store, job: Item) -> dict[str, Any]:
    """Return the extra variables that tell a play about its job, each under both of AWX's prefixes."""
    told: dict[str, Any] = {"job_id": job.id, "job_launch_type": job["launch_type"]}
    node = store.one("workflow_job_nodes", job=job.id)
    workflow = store.find("workflow_jobs", node["workflow_job"]) if node else None
    if workflow:
        told |= {
            "workflow_job_id": workflow.id,
            "workflow_job_name": workflow["name"],
            "workflow_job_launch_type": workflow["launch_type"],
        }
        if schedule := store.find("schedules", workflow["schedule"]):
            told |= {"parent_job_schedule_id": schedule.id, "parent_job_schedule_name": schedule["name"]}
    user = store.find("users", job.created_by)
    if schedule := store.find("schedules", job["schedule"]):
        told |= {"schedule_id": schedule.id, "schedule_name": schedule["name"]}
    elif user:
        told["user_id"] = user.id
        told["user_name"] = user["username"]
        told |= {f"user_{name}": user[name] for name in ("email", "first_name", "last_name")}
    if inventory := store.find("inventories", job["inventory"]):
        told |= {"inventory_id": inventory.id, "inventory_name": inventory["name"]}
    if project := store.find("projects", job["project"]):
        told |= {"project_revision": job["scm_revision"], "project_scm_branch": project["scm_branch"]}
    if job["scm_branch"]:
        told["job_scm_branch"] = job["scm_branch"]
    if template := store.find("job_templates", job["job_template"]):
        told |= {"job_template_id": template.id, "job_template_name": template["name"]}
    told["execution_node"] = job["execution_node"]
    return {f"{prefix}_{name}": value for prefix in ("awx", "tower") for name, value in told.items()}


class _Unsafe(str):
    """A string that Ansible must not take for a template."""


class _VariablesDumper(yaml.SafeDumper):
    pass


_VariablesDumper.add_representer(
    _Unsafe,
    lambda dumper, value: dumper.represent_scalar("!unsafe", str(value)),  # type: ignore[no-untyped-call]
)


def _guarded(value: Any) -> Any:
    if isinstance(value, dict):
        return {_guarded(name): _guarded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_guarded(inner) for inner in value]
    return _Unsafe(value) if isinstance(value, str) else value


def variables_text(variables: dict[str, Any], trusted: dict[str, Any]) -> str:
    """Return extra variables as YAML: what the template itself says may hold templates, nothing else."""
    kept = {
        name: value if name in trusted and trusted[name] == value else _guarded(value)
        for name, value in variables.items()
    }
    return yaml.dump(kept, Dumper=_VariablesDumper, sort_keys=False)


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(text)
    path.chmod(mode)


def prepare(store: Store, execution: Execution, job: Item, url: str, passwords: dict[str, str]) -> Plan:
    """Make a job's private data directory and parameters; the store is locked."""
    execution.root.joinpath("jobs").mkdir(parents=True, exist_ok=True, mode=0o700)
    private_data = Path(tempfile.mkdtemp(prefix=f"awx_{job.id}_", dir=execution.root / "jobs"))
    for name in ("env", "inventory", "cp", "home"):
        (private_data / name).mkdir(mode=0o700)
    project = store.get("projects", job["project"])
    inventory = store.get("inventories", job["inventory"])
    template = store.find("job_templates", job["job_template"])
    known = _passwords(store, job, passwords)
    machine: dict[str, Any] = {}
    key = None
    injected = Injected(environment=_environment(execution, job, project, inventory, private_data, url))
    injected.safe_environment = safe_environment(injected.environment)
    for credential in store.linked(job, "credentials"):
        kind = store.get("credential_types", credential["credential_type"])
        credentials.inject(credential, kind, private_data / "env", injected)
        if kind["kind"] == "ssh":
            machine = credential["inputs"]
            key = machine.get("ssh_key_data") or None
    arguments = [*_arguments(job, machine, known), *injected.arguments]
    _write(private_data / "env" / "cmdline", shlex.join(arguments))
    variables = {**json.loads(job["extra_vars"] or "{}"), **meta_variables(store, job)}
    trusted = inventories.parse_variables(template["extra_vars"]) if template else {}
    _write(private_data / "env" / "extravars", variables_text(variables, trusted))
    settings = {"job_timeout": job["timeout"], "suppress_ansible_output": True, "suppress_output_file": True}
    _write(private_data / "env" / "settings", json.dumps(settings))
    data = inventories.script_data(store, inventory, job["job_slice_number"], job["job_slice_count"])
    hosts = private_data / "inventory" / "hosts"
    _write(hosts, inventories.script(data), 0o700)
    parameters = {
        "ident": str(job.id),
        "private_data_dir": str(private_data),
        "playbook": job["playbook"],
        "inventory": str(hosts),
        "passwords": _prompts(known),
        "suppress_env_files": True,
        "envvars": injected.environment,
        "fact_cache_type": "",
        **({"ssh_key": key if key.endswith("\n") else key + "\n"} if key else {}),
    }
    return Plan(job, private_data, parameters, injected.safe_environment)


def _environment(
    execution: Execution, job: Item, project: Item, inventory: Item, private_data: Path, url: str
) -> dict[str, str]:
    collections = [str(private_data / "requirements_collections"), "~/.ansible/collections"]
    return {
        "ANSIBLE_FORCE_COLOR": "True",
        "ANSIBLE_HOST_KEY_CHECKING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
        "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(private_data / "cp"),
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([*collections, *filter(None, [execution.collections])]),
        "ANSIBLE_ROLES_PATH": os.pathsep.join([str(private_data / "requirements_roles"), "~/.ansible/roles"]),
        "AWX_PRIVATE_DATA_DIR": str(private_data),
        "AWX_HOST": url,
        "JOB_ID": str(job.id),
        "INVENTORY_ID": str(inventory.id),
        "MAX_EVENT_RES": "700000",
        "PROJECT_REVISION": project["scm_revision"],
        "HOME": str(private_data / "home"),
        **execution.task_environment,
    }


def copy_project(execution: Execution, project: Item, private_data: Path) -> None:
    """Give the job its own copy of the project, and of the collections that it requires."""
    source = projects.folder(execution.projects, project)
    shutil.copytree(source, private_data / "project", symlinks=True)
    if execution.requirements(project).is_dir():
        shutil.copytree(execution.requirements(project), private_data / "requirements_collections", symlinks=True)


class Process:
    """A worker, from its start to its end."""

    def __init__(self, execution: Execution, plan: Plan) -> None:
        self._plan = plan
        self._errors = plan.private_data / "worker-errors"
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(WORKER)],
            env=execution.base_environment(plan.private_data / "home"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors.open("w"),
            cwd=plan.private_data,
            text=True,
            start_new_session=True,
        )

    def cancel(self) -> None:
        """Ask the engine to end the job."""
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the worker and all that it started, at once."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def follow(self, message: Callable[[dict[str, Any]], None]) -> str:
        """Hand over every message until the worker ends; return what went wrong with it, or nothing."""
        process = self._process
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(self._plan.parameters))
        process.stdin.close()
        for line in process.stdout:
            message(json.loads(line))
        return self._errors.read_text() or f"status {process.returncode}" if process.wait() else ""
