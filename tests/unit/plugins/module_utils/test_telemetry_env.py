# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of Axiom's guide and of the client, option by option."""

from __future__ import annotations

import re
from string import ascii_letters, digits
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import OTELResourceDetector
from support import awkward
from support.options import LOGS_ENDPOINT, METRICS_ENDPOINT, SECRET, telemetry_options_with

from ansible_collections.devfleet.axiom.plugins.module_utils import telemetry_env, telemetry_options
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import OptionError, build

GUIDE = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": METRICS_ENDPOINT,
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": LOGS_ENDPOINT,
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS": (
        f"Authorization=Bearer {SECRET},x-axiom-metrics-dataset=claude-code-metrics"
    ),
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS": f"Authorization=Bearer {SECRET},x-axiom-dataset=claude-code-logs",
    "OTEL_METRIC_EXPORT_INTERVAL": "60000",
    "OTEL_LOGS_EXPORT_INTERVAL": "30000",
    "OTEL_LOG_USER_PROMPTS": "0",
    "OTEL_LOG_TOOL_DETAILS": "0",
    "OTEL_RESOURCE_ATTRIBUTES": "team=platform",
}


def test_the_fourteen_variables_of_the_guide() -> None:
    environment = build(telemetry_options_with(resource_attributes={"team": "platform"}), SECRET)
    assert {name: environment[name] for name in GUIDE} == GUIDE


@pytest.mark.parametrize(
    ("changes", "written"),
    [
        ({}, "team=platform"),
        ({"machine": ""}, "team=platform"),
        ({"machine": "pay-laptop-1"}, "team=platform,host.name=pay-laptop-1"),
        ({"machine": "Ü, 1", "machine_attribute": "machine.id"}, "team=platform,machine.id=%C3%9C%2C%201"),
        ({"machine": "laptop", "resource_attributes": {}}, "host.name=laptop"),
        ({"machine": "", "resource_attributes": {"host.name": "by hand"}}, "host.name=by%20hand"),
    ],
)
def test_the_attribute_that_a_machine_is_known_by(changes: dict[str, Any], written: str) -> None:
    options = telemetry_options_with(**{"resource_attributes": {"team": "platform"}, **changes})
    assert build(options, SECRET)["OTEL_RESOURCE_ATTRIBUTES"] == written


def test_every_value_is_a_string() -> None:
    options = telemetry_options_with(extra={"OTEL_BLRP_MAX_QUEUE_SIZE": 4096}, cardinality={"session_id": False})
    environment = build(options, SECRET, shield=True)
    assert all(isinstance(value, str) for value in environment.values())
    assert environment["OTEL_METRICS_INCLUDE_SESSION_ID"] == "false"
    assert environment["OTEL_BLRP_MAX_QUEUE_SIZE"] == "4096"


def test_the_shield_carries_authorization_and_keeps_a_developers_traces_out() -> None:
    options = telemetry_options_with()
    shielded, bare = build(options, SECRET, shield=True), build(options, SECRET)
    assert {name: shielded[name] for name in shielded if name not in bare} == {
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {SECRET}",
        "OTEL_TRACES_EXPORTER": "none",
    }
    chosen = build(telemetry_options_with(extra={"OTEL_TRACES_EXPORTER": "otlp"}), SECRET, shield=True)
    assert chosen["OTEL_TRACES_EXPORTER"] == "otlp"


@pytest.mark.parametrize("option", telemetry_env.PRIVACY_SWITCHES)
def test_privacy_switches_are_written_as_zero_unless_opted_in(option: str) -> None:
    variable = telemetry_env.PRIVACY_SWITCHES[option]
    assert build(telemetry_options_with(), SECRET)[variable] == "0"
    opted_in = build(telemetry_options_with(**{option: True}), SECRET)
    assert opted_in[variable] == "1"
    assert sum(opted_in[other] == "1" for other in telemetry_env.PRIVACY_SWITCHES.values()) == 1


def test_the_kill_switch_stops_both_signals_and_removes_nothing() -> None:
    on, off = (build(telemetry_options_with(enabled=enabled), SECRET) for enabled in (True, False))
    assert on.keys() == off.keys()
    assert {name: off[name] for name in on if on[name] != off[name]} == {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "0",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }


@pytest.mark.parametrize(
    ("intervals", "metrics", "logs"),
    [
        ("production", "60000", "30000"),
        ("testing", "10000", "5000"),
        ({"metrics": 20000, "logs": 7000}, "20000", "7000"),
        ({"logs": "7000"}, "60000", "7000"),
    ],
)
def test_intervals(intervals: Any, metrics: str, logs: str) -> None:
    environment = build(telemetry_options_with(intervals=intervals), SECRET)
    assert environment["OTEL_METRIC_EXPORT_INTERVAL"] == metrics
    assert environment["OTEL_LOGS_EXPORT_INTERVAL"] == logs


def test_network_and_host_options() -> None:
    options = telemetry_options_with(
        https_proxy="http://proxy.example:3128", no_proxy="localhost", ca_file="/etc/ssl/corp.pem", include_host=False
    )
    environment = build(options, SECRET)
    assert environment["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert environment["NO_PROXY"] == "localhost"
    assert environment["NODE_EXTRA_CA_CERTS"] == "/etc/ssl/corp.pem"
    assert environment["OTEL_RESOURCE_INCLUDE_HOST"] == "0"
    assert "HTTP_PROXY" not in environment


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"token": "xaat-with space"}, "token"),
    ({"token": "xaat-a;b"}, "token"),
    ({"token": "xaat-a\n"}, "token"),
    ({"token": "xapt-0c0ffee0-1111-4222-8333-944445555666"}, "personal token"),
    ({"token": "", "token_name": "", "store": {}}, "token is missing"),
    ({"logs_dataset": None}, "logs_dataset is missing"),
    ({"metrics_dataset": "a,b"}, "metrics_dataset"),
    ({"logs_dataset": SECRET}, "logs_dataset holds what looks like an Axiom token"),
    ({"token_name": SECRET}, "token_name holds what looks like an Axiom token"),
    ({"logs_endpoint": "http://axiom.example/v1/logs"}, "would send the token in clear"),
    ({"logs_endpoint": "https://axiom.example"}, "must end in /v1/logs"),
    ({"logs_endpoint": "https://axiom.example/v1/metrics"}, "must end in /v1/logs"),
    ({"metrics_endpoint": "not a url"}, "metrics_endpoint"),
    ({"metrics_endpoint": "https://u:p@axiom.example/v1/metrics"}, "credentials"),
    ({"metrics_endpoint": "https://axiom.example:99999/v1/metrics"}, "metrics_endpoint"),
    ({"intervals": "often"}, "intervals"),
    ({"intervals": {"metrics": "abc"}}, "intervals.metrics"),
    ({"intervals": {"logs": -5}}, "intervals.logs"),
    ({"intervals": {"traces": 1000}}, "unknown key traces"),
    ({"resource_attributes": {"a b": "c"}}, "resource_attributes"),
    ({"resource_attributes": {"team": ""}}, "resource_attributes.team is empty"),
    ({"resource_attributes": {"team": "a\nb"}}, "resource_attributes.team"),
    ({"resource_attributes": {"team": "x" * 256}}, "at most 255"),
    ({"resource_attributes": {"team": ["a"]}}, "resource_attributes.team"),
    (
        {"machine": "laptop", "resource_attributes": {"host.name": "x"}},
        "resource_attributes.host.name is what machine_attribute",
    ),
    ({"machine": "laptop", "machine_attribute": "my machine"}, "machine_attribute: 'my machine' is not"),
    ({"machine": "ü" * 43}, "machine is 258 characters long"),
    ({"machine": SECRET}, "machine holds what looks like an Axiom token"),
    ({"resource_attributes": {"team": SECRET}}, "resource_attributes.team holds what looks like an Axiom token"),
    ({"extra": {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://x"}}, "metrics_endpoint and logs_endpoint"),
    ({"extra": {"OTEL_LOG_USER_PROMPTS": "1"}}, "log_user_prompts"),
    ({"extra": {"BAD NAME": "1"}}, "not a variable name"),
    ({"extra": {"PATH": "/bin"}}, "PATH is the shell's own"),
    # The client would take it before the option https_proxy, which allows no credentials.
    ({"extra": {"https_proxy": "http://u:p@proxy:3128"}}, "not a variable name"),
    ({"extra": {"X": SECRET}}, "extra.X holds what looks like an Axiom token"),
    ({"https_proxy": "http://u:p@proxy:3128"}, "credentials"),
    ({"https_proxy": "proxy:3128"}, "https_proxy"),
    ({"ca_file": "relative.pem"}, "ca_file"),
    ({"users": ["ada; rm -rf /"]}, "is not a user name"),
    ({"prefix": "relative"}, "prefix"),
    ({"prefix": "/a/../b"}, "prefix"),
    ({"drop_in_name": ".hidden.json"}, "drop_in_name"),
    ({"drop_in_name": "../x.json"}, "drop_in_name"),
    ({"drop_in_name": "90-axiom.conf"}, "drop_in_name"),
    ({"targets": []}, "targets is empty"),
    ({"targets": ["shell_profile"], "shells": []}, "shells is empty"),
]


@pytest.mark.parametrize(("changes", "text"), WRONG, ids=[text for _changes, text in WRONG])
def test_what_is_wrong_is_named_before_anything_happens_and_never_echoed(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(OptionError) as error:
        telemetry_options.check(telemetry_options_with(**changes))
    assert text in str(error.value)
    assert "c0ffee" not in str(error.value)


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8643/v1/logs", "http://[::1]:1/v1/logs", "http://localhost/v1/logs"]
)
def test_plain_http_is_accepted_on_loopback(endpoint: str) -> None:
    telemetry_options.check(telemetry_options_with(logs_endpoint=endpoint))


def test_absent_needs_neither_secret_nor_datasets() -> None:
    telemetry_options.check(telemetry_options_with(state="absent", token=None, logs_dataset=None, metrics_dataset=None))


@pytest.mark.parametrize("part", awkward.REFUSED, ids=ascii)
@pytest.mark.parametrize(
    ("option", "changes"),
    [
        ("extra.X", lambda text: {"extra": {"X": text}}),
        ("resource_attributes.team", lambda text: {"resource_attributes": {"team": text}}),
        ("machine", lambda text: {"machine": text}),
        ("no_proxy", lambda text: {"no_proxy": text}),
        ("https_proxy", lambda text: {"https_proxy": f"http://{text}.example"}),
        ("ca_file", lambda text: {"ca_file": f"/{text}"}),
        ("logs_endpoint", lambda text: {"logs_endpoint": f"https://{text}/v1/logs"}),
        ("logs_dataset", lambda text: {"logs_dataset": text}),
        ("token", lambda text: {"token": text}),
    ],
)
def test_what_no_value_can_hold_is_refused(option: str, changes: Any, part: str) -> None:
    for text in (part, f"a{part}", f"{part}b", f"a{part}b"):
        with pytest.raises(OptionError, match=f"^{option}[: ]"):
            telemetry_options.check(telemetry_options_with(**changes(text)))


def is_accepted(value: str) -> bool:
    try:
        telemetry_env.encode_attributes({"name": value})
    except OptionError:
        return False
    return True


def sdk_resource(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> dict[str, Any]:
    """The resource attributes that the official SDK reads from an environment."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", environment["OTEL_RESOURCE_ATTRIBUTES"])
    return dict(OTELResourceDetector().detect().attributes)


def test_resource_attributes_arrive_intact_at_the_official_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand values: as they were, or refused because the client would lose them."""
    values = awkward.values(10000)
    accepted = [value for value in values if is_accepted(value)]
    assert all(
        not value or len(value.encode()) * 3 > telemetry_env.ATTRIBUTE_MAX for value in set(values) - {*accepted}
    )
    assert len(accepted) > 9900
    for start in range(0, len(accepted), 100):
        machine, *others = accepted[start : start + 100]
        declared = {f"name{index}": value for index, value in enumerate(others)}
        environment = build(telemetry_options_with(resource_attributes=declared, machine=machine), SECRET)
        assert sdk_resource(monkeypatch, environment) == {**declared, "host.name": machine}
        assert not set(environment["OTEL_RESOURCE_ATTRIBUTES"]) & set(" \";\\'$`!")


class Wire(requests.adapters.BaseAdapter):
    """Where an exporter's requests end: their headers are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.headers: dict[str, str] = {}

    def send(self, request: requests.PreparedRequest, *_options: Any, **_more: Any) -> requests.Response:
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        answer = requests.Response()
        answer.status_code = 200
        return answer

    def close(self) -> None:
        """Nothing is open."""


def sdk_headers(signal: str) -> dict[str, str]:
    """What the official SDK sends to Axiom, configured by nothing but its environment."""
    session, wire = requests.Session(), Wire()
    session.mount("https://", wire)
    if signal == "logs":
        OTLPLogExporter(session=session).export([])
    else:
        OTLPMetricExporter(session=session).export(MetricsData([]))
    return {name: value for name, value in wire.headers.items() if name.startswith(("authorization", "x-axiom-"))}


# Every character that a bearer token may hold, RFC 6750; and some that a header list would take for its own.
BEARER = ascii_letters + digits + "._~+/=-"
TOKENS = [token for token in awkward.values(800, (*BEARER, "2B", "==", *'%,;"', "%41")) if token]


@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_tokens_and_datasets_arrive_intact_at_the_official_sdk(monkeypatch: pytest.MonkeyPatch, signal: str) -> None:
    accepted = []
    for token in TOKENS:
        try:
            accepted.append(telemetry_env.check_token(token))
        except OptionError:
            assert set(token) - set(BEARER)
    assert len(accepted) > 400
    for token in accepted:
        dataset = re.sub(r"[^A-Za-z0-9._-]", "_", token)
        options = telemetry_options_with(**{"token": token, f"{signal}_dataset": dataset})
        for name, value in build(options, token, shield=True).items():
            monkeypatch.setenv(name, value)
        header = telemetry_env.DATASET_HEADERS[signal]
        assert sdk_headers(signal) == {"authorization": f"Bearer {token}", header: dataset}


@given(st.text(max_size=40))
def test_a_token_is_either_safe_in_a_header_list_or_refused(token: str) -> None:
    safe = bool(token) and token.isascii() and not set(token) - set(BEARER)
    if safe and not token.startswith("xapt-"):
        assert telemetry_env.check_token(token) == token
    else:
        with pytest.raises(OptionError) as error:
            telemetry_env.check_token(token)
        assert len(token) < 8 or token not in str(error.value)
