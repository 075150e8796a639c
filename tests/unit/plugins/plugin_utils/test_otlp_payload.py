# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The payload of a probe, as a receiver reads it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ansible_collections.devfleet.axiom.plugins.plugin_utils import otlp_payload
from axiom_emulator import otlp

RESOURCE = {"service.name": "devfleet-probe", "host.name": "dev1", "devfleet.probe.id": "the-id"}
NOW = 1_790_000_000_123_456_789


@pytest.mark.parametrize(("encoding", "content_type"), [("protobuf", otlp.PROTOBUF), ("json", otlp.JSON)])
def test_one_record_and_one_data_point(encoding: str, content_type: str) -> None:
    built = otlp_payload.build("dev1", "the-id", NOW)
    ((log,),) = [batch.records for batch in otlp.decode("logs", built["logs"][encoding], content_type).batches]
    ((point,),) = [batch.records for batch in otlp.decode("metrics", built["metrics"][encoding], content_type).batches]
    assert (log["name"], log["body"], log["resource"], log["time"]) == (
        "devfleet.probe",
        "devfleet.probe",
        RESOURCE,
        NOW,
    )
    assert (point["name"], point["value"], point["kind"]) == ("devfleet.probe.count", 1, "sum")
    assert (point["resource"], point["time"]) == (RESOURCE, NOW)


def test_json_writes_enumerations_as_numbers() -> None:
    built = otlp_payload.build("dev1", "the-id", NOW)
    assert b'"aggregationTemporality": 1' in built["metrics"]["json"]
    assert b'"severityNumber": 9' in built["logs"]["json"]


def test_a_missing_package_is_named_with_the_interpreter() -> None:
    code = (
        "import sys; sys.modules['opentelemetry.proto'] = None\n"
        "from ansible_collections.devfleet.axiom.plugins.plugin_utils import otlp_payload\n"
        "try: otlp_payload.build('h', 'i', 1)\n"
        "except otlp_payload.PayloadError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"opentelemetry-proto is needed on the controller, in {sys.executable}" in done.stdout
    assert f"{sys.executable} -m pip install opentelemetry-proto" in done.stdout
