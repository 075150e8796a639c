# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the client makes of a telemetry environment: where each signal goes, with which headers, through which proxy.

Pure. Every rule was measured on Claude Code 2.1.330, most of them on 2.1.197 too; where the two variables of a signal
and of all signals meet, the rule is not OpenTelemetry's.
"""

from __future__ import annotations

import re
from typing import Mapping, NamedTuple
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import DATASET_HEADERS, SIGNAL_PATHS

SIGNALS = ("logs", "metrics")
PROTOCOLS = {"http/protobuf": "protobuf", "http/json": "json"}

_EXPORTERS = ("otlp", "console", "prometheus", "none")
_ON = ("1", "true", "yes", "on")
_PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY")
# RFC 9110 section 5.6.2; Node refuses any other header name, and the signal is lost.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SECRET_NAME = re.compile(r"auth|token|key|secret|cookie|password")
_AXIOM_TOKEN = re.compile(r"xa(?:at|pt)-[^\s\"',;]+", re.IGNORECASE)
# What is shorter is no secret, and masking it would mask ordinary words.
_SECRET_MIN = 8


class Delivery(NamedTuple):
    """How one signal travels. Two that are equal need to be tried only once.

    headers: pairs with lower-case names. encoding: `protobuf` or `json`. proxy: a URL. ca_file: a path on the machine.
    """

    endpoint: str
    headers: tuple[tuple[str, str], ...]
    encoding: str
    dataset: str | None
    proxy: str | None
    ca_file: str | None


class NoDelivery(Exception):
    """The client sends nothing. status: `switched_off` where somebody wants it so, `broken` where it is a mistake."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def _decoded(text: str) -> str | None:
    """Percent-decoded like JavaScript's decodeURIComponent: None where an escape or the UTF-8 in it is bad."""
    if _BAD_ESCAPE.search(text):
        return None
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return None


def signal_headers(text: str) -> dict[str, str]:
    """A signal's own header list: percent-decoded, cut at `;`; a header with a bad escape is lost without a word."""
    headers = {}
    for entry in text.split(","):
        name, separator, value = entry.partition(";")[0].partition("=")
        decoded_name, decoded = _decoded(name.strip()), _decoded(value.strip())
        if separator and decoded_name and decoded:
            headers[decoded_name.lower()] = decoded
    return headers


def generic_headers(text: str) -> dict[str, str]:
    """The header list for all signals: taken literally."""
    pairs = (entry.partition("=") for entry in text.split(","))
    return {name.strip().lower(): value.strip() for name, _separator, value in pairs if name.strip() and value.strip()}


def headers(signal: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Both lists together; the generic one wins."""
    own = environment.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS", "")
    return dict(signal_headers(own), **generic_headers(environment.get("OTEL_EXPORTER_OTLP_HEADERS", "")))


def _checked_headers(signal: str, environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    found = headers(signal, environment)
    for name, value in found.items():
        if not _HEADER_NAME.match(name):
            raise NoDelivery("broken", f"{name!r} is no header name; the client drops the signal")
        if re.search(r"[^\t\x20-\x7e\x80-\xff]", value):
            raise NoDelivery("broken", f"the header {name} holds characters that no header may hold")
    return tuple(sorted(found.items()))


def _switches(signal: str, environment: Mapping[str, str]) -> None:
    if environment.get("CLAUDE_CODE_ENABLE_TELEMETRY", "").strip().lower() not in _ON:
        raise NoDelivery("switched_off", "CLAUDE_CODE_ENABLE_TELEMETRY is not 1")
    for other in SIGNALS:
        variable = f"OTEL_{other.upper()}_EXPORTER"
        for word in _words(environment.get(variable, "")):
            if word not in _EXPORTERS:
                raise NoDelivery(
                    "broken", f"{variable}: {word!r} is no exporter; the client then sends no signal at all"
                )
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    words = _words(environment.get(variable, ""))
    if "otlp" not in words:
        raise NoDelivery("switched_off", f"{variable} is {','.join(words) or 'not set'}")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _encoding(signal: str, environment: Mapping[str, str]) -> str:
    variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL"
    protocol = environment.get(variable) or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/protobuf"
    if protocol.strip() not in PROTOCOLS:
        raise NoDelivery("broken", f"{variable}: over {protocol!r} the client sends nothing to an http endpoint")
    return PROTOCOLS[protocol.strip()]


def _endpoint(signal: str, environment: Mapping[str, str]) -> str:
    variable = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
    endpoint = environment.get(variable, "").strip()
    generic = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    if not endpoint and generic:
        endpoint = generic.rstrip("/") + SIGNAL_PATHS[signal]
    if not endpoint:
        raise NoDelivery("broken", f"{variable} is not set")
    try:
        url = urlsplit(endpoint)
        usable = url.scheme in ("http", "https") and url.hostname and (url.port is None or url.port > 0)
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f\x7f]|[^\x00-\x7f]", endpoint):
        raise NoDelivery("broken", f"{variable} is not an http or https URL")
    return endpoint


def _past_proxy(host: str, port: int, no_proxy: str) -> bool:
    """NO_PROXY: exact host or host:port, `.domain` with all below it, or `*`; separated by commas or spaces."""
    if host in ("localhost", "::1") or host.startswith("127."):
        return True
    for entry in re.split(r"[,\s]+", no_proxy.lower()):
        if entry in ("*", host, f"{host}:{port}"):
            return True
        if entry.startswith(".") and (host == entry[1:] or host.endswith(entry)):
            return True
    return False


def proxy(endpoint: str, environment: Mapping[str, str]) -> str | None:
    """The proxy for an endpoint of either scheme; the client never takes one for loopback."""
    url = urlsplit(endpoint)
    no_proxy = environment.get("no_proxy", "") + "," + environment.get("NO_PROXY", "")
    if _past_proxy(url.hostname or "", url.port or (443 if url.scheme == "https" else 80), no_proxy):
        return None
    found = next((environment[name].strip() for name in _PROXY_VARIABLES if environment.get(name, "").strip()), None)
    return found if found is None or "://" in found else f"http://{found}"


def delivery(signal: str, environment: Mapping[str, str]) -> Delivery:
    """What the client does with one signal.

    :param signal: `logs` or `metrics`.
    :raises NoDelivery: it sends nothing.
    """
    _switches(signal, environment)
    encoding = _encoding(signal, environment)
    endpoint = _endpoint(signal, environment)
    sent = _checked_headers(signal, environment)
    return Delivery(
        endpoint=endpoint,
        headers=sent,
        encoding=encoding,
        dataset=dict(sent).get(DATASET_HEADERS[signal]),
        proxy=proxy(endpoint, environment),
        ca_file=environment.get("NODE_EXTRA_CA_CERTS", "").strip() or None,
    )


def shown_url(url: str) -> str:
    """A URL without credentials and query, which may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def secrets(environment: Mapping[str, str]) -> set[str]:
    """Every string in a telemetry environment that must not be shown."""
    found = set()
    for signal in SIGNALS:
        for name, value in headers(signal, environment).items():
            if _SECRET_NAME.search(name):
                # What follows the scheme: Bearer is no secret.
                found.add(value.partition(" ")[2] or value)
    for value in environment.values():
        found |= set(_AXIOM_TOKEN.findall(value))
        for user in re.findall(r"://([^/@\s]*)@", value):
            found |= {user, user.partition(":")[2], unquote(user.partition(":")[2])}
    return {text for text in found if len(text) >= _SECRET_MIN}


def without_tokens(text: str, mask: str) -> str:
    """Whatever looks like a token of Axiom masked, also one that nobody told us of."""
    return _AXIOM_TOKEN.sub(mask, text)
