# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rotations that are interrupted anywhere: the next run heals, or says in one line what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.playbook import Run
from support.rollout import TOKEN, Rollout

from axiom_emulator.testing import LocalAxiom

INTERRUPT = Path(__file__).parents[1] / "support/interrupt"
BEGIN = ("-e", "axiom_workspace_rotation=begin")


@pytest.fixture
def fleet(open_path: Path, axiom: LocalAxiom) -> Rollout:
    """A token in a store, and one machine that is not there yet."""
    return Rollout(open_path, axiom, ["a"]).after("provision")


def begin(fleet: Rollout, **environment: str) -> Run:
    """Mint and store: the part of a rotation that can lose a secret. What there is not yet is created."""
    return fleet.play("provision", *BEGIN, **environment)


def interrupted(fleet: Rollout, how: str) -> Run:
    return begin(fleet, PYTHONPATH=f"{INTERRUPT}:{os.environ['PYTHONPATH']}", INTERRUPT=how)


def regenerations(fleet: Rollout) -> int:
    return sum(entry["path"].endswith("/regenerate") for entry in fleet.axiom.requests())


def usable(fleet: Rollout) -> dict[str, Any]:
    """The record, after making sure that its secrets work and that no other token is alive."""
    record = fleet.record()
    assert fleet.secret_works(record["secret"])
    ids = {record["id"]}
    if record["previous_secret"]:
        assert fleet.secret_works(record["previous_secret"])
        ids.add(record["previous_id"])
    assert {token["id"] for token in fleet.tokens()} == ids
    return record


def one_line(run: Run, says: str) -> None:
    assert run.status == 2, run.output
    assert says in run.messages()
    assert "\n" not in run.messages()


def settled(fleet: Rollout, count: int, path: str = "/regenerate") -> None:
    """Wait for a request that the server carries out after the run has given up."""
    for _attempt in range(200):
        posts = [entry["path"] for entry in fleet.axiom.requests() if entry["method"] == "POST"]
        if sum(post.endswith(path) for post in posts) >= count:
            return
        time.sleep(0.05)
    raise AssertionError("the delayed request was never carried out")


@pytest.mark.parametrize(
    "fault", [{"action": "drop_after"}, {"action": "answer_after", "status": 500}, {"action": "delay", "delay": 4}]
)
def test_a_lost_answer_to_regenerating_is_healed_by_the_next_run(fleet: Rollout, fault: dict[str, Any]) -> None:
    old = fleet.record()["secret"]
    fleet.axiom.fault(method="POST", path="/regenerate$", **fault)
    one_line(begin(fleet), "/regenerate was carried out is unknown")
    settled(fleet, 1)
    assert fleet.record()["secret"] == old
    assert fleet.secret_works(old)
    assert len(fleet.tokens()) == 2
    # Not only a rotation: whatever run comes next.
    healed = fleet.play("provision")
    assert healed.status == 0, healed.output
    record = usable(fleet)
    assert record["previous_secret"] == old
    assert record["secret"] not in (old, None)
    assert regenerations(fleet) == 2
    assert fleet.play("provision").changed() == set()


def test_a_connection_torn_before_anything_was_done_is_tried_again_by_the_next_run(fleet: Rollout) -> None:
    fleet.axiom.fault(method="POST", path="/regenerate$", action="drop")
    one_line(begin(fleet), "/regenerate was carried out is unknown")
    assert len(fleet.tokens()) == 1
    assert fleet.play("provision").status == 0
    assert begin(fleet).status == 0
    assert usable(fleet)["previous_secret"] is not None


def test_a_rate_limit_is_waited_for(fleet: Rollout) -> None:
    fleet.axiom.fault(method="POST", path="/regenerate$", status=429, body={"message": "slow down"}, reset_in=1)
    assert begin(fleet).status == 0
    assert usable(fleet)["previous_secret"] is not None


def test_a_refusal_says_which_capability_is_missing(fleet: Rollout) -> None:
    fleet.axiom.fault(method="POST", path="/regenerate$", status=403, body={"message": "forbidden"})
    one_line(begin(fleet), "needs the org capability apiTokens: [update]")
    assert begin(fleet).status == 0
    usable(fleet)


def test_a_lost_answer_while_revoking_is_healed_by_revoking_again(fleet: Rollout) -> None:
    leaked = fleet.record()["secret"]
    fleet.axiom.fault(method="POST", path="/v2/tokens$", action="drop_after")
    revoke = ("provision", "-e", "axiom_workspace_rotation=revoke", "-e", f"axiom_workspace_rotation_tokens={TOKEN}")
    one_line(fleet.play(*revoke), "POST /tokens was carried out is unknown")
    assert not fleet.secret_works(leaked)
    healed = fleet.play(*revoke)
    assert healed.status == 0, healed.output
    assert usable(fleet)["secret"] != leaked


@pytest.fixture
def bare(open_path: Path, axiom: LocalAxiom) -> Rollout:
    """Nothing in Axiom, and no store."""
    return Rollout(open_path, axiom, ["a"])


@pytest.mark.parametrize(
    "fault", [{"action": "drop_after"}, {"action": "answer_after", "status": 500}, {"action": "delay", "delay": 4}]
)
def test_a_lost_answer_to_the_very_first_creation_is_healed_by_the_next_run(
    bare: Rollout, fault: dict[str, Any]
) -> None:
    bare.axiom.fault(method="POST", path="/v2/tokens$", **fault)
    one_line(bare.play("provision"), "POST /tokens was carried out is unknown")
    settled(bare, 1, "/v2/tokens")
    (useless,) = bare.tokens()
    assert bare.record()["secret"] is None
    early = bare.play("enforce")
    assert "the store holds no token" in early.messages()
    predicted = bare.play("provision", "--check")
    assert predicted.status == 0, predicted.output
    assert [token["id"] for token in bare.tokens()] == [useless["id"]]
    healed = bare.play("provision")
    assert healed.status == 0, healed.output
    assert usable(bare)["id"] != useless["id"]
    assert bare.play("provision").changed() == set()


def test_a_token_that_somebody_else_made_is_not_taken_for_a_lost_one(bare: Rollout) -> None:
    bare.axiom.fault(method="POST", path="/v2/tokens$", action="drop")
    one_line(bare.play("provision"), "POST /tokens was carried out is unknown")
    capabilities = {name: {"ingest": ["create"]} for name in ("claude-code-logs", "claude-code-metrics")}
    theirs = bare.api("tokens", {"name": TOKEN, "datasetCapabilities": capabilities})
    one_line(bare.play("provision"), "its secret is not in the store")
    assert [token["id"] for token in bare.tokens()] == [theirs["id"]]


@pytest.mark.parametrize("step", ["before:1", "after:1", "before:2", "after:2"])
def test_a_first_run_killed_around_minting_is_healed_by_the_next(bare: Rollout, step: str) -> None:
    killed = interrupted(bare, step)
    assert killed.status == -9, killed.output
    assert len(bare.tokens()) == (0 if step.endswith("1") else 1)
    healed = bare.play("provision")
    assert healed.status == 0, healed.output
    usable(bare)
    assert bare.play("provision").changed() == set()


@pytest.mark.parametrize("step", ["before:1", "after:1", "before:2", "after:2"])
def test_a_run_killed_around_minting_is_healed_by_the_next(fleet: Rollout, step: str) -> None:
    """The first write announces the regeneration, the second keeps its secret; between them a token is minted."""
    old = fleet.record()["secret"]
    killed = interrupted(fleet, step)
    assert killed.status == -9, killed.output
    assert fleet.secret_works(old)
    assert regenerations(fleet) == (0 if step.endswith("1") else 1)
    assert len(fleet.tokens()) == (1 if step.endswith("1") else 2)
    healed = begin(fleet)
    assert healed.status == 0, healed.output
    record = usable(fleet)
    assert record["previous_secret"] == old
    assert regenerations(fleet) == (2 if step == "before:2" else 1)


def test_a_disk_that_fills_after_minting_takes_the_token_back_and_the_next_run_mints_in_time(fleet: Rollout) -> None:
    old = fleet.record()["secret"]
    run = interrupted(fleet, "full:2")
    one_line(run, "No space left on device")
    assert "was deleted again because its secret could not be kept" in run.messages()
    assert "The one before it works until" in run.messages()
    (left,) = fleet.tokens()
    assert left["expiresAt"] in run.messages()
    assert fleet.secret_works(old)
    # Not even a token that is never to be rotated may end with nothing in its place.
    assert fleet.play("provision").status == 0
    assert usable(fleet)["previous_secret"] == old


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_mints_nothing(open_path: Path, axiom: LocalAxiom, small_disk: Path) -> None:
    fleet = Rollout(open_path, axiom, ["a"])
    fleet.store = small_disk / "axiom.yml"
    fleet.declare(axiom_workspace_store={"type": "vault_file", "path": str(fleet.store)})
    assert fleet.play("provision").status == 0
    before = usable(fleet)
    with pytest.raises(OSError, match="No space"):
        (small_disk / "filler").write_bytes(b"x" * 65536)
    one_line(begin(fleet), "No space left on device")
    assert regenerations(fleet) == 0
    assert usable(fleet) == before
    (small_disk / "filler").unlink()
    assert begin(fleet).status == 0
    assert usable(fleet)["previous_secret"] == before["secret"]


def test_a_wrong_vault_password_asks_axiom_for_nothing(fleet: Rollout) -> None:
    other = fleet.root / "other-password"
    other.write_text("not the one\n")
    fleet.axiom.clear_requests()
    one_line(begin(fleet, ANSIBLE_VAULT_PASSWORD_FILE=str(other)), "the vault password is not the one")
    assert fleet.axiom.requests() == []


@pytest.mark.parametrize("offset", [-600, 600])
def test_clocks_ten_minutes_apart_cost_nothing(fleet: Rollout, offset: int) -> None:
    fleet.declare(token={"rotate": "always", "expires_after": "30d", "overlap": "1h"})
    fleet.axiom.settings(clock_offset_seconds=offset)
    assert fleet.play("provision").status == 0
    assert usable(fleet)["previous_secret"] is not None
    assert fleet.play("provision").changed() == set()


def test_controllers_with_one_store_mint_once(fleet: Rollout) -> None:
    environment = {**fleet.controller.environment, "RECORD_FILE": os.devnull}
    command = [*fleet.controller.command("devfleet.axiom.provision"), *BEGIN]
    runs = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _attempt in range(3)
    ]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], outputs
    fleet.no_secret_in(*outputs)
    assert regenerations(fleet) == 1
    usable(fleet)


def test_a_controller_with_a_store_of_its_own_stops_and_names_the_token_it_does_not_know(fleet: Rollout) -> None:
    copy = fleet.root / "other-store.yml"
    shutil.copy(fleet.store, copy)
    assert begin(fleet).status == 0
    record = usable(fleet)
    fleet.declare(axiom_workspace_store={"type": "vault_file", "path": str(copy)})
    one_line(begin(fleet), f"Not known here: {record['id']}. Delete those that nobody uses")
    assert regenerations(fleet) == 1
    fleet.declare()
    assert usable(fleet) == record


def test_a_run_killed_mid_fleet_goes_on_where_it_was(open_path: Path, axiom: LocalAxiom) -> None:
    fleet = Rollout(open_path, axiom, ["a", "b"]).after("provision", "enforce")
    old = fleet.record()["secret"]
    # The first machine has its new secret when its probe is held up.
    fleet.axiom.fault(role="edge", path="/v1/", action="delay", delay=8, times=None)
    command = fleet.controller.command("devfleet.axiom.rotate")
    run = subprocess.Popen(
        [*command, "-e", "claude_code_telemetry_serial=1"],
        env=fleet.controller.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _attempt in range(600):
        if fleet.installed()["a"] != old:
            break
        time.sleep(0.05)
    run.kill()
    run.wait()
    axiom.clear_faults()
    record = usable(fleet)
    assert fleet.installed() == {"a": record["secret"], "b": old}
    again = fleet.play("rotate")
    assert again.status == 0, again.output
    assert set(fleet.installed().values()) == {record["secret"]}
    assert regenerations(fleet) == 1
    assert usable(fleet)["previous_secret"] is None
