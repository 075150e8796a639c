# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The search for secrets that ends every integration test finds what there is to find."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import sweep
from support.options import SECRET
from support.playbook import VAULT_PASSWORD

from axiom_emulator.testing import LocalAxiom

PLACES = {
    "a line of a log": ("ansible.log", f"2026-11-23 p=1 | Bearer {SECRET}\n".encode()),
    "the middle of no text": ("remote-tmp/.ansible/x/y.zip", b"\xff\x00" + SECRET.encode() + b"\x00"),
    "a hidden directory": (".cache/.facts/host", f'{{"token": "{SECRET}"}}'.encode()),
    "the name of a file": (f"junit/{SECRET}.xml", b""),
    "the name of a directory": (f"fact-cache/{SECRET}/host", b""),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_found_wherever_a_run_could_leave_it(tmp_path: Path, place: str) -> None:
    name, content = PLACES[place]
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(content)
    (tmp_path / "harmless").write_text("xaat-********")
    assert str(tmp_path / name) in sweep.leaks(tmp_path, [VAULT_PASSWORD, SECRET])
    assert sweep.leaks(tmp_path, [VAULT_PASSWORD]) == []
    assert sweep.leaks(tmp_path, [SECRET], [f"{tmp_path}/*"]) == []


def test_where_secrets_belong_they_are_no_leak(tmp_path: Path) -> None:
    for name in ("machines/a/etc/claude-code-telemetry/token", "controller/vault-password"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(SECRET)
    assert len(sweep.holders(tmp_path, [SECRET])) == 2
    assert sweep.leaks(tmp_path, [SECRET]) == []


def test_every_secret_of_a_fleet_is_looked_for(axiom: LocalAxiom) -> None:
    minted = axiom.mint(name="ingest", datasetCapabilities={"*": {"ingest": ["create"]}})["token"]
    assert {VAULT_PASSWORD, axiom.token, minted} <= set(sweep.registry(axiom))
    assert sweep.ANY_TOKEN.search(minted)
