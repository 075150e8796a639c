# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages tell people to write and to run: it exists, is spelt like that, and would be accepted."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.cli.galaxy import GalaxyCLI
from ansible.cli.playbook import PlaybookCLI
from ansible.config.manager import ConfigManager
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from support.checkout import CHECKOUT
from support.pages import FOLLOWED, PAGES, Block, blocks, lines, name_of, text_of

each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)
PREFIXES = tuple(f"{role.name}_" for role in (CHECKOUT / "roles").iterdir() if role.is_dir())
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(#[^)\s]*)?\)")
REPOSITORY = "https://github.com/devfleet/ansible-collection-axiom"
VARIABLE = re.compile(rf"\b(?:{'|'.join(PREFIXES)})[a-z0-9_]*\b(?!\*|_\*)")
# What a block can be: commands, something declared or a play, what is only looked at, and what Sphinx reads.
LANGUAGES = ("console", "yaml", "text", "{toctree}")
# Pages with commands that tests/integration/test_pages.py does not follow, and what does.
FOLLOWED_ELSEWHERE = {
    "docs/awx.md": "tests/awx, with the repository of docs/examples/awx and a controller",
    "docs/start.md": "tests/integration/test_demo.py",
    "docs/teams.md": "tests/integration/test_teams.py",
}
# Programs of others, whose options are not checked here.
OF_OTHERS = ("ansible-builder", "git", "install", "podman", "python3", "systemctl")
# Variables that are no option of a role or of Ansible, and what reads them.
ENVIRONMENT = {
    "AXIOM_TOKEN": "the connection options of the modules",
    "AWX_WRITER_PASSWORD": "awx_schedule_writer_password",
    "CONTROLLER_HOST": "the modules of awx.awx",
    "CONTROLLER_OAUTH_TOKEN": "the modules of awx.awx",
    "PATH": "the shell",
}


def commands(page: Path) -> Iterator[str]:
    """Every command of a page, one program each."""
    for block in blocks(page):
        if block.language == "console":
            for line in lines(block):
                yield from line.split(" && ")


def inline_commands(page: Path) -> list[str]:
    """The commands in the text, and in the remarks above playbooks."""
    found = re.findall(r"`((?:ansible-playbook|ansible-galaxy|ansible-doc|make) [^`]+)`", text_of(page))
    # With `...` something was left out.
    return [command.replace("\n", " ") for command in found if "..." not in command]


def known_variables() -> set[str]:
    """All that playbooks and roles take: options, defaults, and what playbooks themselves ask for."""
    found = set()
    for place in (
        "roles/*/meta/argument_specs.yml",
        "roles/*/defaults/*.yml",
        "roles/*/tasks/*.yml",
        "playbooks/*.yml",
    ):
        for path in CHECKOUT.glob(place):
            found |= set(VARIABLE.findall(path.read_text()))
    return found


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in LINK.findall(text_of(page)):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if anchor and target.suffix == ".md":
            assert anchor[1:] in anchors(target), f"{path}{anchor}"
    for path in re.findall(rf"{REPOSITORY}/(?:tree|blob)/main/([^)\s#]*)", page.read_text()):
        assert (CHECKOUT / path).exists(), path


@each_page
def test_variables_exist(page: Path) -> None:
    known = known_variables()
    written = set(VARIABLE.findall(page.read_text()))
    assert sorted(name for name in written if name not in known and not name.endswith("_")) == []


@each_page
def test_blocks_are_of_a_known_kind(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, block
        # What can be run or declared must not hide among drawings.
        if block.language == "text":
            assert not re.search(r"^(ansible|make|export|pip) |^\w+: \{", block.body, re.MULTILINE), block
    # A block by indentation says nothing about its kind.
    assert re.findall(r"(?<=\n\n) {4}(?![-*] |\d+\. )\S.*", text_of(page)) == []


@each_page
def test_commands_are_run_by_a_test(page: Path) -> None:
    if any(block.language == "console" for block in blocks(page)):
        assert name_of(page) in (*FOLLOWED, *FOLLOWED_ELSEWHERE)


@each_page
def test_commands_would_be_accepted(page: Path) -> None:
    for command in [*commands(page), *inline_commands(page)]:
        _check(shlex.split(re.sub(r"\$\([^)]*\)", "SUBSTITUTED", command)), page)


@pytest.mark.parametrize("playbook", sorted(CHECKOUT.glob("playbooks/*.yml")), ids=lambda path: path.stem)
def test_commands_above_playbooks_would_be_accepted(playbook: Path) -> None:
    for command in re.findall(r"^#   (ansible-playbook .*)$", playbook.read_text(), re.MULTILINE):
        _check(shlex.split(command, comments=True), playbook)


def _check(words: list[str], page: Path) -> None:
    program, arguments = Path(words[0]).name, words[1:]
    if program == "ansible-playbook":
        _check_run(words, page)
    elif program == "ansible-galaxy":
        options = _parsed(GalaxyCLI, words)
        named = [name.partition(":")[0] for name in options["args"]]
        assert set(named) <= {"devfleet.axiom", "awx.awx"}, words
    elif program == "ansible-doc":
        assert set(arguments) <= {f"devfleet.axiom.{name}" for name in _plugins()}, words
    elif program == "make":
        targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
        assert {word for word in arguments if "=" not in word and not word.startswith("-")} <= targets, words
    elif program == "pip":
        assert arguments[0] == "install"
        needed = set(re.findall(r"^[\w-]+", (CHECKOUT / "requirements.txt").read_text(), re.MULTILINE))
        assert set(arguments[1:]) in (needed, {"ansible-core>=2.18"}, {"ansible-builder"}), words
    elif program == "export":
        ansible = {entry["name"] for setting in _settings() for entry in setting.get("env", ())}
        assert {word.partition("=")[0] for word in arguments} <= {*ENVIRONMENT, *ansible}, words
    else:
        assert program in OF_OTHERS, f"{words}: neither checked nor one of others' programs"


def _check_run(words: list[str], page: Path) -> None:
    options = _parsed(PlaybookCLI, words)
    known = known_variables()
    for playbook in options["args"]:
        name = playbook.removeprefix("devfleet.axiom.")
        if name == playbook:
            examples = {path.name for path in CHECKOUT.glob("docs/examples/**/*.yml")}
            assert name in examples, words
        else:
            assert (CHECKOUT / f"playbooks/{name}.yml").exists(), words
            written = (CHECKOUT / f"playbooks/{name}.yml").read_text()
            assert set(options["tags"]) <= set(re.findall(r"\w+", written)) | {"all"}, words
    for given in options["extra_vars"]:
        if not given.startswith("@"):
            names = yaml.safe_load(given) if given.startswith("{") else [given.partition("=")[0]]
            assert set(names) <= known, words


def _parsed(cli: Any, words: list[str]) -> dict[str, Any]:
    """The options as the program itself reads them; it exits where it would refuse."""
    program = cli(words)
    program.init_parser()
    return vars(program.parser.parse_args(words[1:]))


def _settings() -> list[dict[str, Any]]:
    return list(ConfigManager().get_configuration_definitions().values())


def _plugins() -> set[str]:
    roles = {path.name for path in (CHECKOUT / "roles").iterdir()}
    return {path.stem for path in CHECKOUT.glob("plugins/*/*.py")} | roles


@each_page
def test_what_is_named_in_the_text_exists(page: Path) -> None:
    playbooks = {path.stem for path in CHECKOUT.glob("playbooks/*.yml")}
    for name in re.findall(r"`devfleet\.axiom\.([a-z_]+)`", page.read_text()):
        assert name in playbooks | _plugins(), name


@each_page
def test_what_is_to_be_declared_is_valid(page: Path) -> None:
    for block in blocks(page):
        if block.language == "yaml":
            written = yaml.safe_load(block.body)
            if isinstance(written, dict) and set(written) <= known_variables():
                _validate(written)
            elif isinstance(written, dict):
                assert page.stem == "stores", f"{block}: neither variables nor the type of a credential"
                assert set(written) == {"name", "kind", "inputs", "injectors"}
            else:
                for task in written:
                    _check_task(task, block)


def _validate(variables: dict[str, Any]) -> None:
    """By the same specifications as the roles, in the way in which ansible-core does it."""
    for path in CHECKOUT.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            ours = {name: value for name, value in variables.items() if name in entry["options"]}
            validator = ArgumentSpecValidator({name: entry["options"][name] for name in ours})
            assert validator.validate(ours).error_messages == [], variables


def _check_task(task: dict[str, Any], block: Block) -> None:
    """A task with a module of ours, or a play with roles of ours."""
    modules = [name for name in task if name.startswith("devfleet.axiom.")]
    for role in task.get("roles", []):
        name = role if isinstance(role, str) else role["role"]
        assert (CHECKOUT / "roles" / name.removeprefix("devfleet.axiom.")).is_dir(), block
        _validate({} if isinstance(role, str) else role.get("vars", {}))
    assert modules or "roles" in task, f"{block}: neither a task nor a play"
    for name in modules:
        found = importlib.import_module(f"ansible_collections.devfleet.axiom.plugins.modules.{name.rpartition('.')[2]}")
        options = yaml.safe_load(found.DOCUMENTATION)["options"]
        assert set(task[name] or {}) <= set(options), block
