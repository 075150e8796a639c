# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Editing JSON as text: everything foreign stays byte for byte, and removal is exact."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.devfleet.axiom.plugins.module_utils import settings_json

WANTED = {"OTEL_A": "1", "OTEL_B": 'say "é"'}
REPOSITORY = Path(__file__).resolve().parents[4]
SCHEMA = Path(os.environ.get("CLAUDE_SETTINGS_DIR", REPOSITORY.parent / "shared/reference/claude-settings-schema"))

DOCUMENTS = [
    "",
    "  \n",
    "{}",
    "{}\n",
    "{ \n }",
    "\ufeff{}",
    '{"a":1}',
    '{"a": 1, "env": {}}',
    '{\n  "env": { }\n}\n',
    '{\n\t"x": [1,\n2],\n\t"env": {\n\t\t"Z": "1"\n\t}\n}',
    '{"env":{"Q":"1"}}\r\n',
    '{\r\n  "b": {"c": 1}\r\n}\r\n',
    '{\n    "env": {"Q": "1"},\n    "last": {}}',
]


def check_round_trip(text: str) -> None:
    edit = settings_json.merge(text, WANTED)
    before, after = settings_json.parse(text), settings_json.parse(edit.text)
    assert after == {**before, "env": {**before.get("env", {}), **WANTED}}
    assert settings_json.merge(edit.text, WANTED).text == edit.text
    assert settings_json.prune(edit.text, list(WANTED), edit.undo) == text


@pytest.mark.parametrize("text", DOCUMENTS)
def test_merge_then_prune_restores_every_byte(text: str) -> None:
    check_round_trip(text)


def test_the_documents_people_have() -> None:
    if not SCHEMA.is_dir():
        pytest.skip("not checked: the sample settings documents are not there (CLAUDE_SETTINGS_DIR)")
    samples = sorted((SCHEMA / "valid").glob("*.json"))
    assert samples
    for sample in samples:
        check_round_trip(sample.read_bytes().decode())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=15,
)


@given(
    st.dictionaries(st.text(), VALUES),
    st.none() | st.dictionaries(st.text(), VALUES),
    st.sampled_from([None, 0, 1, 2, 4, "\t"]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)
def test_any_document(
    document: dict[str, Any], env: dict[str, Any] | None, indent: Any, crlf: bool, ascii_only: bool, position: int
) -> None:
    document.pop("env", None)
    items = list(document.items())
    if env is not None:
        items.insert(position, ("env", {key: value for key, value in env.items() if key not in WANTED}))
    text = json.dumps(dict(items), indent=indent, ensure_ascii=ascii_only)
    check_round_trip(text.replace("\n", "\r\n") if crlf else text)


def test_a_value_is_replaced_in_place_and_a_stale_key_dropped() -> None:
    text = '{\n  "env": {"A": "1", "OTEL_A": "0", "OLD": "x", "B": 2},\n  "z": 1\n}\n'
    assert settings_json.merge(text, {"OTEL_A": "1"}, ["OLD"]).text == (
        '{\n  "env": {"A": "1", "OTEL_A": "1", "B": 2},\n  "z": 1\n}\n'
    )


def test_layout_follows_the_document() -> None:
    assert settings_json.merge('{\n    "x": 1\n}\n', {"A": "1"}).text == (
        '{\n    "x": 1,\n    "env": {\n        "A": "1"\n    }\n}\n'
    )
    assert settings_json.merge('{"x": 1}', {"A": "1"}).text == '{"x": 1, "env": {"A": "1"}}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,}', "line 1 column"),
        ('{\n  // comment\n  "a": 1\n}', "line 2 column 3"),
        ("[]", "line 1 column 1"),
        ('{"a": 1, "a": 2}', '"a" stands twice'),
        ('{"a": {"b": 1, "b": 2}}', '"b" stands twice'),
        ('{"a": NaN}', "NaN"),
        ('{"a": 1} x', "line 1 column 10"),
        ('{"a": "', "line 1 column"),
        ("{" * 100000, "line 1 column 2"),
        ('{"a":' * 100000, "nested too deeply"),
    ],
)
def test_what_is_no_settings_document_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(settings_json.DocumentError, match=r".*") as error:
        settings_json.merge(text, WANTED)
    assert message in str(error.value)


def test_an_env_that_is_no_object_is_refused() -> None:
    with pytest.raises(settings_json.DocumentError, match="env is not an object"):
        settings_json.merge('{"env": "oops"}', WANTED)


def test_prune_keeps_what_others_added_meanwhile() -> None:
    edit = settings_json.merge("{}\n", WANTED)
    theirs = settings_json.merge(edit.text, {"THEIRS": "1"}).text
    pruned = settings_json.prune(theirs, list(WANTED), edit.undo)
    assert settings_json.parse(pruned) == {"env": {"THEIRS": "1"}}
