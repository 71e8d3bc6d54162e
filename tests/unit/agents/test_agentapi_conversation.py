"""What is shown of a conversation whose messages are sent whole again each time they change."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from actors.agents.agentapi.conversation import MAX_KNOWN, Conversation, Piece
from actors.agents.agentapi.events import AgentFault, Said


class Reader:
    """A client that knows of replacements."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def read(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if piece.replaces:
                # In the place of the old one, for what follows on it stays behind it.
                self.texts = {
                    (piece.message_id if key == piece.replaces else key): (
                        "" if key == piece.replaces else text
                    )
                    for key, text in self.texts.items()
                }
            self.texts[piece.message_id] = self.texts.get(piece.message_id, "") + piece.text

    @property
    def all(self) -> list[str]:
        return list(self.texts.values())


def agent(text: str, number: int = 0) -> Said:
    return Said(number, "agent", text)


# Few letters, so that rewrites that begin alike are common.
texts = st.text(alphabet="ab\n\U0001f600", max_size=6)
sequences = st.lists(st.lists(texts, min_size=1, max_size=6), min_size=1, max_size=4)


@given(sequences, st.dictionaries(st.integers(0, 30), st.booleans()), st.booleans())
def test_any_growth_and_rewriting_ends_in_the_final_texts(
    messages: list[list[str]], pauses: dict[int, bool], is_screen: bool
) -> None:
    conversation, reader, step = Conversation("x", is_screen=is_screen), Reader(), 0
    for number, versions in enumerate(messages):
        for text in versions:
            reader.read(conversation.hear(agent(text, number)))
            step += 1
            if step in pauses:
                reader.read(conversation.flush() if pauses[step] else conversation.tick())
    reader.read(conversation.flush())
    assert [text for text in reader.all if text] == [versions[-1] for versions in messages if versions[-1]]


@given(sequences, st.booleans())
def test_the_whole_state_told_again_shows_nothing(messages: list[list[str]], is_screen: bool) -> None:
    conversation = Conversation("x", is_screen=is_screen)
    for number, versions in enumerate(messages):
        for text in versions:
            conversation.hear(agent(text, number))
    conversation.flush()
    again = [conversation.hear(agent(versions[-1], number)) for number, versions in enumerate(messages)]
    assert again == [[] for _ in messages]
    assert conversation.flush() == []


@given(sequences, st.booleans())
def test_no_message_id_ever_holds_text_that_the_agent_did_not_write(
    messages: list[list[str]], is_screen: bool
) -> None:
    conversation, shown = Conversation("x", is_screen=is_screen), dict[str, str]()
    for number, versions in enumerate(messages):
        for text in versions:
            for piece in [*conversation.hear(agent(text, number)), *conversation.tick()]:
                shown[piece.message_id] = shown.get(piece.message_id, "") + piece.text
    written = [text for versions in messages for text in versions]
    assert all(any(text.startswith(one) for text in written) for one in shown.values())


def test_of_a_screen_only_the_lines_that_last_are_shown_until_it_is_quiet() -> None:
    conversation, reader = Conversation("x", is_screen=True), Reader()
    for second in range(3):
        reader.read(conversation.hear(agent(f"Reading a.py\n* thinking {second}s")))
        reader.read(conversation.tick())
    assert reader.all == ["Reading a.py\n"]
    for second in range(3):
        reader.read(conversation.hear(agent(f"Reading a.py\nIt holds x.\n* thinking {second}s")))
        reader.read(conversation.tick())
    assert reader.all == ["Reading a.py\nIt holds x.\n"]
    pieces = [*conversation.hear(agent("Reading a.py\nIt holds x.\nDone")), *conversation.tick()]
    assert conversation.is_holding
    pieces += conversation.tick()
    assert [(piece.text, piece.replaces) for piece in pieces] == [("Done", "")]
    assert not conversation.is_holding


def test_a_growing_message_is_shown_by_its_new_parts_under_one_id() -> None:
    conversation = Conversation("x")
    pieces = [
        piece for text in ("He", "Hello", "Hello", "Hello!") for piece in conversation.hear(agent(text))
    ]
    assert [(piece.message_id, piece.text) for piece in pieces] == [
        ("x-0", "He"),
        ("x-0", "llo"),
        ("x-0", "!"),
    ]


def test_a_rewritten_message_is_shown_whole_and_says_which_it_replaces() -> None:
    conversation = Conversation("x")
    conversation.hear(agent("working 1s"))
    assert conversation.hear(agent("working 2s")) == []
    [piece] = conversation.flush()
    assert (piece.text, piece.message_id, piece.replaces) == ("working 2s", "x-0.1", "x-0")
    update = piece.update()
    assert update["messageId"] == "x-0.1"
    assert update["_meta"] == {"lumilink": {"messageId": "x-0.1", "replaces": "x-0"}}


def test_a_redraw_that_comes_back_to_what_was_shown_replaces_nothing() -> None:
    conversation = Conversation("x")
    conversation.hear(agent("answer"))
    conversation.hear(agent("answ⠋"))
    [piece] = conversation.hear(agent("answer and more"))
    assert (piece.text, piece.replaces) == (" and more", "")
    assert conversation.flush() == []


def test_what_is_held_back_is_shown_before_the_next_message() -> None:
    conversation = Conversation("x")
    conversation.hear(agent("one"))
    conversation.hear(agent("uno"))
    assert [piece.text for piece in conversation.hear(agent("two", 1))] == ["uno", "two"]


def test_an_older_message_told_again_does_not_release_a_newer_one() -> None:
    conversation = Conversation("x")
    conversation.hear(agent("one"))
    conversation.hear(agent("two", 1))
    conversation.hear(agent("due", 1))
    assert conversation.hear(agent("one")) == []
    assert conversation.is_holding


def test_what_was_there_before_is_not_shown_but_its_growth_is() -> None:
    conversation = Conversation("x")
    conversation.adopt(agent("Welcome"))
    assert conversation.hear(agent("Welcome")) == []
    assert [piece.text for piece in conversation.hear(agent("Welcome back"))] == [" back"]


def test_our_own_prompt_is_not_shown_and_the_same_words_of_another_are() -> None:
    conversation = Conversation("x")
    conversation.expect("do it")
    assert conversation.hear(Said(0, "user", "do it")) == []
    assert not conversation.is_awaiting
    [piece] = conversation.hear(Said(1, "user", "do it"))
    assert piece.update()["sessionUpdate"] == "user_message_chunk"


def test_two_prompts_of_ours_may_be_heard_late_and_one_that_was_refused_is_not_awaited() -> None:
    conversation = Conversation("x")
    for text in ("one", "two", "three"):
        conversation.expect(text)
    conversation.expect_no_more()
    heard = [conversation.hear(Said(number, "user", text)) for number, text in enumerate(("one", "two"))]
    assert heard == [[], []]
    assert len(conversation.hear(Said(2, "user", "three"))) == 1


def test_a_fault_is_a_message_of_its_own() -> None:
    conversation = Conversation("x")
    conversation.hear(agent("half an ans"))
    piece = conversation.fault(AgentFault("warning", "state not restored", None))
    assert piece.text == "[warning] state not restored"
    assert piece.message_id not in ("x-0", conversation.fault(AgentFault("error", "", None)).message_id)


def test_a_very_long_conversation_is_known_by_its_newest_messages_alone() -> None:
    conversation = Conversation("x")
    for number in range(MAX_KNOWN + 10):
        conversation.hear(agent("a", number))
    assert len(conversation._shown) == MAX_KNOWN
    assert conversation.hear(agent("changed", 0)) == []
