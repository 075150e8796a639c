# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MPL: text to tree. The grammar is in mpl_grammar.lark."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lark import Token, Transformer, v_args
from lark.tree import Meta

from axiom_emulator.apl_operators import comparable, order, regular_expression
from axiom_emulator.query_errors import Place, QueryError
from axiom_emulator.query_text import build, place, unquote

Tags = dict[str, Any]
Test = Callable[[Tags, bool], bool]
"""Tells whether a series' tags match; the second argument: whether the test stands below a ``not``."""

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True)
class Where:
    """Keeps series by their tags."""

    test: Test
    place: Place


@dataclass(frozen=True)
class Align:
    """One value per interval of ``seconds``, or one for the whole range."""

    seconds: int | None
    function: str
    place: Place


@dataclass(frozen=True)
class Group:
    """One series per combination of tags."""

    tags: tuple[str, ...]
    function: str
    place: Place


@dataclass(frozen=True)
class MetricsQuery:
    """A whole query."""

    dataset: str
    metric: str
    steps: tuple[Where | Align | Group, ...]


def parse_mpl(text: str) -> MetricsQuery:
    """Parse a query; QueryError names what was not understood, and where."""
    found: MetricsQuery = build(text, "mpl_grammar.lark", _Builder())
    return found


@v_args(meta=True)
class _Builder(Transformer[Any, Any]):
    """Each method takes where a construct begins and its parts."""

    def start(self, meta: Meta, parts: list[Any]) -> MetricsQuery:
        dataset, metric, *steps = parts
        return MetricsQuery(dataset, metric, tuple(steps))

    def name(self, meta: Meta, parts: list[Token]) -> str:
        return str(parts[0]).strip("`")

    def where(self, meta: Meta, parts: list[Any]) -> Where:
        return Where(parts[0], place(meta))

    def align(self, meta: Meta, parts: list[Any]) -> Align:
        window, function = parts
        seconds = int(window[:-1]) * SECONDS[window[-1]] if window else None
        if seconds == 0:
            raise QueryError("align to an interval of no length", place(meta))
        return Align(seconds, str(function), place(meta))

    def group(self, meta: Meta, parts: list[Any]) -> Group:
        *tags, function = parts
        return Group(tuple(tag for tag in tags if tag is not None), str(function), place(meta))

    # Filters

    def any_of(self, meta: Meta, parts: list[Test]) -> Test:
        return lambda tags, below_not: any(part(tags, below_not) for part in parts)

    def all_of(self, meta: Meta, parts: list[Test]) -> Test:
        return lambda tags, below_not: all(part(tags, below_not) for part in parts)

    def negated(self, meta: Meta, parts: list[Test]) -> Test:
        return lambda tags, below_not: not parts[0](tags, True)

    def comparison(self, meta: Meta, parts: list[Any]) -> Test:
        return _comparison(parts[0], str(parts[1]), parts[2], place(meta))

    def value(self, meta: Meta, parts: list[Token]) -> Any:
        (token,) = parts
        if token.type == "REGEX":
            return regular_expression(str(token)[2:-1].replace("\\/", "/"))
        return unquote(token) if token.type == "STRING" else json.loads(str(token))


def _comparison(tag: str, symbol: str, wanted: Any, where: Place) -> Test:
    def test(tags: Tags, below_not: bool) -> bool:
        value = tags.get(tag)
        if value is None:
            if below_not or symbol == "!=":
                raise QueryError(f"a series has no tag {tag!r}: whether it matches then is not documented", where)
            return False
        try:
            return _compare(symbol, value, wanted)
        except QueryError as error:
            raise QueryError(f"the tag {tag!r}: {error.message}", where) from error

    return test


def _compare(symbol: str, value: Any, wanted: Any) -> bool:
    if isinstance(wanted, re.Pattern):
        if symbol not in ("==", "!=") or not isinstance(value, str):
            raise QueryError("a regular expression goes with == or != and a string")
        return (wanted.search(value) is not None) == (symbol == "==")
    comparable(symbol, value, wanted)
    if symbol in ("==", "!="):
        return bool(value == wanted) == (symbol == "==")
    return order(symbol, value, wanted) is True
