"""The first frames of a link: each side challenges the other and proves the cluster secret on its challenge.

Without I/O: it is fed with the peer's frames and says what to send. Of each side there are two HELLO frames,
the challenge (with an empty proof) and the proof, in this order; anything else ends the link.
"""

from __future__ import annotations

from actors.link import secret as link_secret
from actors.link.frames import LINK_VERSION, FrameKind

Hello = tuple[FrameKind, int, str, bytes, bytes]

MAX_NAME = 200


class StrangerError(Exception):
    """The peer said no HELLO of this version, or does not know the secret. Never leaves this package."""


class Handshake:
    """One side's handshake. ``role`` is "caller" for the side that connected, "listener" for the other."""

    __slots__ = ("_name", "_nonce", "_peer_nonce", "_role", "_secret", "peer_name", "proven")

    def __init__(self, role: str, name: str, secret: str) -> None:
        self.peer_name = ""
        self.proven = False
        self._role = role
        self._name = name
        self._secret = secret
        self._nonce = link_secret.new_nonce()
        self._peer_nonce = b""

    def challenge(self) -> Hello:
        """The frame to begin with."""
        return (FrameKind.HELLO, LINK_VERSION, self._name, self._nonce, b"")

    def take(self, frame: object) -> Hello | None:
        """Take the peer's next frame; returns what to send for it.

        Raises StrangerError, after which nothing of this peer may be handled.
        """
        name, nonce, given = _read(frame)
        if not self._peer_nonce:
            return self._challenged(name, nonce, given)
        peer_role = "listener" if self._role == "caller" else "caller"
        known = nonce == self._peer_nonce and name == self.peer_name
        if not known or not link_secret.proves(given, self._secret, peer_role, nonce, self._nonce):
            raise StrangerError("does not know the cluster secret")
        self.proven = True
        return None

    def _challenged(self, name: str, nonce: bytes, given: bytes) -> Hello:
        if given:
            raise StrangerError("gave a proof before its challenge")
        if nonce == self._nonce:
            raise StrangerError("sent our own challenge back")
        self.peer_name, self._peer_nonce = name, nonce
        proof = link_secret.proof(self._secret, self._role, self._nonce, nonce)
        return (FrameKind.HELLO, LINK_VERSION, self._name, self._nonce, proof)


def _read(frame: object) -> tuple[str, bytes, bytes]:
    if not isinstance(frame, tuple) or len(frame) != 5 or frame[0] != FrameKind.HELLO:
        raise StrangerError("sent no HELLO")
    _, version, name, nonce, given = frame
    if version != LINK_VERSION:
        raise StrangerError(f"speaks another version than {LINK_VERSION}")
    if not (isinstance(name, str) and len(name) <= MAX_NAME):
        raise StrangerError("has no name")
    if not (isinstance(nonce, bytes) and len(nonce) == link_secret.NONCE_BYTES and isinstance(given, bytes)):
        raise StrangerError("sent a malformed HELLO")
    return name, nonce, given
