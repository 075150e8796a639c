# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""report.html in a browser. Every test ends by looking for requests and complaints: see the fixture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from support import sample_report
from support.sample_report import machine, report

AXE = Path(os.environ["AXE"]) if "AXE" in os.environ else None


def small() -> dict:
    return report(
        [
            machine("web-10", team="payments", client_version="2.1.9"),
            machine("web-9", "never_seen", team="payments"),
            machine("db-1", "stale", last_event="2026-11-20T00:00:00Z", client_version="2.1.330"),
            machine("guest", "unknown", client_version="2.1.30"),
            machine("printer", "not_in_use"),
        ]
    )


def test_the_summary_says_what_the_report_says(browser):
    browser.show({**small(), "warnings": ["near the field limit"]})
    assert browser.find("#percent").text == "33.3%"
    assert browser.find("#counts").text == "1 of 3 machines deliver logs and metrics"
    assert browser.find("#warnings").text == "Warning: near the field limit"
    assert "claude-code-logs, claude-code-metrics" in browser.find("#window").text
    assert "2026-11-17 22:00 to 2026-11-24 22:00 UTC" in browser.find("#window").text
    counted = "1 delivering 1 Claude Code not in use 1 not in the inventory 1 stale settings or token 1 never seen"
    assert " ".join(browser.find("#legend").text.split()) == counted
    assert "not_installed" in browser.find("#why").text
    assert "client_missing" not in browser.find("#why").text
    assert "no reason known" not in browser.find("#why").text
    assert "payments" in browser.find("#teams").text
    assert "1 of 2" in browser.find("#teams").text


def test_the_silent_ones_come_first_with_reason_and_next_step(browser):
    browser.show(small())
    assert browser.names() == ["web-9", "db-1", "guest", "printer", "web-10"]
    assert browser.sort_of("Status") == "ascending"
    assert browser.column(2)[0] == (
        "not_installed no telemetry environment is installed in any source\nNext: run devfleet.axiom.enforce"
    )
    browser.status("5 of 5 machines")


def test_a_click_on_a_head_sorts_and_another_turns_it_round(browser):
    browser.show(small())
    browser.head("Machine").click()
    assert browser.names() == ["db-1", "guest", "printer", "web-9", "web-10"]
    assert (browser.sort_of("Machine"), browser.sort_of("Status")) == ("ascending", None)
    browser.head("Machine").click()
    assert browser.names() == ["web-10", "web-9", "printer", "guest", "db-1"]
    assert browser.sort_of("Machine") == "descending"


@pytest.mark.parametrize(
    ("title", "first"), [("Client", ["web-10", "guest", "db-1"]), ("Last event", ["db-1", "web-10", "guest"])]
)
def test_what_is_not_known_comes_last_in_both_directions(browser, title, first):
    browser.show(small())
    browser.head(title).click()
    assert browser.names() == [*first, "web-9", "printer"]
    browser.head(title).click()
    assert set(browser.names()[3:]) == {"web-9", "printer"}
    assert browser.names()[0 if title == "Client" else 2] == "db-1"


def test_filters_combine_and_are_cleared(browser):
    browser.show(small())
    browser.choose("team", "payments")
    browser.status("2 of 5 machines")
    browser.find("#text").send_keys("ENFORCE web")
    browser.status("1 of 5 machines")
    assert browser.names() == ["web-9"]
    browser.choose("class", "delivering")
    browser.status("0 of 5 machines")
    assert browser.find("#table tbody").text == "No machine matches."
    browser.find("#filters button[type=reset]").click()
    browser.status("5 of 5 machines")
    assert len(browser.names()) == 5


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("#legend [data-class=unknown]", ["guest"]),
        ("#why tbody button", ["db-1"]),
        ("#teams tbody button", ["web-9", "web-10"]),
        ("#versions tbody button", ["db-1"]),
    ],
)
def test_the_summary_leads_to_its_machines(browser, selector, names):
    of = small()
    of["client_versions"] = [{"version": "2.1.330", "machines": 1}]
    of["machines"][1]["reasons"] = []
    browser.show(of)
    assert "no reason known" in browser.find("#why").text
    browser.find(selector).click()
    browser.status(f"{len(names)} of 5 machines")
    assert browser.names() == names
    assert browser.script("return document.activeElement.id") == "machines"


def test_5000_machines_are_sorted_and_filtered_a_page_at_a_time(browser):
    of = sample_report.fleet(5000)
    browser.show(of)
    browser.status("5,000 of 5,000 machines, the first 250 shown")
    browser.head("Machine").click()
    assert browser.names() == sorted(item["machine"] for item in of["machines"])[:250]
    browser.find("#more-some").click()
    browser.status("5,000 of 5,000 machines, the first 500 shown")
    stale = [item["machine"] for item in of["machines"] if item["class"] == "stale"]
    browser.choose("class", "stale")
    browser.status(f"{len(stale)} of 5,000 machines")
    assert browser.names() == sorted(stale)
    assert not browser.find("#more").is_displayed()
    browser.choose("class", "")
    browser.find("#more-all").click()
    browser.status("5,000 of 5,000 machines")
    assert len(browser.names()) == 5000


def test_all_rows_are_printed_and_no_controls(browser):
    browser.show(sample_report.fleet(600))
    browser.status("600 of 600 machines, the first 250 shown")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.script("window.dispatchEvent(new Event('beforeprint'))")
    assert len(browser.names()) == 600
    assert not browser.find("#filters").is_displayed()


EVIL = "<script>document.title='taken'</script>"


def test_a_machine_named_like_a_script_is_only_a_name(browser):
    names = [
        EVIL,
        "<img src=x onerror=\"document.title='taken'\">",
        "</script><h1>x</h1>",
        "a\u2028b\u202ec",
        "&lt;b&gt;",
    ]
    evil = [
        machine(name, "stale", team=name, client_version=name, reasons=[{"code": name, "message": name, "fix": name}])
        for name in names
    ]
    of = report(evil, warnings=tuple(names))
    of["client_versions"] = [{"version": EVIL, "machines": 1}]
    browser.show(of)
    assert set(browser.names()) == set(names)
    assert browser.driver.title == "Claude Code telemetry of the fleet"
    assert browser.script("return document.querySelectorAll('img, main script, h1').length") == 1
    browser.choose("team", EVIL)
    browser.status("1 of 5 machines")
    assert browser.names() == [EVIL]


def test_the_policy_stops_a_script_that_is_not_its_own(browser):
    browser.show(small())
    inject = "const made = document.createElement('script'); made.textContent = \"document.title = 'taken'\""
    browser.script(f"{inject}; document.body.append(made)")
    assert browser.driver.title == "Claude Code telemetry of the fleet"
    assert any("Content Security Policy" in text for text in browser.complaints())


@pytest.mark.parametrize("dark", [False, True])
def test_the_reader_chooses_light_or_dark(browser, dark):
    browser.show(small(), dark=dark)
    colour = browser.script("return getComputedStyle(document.body).backgroundColor")
    lightness = sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    assert (lightness < 200) == dark


def test_everything_works_from_the_keyboard(browser):
    browser.show(small())

    def press(*keys: str) -> None:
        for key in keys:
            browser.driver.switch_to.active_element.send_keys(key)

    browser.find("body").send_keys(Keys.TAB)
    assert browser.driver.switch_to.active_element.text == "Skip to the machines"
    press(Keys.ENTER)
    press(Keys.TAB)
    assert browser.script("return document.activeElement.id") == "text"
    press("db")
    browser.status("1 of 5 machines")
    press(*[Keys.TAB] * 5)
    assert browser.driver.switch_to.active_element.text == "Clear"
    press(Keys.ENTER)
    browser.status("5 of 5 machines")
    press(Keys.TAB, Keys.TAB)
    assert browser.driver.switch_to.active_element.text == "Machine"
    outline = browser.script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    press(Keys.SPACE)
    assert browser.sort_of("Machine") == "ascending"


@pytest.mark.parametrize("width", [1280, 360])
def test_no_window_needs_scrolling_sideways(browser, width):
    of = small()
    of["machines"][0]["machine"] = "a-very-long-name-" * 8
    browser.show(of, width=width)
    assert browser.script("return document.documentElement.scrollWidth") <= width


def test_a_report_of_nothing_can_be_shown(browser):
    browser.show(report([]))
    assert browser.find("#percent").text == "none expected"
    browser.status("0 of 0 machines")


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 1280), (False, 360)])
def test_axe_finds_nothing_that_keeps_anybody_out(browser, dark, width):
    """WCAG 2.2 A and AA, and axe's best practices: names, landmarks, contrast, what can be reached."""
    assert AXE, "set AXE to axe.min.js of the npm package axe-core, as `make browser` does"
    browser.show({**sample_report.fleet(60), "warnings": ["a warning"]}, dark=dark, width=width)
    browser.status("60 of 60 machines")
    browser.script(AXE.read_text())
    found = browser.driver.execute_async_script("axe.run().then(arguments[0])")
    assert found["passes"]
    said = [
        f"{item['id']}: {node['html'][:200]} {node['failureSummary']}"
        for item in found["violations"]
        for node in item["nodes"]
    ]
    assert said == []
