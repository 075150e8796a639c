# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text to tree. The grammar is in apl_grammar.lark."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken, VisitError
from lark.tree import Meta

from axiom_emulator.apl_tree import Call, Column, Field, Index, Key, Literal, Named, Operation, Query, Step
from axiom_emulator.apl_values import read_instant, read_span
from axiom_emulator.query_errors import Place, QueryError

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
_WORD = re.compile(r"[A-Za-z_][\w-]*|\S")


@cache
def grammar(name: str) -> Lark:
    """Return the parser for a grammar file beside this one."""
    text = (Path(__file__).parent / name).read_text()
    return Lark(text, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=True)


def parse(text: str) -> Query:
    """Parse a query; QueryError names what was not understood, and where."""
    return build(text, "apl_grammar.lark", _Builder())


def build(text: str, grammar_name: str, builder: Transformer[Any, Any]) -> Any:
    """Parse ``text`` by a grammar and let ``builder`` make a tree of it; QueryError."""
    try:
        return builder.transform(grammar(grammar_name).parse(text))
    except UnexpectedInput as error:
        raise _unexpected(text, error) from error
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from error
        raise


def _unexpected(text: str, error: UnexpectedInput) -> QueryError:
    if isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END"):
        line = text.count("\n") + 1
        return QueryError("the query ends too early", Place(line, len(text) - (text.rfind("\n") + 1) + 1))
    assert isinstance(error, (UnexpectedCharacters, UnexpectedToken))
    position = error.pos_in_stream or 0
    found = _WORD.match(text, position)
    word = found[0] if found else text[position : position + 1]
    hint = (
        ""
        if "|" in text[:position]
        else ": a query begins with the dataset it reads, and has no statements before that"
    )
    return QueryError(f"{word!r} is not understood here{hint}", Place(error.line, error.column))


def _place(meta: Meta) -> Place:
    return Place(meta.line, meta.column)


def unquote(token: Token) -> str:
    """Return what a quoted string says; QueryError on an escape that is not documented."""
    text = str(token)
    if text.startswith("@"):
        return text[2:-1]

    def escape(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise QueryError(f"the escape {match[0]} is not understood", Place(token.line or 1, token.column or 1))
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.)", escape, text[1:-1])


@v_args(meta=True)
class _Builder(Transformer[Any, Any]):
    """Each method takes where a construct begins and its parts."""

    def start(self, meta: Meta, parts: list[Any]) -> Query:
        name, *steps = parts
        return Query(name, _place(meta), tuple(steps))

    def source(self, meta: Meta, parts: list[Token]) -> str:
        return self._name(parts[0])

    def _name(self, token: Token) -> str:
        return unquote(token) if token.type == "STRING" else str(token)

    # Tabular operators

    def where(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("where", _place(meta), condition=parts[0])

    def extend(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("extend", _place(meta), columns=tuple(parts))

    def project(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("project", _place(meta), columns=tuple(parts))

    def project_rename(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("project-rename", _place(meta), columns=tuple(parts))

    def project_away(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("project-away", _place(meta), fields=tuple(parts))

    def project_keep(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("project-keep", _place(meta), fields=tuple(parts))

    def distinct(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("distinct", _place(meta), fields=tuple(parts))

    def summarize(self, meta: Meta, parts: list[Any]) -> Step:
        columns, groups = parts
        return Step("summarize", _place(meta), columns=columns or (), groups=groups or ())

    def sort(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("sort", _place(meta), keys=tuple(parts))

    def take(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("take", _place(meta), count=int(parts[0]))

    def top(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("top", _place(meta), count=int(parts[0]), keys=(parts[1],))

    def columns(self, meta: Meta, parts: list[Any]) -> tuple[Column, ...]:
        return tuple(parts)

    def column(self, meta: Meta, parts: list[Any]) -> Column:
        field, expression = parts
        return Column(field.name if field else None, expression, _place(meta))

    def assignment(self, meta: Meta, parts: list[Any]) -> Column:
        return Column(parts[0].name, parts[1], _place(meta))

    def sort_key(self, meta: Meta, parts: list[Any]) -> Key:
        if parts[1] is None:
            raise QueryError("say asc or desc: which of them is the default is not documented", _place(meta))
        return Key(parts[0], str(parts[1]) == "desc")

    def top_key(self, meta: Meta, parts: list[Any]) -> Key:
        return Key(parts[0], str(parts[1] or "desc") == "desc")

    # Expressions

    def field(self, meta: Meta, parts: list[Token]) -> Field:
        return Field(self._name(parts[0]), _place(meta))

    def or_expression(self, meta: Meta, parts: list[Any]) -> Operation:
        return Operation("or", tuple(parts), _place(meta))

    def and_expression(self, meta: Meta, parts: list[Any]) -> Operation:
        return Operation("and", tuple(parts), _place(meta))

    def binary(self, meta: Meta, parts: list[Any]) -> Operation:
        left, operator, right = parts
        name = " ".join(str(operator).split()).replace("<>", "!=")
        return Operation(name, (left, right), _place(meta))

    def membership(self, meta: Meta, parts: list[Any]) -> Operation:
        value, operator, *members = parts
        return Operation(str(operator), (value, *members), _place(meta))

    def between(self, meta: Meta, parts: list[Any]) -> Operation:
        value, operator, low, high = parts
        return Operation(str(operator), (value, low, high), _place(meta))

    def sign(self, meta: Meta, parts: list[Any]) -> Operation:
        return Operation(f"sign {parts[0]}", (parts[1],), _place(meta))

    def index(self, meta: Meta, parts: list[Any]) -> Index:
        return Index(parts[0], parts[1], _place(meta))

    def member(self, meta: Meta, parts: list[Any]) -> Index:
        return Index(parts[0], Literal(str(parts[1]), _place(meta)), _place(meta))

    def call(self, meta: Meta, parts: list[Any]) -> Call:
        name, *arguments = parts
        return Call(str(name), tuple(arguments), _place(meta))

    def named(self, meta: Meta, parts: list[Any]) -> Named:
        return Named(parts[0].name, parts[1], _place(meta))

    # Literals

    def string(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(unquote(parts[0]), _place(meta))

    def integer(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(int(parts[0]), _place(meta))

    def real(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(float(parts[0]), _place(meta))

    def true(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(True, _place(meta))

    def false(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(False, _place(meta))

    def null(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(None, _place(meta))

    def duration(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(read_span(str(parts[0])), _place(meta))

    def datetime(self, meta: Meta, parts: list[Token]) -> Literal:
        content = str(parts[0]).partition("(")[2].removesuffix(")").strip().strip("'\"")
        if content == "null":
            return Literal(None, _place(meta))
        try:
            return Literal(read_instant(content), _place(meta))
        except ValueError as error:
            raise QueryError(str(error), _place(meta)) from error

    def dynamic(self, meta: Meta, parts: list[Any]) -> Literal:
        return Literal(parts[0], _place(meta))

    def json_string(self, meta: Meta, parts: list[Token]) -> str:
        return unquote(parts[0])

    def json_number(self, meta: Meta, parts: list[Token]) -> Any:
        return json.loads(str(parts[0]))

    def json_true(self, meta: Meta, parts: list[Token]) -> bool:
        return True

    def json_false(self, meta: Meta, parts: list[Token]) -> bool:
        return False

    def json_null(self, meta: Meta, parts: list[Token]) -> None:
        return None

    def json_array(self, meta: Meta, parts: list[Any]) -> list[Any]:
        return parts

    def json_member(self, meta: Meta, parts: list[Any]) -> tuple[str, Any]:
        return unquote(parts[0]), parts[1]

    def json_object(self, meta: Meta, parts: list[Any]) -> dict[str, Any]:
        return dict(parts)
