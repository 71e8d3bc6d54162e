"""The console in Debian's Chromium, before a backend that does what each test wants."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from support.console_backend import KEY, ConsoleBackend, console_backend
from support.console_browser import CHROMIUM, PHONE, Watched, chromium, unnamed, watched_page
from support.console_data import HOSTILE

from serve.rights.roles import Role

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs Debian's chromium at {CHROMIUM}"),
    pytest.mark.timeout(180),
]

VIEWS = (
    "/",
    "/sessions",
    "/search?q=automation",
    "/protocol/billing",
    "/records/rollbacks",
    "/records/automations",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def backend() -> Iterator[ConsoleBackend]:
    with console_backend() as running:
        yield running


@pytest.fixture
def console(browser: Browser, backend: ConsoleBackend) -> Iterator[Watched]:
    with watched_page(browser, backend.url) as watched:
        yield watched


def is_read(page: Page) -> None:
    """Everything that the view reads has arrived."""
    expect(page.locator("h1")).to_be_visible()
    expect(page.get_by_text(re.compile("^Reading ")).filter(visible=True)).to_have_count(0)


def row_of(page: Page, session_id: str) -> Locator:
    return page.locator("tbody tr").filter(has=page.locator(f'a[title="{session_id}"]'))


# ---------------------------------------------------------------------- what it shows


def test_the_overview_shows_figures_charts_workers_and_alerts(console: Watched):
    page = console.go("/")

    expect(page.get_by_role("definition").filter(has_text="99.4 %")).to_be_visible()
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    expect(page.locator(".plot:has(.main-svg)")).to_have_count(3)
    expect(page.get_by_role("cell", name="868 of 1,000")).to_have_count(0)
    expect(page.get_by_role("rowheader", name="worker-1")).to_be_visible()
    expect(page.get_by_text("1 open alert")).to_be_visible()


def test_the_overview_says_what_the_month_gave_and_what_it_has_to_give(console: Watched):
    levels = console.go("/").get_by_role("region", name="Service levels")

    expect(levels.get_by_text("99.731 %")).to_be_visible()
    expect(levels.get_by_text("wanted 99.5 %")).to_be_visible()
    expect(levels.locator(".bad")).to_have_count(0)


def test_every_chart_says_in_words_and_as_a_table_what_it_shows(console: Watched):
    page = console.go("/")
    chart = page.get_by_role("region", name="Stability and success").first

    expect(chart.get_by_role("img")).to_have_attribute("aria-label", re.compile("Lowest success rate"))
    chart.get_by_text("As a table").click()
    expect(chart.locator("tbody tr")).to_have_count(60)


def test_what_is_opened_stays_open_when_more_comes(console: Watched, backend: ConsoleBackend):
    session_id = backend.data.sessions[0]["sessionId"]
    page = console.go(f"/sessions/{session_id}")
    opened = page.get_by_role("region", name="Transcript").locator("details").first
    opened.locator("summary").click()
    expect(opened.get_by_text("connection-broken")).to_be_visible()
    expect(page.locator("#connection")).to_have_text("Live")
    with page.expect_response("**/transcript?**"):
        backend.feed.post("session:turn-ended", sessionId=session_id)
    with page.expect_response("**/transcript?**"):
        backend.feed.post("session:turn-started", sessionId=session_id)

    expect(opened).to_have_attribute("open", "")
    expect(opened.locator("summary")).to_be_focused()


def test_a_session_can_be_linked_to(console: Watched, backend: ConsoleBackend):
    session = backend.data.sessions[0]
    page = console.go(f"/sessions/{session['sessionId']}")

    expect(page.get_by_role("heading", level=1)).to_have_text(f"Session {session['sessionId']}")
    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.get_by_text("repo-blocked")).to_be_visible()
    now = page.get_by_role("region", name="Now")
    expect(now.get_by_text("2 of 5 steps; tool calls: 3 done, 1 running; Write the notes")).to_be_visible()
    expect(now.get_by_text("about 40.0 s (20.0 s to 2 min; 12 turns)")).to_be_visible()
    expect(page).to_have_title(f"Session {session['sessionId']} · LumiLink")


def test_what_an_agent_writes_is_shown_and_never_run(console: Watched, backend: ConsoleBackend):
    backend.data.sessions[0]["workspaceId"] = HOSTILE
    page = console.go(f"/sessions/{backend.data.sessions[0]['sessionId']}")

    expect(page.get_by_role("region", name="Transcript").get_by_text(HOSTILE)).to_be_visible()
    console.go("/sessions")
    expect(page.get_by_role("link", name=HOSTILE).first).to_be_visible()
    backend.feed.post("toast", message=HOSTILE, severity="critical")
    expect(page.locator("#toasts").get_by_text(HOSTILE)).to_be_visible()
    console.go("/search?q=img")
    expect(page.locator("mark").first).to_have_text("img")
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script").count() == 0


def test_search_marks_the_words_and_leads_to_the_session(console: Watched):
    page = console.go("/search")
    page.get_by_label("Words").fill("skipped")
    page.keyboard.press("Enter")

    expect(page.locator("mark")).to_have_text("skipped")
    page.locator(".entries a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Session")


# ---------------------------------------------------------------------- what happens meanwhile


def test_an_event_changes_its_row_and_no_other(console: Watched, backend: ConsoleBackend):
    page = console.go("/sessions")
    is_read(page)
    page.evaluate("document.querySelectorAll('tbody tr').forEach((row) => { row.kept = true; })")
    session = backend.data.sessions[3]

    backend.feed.post("connection:reconnecting", sessionId=session["sessionId"])

    expect(row_of(page, session["sessionId"]).locator(".badge")).to_have_text("reconnecting")
    assert page.evaluate("[...document.querySelectorAll('tbody tr')].every((row) => row.kept)")
    assert page.locator(".changed").count() == 1


def test_new_sessions_wait_until_they_are_asked_for(console: Watched, backend: ConsoleBackend):
    page = console.go("/sessions")
    is_read(page)
    opened = backend.data.opened()
    backend.feed.post("session:opened", sessionId=opened["sessionId"], workspaceId="x", workerId="worker-0")

    expect(page.get_by_text("1 session opened since.")).to_be_visible()
    assert row_of(page, opened["sessionId"]).count() == 0
    page.get_by_role("button", name="Show").click()
    expect(row_of(page, opened["sessionId"])).to_be_visible()


def test_a_thousand_sessions_stay_fluid(browser: Browser):
    with console_backend(1000) as backend, watched_page(browser, backend.url) as console:
        page = console.go("/sessions")
        is_read(page)
        page.evaluate(
            """() => { window.longest = 0; new PerformanceObserver((list) => {
              for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration);
            }).observe({ type: "longtask" }); }"""
        )
        for number in range(600):
            session = backend.data.sessions[number % 100]
            backend.feed.post(
                ("session:turn-started", "session:turn-ended")[number // 100 % 2],
                sessionId=session["sessionId"],
            )
        last = backend.data.sessions[1]["sessionId"]
        backend.feed.post("connection:degraded", sessionId=last)

        expect(row_of(page, last).locator(".badge")).to_have_text("degraded")
        assert page.locator("tbody tr").count() == 50
        assert page.evaluate("window.longest") < 200
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text("Page 2, 50 shown")).to_be_visible()


def test_after_a_break_it_goes_on_where_it_was(console: Watched, backend: ConsoleBackend):
    page = console.go("/sessions")
    is_read(page)
    expect(page.locator("#connection")).to_have_text("Live")
    backend.feed.cut()
    expect(page.get_by_text("Live events are not connected.")).to_be_visible()
    session = backend.data.sessions[2]
    backend.feed.post("connection:error", sessionId=session["sessionId"])
    backend.feed.is_away = False
    expect(page.locator("#connection")).to_have_text("Live")

    expect(row_of(page, session["sessionId"]).locator(".badge")).to_have_text("error")
    assert backend.feed.cursors == ["", "f-0"]
    expect(page.locator("#banner")).to_be_hidden()


def test_where_requests_get_no_answer_the_connection_is_made_anew(console: Watched, backend: ConsoleBackend):
    page = console.go("/")
    is_read(page)
    expect(page.locator("#connection")).to_have_text("Live")
    page.route("**/api/v1/topology", lambda route: route.abort())
    backend.feed.post("worker:joined", workerId="worker-2")

    expect(page.get_by_text("The gateway cannot be reached.")).to_be_visible()
    expect(page.locator("#connection")).to_have_text("Live")
    assert backend.feed.cursors == ["", "f-1"]


def test_a_critical_toast_stays_until_it_is_put_away(console: Watched, backend: ConsoleBackend):
    page = console.go("/sessions")
    is_read(page)
    expect(page.locator("#connection")).to_have_text("Live")
    backend.feed.post("toast", message="All places are taken.", severity="critical")

    toast = page.locator("#toasts").get_by_text("All places are taken.")
    expect(toast).to_be_visible()
    expect(page.locator("#toasts")).to_have_attribute("aria-live", "polite")
    page.get_by_role("button", name="Close").click()
    expect(toast).to_have_count(0)


# ---------------------------------------------------------------------- nothing there, or something wrong


def test_without_sessions_it_says_how_to_begin(browser: Browser):
    with console_backend(0) as backend, watched_page(browser, backend.url) as console:
        page = console.go("/sessions")

        expect(page.get_by_text("lumilink chat")).to_be_visible()


def test_an_error_says_what_to_do_and_can_be_tried_again(console: Watched, backend: ConsoleBackend):
    backend.absent = {"sessions"}
    page = console.go("/sessions")

    expect(page.get_by_role("alert")).to_contain_text("The records cannot be read now.")
    backend.absent = set()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_what_was_shown_stays_when_reading_anew_fails(console: Watched, backend: ConsoleBackend):
    page = console.go("/")
    is_read(page)
    backend.absent = {"topology"}
    expect(page.locator("#connection")).to_have_text("Live")
    backend.feed.post("worker:joined", workerId="worker-2")

    expect(page.get_by_text("As of")).to_be_visible()
    expect(page.get_by_role("rowheader", name="worker-1")).to_be_visible()


def test_a_session_that_is_not_there_is_said_to_be_so(console: Watched):
    page = console.go("/sessions/sess_none")

    expect(page.get_by_role("alert").first).to_contain_text("There is no such record.")


# ---------------------------------------------------------------------- changing something


def test_a_rollback_is_confirmed_knowing_what_it_does(console: Watched, backend: ConsoleBackend):
    page = console.go("/protocol/checkout-service")
    page.get_by_role("button", name="Roll back to HTTP").click()
    dialog = page.get_by_role("dialog", name="Roll back to HTTP?")
    expect(dialog).to_contain_text("New sessions use HTTP instead of ACP.")
    expect(dialog).to_contain_text("Loaded sessions: 12.")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    assert backend.changes == []

    page.get_by_role("button", name="Roll back to HTTP").click()
    dialog.get_by_label("Reason").fill("agents time out")
    dialog.get_by_role("button", name="Roll back").click()

    expect(page.get_by_text("pinned http")).to_be_visible()
    [change] = backend.changes
    assert len(change.pop("key")) == 32
    assert change == {"workspace": "checkout-service", "action": "rollback", "reason": "agents time out"}


def test_escape_leaves_all_as_it_is_and_gives_the_focus_back(console: Watched, backend: ConsoleBackend):
    page = console.go("/protocol/billing")
    page.get_by_role("button", name="Return to ACP").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    assert backend.changes == []


def test_a_change_of_the_rollout_is_reviewed_first(console: Watched, backend: ConsoleBackend):
    page = console.go("/protocol")
    page.get_by_label("Share of workspaces").fill("50")
    page.get_by_label("Automatic rollback").uncheck()
    page.get_by_role("button", name="Review the change").click()
    dialog = page.get_by_role("dialog", name="Change the rollout?")
    expect(dialog).to_contain_text("Share of workspaces, %: 25 % → 50 %")
    expect(dialog).to_contain_text("billing, warehouse")
    dialog.get_by_role("button", name="Change").click()

    expect(page.get_by_text("The rollout has been changed.")).to_be_visible()
    assert (backend.policy["share"], backend.policy["automaticRollback"]) == (0.5, False)
    assert backend.policy["coolDownS"] == 600


def test_a_rollout_that_somebody_else_changed_is_not_overwritten(console: Watched, backend: ConsoleBackend):
    page = console.go("/protocol")
    page.get_by_label("Share of workspaces").fill("50")
    backend.policy["version"] += 1
    page.get_by_role("button", name="Review the change").click()

    expect(page.get_by_text("Somebody else has changed it meanwhile")).to_be_visible()
    assert backend.changes == []


@pytest.mark.parametrize(
    ("role", "may_change", "may_export"),
    [
        (Role.VIEWER, False, False),
        (Role.AUDITOR, False, True),
        (Role.OPERATOR, True, False),
        (Role.USER, False, False),
    ],
)
def test_controls_are_shown_to_those_who_have_the_right(
    console: Watched, backend: ConsoleBackend, role: Role, may_change: bool, may_export: bool
):
    backend.roles = frozenset({role})
    page = console.go("/protocol/billing")
    is_read(page)
    expect(page.get_by_text("Loaded sessions")).to_be_visible()
    expect(page.get_by_text("New workspaces begin with")).to_be_visible()

    assert page.get_by_role("button", name="Return to ACP").count() == may_change
    assert page.get_by_role("button", name="Roll back").count() == (role in (Role.OPERATOR, Role.USER))
    assert page.get_by_role("button", name="Review the change").count() == may_change
    console.go("/records")
    is_read(page)
    assert page.get_by_role("button", name="Download").count() == may_export


# ---------------------------------------------------------------------- signing in


def test_with_authentication_it_asks_for_a_key(console: Watched, backend: ConsoleBackend):
    backend.needs_key = True
    page = console.go("/sessions")
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    field.fill("lk_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This key is not valid.")

    field.fill(KEY)
    page.keyboard.press("Enter")

    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.locator("#who")).to_have_text("default / ada")
    assert "lumilink" not in page.evaluate("document.cookie")
    assert KEY not in page.content()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()


def test_a_key_that_is_revoked_leads_back_to_signing_in(console: Watched, backend: ConsoleBackend):
    page = console.go("/sessions")
    is_read(page)
    expect(page.locator("#connection")).to_have_text("Live")
    backend.needs_key = True
    backend.feed.cut()

    expect(page.get_by_text("Your key is no longer valid")).to_be_visible()
    expect(page.locator("#views a")).to_have_count(0)
    assert page.locator("tbody").count() == 0


# ---------------------------------------------------------------------- everybody can use it


def test_everything_has_a_name_for_those_who_do_not_see_it(console: Watched, backend: ConsoleBackend):
    for view in (*VIEWS, f"/sessions/{backend.data.sessions[0]['sessionId']}"):
        page = console.go(view)
        is_read(page)

        assert unnamed(page) == [], view


def test_it_can_be_used_by_keyboard(console: Watched):
    page = console.go("/records")
    is_read(page)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_role("link", name="Sessions").focus()
    page.keyboard.press("Enter")

    heading = page.get_by_role("heading", name="Sessions", level=1)
    expect(heading).to_be_focused()
    expect(page.get_by_role("link", name="Sessions")).to_have_attribute("aria-current", "page")


@pytest.mark.parametrize(("scheme", "back"), [("light", "rgb(245, 246, 248)"), ("dark", "rgb(17, 20, 25)")])
def test_a_phone_shows_it_without_scrolling_sideways(
    browser: Browser, backend: ConsoleBackend, scheme: str, back: str
):
    with watched_page(browser, backend.url, size=PHONE, color_scheme=scheme) as console:
        for view in (*VIEWS, f"/sessions/{backend.data.sessions[0]['sessionId']}"):
            page = console.go(view)
            is_read(page)

            assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0], view
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == back
