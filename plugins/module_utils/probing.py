# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Try every signal of every environment that is installed on this machine, and report each; nothing secret is in it."""

from __future__ import annotations

import functools
from typing import Any, Mapping, NamedTuple

from ansible_collections.devfleet.axiom.plugins.module_utils import (
    host_files,
    otlp_export,
    otlp_send,
    secret_digest,
    targets,
    telemetry_options,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.host_files import HostError
from ansible_collections.devfleet.axiom.plugins.module_utils.installed_environment import (
    Installed,
    installed_environments,
)
from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import one_line
from ansible_collections.devfleet.axiom.plugins.module_utils.otlp_export import Delivery, NoDelivery
from ansible_collections.devfleet.axiom.plugins.module_utils.otlp_send import Answer
from ansible_collections.devfleet.axiom.plugins.module_utils.telemetry_env import MASK

# The way out stands at the end of a reason, behind a path or two.
_LONGEST_TEXT = 400
# What says how to install has no meaning here, but the same check covers it.
_INSTALLING = {name: option.get("default") for name, option in telemetry_options.ARGUMENT_SPEC.items()}


class Report(NamedTuple):
    """probes: one dict per target, user and signal; secrets: what must not be shown, in them or anywhere."""

    probes: list[dict[str, Any]]
    secrets: set[str]


def scrubbed(text: str | None, secrets: set[str]) -> str | None:
    """One short line without the secrets. The longest first: one may be part of another."""
    if text is None:
        return None
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return one_line(otlp_export.without_tokens(text, MASK), _LONGEST_TEXT)


class _Sender:
    """Sends a signal once, however many targets and users share the same delivery."""

    def __init__(self, payloads: Mapping[str, Mapping[str, bytes]], timeout: float, prefix: str, check: bool) -> None:
        self.payloads = payloads
        self.timeout = timeout
        self.prefix = prefix
        self.check = check
        self.answers: dict[tuple[str, Delivery], Answer] = {}

    def answer(self, item: Installed, signal: str, delivery: Delivery) -> Answer:
        key = (signal, delivery)
        if key not in self.answers:
            body = None if self.check else self.payloads[signal][delivery.encoding]
            self.answers[key] = self._send(item, delivery, body)
        return self.answers[key]

    def _send(self, item: Installed, delivery: Delivery, body: bytes | None) -> Answer:
        """With the rights of whose environment it is: the endpoint and the authorities' file are that user's choice."""
        if item.owner is None:
            return otlp_send.send(delivery, body, self.timeout, self.prefix)
        try:
            send = functools.partial(otlp_send.send, delivery, body, self.timeout, self.prefix)
            return Answer(*host_files.run_as(item.owner, lambda: list(send()), self.timeout))
        except HostError as exc:
            return Answer("broken", None, str(exc))


def _probe(
    item: Installed, signal: str, sender: _Sender, secrets: set[str], known: Mapping[str, str] | None
) -> dict[str, Any]:
    delivery = None
    if item.environment is None:
        answer = Answer(item.status or "broken", None, item.problem)
    else:
        try:
            delivery = otlp_export.delivery(signal, item.environment)
            answer = sender.answer(item, signal, delivery)
        except NoDelivery as exc:
            answer = Answer(exc.status, None, exc.reason)
    found = {
        "target": item.target,
        "user": item.user,
        "signal": signal,
        "status": answer.status,
        "http_status": answer.http_status,
        "reason": scrubbed(answer.reason, secrets),
        "dataset": scrubbed(delivery.dataset, secrets) if delivery else None,
        "endpoint": scrubbed(otlp_export.shown_url(delivery.endpoint), secrets) if delivery else None,
    }
    if known:
        headers = otlp_export.headers(signal, item.environment) if item.environment else {}
        found["secret"] = secret_digest.which(headers.get("authorization"), known) if headers else None
    return found


def probe(
    options: Mapping[str, Any],
    payloads: Mapping[str, Mapping[str, bytes]],
    timeout: float,
    check: bool,
    known: Mapping[str, str] | None = None,
) -> Report:
    """Probe this machine.

    :param options: targets, users, prefix, platform.
    :param payloads: signal -> encoding (`protobuf`, `json`) -> body.
    :param check: do everything but the POST.
    :param known: from secret_digest.digests(), to tell which secret of a record is installed.
    :raises OptionError: an option is wrong.
    """
    targets.check_options({**_INSTALLING, **options})
    found = installed_environments(options)
    secrets = {secret for item in found for secret in otlp_export.secrets(item.environment or {})}
    sender = _Sender(payloads, timeout, options["prefix"], check)
    probes = [_probe(item, signal, sender, secrets, known) for item in found for signal in otlp_export.SIGNALS]
    return Report(probes, secrets)


def delivering(probes: list[dict[str, Any]], expected: list[str]) -> bool:
    """Whether every expected signal was accepted from every target; one that is not expected may be switched off."""
    return all(
        probe["status"] == "accepted" or (probe["status"] == "switched_off" and probe["signal"] not in expected)
        for probe in probes
    )
