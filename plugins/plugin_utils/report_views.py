# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A report as text for a terminal, as JUnit XML for CI, and as one HTML file: pure functions of C(report.json).

The shape of a report is described by C(docs/report.schema.json). Names in it come from machines that anybody may have
named, so each view makes them harmless in its own way: no control characters in a terminal, no forbidden characters in
XML, and in HTML no text that becomes markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ansible_collections.devfleet.axiom.plugins.module_utils.one_line import one_line
from ansible_collections.devfleet.axiom.plugins.plugin_utils.arrivals import CLASSES, FINE

Report = Mapping[str, Any]
Machine = Mapping[str, Any]

NOT_ASKED = "no reason known: --tags reasons asks the machines"

# A terminal shows the beginning of long lists; everything is in the other files.
_MOST_TEAMS = 20
_MOST_VERSIONS = 5
_MOST_REASONS = 10
_MOST_NAMES = 8
_LONGEST_NAME = 80
_WIDTH = 120

_PAGE = Path(__file__).with_name("report_page")
# What XML 1.0 cannot hold, not even escaped (production Char).
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def terminal(report: Report) -> list[str]:
    """The report as lines of plain text: the coverage, the counts, and the silent ones with reason and next step."""
    return [
        _headline(report),
        *_table([(label, report["classes"].get(name, 0)) for name, label in CLASSES.items()]),
        *_teams(report["teams"]),
        *_versions(report["client_versions"]),
        *_silent(report["machines"]),
        *(f"Warning: {one_line(warning)}" for warning in report["warnings"]),
    ]


def _headline(report: Report) -> str:
    coverage, window = report["coverage"], report["window"]
    return (
        f"{coverage['delivering']} of {coverage['expected']} machines deliver ({_percent(coverage['percent'])}),"
        f" {_moment(window['start'])} to {_moment(window['end'])} UTC"
    )


def _teams(teams: Sequence[Mapping[str, Any]]) -> list[str]:
    if not teams:
        return []
    # Where many have teams of their own, those with the largest gap come first.
    shown = sorted(teams, key=lambda team: team["delivering"] - team["expected"])[:_MOST_TEAMS]
    lines = _table(
        [
            (
                one_line(team["team"], _LONGEST_NAME),
                f"{team['delivering']} of {team['expected']}",
                _percent(team["percent"]),
            )
            for team in shown
        ]
    )
    return ["", "By team:", *lines, *_more("  ", len(teams) - len(shown), "teams")]


def _versions(versions: Sequence[Mapping[str, Any]]) -> list[str]:
    if not versions:
        return []
    named = [f"{one_line(item['version'], _LONGEST_NAME)} ({item['machines']})" for item in versions[:_MOST_VERSIONS]]
    return ["", "Client versions: " + ", ".join([*named, *_more("", len(versions) - len(named), "versions")])]


def _silent(machines: Iterable[Machine]) -> list[str]:
    """Machines of one class with the same reasons are named together: a fleet has few reasons for many machines."""
    lines = []
    found: dict[str, dict[tuple[tuple[str, str], ...], list[str]]] = {}
    for machine in machines:
        if machine["class"] not in FINE:
            reasons = tuple((f"{item['code']}: {item['message']}", item["fix"]) for item in machine["reasons"])
            found.setdefault(machine["class"], {}).setdefault(reasons, []).append(
                one_line(machine["machine"], _LONGEST_NAME)
            )
    for name, label in CLASSES.items():
        groups = sorted(found.get(name, {}).items(), key=lambda group: -len(group[1]))
        if groups:
            lines += ["", f"{label[0].upper()}{label[1:]}: {sum(len(names) for reasons, names in groups)}"]
        for reasons, names in groups[:_MOST_REASONS]:
            listed = ", ".join([*names[:_MOST_NAMES], *_more("", len(names) - _MOST_NAMES)])
            lines += _wrapped("  ", listed)
            for reason, fix in reasons:
                lines += _wrapped("    ", one_line(reason)) + (_wrapped("    next: ", one_line(fix)) if fix else [])
            if not reasons and name != "unknown":
                lines.append(f"    {NOT_ASKED}")
        rest = sum(len(names) for reasons, names in groups[_MOST_REASONS:])
        lines += _more("  ", rest, "machines, in report.json")
    return lines


def _table(rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """Aligned: text to the left in the first column, to the right in the others."""
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
    return [
        "  " + "  ".join([str(row[0]).ljust(widths[0]), *(str(row[i]).rjust(widths[i]) for i in range(1, len(row)))])
        for row in rows
    ]


def _more(indent: str, count: int, what: str = "") -> list[str]:
    return [f"{indent}and {count} more {what}".rstrip()] if count > 0 else []


def _wrapped(lead: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead), break_on_hyphens=False
    ) or [lead.rstrip()]


def _percent(value: float | None) -> str:
    return "none expected" if value is None else f"{value:.1f}%"


def _moment(instant: str) -> str:
    """An RFC 3339 instant in UTC, to the minute."""
    return one_line(instant)[:16].replace("T", " ")


def junit(report: Report) -> str:
    """The report as JUnit XML: one test case for each expected machine; each that does not deliver has failed."""
    expected = [item for item in report["machines"] if item["in_inventory"] and item["class"] != "not_in_use"]
    failed = [item for item in expected if item["class"] != "delivering"]
    counts = {"tests": str(len(expected)), "failures": str(len(failed)), "errors": "0", "time": "0"}
    root = ElementTree.Element("testsuites", counts)
    stamp = _xml(report["generated_at"])[:19]
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        {"name": "devfleet.axiom.report", **counts, "skipped": "0", "timestamp": stamp, "hostname": "fleet"},
    )
    for machine in expected:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"classname": _xml(machine["team"] or "no team"), "name": _xml(machine["machine"]), "time": "0"},
        )
        if machine["class"] != "delivering":
            label = CLASSES.get(machine["class"], machine["class"])
            codes = ", ".join(reason["code"] for reason in machine["reasons"])
            message = f"{label} ({codes})" if codes else label
            failure = ElementTree.SubElement(
                case, "failure", {"type": _xml(machine["class"]), "message": _xml(message)}
            )
            failure.text = _xml("\n".join(_explanation(machine)))
    # Not a test case, because nobody expected them.
    unknown = [item["machine"] for item in report["machines"] if item["class"] == "unknown"]
    said = [*(f"not in the inventory: {name}" for name in unknown), *report["warnings"]]
    ElementTree.SubElement(suite, "system-out").text = _xml("\n".join(said))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _explanation(machine: Machine) -> list[str]:
    lines = [f"last event: {machine['last_event'] or 'none'}, last metric: {machine['last_metric'] or 'none'}"]
    for reason in machine["reasons"]:
        lines.append(f"{reason['code']}: {reason['message']}")
        if reason["fix"]:
            lines.append(f"next: {reason['fix']}")
    return lines


def _xml(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", str(text))


def html(report: Report) -> str:
    """The report as one HTML file that loads nothing and runs no script but its own."""
    style, script = (_PAGE / "page.css").read_text("utf-8"), (_PAGE / "page.js").read_text("utf-8")
    parts = {
        "csp": f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; base-uri 'none';"
        " form-action 'none'",
        "style": style,
        "script": script,
        "classes": _json([{"name": name, "label": label} for name, label in CLASSES.items()]),
        "report": _json(report),
    }
    # In one pass, so that nothing in the data can look like a place to fill.
    return re.sub(r"@@(\w+)@@", lambda place: parts[place[1]], (_PAGE / "page.html").read_text("utf-8"))


def _source(text: str) -> str:
    """An inline script or style as a Content Security Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(value: Any) -> str:
    """JSON that can stand inside a script element: no ``</script>``, no ``<!--``, and nothing but ASCII."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
