# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both query languages' parsers share: grammar files, errors with a place, quoted strings."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken, VisitError
from lark.tree import Meta

from axiom_emulator.query_errors import Place, QueryError

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
_WORD = re.compile(r"[A-Za-z_][\w-]*|\S")


@cache
def grammar(name: str) -> Lark:
    """Return the parser for a grammar file beside this one."""
    text = (Path(__file__).parent / name).read_text()
    return Lark(text, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=True)


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


def place(meta: Meta) -> Place:
    """Return where a construct begins."""
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
