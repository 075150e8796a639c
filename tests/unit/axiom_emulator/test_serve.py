# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real thing: a process on real sockets, its command line, what outlives it, and broken connections."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from support.serving import TESTS

from axiom_emulator.testing import LocalAxiom

Sessions = Callable[[LocalAxiom], requests.Session]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TESTS)}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "axiom_emulator", *arguments]


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False, **options
    )


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("serve", *arguments),
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def free_port() -> int:
    """Return a port that is free, with the next two; below those that a system hands out to other tests."""
    while True:
        port = random.randrange(20_000, 30_000)
        try:
            for number in (port, port + 1, port + 2):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port


def log_payload(body: str = "hello") -> bytes:
    message = ExportLogsServiceRequest()
    group = message.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "claude-code"
    scope = group.scope_logs.add()
    for number in range(2):
        record = scope.log_records.add()
        record.body.string_value = body
        record.attributes.add(key="event.name").value.string_value = ("user_prompt", "api_request")[number]
    return message.SerializeToString()


def prepare(axiom: LocalAxiom, session: requests.Session) -> dict[str, str]:
    """Make a dataset and a token; return the headers that deliver to it."""
    assert session.post(f"{axiom.url}/v2/datasets", json={"name": "logs"}).ok
    held = {"logs": {"ingest": ["create"]}}
    made = session.post(f"{axiom.url}/v2/tokens", json={"name": "ingest", "datasetCapabilities": held}).json()
    return {
        "Authorization": f"Bearer {made['token']}",
        "x-axiom-dataset": "logs",
        "Content-Type": "application/x-protobuf",
        "User-Agent": "OTel-OTLP-Exporter-JavaScript/0.208.0",
    }


def test_serve_prints_the_export_lines_and_listens_where_it_says(tmp_path: Path) -> None:
    port = free_port()
    process = start("--port", str(port), "--state", str(tmp_path / "state"))
    assert process.stdout
    lines = [process.stdout.readline() for _index in range(3)]
    assert lines[0] == f"export AXIOM_URL=http://127.0.0.1:{port}\n"
    assert re.fullmatch(r"export AXIOM_TOKEN=xaat-[0-9a-f-]{36}\n", lines[1])
    assert re.fullmatch(r"export AXIOM_ORG_ID=\S+\n", lines[2])
    info = requests.get(f"http://127.0.0.1:{port}/_emulator/info", timeout=30).json()
    assert info["edges"] == {
        "cloud.us-east-1.aws": f"http://127.0.0.1:{port + 1}",
        "cloud.eu-central-1.aws": f"http://127.0.0.1:{port + 2}",
    }
    process.terminate()
    rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest, errors) == (0, "", "")
    assert not (tmp_path / "state" / "minted-secrets").exists()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly_even_while_it_delays_an_answer(number: signal.Signals, axiom: LocalAxiom) -> None:
    axiom.fault(delay=600)
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{axiom.url}/v2/user", timeout=0.5)
    assert axiom.stop(number) == 0
    assert (axiom.state / "server.log").read_text() == ""


def test_it_stops_with_the_process_that_started_it(tmp_path: Path) -> None:
    options = ("--port", "0", "--state", str(tmp_path), "--until-stdin-ends")
    process = start(*options, stdin=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline()
    assert process.stdin
    process.stdin.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr
    assert process.stderr.read() == ""
    process.stdout.close()
    process.stderr.close()


def test_a_port_in_use_is_one_clear_line(axiom: LocalAxiom, tmp_path: Path) -> None:
    port = axiom.url.rpartition(":")[2]
    result = run("serve", "--port", port, "--state", str(tmp_path / "state"))
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(rf"axiom_emulator: cannot listen on 127\.0\.0\.1:{port}: .* --port\n", result.stderr)


def test_an_impossible_port_is_one_clear_line(tmp_path: Path) -> None:
    result = run("serve", "--port", "65535", "--state", str(tmp_path))
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)


def test_a_state_in_use_is_one_clear_line(axiom: LocalAxiom) -> None:
    result = run("serve", "--port", "0", "--state", str(axiom.state))
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "--state" in result.stderr


def test_a_log_without_state_is_one_clear_line(tmp_path: Path) -> None:
    result = run("log", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert ".build/axiom" in result.stderr


def test_what_cannot_start_says_why(axiom: LocalAxiom) -> None:
    second = LocalAxiom(state=axiom.state)
    with pytest.raises(RuntimeError, match="another local Axiom"):
        second.start()


def test_everything_survives_a_restart(axiom: LocalAxiom, session: Sessions) -> None:
    made = session(axiom)
    headers = prepare(axiom, made)
    edge = axiom.edge_urls["cloud.us-east-1.aws"]
    assert requests.post(f"{edge}/v1/logs", data=log_payload(), headers=headers, timeout=30).ok
    made.get(f"{axiom.url}/v2/tokens/none")

    def everything() -> list[Any]:
        answers = [made.get(axiom.url + path).json() for path in ("/v2/datasets", "/v2/tokens", "/v2/orgs")]
        return [*answers, axiom.arrived(), axiom.env(), axiom.edge_urls, axiom.secrets()]

    before, requested = everything(), axiom.requests()
    axiom.restart()
    assert everything() == before
    assert axiom.requests()[: len(requested)] == requested
    assert requests.post(f"{edge}/v1/logs", data=log_payload(), headers=headers, timeout=30).ok
    assert len(axiom.arrived()) == 4


def test_log_prints_what_arrived_while_it_runs_and_after(axiom: LocalAxiom, session: Sessions) -> None:
    headers = prepare(axiom, session(axiom))
    url = axiom.edge_urls["cloud.us-east-1.aws"] + "/v1/logs"
    assert requests.post(url, data=log_payload("grüße\n"), headers=headers, timeout=30).ok
    running = run("log", "--state", str(axiom.state))
    line = json.loads(running.stdout)
    assert {name: line[name] for name in ("signal", "dataset", "token", "names", "resource", "records")} == {
        "signal": "logs",
        "dataset": "logs",
        "token": "ingest",
        "names": ["user_prompt", "api_request"],
        "resource": {"service.name": "claude-code"},
        "records": 2,
    }
    assert axiom.stop() == 0
    after = run("log", "--state", str(axiom.state))
    assert (after.returncode, after.stdout) == (0, running.stdout)


def test_what_a_test_can_read_back(axiom: LocalAxiom, session: Sessions) -> None:
    headers = prepare(axiom, session(axiom))
    url = axiom.edge_urls["cloud.us-east-1.aws"] + "/v1/logs"
    assert requests.post(url, data=log_payload(), headers=headers, timeout=30).ok
    assert axiom.arrived("metrics") == []
    first, second = axiom.arrived("logs")
    assert (first["names"], second["names"]) == (["user_prompt"], ["api_request"])
    assert (first["body"], first["attributes"]) == ("hello", {"event.name": "user_prompt"})
    assert (first["dataset"], first["token"], first["signal"]) == ("logs", "ingest", "logs")
    logged = axiom.requests()[-1]
    assert (logged["role"], logged["status"], logged["token"]) == ("edge", 200, "ingest")
    assert logged["user_agent"].startswith("OTel-OTLP-Exporter-JavaScript")
    axiom.clear_arrived()
    axiom.clear_requests()
    assert (axiom.arrived(), axiom.requests()) == ([], [])


def test_chunked_bodies_arrive(axiom: LocalAxiom, session: Sessions) -> None:
    headers = prepare(axiom, session(axiom))
    url = axiom.edge_urls["cloud.us-east-1.aws"] + "/v1/logs"
    payload = log_payload()
    pieces = iter([payload[:3], payload[3:50], payload[50:]])
    response = requests.post(url, data=pieces, headers=headers, timeout=30)
    assert response.request.headers["Transfer-Encoding"] == "chunked"
    assert (response.status_code, len(axiom.arrived("logs"))) == (200, 2)


def test_a_connection_torn_before_the_request_is_carried_out(axiom: LocalAxiom, session: Sessions) -> None:
    made = session(axiom)
    axiom.fault(method="POST", action="drop")
    with pytest.raises(requests.ConnectionError):
        made.post(f"{axiom.url}/v2/datasets", json={"name": "logs"})
    assert made.get(f"{axiom.url}/v2/datasets").json() == []
    assert [line["status"] for line in axiom.requests()] == [None, 200]


def test_an_answer_lost_after_the_request_was_carried_out(axiom: LocalAxiom, session: Sessions) -> None:
    made = session(axiom)
    axiom.fault(method="POST", path="/v2/tokens$", action="drop_after")
    with pytest.raises(requests.ConnectionError):
        made.post(f"{axiom.url}/v2/tokens", json={"name": "lost"})
    assert [token["name"] for token in made.get(f"{axiom.url}/v2/tokens").json()].count("lost") == 1
    assert len(axiom.secrets()) == 2
    assert axiom.faults()[0]["hits"] == 1


def test_an_edge_that_loses_the_answer_has_stored_what_was_sent(axiom: LocalAxiom, session: Sessions) -> None:
    headers = prepare(axiom, session(axiom))
    axiom.fault(role="edge", action="drop_after")
    url = axiom.edge_urls["cloud.us-east-1.aws"] + "/v1/logs"
    with pytest.raises(requests.ConnectionError):
        requests.post(url, data=log_payload(), headers=headers, timeout=30)
    assert len(axiom.arrived("logs")) == 2


def test_a_dripping_answer_is_whole_in_the_end(axiom: LocalAxiom, session: Sessions) -> None:
    axiom.fault(action="drip")
    assert session(axiom).get(f"{axiom.url}/v2/datasets").json() == []
    assert axiom.requests()[0]["fault"] == "drip"


def test_settings_and_faults_can_be_changed_while_it_runs(axiom: LocalAxiom) -> None:
    assert axiom.settings(put="replace", clock_offset_seconds=60)["put"] == "replace"
    axiom.fault(status=500)
    axiom.clear_faults()
    assert axiom.faults() == []
    with pytest.raises(ValueError, match="typo"):
        axiom.settings(typo=1)
    with pytest.raises(ValueError, match="explode"):
        axiom.fault(action="explode")


def test_options_reach_the_server(session: Sessions) -> None:
    with LocalAxiom(put="replace", readonly=True) as axiom:
        settings = axiom.settings()
        assert (settings["put"], settings["readonly"]) == ("replace", True)
        assert session(axiom).post(f"{axiom.url}/v2/datasets", json={"name": "logs"}).status_code == 500
        assert [line["attempted_write"] for line in axiom.requests()] == [True]
        state = axiom.state
    assert not state.exists()


def test_many_at_once(axiom: LocalAxiom, session: Sessions) -> None:
    headers = prepare(axiom, session(axiom))
    url = axiom.edge_urls["cloud.us-east-1.aws"] + "/v1/logs"

    def create(number: int) -> int:
        return session(axiom).post(f"{axiom.url}/v2/datasets", json={"name": f"d-{number % 4}"}).status_code

    def deliver(number: int) -> int:
        return requests.post(url, data=log_payload(), headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(deliver, range(40))) == [200] * 40
        assert sorted(pool.map(create, range(16))) == [200] * 4 + [409] * 12
    assert len(axiom.arrived("logs")) == 80
    assert len(axiom.requests()) == 2 + 40 + 16


def test_what_is_on_disk_is_for_its_owner_only(axiom: LocalAxiom, session: Sessions) -> None:
    prepare(axiom, session(axiom))
    secrets = axiom.secrets()
    axiom.stop()
    assert stat.S_IMODE(axiom.state.stat().st_mode) == 0o700
    holding = set()
    for path in axiom.state.iterdir():
        content = path.read_bytes()
        if any(secret.encode() in content for secret in secrets):
            holding.add(path.name)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert holding == {"management-token", "minted-secrets"}
