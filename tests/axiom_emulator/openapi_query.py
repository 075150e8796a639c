# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchanges with an edge deployment's query endpoints, held against Axiom's edge query document."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator

from axiom_emulator.openapi import RATE_LIMIT_HEADERS, TRACE_HEADER, URI, Json, closed, validate


class QueryDocument:
    """Axiom's edge query document and what was checked against it: pairs of operation id and status."""

    def __init__(self, path: Path) -> None:
        self.raw: Json = json.loads(path.read_text())
        unit = self.raw["paths"]["/query/metrics/info/datasets/{dataset}/metrics"]["get"]["responses"]["200"]
        for content in unit["content"].values():
            for name in ("unit", "temporality"):
                # "Null if not defined", say the description and Axiom's own scripts; the schema forgot.
                content["schema"]["additionalProperties"]["properties"][name]["nullable"] = True
        self.answered: set[tuple[str, int]] = set()
        self._answers = closed(self.raw, answers=True)
        self._requests = closed(self.raw, answers=False)

    def operation(self, method: str, path: str) -> tuple[str, Json]:
        """Return the JSON pointer of an operation and the operation; AssertionError where the document has none."""
        path = path.partition("?")[0]
        for template, operations in self.raw["paths"].items():
            pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template.partition("?")[0]))
            if method.lower() in operations and re.fullmatch(f"/v1{pattern}", path):
                pointer = "/paths/" + template.replace("~", "~0").replace("/", "~1").replace("?", "%3F")
                return f"{pointer}/{method.lower()}", operations[method.lower()]
        raise AssertionError(f"{method} {path} is not documented")

    def check(
        self, method: str, path: str, body: bytes | None, status: int, headers: Mapping[str, str], answer: bytes
    ) -> None:
        """Raise AssertionError or a validation error where an exchange is not as documented."""
        pointer, operation = self.operation(method, path)
        response = str(status) if str(status) in operation["responses"] else "default"
        documented = operation["responses"][response]
        for name in (*RATE_LIMIT_HEADERS, TRACE_HEADER, *(documented.get("headers", {}))):
            assert headers.get(name), f"{method} {path} answered {status} without {name}"
        kind = headers["Content-Type"].split(";")[0]
        assert kind in documented["content"], f"{method} {path} answered in {kind}"
        self._validate(OAS30ReadValidator, f"{pointer}/responses/{response}/content/{kind}", self._answers, answer)
        self.answered.add((operation["operationId"], status))
        if status == 200 and body is not None:
            where = f"{pointer}/requestBody/content/application/json"
            self._validate(OAS30WriteValidator, where, self._requests, body)

    def _validate(self, kind: type, pointer: str, registry: object, value: bytes) -> None:
        head, _unused, media = pointer.partition("/content/")
        reference = f"{URI}#{head}/content/{media.replace('/', '~1')}/schema"
        validate(kind, {"$ref": reference}, registry, json.loads(value))
