# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Axiom's official Python client against a real local Axiom, every exchange held against Axiom's document."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
from axiom_py import Client
from axiom_py.client import AxiomError
from axiom_py.tokens import (
    CreateTokenRequest,
    RegenerateTokenRequest,
    TokenDatasetCapabilities,
    TokenOrganizationCapabilities,
)

from axiom_emulator.openapi import Document
from axiom_emulator.testing import LocalAxiom

HOUR = timedelta(hours=1)


@pytest.fixture
def client(axiom: LocalAxiom, document: Document | None) -> Iterator[Client]:
    """The client as the management token."""
    made = Client(token=axiom.token, org_id=axiom.org_id, url=axiom.url)
    made.session.trust_env = False
    if document:
        document.watch(made.session)
    yield made
    made.session.close()


def test_datasets(client: Client, axiom: LocalAxiom) -> None:
    made = client.datasets.create("logs", "first", edgeDeployment="cloud.eu-central-1.aws")
    assert (made.id, made.name, made.description) == ("logs", "logs", "first")
    assert made.edgeDeployment == "cloud.eu-central-1.aws"
    assert client.datasets.get("logs") == made
    assert client.datasets.get_list() == [made]
    assert client.datasets.update("logs", "second").description == "second"
    client.datasets.delete("logs")
    assert client.datasets.get_list() == []
    assert {request["user_agent"].partition("/")[0] for request in axiom.requests()} == {"axiom-py"}


def test_errors_reach_the_caller(client: Client) -> None:
    client.datasets.create("logs")
    for status, call in (
        (409, lambda: client.datasets.create("logs")),
        (404, lambda: client.datasets.get("none")),
        (422, lambda: client.datasets.create("not_a_name")),
    ):
        with pytest.raises(AxiomError) as error:
            call()
        assert error.value.status == status
        assert str(error.value).startswith(f"API error {status}: ")


def test_tokens(client: Client, axiom: LocalAxiom) -> None:
    client.datasets.create("logs")
    made = client.tokens.create(
        CreateTokenRequest(
            name="ingest",
            description="d",
            expiresAt="2999-01-01T00:00:00.123456Z",
            datasetCapabilities={"logs": TokenDatasetCapabilities(ingest=["create"])},
            orgCapabilities=TokenOrganizationCapabilities(users=["read"]),
        )
    )
    assert made.token in axiom.secrets()
    assert made.expiresAt == datetime(2999, 1, 1, 0, 0, 0, 123456, UTC)
    assert made.datasetCapabilities == {"logs": TokenDatasetCapabilities(ingest=["create"])}
    assert made.orgCapabilities == TokenOrganizationCapabilities(users=["read"])
    found = client.tokens.get(made.id)
    assert (found.id, found.name, found.description) == (made.id, "ingest", "d")
    assert [token.name for token in client.tokens.list()] == ["local-axiom-management", "ingest"]
    now = datetime.now(UTC)
    wanted = RegenerateTokenRequest(existingTokenExpiresAt=now + HOUR, newTokenExpiresAt=now + 2 * HOUR)
    successor = client.tokens.regenerate(made.id, wanted)
    assert successor.id != made.id
    assert successor.expiresAt == now + 2 * HOUR
    assert client.tokens.get(made.id).expiresAt == now + HOUR
    client.tokens.delete(made.id)
    assert [token.id for token in client.tokens.list() if token.name == "ingest"] == [successor.id]


def test_a_token_with_nothing_asked_for(client: Client) -> None:
    made = client.tokens.create(CreateTokenRequest(name="bare"))
    assert (made.description, made.expiresAt, made.datasetCapabilities) == (None, None, {})


def test_who_am_i(axiom: LocalAxiom, client: Client) -> None:
    assert client.users.current() is None
    personal = Client(token=axiom.personal_token(), url=axiom.url)
    personal.session.trust_env = False
    user = personal.users.current()
    assert user
    assert user.email
    personal.session.close()


def test_its_retries_on_server_errors_can_mint_twice(client: Client, axiom: LocalAxiom) -> None:
    """It retries POST on 5xx, as axiom-go does: the reason why our own client must not."""
    axiom.fault(method="POST", path="/v2/tokens$", action="answer_after", status=503)
    adapter = client.session.get_adapter(axiom.url)
    assert isinstance(adapter, requests.adapters.HTTPAdapter)
    adapter.max_retries.backoff_factor = 0
    client.tokens.create(CreateTokenRequest(name="twice"))
    assert [token.name for token in client.tokens.list()].count("twice") == 2
