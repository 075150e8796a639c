# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client matrix: every release does what clients.yml expects of it, and docs/clients.md says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e import machine as machines
from e2e.client import LISTED
from e2e.conftest import WRITE_TABLES, current_client, tried
from e2e.fleet import Fleet
from e2e.releases import OBSERVATIONS, Releases, expected
from e2e.stub import StubServer
from e2e.tables import DOCS, Document, rendered

README = DOCS.parent / "README.md"


@pytest.fixture(scope="module")
def releases(folder: Path, fleet: Fleet, api: StubServer) -> Releases:
    obstacle = machines.why_not()
    if obstacle:
        pytest.skip(f"no mount namespace to run the client in: {obstacle}")
    return Releases(folder, current_client().parent, fleet, api)


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_a_release_does_what_is_expected(releases: Releases, release: str, name: str) -> None:
    assert releases.seen(name, release) == expected(name, release), (
        f"Claude Code {release}: {OBSERVATIONS[name].says}. If it is to stay like this, clients.yml gets the first"
        " release that does it, `make docs-tables` renews docs/clients.md, and what else it changes is said there."
    )


def test_the_documented_table_is_what_was_measured(
    request: pytest.FixtureRequest, releases: Releases, fleet: Fleet
) -> None:
    """Where nothing is to be written it is compared with what is expected, which the tests above compare with runs."""
    document = Document("clients.md", Path(__file__).name)
    if request.config.getoption(WRITE_TABLES):
        columns = tried(request.config)
        rows = [
            [each.says, *(releases.seen(name, release) for release in columns)] for name, each in OBSERVATIONS.items()
        ]
        document.write([["Claude Code", *columns], *rows])
    columns = document.header()[1:]
    assert columns[:-1] == LISTED
    rows = [[each.says, *(expected(name, release) for release in columns)] for name, each in OBSERVATIONS.items()]
    assert document.table == rendered([["Claude Code", *columns], *rows]), "run `make docs-tables`"


@pytest.mark.parametrize("path", [README, DOCS / "targets.md", DOCS / "clients.md"], ids=lambda path: path.name)
def test_the_documents_name_the_oldest_supported_release(path: Path) -> None:
    assert f"Claude Code {LISTED[0]}" in path.read_text()
