# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds on every port: access log, read-only mode, rate limit, faults; and the control endpoint."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from waitress.channel import ClientDisconnected

from axiom_emulator.app import create_app
from axiom_emulator.openapi import RATE_LIMIT_HEADERS, TRACE_HEADER


def access_log(workspace: Any, *members: str) -> list[tuple[Any, ...]]:
    return [tuple(line[member] for member in members) for line in workspace.emulator.storage.requests()]


def test_every_request_is_in_the_access_log(workspace: Any) -> None:
    workspace.dataset("logs")
    workspace.call("GET", "/v2/nothing?a=b", token="", headers={"User-Agent": "agent/1"})
    workspace.call("POST", "/v1/logs", b"", port=1003)
    workspace.ok("GET", "/_emulator/info")
    assert access_log(workspace, "method", "path", "query", "status", "role", "edge", "token") == [
        ("POST", "/v2/datasets", "", 200, "api", None, "local-axiom-management"),
        ("GET", "/v2/nothing", "a=b", 404, "api", None, None),
        ("POST", "/v1/logs", "", 415, "edge", "cloud.eu-central-1.aws", "local-axiom-management"),
    ]
    assert access_log(workspace, "user_agent")[1] == ("agent/1",)
    workspace.ok("DELETE", "/_emulator/requests")
    assert access_log(workspace) == []


def test_the_access_log_holds_no_secret_wherever_a_client_puts_it(workspace: Any) -> None:
    secret = workspace.token
    workspace.call("GET", f"/v2/tokens/{secret}?t={secret}", headers={"User-Agent": secret, "Content-Type": secret})
    logged = json.dumps(workspace.emulator.storage.requests())
    assert secret not in logged
    assert logged.count("xaat-***") == 4


@pytest.mark.parametrize("path", ["/", "/v2", "/v2/nothing", "/v3/datasets", "/v1/tokens", "/v2/datasets/"])
def test_unknown_paths_are_answered_like_any_error(path: str, workspace: Any) -> None:
    assert workspace.refused(404, "GET", path)


def test_unknown_methods_are_answered_like_any_error(workspace: Any) -> None:
    assert workspace.refused(405, "PATCH", "/v2/datasets", {})


def test_trace_ids_differ(workspace: Any) -> None:
    found = [workspace.call("GET", "/v2/datasets").headers[TRACE_HEADER] for _index in range(2)]
    assert uuid.UUID(found[0]) != uuid.UUID(found[1])


def test_read_only_refuses_every_write_on_the_api_and_logs_the_attempt(workspace: Any) -> None:
    workspace.dataset("logs")
    workspace.ok("PUT", "/_emulator/settings", {"readonly": True})
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert method in workspace.refused(500, method, "/v2/datasets/logs", {})
    assert [dataset["name"] for dataset in workspace.ok("GET", "/v2/datasets")] == ["logs"]
    assert workspace.call("POST", "/v1/logs", b"", port=1002).status_code == 415
    workspace.ok("PUT", "/_emulator/settings", {"readonly": False})
    workspace.ok("DELETE", "/v2/datasets/logs")
    assert access_log(workspace, "method", "attempted_write") == [
        ("POST", False),
        ("POST", True),
        ("PUT", True),
        ("PATCH", True),
        ("DELETE", True),
        ("GET", False),
        ("POST", False),
        ("DELETE", False),
    ]


NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def noon(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's clock stands still, except for its offset."""
    clock = workspace.emulator.clock
    monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(seconds=clock.offset_seconds))


@pytest.mark.usefixtures("noon")
def test_rate_limit_headers_count_down_per_scope(workspace: Any) -> None:
    workspace.ok("PUT", "/_emulator/settings", {"rate_limit_per_minute": 2})
    found = [workspace.call("GET", "/v2/datasets") for _index in range(3)]
    assert [answer.status_code for answer in found] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in found] == ["1", "0", "0"]
    assert found[2].headers["X-RateLimit-Scope"] == "organization"
    assert workspace.call("GET", "/v2/datasets", token="").headers["X-RateLimit-Scope"] == "anonymous"
    assert int(found[2].headers["X-RateLimit-Reset"]) == NOON.timestamp() + 60
    workspace.emulator.clock.offset_seconds = 60
    assert workspace.call("GET", "/v2/datasets").status_code == 200


class TestFaults:
    @pytest.fixture(autouse=True)
    def _unchecked(self, workspace: Any) -> None:
        workspace.checked = False

    def fault(self, workspace: Any, **spec: Any) -> None:
        workspace.ok("POST", "/_emulator/faults", spec)

    def test_an_answer_instead_of_the_servers(self, workspace: Any) -> None:
        self.fault(workspace, method="POST", path="/v2/datasets$", status=430, headers={"X-Own": "1"})
        response = workspace.call("POST", "/v2/datasets", {"name": "logs"})
        assert (response.status_code, response.headers["X-Own"]) == (430, "1")
        assert "430" in json.loads(response.data)["message"]
        assert all(response.headers[name] for name in (*RATE_LIMIT_HEADERS, TRACE_HEADER))
        assert workspace.ok("GET", "/v2/datasets") == []
        assert access_log(workspace, "status", "fault") == [(430, "answer"), (200, None)]

    def test_html_from_a_proxy(self, workspace: Any) -> None:
        self.fault(workspace, status=502, body="<html>bad gateway</html>")
        response = workspace.call("GET", "/v2/datasets")
        assert (response.status_code, response.mimetype, response.text) == (
            502,
            "text/html",
            "<html>bad gateway</html>",
        )

    def test_another_content_type(self, workspace: Any) -> None:
        self.fault(workspace, status=200, body="{oops", content_type="application/json")
        response = workspace.call("GET", "/v2/datasets")
        assert (response.status_code, response.mimetype, response.data) == (200, "application/json", b"{oops")

    @pytest.mark.usefixtures("noon")
    def test_a_rate_limit_that_resets_soon(self, workspace: Any) -> None:
        self.fault(workspace, status=429, body={"message": "rate limit exceeded"}, reset_in=2)
        response = workspace.call("GET", "/v2/datasets")
        assert (response.status_code, response.headers["X-RateLimit-Remaining"]) == (429, "0")
        assert int(response.headers["X-RateLimit-Reset"]) == NOON.timestamp() + 2

    def test_times_and_after(self, workspace: Any) -> None:
        self.fault(workspace, status=500, after=1, times=2)
        assert [workspace.call("GET", "/v2/datasets").status_code for _index in range(4)] == [200, 500, 500, 200]
        (rule,) = workspace.ok("GET", "/_emulator/faults")
        assert (rule["seen"], rule["hits"]) == (3, 2)

    def test_for_ever_until_cleared(self, workspace: Any) -> None:
        self.fault(workspace, status=500, times=None)
        assert {workspace.call("GET", "/v2/datasets").status_code for _index in range(5)} == {500}
        workspace.ok("DELETE", "/_emulator/faults")
        assert workspace.call("GET", "/v2/datasets").status_code == 200

    def test_only_what_matches_is_struck(self, workspace: Any) -> None:
        self.fault(workspace, method="post", path="^/v2/tokens", role="api", status=500)
        assert workspace.call("GET", "/v2/tokens").status_code == 200
        assert workspace.call("POST", "/v2/datasets", {"name": "a"}).status_code == 200
        assert workspace.call("POST", "/v2/tokens", b"", port=1002).status_code == 404
        assert workspace.call("POST", "/v2/tokens", {"name": "a"}).status_code == 500

    def test_an_edge_can_be_struck_alone(self, workspace: Any) -> None:
        self.fault(workspace, role="edge", status=503)
        assert workspace.call("GET", "/v2/datasets").status_code == 200
        assert workspace.call("POST", "/v1/logs", b"", port=1002).status_code == 503

    def test_an_error_after_the_request_was_carried_out(self, workspace: Any) -> None:
        self.fault(workspace, method="POST", action="answer_after")
        assert workspace.call("POST", "/v2/datasets", {"name": "logs"}).status_code == 500
        assert workspace.ok("GET", "/v2/datasets/logs")["name"] == "logs"

    def test_a_connection_torn_before(self, workspace: Any) -> None:
        self.fault(workspace, method="POST", action="drop")
        with pytest.raises(ClientDisconnected):
            workspace.call("POST", "/v2/datasets", {"name": "logs"})
        assert workspace.ok("GET", "/v2/datasets") == []
        assert access_log(workspace, "status", "fault")[0] == (None, "drop")

    def test_a_connection_torn_after(self, workspace: Any) -> None:
        self.fault(workspace, method="POST", action="drop_after")
        with pytest.raises(ClientDisconnected):
            workspace.call("POST", "/v2/datasets", {"name": "logs"})
        assert workspace.ok("GET", "/v2/datasets/logs")["name"] == "logs"
        assert access_log(workspace, "status", "fault")[0] == (None, "drop_after")

    def test_an_answer_that_drips(self, workspace: Any) -> None:
        self.fault(workspace, action="drip")
        workspace.emulator.clock.stopping.set()
        response = workspace.call("GET", "/v2/datasets", buffered=False)
        chunks = list(response.response)
        assert b"".join(chunks).strip() == b"[]"
        assert {len(chunk) for chunk in chunks} == {1}

    def test_a_delay_is_kept_with_the_clock(self, workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        paused: list[float] = []
        monkeypatch.setattr(workspace.emulator.clock, "pause", paused.append)
        self.fault(workspace, delay=2.5)
        self.fault(workspace, delay=1, status=500)
        assert [workspace.call("GET", "/v2/datasets").status_code for _index in range(3)] == [200, 500, 200]
        assert paused == [2.5, 1]

    @pytest.mark.parametrize(
        "spec", [{"action": "explode"}, {"typo": 1}, {"path": "("}, {"seen": 1}, {"times": "1"}, {"status": "x"}, []]
    )
    def test_a_bad_rule_is_refused(self, spec: Any, workspace: Any) -> None:
        assert workspace.refused(422, "POST", "/_emulator/faults", spec)
        assert workspace.ok("GET", "/_emulator/faults") == []


class TestControl:
    def test_info(self, workspace: Any) -> None:
        assert workspace.ok("GET", "/_emulator/info", token="") == {
            "url": "http://127.0.0.1:1001",
            "org_id": workspace.emulator.org_id,
            "edges": {
                "cloud.us-east-1.aws": "http://127.0.0.1:1002",
                "cloud.eu-central-1.aws": "http://127.0.0.1:1003",
            },
        }

    def test_settings_change_all_or_none(self, workspace: Any) -> None:
        before = workspace.ok("GET", "/_emulator/settings")
        for bad in ({"put": "patch"}, {"readonly": 1}, {"log_fields": "x"}, {"clock_offset_seconds": "1"}):
            workspace.refused(422, "PUT", "/_emulator/settings", {"put": "replace", **bad})
        assert workspace.ok("GET", "/_emulator/settings") == before
        workspace.refused(422, "PUT", "/_emulator/settings", {"put": "replace", "rate_limit_per_minute": -1})
        after = {"put": "replace", "readonly": True, "log_fields": "custom", "clock_offset_seconds": -60.0}
        after["rate_limit_per_minute"] = 5
        assert workspace.ok("PUT", "/_emulator/settings", after) == after

    def test_it_is_for_this_machine_only(self, workspace: Any) -> None:
        options = {"base_url": "http://127.0.0.1:1001", "environ_overrides": {"REMOTE_ADDR": "192.0.2.1"}}
        assert workspace.client.get("/_emulator/info", **options).status_code == 403

    def test_it_is_not_on_edges(self, workspace: Any) -> None:
        assert workspace.call("GET", "/_emulator/info", port=1002).status_code == 404

    def test_what_arrived_can_be_forgotten(self, workspace: Any) -> None:
        storage = workspace.emulator.storage
        delivery = dict.fromkeys(("time", "signal", "dataset", "token", "edge"), "x") | {"resource": {}}
        with storage.transaction():
            storage.add_delivery(delivery, [{"name": "a"}, {"name": "b"}])
        assert [len(records) for _unused, records in storage.deliveries()] == [2]
        workspace.ok("DELETE", "/_emulator/arrived")
        assert storage.deliveries() == []


def test_a_transaction_that_fails_keeps_nothing(workspace: Any) -> None:
    storage = workspace.emulator.storage

    def half() -> None:
        with storage.transaction():
            storage.set_meta("half", "done")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        half()
    assert storage.meta("half") is None


def test_an_inner_error_is_answered_like_any_error(workspace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("xaat-secret-in-a-traceback")

    monkeypatch.setattr(workspace.emulator.storage, "datasets", broken)
    assert "xaat" not in workspace.refused(500, "GET", "/v2/datasets")


def test_two_applications_share_nothing(workspace: Any, tmp_path: Any) -> None:
    other = type(workspace.emulator).open(tmp_path / "other", 2001, {"cloud.us-east-1.aws": 2002})
    assert create_app(other) is not create_app(workspace.emulator)
    assert other.org_id != workspace.emulator.org_id
    assert other.management_token() != workspace.token
    other.storage.close()
