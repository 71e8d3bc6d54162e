"""Pictures of the console for the documentation: ``python -m support.console_screenshots FOLDER``.

Those of one gateway at work are named ``console-live-…``; the others show a made-up installation, in which
more has happened than does in a minute.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, Page

from support.console_backend import console_backend
from support.console_browser import DESKTOP, PHONE, chromium
from support.console_load import gateway_at_work

Scheme = Literal["light", "dark"]
Look = tuple[str, tuple[int, int], Scheme]

LOOKS: Final[tuple[Look, ...]] = (
    ("desktop-light", DESKTOP, "light"),
    ("desktop-dark", DESKTOP, "dark"),
    ("phone-light", PHONE, "light"),
    ("phone-dark", PHONE, "dark"),
)
VIEWS: Final = (
    ("overview", "/"),
    ("sessions", "/sessions"),
    ("session", ""),
    ("protocol", "/protocol/billing"),
    ("records", "/records"),
    ("search", "/search?q=skipped"),
)
AT_WORK_S: Final = 100.0
"""So long does a gateway work before its picture is taken: the charts have a point a quarter of a minute."""


class Photographer:
    """Takes pictures into a folder; ``prefix`` begins their names."""

    def __init__(self, browser: Browser, url: str, folder: Path, prefix: str) -> None:
        self._browser = browser
        self._url = url
        self._folder = folder
        self._prefix = prefix

    def take(self, views: Sequence[tuple[str, str]], looks: Sequence[Look]) -> None:
        """All of these views in all of these looks; one without an address is a session's."""
        for look, (width, height), scheme in looks:
            size = {"width": width, "height": height}
            context = self._browser.new_context(viewport=size, color_scheme=scheme)
            page = context.new_page()
            for name, address in views:
                self._show(page, address or self._session(page))
                target = self._folder / f"{self._prefix}-{name}-{look}.png"
                page.screenshot(path=target)
                sys.stdout.write(f"{target}\n")
            context.close()

    def take_question(self, look: Look) -> None:
        """What is asked before a workspace is moved."""
        name, (width, height), scheme = look
        size = {"width": width, "height": height}
        with self._browser.new_context(viewport=size, color_scheme=scheme) as context:
            page = context.new_page()
            self._show(page, "/protocol/checkout-service")
            page.get_by_role("button", name="Roll back").click()
            page.wait_for_selector("dialog")
            page.screenshot(path=self._folder / f"{self._prefix}-rollback-{name}.png")

    def _show(self, page: Page, address: str) -> None:
        page.goto(f"{self._url}/console#{address}")
        page.wait_for_selector("main section")
        page.wait_for_function("() => !document.querySelector('main').innerText.includes('Reading ')")
        if page.locator(".plot").count():
            page.wait_for_function("() => document.querySelectorAll('.plot .main-svg').length >= 3")
        page.mouse.move(0, 0)

    def _session(self, page: Page) -> str:
        self._show(page, "/sessions")
        link = page.locator("tbody th a").first.get_attribute("href") or "#/"
        return link.removeprefix("#")


def main() -> None:
    """Take them all."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with console_backend(1000) as backend, chromium() as browser:
        made_up = Photographer(browser, backend.url, folder, "console")
        made_up.take(VIEWS, LOOKS[:1])
        made_up.take(VIEWS[:1], LOOKS[1:3])
        made_up.take(VIEWS[1:4], LOOKS[3:])
        made_up.take_question(LOOKS[0])
    with tempfile.TemporaryDirectory() as scratch, gateway_at_work(Path(scratch)) as gateway:
        time.sleep(AT_WORK_S)
        with chromium() as browser:
            live = Photographer(browser, gateway.url, folder, "console-live")
            live.take((("overview", "/?seconds=900"), *VIEWS[1:3]), LOOKS[:1])


if __name__ == "__main__":
    main()
