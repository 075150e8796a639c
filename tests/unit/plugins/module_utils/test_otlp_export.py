# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the client makes of an environment, as it was measured on the client."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.options import SECRET, telemetry_options_with

from ansible_collections.devfleet.axiom.plugins.module_utils import otlp_export, telemetry_env

ENVIRONMENT = telemetry_env.build(telemetry_options_with(), SECRET, shield=True)


def changed(**changes: str | None) -> dict[str, str]:
    return {name: value for name, value in {**ENVIRONMENT, **changes}.items() if value is not None}


def refusal(signal: str = "logs", **changes: str | None) -> tuple[str, str]:
    with pytest.raises(otlp_export.NoDelivery) as caught:
        otlp_export.delivery(signal, changed(**changes))
    return caught.value.status, caught.value.reason


@pytest.mark.parametrize("shield", [True, False])
def test_what_the_guide_installs(shield: bool) -> None:
    environment = telemetry_env.build(telemetry_options_with(), SECRET, shield)
    logs = otlp_export.delivery("logs", environment)
    metrics = otlp_export.delivery("metrics", environment)
    assert dict(logs.headers) == {"authorization": f"Bearer {SECRET}", "x-axiom-dataset": "claude-code-logs"}
    assert dict(metrics.headers) == {
        "authorization": f"Bearer {SECRET}",
        "x-axiom-metrics-dataset": "claude-code-metrics",
    }
    assert (logs.dataset, metrics.dataset) == ("claude-code-logs", "claude-code-metrics")
    assert logs.endpoint == "https://us-east-1.aws.edge.axiom.co/v1/logs"
    assert (logs.encoding, logs.proxy, logs.ca_file) == ("protobuf", None, None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Authorization=Bearer%20x", {"authorization": "Bearer x"}),
        ("a=m%2C1,b=l=1", {"a": "m,1", "b": "l=1"}),
        (" a = x \n, ", {"a": "x"}),
        ("a=Bearer xaat-test;x", {"a": "Bearer xaat-test"}),
        ("Authorization=Bearer xaat%zz,b=1", {"b": "1"}),
        ("a=%FF,b=1", {"b": "1"}),
        ('a="x"', {"a": '"x"'}),
        ("A=1,a=2", {"a": "2"}),
        ("no-separator,=x,b=", {}),
        ("a=gr%C3%BC%C3%9Fe", {"a": "grüße"}),
    ],
)
def test_header_list_of_a_signal(text: str, wanted: dict[str, str]) -> None:
    assert otlp_export.signal_headers(text) == wanted


def test_generic_header_list_is_literal_and_wins() -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "Authorization=Bearer%20own,x-axiom-dataset=own",
        "OTEL_EXPORTER_OTLP_HEADERS": "AUTHORIZATION=Bearer%20generic;y,x-e=1",
    }
    assert otlp_export.headers("logs", environment) == {
        "authorization": "Bearer%20generic;y",
        "x-axiom-dataset": "own",
        "x-e": "1",
    }


@given(st.text(min_size=1).map(str.strip).filter(bool))
def test_percent_encoded_values_arrive(value: str) -> None:
    from urllib.parse import quote

    assert otlp_export.signal_headers(f"a={quote(value, safe='')},b=1") == {"a": value, "b": "1"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"CLAUDE_CODE_ENABLE_TELEMETRY": "0"}, "CLAUDE_CODE_ENABLE_TELEMETRY is not 1"),
        ({"CLAUDE_CODE_ENABLE_TELEMETRY": None}, "CLAUDE_CODE_ENABLE_TELEMETRY is not 1"),
        ({"OTEL_LOGS_EXPORTER": "none"}, "OTEL_LOGS_EXPORTER is none"),
        ({"OTEL_LOGS_EXPORTER": None}, "OTEL_LOGS_EXPORTER is not set"),
        ({"OTEL_LOGS_EXPORTER": "console"}, "OTEL_LOGS_EXPORTER is console"),
    ],
)
def test_switched_off(changes: dict[str, str | None], reason: str) -> None:
    assert refusal(**changes) == ("switched_off", reason)


def test_one_signal_off_leaves_the_other_on() -> None:
    environment = changed(OTEL_LOGS_EXPORTER="none", OTEL_METRICS_EXPORTER="console, otlp")
    assert otlp_export.delivery("metrics", environment).dataset == "claude-code-metrics"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"OTEL_LOGS_EXPORTER": "oltp"}, "'oltp' is no exporter"),
        # An unknown word for one signal takes the other away too.
        ({"OTEL_METRICS_EXPORTER": "oltp"}, "'oltp' is no exporter"),
        ({"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc"}, "'grpc'"),
        ({"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": None, "OTEL_EXPORTER_OTLP_PROTOCOL": "http"}, "'http'"),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": None}, "is not set"),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "not a url"}, "is not an http or https URL"),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://x:99999/v1/logs"}, "is not an http or https URL"),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://x/v1/lögs"}, "is not an http or https URL"),
        ({"OTEL_EXPORTER_OTLP_LOGS_HEADERS": "bad header=1"}, "'bad header' is no header name"),
        ({"OTEL_EXPORTER_OTLP_LOGS_HEADERS": "a=%E2%82%AC"}, "the header a holds characters"),
        ({"OTEL_EXPORTER_OTLP_LOGS_HEADERS": "a=x%0d%0ay: z"}, "the header a holds characters"),
    ],
)
def test_mistakes_that_the_client_is_silent_about(changes: dict[str, str | None], word: str) -> None:
    status, reason = refusal(**changes)
    assert status == "broken"
    assert word in reason


def test_endpoint_for_all_signals_gets_the_path() -> None:
    environment = changed(OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=None, OTEL_EXPORTER_OTLP_ENDPOINT=" http://localhost:4318/ ")
    assert otlp_export.delivery("logs", environment).endpoint == "http://localhost:4318/v1/logs"
    assert otlp_export.delivery("metrics", environment).endpoint == ENVIRONMENT["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"]


PROXY = {"HTTPS_PROXY": "http://proxy:3128"}


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, None),
        (PROXY, "http://proxy:3128"),
        ({"HTTP_PROXY": "http://plain:1"}, "http://plain:1"),
        ({**PROXY, "HTTP_PROXY": "http://plain:1"}, "http://proxy:3128"),
        ({**PROXY, "https_proxy": "http://lower:1"}, "http://lower:1"),
        ({"https_proxy": "lower:1"}, "http://lower:1"),
        ({**PROXY, "NO_PROXY": "a.example"}, "http://proxy:3128"),
        ({**PROXY, "NO_PROXY": "*.a.example"}, "http://proxy:3128"),
        ({**PROXY, "NO_PROXY": "x LOGS.a.example"}, None),
        ({**PROXY, "NO_PROXY": "x,.a.example"}, None),
        ({**PROXY, "NO_PROXY": ".logs.a.example"}, None),
        ({**PROXY, "NO_PROXY": "logs.a.example:443"}, None),
        ({**PROXY, "NO_PROXY": "logs.a.example:80"}, "http://proxy:3128"),
        ({**PROXY, "no_proxy": "*"}, None),
    ],
)
def test_proxy(environment: dict[str, str], wanted: str | None) -> None:
    assert otlp_export.proxy("https://logs.a.example/v1/logs", environment) == wanted


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_loopback_never_goes_through_a_proxy(host: str) -> None:
    assert otlp_export.proxy(f"http://{host}:8643/v1/logs", {"HTTP_PROXY": "http://proxy:1"}) is None
    assert otlp_export.proxy("http://elsewhere:8643/v1/logs", PROXY) == "http://proxy:3128"


def test_secrets_are_found_wherever_they_stand() -> None:
    environment = changed(
        OTEL_EXPORTER_OTLP_LOGS_HEADERS="Authorization=Bearer%20other-secret%2D1,x-api-key=a-long-key-1,x-team=platform",
        HTTPS_PROXY="http://user:pass%40word1@proxy:1",
        NOTE="xaat-stray-token-1 in a sentence",
    )
    found = otlp_export.secrets(environment)
    assert {SECRET, "a-long-key-1", "pass%40word1", "pass@word1", "xaat-stray-token-1"} <= found
    assert not {"platform", "claude-code-logs", "proxy"} & found


@given(st.text(alphabet="abc123._~+/=-", min_size=8))
def test_any_token_that_may_be_installed_counts_as_secret(token: str) -> None:
    environment: dict[str, Any] = telemetry_env.build(telemetry_options_with(), token, shield=False)
    assert token in otlp_export.secrets(environment)


def test_a_url_is_shown_without_credentials() -> None:
    assert otlp_export.shown_url("https://u:p@host:1/v1/logs?key=1") == "https://host:1/v1/logs"


def test_unknown_tokens_are_masked() -> None:
    assert otlp_export.without_tokens("token 'xaat-1-2' or xapt-3.", "*") == "token '*' or *"
