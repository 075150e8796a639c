# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboard document: what the v2 document allows, for the kinds of charts that a query or a text makes.

Written out here because the local Axiom also runs where Axiom's document is not at hand; the tests hold both together.
"""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from axiom_emulator.errors import ApiError

EVERYONE = "X-AXIOM-EVERYONE"
OTHER_CHARTS = ("Heatmap", "LogStream", "MonitorList", "Scatter", "SmartFilter")
"""Documented, but no part of the local Axiom."""

Schema = dict[str, Any]


def _text(most: int | None = None, least: int = 0) -> Schema:
    return {"type": "string", "minLength": least, **({"maxLength": most} if most else {})}


def _integer(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _one_of(*values: Any) -> Schema:
    return {"enum": list(values)}


def _object(required: str, members: Schema) -> Schema:
    return {
        "type": "object",
        "properties": members,
        "required": required.split(),
        "additionalProperties": False,
    }


_BOOLEAN: Schema = {"type": "boolean"}
_BOOLEAN_OR_TEXT: Schema = {"type": ["boolean", "string"]}
_QUERY_TEXT = _text(500_000, 1)
_AGAINST = ("-1h", "-3h", "-6h", "-12h", "-1d", "-3d", "-7d", "-1w", "-2w", "-3w", "-30d", "-60d", "-90d")
_THRESHOLD = _one_of("Above", "AboveOrEqual", "Below", "BelowOrEqual", "AboveOrBelow")
_COLOR = _text(200)
_COLORS = _object("", dict.fromkeys(("background", "chartFillColor", "labelColor", "textColor"), _COLOR))
_VIEW = _one_of("charts", "resultsTable", "charts|resultsTable", "")
_SCHEMES = ("Blue", "Orange", "Red", "Purple", "Teal", "Yellow", "Green", "Pink", "Grey", "Brown")

_TIME_SERIES_OPTIONS = _object(
    "",
    {
        "displayNull": _one_of("auto", "null", "span", "zero", ""),
        "overlayCharts": _one_of("true", "false", ""),
        "shownColumns": _text(10_000),
        "timeSeriesVariant": _one_of("area", "bars", "line", "lines", ""),
        "timeSeriesView": _VIEW,
    },
)

_STREAM_SETTINGS = _object(
    "",
    {
        "fontSize": {"type": "string", "maxLength": 20, "pattern": r"^\d+px$"},
        **dict.fromkeys(
            (
                "highlightSeverity",
                "showRaw",
                "showEvent",
                "showTimestamp",
                "wrapLines",
                "hideNulls",
                "fitColumns",
            ),
            _BOOLEAN,
        ),
    },
)
_WIDE_COLUMN = _object("name", {"name": _text(500), "width": _integer(1, 2**53 - 1)})
_TABLE_SETTINGS = _object(
    "",
    {
        "columns": {"type": "array", "maxItems": 500, "items": {"anyOf": [_text(500), _WIDE_COLUMN]}},
        "settings": _STREAM_SETTINGS,
    },
)


def _query(options: Schema | None = None) -> Schema:
    """A chart's query is APL or MPL, never both."""
    more = {"queryOptions": options} if options else {}
    return {"anyOf": [_object(name, {name: _QUERY_TEXT, **more}) for name in ("apl", "mpl")]}


def _chart(kind: str, required: str = "", members: Schema | None = None) -> Schema:
    own = {"id": _text(200, 1), "type": _one_of(kind)}
    return _object(f"id type {required}", {**own, **(members or {})})


_NAMED = {"name": _text(500, 1)}
_SIMPLE = {**_NAMED, "query": _query()}

CHARTS: dict[str, Schema] = {
    "Note": _chart("Note", "text", {"text": _text(100_000, 1), "variant": _one_of("default")}),
    "Pie": _chart("Pie", "query", _SIMPLE),
    "Spacer": _chart("Spacer", "", _NAMED),
    "Statistic": _chart(
        "Statistic",
        "query",
        {
            **_SIMPLE,
            "colorScheme": _one_of(*_SCHEMES),
            "customUnits": _text(200),
            "showChart": _BOOLEAN_OR_TEXT,
            "hideValue": _BOOLEAN,
            "chartHeight": {"anyOf": [_text(100), {"type": "number"}]},
            "errorThreshold": _THRESHOLD,
            "errorThresholdValue": _text(100),
            "warningThreshold": _THRESHOLD,
            "warningThresholdValue": _text(100),
            "invertTheme": _BOOLEAN,
            **dict.fromkeys(("background", "textColor", "labelColor", "chartFillColor"), _COLOR),
            **dict.fromkeys(("okColorProps", "warningColorProps", "errorColorProps"), _COLORS),
        },
    ),
    "Table": _chart("Table", "query", {**_SIMPLE, "tableSettings": _TABLE_SETTINGS}),
    "TimeSeries": _chart("TimeSeries", "query", {**_NAMED, "query": _query(_TIME_SERIES_OPTIONS)}),
    "TopK": _chart("TopK", "query", _SIMPLE),
}

_LAYOUT_ITEM = _object(
    "i x y w h",
    {
        "i": _text(200, 1),
        "x": _integer(0, 11),
        "y": {"type": ["integer", "null"], "minimum": 0, "maximum": 2**53 - 1},
        "w": _integer(1, 12),
        "h": _integer(1, 100),
        "minW": _integer(1, 12),
        "minH": {"type": "number", "minimum": 0.5, "maximum": 100},
        "maxW": _integer(1, 12),
        "maxH": _integer(1, 100),
        "static": _BOOLEAN,
    },
)

DASHBOARD = _object(
    "name owner charts layout refreshTime schemaVersion timeWindowStart timeWindowEnd",
    {
        "name": _text(100, 1),
        "owner": _text(),
        "description": _text(1000),
        "charts": {"type": "array", "maxItems": 200},
        "layout": {"type": "array", "maxItems": 200, "items": _LAYOUT_ITEM},
        "refreshTime": _one_of(15, 60, 300),
        "schemaVersion": _one_of(2),
        "against": _one_of(*_AGAINST),
        "againstTimestamp": _text(100),
        "timeWindowStart": _text(100, 1),
        "timeWindowEnd": _text(100, 1),
        "uid": {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,128}$"},
    },
)


def check_dashboard(document: Any) -> None:
    """Raise ApiError 400 naming the first member that is out of shape."""
    _check(DASHBOARD, document, "dashboard")
    for index, chart in enumerate(document["charts"]):
        check_chart(chart, f"dashboard.charts[{index}]")


def check_chart(chart: Any, where: str) -> None:
    """Raise ApiError 400 where a chart is none of those documented, or not part of the local Axiom."""
    kind = chart.get("type") if isinstance(chart, dict) else None
    if kind in OTHER_CHARTS:
        raise ApiError(400, f"{where}: charts of type {kind} are not part of the local Axiom")
    if not isinstance(kind, str) or kind not in CHARTS:
        raise ApiError(400, f"{where}: the type {kind!r} is not one of {', '.join(sorted(CHARTS))}")
    _check(CHARTS[kind], chart, where)


def _check(schema: Schema, value: Any, where: str) -> None:
    error = best_match(Draft202012Validator(schema).iter_errors(value))
    if error:
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        raise ApiError(400, f"{where}{path}: {error.message}")
