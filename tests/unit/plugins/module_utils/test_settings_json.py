# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Editing JSON as text: everything foreign stays byte for byte, and removal is exact."""

from __future__ import annotations

import bisect
import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.settings_documents import BROKEN, DOCUMENTS, corpus, violations

from ansible_collections.devfleet.axiom.plugins.module_utils import settings_json
from ansible_collections.devfleet.axiom.plugins.module_utils.settings_json import DocumentError, merge, parse, prune

WANTED = {"OTEL_A": "1", "OTEL_B": 'say "é"'}
LATER = {"OTEL_B": "2", "OTEL_C": "\\"}
PLACE = re.compile(r"line ([0-9]+) column ([0-9]+): .")


def shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    return bisect.bisect_left(
        range(min(len(one), len(other))), True, key=lambda end: one[: end + 1] != other[: end + 1]
    )


def check_only_inserted(before: str, after: str) -> None:
    """Between what both begin with and what both end with there was nothing, or white space in empty braces."""
    start = shared(before, after)
    end = shared(before[start:][::-1], after[start:][::-1])
    assert not before[start : len(before) - end].strip(" \t\r\n")


def check_round_trip(text: str) -> None:
    edit = merge(text, WANTED)
    check_only_inserted(text, edit.text)
    before, after = parse(text), parse(edit.text)
    assert after == {**before, "env": {**before.get("env", {}), **WANTED}}
    assert merge(edit.text, WANTED).text == edit.text
    assert prune(edit.text, list(WANTED), edit.undo) == text
    changed = merge(edit.text, LATER, ["OTEL_A"])
    assert parse(changed.text) == {**before, "env": {**before.get("env", {}), **LATER}}
    assert prune(changed.text, list(LATER), edit.undo) == text


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_merge_then_prune_restores_every_byte(text: str) -> None:
    check_round_trip(text)


def with_object_for_env(documents: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in documents.items() if isinstance(json.loads(text).get("env", {}), dict)}


@pytest.mark.parametrize("kind", ["valid", "invalid"])
def test_the_documents_people_have(kind: str) -> None:
    """What the schema says against a document is its owner's business: it says the same afterwards, and no more."""
    documents = with_object_for_env(corpus(kind))
    assert len(documents) > 10
    for text in documents.values():
        check_round_trip(text)
        assert violations(parse(merge(text, WANTED).text)) == violations(json.loads(text))


def test_a_document_of_ten_megabytes() -> None:
    """Of many members, each of which an edit has to pass, and of long ones."""
    members = [f'"member {index}": {index}' for index in range(5000)]
    members += [f'"text {index}": "{"x" * 110_000}"' for index in range(90)]
    text = "{\n  " + ",\n  ".join(members) + ',\n  "env": {' + ", ".join(members[:5000]) + "}\n}\n"
    assert len(text) > 10_000_000
    edit = merge(text, WANTED)
    check_only_inserted(text, edit.text)
    changed = merge(edit.text, LATER, ["OTEL_A"]).text
    assert merge(changed, LATER, ["OTEL_A"]).text == changed
    assert prune(changed, list(LATER), edit.undo) == text


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
# Every character that there is, halves too: those can only be written as escapes.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=12)
HALF = re.compile("[\ud800-\udfff]")


def quoted(text: str, ascii_only: bool = False) -> str:
    return json.dumps(text, ensure_ascii=ascii_only or HALF.search(text) is not None)


# As JSON, but for the keys of dictionaries.
VALUES = st.recursive(
    st.sampled_from(["null", "true", "false", "9" * 5000]) | NUMBERS | TEXTS.map(quoted),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXTS, children, max_size=4),
    max_leaves=10,
)
GAPS = st.lists(st.sampled_from(["", " ", "\n", "\r\n", "\t", "\r", "   ", " \n  \t"]), min_size=1, max_size=9)


class Typist:
    """Writes JSON with white space wherever it may stand, the same pieces of it again and again."""

    def __init__(self, gaps: list[str], ascii_only: bool) -> None:
        self._gaps = itertools.cycle(gaps)
        self._ascii_only = ascii_only

    def value(self, value: Any) -> str:
        """:param value: as `VALUES` make them."""
        gap = self._gaps
        if isinstance(value, dict):
            named = ((quoted(name, self._ascii_only), self.value(each)) for name, each in value.items())
            body = ",".join(f"{next(gap)}{name}{next(gap)}:{each}" for name, each in named)
            return f"{next(gap)}{{{body or next(gap)}}}{next(gap)}"
        if isinstance(value, list):
            return f"{next(gap)}[{','.join(map(self.value, value)) or next(gap)}]{next(gap)}"
        return f"{next(gap)}{value}{next(gap)}"


@st.composite
def documents(draw: st.DrawFn) -> str:
    names = TEXTS.filter(lambda name: name not in ("env", *WANTED, *LATER))
    items = list(draw(st.dictionaries(names, VALUES, max_size=5)).items())
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), ("env", draw(st.dictionaries(names, VALUES, max_size=4))))
    typist = Typist(draw(GAPS), draw(st.booleans()))
    return draw(st.sampled_from(["", "", settings_json.BOM])) + typist.value(dict(items))


@given(documents())
def test_any_document(text: str) -> None:
    check_round_trip(text)


def is_settings_document(text: str) -> bool:
    """JSON as its definition has it, an object, and no name twice in one."""

    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(pairs) == len(dict(pairs))
        return dict(pairs)

    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        document = json.loads(text, object_pairs_hook=check, parse_constant=refuse, parse_int=float)
    except (ValueError, AssertionError):
        return False
    return isinstance(document, dict) and isinstance(document.get("env", {}), dict)


BREAKAGE = [
    "",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    '"',
    "\\",
    "//",
    "/* */",
    "'",
    "x",
    "0",
    "-",
    "NaN",
    "\x00",
    "\t",
    "\ufeff",
    "\u00a0",
]


@given(
    st.sampled_from([text for text in DOCUMENTS.values() if 2 < len(text) < 1000]) | documents().filter(bool),
    st.floats(0, 1),
    st.integers(0, 3),
    st.sampled_from(BREAKAGE),
    st.booleans(),
)
def test_a_broken_document_is_refused_with_its_place_or_still_one(
    text: str, where: float, removed: int, inserted: str, truncated: bool
) -> None:
    position = int(where * len(text))
    broken = text[:position] + inserted + ("" if truncated else text[position + removed :])
    body = broken[1:] if broken.startswith(settings_json.BOM) else broken
    if not body.strip(" \t\r\n") or is_settings_document(body):
        check_round_trip(broken)
        return
    with pytest.raises(DocumentError) as error:
        merge(broken, WANTED)
    place = PLACE.match(str(error.value))
    assert place
    lines = body.split("\n")
    assert 1 <= int(place[1]) <= len(lines)
    assert 1 <= int(place[2]) <= len(lines[int(place[1]) - 1]) + 1


def test_broken_documents_people_have() -> None:
    """Each in many ways: cut off, or with a comma, a quote or a brace too many or too few."""
    refused = 0
    for text in corpus("valid").values():
        for position in range(1, len(text.rstrip()), max(1, len(text) // 40)):
            for broken in (
                text[:position],
                text[:position] + "," + text[position + 1 :],
                f'{text[:position]}"{text[position:]}',
            ):
                if not is_settings_document(broken):
                    refused += 1
                    with pytest.raises(DocumentError, match=PLACE):
                        merge(broken, WANTED)
    assert refused > 1000


def test_a_value_is_replaced_in_place_and_a_stale_key_dropped() -> None:
    text = '{\n  "env": {"A": "1", "OTEL_A": "0", "OLD": "x", "B": 2},\n  "z": 1\n}\n'
    assert merge(text, {"OTEL_A": "1"}, ["OLD"]).text == (
        '{\n  "env": {"A": "1", "OTEL_A": "1", "B": 2},\n  "z": 1\n}\n'
    )


def test_layout_follows_the_document() -> None:
    assert merge('{\n    "x": 1\n}\n', {"A": "1"}).text == (
        '{\n    "x": 1,\n    "env": {\n        "A": "1"\n    }\n}\n'
    )
    assert merge('{"x": 1}', {"A": "1"}).text == '{"x": 1, "env": {"A": "1"}}'


@pytest.mark.parametrize(
    ("text", "line", "column", "message"), BROKEN, ids=[ascii(text)[:40] for text, *_place in BROKEN]
)
def test_what_is_no_settings_document_is_refused_with_its_place(
    text: str, line: int, column: int, message: str
) -> None:
    with pytest.raises(DocumentError) as error:
        merge(text, WANTED)
    assert str(error.value).startswith(f"line {line} column {column}: ")
    assert message in str(error.value)


def test_at_any_depth_a_document_is_refused_or_restored() -> None:
    """Python's parser gives up somewhere; nothing after it may."""
    for depth in (*range(970, 1010), 30_000):
        text = '{"a":' * depth + "1" + "}" * depth
        try:
            edit = merge(text, WANTED)
        except DocumentError:
            continue
        assert prune(edit.text, list(WANTED), edit.undo) == text
    with pytest.raises(DocumentError, match="line 1 column 149996: nested too deeply"):
        merge(text, WANTED)


def test_prune_keeps_what_others_added_meanwhile() -> None:
    edit = merge("{}\n", WANTED)
    theirs = merge(edit.text, {"THEIRS": "1"}).text
    pruned = prune(theirs, list(WANTED), edit.undo)
    assert parse(pruned) == {"env": {"THEIRS": "1"}}


def test_prune_leaves_an_env_that_others_made_something_else() -> None:
    edit = merge("{}\n", WANTED)
    assert prune('{"env": "oops"}', list(WANTED), edit.undo) == '{"env": "oops"}'
