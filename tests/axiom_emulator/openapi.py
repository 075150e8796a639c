# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exchanges with the v2 API, held against Axiom's own OpenAPI document.

Two stricter copies of the document are made. In both, an object has no members that the document does not name. In the
one for answers, members marked ``x-omitempty: false`` must be there, and other optional ones must not be empty.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

FILE_NAME = "axiom-api-v2.openapi.json"
QUERY_FILE_NAME = "axiom-edge-query-v1.openapi.json"
REPOSITORY = Path(__file__).resolve().parents[2]
RATE_LIMIT_HEADERS = ("X-RateLimit-Scope", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
TRACE_HEADER = "x-axiom-trace-id"

URI = "urn:axiom"
_METHODS = ("get", "put", "post", "delete", "patch")
_NOT_EMPTY = {"string": "minLength", "array": "minItems", "object": "minProperties"}

Json = dict[str, Any]


def document_path(name: str = FILE_NAME) -> Path:
    """Return where a document should be: in ``$AXIOM_OPENAPI_DIR``, else ``../shared/reference`` of the checkout."""
    return Path(os.environ.get("AXIOM_OPENAPI_DIR") or REPOSITORY.parent / "shared" / "reference") / name


class Document:
    """Axiom's v2 document and what was checked against it: pairs of operation id and status."""

    def __init__(self, path: Path) -> None:
        self.raw: Json = json.loads(path.read_text())
        self.answered: set[tuple[str, int]] = set()
        self.requested: set[str] = set()
        self._answers = closed(self.raw, answers=True)
        self._requests = closed(self.raw, answers=False)

    def operation(self, method: str, path: str) -> tuple[str, Json] | None:
        """Return the JSON pointer of an operation and the operation; None where the document has none.

        /v1/datasets is what axiom-py uses; it is held to the same schemas.
        """
        path = path.partition("?")[0]
        for template, operations in self.raw["paths"].items():
            pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template))
            if method.lower() in operations and re.fullmatch(f"/(v2|v1(?=/datasets)){pattern}", path):
                pointer = "/paths/" + template.replace("~", "~0").replace("/", "~1") + "/" + method.lower()
                return pointer, operations[method.lower()]
        return None

    def check_answer(self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Raise AssertionError or a validation error where an answer of the API port is not as documented."""
        for name in (*RATE_LIMIT_HEADERS, TRACE_HEADER):
            assert headers.get(name), f"{method} {path} answered {status} without {name}"
        found = self.operation(method, path)
        documented = found[1]["responses"].get(str(status), {}) if found else {}
        if status >= 400 and "content" not in documented:
            error = self.raw["components"]["responses"]["ForbiddenError"]["content"]["application/json"]["schema"]
            strict = {**error, "required": ["code", "message"], "additionalProperties": False}
            OAS30ReadValidator(strict, format_checker=oas30_format_checker).validate(json.loads(body))
            return
        assert found, f"{method} {path} answered {status} but is not documented"
        pointer, operation = found
        responses = operation["responses"]
        assert str(status) in responses, f"{method} {path} answered {status}, documented are {sorted(responses)}"
        self.answered.add((operation["operationId"], status))
        if "content" not in responses[str(status)]:
            assert body == b""
            return
        assert headers["Content-Type"].split(";")[0] == "application/json"
        schema = {"$ref": f"{URI}#{pointer}/responses/{status}/content/application~1json/schema"}
        validate(OAS30ReadValidator, schema, self._answers, json.loads(body))

    def check_accepted(self, method: str, path: str, body: bytes) -> None:
        """Raise a validation error where a body that the API took is not as documented.

        ``null`` members are left out before: the documents do not allow them, but the official clients send them.
        """
        found = self.operation(method, path)
        if found and "requestBody" in found[1]:
            pointer, operation = found
            self.requested.add(operation["operationId"])
            schema = {"$ref": f"{URI}#{pointer}/requestBody/content/application~1json/schema"}
            validate(OAS30WriteValidator, schema, self._requests, _without_nulls(json.loads(body)))

    def watch(self, session: requests.Session) -> None:
        """Check every exchange of a session with an API port, before its own hooks see the answer."""

        def check(response: requests.Response, *args: Any, **kwargs: Any) -> None:
            method, path = str(response.request.method), str(response.request.path_url)
            self.check_answer(method, path, response.status_code, response.headers, response.content)
            if response.ok and response.request.body:
                body = response.request.body
                self.check_accepted(method, path, body.encode() if isinstance(body, str) else body)

        own = session.hooks.get("response", [])
        session.hooks = {"response": [check, *(own if isinstance(own, list) else [own])]}


def validate(kind: Any, schema: Json, registry: Any, value: Any) -> None:
    """Raise a validation error where a value is not as a schema, with references into ``registry``, has it."""
    kind(schema, registry=registry, format_checker=oas30_format_checker).validate(value)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_nulls(member) for name, member in value.items() if member is not None}
    return value


def closed(raw: Json, answers: bool) -> Any:
    """Return a document's stricter copy, see the top of this file, as the registry that validators take."""
    document = copy.deepcopy(raw)
    for schema in document["components"]["schemas"].values():
        _merge_all_of(document, schema)
    for path in document["paths"].values():
        for method in _METHODS:
            if method in path:
                _tighten(document, path[method], answers)
    _tighten(document, document["components"]["schemas"], answers)
    return Registry().with_resource(URI, DRAFT4.create_resource(document))


def _merge_all_of(document: Json, schema: Json) -> None:
    """Write an object put together with ``allOf`` as one object: only that can be closed."""
    parts = [copy.deepcopy(_resolve(document, part)) for part in schema.get("allOf", [])]
    if parts and all("properties" in part for part in parts):
        del schema["allOf"]
        schema["properties"] = {name: value for part in parts for name, value in part["properties"].items()}
        schema["required"] = [name for part in parts for name in part.get("required", [])]


def _resolve(document: Json, schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Json = document
    for step in schema["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def _tighten(document: Json, node: Any, answers: bool) -> None:
    if isinstance(node, list):
        for item in node:
            _tighten(document, item, answers)
    elif isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict) and all(isinstance(value, dict) for value in properties.values()):
            _close(document, node, properties, answers)
        for value in node.values():
            _tighten(document, value, answers)


def _close(document: Json, schema: Json, properties: Json, answers: bool) -> None:
    schema.setdefault("additionalProperties", False)
    if not answers:
        return
    required = set(schema.get("required", []))
    always = {name for name, value in properties.items() if value.get("x-omitempty") is False}
    if required | always:
        schema["required"] = sorted(required | always)
    for name in set(properties) - required - always:
        properties[name].pop("nullable", None)
        keyword = _NOT_EMPTY.get(_resolve(document, properties[name]).get("type", ""))
        if keyword:
            properties[name] = {"allOf": [properties[name]], keyword: 1}
