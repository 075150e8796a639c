# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Typed options -> the telemetry environment, a flat dict of strings.

Every rule of Axiom's guide "Monitor Claude Code with Axiom", and every silent trap of the client that was measured,
lives in this file. Pure functions, standard library only: the same code runs on the controller and on the machine.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Mapping
from urllib.parse import quote, urlsplit

from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import CollectionError

MASK = "********"
# Stands in check mode for a secret that a real run would mint.
NOT_MINTED = "not-minted-yet"
PRODUCTION_MS = {"metrics": 60000, "logs": 30000}
INTERVALS_MS = {"production": PRODUCTION_MS, "testing": {"metrics": 10000, "logs": 5000}}
SIGNAL_PATHS = {"metrics": "/v1/metrics", "logs": "/v1/logs"}
# Axiom routes by header, and the header's name differs by signal.
DATASET_HEADERS = {"metrics": "x-axiom-metrics-dataset", "logs": "x-axiom-dataset"}
# Which kinds of datasets take a signal (page "Datasets").
SIGNAL_KINDS = {"metrics": ("otel:metrics:v1",), "logs": ("axiom:events:v1", "otel:logs:v1")}
# Of the encoded value: with a longer one, Claude Code 2.1.197 loses all attributes; newer clients count decoded.
ATTRIBUTE_MAX = 255

# Option -> variable. Written as 0 unless opted in: what managed settings leave unset, a shell can switch on.
PRIVACY_SWITCHES = {
    "log_user_prompts": "OTEL_LOG_USER_PROMPTS",
    "log_assistant_responses": "OTEL_LOG_ASSISTANT_RESPONSES",
    "log_tool_details": "OTEL_LOG_TOOL_DETAILS",
    "log_raw_api_bodies": "OTEL_LOG_RAW_API_BODIES",
}
# Suboption of "cardinality" -> variable. Left to the client's own default where not given.
CARDINALITY_SWITCHES = {
    "session_id": "OTEL_METRICS_INCLUDE_SESSION_ID",
    "version": "OTEL_METRICS_INCLUDE_VERSION",
    "account_uuid": "OTEL_METRICS_INCLUDE_ACCOUNT_UUID",
    "resource_attributes": "OTEL_METRICS_INCLUDE_RESOURCE_ATTRIBUTES",
    "entrypoint": "OTEL_METRICS_INCLUDE_ENTRYPOINT",
    "repository": "OTEL_METRICS_INCLUDE_REPOSITORY",
}
# Option -> variable of the client's network settings.
NETWORK_VARIABLES = {
    "http_proxy": "HTTP_PROXY",
    "https_proxy": "HTTPS_PROXY",
    "no_proxy": "NO_PROXY",
    "ca_file": "NODE_EXTRA_CA_CERTS",
}
# Variables that "extra" may not set, and what to use instead. A generic endpoint or protocol governs both signals.
RESERVED = dict(
    [(variable, option) for option, variable in PRIVACY_SWITCHES.items()]
    + [(variable, "cardinality." + option) for option, variable in CARDINALITY_SWITCHES.items()]
    + [(variable, option) for option, variable in NETWORK_VARIABLES.items()],
    CLAUDE_CODE_ENABLE_TELEMETRY="enabled",
    OTEL_METRICS_EXPORTER="metrics_exporter",
    OTEL_LOGS_EXPORTER="logs_exporter",
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL="metrics_protocol",
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL="logs_protocol",
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="metrics_endpoint",
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="logs_endpoint",
    OTEL_EXPORTER_OTLP_METRICS_HEADERS="token and metrics_dataset",
    OTEL_EXPORTER_OTLP_LOGS_HEADERS="token and logs_dataset",
    OTEL_METRIC_EXPORT_INTERVAL="intervals.metrics",
    OTEL_LOGS_EXPORT_INTERVAL="intervals.logs",
    OTEL_RESOURCE_ATTRIBUTES="resource_attributes",
    OTEL_RESOURCE_INCLUDE_HOST="include_host",
    OTEL_LOG_MANAGED_SETTINGS="log_managed_settings",
    OTEL_EXPORTER_OTLP_HEADERS="shield",
    OTEL_EXPORTER_OTLP_ENDPOINT="metrics_endpoint and logs_endpoint",
    OTEL_EXPORTER_OTLP_PROTOCOL="metrics_protocol and logs_protocol",
)
# What a login sets, and what bash, zsh and fish keep for themselves: none takes a value from a snippet as it is.
SHELLS_OWN = (
    *("HOME", "LOGNAME", "OLDPWD", "PATH", "PWD", "SHELL", "USER", "_"),
    *("ARGC", "BASHOPTS", "BASHPID", "BASH_ALIASES", "BASH_ARGC", "BASH_ARGV", "BASH_CMDS", "BASH_COMMAND"),
    *("BASH_LINENO", "BASH_SOURCE", "BASH_SUBSHELL", "BASH_VERSINFO", "COLUMNS", "DIRSTACK", "EGID", "EPOCHREALTIME"),
    *("EPOCHSECONDS", "EUID", "FISH_VERSION", "FUNCNAME", "FUNCNEST", "GID", "GROUPS", "HISTCHARS", "HISTCMD"),
    *("HISTSIZE", "IFS", "KEYBOARD_HACK", "KEYTIMEOUT", "LINENO", "LINES", "LISTMAX", "MAILCHECK", "OPTIND"),
    *("PIPESTATUS", "PPID", "RANDOM", "SAVEHIST", "SECONDS", "SHELLOPTS", "SHLVL", "SRANDOM", "TRY_BLOCK_ERROR"),
    *("TRY_BLOCK_INTERRUPT", "TTYIDLE", "UID", "USERNAME", "WATCH", "ZSH_EVAL_CONTEXT", "ZSH_SUBSHELL"),
)

_SECRET = re.compile(r"xa(?:at|pt)-", re.IGNORECASE)
_DATASET = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")
# RFC 6750 section 2.1, the characters of a bearer token; none of them means anything in an OTLP header list.
_BEARER = re.compile(r"[A-Za-z0-9._~+/=-]+\Z")
# As in the settings schema. A proxy in small letters would also get past the options for it.
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9._-]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HALF = re.compile(r"[\ud800-\udfff]")


class OptionError(CollectionError):
    """An option is wrong; the message names it and the way out, and never echoes a secret."""


def _refuse_secret(option: str, value: object) -> None:
    if _SECRET.search(str(value)):
        raise OptionError(f"{option} holds what looks like an Axiom token; put the secret into the option 'token'")


def _text(option: str, value: object) -> str:
    """A scalar as the client should read it: no control characters, no secret, booleans as true or false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        raise OptionError(f"{option} must be a string or a number, not {type(value).__name__}")
    text = str(value)
    _refuse_secret(option, text)
    if _CONTROL.search(text):
        raise OptionError(f"{option} holds a control character or a line break; remove it")
    if _HALF.search(text):
        raise OptionError(f"{option} holds half a character (a lone surrogate), which no file can hold; remove it")
    return text


def shown(token: str) -> str:
    """What stands for the secret in a diff."""
    return "(not minted yet)" if token == NOT_MINTED else MASK


def check_token(token: str) -> str:
    """Return the ingest secret, or refuse one that the client would drop or that is too powerful to hand out."""
    if not _BEARER.match(token):
        raise OptionError(
            "token holds characters that are not allowed in a bearer token (RFC 6750), perhaps a space or a line break"
        )
    if token.startswith("xapt-"):
        raise OptionError("token is a personal token (xapt-), which may do everything; use an ingest-only API token")
    return token


def check_dataset(option: str, name: str) -> str:
    _refuse_secret(option, name)
    if not _DATASET.match(name):
        raise OptionError(
            f"{option}: {name!r} is not a dataset name (1 to 128 letters, digits, hyphens, dots and underscores)"
        )
    return name


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, judged by its name or address alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def check_url(option: str, value: str) -> str:
    """Return an https URL (or http on loopback) without credentials."""
    _text(option, value)
    try:
        url = urlsplit(value)
        port_ok = url.port is None or url.port > 0
    except ValueError:
        raise OptionError(f"{option}: the URL has an unusable host or port") from None
    if "@" in url.netloc:
        raise OptionError(f"{option} holds credentials, which everybody on the machine could read; remove them")
    if url.scheme not in ("http", "https") or not url.hostname or not port_ok or re.search(r"[\s\"'\\]", value):
        raise OptionError(f"{option}: {value!r} is not an http or https URL")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise OptionError(f"{option}: {value!r} would send the token in clear; use https")
    return value


def check_endpoint(signal: str, value: str) -> str:
    """A signal's endpoint is used verbatim by the client, so it must carry the signal's path."""
    option = signal + "_endpoint"
    check_url(option, value)
    url = urlsplit(value)
    if not url.path.endswith(SIGNAL_PATHS[signal]) or url.query or url.fragment:
        raise OptionError(f"{option}: {value!r} must end in {SIGNAL_PATHS[signal]}: the client adds no path to it")
    return value


def _network(option: str, value: str) -> str:
    """Return the value of one of `NETWORK_VARIABLES`, or refuse one that is unusable or shows credentials."""
    _text(option, value)
    if option in ("http_proxy", "https_proxy"):
        url = urlsplit(value)
        if "@" in url.netloc:
            raise OptionError(f"{option} holds credentials, which everybody on the machine could read; remove them")
        if url.scheme not in ("http", "https") or not url.hostname:
            raise OptionError(f"{option}: {value!r} is not an http or https URL")
    if option == "ca_file" and not value.startswith("/"):
        raise OptionError(f"ca_file: {value!r} must be an absolute path on the machine")
    return value


def _interval(option: str, value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise OptionError(f"{option}: {value!r} is not a number of milliseconds") from None
    if not 1000 <= number <= 86400000:
        raise OptionError("%s: %d ms is out of range (1000 to 86400000)" % (option, number))
    return number


def parse_intervals(value: object) -> dict[str, int]:
    """`production`, `testing` or a dict with `metrics` and/or `logs` -> milliseconds by signal."""
    if isinstance(value, str) and value in INTERVALS_MS:
        return dict(INTERVALS_MS[value])
    if not isinstance(value, dict):
        raise OptionError(f"intervals: {value!r} must be production, testing or a dict with metrics and logs in ms")
    unknown = sorted(set(map(str, value)) - set(PRODUCTION_MS))
    if unknown:
        raise OptionError("intervals: unknown key {}; known are metrics and logs".format(", ".join(unknown)))
    return dict(PRODUCTION_MS, **{signal: _interval(f"intervals.{signal}", ms) for signal, ms in value.items()})


def _encoded(option: str, name: object, value: object) -> str:
    """One pair of `OTEL_RESOURCE_ATTRIBUTES`; `option` is where the value comes from."""
    encoded = quote(_text(option, value), safe="-._~/:@")
    if not encoded:
        raise OptionError(f"{option} is empty; the client would drop it")
    if len(encoded) > ATTRIBUTE_MAX:
        raise OptionError(
            "%s is %d characters long when encoded; at most %d arrive" % (option, len(encoded), ATTRIBUTE_MAX)
        )
    return f"{name}={encoded}"


def _check_attribute_name(option: str, name: object) -> None:
    _refuse_secret(option, name)
    if not _ATTRIBUTE.match(str(name)) or len(str(name)) > ATTRIBUTE_MAX:
        raise OptionError(f"{option}: {name!r} is not an attribute name (letters, digits, . _ -)")


def encode_attributes(attributes: Mapping[str, object]) -> str:
    """`OTEL_RESOURCE_ATTRIBUTES`: values percent-encoded so that commas, `=`, `%`, spaces and UTF-8 arrive intact."""
    pairs = []
    for name, value in attributes.items():
        _check_attribute_name("resource_attributes", name)
        pairs.append(_encoded(f"resource_attributes.{name}", name, value))
    return ",".join(pairs)


def resource_attributes(options: Mapping[str, Any]) -> str:
    """`OTEL_RESOURCE_ATTRIBUTES` of a machine: what is declared, and the attribute that the machine is known by."""
    declared, name = options["resource_attributes"] or {}, options["machine_attribute"]
    pairs = [encode_attributes(declared)] if declared else []
    if options["machine"]:
        _check_attribute_name("machine_attribute", name)
        if name in declared:
            raise OptionError(
                f"resource_attributes.{name} is what machine_attribute writes too; take it out there, or set machine to"
                " an empty text"
            )
        pairs.append(_encoded("machine", name, options["machine"]))
    return ",".join(pairs)


def _extra(extra: Mapping[str, object]) -> dict[str, str]:
    environment = {}
    for name, value in extra.items():
        _refuse_secret("extra", name)
        if not _VARIABLE.match(str(name)):
            raise OptionError(f"extra: {name!r} is not a variable name (capital letters, digits and underscores)")
        if name in RESERVED:
            raise OptionError(f"extra: {name} is set by the option {RESERVED[name]}; use that")
        if name in SHELLS_OWN:
            raise OptionError(f"extra: {name} is the shell's own and not the client's; remove it")
        environment[str(name)] = _text(f"extra.{name}", value)
    return environment


def _signal(signal: str, options: Mapping[str, Any], token: str, interval_ms: int) -> dict[str, str]:
    upper = signal.upper()
    exporter = options[f"{signal}_exporter"] if options["enabled"] else "none"
    dataset = check_dataset(f"{signal}_dataset", options[f"{signal}_dataset"])
    interval_name = {"metrics": "OTEL_METRIC_EXPORT_INTERVAL", "logs": "OTEL_LOGS_EXPORT_INTERVAL"}[signal]
    return {
        f"OTEL_{upper}_EXPORTER": exporter,
        f"OTEL_EXPORTER_OTLP_{upper}_PROTOCOL": options[f"{signal}_protocol"],
        f"OTEL_EXPORTER_OTLP_{upper}_ENDPOINT": options[f"{signal}_endpoint"],
        f"OTEL_EXPORTER_OTLP_{upper}_HEADERS": f"Authorization=Bearer {token},{DATASET_HEADERS[signal]}={dataset}",
        interval_name: str(interval_ms),
    }


def build(options: Mapping[str, Any], token: str, shield: bool = False) -> dict[str, str]:
    """The telemetry environment, in the order of Axiom's guide.

    :param options: the typed options of the module `claude_code_telemetry`, endpoints already derived.
    :param token: what stands for the ingest secret: the secret itself, or a mask or mark where it must not appear.
    :param shield: also write what shuts out a developer's own settings: the generic `OTEL_EXPORTER_OTLP_HEADERS` (the
        client does not percent-decode it, so it takes the literal space), and no traces. A developer's exporter for
        traces can switch off all three signals, and 2.1.197 sends it our token (measured).
    :returns: variable name -> string.
    :raises OptionError: on the first option that the client would read otherwise than meant.
    """
    intervals = parse_intervals(options["intervals"])
    environment = {"CLAUDE_CODE_ENABLE_TELEMETRY": "1" if options["enabled"] else "0"}
    for signal in ("metrics", "logs"):
        environment.update(_signal(signal, options, token, intervals[signal]))
    if shield:
        environment["OTEL_EXPORTER_OTLP_HEADERS"] = f"Authorization=Bearer {token}"
        environment["OTEL_TRACES_EXPORTER"] = "none"
    for option, variable in PRIVACY_SWITCHES.items():
        environment[variable] = "1" if options[option] else "0"
    # Written even when empty: left unset, it could come from a shell or from any project's settings.
    environment["OTEL_RESOURCE_ATTRIBUTES"] = resource_attributes(options)
    environment["OTEL_RESOURCE_INCLUDE_HOST"] = "1" if options["include_host"] else "0"
    environment["OTEL_LOG_MANAGED_SETTINGS"] = "1" if options["log_managed_settings"] else "0"
    for suboption, variable in CARDINALITY_SWITCHES.items():
        wanted = (options["cardinality"] or {}).get(suboption)
        if wanted is not None:
            environment[variable] = "true" if wanted else "false"
    for option, variable in NETWORK_VARIABLES.items():
        if options[option]:
            environment[variable] = _network(option, options[option])
    environment.update(_extra(options["extra"] or {}))
    return environment


def check_options(options: Mapping[str, Any]) -> None:
    """Raise `OptionError` for anything that is wrong in the options themselves, before any machine is contacted."""
    for name in ("token_name", "logs_dataset", "metrics_dataset"):
        if options.get(name):
            _refuse_secret(name, options[name])
    if options.get("token"):
        check_token(options["token"])
    for signal in SIGNAL_PATHS:
        if options.get(f"{signal}_endpoint"):
            check_endpoint(signal, options[f"{signal}_endpoint"])
    build(dict(options, logs_endpoint="", metrics_endpoint=""), MASK)


def endpoint_of(signal: str, edge_url: str) -> str:
    """The signal's endpoint at a dataset's edge deployment."""
    return check_endpoint(signal, edge_url.rstrip("/") + SIGNAL_PATHS[signal])
