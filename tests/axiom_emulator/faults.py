# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Injected faults: rules that are matched against each request in the order in which they were set."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any

from axiom_emulator.errors import ApiError

ACTIONS = ("answer", "delay", "drop", "drop_after", "answer_after", "drip")
"""answer: instead of the server. delay: then as usual. drop: the connection, before anything is done. drop_after: the
connection, once the request was carried out. answer_after: carried out, but answered with this status. drip: as usual,
but byte by byte."""


@dataclass
class Fault:
    """One rule. ``times`` None is for ever; the first ``after`` matching requests pass untouched."""

    action: str
    method: str = ""
    path: str = ""
    role: str = ""
    times: int | None = 1
    after: int = 0
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = ""
    delay: float = 0.0
    reset_in: int | None = None
    seen: int = 0
    hits: int = 0

    @classmethod
    def read(cls, spec: Any) -> Fault:
        """Read a rule from JSON; the action follows from ``status`` or ``delay`` where it is not named."""
        if not isinstance(spec, dict):
            raise ApiError(422, "a fault is an object")
        spec = dict(spec)
        spec.setdefault("action", "answer" if "status" in spec or "body" in spec else "delay")
        unknown = set(spec) - (set(cls.__dataclass_fields__) - {"seen", "hits"})
        if unknown:
            raise ApiError(422, f"a fault has no member {sorted(unknown)[0]!r}")
        if spec["action"] not in ACTIONS:
            raise ApiError(422, f"a fault's action is one of {', '.join(ACTIONS)}, not {spec['action']!r}")
        fault = cls(**spec)
        re.compile(fault.path)
        for number in (fault.status, fault.after, fault.times, fault.delay, fault.reset_in):
            if number is not None and (isinstance(number, bool) or not isinstance(number, (int, float))):
                raise ApiError(422, f"a fault's numbers are numbers, not {number!r}")
        return fault

    def matches(self, method: str, path: str, role: str) -> bool:
        """Tell whether the rule is about this request."""
        return (
            self.method.upper() in ("", method)
            and self.role in ("", role)
            and re.search(self.path, path) is not None
            and (self.times is None or self.hits < self.times)
        )

    def payload(self) -> tuple[bytes, str]:
        """Return the body to answer with and its content type."""
        body = {"code": "injected", "message": f"injected fault {self.status}"} if self.body is None else self.body
        if isinstance(body, str):
            return body.encode(), self.content_type or "text/html; charset=utf-8"
        return json.dumps(body).encode(), self.content_type or "application/json"

    def as_dict(self) -> dict[str, Any]:
        """Return the rule with its counters."""
        return dict(vars(self))


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def add(self, spec: Any) -> None:
        """Add a rule."""
        fault = Fault.read(spec)
        with self._lock:
            self._rules.append(fault)

    def clear(self) -> None:
        """Drop all rules."""
        with self._lock:
            self._rules.clear()

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules, spent ones too."""
        with self._lock:
            return [rule.as_dict() for rule in self._rules]

    def take(self, method: str, path: str, role: str) -> Fault | None:
        """Return the rule that strikes this request, and count it."""
        with self._lock:
            for rule in self._rules:
                if not rule.matches(method, path, role):
                    continue
                rule.seen += 1
                if rule.seen > rule.after:
                    rule.hits += 1
                    return rule
        return None
