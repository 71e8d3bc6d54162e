"""A browser for the console's tests: every page of it watches for what no page may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

CHROMIUM: Final = Path("/usr/bin/chromium")
DESKTOP: Final = (1440, 900)
PHONE: Final = (390, 844)
WAIT_MS: Final = 20_000
"""Plotly's 4.8 MB take a while to be read where the machine does other things, too."""
_EXPECTED: Final = ("Failed to load resource", "WebSocket connection to")
"""What Chromium itself says of answers that are errors, and of sockets that are refused."""

_UNNAMED: Final = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const told = (what, found) => found.map((one) => `${what}: ${one.outerHTML.slice(0, 80)}`);
  const isNamed = (one) => one.getAttribute("aria-label") || one.getAttribute("aria-labelledby");
  return [
    ...told("no label", all("input, select").filter((one) => !one.labels.length)),
    ...told("no caption", all("table").filter((one) => !one.caption?.textContent)),
    ...told("no text", all("button, a").filter((one) => !one.textContent.trim())),
    ...told("no name", all("[role=img], [role=region], section, nav, dialog").filter((one) => !isNamed(one))),
    ...(all("h1").length === 1 ? [] : ["not one h1"]),
    ...["header", "nav", "main", "footer"].filter((name) => !all(name).length),
  ];
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page; ``complaints`` are errors of scripts, forbidden things, and requests to elsewhere."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def go(self, address: str) -> Page:
        """Open a view of the console."""
        self.page.goto(f"{self.url}/console#{address}")
        return self.page

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_EXPECTED):
            self.complaints.append(message.text)

    def requested(self, url: str) -> None:
        host = urlsplit(url).netloc
        if host and host != urlsplit(self.url).netloc:
            self.complaints.append(f"a request to {url}")


@contextmanager
def watched_page(browser: Browser, url: str, **settings: Any) -> Iterator[Watched]:
    """A page of its own; what it complains of fails the test."""
    width, height = settings.pop("size", DESKTOP)
    context = browser.new_context(viewport={"width": width, "height": height}, **settings)
    context.set_default_timeout(WAIT_MS)
    watched = Watched(context.new_page(), url)
    watched.page.on("console", watched.heard)
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.page.on("request", lambda request: watched.requested(request.url))
    try:
        yield watched
        assert not watched.complaints, watched.complaints
    finally:
        context.close()


def unnamed(page: Page) -> list[str]:
    """What of a page has no name for somebody who does not see it, and landmarks that are not there."""
    found: list[str] = page.evaluate(_UNNAMED)
    return found
