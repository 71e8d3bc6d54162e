"""What searching transcripts promises, whichever database they are in.

The module of a subclass has a fixture ``store``.
"""

from __future__ import annotations

import asyncio

import pytest
from unit.records import examples
from unit.records.conformance import changes, ids, put
from unit.records.examples import TENANT, at, number

from actors.errors import InvalidParamsError
from actors.records import Position, RecordStore, kinds
from actors.records.models import Record, TranscriptEventType
from actors.records.search import Search

MESSAGES = (
    "The agent did not answer; reconnecting.",
    "Reconnected after 3 attempts: nothing was lost.",
    "Skipped: feature-x of acme/repo_one is blocked.",
    "ACP fell to 97.5 %; the workspace went back to HTTP.",
    "Größe überschritten: naïve Prüfung in src/main.py",
    "the the the",
)


def entries() -> list[Record]:
    return [
        examples.transcript(entry_id=number(n), message=message, timestamp=at(n), summary_id=None)
        for n, message in enumerate(MESSAGES)
    ]


async def found(store: RecordStore, text: str, installation: str = TENANT, **more: object) -> list[int]:
    """The entries that a search finds, by their number."""
    page = await store.search(installation, Search(text, **more))  # type: ignore[arg-type]  # as a test names them
    return [int(key[-4:], 16) for key in ids(page.items)]


class SearchConformance:
    """Finding by words."""

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("agent", [0]),
            ("AGENT", [0]),
            ("the", [5, 3, 0]),
            ("answer the", [0]),
            ("reconnecting reconnected", []),
            ("reconnect", []),
            ("3", [1]),
            ("feature", [2]),
            ("feature-x", [2]),
            ("acme/repo_one", [2]),
            ("97.5", [3]),
            ("größe", [4]),
            ("GRÖSSE", []),
            ("naive", []),
            ("main.py", [4]),
            ("py", [4]),
            ("nowhere", []),
        ],
    )
    async def test_words_are_found_whole_and_in_any_case(
        self, store: RecordStore, text: str, wanted: list[int]
    ) -> None:
        await put(store, *entries())

        assert await found(store, text) == wanted

    @pytest.mark.parametrize(
        "text", ["", " ", "-", "%", "* ^ :", "w " * 10 + "a b c d e f g h i j k l m n o p q r s t u"]
    )
    async def test_a_search_for_no_words_or_too_many_is_refused(self, store: RecordStore, text: str) -> None:
        with pytest.raises(InvalidParamsError, match="words"):
            await store.search(TENANT, Search(text))

    @pytest.mark.parametrize(
        "text",
        [
            'agent"',
            "agent' OR 1=1",
            "words:agent",
            "agent AND",
            "NEAR(agent)",
            "agent*",
            "(agent",
            "a|agent&!x",
        ],
    )
    async def test_what_databases_take_for_operators_are_words_or_nothing(
        self, store: RecordStore, text: str
    ) -> None:
        await put(store, *entries())

        assert await found(store, text) in ([], [0])

    async def test_a_search_is_narrowed_by_session_type_and_time(self, store: RecordStore) -> None:
        await put(
            store,
            *entries(),
            examples.transcript(
                entry_id=number(9),
                session_id="sess-2",
                event_type="rollback",
                message="the end",
                timestamp=at(9),
            ),
        )

        assert await found(store, "the", session_id="sess-2") == [9]
        assert await found(store, "the", session_id="sess-3") == []
        assert await found(store, "the", event_type=TranscriptEventType.ROLLBACK) == [9]
        assert await found(store, "the", since=at(3), until=at(9)) == [5, 3]
        assert await found(store, "the", since=at(3), until=at(9), ascending=True) == [3, 5]

    async def test_pages_of_a_search_join_without_gap_or_overlap(self, store: RecordStore) -> None:
        """Many share a moment, and come in no order."""
        order = [(n * 7) % 23 for n in range(23)]
        await put(
            store,
            *(
                examples.transcript(entry_id=number(n), message=f"entry {n}", timestamp=at(n // 4))
                for n in order
            ),
        )

        for ascending in (False, True):
            seen: list[str] = []
            cursor = None
            while True:
                wanted = Search("entry", limit=5, cursor=cursor, ascending=ascending)
                page = await store.search(TENANT, wanted)
                moments = [one.timestamp for one in page.items]
                assert moments == sorted(moments, reverse=not ascending)
                seen += ids(page.items)
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert sorted(seen) == [number(n) for n in range(23)]

    async def test_a_cursor_belongs_to_its_search(self, store: RecordStore) -> None:
        await put(store, *entries())
        cursor = (await store.search(TENANT, Search("the", limit=1))).next_cursor

        for wrong in (Search("agent", cursor=cursor), Search("the", cursor=cursor, ascending=True)):
            with pytest.raises(InvalidParamsError, match="cursor"):
                await store.search(TENANT, wrong)
        for made in (
            "",
            "%",
            "W10",
            "W2ZhbHNlLFsidGhlIl0sIngiXQ",
            "W2ZhbHNlLFsidGhlIl0sWyJ4IiwieSJdXQ",
            "A" * 300,
        ):
            with pytest.raises(InvalidParamsError, match="cursor"):
                await store.search(TENANT, Search("the", cursor=made))

    async def test_an_entry_is_found_by_what_it_says_now(self, store: RecordStore) -> None:
        await put(store, *entries())

        await put(store, examples.transcript(entry_id=number(0), message="Other words.", timestamp=at(20)))

        assert await found(store, "agent") == []
        assert await found(store, "words") == [0]
        await store.delete(TENANT, kinds.TRANSCRIPTS, number(0))
        assert await found(store, "words") == []

    async def test_a_search_sees_only_its_own_installation(self, store: RecordStore) -> None:
        theirs = examples.transcript(installation_id="other", message="their agent i61636d65")
        await store.apply("other", Position("s", "e", 1), changes(theirs))
        await put(store, *entries())

        assert await found(store, "agent") == [0]
        assert await found(store, "their") == []
        assert await found(store, "i61636d65") == []
        assert await found(store, "their", installation="other") == [1]

    async def test_entries_are_found_while_others_are_written(self, store: RecordStore) -> None:
        await put(store, *entries())
        more = [
            examples.transcript(entry_id=number(n), message="the more", timestamp=at(n))
            for n in range(20, 40)
        ]

        _, *results = await asyncio.gather(
            put(store, *more, stream="t"), *(found(store, "agent") for _ in range(5))
        )

        assert results == [[0]] * 5
