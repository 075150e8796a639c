# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An APL query as a tree. ``place`` is where the construct begins in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from axiom_emulator.query_errors import Place


@dataclass(frozen=True)
class Literal:
    """A value: str, int, float, bool, None, Instant, Span, list or dict."""

    value: Any
    place: Place


@dataclass(frozen=True)
class Field:
    """A column, by its exact name."""

    name: str
    place: Place


@dataclass(frozen=True)
class Index:
    """``base['key']``, ``base[0]`` or ``base.key``."""

    base: Expression
    key: Expression
    place: Place


@dataclass(frozen=True)
class Named:
    """``name = expression`` as an argument."""

    name: str
    expression: Expression
    place: Place


@dataclass(frozen=True)
class Call:
    """A function, scalar or aggregation, with its arguments."""

    name: str
    arguments: tuple[Expression | Named, ...]
    place: Place


@dataclass(frozen=True)
class Operation:
    """An operator with its operands: ``and``, ``or``, ``-`` with one operand, ``in`` with two or more, ``between``."""

    operator: str
    operands: tuple[Expression, ...]
    place: Place


Expression = Literal | Field | Index | Call | Operation


@dataclass(frozen=True)
class Column:
    """An expression with the name that the query gives it, None where it gives none."""

    name: str | None
    expression: Expression
    place: Place


@dataclass(frozen=True)
class Key:
    """What to sort by."""

    expression: Expression
    descending: bool


@dataclass(frozen=True)
class Step:
    """One tabular operator. Which members are used depends on ``name``."""

    name: str
    place: Place
    condition: Expression | None = None
    columns: tuple[Column, ...] = ()
    groups: tuple[Column, ...] = ()
    fields: tuple[Field, ...] = ()
    keys: tuple[Key, ...] = ()
    count: int = 0


@dataclass(frozen=True)
class Query:
    """A whole query: the dataset it reads, and what is done with its events, in order."""

    dataset: str
    place: Place
    steps: tuple[Step, ...]
