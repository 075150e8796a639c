# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client: headers, errors, retries, and what must never leave it."""

from __future__ import annotations

import datetime
import json
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.ansible_release import __version__ as ansible_core_version
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from support.certificates import self_signed

from ansible_collections.devfleet.axiom.plugins.module_utils import api_client, axiom_client
from ansible_collections.devfleet.axiom.plugins.module_utils.api_client import (
    ApiError,
    rate_limit_wait,
    without_secrets,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.axiom_client import (
    CAPABILITIES,
    AxiomClient,
    connection_argument_spec,
)
from axiom_emulator import openapi

TOKEN = "xaat-00000000-management-secret"
URL = "https://api.axiom.co"
REPOSITORY = Path(__file__).resolve().parents[4]


def error_of(options: dict[str, Any], method: str = "get", *arguments: Any) -> ApiError:
    """The error of one request, after the checks that hold for every error."""
    with pytest.raises(ApiError) as caught:
        getattr(AxiomClient(options), method)(*(arguments or ("/datasets",)))
    error = caught.value
    assert set(error.failure) == {"status", "code", "message", "method", "path"}
    assert "\n" not in error.message
    secret = options["token"] or TOKEN
    assert secret not in json.dumps([error.message, error.failure, repr(error), str(error)])
    assert error.result() == {"msg": error.message, "failure": error.failure}
    return error


# --- what is sent


def test_every_request_is_authorized_and_says_who_sends_it(options, script):
    script.expect("GET", "/datasets", [])
    assert AxiomClient(options).get("/datasets") == []
    headers = script.last.headers
    assert (
        headers["User-Agent"]
        == f"devfleet.axiom/{axiom_client.COLLECTION_VERSION} (ansible-core/{ansible_core_version})"
    )
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert "X-Axiom-Org-Id" not in headers


def test_the_organization_goes_along_for_a_personal_token(options, script):
    options.update(token="xapt-personal", org_id="acme-x1y2")
    script._mock.add("GET", f"{URL}/v2/datasets", json=[])
    AxiomClient(options).get("/datasets")
    assert script.last.headers["X-Axiom-Org-Id"] == "acme-x1y2"
    assert script.last.headers["Authorization"] == "Bearer xapt-personal"


def test_a_netrc_does_not_replace_the_token(options, script, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    script.expect("GET", "/datasets", [])
    AxiomClient(options).get("/datasets")
    assert script.last.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("url", [URL, f"{URL}/", f"{URL}/v2", f"{URL}/v2/", f" {URL}//", "", None])
def test_the_base_url_may_be_written_in_many_ways(url, options, script):
    options["url"] = url
    script.expect("GET", "/datasets", [])
    assert AxiomClient(options).get("/datasets") == []


def test_the_environment_fills_in_and_the_task_wins(monkeypatch):
    for name in ("TOKEN", "ORG_ID", "URL"):
        monkeypatch.setenv(f"AXIOM_{name}", f"from-environment-{name}")
    validator = ArgumentSpecValidator(connection_argument_spec())
    filled = validator.validate({}).validated_parameters
    assert [filled[name] for name in ("token", "org_id", "url")] == [
        "from-environment-TOKEN",
        "from-environment-ORG_ID",
        "from-environment-URL",
    ]
    said = validator.validate({"token": "t", "org_id": "o", "url": "u"}).validated_parameters
    assert [said[name] for name in ("token", "org_id", "url")] == ["t", "o", "u"]


def test_without_an_environment_the_url_is_axioms(monkeypatch):
    monkeypatch.delenv("AXIOM_URL", raising=False)
    assert ArgumentSpecValidator(connection_argument_spec()).validate({}).validated_parameters["url"] == URL


def test_the_version_in_the_user_agent_is_the_collections():
    assert yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())["version"] == axiom_client.COLLECTION_VERSION


# --- options that cannot work: an error before any request


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"token": None}, "token_missing", "AXIOM_TOKEN"),
        ({"token": ""}, "token_missing", "AXIOM_TOKEN"),
        ({"token": f"{TOKEN}\n"}, "header_unsafe", "white space"),
        ({"token": "xaat-ä"}, "header_unsafe", "token"),
        ({"org_id": "a\r\nX-Evil: 1"}, "header_unsafe", "org_id"),
        ({"token": "xapt-personal"}, "org_id_missing", "org_id"),
        ({"token": "xapt-personal", "org_id": ""}, "org_id_missing", "AXIOM_ORG_ID"),
        ({"url": "http://api.axiom.co"}, "plain_http", "https"),
        ({"url": "http://127.0.0.1.example.org"}, "plain_http", "https"),
        ({"url": "api.axiom.co"}, "url_invalid", URL),
        ({"url": "https://"}, "url_invalid", URL),
        ({"url": "https://[::1"}, "url_invalid", URL),
        ({"url": "https://host:port"}, "url_invalid", URL),
        ({"url": "https://user:password@api.axiom.co"}, "url_invalid", "user name"),
        ({"url": "https://api.axiom.co/?a=b"}, "url_invalid", URL),
        ({"url": "ftp://api.axiom.co"}, "url_invalid", URL),
        ({"ca_path": "/nowhere/ca.pem"}, "ca_path_missing", "/nowhere/ca.pem"),
        ({"ca_path": __file__}, "ca_path_invalid", "PEM"),
        ({"timeout": 0.0}, "timeout_invalid", "above 0"),
        ({"timeout": -1.0}, "timeout_invalid", "above 0"),
        ({"timeout": float("nan")}, "timeout_invalid", "above 0"),
        ({"proxy": "proxy.example.org:3128"}, "proxy_invalid", "http://"),
        ({"proxy": "socks5://user:password@proxy"}, "proxy_invalid", "http://"),
    ],
)  # fmt: skip
def test_unusable_options_are_refused_before_any_request(changes, code, says, options, script):
    options.update(changes)
    error = error_of(options)
    assert error.failure["code"] == code
    assert says in error.message
    assert error.failure["method"] is None
    assert "password" not in error.message.replace("user name or password", "")
    assert script.requests() == []


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.0.0.1:1", "http://127.1.2.3:1", "http://[::1]:1"])
def test_plain_http_is_taken_for_this_machine(url, options):
    options["url"] = url
    assert AxiomClient(options).url == url


def test_a_missing_library_names_the_interpreter_and_the_fix(options, monkeypatch):
    monkeypatch.setattr(api_client, "HAS_REQUESTS", False)
    error = error_of(options)
    assert sys.executable in error.message
    assert "pip install requests" in error.message
    assert "ansible_python_interpreter" in error.message


# --- answers


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (400, {}, "refuses POST /datasets (400). Axiom says: the reason"),
        (401, {}, "AXIOM_TOKEN"),
        (403, {}, "needs the org capability datasets: [create]"),
        (404, {}, "not found (404): POST /datasets"),
        (409, {}, "refuses POST /datasets (409): it may exist"),
        (409, {}, "Axiom says: the reason"),
        (422, {}, "refuses POST /datasets (422). Axiom says: the reason"),
        (430, {}, "usage limit"),
        (500, {}, "unknown"),
        (302, {"Location": "https://login.example.org/?token=1"}, "redirects to login.example.org, not followed"),
        (308, {"Location": "/v3/datasets"}, "redirects to another path"),
        (403, {"X-Axiom-Trace-Id": "trace-1"}, "(trace id trace-1)"),
    ],
)
def test_each_status_says_what_to_do(status, headers, says, options, script):
    options["retries"] = 0
    script.expect("POST", "/datasets", {"code": "c1", "message": "the reason"}, status=status, headers=headers)
    error = error_of(options, "post", "/datasets", {})
    assert says in error.message
    assert error.failure == {
        "status": status,
        "code": "c1",
        "message": "the reason",
        "method": "POST",
        "path": "/v2/datasets",
    }
    assert error.outcome_unknown == (status == 500)


@pytest.mark.parametrize("request_line", CAPABILITIES)
def test_a_403_names_the_missing_capability(request_line, options, script):
    method, path = request_line.split()
    path = re.sub(r"\{\w+\}", "some-id", path)
    script.expect(method, path, {"message": "forbidden"}, status=403)
    arguments = (path, {}) if method in ("PUT", "POST") else (path,)
    error = error_of(options, method.lower(), *arguments)
    capability = CAPABILITIES[request_line]
    if capability:
        area, verb = capability.split("|")
        assert f"{request_line} needs the org capability {area}: [{verb}]" in error.message
    else:
        assert "documents no capability" in error.message


def test_the_capabilities_are_those_axiom_documents():
    path = openapi.document_path()
    if not path.exists():
        pytest.skip(f"not checked: {path} is not here (Axiom's OpenAPI document is not ours to ship)")
    document = json.loads(path.read_text())
    areas = document["components"]["schemas"]["orgCapabilities"]["properties"]
    for request, capability in CAPABILITIES.items():
        method, template = request.split()
        (security,) = document["paths"][template][method.lower()]["security"]
        if "bearerAuth" in security:
            area, verb = capability.split("|")
            assert verb in areas[area]["items"]["enum"], request
        else:
            assert security["Auth"] == ([capability] if capability else []), request


@pytest.mark.parametrize("status", [200, 403, 502])
def test_html_instead_of_json_is_called_by_its_name(status, options, script):
    options["retries"] = 0
    script.expect("GET", "/datasets", "<html><body>Log in</body></html>", status=status, content_type="text/html")
    error = error_of(options)
    assert "HTML" in error.message
    assert "log-in page or proxy" in error.message or "log-in page or a proxy" in error.message
    assert error.failure["status"] == status


@pytest.mark.parametrize("body", ["", "not json", '{"cut": ', b"\xff\xfe", "[" * 100_000])
def test_what_is_not_json_is_an_error(body, options, script):
    script.expect("GET", "/datasets", body)
    assert error_of(options).failure["code"] == "not_json"


@pytest.mark.parametrize("answer", [0, {}, "text", [1], [{"name": "a"}], [{"name": 1, "id": "a"}], {"message": "hi"}])
def test_another_shape_than_documented_is_an_error(answer, options, script):
    # A body given as text would not be JSON.
    script._mock.add("GET", f"{URL}/v2/datasets", json=answer)
    error = error_of(options, "get_objects")
    assert error.failure["code"] == "unexpected_answer"


def test_a_post_whose_answer_cannot_be_used_has_an_unknown_outcome(options, script):
    script.expect("POST", "/tokens", {"unexpected": True})
    error = error_of(options, "post_object", "/tokens", {})
    assert error.outcome_unknown
    assert "looks by name first" in error.message


def test_an_endless_answer_is_cut_off(options, script, monkeypatch):
    monkeypatch.setattr(api_client, "LARGEST_ANSWER", 1000)
    script.expect("GET", "/datasets", json.dumps(["x" * 2000]))
    assert error_of(options).failure["code"] == "oversized"


def test_an_answer_without_content_is_none(options, script):
    script.expect("DELETE", "/datasets/a", status=204)
    assert AxiomClient(options).delete("/datasets/a") is None


def test_a_server_that_repeats_the_token_does_not_get_it_into_an_error(options, script):
    said = f"token {TOKEN} and xaat-another-one are\nbad"
    script.expect("POST", "/tokens", {"code": TOKEN, "message": said}, status=422)
    error = error_of(options, "post", "/tokens", {})
    assert "xaat-" not in json.dumps(error.result())
    assert error.failure["message"] == "token ******** and ******** are bad"


def test_secrets_are_taken_out_of_texts():
    assert without_secrets("a xaat-1-2 b xapt-3 c plain d", "plain") == "a ******** b ******** c ******** d"


# --- what is sent again, and what is not (a real server, since the retries are urllib3's)


def rate_limited(behaviour, reset_in=7, **headers):
    """A 429 by a server whose clock is an hour ahead."""
    sent = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    date = sent.strftime("%a, %d %b %Y %H:%M:%S GMT")
    reset = str(int(sent.timestamp()) + reset_in)
    return behaviour.answer(429, {"message": "slow"}, Date=date, X_RateLimit_Reset=reset, **headers)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_read_is_tried_again(status, options, loopback, behaviour, no_waiting):
    server = loopback(behaviour.answer(status, {}), behaviour.tear, behaviour.answer(200, ["ok"]))
    options["url"] = server.url
    assert AxiomClient(options).get("/datasets") == ["ok"]
    assert server.requests == ["GET /v2/datasets"] * 3


def test_a_read_is_not_tried_for_ever(options, loopback, behaviour, no_waiting):
    server = loopback(*[behaviour.answer(503, {"message": "down"})] * 4)
    options["url"] = server.url
    assert error_of(options).failure["status"] == 503
    assert len(server.requests) == 3


@pytest.mark.parametrize("method", ["post", "put", "delete"])
@pytest.mark.parametrize("fault", ["tear", "tear_inside", "500"])
def test_a_write_with_an_unknown_outcome_is_sent_once(method, fault, options, loopback, behaviour, no_waiting):
    fate = behaviour.answer(500, {}) if fault == "500" else getattr(behaviour, fault)
    server = loopback(fate, behaviour.answer(200, {}))
    options["url"] = server.url
    error = error_of(options, method, "/tokens/a", *([{}] if method != "delete" else []))
    assert server.requests == [f"{method.upper()} /v2/tokens/a"]
    assert error.outcome_unknown
    assert ("looks by name first" if method == "post" else "repeating it is harmless") in error.message


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_what_the_rate_limit_stopped_is_sent_again_when_it_is_reset(method, options, loopback, behaviour, no_waiting):
    server = loopback(rate_limited(behaviour), behaviour.answer(200, {"done": True}))
    options["url"] = server.url
    arguments = ("/tokens/a", {}) if method in ("post", "put") else ("/tokens/a",)
    assert getattr(AxiomClient(options), method)(*arguments) == {"done": True}
    assert server.requests == [f"{method.upper()} /v2/tokens/a"] * 2
    # By the server's clock, however wrong ours is.
    assert no_waiting == [7]


def test_a_reset_far_away_is_not_waited_for(options, loopback, behaviour, no_waiting):
    server = loopback(rate_limited(behaviour, 3000, X_RateLimit_Scope="user", X_RateLimit_Limit="50"))
    options["url"] = server.url
    error = error_of(options, "post", "/tokens", {})
    assert "scope user, 50 requests per minute" in error.message
    assert "run again in 3000 s" in error.message
    assert not error.outcome_unknown
    assert (no_waiting, len(server.requests)) == ([], 1)


@pytest.mark.parametrize("reset", [None, "soon", "0"])
def test_a_useless_reset_means_a_second(reset):
    assert rate_limit_wait({"X-RateLimit-Reset": reset} if reset else {}) == 1


def test_a_connection_that_never_opened_is_tried_again_whatever_the_method(options, no_waiting):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    options["url"] = f"http://127.0.0.1:{port}"
    error = error_of(options, "post", "/tokens", {})
    assert error.failure["code"] == "connection_refused"
    assert not error.outcome_unknown
    assert "AXIOM_URL" in error.message
    assert len(no_waiting) == 1, "of two repetitions urllib3 makes the first at once"


@pytest.mark.parametrize(("method", "attempts", "unknown"), [("get", 3, False), ("post", 1, True)])
def test_no_answer_in_time(method, attempts, unknown, options, loopback, no_waiting):
    waiting = []

    def never(connection):
        waiting.append(connection.recv(1))

    server = loopback(*[never] * attempts)
    options.update(url=server.url, timeout=0.2)
    error = error_of(options, method, "/tokens", *([{}] if method == "post" else []))
    assert error.failure["code"] == "timeout"
    assert "within 0.2 s" in error.message
    assert len(server.requests) == attempts
    assert error.outcome_unknown is unknown


def test_a_host_that_does_not_exist(options, no_waiting):
    options.update(url="https://no-such-host.invalid", retries=0)
    assert error_of(options, "post", "/tokens", {}).failure["code"] == "unreachable"


# --- proxies


def test_loopback_goes_around_every_proxy(options, loopback, behaviour, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server = loopback(behaviour.answer(200, []))
    options.update(url=server.url, proxy="http://127.0.0.1:1")
    assert AxiomClient(options).get("/datasets") == []


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_refuses(status, options, loopback, behaviour, monkeypatch, no_waiting):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    proxy = loopback(behaviour.answer(status, {}))
    options.update(proxy=f"http://127.0.0.1:{proxy.port}", retries=0)
    error = error_of(options, "post", "/tokens", {})
    assert proxy.requests == ["CONNECT api.axiom.co:443"], "the option wins over the environment"
    assert error.failure["code"] == "proxy"
    assert not error.outcome_unknown


def test_an_unusable_proxy_of_the_environment_is_told_without_its_password(options, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:password@proxy:no-port")
    error = error_of(options, "post", "/tokens", {})
    assert error.failure["code"] == "not_sent"
    assert not error.outcome_unknown
    assert "password" not in error.message


def test_a_ca_bundle_of_the_environment_that_is_not_there_is_named(options, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    error = error_of(options, "post", "/tokens", {})
    assert error.failure["code"] == "not_sent"
    assert "/nowhere/ca.pem" in error.message
    assert not error.outcome_unknown


# --- TLS


@pytest.mark.parametrize(
    ("host", "days", "trusted", "code"),
    [
        ("127.0.0.1", 30, False, "tls_self_signed"),
        ("127.0.0.1", -1, True, "tls_expired"),
        ("axiom.example.org", 30, True, "tls_wrong_host"),
    ],
)
def test_what_is_wrong_with_a_certificate(
    host, days, trusted, code, options, loopback, behaviour, tmp_path, no_waiting
):
    context, path = self_signed(tmp_path, [host], days)
    server = loopback(behaviour.answer(200, []), context=context)
    options.update(url=server.url, ca_path=str(path) if trusted else None)
    error = error_of(options, "post", "/tokens", {})
    assert error.failure["code"] == code
    assert "certificate" in error.message or "chain" in error.message
    assert not error.outcome_unknown
    assert (server.requests, no_waiting) == ([], []), "nothing was sent, and nothing tried again"


def test_a_ca_of_ones_own_is_trusted_and_wins_over_the_environment(options, loopback, behaviour, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/hostname")
    context, path = self_signed(tmp_path, ["127.0.0.1"])
    server = loopback(behaviour.answer(200, ["ok"]), context=context)
    options.update(url=server.url, ca_path=str(path))
    assert AxiomClient(options).get("/datasets") == ["ok"]


def test_tls_where_there_is_none(options, loopback, behaviour, no_waiting):
    server = loopback(*[behaviour.answer(200, [])] * 3)
    options.update(url=server.url.replace("http:", "https:"), retries=0)
    assert error_of(options).failure["code"] == "tls"
