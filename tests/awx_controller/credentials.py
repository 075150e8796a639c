# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential types and credentials: what may be in them, what is shown of them, and what they inject into a job."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from awx_controller.errors import ApiError, forbidden_because, invalid
from awx_controller.managed_types import CONTROLLER
from awx_controller.store import Item, Store

ENCRYPTED = "$encrypted$"
HIDDEN = "**********"
# Variables that would change the engine itself.
_BLOCKED_VARIABLES = {
    "VIRTUAL_ENV",
    "PATH",
    "PYTHONPATH",
    "JOB_ID",
    "INVENTORY_ID",
    "INVENTORY_SOURCE_ID",
    "INVENTORY_UPDATE_ID",
    "AD_HOC_COMMAND_ID",
    "REST_API_URL",
    "REST_API_TOKEN",
    "MAX_EVENT_RES",
    "CALLBACK_QUEUE",
    "CALLBACK_CONNECTION",
    "CACHE",
    "JOB_CALLBACK_DEBUG",
    "INVENTORY_HOSTVARS",
    "AWX_HOST",
    "PROJECT_REVISION",
    "SUPERVISOR_CONFIG_PATH",
}
_INPUTS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "required": {"type": "array", "items": {"type": "string"}},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "type": {"enum": ["string", "boolean"]},
                    "format": {"enum": ["ssh_private_key", "url"]},
                    "choices": {"type": "array", "minItems": 1, "items": {"type": "string"}, "uniqueItems": True},
                    "id": {"type": "string", "pattern": "^[a-zA-Z_]+[a-zA-Z0-9_]*$"},
                    "label": {"type": "string"},
                    "help_text": {"type": "string"},
                    "multiline": {"type": "boolean"},
                    "secret": {"type": "boolean"},
                    "ask_at_runtime": {"type": "boolean"},
                    "default": {},
                },
                "additionalProperties": False,
                "required": ["id", "label"],
            },
        },
    },
}
_INJECTORS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "object",
            "patternProperties": {r"^template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?$": {"type": "string"}},
            "additionalProperties": False,
        },
        "env": {
            "type": "object",
            "patternProperties": {"^[a-zA-Z_]+[a-zA-Z0-9_]*$": {"type": "string", "pattern": "^[\x00-\x7f]*$"}},
            "additionalProperties": False,
        },
        "extra_vars": {
            "type": "object",
            "patternProperties": {
                r"^[a-zA-Z_\{\}]+[a-zA-Z0-9_\{\}]*$": {
                    "anyOf": [{"type": "string"}, {"type": "array"}, {"$ref": "#/properties/extra_vars"}]
                }
            },
            "additionalProperties": False,
        },
    },
}


def _fields(credential_type: Item) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = credential_type["inputs"].get("fields", [])
    return fields


def secret_fields(credential_type: Item) -> set[str]:
    """Names of the inputs that are never shown."""
    return {entry["id"] for entry in _fields(credential_type) if entry.get("secret")}


def _first_error(schema: dict[str, Any], value: Any) -> str | None:
    error = next(iter(jsonschema.Draft4Validator(schema).iter_errors(value)), None)
    if error is None:
        return None
    where = ".".join(str(part) for part in error.absolute_path)
    return f"Schema validation error in relative path {where} ({error.message})" if where else error.message


class _Container:
    """What ``tower`` and ``tower.filename`` are in a template: nothing but their members."""


def _file_labels(injectors: dict[str, Any]) -> list[str]:
    return list(injectors.get("file", {}))


def _namespace(labels: list[str], paths: dict[str, str]) -> _Container:
    """Return ``tower`` for injectors with these file labels: one file, or several with names."""
    tower = _Container()
    if labels == ["template"]:
        tower.filename = paths["template"]  # type: ignore[attr-defined]
    elif labels:
        filename = tower.filename = _Container()  # type: ignore[attr-defined]
        for label in labels:
            setattr(filename, label.split(".", 1)[1], paths[label])
    return tower


def _templates(injectors: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (section, name, text) of every template in injectors; nested variables are flattened."""
    found = []

    def walk(section: str, name: str, node: Any) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                walk(section, f"{name}.{key}" if name else str(key), value)
        elif isinstance(node, list):
            for value in node:
                walk(section, name, value)
        else:
            found.append((section, name, str(node)))

    for section, entries in injectors.items():
        walk(section, "", entries)
    return found


def check_type(store: Store, values: dict[str, Any], item: Item | None) -> None:
    """Refuse a credential type that AWX refuses: ApiError."""
    if item and item["managed"]:
        raise forbidden_because("Modifications not allowed for managed credential types")
    if "kind" in values and values["kind"] not in ("cloud", "net"):
        raise invalid(kind=f"Must be 'cloud' or 'net', not {values['kind']}")
    old = item["inputs"] if item else {}
    inputs = values.get("inputs", old)
    injectors = values.get("injectors", item["injectors"] if item else {})
    if item and inputs != old and store.where("credentials", credential_type=item.id):
        raise forbidden_because("Modifications to inputs are not allowed for credential types that are in use")
    if problem := _first_error(_INPUTS_SCHEMA, inputs):
        raise invalid(inputs=problem)
    names = [entry["id"] for entry in inputs.get("fields", [])]
    for entry in inputs.get("fields", []):
        if names.count(entry["id"]) > 1:
            raise invalid(inputs=f"{entry['id']} is a duplicate field id")
        if entry["id"] == "tower":
            raise invalid(inputs="tower is a reserved field name")
        if entry.get("ask_at_runtime"):
            raise invalid(inputs="'ask_at_runtime' is not supported for custom credentials.")
        entry.setdefault("type", "string")
    if problem := _first_error(_INJECTORS_SCHEMA, injectors):
        raise invalid(injectors=problem)
    labels = _file_labels(injectors)
    if "template" in labels and len(labels) > 1:
        raise invalid(injectors="Must use multi-file syntax when injecting multiple files")
    for name in injectors.get("env", {}):
        if name.startswith("ANSIBLE_"):
            raise invalid(
                injectors=f"Environment variable {name} may affect Ansible configuration so its use is not allowed in "
                "credentials."
            )
        if name in _BLOCKED_VARIABLES:
            raise invalid(injectors=f"Environment variable {name} is not allowed to be used in credentials.")
    namespace = {**dict.fromkeys(names, "EXAMPLE"), "tower": _namespace(labels, dict.fromkeys(labels, "EXAMPLE"))}
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    for section, name, text in _templates(injectors):
        try:
            environment.from_string(text).render(namespace)
        except TemplateError as error:
            problem = f"{name or section} uses an undefined field ({error})"
            if isinstance(error, TemplateSyntaxError):
                problem = f"Syntax error rendering template for {name} inside of {section} ({error})"
            raise invalid(injectors=problem) from error


def check_credential(store: Store, values: dict[str, Any], item: Item | None) -> None:
    """Refuse inputs that do not fit the type, and put kept secrets back in where ``$encrypted$`` stands: ApiError."""
    if item and item["managed"]:
        raise forbidden_because("Modifications not allowed for managed credentials")
    identity = values.get("credential_type", item["credential_type"] if item else None)
    credential_type = store.get("credential_types", identity)
    if item and identity != item["credential_type"]:
        message = "You cannot change the credential type of the credential, as it may break the functionality of the "
        raise invalid(credential_type=message + "resources using it.")
    if item is None:
        owners = [name for name in ("user", "team", "organization") if values.get(name) is not None]
        if not owners:
            raise ApiError(400, {"detail": ["Missing 'user', 'team', or 'organization'."]})
        if len(owners) > 1:
            listed = ", ".join(sorted(owners))
            raise ApiError(
                400,
                {
                    "detail": [
                        f"Only one of 'user', 'team', or 'organization' should be provided, received {listed} fields."
                    ]
                },
            )
    if credential_type["kind"] == "galaxy" and values.get("organization", item and item["organization"]) is None:
        raise invalid(organization="Galaxy credentials must be owned by an Organization.")
    old = item["inputs"] if item else {}
    inputs = dict(values.get("inputs", old))
    known = {entry["id"]: entry for entry in _fields(credential_type)}
    for name, value in list(inputs.items()):
        if name not in known:
            extra = f"Additional properties are not allowed ('{name}' was unexpected)"
            raise invalid(inputs=extra)
        if value in (None, ""):
            inputs[name] = False if known[name]["type"] == "boolean" else ""
        elif value == ENCRYPTED:
            if name not in old:
                raise invalid(inputs=f"{ENCRYPTED} is a reserved keyword, and cannot be used for {name}.")
            inputs[name] = old[name]
        elif known[name]["type"] == "boolean" and not isinstance(value, bool):
            raise ApiError(400, {"inputs": {name: [f"{value!r} is not of type 'boolean'"]}})
        elif known[name]["type"] == "string" and not isinstance(value, str):
            raise ApiError(400, {"inputs": {name: [f"{value!r} is not of type 'string'"]}})
        elif known[name].get("choices") and value not in known[name]["choices"]:
            raise ApiError(400, {"inputs": {name: [f"{value!r} is not one of {known[name]['choices']}"]}})
    if (
        item
        and credential_type["kind"] == "vault"
        and "vault_id" in inputs
        and inputs["vault_id"] != old.get("vault_id")
    ):
        raise invalid(inputs="Vault IDs cannot be changed once they have been created.")
    if "inputs" in values:
        # An empty secret is no secret: AWX does not keep it.
        secrets = secret_fields(credential_type)
        values["inputs"] = {name: value for name, value in inputs.items() if value != "" or name not in secrets}


def shown_inputs(credential: Item, credential_type: Item) -> dict[str, Any]:
    """Return a credential's inputs as answers show them."""
    secrets = secret_fields(credential_type)
    return {
        name: value if name not in secrets or value in ("", "ASK") else ENCRYPTED
        for name, value in credential["inputs"].items()
    }


def exclusive(credential: Item, credential_type: Item) -> str:
    """Return what two credentials of one job must not share: the type, and with a vault its identifier."""
    vault_id = credential["inputs"].get("vault_id") if credential_type["kind"] == "vault" else None
    return f"{credential_type['name']} (id={vault_id})" if vault_id else str(credential_type["name"])


def passwords_needed(credential: Item, credential_type: Item) -> list[str]:
    """Return which passwords whoever launches must give."""
    inputs = credential["inputs"]
    needed = []
    if credential_type["kind"] == "ssh":
        asked = {"ssh_password": "password", "become_password": "become_password", "ssh_key_unlock": "ssh_key_unlock"}
        needed = [name for name, source in asked.items() if inputs.get(source) == "ASK"]
    if credential_type["kind"] == "vault" and inputs.get("vault_password") == "ASK":
        needed.append(f"vault_password.{inputs['vault_id']}" if inputs.get("vault_id") else "vault_password")
    return needed


@dataclass
class Injected:
    """What credentials add to a job. ``safe_environment`` is what the API may show of ``environment``."""

    environment: dict[str, str] = field(default_factory=dict)
    safe_environment: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)


def _private_file(folder: Path, text: str) -> str:
    handle, path = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    return path


def _controller_environment(inputs: dict[str, Any]) -> dict[str, str]:
    """Return what the built-in type for a controller injects, under its three generations of names."""
    names = {"host": "HOST", "username": "USERNAME", "password": "PASSWORD", "verify_ssl": "VERIFY_SSL"}
    values = {suffix: str(inputs[name]) for name, suffix in names.items() if inputs.get(name) not in (None, "")}
    if inputs.get("oauth_token"):
        values["OAUTH_TOKEN"] = inputs["oauth_token"]
    values.setdefault("VERIFY_SSL", "False")
    return {f"{prefix}_{suffix}": value for prefix in ("TOWER", "CONTROLLER") for suffix, value in values.items()}


def safe_environment(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment with what looks like a secret hidden."""
    hidden = re.compile("API|TOKEN|KEY|SECRET|PASS", re.IGNORECASE)
    with_password = re.compile(r"^.*?://[^:]+:(.*?)@.*?$")

    def shown(name: str, value: str) -> str:
        if name.startswith("ANSIBLE_") and not name.startswith(("ANSIBLE_NET", "ANSIBLE_GALAXY_SERVER")):
            return value
        return HIDDEN if hidden.search(name) or with_password.match(value) else value

    return {name: shown(name, value) for name, value in environment.items()}


def inject(credential: Item, credential_type: Item, folder: Path, into: Injected) -> None:
    """Render a credential's injectors. Files go into ``folder``, the env folder of the job's private data."""
    inputs: dict[str, Any] = credential["inputs"]
    if credential_type["namespace"] == CONTROLLER:
        environment = _controller_environment(inputs)
        into.environment.update(environment)
        into.safe_environment.update(safe_environment(environment))
        return
    injectors = credential_type["injectors"]
    secrets = secret_fields(credential_type)
    namespace: dict[str, Any] = {name: value for name, value in inputs.items() if value != ""}
    for entry in _fields(credential_type):
        if entry["type"] == "boolean":
            namespace.setdefault(entry["id"], False)
        if entry.get("format") == "ssh_private_key" and namespace.get(entry["id"], "\n")[-1:] != "\n":
            namespace[entry["id"]] += "\n"
    sandbox = ImmutableSandboxedEnvironment()
    labels = _file_labels(injectors)
    paths = {
        label: _private_file(folder, sandbox.from_string(text).render(**namespace))
        for label, text in injectors.get("file", {}).items()
    }
    namespace["tower"] = _namespace(labels, paths)
    safe = {name: HIDDEN if name in secrets else value for name, value in namespace.items()}
    for name, text in injectors.get("env", {}).items():
        into.environment[name] = sandbox.from_string(text).render(**namespace)
        into.safe_environment[name] = sandbox.from_string(text).render(**safe)

    def render(node: Any) -> Any:
        if isinstance(node, dict):
            return {render(name): render(value) for name, value in node.items()}
        if isinstance(node, list):
            return [render(value) for value in node]
        return sandbox.from_string(str(node)).render(**namespace)

    if injectors.get("extra_vars"):
        variables = yaml.safe_dump(render(injectors["extra_vars"]))
        into.arguments += ["-e", f"@{_private_file(folder, variables)}"]
