# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages tell people to write and to run: it exists, and is spelt like that."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

COLLECTION = Path(__file__).parents[3]
PAGES = sorted([*COLLECTION.glob("*.md"), *(COLLECTION / "docs").rglob("*.md")])
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(COLLECTION)))
PREFIXES = tuple(f"{role.name}_" for role in (COLLECTION / "roles").iterdir() if role.is_dir())
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(#[^)\s]*)?\)")
VARIABLE = re.compile(rf"\b(?:{'|'.join(PREFIXES)})[a-z0-9_]*\b(?!\*|_\*)")
SHELL = ("console", "sh", "shell", "bash")


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    body: str


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks, without their indentation; indented ones count as commands."""
    text = page.read_text()
    for found in FENCE.finditer(text):
        body = re.sub(rf"^{found['indent']}", "", found["body"], flags=re.MULTILINE)
        yield Block(found["language"], body)
    for found in re.finditer(r"(?<=\n\n)(?: {4}\S.*\n)+", FENCE.sub("", text)):
        yield Block("console", re.sub(r"^ {4}", "", found[0], flags=re.MULTILINE))


def commands(page: Path) -> list[list[str]]:
    """Every command line of a page, as words."""
    lines = []
    for block in blocks(page):
        if block.language in SHELL:
            text = re.sub(r"\\\n\s*", " ", block.body)
            lines += [line.removeprefix("$ ") for line in text.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if "'" not in line or line.count("'") % 2 == 0]


def known_variables() -> set[str]:
    """All that playbooks and roles take: options, defaults, and what playbooks themselves ask for."""
    found = set()
    for path in [*COLLECTION.glob("roles/*/meta/argument_specs.yml"), *COLLECTION.glob("roles/*/defaults/main.yml")]:
        found |= set(VARIABLE.findall(path.read_text()))
    for path in COLLECTION.glob("playbooks/*.yml"):
        found |= set(VARIABLE.findall(path.read_text()))
    for path in COLLECTION.glob("roles/*/tasks/*.yml"):
        found |= set(VARIABLE.findall(path.read_text()))
    return found


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in LINK.findall(FENCE.sub("", page.read_text())):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if anchor and target.suffix == ".md":
            assert anchor[1:] in anchors(target), f"{path}{anchor}"


@each_page
def test_variables_exist(page: Path) -> None:
    known = known_variables()
    written = set(VARIABLE.findall(page.read_text()))
    assert sorted(name for name in written if name not in known and not name.endswith("_")) == []


@each_page
def test_playbooks_targets_and_plugins_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (COLLECTION / "Makefile").read_text(), re.MULTILINE))
    playbooks = {path.stem for path in COLLECTION.glob("playbooks/*.yml")}
    plugins = {path.stem for path in COLLECTION.glob("plugins/*/*.py")} | {
        path.name for path in (COLLECTION / "roles").iterdir()
    }
    for words in commands(page):
        if words[:1] == ["make"]:
            named = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
            assert set(named) <= targets, words
        for word in words:
            if word.startswith("devfleet.axiom."):
                known = playbooks if words[0].startswith("ansible-playbook") or "ansible-playbook" in words else plugins
                assert word.removeprefix("devfleet.axiom.") in known | (plugins if known is playbooks else set()), words
    for name in re.findall(r"`devfleet\.axiom\.([a-z_]+)`", page.read_text()):
        assert name in playbooks | plugins, name
    for name in re.findall(r"`make ([a-z-]+)`", page.read_text()):
        assert name in targets, name


@each_page
def test_yaml_can_be_read_and_modules_exist(page: Path) -> None:
    modules = {path.stem for path in COLLECTION.glob("plugins/modules/*.py")} | {
        path.name for path in (COLLECTION / "roles").iterdir()
    }
    for block in blocks(page):
        if block.language in ("yaml", "yml"):
            for document in yaml.load_all(block.body, Loader=Reader):
                for name in keys(document):
                    if name.startswith("devfleet.axiom."):
                        assert name.removeprefix("devfleet.axiom.") in modules, name


class Reader(yaml.SafeLoader):
    """Takes Ansible's own tags as they are."""


Reader.add_multi_constructor("!", lambda loader, suffix, node: None)


def keys(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield str(key)
            yield from keys(value)
    elif isinstance(document, list):
        for item in document:
            yield from keys(item)
