# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text to tree. The grammar is in apl_grammar.lark."""

from __future__ import annotations

import json
from typing import Any

from lark import Token, Transformer, v_args
from lark.tree import Meta

from axiom_emulator.apl_tree import Call, Column, Field, Index, Key, Literal, Named, Operation, Query, Step
from axiom_emulator.apl_values import read_instant, read_span
from axiom_emulator.query_errors import QueryError
from axiom_emulator.query_text import build, place, unquote


def parse(text: str) -> Query:
    """Parse a query; QueryError names what was not understood, and where."""
    found: Query = build(text, "apl_grammar.lark", _Builder())
    return found


@v_args(meta=True)
class _Builder(Transformer[Any, Any]):
    """Each method takes where a construct begins and its parts."""

    def start(self, meta: Meta, parts: list[Any]) -> Query:
        name, *steps = parts
        return Query(name, place(meta), tuple(steps))

    def source(self, meta: Meta, parts: list[Token]) -> str:
        return self._name(parts[0])

    def _name(self, token: Token) -> str:
        return unquote(token) if token.type == "STRING" else str(token)

    # Tabular operators

    def where(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("where", place(meta), condition=parts[0])

    def extend(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("extend", place(meta), columns=tuple(parts))

    def project(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("project", place(meta), columns=tuple(parts))

    def project_rename(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("project-rename", place(meta), columns=tuple(parts))

    def project_away(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("project-away", place(meta), fields=tuple(parts))

    def project_keep(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("project-keep", place(meta), fields=tuple(parts))

    def distinct(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("distinct", place(meta), fields=tuple(parts))

    def summarize(self, meta: Meta, parts: list[Any]) -> Step:
        columns, groups = parts
        return Step("summarize", place(meta), columns=columns or (), groups=groups or ())

    def sort(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("sort", place(meta), keys=tuple(parts))

    def take(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("take", place(meta), count=int(parts[0]))

    def top(self, meta: Meta, parts: list[Any]) -> Step:
        return Step("top", place(meta), count=int(parts[0]), keys=(parts[1],))

    def columns(self, meta: Meta, parts: list[Any]) -> tuple[Column, ...]:
        return tuple(parts)

    def column(self, meta: Meta, parts: list[Any]) -> Column:
        field, expression = parts
        return Column(field.name if field else None, expression, place(meta))

    def assignment(self, meta: Meta, parts: list[Any]) -> Column:
        return Column(parts[0].name, parts[1], place(meta))

    def sort_key(self, meta: Meta, parts: list[Any]) -> Key:
        if parts[1] is None:
            raise QueryError("say asc or desc: which of them is the default is not documented", place(meta))
        return Key(parts[0], str(parts[1]) == "desc")

    def top_key(self, meta: Meta, parts: list[Any]) -> Key:
        return Key(parts[0], str(parts[1] or "desc") == "desc")

    # Expressions

    def field(self, meta: Meta, parts: list[Token]) -> Field:
        return Field(self._name(parts[0]), place(meta))

    def or_expression(self, meta: Meta, parts: list[Any]) -> Operation:
        return Operation("or", tuple(parts), place(meta))

    def and_expression(self, meta: Meta, parts: list[Any]) -> Operation:
        return Operation("and", tuple(parts), place(meta))

    def binary(self, meta: Meta, parts: list[Any]) -> Operation:
        left, operator, right = parts
        name = " ".join(str(operator).split()).replace("<>", "!=")
        return Operation(name, (left, right), place(meta))

    def membership(self, meta: Meta, parts: list[Any]) -> Operation:
        value, operator, *members = parts
        return Operation(str(operator), (value, *members), place(meta))

    def between(self, meta: Meta, parts: list[Any]) -> Operation:
        value, operator, low, high = parts
        return Operation(str(operator), (value, low, high), place(meta))

    def sign(self, meta: Meta, parts: list[Any]) -> Operation:
        return Operation(f"sign {parts[0]}", (parts[1],), place(meta))

    def index(self, meta: Meta, parts: list[Any]) -> Index:
        return Index(parts[0], parts[1], place(meta))

    def member(self, meta: Meta, parts: list[Any]) -> Index:
        return Index(parts[0], Literal(str(parts[1]), place(meta)), place(meta))

    def call(self, meta: Meta, parts: list[Any]) -> Call:
        name, *arguments = parts
        return Call(str(name), tuple(arguments), place(meta))

    def named(self, meta: Meta, parts: list[Any]) -> Named:
        return Named(parts[0].name, parts[1], place(meta))

    # Literals

    def string(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(unquote(parts[0]), place(meta))

    def integer(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(int(parts[0]), place(meta))

    def real(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(float(parts[0]), place(meta))

    def true(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(True, place(meta))

    def false(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(False, place(meta))

    def null(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(None, place(meta))

    def duration(self, meta: Meta, parts: list[Token]) -> Literal:
        return Literal(read_span(str(parts[0])), place(meta))

    def datetime(self, meta: Meta, parts: list[Token]) -> Literal:
        content = str(parts[0]).partition("(")[2].removesuffix(")").strip().strip("'\"")
        if content == "null":
            return Literal(None, place(meta))
        try:
            return Literal(read_instant(content), place(meta))
        except ValueError as error:
            raise QueryError(str(error), place(meta)) from error

    def dynamic(self, meta: Meta, parts: list[Any]) -> Literal:
        return Literal(parts[0], place(meta))

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
