"""Resume tokens say what they said when they were made, or nothing."""

from collections.abc import Callable
from string import ascii_letters, digits

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from actors import errors
from actors.protocol.identifiers import new_session_id
from serve.ingress.gateway import Gateway, IngressSettings
from serve.ingress.resume_tokens import GOOD_FOR_S, RENEW_S, Position, ResumePoint, ResumeTokens

KEY = b"k" * 32
NOW = 1_800_000_000
SESSION = new_session_id()
ALPHABET = ascii_letters + digits + "-_"

seqs = st.integers(0, 2**48 - 1)
positions = st.builds(Position, seqs, st.integers(0, 2**16 - 1))
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)


def clock(at: float) -> Callable[[], float]:
    return lambda: at


def tokens(key: bytes = KEY, at: float = NOW) -> ResumeTokens:
    return ResumeTokens(key, clock(at))


@given(installation=names, session_id=names, position=positions)
def test_a_token_says_what_it_was_made_for(installation: str, session_id: str, position: Position):
    made = tokens().stream(installation, session_id).at(position).decode()
    assert set(made) <= set(ALPHABET)
    assert tokens().read(made, installation) == ResumePoint(session_id, position)


@given(position=positions, data=st.data())
def test_a_token_with_any_character_changed_is_refused(position: Position, data: st.DataObject):
    made = tokens().stream("default", SESSION).at(position).decode()
    at = data.draw(st.integers(0, len(made) - 1))
    other = data.draw(st.sampled_from(ALPHABET + "+/=.é\n ") | st.characters())
    assume(other != made[at])
    with pytest.raises(errors.ResumeTokenError):
        tokens().read(made[:at] + other + made[at + 1 :], "default")


@given(position=positions, data=st.data())
def test_a_token_that_was_cut_or_lengthened_is_refused(position: Position, data: st.DataObject):
    made = tokens().stream("default", SESSION).at(position).decode()
    length = data.draw(st.integers(0, len(made) - 1))
    more = data.draw(st.text(ALPHABET + "= \n", min_size=1, max_size=600))
    for changed in (made[:length], made + more, more + made):
        with pytest.raises(errors.ResumeTokenError):
            tokens().read(changed, "default")


@given(text=st.text(max_size=600))
def test_what_is_no_token_is_refused(text: str):
    with pytest.raises(errors.ResumeTokenError):
        tokens().read(text, "default")


@given(one=seqs, two=seqs)
def test_the_parts_of_two_tokens_make_no_third(one: int, two: int):
    first = tokens().issue("default", SESSION, one)
    second = tokens().issue("default", new_session_id(), two)
    with pytest.raises(errors.ResumeTokenError):
        tokens().read(first[:-32] + second[-32:], "default")


def test_a_token_under_another_key_is_refused():
    with pytest.raises(errors.ResumeTokenError):
        tokens(b"another").read(tokens().issue("default", SESSION, 7), "default")


def test_a_token_of_another_installation_names_no_session():
    with pytest.raises(errors.SessionNotFoundError):
        tokens().read(tokens().issue("theirs", SESSION, 7), "ours")


def test_a_token_is_good_for_a_day():
    made = tokens().issue("default", SESSION, 7)
    assert tokens(at=NOW + GOOD_FOR_S).read(made, "default").position == Position(7)
    with pytest.raises(errors.ResumeTokenExpiredError, match="24 hours"):
        tokens(at=NOW + GOOD_FOR_S + 1).read(made, "default")


def test_the_tokens_of_a_long_stream_stay_good():
    now = [float(NOW)]
    stream = ResumeTokens(KEY, lambda: now[0]).stream("default", SESSION)
    first = stream.at(Position(1))
    now[0] += RENEW_S - 1
    assert stream.at(Position(1)) == first
    now[0] = NOW + 10 * GOOD_FOR_S
    late = stream.at(Position(2)).decode()
    now[0] += GOOD_FOR_S
    assert ResumeTokens(KEY, lambda: now[0]).read(late, "default").position == Position(2)


def test_a_token_is_shorter_than_a_hundred_characters():
    assert len(tokens().issue("an installation with a long name", SESSION, 2**40)) == 92


def test_more_answers_than_a_token_counts_are_the_most_that_it_counts():
    made = tokens().stream("default", SESSION).at(Position(1, 70_000)).decode()
    assert tokens().read(made, "default").position == Position(1, 65_535)


def test_a_refusal_does_not_repeat_the_token():
    forged = tokens(b"another").issue("default", SESSION, 7)
    old = tokens(at=0).issue("default", SESSION, 7)
    theirs = tokens().issue("theirs", SESSION, 7)
    for refused in (forged, old, theirs):
        with pytest.raises(errors.LumiLinkError) as caught:
            tokens().read(refused, "default")
        assert refused not in repr(caught.value)
        assert SESSION not in repr(caught.value)


def test_the_key_is_not_in_the_settings_text_and_outlives_the_cluster_secret():
    settings = [IngressSettings(secret, token_key="the key") for secret in ("one", "two")]
    one, two = (Gateway(each, None, None).tokens for each in settings)  # type: ignore[arg-type]
    assert "the key" not in repr(settings)
    assert two.read(one.issue("default", SESSION, 3), "default").position == Position(3)
    with pytest.raises(errors.ResumeTokenError):
        Gateway(IngressSettings("one"), None, None).tokens.read(  # type: ignore[arg-type]
            one.issue("default", SESSION, 3), "default"
        )
