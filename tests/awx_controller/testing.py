# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running controller for tests: a subprocess on a free port, stopped with the test; and a receiver of webhooks."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
from support.serving import ServerProcess

ACTIVE = ("new", "pending", "waiting", "running")
# Not what a module changes: each logs in and out.
_LOGIN = "/api/v2/tokens/"


class LocalController:
    """Context manager: ``with LocalController() as controller: ... controller.api("GET", "job_templates/")``.

    ``path``: what jobs have as PATH, and with it their ansible-core. ``collections``: a search path of collections that
    jobs find, as if the execution environment held them.
    """

    def __init__(self, path: str = "", collections: str = "") -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="awx-")
        self.state = Path(self._temporary.name)
        options = ("--port", "0", "--path", path, "--collections", collections)
        self._server = ServerProcess("awx_controller", self.state, *options)
        self._session = requests.Session()
        self._session.trust_env = False
        self.url = self.username = self.password = ""

    def __enter__(self) -> LocalController:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._temporary.cleanup()

    @property
    def log(self) -> str:
        """What the server wrote on stderr: faults of its own."""
        return self._server.log()

    @property
    def projects(self) -> Path:
        """The folder in which manual projects are looked for."""
        folder = self.state / "projects"
        folder.mkdir(exist_ok=True)
        return folder

    def start(self) -> None:
        """Start the server; RuntimeError with its own words where it does not come up."""
        values = self._server.start()
        self.url = values["CONTROLLER_HOST"]
        self.username, self.password = values["CONTROLLER_USERNAME"], values["CONTROLLER_PASSWORD"]

    def stop(self) -> None:
        """Stop the server, and every job with it."""
        self._session.close()
        self._server.stop()

    def env(self) -> dict[str, str]:
        """Return the variables that point awx.awx at this server."""
        return {
            "CONTROLLER_HOST": self.url,
            "CONTROLLER_USERNAME": self.username,
            "CONTROLLER_PASSWORD": self.password,
        }

    def request(
        self, method: str, path: str, body: Any = None, user: tuple[str, str] | None = None, **query: Any
    ) -> requests.Response:
        """Call the API; ``path`` is below ``/api/v2/`` unless it begins with a slash."""
        url = self.url + (path if path.startswith("/") else f"/api/v2/{path}")
        login = user or (self.username, self.password)
        return self._session.request(method, url, json=body, params=query, auth=login, timeout=90)

    def api(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Call the API as the administrator; return its JSON. AssertionError where that is refused."""
        response = self.request(method, path, body, **query)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def named(self, path: str, name: str, **query: Any) -> Any:
        """Return the one object of this name."""
        found = self.api("GET", f"{path}/", name=name, **query)["results"]
        assert len(found) == 1, f"{len(found)} {path} named {name}"
        return found[0]

    def launch(self, path: str, name: str, **prompts: Any) -> Any:
        """Launch a template by name; return the job as it is then."""
        return self.api("POST", f"{path}/{self.named(path, name)['id']}/launch/", prompts)

    def wait(self, job: Any, seconds: float = 120) -> Any:
        """Wait for a job to end; return it. AssertionError where it does not."""
        end = time.monotonic() + seconds
        while True:
            found = self.api("GET", job["url"])
            if found["status"] not in ACTIVE:
                return found
            assert time.monotonic() < end, f"{found['name']} is still {found['status']}"
            self._control("POST", "settle", {"seconds": 1})

    def settle(self, seconds: float = 120) -> None:
        """Wait until nothing runs, is queued or is being delivered; approvals may wait."""
        end = time.monotonic() + seconds
        while not self._control("POST", "settle", {"seconds": 5})["idle"]:
            assert time.monotonic() < end, "something is still running"

    def stdout(self, job: Any) -> str:
        """Return a job's output without colours."""
        return self.request("GET", f"{job['url']}stdout/", format="txt").text

    def events(self, job: Any, **query: Any) -> list[Any]:
        """Return all events of a job."""
        found: list[Any] = []
        page: str | None = f"{job['url']}job_events/"
        while page:
            answer = self.api("GET", page, **({"page_size": 200, **query} if not found else {}))
            found += answer["results"]
            page = answer["next"]
        return found

    def jobs_of(self, workflow_job: Any) -> list[Any]:
        """Return the jobs of a workflow job or of a sliced one, in the order of their start."""
        nodes = self.api("GET", f"{workflow_job['url']}workflow_nodes/", page_size=200)["results"]
        return sorted(
            (self.api("GET", node["related"]["job"]) for node in nodes if node["job"]), key=lambda job: int(job["id"])
        )

    def _control(self, method: str, name: str, body: Any = None) -> Any:
        response = self._session.request(method, f"{self.url}/_control/{name}", json=body, timeout=90)
        response.raise_for_status()
        return response.json() if response.content else None

    def advance(self, seconds: float) -> list[Any]:
        """Move the clock; return what schedules launched."""
        return self._fired({"by": seconds})

    def advance_to(self, instant: str) -> list[Any]:
        """Move the clock to an instant (ISO 8601); return what schedules launched."""
        return self._fired({"to": instant})

    def _fired(self, move: dict[str, Any]) -> list[Any]:
        fired: list[Any] = self._control("POST", "clock", move)["fired"]
        return fired

    def fire(self, schedule: str) -> Any:
        """Move the clock to when this schedule is due; return the job that it launched."""
        planned = self.named("schedules", schedule)
        fired = self.advance_to(planned["next_run"])
        jobs = [self.api("GET", job["url"]) for job in fired]
        planned_by = {"id": planned["id"], "name": planned["name"], "type": "schedule", "url": planned["url"]}
        return next(job for job in jobs if job["launched_by"] == planned_by)

    def requests(self) -> list[dict[str, Any]]:
        """Return the access log, oldest first: method, path, query, status, user_agent."""
        found: list[dict[str, Any]] = self._control("GET", "requests")
        return found

    def writes(self) -> list[dict[str, Any]]:
        """Return the requests that would change something, without the modules' logins."""
        return [one for one in self.requests() if one["method"] != "GET" and not one["path"].startswith(_LOGIN)]

    def clear_requests(self) -> None:
        """Empty the access log."""
        self._control("DELETE", "requests")

    def secrets(self) -> list[str]:
        """Return every secret in any credential now."""
        found: list[str] = self._control("GET", "secrets")
        return found


class WebhookReceiver:
    """Context manager: a server on loopback that keeps what it is sent, in order."""

    def __init__(self) -> None:
        received: list[dict[str, Any]] = []
        self.received = received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                received.append(
                    {"path": self.path, "headers": dict(self.headers), "body": json.loads(content or "null")}
                )
                self.send_response(204)
                self.end_headers()

            do_PUT = do_POST

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> WebhookReceiver:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def bodies(self) -> list[Any]:
        """Return the bodies received, oldest first."""
        return [one["body"] for one in self.received]
