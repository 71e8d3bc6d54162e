"""Whatever was known, and however an agent tells it again: all is there once, in order."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.connection.replay import AGENT, THOUGHT, USER, ReplayFilter

Update: TypeAlias = dict[str, Any]

SAID = (USER, AGENT, THOUGHT)
PICTURE = {"type": "image", "data": "iVBO", "mimeType": "image/png"}
patient = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


def frame(update: Update, session: str = "agent-1", **meta: Any) -> bytes:
    params: dict[str, Any] = {"sessionId": session, "update": update}
    if meta:
        params["_meta"] = meta
    return json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params}).encode()


def journalled(updates: list[Update]) -> list[bytes]:
    return [frame(update, "sess_ours", lumilink={"seq": seq}) for seq, update in enumerate(updates, 1)]


def text(kind: str, said: str) -> Update:
    return {"sessionUpdate": kind, "content": {"type": "text", "text": said}}


def user(said: str) -> Update:
    return text(USER, said)


def agent(said: str) -> Update:
    return text(AGENT, said)


def thought(said: str) -> Update:
    return text(THOUGHT, said)


def call(tool: str, **fields: Any) -> Update:
    return {"sessionUpdate": "tool_call", "toolCallId": tool, **fields}


def change(tool: str, **fields: Any) -> Update:
    return {"sessionUpdate": "tool_call_update", "toolCallId": tool, **fields}


def mode(name: str) -> Update:
    return {"sessionUpdate": "current_mode_update", "currentModeId": name}


def is_said(update: Update) -> bool:
    return update.get("sessionUpdate") in SAID


def is_text(update: Update) -> bool:
    return is_said(update) and update["content"]["type"] == "text"


def text_of(update: Update) -> str:
    return str(update["content"].get("text", ""))


def replayed(known: list[Update], replay: list[Update]) -> tuple[list[Update], ReplayFilter]:
    """The updates that are new in a replay."""
    seen = ReplayFilter(journalled(known))
    parts = [seen.new_part(frame(update)) for update in replay]
    return [json.loads(part)["params"]["update"] for part in parts if part is not None], seen


def new(known: list[Update], replay: list[Update]) -> list[Update]:
    return replayed(known, replay)[0]


# ---------------------------------------------------------------------- what a conversation says


def joined(updates: list[Update]) -> list[Update]:
    """The same without empty texts, and with texts of one kind that follow on each other made one."""
    found: list[Update] = []
    told = (one for one in updates if not is_text(one) or text_of(one))
    for kind, group in groupby(told, lambda one: one["sessionUpdate"] if is_text(one) else None):
        same = list(group)
        found += same if kind is None else [text(kind, "".join(map(text_of, same)))]
    return found


def effects(updates: list[Update]) -> list[Update]:
    """What the updates say: a tool call's fields and a state count where they change."""
    found: list[Update] = []
    now: dict[str, Update] = {}
    for update in updates:
        if is_said(update):
            found.append(update)
            continue
        key = update.get("toolCallId", update["sessionUpdate"])
        old = now.setdefault(key, {})
        fields = {name: value for name, value in update.items() if name != "sessionUpdate"}
        changed = {name: value for name, value in fields.items() if name not in old or old[name] != value}
        old.update(changed)
        if changed:
            found.append({"of": key, **changed})
    return joined(found)


def script(updates: list[Update]) -> list[Update]:
    """The messages and thoughts alone."""
    return joined([update for update in updates if is_said(update)])


def tools(updates: list[Update]) -> dict[str, Update]:
    """What has become of each tool call."""
    found: dict[str, Update] = {}
    for update in updates:
        if "toolCallId" in update:
            found.setdefault(update["toolCallId"], {}).update(update, sessionUpdate="")
    return found


# ---------------------------------------------------------------------- conversations at random

texts = st.text(alphabet="ab\né😀", min_size=0, max_size=4)
fields = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from("xy"),
        "status": st.sampled_from(["pending", "in_progress", "completed", "failed"]),
        "content": st.lists(st.integers(0, 2), max_size=2),
        "rawInput": st.dictionaries(st.sampled_from("ab"), st.floats(0, 2), max_size=2),
    },
)


@st.composite
def updates(draw: st.DrawFn) -> Update:
    which = draw(st.integers(0, 9))
    if which < 6:
        return text(draw(st.sampled_from(SAID)), draw(texts))
    if which == 6:
        return {"sessionUpdate": draw(st.sampled_from(SAID)), "content": {**PICTURE, "data": draw(texts)}}
    if which == 7:
        return mode(draw(st.sampled_from("pq")))
    tool = draw(st.sampled_from("12"))
    return call(tool, **draw(fields)) if which == 8 else change(tool, **draw(fields))


conversations = st.lists(updates(), max_size=14)


@st.composite
def cut_anew(draw: st.DrawFn, conversation: list[Update]) -> list[Update]:
    """The same conversation, its texts joined and cut at other places."""
    found: list[Update] = []
    for update in joined(conversation):
        if not is_text(update):
            found.append(update)
            continue
        rest = update["content"]["text"]
        while rest:
            size = draw(st.integers(1, len(rest)))
            found.append(text(update["sessionUpdate"], rest[:size]))
            rest = rest[size:]
    return found


@st.composite
def grown_tools(draw: st.DrawFn) -> list[Update]:
    """A conversation whose tool calls begin, grow and end, as real ones do."""
    found: list[Update] = []
    running: list[str] = []
    for number in range(draw(st.integers(0, 14))):
        which = draw(st.integers(0, 4))
        if which == 0:
            running.append(f"t{number}")
            found.append(call(running[-1], title=f"n{number}", status="pending", content=[]))
        elif which == 1 and running:
            tool = draw(st.sampled_from(running))
            found.append(change(tool, status="in_progress", content=[number]))
        elif which == 2 and running:
            tool = running.pop(draw(st.integers(0, len(running) - 1)))
            found.append(change(tool, status="completed", content=[number]))
        else:
            found.append(text(draw(st.sampled_from(SAID)), draw(texts)))
    return found


def collapsed(conversation: list[Update], leaves_out: frozenset[str]) -> list[Update]:
    """As some agents tell it: each tool call once, as it ended, and some kinds not at all."""
    ended = tools(conversation)
    told = [one for one in conversation if one["sessionUpdate"] not in {"tool_call_update", *leaves_out}]
    return joined([one if is_said(one) else {**ended[one["toolCallId"]], **kind(one)} for one in told])


def kind(update: Update) -> Update:
    return {"sessionUpdate": update["sessionUpdate"]}


# ---------------------------------------------------------------------- for all of them


@patient
@given(st.data(), conversations)
def test_known_and_new_are_the_conversation_wherever_it_was_cut(data: st.DataObject, whole: list[Update]):
    known = whole[: data.draw(st.integers(0, len(whole)))]
    found, seen = replayed(known, data.draw(cut_anew(whole)))

    assert effects(known + found) == effects(whole)
    assert not seen.diverged


@patient
@given(conversations)
def test_what_is_all_known_has_nothing_new(whole: list[Update]):
    found, seen = replayed(whole, whole)

    assert found == []
    assert seen.returned_states() == []


@patient
@given(conversations)
def test_with_nothing_known_every_frame_passes_as_it_is(whole: list[Update]):
    whole = [update for update in whole if is_said(update) and update["content"].get("text") != ""]
    seen = ReplayFilter([])

    assert [seen.new_part(frame(update)) for update in whole] == [frame(update) for update in whole]


@patient
@given(st.data(), grown_tools(), st.booleans())
def test_an_agent_that_tells_less_adds_what_it_tells(
    data: st.DataObject, whole: list[Update], with_thoughts: bool
):
    leaves_out = frozenset() if with_thoughts else frozenset({THOUGHT})
    known = whole[: data.draw(st.integers(0, len(whole)))]
    found, seen = replayed(known, collapsed(whole, leaves_out))
    missing = [one for one in whole[len(known) :] if one["sessionUpdate"] not in leaves_out]

    assert not seen.diverged
    assert tools(known + found) == tools(whole)
    assert script(known + found) == script(known + missing)


@patient
@given(st.data(), st.lists(st.sampled_from(SAID), max_size=10))
def test_an_agent_that_forgot_any_of_it_adds_nothing(data: st.DataObject, kinds: list[str]):
    known = [text(kind, chr(ord("a") + number)) for number, kind in enumerate(kinds)]
    replay = [update for update in known if data.draw(st.booleans())]

    assert new(known, replay) == []


@patient
@given(st.data(), st.lists(st.sampled_from(SAID), max_size=8), st.lists(st.sampled_from(SAID), max_size=4))
def test_no_known_answer_comes_twice_whatever_is_told_between(
    data: st.DataObject, kinds: list[str], others: list[str]
):
    known = [text(kind, chr(ord("a") + number)) for number, (kind, _) in enumerate(groupby(kinds))]
    replay = [update for update in known if data.draw(st.booleans())]
    for number, kind in enumerate(others):
        replay.insert(data.draw(st.integers(0, len(replay))), text(kind, str(number)))
    found = [one for one in new(known, replay) if one["sessionUpdate"] == AGENT]

    assert all(text_of(one).isdigit() for one in found)


# ---------------------------------------------------------------------- messages


def test_of_a_text_that_goes_on_only_the_new_end_is_taken():
    whole = {**agent("Hello, world"), "messageId": "m1", "_meta": {"a": 1}}

    assert new([agent("Hel"), agent("lo")], [whole]) == [
        {**whole, "content": {"type": "text", "text": ", world"}}
    ]


def test_a_known_text_is_known_across_a_tool_call_that_stood_in_it():
    known = [agent("one "), call("t", status="completed"), agent("two")]

    assert new(known, [call("t", status="completed"), agent("one two three")]) == [agent(" three")]


def test_a_picture_is_known_by_what_it_shows():
    known = [{"sessionUpdate": AGENT, "content": {**PICTURE, "_meta": {"a": 1}}}]
    spelled = {"sessionUpdate": AGENT, "content": dict(reversed(PICTURE.items()))}
    other = {"sessionUpdate": AGENT, "content": {**PICTURE, "data": "AAAA"}}

    assert new(known, [spelled, other]) == [other]


@pytest.mark.parametrize(
    "prompt",
    [
        [user("[@a.py](file:///a.py) fix this")],
        [user("fix this"), user("<context>...</context>")],
        [user("fix")],
    ],
    ids=["spelled anew", "with more", "with less"],
)
def test_a_prompt_need_not_be_told_as_it_was_asked(prompt: list[Update]):
    known = [user("fix this"), {"sessionUpdate": USER, "content": PICTURE}, agent("Yes")]
    found, seen = replayed(known, [*prompt, agent("Yes, done")])

    assert found == [agent(", done")]
    assert not seen.diverged


def test_a_prompt_that_is_spelled_as_the_next_one_is_still_the_one_before():
    known = [user("/review"), agent("A"), user("Review all"), agent("B")]

    assert new(known, [user("Review all"), agent("A"), user("Review all"), agent("BC")]) == [agent("C")]


def test_a_tool_call_after_a_prompt_that_was_told_in_part_is_new():
    known = [user("fix this"), {"sessionUpdate": USER, "content": PICTURE}, thought("hm")]

    assert new(known, [user("fix this"), call("t"), agent("A")]) == [call("t"), agent("A")]


def test_a_prompt_that_the_agent_said_too_is_known_once_or_twice():
    known = [user("hi"), user("hi"), agent("A")]

    assert new(known, [user("hi"), agent("AB")]) == [agent("B")]
    assert new(known, [user("hi"), user("hi"), agent("AB")]) == [agent("B")]


def test_a_thought_may_be_spelled_anew_or_told_where_none_was():
    known = [thought("**Plan** do it"), agent("A"), agent("B")]
    found = new(known, [thought("Plan: do it"), agent("A"), thought("more"), agent("BC")])

    assert found == [agent("C")]


def test_what_the_agent_put_into_a_known_turn_as_a_prompt_is_dropped():
    known = [user("q"), agent("one "), agent("two")]

    assert new(known, [user("q"), agent("one "), user("<reminder>"), agent("two three")]) == [agent(" three")]


def test_an_agent_that_lost_the_end_of_a_turn_is_followed_into_the_next():
    known = [user("q"), agent("half an ans"), user("again"), agent("The")]
    found, seen = replayed(known, [user("q"), user("again"), agent("The answer")])

    assert found == [agent(" answer")]
    assert not seen.diverged


def test_a_prompt_that_follows_on_one_of_the_agents_own_is_not_doubled():
    known = [user("q"), agent("half"), user("again")]
    noted = [user("[interrupted]"), agent("No answer.")]

    assert new(known, [user("q"), agent("half"), *noted, user("again"), agent("yes")]) == [
        agent("No answer."),
        agent("yes"),
    ]


def test_an_agent_that_says_something_else_has_diverged_and_adds_nothing_more():
    known = [user("q"), agent("one"), user("r"), agent("two")]
    found, seen = replayed(known, [user("q"), agent("uno"), user("r"), agent("two"), agent("three")])

    assert found == []
    assert seen.diverged


def test_what_follows_on_an_answer_does_not_answer_a_prompt_that_the_agent_never_saw():
    found, seen = replayed([user("q"), agent("one"), user("r")], [user("q"), agent("one and more")])

    assert found == []
    assert seen.diverged


def test_an_agent_that_forgot_all_adds_nothing():
    found, seen = replayed([user("q"), agent("one")], [])

    assert found == []
    assert not seen.diverged


# ---------------------------------------------------------------------- tool calls


def test_the_outcome_of_a_known_tool_call_is_an_update_of_it():
    ended = call("t", title="Read", kind=None, status="completed", content=[1], _meta={"a": 1})

    assert new([call("t", title="Read", status="pending")], [ended]) == [
        change("t", status="completed", content=[1], _meta={"a": 1})
    ]


def test_an_earlier_value_of_a_tool_call_does_not_come_back():
    known = [call("t", title="Read", status="pending"), change("t", title="Read a.py", status="in_progress")]
    replay = [call("t", title="Read a.py", status="pending"), change("t", status="completed")]

    assert new(known, replay) == [change("t", status="completed")]


def test_a_tool_call_whose_outcome_is_known_may_be_spelled_anew():
    known = [call("t", title="Read", status="pending"), change("t", status="completed", content=["x"])]
    ended = change("t", status="completed", content=["x"])

    assert new(known, [call("t", title="`Read`", kind="read"), change("t", status="completed")]) == []
    assert new(known, [call("t", title="`Read`", status="pending"), ended, change("t", title="`R`")]) == []


def test_a_tool_call_may_be_changed_after_its_outcome():
    known = [
        call("t", title="Read", status="pending"),
        change("t", status="completed"),
        change("t", title="Read", status="completed"),
    ]
    late = change("t", title="Read a.py")

    assert new(known, [*known, late]) == [late]


def test_what_only_extends_a_tool_call_is_known_as_often_as_it_was_said():
    output = change("t", _meta={"terminal_output": "."})
    known = [call("t", title="Run"), output]

    assert new(known, [call("t", title="Run"), output, output]) == [output]


def test_a_tool_call_that_is_not_known_before_the_end_of_what_is_diverges():
    known = [agent("one"), call("t", title="Read"), agent("two")]
    found, seen = replayed(known, [agent("one"), call("u", title="Read"), agent("two three")])

    assert found == []
    assert seen.diverged


def test_after_a_divergence_known_tool_calls_still_end_and_states_are_still_told():
    found, seen = replayed(
        [agent("one"), call("t", status="pending"), mode("code")],
        [agent("uno"), call("t", status="completed"), call("u", status="completed"), mode("plan")],
    )

    assert seen.diverged
    assert found == [change("t", status="completed"), mode("plan")]


# ---------------------------------------------------------------------- states and the rest


def test_states_are_new_where_they_differ():
    known = [mode("code"), mode("plan")]

    assert new(known, [mode("code"), mode("plan")]) == []
    assert new(known, [mode("plan"), mode("ask"), mode("ask")]) == [mode("ask")]
    assert new(known, [mode("ask"), mode("plan")]) == [mode("ask"), mode("plan")]


def test_a_state_that_is_new_is_not_told_again_at_the_end():
    found, seen = replayed([mode("code")], [mode("plan")])

    assert found == [mode("plan")]
    assert seen.returned_states() == []


def test_a_state_that_went_back_unseen_is_told_at_the_end():
    found, seen = replayed([mode("code"), mode("plan")], [mode("code")])

    assert found == []
    assert seen.returned_states() == [frame(mode("code"))]


@pytest.mark.parametrize(
    "odd",
    [
        b'{"jsonrpc":"2.0","method":"_agent/said","params":{"sessionId":"agent-1","n":1}}',
        b'{"jsonrpc":"2.0","method":"_agent/said"}',
        b'{"jsonrpc":"2.0","method":"session/update","params":[]}',
        b'{"jsonrpc":"2.0","method":"session/update","params":{"update":7}}',
        b'{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":null}}}',
        frame({"sessionUpdate": "from_the_future", "n": 1}),
        frame({"sessionUpdate": AGENT}),
        frame({"sessionUpdate": AGENT, "content": {"type": "text", "text": 1}}),
        frame({"sessionUpdate": "tool_call"}),
        frame({"sessionUpdate": "tool_call", "toolCallId": 1}),
        frame({"sessionUpdate": "tool_call", "toolCallId": "t", "rawInput": None}),
        b'{"jsonrpc":"2.0","method":"session/update","params":{"update":' + b"[" * 3000 + b"]" * 3000 + b"}}",
    ],
)
def test_what_no_agent_should_send_is_known_by_its_text(odd: bytes):
    assert ReplayFilter([odd]).new_part(odd) is None
    assert ReplayFilter([]).new_part(odd) == odd
