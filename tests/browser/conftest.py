# Copyright: (c) 2026, devfleet maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real browser with a report in it, that notices every request and every complaint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from ansible_collections.devfleet.axiom.plugins.plugin_utils import report_views

# No sandbox: the tests run as root too. The rest keeps the browser from asking anything of the network by itself.
ARGUMENTS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "disable-dev-shm-usage",
)


class Browser:
    """A page with one report, seen as its reader does."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver = driver
        self._path = folder / "report.html"

    def show(self, report: dict[str, Any], dark: bool = False, width: int = 1280, height: int = 1000) -> None:
        """Open the report in a window of this size."""
        self._path.write_text(report_views.html(report), encoding="utf-8")
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(self._path.as_uri())

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def names(self) -> list[str]:
        """The machines in the table, from top to bottom."""
        return self.script("return [...document.querySelectorAll('#table tbody th')].map((cell) => cell.textContent)")

    def column(self, number: int) -> list[str]:
        script = (
            "return [...document.querySelectorAll('#table tbody tr')].map((row) => row.cells[arguments[0]].innerText)"
        )
        return self.script(script, number)

    def head(self, title: str) -> Any:
        return self.driver.find_element(By.XPATH, f"//table[@id='table']/thead//button[text()='{title}']")

    def sort_of(self, title: str) -> str | None:
        return self.head(title).find_element(By.XPATH, "..").get_attribute("aria-sort")

    def status(self, expected: str) -> None:
        """Wait until the live region says so; it waits a moment itself, for the typing to end."""
        WebDriverWait(self.driver, 60, 0.05).until(
            lambda _: self.find("#shown").text == expected, self.find("#shown").text
        )

    def choose(self, field: str, value: str) -> None:
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
        self.script(script, self.find(f"#{field}"), value)

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The URL of everything asked for since the last call, the report itself left out."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if url != self._path.as_uri()]


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in (*ARGUMENTS, f"user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Named, so that selenium downloads none.
    with webdriver.Chrome(options, Service(shutil.which("chromedriver"))) as driver:
        driver.get("about:blank")
        # The browser's own start page.
        driver.get_log("performance")
        yield driver


@pytest.fixture
def browser(driver: webdriver.Chrome, tmp_path: Path) -> Iterator[Browser]:
    browser = Browser(driver, tmp_path)
    yield browser
    assert browser.complaints() == []
    assert browser.requests() == []
