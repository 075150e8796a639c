# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make release`, in a copy of this checkout: all or nothing, and the last word is a human's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from support import checkout

VERSION = "999.1.0"
FRAGMENT = "---\nbugfixes:\n  - dataset - what was wrong is right.\n"


class Release:
    """A checkout in a state from which a release can be made, and what became of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        checkout.copy(root)
        (root / "changelogs/fragments").mkdir(exist_ok=True)
        (root / "changelogs/fragments/one.yml").write_text(FRAGMENT)
        # These two have tests of their own, and the importer is slow.
        self.importer("exit 0")
        (root / "tests/unit/collection/test_artifact.py").write_text("def test_nothing() -> None: ...\n")
        self.git("init", "--quiet")
        self.commit()

    def importer(self, verdict: str) -> None:
        (self.root / "tests/tools/importer.sh").write_text(f"#!/bin/sh\n{verdict}\n")

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", self.root, "-c", "user.name=T", "-c", "user.email=t@example.com", *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "All of it")

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The version is the last argument."""
        return subprocess.run(
            [self.root / "tests/tools/release.sh", *arguments[:-1], self.root / ".build", arguments[-1]],
            env={**os.environ, "PYTHONPATH": str(self.root / "tests")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def changed(self) -> list[str]:
        return [line[3:] for line in self.git("status", "--porcelain").splitlines()]


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release(tmp_path / "checkout")


def test_a_dry_run_shows_all_of_it_and_changes_nothing(release: Release) -> None:
    shown = release.make("--check", VERSION)
    assert shown.returncode == 0, shown.stdout
    assert f"+version: {VERSION}" in shown.stdout
    assert "what was wrong is right" in shown.stdout
    assert f"devfleet-axiom-{VERSION}.tar.gz" in shown.stdout
    assert release.changed() == []


def test_a_failed_check_changes_nothing(release: Release) -> None:
    release.importer("exit 1")
    release.commit()
    assert release.make(VERSION).returncode != 0
    assert release.changed() == []


def test_a_release_is_prepared_and_left_to_be_committed(release: Release) -> None:
    fragments = {f"changelogs/fragments/{path.name}" for path in (release.root / "changelogs/fragments").iterdir()}
    before = release.git("rev-parse", "HEAD")
    done = release.make(VERSION)
    assert done.returncode == 0, done.stdout
    written = {"CHANGELOG.md", "changelogs/changelog.yaml", "galaxy.yml", "plugins/module_utils/axiom_client.py"}
    assert set(release.changed()) == written | fragments
    changelog = yaml.safe_load((release.root / "changelogs/changelog.yaml").read_text())
    assert "dataset - what was wrong is right." in changelog["releases"][VERSION]["changes"]["bugfixes"]
    assert (release.root / f".build/release/devfleet-axiom-{VERSION}.tar.gz").exists()
    assert (release.git("rev-parse", "HEAD"), release.git("tag")) == (before, "")
    release.commit()
    again = release.make(VERSION)
    assert (again.returncode, "already" in again.stdout) == (1, True)


@pytest.mark.parametrize("version", ["", "1.0", "v1.0.0", "1.0.0-beta.1"])
def test_a_version_is_three_numbers(release: Release, version: str) -> None:
    refused = release.make(version)
    assert (refused.returncode, "VERSION=1.2.3" in refused.stdout) == (1, True)


def test_what_is_not_committed_is_not_released(release: Release) -> None:
    (release.root / "plugins/modules/mine.py").write_text("")
    refused = release.make(VERSION)
    assert (refused.returncode, "not committed" in refused.stdout) == (1, True)


def test_without_fragments_there_is_nothing_to_release(release: Release) -> None:
    for fragment in (release.root / "changelogs/fragments").iterdir():
        fragment.unlink()
    release.commit()
    refused = release.make(VERSION)
    assert (refused.returncode, "nothing to release" in refused.stdout) == (1, True)
