# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edit the `env` object of a JSON settings document as text, so that every foreign byte stays where it was.

Parsing is the standard library's; only the positions of members are worked out here, because `json` does not tell them.
Pure functions on strings. What is inserted is one piece of text after an opening brace or after a last member, so that
taking it out again restores the original byte for byte.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any, Mapping, NamedTuple

_SPACE = re.compile(r"[ \t\r\n]*")
# A string, whether it is a key, or what else may stand outside of one and matters to where a document is wrong.
_TOKEN = re.compile(
    r"""(?P<text>"[^"\\]*(?:\\.[^"\\]*)*")[ \t\r\n]*(?P<key>:)?|[][{}]|(?P<word>-?(?:NaN|Infinity))""", re.DOTALL
)
BOM = "\ufeff"
# What JSON calls white space, and nothing else that Python does.
_BLANK = " \t\r\n"
# A number of more digits is infinite for the client, and so long that Python may refuse to convert it.
_DIGITS_MAX = 309


class DocumentError(ValueError):
    """The document cannot be edited: not JSON, not an object, duplicate keys. The message holds line and column."""


class Member(NamedTuple):
    """A member of a JSON object: `start` is the opening quote of its key, `end` one past its value."""

    key: str
    start: int
    value_start: int
    end: int


class Edit(NamedTuple):
    """The text after an edit, and what must be remembered to take it back exactly."""

    text: str
    # Any of `blank`: the whole text of a blank document; `root`: the white space inside its empty braces;
    # `env`: the white space inside the empty braces of `env`, or None where there was no `env`.
    undo: dict[str, str | None]


class _NotOurs(Exception):
    """Python's parser takes it, but it is no JSON, or hides a part of the document; the parser knows no place."""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _NotOurs
    return found


def _no_constant(_word: str) -> None:
    raise _NotOurs


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS_MAX else float(digits)


_VALUE = json.JSONDecoder(parse_int=_integer)


def _not_ours(text: str) -> json.JSONDecodeError:
    """The first thing in a document that `_NotOurs` was raised for."""
    nest: list[set[str]] = []
    for found in _TOKEN.finditer(text):
        token = found.group()
        if token in ("{", "["):
            nest.append(set())
        elif token in ("}", "]"):
            nest.pop()
        elif found["word"]:
            return json.JSONDecodeError(f"{token} is not JSON", text, found.start())
        elif found["key"]:
            key = json.loads(found["text"])
            if key in nest[-1]:
                twice = f"the key {json.dumps(key)} stands twice in one object"
                return json.JSONDecodeError(twice, text, found.start())
            nest[-1].add(key)
    raise AssertionError("the parser found something that is not there")


def _too_deep(text: str) -> json.JSONDecodeError:
    """Says where the nest is deepest."""
    depth, places = 0, {0: 0}
    for found in _TOKEN.finditer(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found.group(), 0)
        places.setdefault(depth, found.start())
    return json.JSONDecodeError("nested too deeply", text, places[max(places)])


def parse(text: str) -> dict[str, Any]:
    """Parse a settings document.

    :returns: the object; an empty or blank document counts as `{}`, as it does for the client.
    :raises DocumentError: with line and column.
    """
    body = text[1:] if text.startswith(BOM) else text
    if not body.strip(_BLANK):
        return {}
    try:
        document = json.loads(body, object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_int=_integer)
        if not isinstance(document, dict):
            raise json.JSONDecodeError("the document is not a JSON object", body, _skip(body, 0))
    except json.JSONDecodeError as exc:
        raise _document_error(exc) from None
    except _NotOurs:
        raise _document_error(_not_ours(body)) from None
    except RecursionError:
        raise _document_error(_too_deep(body)) from None
    return document


def _document_error(error: json.JSONDecodeError) -> DocumentError:
    return DocumentError("line %d column %d: %s" % (error.lineno, error.colno, error.msg))


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


# An edit asks several times of one text, which may be long.
@functools.lru_cache(maxsize=2)
def members(text: str, brace: int) -> tuple[tuple[Member, ...], int]:
    """Members of the object whose opening brace stands at `brace`, and the position of its closing brace."""
    found = []
    position = _skip(text, brace + 1)
    while text[position] != "}":
        if text[position] == ",":
            position = _skip(text, position + 1)
        start = position
        key, position = _VALUE.raw_decode(text, start)
        value_start = _skip(text, _skip(text, position) + 1)
        end = _VALUE.raw_decode(text, value_start)[1]
        found.append(Member(key, start, value_start, end))
        position = _skip(text, end)
    return tuple(found), position


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _line_indent(text: str, position: int) -> str:
    """The white space at the start of the line that holds `position`."""
    line_start = text.rfind("\n", 0, position) + 1
    return text[line_start:position][: _skip(text, line_start) - line_start].strip("\r\n")


def _starts_line(text: str, position: int) -> bool:
    line_start = text.rfind("\n", 0, position) + 1
    return line_start > 0 and not text[line_start:position].strip(" \t")


def _insert(text: str, brace: int, lines: list[str]) -> str:
    """Put members (already serialised) at the end of the object at `brace`, laid out as its neighbours are."""
    present, closing = members(text, brace)
    newline = _newline(text)
    if present:
        last = present[-1]
        glue = newline + _line_indent(text, last.start) if _starts_line(text, last.start) else " "
        return text[: last.end] + "".join("," + glue + line for line in lines) + text[last.end :]
    if "\n" not in text.strip() and text.strip(BOM + _BLANK) != "{}":
        return text[: brace + 1] + ", ".join(lines) + text[closing:]
    outer = newline + _line_indent(text, brace)
    inner = outer + _unit(text)
    return text[: brace + 1] + inner + ("," + inner).join(lines) + outer + text[closing:]


def _unit(text: str) -> str:
    """One step of the document's own indentation; two spaces where it has none."""
    present = members(text, text.index("{"))[0]
    if present and _starts_line(text, present[0].start):
        return _line_indent(text, present[0].start) or "  "
    return "  "


def _cut(text: str, brace: int, keys: list[str]) -> str:
    """Take members out of the object at `brace`, each with the comma and white space that tied it to the others."""
    present, closing = members(text, brace)
    kept = [index for index, member in enumerate(present) if member.key not in keys]
    if not kept:
        return text[: brace + 1] + text[closing:] if present else text
    for index in range(len(present) - 1, kept[0], -1):
        if present[index].key in keys:
            text = text[: present[index - 1].end] + text[present[index].end :]
    return text[: present[0].start] + text[present[kept[0]].start :]


def _member(text: str, brace: int, key: str) -> Member | None:
    for member in members(text, brace)[0]:
        if member.key == key:
            return member
    return None


def _env_brace(text: str, root: int) -> int | None:
    env = _member(text, root, "env")
    if env is None:
        return None
    if text[env.value_start] != "{":
        ignored = "env is not an object, so the client ignores it; make it one or remove it"
        hidden = text.count(BOM, 0, 1)
        raise _document_error(json.JSONDecodeError(ignored, text[hidden:], env.value_start - hidden))
    return env.value_start


def _dump(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _open_env(text: str) -> tuple[str, int, dict[str, str | None]]:
    """Make sure the document has an `env` object: the text, where its brace stands, and how to undo that."""
    undo: dict[str, str | None] = {}
    if not text.strip(BOM + _BLANK):
        undo["blank"] = text
        text = (BOM if text.startswith(BOM) else "") + "{}\n"
    root = text.index("{")
    present, closing = members(text, root)
    if not present:
        undo["root"] = text[root + 1 : closing]
        text = text[: root + 1] + text[closing:]
    brace = _env_brace(text, root)
    if brace is None:
        undo["env"] = None
        text = _insert(text, root, ['"env": {}'])
        brace = members(text, root)[0][-1].value_start
    present, closing = members(text, brace)
    if not present and "env" not in undo:
        undo["env"] = text[brace + 1 : closing]
        text = text[: brace + 1] + text[closing:]
    return text, brace, undo


def merge(text: str, wanted: Mapping[str, str], drop: list[str] | None = None) -> Edit:
    """Set `wanted` in the document's `env` and take `drop` out of it; everything else stays byte for byte.

    :raises DocumentError: where the document cannot be parsed or its `env` is not an object.
    """
    parse(text)
    text, brace, undo = _open_env(text)
    for member in reversed(members(text, brace)[0]):
        if member.key in wanted and _VALUE.raw_decode(text, member.value_start)[0] != wanted[member.key]:
            text = text[: member.value_start] + _dump(wanted[member.key]) + text[member.end :]
    text = _cut(text, brace, drop or [])
    present = {member.key for member in members(text, brace)[0]}
    lines = [f"{_dump(key)}: {_dump(value)}" for key, value in wanted.items() if key not in present]
    return Edit(_insert(text, brace, lines) if lines else text, undo)


def prune(text: str, keys: list[str], undo: Mapping[str, str | None]) -> str:
    """Take our `keys` out of `env`, and put back what was there before us where nobody else has used it since.

    :param undo: as returned by the first `merge`.
    """
    parse(text)
    root = text.find("{")
    env = _member(text, root, "env") if root >= 0 else None
    if env is None or text[env.value_start] != "{":
        return text
    brace = env.value_start
    text = _cut(text, brace, keys)
    present, closing = members(text, brace)
    if present or "env" not in undo:
        return text
    if undo["env"] is not None:
        return text[: brace + 1] + undo["env"] + text[closing:]
    text = _cut(text, root, ["env"])
    present, closing = members(text, root)
    if present:
        return text
    if undo.get("blank") is not None:
        return str(undo["blank"])
    return text[: root + 1] + (undo.get("root") or "") + text[closing:]
