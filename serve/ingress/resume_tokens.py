"""Resume tokens: where a client is in a session, signed, as text that means nothing to it.

A token is one base64url text of a head and a tail, with nothing between them to tell where the head ends::

    head   version (1 byte), issued at (4, epoch seconds), tag of the installation (8), session id
    tail   seq (6), answers (2), MAC (16)

The head is the same for all tokens of a session's stream for a minute, and so is the key that the MAC of the
tail is made with: the HMAC-SHA256 of the head under the gateway's key. So a token for each event of a stream
costs one short HMAC, whose start is computed already, and 32 characters of base64: together about 2 µs.
Both parts are multiples of three bytes, so that no character of the text holds a bit which is not checked.

What is written there is no secret of the installation, and whoever holds a token may do no more with it than
its installation may do anyway. Even so it is not logged.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from actors import errors

GOOD_FOR_S: Final = 24 * 3600
RENEW_S: Final = 60
MAX_CHARACTERS: Final = 512

_VERSION: Final = 1
_TAG_BYTES: Final = 8
_HEAD_FIXED: Final = 1 + 4 + _TAG_BYTES
_SEQ_BYTES: Final = 6
_ANSWERS_BYTES: Final = 2
_MAX_ANSWERS: Final = 256**_ANSWERS_BYTES - 1
_MAC_BYTES: Final = 16
_TAIL: Final = _SEQ_BYTES + _ANSWERS_BYTES + _MAC_BYTES


class Position(NamedTuple):
    """A place in what one client is shown of a session: after event ``seq``, and so many answers since.

    Answers to requests are no events and have no ``seq`` of their own. They count only on the stream of the
    HTTP connection that they were given on.
    """

    seq: int
    answers: int = 0


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """What a token says."""

    session_id: str
    position: Position


class ResumeTokens:
    """Makes tokens and reads them. ``key`` is that of all replicas; ``now`` gives epoch seconds."""

    def __init__(self, key: bytes, now: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(key, b"lumilink resume token", "sha256")
        self._now = now

    def stream(self, installation: str, session_id: str) -> StreamTokens:
        """For many tokens of one session."""
        return StreamTokens(lambda at: self._head(installation, session_id, at), self._mac, self._now)

    def issue(self, installation: str, session_id: str, seq: int) -> str:
        """One token: the client was shown all events up to ``seq``."""
        return self.stream(installation, session_id).at(Position(seq)).decode()

    def read(self, token: str, installation: str) -> ResumePoint:
        """What a token of ``installation`` says.

        Raises ResumeTokenError for one that is not ours, ResumeTokenExpiredError for one that is older than a
        day, and SessionNotFoundError for one of another installation.
        """
        raw = _decoded(token)
        head, tail, mac = raw[:-_TAIL], raw[-_TAIL:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(head) <= _HEAD_FIXED or head[0] != _VERSION:
            raise _not_ours()
        expected = self._mac(head)
        expected.update(tail)
        if not hmac.compare_digest(mac, expected.digest()[:_MAC_BYTES]):
            raise _not_ours()
        if not hmac.compare_digest(head[5:_HEAD_FIXED], self._tag(installation)):
            raise errors.SessionNotFoundError("resume token: no session that you may see")
        if self._now() - int.from_bytes(head[1:5]) > GOOD_FOR_S:
            raise errors.ResumeTokenExpiredError("resume token: older than 24 hours")
        session_id = head[_HEAD_FIXED:].rstrip(b"\0").decode()
        seq, answers = tail[:_SEQ_BYTES], tail[_SEQ_BYTES:]
        return ResumePoint(session_id, Position(int.from_bytes(seq), int.from_bytes(answers)))

    def _head(self, installation: str, session_id: str, at: int) -> bytes:
        head = bytes((_VERSION,)) + at.to_bytes(4) + self._tag(installation) + session_id.encode()
        return head + b"\0" * (-len(head) % 3)

    def _tag(self, installation: str) -> bytes:
        return hmac.digest(self._key, b"installation " + installation.encode(), "sha256")[:_TAG_BYTES]

    def _mac(self, head: bytes) -> hmac.HMAC:
        return hmac.new(hmac.digest(self._key, head, "sha256"), digestmod=hashlib.sha256)


class StreamTokens:
    """The tokens of one session for one installation."""

    def __init__(
        self, head: Callable[[int], bytes], mac: Callable[[bytes], hmac.HMAC], now: Callable[[], float]
    ) -> None:
        self._make_head = head
        self._make_mac = mac
        self._now = now
        self._begin(int(now()))

    def at(self, position: Position) -> bytes:
        """The token for a position, good for 24 hours less up to a minute."""
        now = int(self._now())
        if now - self._issued_at >= RENEW_S:
            self._begin(now)
        seq, answers = position
        tail = seq.to_bytes(_SEQ_BYTES) + min(answers, _MAX_ANSWERS).to_bytes(_ANSWERS_BYTES)
        mac = self._mac.copy()
        mac.update(tail)
        return self._head + urlsafe_b64encode(tail + mac.digest()[:_MAC_BYTES])

    def _begin(self, now: int) -> None:
        head = self._make_head(now)
        self._issued_at = now
        self._head = urlsafe_b64encode(head)
        self._mac = self._make_mac(head)


def _decoded(token: str) -> bytes:
    """The bytes of a token, if it is spelled as ours are: b64decode passes over what is no base64."""
    if len(token) > MAX_CHARACTERS:
        raise _not_ours()
    try:
        raw = urlsafe_b64decode(token)
    except ValueError:
        raise _not_ours() from None
    if urlsafe_b64encode(raw) != token.encode():
        raise _not_ours()
    return raw


def _not_ours() -> errors.ResumeTokenError:
    return errors.ResumeTokenError("resume token: not one of this gateway's")
