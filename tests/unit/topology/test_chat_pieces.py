"""What the chat makes of the pieces of a conversation, and of text that it does not trust."""

from __future__ import annotations

import io

import pytest
from acp import plan_entry, start_tool_call, text_block, tool_content, tool_diff_content, update_tool_call
from acp import update_agent_message_text as says
from acp import update_agent_thought_text as thinks
from acp import update_plan as plans
from acp import update_user_message_text as user_says
from acp.schema import Cost, PermissionOption, PromptResponse, Usage, UsageUpdate
from rich.console import Console

from topology.chat.pieces import MAX_DIFF_LINES, choose, diff_lines
from topology.chat.view import View
from topology.chat.wording import count, one_line, plain


class Screen:
    """A view, and what it has written."""

    def __init__(self, *, is_typed: bool = False, colours: bool = False) -> None:
        self.file = io.StringIO()
        system = "standard" if colours else None
        console = Console(
            file=self.file, force_terminal=colours, color_system=system, highlight=False, width=60
        )
        self.view = View(console, is_typed=is_typed)

    def shows(self, *updates: object) -> str:
        for update in updates:
            self.view.update(update)
        return self.file.getvalue()


def test_chunks_of_text_join_without_a_seam() -> None:
    assert Screen().shows(says("Hel"), says("lo,"), says(" world\n"), says("again")) == "Hello, world\nagain"


def test_long_lines_are_left_to_the_terminal() -> None:
    assert Screen().shows(says("word " * 50)) == "word " * 50


def test_markup_and_markdown_stay_as_written() -> None:
    assert Screen().shows(says("[bold]x[/] :smile: **b**")) == "[bold]x[/] :smile: **b**"


def test_thoughts_are_dimmed_and_apart_from_what_is_said() -> None:
    shown = Screen(colours=True).shows(thinks("hmm"), says("Yes."))
    assert shown == "\x1b[2;3mhmm\x1b[0m\nYes."


def test_what_the_user_said_is_marked() -> None:
    assert Screen().shows(user_says("do it"), says("Done.")) == "> do it\nDone."


def test_a_tool_call_is_told_when_its_state_changes_and_only_then() -> None:
    shown = Screen().shows(
        start_tool_call("1", "Run make", kind="execute", status="pending"),
        update_tool_call("1", status="in_progress"),
        update_tool_call("1", status="in_progress"),
        update_tool_call("1", status="completed", content=[tool_content(text_block("all\ngood"))]),
    )
    assert shown.splitlines() == [
        "[execute] Run make  pending",
        "[execute] Run make  running",
        "[execute] Run make  done",
        "    all",
        "    good",
    ]


def test_a_tool_call_id_that_an_agent_uses_again_is_another_call() -> None:
    call = start_tool_call("1", "Run make", kind="execute", status="completed")
    assert Screen().shows(call, call).count("done") == 2


def test_a_diff_that_is_sent_with_every_update_is_shown_once() -> None:
    diff = tool_diff_content("a.txt", "new\n", "old\n")
    shown = Screen().shows(
        start_tool_call("1", "Edit", kind="edit", status="pending", content=[diff]),
        update_tool_call("1", status="completed", content=[diff]),
    )
    assert shown.count("-old") == shown.count("+new") == 1


def test_a_diff_is_coloured_and_bounded() -> None:
    old = "\n".join(f"old {number}" for number in range(100))
    lines = list(diff_lines("a.txt", old, "new\n" + old.replace("old 5", "x")))
    assert len(lines) <= MAX_DIFF_LINES + 2
    styles = {line.plain.strip()[:1]: line.style for line in lines}
    assert (styles["+"], styles["-"], styles["@"]) == ("green", "red", "cyan")
    long = list(diff_lines("a.txt", None, "\n".join(map(str, range(500)))))
    assert long[0].plain.endswith("a.txt (new file)")
    assert long[-1].plain == "    … 461 more lines"


def test_a_huge_diff_is_not_computed() -> None:
    [_, size] = diff_lines("a.txt", "x" * 300_000, "y")
    assert size.plain == "    300000 characters become 1"


def test_a_plan_is_listed_once_and_then_followed() -> None:
    def steps(*states: str) -> object:
        return plans(
            [plan_entry(f"step {n}", status=state) for n, state in enumerate(states)]  # type: ignore[arg-type]  # a literal
        )

    shown = Screen().shows(
        steps("in_progress", "pending"),
        steps("in_progress", "pending"),
        steps("completed", "in_progress"),
        steps("completed", "completed"),
    )
    assert shown.splitlines() == ["Plan", "  [>] step 0", "  [ ] step 1", "Plan 1/2  step 1", "Plan 2/2"]


def test_usage_and_an_unusual_end_are_told_with_the_turn() -> None:
    screen = Screen()
    screen.shows(
        says("so far"),
        UsageUpdate(
            session_update="usage_update", used=53_000, size=200_000, cost=Cost(amount=0.5, currency="USD")
        ),
    )
    usage = Usage(total_tokens=1010, input_tokens=1000, output_tokens=10)
    screen.view.turn_ended(PromptResponse(stop_reason="max_tokens", usage=usage))
    assert screen.file.getvalue().splitlines() == [
        "so far",
        "(max tokens)",
        "tokens: 1.0k in, 10 out, context: 53.0k of 200.0k, cost: 0.50 USD",
    ]


def test_a_usual_end_needs_no_words() -> None:
    screen = Screen()
    screen.view.turn_ended(PromptResponse(stop_reason="end_turn"))
    assert screen.file.getvalue() == ""


def test_what_comes_while_the_user_types_begins_on_a_line_of_its_own() -> None:
    screen = Screen(is_typed=True)
    screen.view.prompt(">")
    screen.view.notice("the agent ended", "start it again")
    assert screen.file.getvalue() == "> \n! the agent ended\n  start it again\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\rb\x08c\x7f\x9b2J", "abc2J"),
        ("keeps\ttabs\r\nand lines", "keeps\ttabs\nand lines"),
        ("back\u202ewards", "backwards"),
        ("ends in \x1b", "ends in "),
    ],
)
def test_nothing_that_steers_a_terminal_passes(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert Screen().shows(says(text)) == shown.expandtabs()


def test_one_line_is_one_line_of_bounded_length() -> None:
    assert one_line(" a\n\tb ") == "a b"
    assert one_line("x" * 300, 10) == "x" * 9 + "…"


def test_counts_are_short() -> None:
    assert [count(n) for n in (0, 999, 1000, 12_345, 2_500_000)] == ["0", "999", "1.0k", "12.3k", "2.5M"]


OPTIONS = [
    PermissionOption(option_id="once", name="Allow", kind="allow_once"),
    PermissionOption(option_id="always", name="Always allow", kind="allow_always"),
    PermissionOption(option_id="no", name="Reject", kind="reject_once"),
]


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [("1", "once"), (" 3 ", "no"), ("a", "once"), ("alw", "always"), ("R", "no"), ("reject", "no")],
)
def test_an_answer_is_a_number_or_how_a_name_begins(answer: str, chosen: str) -> None:
    option = choose(answer, OPTIONS)
    assert option is not None
    assert option.option_id == chosen


@pytest.mark.parametrize("answer", ["", "0", "4", "9" * 30, "x", "²", "-1"])
def test_every_other_answer_is_none(answer: str) -> None:
    assert choose(answer, OPTIONS) is None
