# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users get: the archive that `make build` makes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support import checkout
from tools.build import packed_again

# All else is for those who work on the collection. A trailing slash: with all that is below.
SHIPPED = (
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "changelogs/changelog.yaml",
    "docs/",
    "meta/",
    "playbooks/",
    "plugins/",
    "requirements.txt",
    "roles/",
)
NOT_SHIPPED = ("docs/site/",)
BYTES = 500_000


def listed(names: list[str], places: tuple[str, ...]) -> set[str]:
    return {
        name for name in names for place in places if name == place or (place.endswith("/") and name.startswith(place))
    }


def contents(archive: Path) -> set[str]:
    """Its files, and the directories that hold none."""
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
    files = {member.name for member in members if member.isfile()}
    assert all(member.isfile() or member.isdir() for member in members)
    return files | {
        member.name
        for member in members
        if member.isdir() and not any(name.startswith(f"{member.name}/") for name in files)
    }


def build(source: Path, target: Path, **environment: str) -> Path:
    """The archive, built by a checkout's own tools."""
    command = [sys.executable, source / "tests/tools/build.py", target]
    environment = {**os.environ, "PYTHONPATH": str(source / "tests"), **environment}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(checkout.CHECKOUT, tmp_path_factory.mktemp("built"))


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The same files, at another place, younger, written in another order, and unreadable for others."""
    source = tmp_path / "elsewhere/checkout"
    for name in reversed(checkout.files()):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((checkout.CHECKOUT / name).read_bytes())
        (source / name).chmod((checkout.CHECKOUT / name).stat().st_mode & 0o700)
    subprocess.run(["git", "init", "--quiet", source], check=True)
    return source


def test_it_holds_what_users_need_and_nothing_else(archive: Path) -> None:
    names = checkout.files()
    expected = listed(names, SHIPPED) - listed(names, NOT_SHIPPED)
    assert contents(archive) == expected | {"MANIFEST.json", "FILES.json"}


def test_it_is_small(archive: Path) -> None:
    assert archive.stat().st_size < BYTES


def test_the_same_files_make_the_same_bytes(archive: Path, other: Path, tmp_path: Path) -> None:
    again = build(other, tmp_path, TZ="Asia/Tokyo", SOURCE_DATE_EPOCH="1800000000")
    assert (again.name, again.read_bytes()) == (archive.name, archive.read_bytes())


def test_nothing_depends_on_the_order_of_the_file_system(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as opened:
        members = [(member, opened.extractfile(member)) for member in opened.getmembers()]
        contents = {member.name: (member, content.read() if content else b"") for member, content in members}
    listing = json.loads(contents["FILES.json"][1])
    listing["files"].reverse()
    member, _bytes = contents["FILES.json"]
    contents["FILES.json"] = member, json.dumps(listing).encode()
    with tarfile.open(tmp_path / "reversed.tar.gz", "w:gz") as target:
        for member, content in reversed(contents.values()):
            member.size = len(content)
            target.addfile(member, io.BytesIO(content))
    assert packed_again(tmp_path / "reversed.tar.gz") == archive.read_bytes()


def test_galaxy_finds_nothing_wrong_with_it(archive: Path, tmp_path: Path) -> None:
    """Each file is listed with its checksum: looked at on installation, and by `verify`."""

    def galaxy(*arguments: str) -> str:
        # The collection that the other tests run against is not to be found.
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
        command = ["ansible-galaxy", "collection", *arguments, "--offline"]
        return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout

    assert "installed successfully" in galaxy("install", str(archive))
    assert "internally consistent" in galaxy("verify", "devfleet.axiom")


def test_built_without_make_in_a_checkout_that_was_worked_in_it_holds_the_same(
    archive: Path, other: Path, tmp_path: Path
) -> None:
    """No caches and no virtual environment: `build_ignore` knows all that .gitignore does."""
    for pattern in (other / ".gitignore").read_text().split():
        folder = other if "/" in pattern.rstrip("/") else other / "plugins/modules"
        litter = folder / pattern.strip("/").replace("*", "litter")
        if pattern.endswith("/"):
            litter = litter / "litter"
        litter.parent.mkdir(parents=True, exist_ok=True)
        litter.write_text("")
    command = ["ansible-galaxy", "collection", "build", "--output-path", tmp_path / "by-hand", other]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (by_hand,) = (tmp_path / "by-hand").iterdir()
    assert contents(by_hand) == contents(archive)
