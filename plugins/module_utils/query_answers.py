# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Axiom answers to a query, in the form that we work with: pure functions.

They raise ValueError for an answer of another shape than documented (pages "Query data" and "Query metrics").
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

# The end of the year 9999, in epoch seconds: what lies after it cannot be written.
_END = 253402300800

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


class Series(NamedTuple):
    """One series of the answer to an MPL query.

    start: where the first interval begins, in epoch seconds. resolution: length of an interval, in seconds. data: a
    number for each interval, None where there is none.
    """

    tags: dict[str, Any]
    start: int
    resolution: int
    data: list[float | None]

    @property
    def last(self) -> int | None:
        """Where the last interval with a value begins, in epoch seconds."""
        filled = [index for index, value in enumerate(self.data) if value is not None]
        return self.start + filled[-1] * self.resolution if filled else None


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
    """Every series."""
    try:
        return [_one(item) for item in answer["series"]]
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        raise ValueError("series") from None


def _one(item: Mapping[str, Any]) -> Series:
    data = [None if value is None else float(value) for value in item["data"]]
    start, resolution = int(item["start"]), int(item["resolution"])
    if start < 0 or resolution < 0 or start + len(data) * resolution >= _END:
        raise ValueError("time")
    return Series(dict(item.get("tags") or {}), start, resolution, data)
