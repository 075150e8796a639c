# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Axiom answers to a query, in the form that we work with: pure functions.

They raise ValueError for an answer of another shape than documented (pages "Query data" and "Query metrics").
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

# Members of Axiom's status, and what we call them.
_STATUS = {
    "elapsedTime": "elapsed_us",
    "rowsExamined": "rows_examined",
    "rowsMatched": "rows_matched",
    "isPartial": "is_partial",
}


class Table(NamedTuple):
    """The answer to an APL query.

    fields: C(name) and C(type) of each column. rows: one dict per row. status: elapsed_us, rows_examined, rows_matched,
    is_partial, as far as Axiom tells them.
    """

    fields: list[dict[str, str]]
    rows: list[dict[str, Any]]
    status: dict[str, Any]


# The end of the year 9999, in epoch seconds: what lies after it cannot be written.
_END = 253402300800


class Series(NamedTuple):
    """One series of the answer to an MPL query. last: where the last interval with a value begins, in epoch seconds."""

    tags: dict[str, Any]
    last: int | None


def table(answer: Any) -> Table:
    """The rows of the first table; Axiom sends columns."""
    try:
        first = answer["tables"][0]
        fields = [{"name": str(field["name"]), "type": str(field["type"])} for field in first["fields"]]
        columns = first["columns"] or [[] for _field in fields]
        if len(columns) != len(fields) or len({len(column) for column in columns}) > 1:
            raise ValueError("columns")
        names = [field["name"] for field in fields]
        rows = [dict(zip(names, values)) for values in zip(*columns)]
        told = answer.get("status") or {}
        status = {ours: told[theirs] for theirs, ours in _STATUS.items() if theirs in told}
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ValueError("tables") from None
    return Table(fields, rows, status)


def series(answer: Any) -> list[Series]:
    """Every series, with the time of its last value."""
    try:
        return [Series(dict(item.get("tags") or {}), _last(item)) for item in answer["series"]]
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        raise ValueError("series") from None


def _last(item: Mapping[str, Any]) -> int | None:
    filled = [index for index, value in enumerate(item["data"]) if value is not None]
    if not filled:
        return None
    last = int(item["start"]) + filled[-1] * int(item["resolution"])
    if not 0 <= last < _END:
        raise ValueError("time")
    return last
