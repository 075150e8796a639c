# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each view says, whatever the machines are called. How the page behaves is tested in tests/browser."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
from xml.etree import ElementTree

import jsonschema
import junitparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import sample_report

import ansible_collections.devfleet.axiom as collection
from ansible_collections.devfleet.axiom.plugins.plugin_utils import arrivals, report_views

# Lone surrogates too: what Ansible makes of file names that are not UTF-8.
TEXT = st.text(st.characters(codec=None), max_size=20)
REPORTS = st.lists(
    st.builds(
        sample_report.machine,
        TEXT,
        st.sampled_from(sample_report.CLASSES),
        team=st.none() | TEXT,
        client_version=st.none() | TEXT,
        reasons=st.lists(st.fixed_dictionaries({"code": TEXT, "message": TEXT, "fix": TEXT}), max_size=2),
    ),
    max_size=5,
).flatmap(lambda machines: st.builds(sample_report.report, st.just(machines), st.tuples(TEXT)))


class Page(html.parser.HTMLParser):
    """The elements of a page, and what its scripts and styles hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.policy = ""
        self.held: dict[str, str] = {}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self._inside = given.get("id") or tag if tag in ("script", "style") else ""
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        assert not any(name in ("src", "style") or name.startswith("on") for name in given)
        assert all(target.startswith("#") for name, target in attrs if name == "href")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside:
            self.held[self._inside] = self.held.get(self._inside, "") + data


@pytest.fixture(scope="module")
def schema():
    path = f"{next(iter(collection.__path__))}/docs/report.schema.json"
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class TestSchema:
    def test_what_the_views_are_tested_with_is_a_report(self, schema):
        jsonschema.validate(sample_report.fleet(100), schema, format_checker=jsonschema.FormatChecker())

    def test_it_is_a_schema_and_refuses_another_class(self, schema):
        jsonschema.validators.validator_for(schema).check_schema(schema)
        report = sample_report.report([{**sample_report.machine("m"), "class": "asleep"}])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(report, schema)

    def test_every_class_has_words(self, schema):
        assert set(arrivals.CLASSES) == set(schema["$defs"]["class"]["enum"])


class TestTerminal:
    def test_it_says_who_is_silent_why_and_what_to_do(self):
        report = sample_report.report(
            [
                sample_report.machine("good"),
                sample_report.machine("quiet", "never_seen"),
                sample_report.machine("asked-nothing", "never_seen", reasons=[]),
                sample_report.machine("unused", "not_in_use"),
            ],
            warnings=("near the field limit",),
        )
        lines = report_views.terminal(report)
        assert lines[0] == "1 of 3 machines deliver (33.3%), 2026-11-17 22:00 to 2026-11-24 22:00 UTC"
        assert "  never seen               2" in lines
        assert "  metrics only             0" in lines
        start = lines.index("Never seen: 2")
        assert lines[start + 1 : start + 6] == [
            "  quiet",
            "    not_installed: no telemetry environment is installed in any source",
            "    next: run devfleet.axiom.enforce",
            "  asked-nothing",
            "    no reason known: --tags reasons asks the machines",
        ]
        assert lines[-1] == "Warning: near the field limit"

    def test_machines_with_the_same_reason_are_one_entry_and_long_lists_are_cut_with_a_count(self):
        many = [sample_report.machine(f"m{number}", "never_seen") for number in range(500)]
        lines = report_views.terminal(sample_report.report(many))
        assert "  m0, m1, m2, m3, m4, m5, m6, m7, and 492 more" in lines
        own = [
            sample_report.machine(f"m{number}", "stale", reasons=[{"code": "c", "message": str(number), "fix": ""}])
            for number in range(500)
        ]
        lines = report_views.terminal(sample_report.report(own))
        assert "  and 490 more machines, in report.json" in lines
        assert len(lines) < 50

    def test_a_report_of_nothing(self):
        lines = report_views.terminal(sample_report.report([]))
        assert lines[0].startswith("0 of 0 machines deliver (none expected)")

    @given(REPORTS)
    def test_no_name_moves_the_cursor_or_adds_a_line(self, report):
        for line in report_views.terminal(report):
            assert not re.search("[\x00-\x1f\x7f-\x9f\u202e\u2028\u2029\ud800-\udfff]", line)


class TestJunit:
    def test_one_case_for_each_expected_machine(self):
        report = sample_report.report(
            [sample_report.machine(name, name) for name in sample_report.CLASSES], warnings=("a warning",)
        )
        suite = next(iter(junitparser.JUnitXml.fromstring(report_views.junit(report).encode())))
        cases = {case.name: case for case in suite}
        assert set(cases) == set(sample_report.CLASSES) - {"unknown", "not_in_use"}
        assert (suite.tests, suite.failures, suite.errors) == (5, 4, 0)
        assert cases["delivering"].is_passed
        assert cases["delivering"].classname == "platform"
        (failure,) = cases["never_seen"].result
        assert (failure.type, failure.message) == ("never_seen", "never seen (not_installed)")
        assert "next: run devfleet.axiom.enforce" in failure.text
        said = ElementTree.fromstring(report_views.junit(report)).findtext("testsuite/system-out")
        assert said == "not in the inventory: unknown\na warning"

    @given(REPORTS)
    def test_it_is_xml_whatever_the_names(self, report):
        suite = next(iter(junitparser.JUnitXml.fromstring(report_views.junit(report).encode())))
        assert len(list(suite)) == suite.tests == report["coverage"]["expected"]
        assert suite.tests - suite.failures == report["coverage"]["delivering"]


class TestHtml:
    def test_it_holds_the_report_and_loads_nothing(self):
        report = sample_report.fleet(50)
        page = Page(report_views.html(report))
        assert json.loads(page.held["report"]) == report
        assert not set(page.tags) & {"link", "img", "iframe", "object", "embed", "base"}

    def test_the_policy_allows_its_own_script_and_style_only(self):
        page = Page(report_views.html(sample_report.fleet(1)))
        directives = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
        assert directives["default-src"] == "'none'"
        for directive, held in (("script-src", page.held["script"]), ("style-src", page.held["style"])):
            digest = base64.b64encode(hashlib.sha256(held.encode()).digest()).decode()
            assert directives[directive] == f"'sha256-{digest}'"

    @pytest.mark.parametrize(
        "name", ["</script><script>alert(1)</script>", "<!--<script>", "@@script@@", "\u2028", "\ud800"]
    )
    def test_no_name_becomes_markup(self, name):
        plain = Page(report_views.html(sample_report.report([sample_report.machine("m")])))
        report = sample_report.report([sample_report.machine(name, team=name)])
        page = Page(report_views.html(report))
        assert json.loads(page.held["report"]) == report
        assert page.tags == plain.tags

    @given(REPORTS)
    def test_the_data_survives(self, report):
        text = report_views.html(report)
        text.encode("ascii")
        assert json.loads(Page(text).held["report"]) == report
