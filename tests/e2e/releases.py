# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between releases of the client: runs of the real one, each on a machine of its own.

What is expected of which release is in clients.yml, by the names in `OBSERVATIONS`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from axiom_emulator.storage import Row
from e2e.client import EXPECTED, by_age
from e2e.fleet import EVERYTHING, Fleet
from e2e.machine import HOME, PROMPT, USER, Machine
from e2e.stub import StubServer

OWN = "the-developers-own"
OWN_HEADERS = f"Authorization=Bearer {OWN},x-axiom-dataset={OWN}"
OWN_HELPER = {"otelHeadersHelper": f"""echo '{json.dumps({"Authorization": f"Bearer {OWN}"})}'"""}
ENDPOINTS = [f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT" for signal in ("LOGS", "METRICS")]
# 600 characters as it is written, 100 when decoded.
LONG_ATTRIBUTE = "%C3%BC" * 100

# Options of `claude_code_telemetry`, by the name that observations call them.
INSTALLATIONS: dict[str, dict[str, Any]] = {
    "drop-in": {},
    "merged": {"managed_settings_layout": "merge"},
    "unshielded": {"managed_settings_layout": "merge", "shield": False},
    "user settings": {"targets": ["user_settings"], "users": [USER]},
    "shell profile": {"targets": ["shell_profile"]},
}


class Trial:
    """One release of the client on a machine of its own, on which something is installed."""

    def __init__(self, machine: Machine, fleet: Fleet) -> None:
        self.machine = machine
        self.fleet = fleet
        self.managed = machine.etc / "claude-code/managed-settings.json"
        self.drop_ins = machine.etc / "claude-code/managed-settings.d"
        self.user_settings = machine.home / ".claude/settings.json"
        self.project_settings = machine.work / ".claude/settings.json"

    def set_user(self, document: dict[str, Any]) -> None:
        self.machine.write_json(self.user_settings, document)
        for path in (self.user_settings, self.user_settings.parent):
            os.chown(path, self.machine.uid, -1)

    def set_project(self, **variables: str) -> None:
        """What a repository brings along."""
        self.machine.write_json(self.project_settings, {"env": variables})

    def set_managed(self, *removed: str, **variables: str) -> None:
        """Change variables that are merged into managed settings."""
        document = json.loads(self.managed.read_text())
        document["env"] = {name: value for name, value in document["env"].items() if name not in removed} | variables
        self.machine.write_json(self.managed, document)

    def arrived(self) -> str:
        """Whether everything did; otherwise what became of it."""
        if self.fleet.arrivals() == EVERYTHING:
            return "yes"
        if any(status == 401 for _path, status in self.fleet.sent()):
            return "**no**, wrong token"
        return "**in part**" if self.fleet.sent() else "**no**"

    def delivers(self, environment: dict[str, str] | None = None) -> str:
        self.machine.ask(environment)
        return self.arrived()

    def copes(self) -> str:
        """How it takes a file that it cannot use."""
        outcome = self.machine.ask()
        if outcome.returncode:
            return "refuses to start"
        said = "warns" if outcome.stderr else "is silent"
        return f"{said}; {'all' if self.arrived() == 'yes' else 'nothing'} arrives"


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _drop_in(trial: Trial) -> str:
    return trial.delivers()


_merged = _user_settings = _drop_in


def _shell_profile(trial: Trial) -> str:
    trial.machine.run("bash", "-ic", f"claude -p '{PROMPT}'")
    return trial.arrived()


def _malformed_managed(trial: Trial) -> str:
    trial.managed.write_text(trial.managed.read_text() + "{")
    return trial.copes()


def _malformed_drop_in(trial: Trial) -> str:
    trial.drop_ins.mkdir()
    (trial.drop_ins / "10-other.json").write_text("{")
    return trial.copes()


def _malformed_user_settings(trial: Trial) -> str:
    trial.user_settings.write_text(trial.user_settings.read_text() + "{")
    return trial.copes()


def _unreadable_managed(trial: Trial) -> str:
    trial.managed.chmod(0o600)
    return trial.copes()


def _generic_headers_in_a_shell(trial: Trial) -> str:
    return trial.delivers({"OTEL_EXPORTER_OTLP_HEADERS": OWN_HEADERS})


def _generic_headers_in_user_settings(trial: Trial) -> str:
    trial.set_user({"env": {"OTEL_EXPORTER_OTLP_HEADERS": OWN_HEADERS}})
    return trial.delivers()


def _helper(trial: Trial) -> str:
    trial.set_user(OWN_HELPER)
    return trial.delivers()


def _traces(trial: Trial) -> str:
    return trial.delivers({"CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1", "OTEL_TRACES_EXPORTER": "otlp"})


def _managed_generic_endpoint(trial: Trial) -> str:
    with StubServer() as managed, StubServer() as own:
        trial.set_managed(*ENDPOINTS, OTEL_EXPORTER_OTLP_ENDPOINT=managed.url)
        trial.machine.ask(dict.fromkeys(ENDPOINTS, own.url))
        reached = {"the managed one": managed.requests, "the developer's": own.requests}
    return " and ".join(name for name, requests in reached.items() if requests)


def _hooks_inherit(trial: Trial) -> str:
    hook = {"type": "command", "command": f"env >{HOME}/hook"}
    trial.set_user({"hooks": {"UserPromptSubmit": [{"hooks": [hook]}]}})
    trial.machine.ask()
    return _yes("OTEL_EXPORTER_OTLP" in (trial.machine.home / "hook").read_text())


def _project_endpoints(trial: Trial) -> str:
    with StubServer() as theirs:
        trial.set_project(**dict.fromkeys(ENDPOINTS, theirs.url))
        trial.machine.ask()
        reached = {"the user's": trial.fleet.sent(), "the project's": theirs.requests}
    return " and ".join(name for name, requests in reached.items() if requests)


def _project_prompts(trial: Trial) -> str:
    trial.set_project(OTEL_LOG_USER_PROMPTS="1")
    trial.machine.ask()
    return _yes(PROMPT in json.dumps(trial.fleet.axiom.arrived()))


def _no_metrics(trial: Trial) -> str:
    trial.set_managed(OTEL_METRICS_EXPORTER="none")
    trial.machine.ask()
    return _yes({route.signal for route in trial.fleet.arrivals()} == {"logs"})


def _diagnostics(trial: Trial) -> str:
    trial.set_managed(OTEL_EXPORTER_OTLP_HEADERS=f"Authorization=Bearer {OWN}")
    outcome = trial.machine.ask({"CLAUDE_CODE_OTEL_DIAG_STDERR": "1"})
    return _yes("401" in outcome.stderr)


def _long_attribute(trial: Trial) -> str:
    trial.set_managed(OTEL_RESOURCE_ATTRIBUTES=f"department=engineering,long={LONG_ATTRIBUTE}")
    trial.machine.ask()
    resource = trial.fleet.axiom.arrived("logs")[0]["resource"]
    return "arrives" if "long" in resource else "is lost" if "department" in resource else "all are lost"


def _labels(rows: list[Row]) -> str:
    return _yes(all("department" in row["attributes"] for row in rows if row["signal"] == "metrics"))


def _host(rows: list[Row]) -> str:
    return _yes(all("host.id" in row["resource"] for row in rows))


def _named(name: str) -> Callable[[list[Row]], str]:
    return lambda rows: _yes(any(f"claude_code.{name}" in (row["body"], row["name"]) for row in rows))


class Observation(NamedTuple):
    """What a row of the table says, what is installed beforehand, and how it is found out."""

    says: str
    installation: str
    look: Callable[[Trial], str]


class Report(NamedTuple):
    """What a row of the table says, and how it is found in all that arrives from a run that nothing disturbs."""

    says: str
    find: Callable[[list[Row]], str]


OBSERVATIONS: dict[str, Observation | Report] = {
    "drop_in": Observation("delivers through `managed_settings`, layout `drop_in`", "drop-in", _drop_in),
    "merged": Observation("delivers through `managed_settings`, layout `merge`", "merged", _merged),
    "user_settings": Observation("delivers through `user_settings`", "user settings", _user_settings),
    "shell_profile": Observation("delivers through `shell_profile`, scope `claude`", "shell profile", _shell_profile),
    "generic_headers_shell": Observation(
        "still does when a shell exports generic headers", "merged", _generic_headers_in_a_shell
    ),
    "generic_headers_user": Observation(
        "still does when user settings set generic headers", "merged", _generic_headers_in_user_settings
    ),
    "generic_headers_unshielded": Observation(
        "the same without the shield", "unshielded", _generic_headers_in_user_settings
    ),
    "helper": Observation("still does with a developer's `otelHeadersHelper`, layout `drop_in`", "drop-in", _helper),
    "helper_merged": Observation("the same, layout `merge`", "merged", _helper),
    "traces": Observation("still does when a shell exports a traces exporter", "merged", _traces),
    "traces_unshielded": Observation("the same without the shield", "unshielded", _traces),
    "generic_endpoint": Observation(
        "a generic endpoint in managed settings, another for each signal in a shell: which is used",
        "unshielded",
        _managed_generic_endpoint,
    ),
    "malformed_managed": Observation("`managed-settings.json` is malformed", "merged", _malformed_managed),
    "malformed_drop_in": Observation("somebody else's drop-in is malformed", "merged", _malformed_drop_in),
    "malformed_user_settings": Observation(
        "`~/.claude/settings.json` is malformed", "user settings", _malformed_user_settings
    ),
    "unreadable_managed": Observation("`managed-settings.json` is unreadable", "merged", _unreadable_managed),
    "hooks_inherit": Observation("hooks inherit `OTEL_*` from managed settings", "merged", _hooks_inherit),
    "project_endpoints": Observation(
        "a project sets other endpoints than `user_settings`: which are used", "user settings", _project_endpoints
    ),
    "project_prompts": Observation(
        "a project can switch prompts on that `user_settings` switch off", "user settings", _project_prompts
    ),
    "no_metrics": Observation("`metrics_exporter: none` lets events through", "merged", _no_metrics),
    "diagnostics": Observation(
        "`CLAUDE_CODE_OTEL_DIAG_STDERR` tells of a token that is refused", "merged", _diagnostics
    ),
    "labels": Report("resource attributes are labels of metric data points", _labels),
    "host": Report("`include_host` adds `host.id`", _host),
    "long_attribute": Observation(
        "a resource attribute of 600 characters, 100 when decoded", "merged", _long_attribute
    ),
    "assistant_response": Report("event `assistant_response`", _named("assistant_response")),
    "settings_resolved": Report("event `managed_settings_resolved`", _named("managed_settings_resolved")),
    "active_time": Report("metric `active_time.total` with `claude -p`", _named("active_time.total")),
}


def expected(name: str, release: str) -> str:
    """What an observation is expected to find in a release."""
    since = [first for first in EXPECTED[name] if by_age(first) <= by_age(release)]
    return EXPECTED[name][max(since, key=by_age)]


class Releases:
    """Every release of the client, each tried on machines like those that the playbook was run on once.

    :param clients: where they are installed, each in a folder of its name.
    """

    def __init__(self, folder: Path, clients: Path, fleet: Fleet, api: StubServer) -> None:
        self._folder = folder
        self._clients = clients
        self._fleet = fleet
        self._api = api
        self._installed: dict[str, Machine] = {}
        self._reported: dict[str, list[Row]] = {}
        self._seen: dict[tuple[str, str], str] = {}

    def _enforced(self, installation: str) -> Machine:
        if installation not in self._installed:
            machine = Machine(self._folder / f"releases-{installation}", self._clients, self._api)
            self._fleet.enforce(machine, **INSTALLATIONS[installation])
            self._installed[installation] = machine
        return self._installed[installation]

    def _trial(self, name: str, installation: str, release: str) -> Trial:
        like = self._enforced(installation)
        machine = Machine(self._folder / f"{name}-{release}", self._clients / release, self._api, like)
        self._fleet.axiom.clear_arrived()
        self._fleet.axiom.clear_requests()
        return Trial(machine, self._fleet)

    def _report(self, release: str) -> list[Row]:
        if release not in self._reported:
            self._trial("reports", "merged", release).machine.ask()
            self._reported[release] = self._fleet.axiom.arrived()
            assert {row["signal"] for row in self._reported[release]} == {"logs", "metrics"}
        return self._reported[release]

    def _look(self, name: str, release: str) -> str:
        observation = OBSERVATIONS[name]
        if isinstance(observation, Report):
            return observation.find(self._report(release))
        return observation.look(self._trial(name, observation.installation, release))

    def seen(self, name: str, release: str) -> str:
        """What an observation finds in a release."""
        if (name, release) not in self._seen:
            self._seen[name, release] = self._look(name, release)
        return self._seen[name, release]
