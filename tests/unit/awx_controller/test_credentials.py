# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential types and credentials: what is refused, what is hidden, what is injected."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from awx_controller.credentials import Injected, inject, safe_environment

INPUTS = {
    "fields": [
        {"id": "token", "type": "string", "label": "Token", "secret": True},
        {"id": "dataset", "type": "string", "label": "Dataset"},
        {"id": "strict", "type": "boolean", "label": "Strict"},
    ]
}
INJECTORS = {
    "env": {"INGEST": "{{ token }} {{ dataset }}", "FILE": "{{ tower.filename.record }}", "STRICT": "{{ strict }}"},
    "file": {"template.record": "{{ token }}!", "template.other": "{{ missing }}|"},
    "extra_vars": {"ingest": {"dataset": "{{ dataset }}", "raw": ["{{ '{{' }} token {{ '}}' }}"]}},
}


def kept(api: Any, **inputs: Any) -> Any:
    """A credential of a type of our own."""
    injectors = {**INJECTORS, "file": {"template.record": "{{ token }}!"}}
    made = api.make("credential_types", "Ingest", kind="cloud", inputs=INPUTS, injectors=injectors)
    return api.make("credentials", "Ingest", organization=1, credential_type=made["id"], inputs=inputs)


def test_secrets_are_not_shown_and_stay(api: Any) -> None:
    made = kept(api, token="one", dataset="logs")
    assert made["inputs"] == {"token": "$encrypted$", "dataset": "logs"}
    assert (made["kind"], made["cloud"]) == (None, True)
    body = {"inputs": {"token": "$encrypted$", "dataset": "metrics"}}
    assert api.ok("PATCH", made["url"], body)["inputs"] == {"token": "$encrypted$", "dataset": "metrics"}
    [item] = api.whole.store.where("credentials", name="Ingest")
    assert item["inputs"] == {"token": "one", "dataset": "metrics"}
    api.ok("PATCH", made["url"], {"inputs": {"dataset": "metrics"}})
    assert item["inputs"] == {"dataset": "metrics"}, "what is not sent is gone: inputs are replaced as a whole"


def test_an_empty_secret_is_not_kept(api: Any) -> None:
    assert kept(api, token="", dataset="")["inputs"] == {"dataset": ""}


@pytest.mark.parametrize(
    ("inputs", "refusal"),
    [
        ({"nonsense": "1"}, {"inputs": ["Additional properties are not allowed ('nonsense' was unexpected)"]}),
        ({"token": 7}, {"inputs": {"token": ["7 is not of type 'string'"]}}),
        ({"strict": "yes"}, {"inputs": {"strict": ["'yes' is not of type 'boolean'"]}}),
        (
            {"token": "$encrypted$"},
            {"inputs": ["$encrypted$ is a reserved keyword, and cannot be used for token."]},
        ),
    ],
)
def test_inputs_that_do_not_fit(api: Any, inputs: dict[str, Any], refusal: Any) -> None:
    made = kept(api)
    body = {"name": "x", "organization": 1, "credential_type": made["credential_type"], "inputs": inputs}
    assert api.refused(400, "POST", "credentials/", body) == refusal


def test_a_credential_has_one_owner(api: Any) -> None:
    machine = api.ok("GET", "credential_types/?name=Machine")["results"][0]["id"]
    body = {"name": "x", "credential_type": machine}
    assert api.refused(400, "POST", "credentials/", body) == {"detail": ["Missing 'user', 'team', or 'organization'."]}
    assert (
        "Only one of" in api.refused(400, "POST", "credentials/", {**body, "user": 1, "organization": 1})["detail"][0]
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "ssh"}, "Must be 'cloud' or 'net', not ssh"),
        ({"injectors": {"env": {"ANSIBLE_FORKS": "1"}}}, "may affect Ansible configuration"),
        ({"injectors": {"env": {"PATH": "1"}}}, "not allowed to be used in credentials"),
        ({"injectors": {"env": {"X": "{{ nonsense }}"}}}, "uses an undefined field"),
        ({"injectors": {"env": {"X": "{{ tower.filename }}"}}}, "uses an undefined field"),
        ({"injectors": {"file": {"template": "a", "template.b": "b"}}}, "multi-file syntax"),
        ({"injectors": {"environment": {}}}, "Additional properties"),
        ({"inputs": {"fields": [{"id": "a"}]}}, "'label' is a required property"),
        ({"inputs": {"fields": [{"id": "a", "label": "A", "ask_at_runtime": True}]}}, "not supported for custom"),
    ],
)
def test_types_that_awx_refuses(api: Any, change: dict[str, Any], words: str) -> None:
    body = {"name": "Ingest", "kind": "cloud", "inputs": INPUTS, "injectors": {}, **change}
    assert words in str(api.refused(400, "POST", "credential_types/", body))


def test_a_type_in_use_keeps_its_inputs(api: Any) -> None:
    made = kept(api)
    url = f"credential_types/{made['credential_type']}/"
    api.ok("PATCH", url, {"inputs": INPUTS, "injectors": {"env": {"OTHER": "{{ token }}"}}})
    assert "in use" in api.refused(403, "PATCH", url, {"inputs": {"fields": []}})["detail"]
    managed = api.ok("GET", "credential_types/?name=Vault")["results"][0]
    assert "managed" in api.refused(403, "PATCH", managed["url"], {"name": "Mine"})["detail"]


def test_injectors_are_rendered(api: Any, tmp_path: Path) -> None:
    kept(api, token="sécret", dataset="logs")
    [credential] = api.whole.store.where("credentials", name="Ingest")
    kind = api.whole.store.get("credential_types", credential["credential_type"])
    folder = tmp_path / "env"
    folder.mkdir()
    into = Injected()
    inject(credential, kind, folder, into)
    assert into.environment["INGEST"] == "sécret logs"
    assert into.environment["STRICT"] == "False"
    record = Path(into.environment["FILE"])
    assert record.parent == folder
    assert record.read_text() == "sécret!"
    assert stat.S_IMODE(os.stat(record).st_mode) == 0o600
    assert into.safe_environment == {"INGEST": "********** logs", "FILE": str(record), "STRICT": "False"}
    option, file = into.arguments
    assert option == "-e"
    assert yaml.safe_load(Path(file.removeprefix("@")).read_text()) == {
        "ingest": {"dataset": "logs", "raw": ["{{ token }}"]}
    }


def test_what_looks_like_a_secret_is_hidden() -> None:
    shown = safe_environment({"MY_TOKEN": "x", "URL": "https://u:p@h/", "ANSIBLE_TOKEN": "kept", "HOME": "/h"})
    assert shown == {"MY_TOKEN": "**********", "URL": "**********", "ANSIBLE_TOKEN": "kept", "HOME": "/h"}


def test_two_of_a_kind_do_not_fit_one_template(api: Any, fleet: Any) -> None:
    first = kept(api)
    values = {"organization": 1, "credential_type": first["credential_type"]}
    second = api.make("credentials", "Second", **values)
    path = f"job_templates/{fleet.template}/credentials/"
    api.ok("POST", path, {"id": first["id"]})
    assert api.refused(400, "POST", path, {"id": second["id"]}) == {
        "error": "Cannot assign multiple Ingest credentials."
    }
    vault = api.ok("GET", "credential_types/?name=Vault")["results"][0]["id"]
    for name in ("one", "two"):
        inputs = {"vault_password": "x", "vault_id": name}
        made = api.make("credentials", name, organization=1, credential_type=vault, inputs=inputs)
        api.ok("POST", path, {"id": made["id"]})
