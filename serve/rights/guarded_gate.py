"""The gate that asks for credentials."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime

from starlette.requests import HTTPConnection

from actors import errors
from serve.rights.api_keys import ApiKey, Parts, parts_of
from serve.rights.attempts import FailedAttempts
from serve.rights.credentials import Form, Shown, shown_by
from serve.rights.endings import Endings
from serve.rights.gate import Keys
from serve.rights.identity import Identity
from serve.rights.key_book import KeyBook
from serve.rights.key_set import KeySet, reader_of
from serve.rights.key_store import KeyStore
from serve.rights.sessions import SessionSeal
from serve.rights.settings import AuthSettings
from serve.rights.tokens import TokenVerifier

log = logging.getLogger("lumilink.rights")

MAX_ADDRESS_CHARS = 64


class GuardedGate:
    """Lets in whoever shows a valid credential. ``run`` runs for as long as it is the process's gate."""

    is_open = False

    def __init__(self, settings: AuthSettings) -> None:
        self._header = settings.address_header
        self._endings = Endings()
        self._attempts = FailedAttempts(time.monotonic)
        self._seal = SessionSeal(settings.session_key)
        self.keys: Keys | None = None
        self._book: KeyBook | None = None
        self._tokens: TokenVerifier | None = None
        if settings.mode.takes_keys:
            self.keys = store = KeyStore(settings.records_url)
            self._book = KeyBook(store, self._endings)
        if settings.mode.takes_tokens:
            self._tokens = TokenVerifier(settings.tokens, KeySet(reader_of(settings.tokens.keys)))

    async def run(self) -> None:
        """Learn of revocations. The replica owns the task."""
        if self._book is not None:
            await self._book.run()

    async def ended(self, identity: Identity) -> str:
        """See ``Gate``."""
        return await self._endings.wait(identity)

    def seal(self, identity: Identity) -> tuple[str, float]:
        """See ``Gate``."""
        return self._seal.seal(identity)

    async def identify(self, connection: HTTPConnection) -> Identity:
        """See ``Gate``."""
        shown = shown_by(connection)
        if shown is None:
            raise errors.AuthenticationError("no credential was sent")
        if (known := self._known(shown)) is not None:
            return known
        whose = self._whose(connection, shown)
        self._attempts.check(whose)
        try:
            return await self._checked(shown)
        except errors.AuthenticationError as error:
            self._attempts.add(whose)
            log.warning("refused a caller (%s): %s", whose, error)
            raise

    def _known(self, shown: Shown) -> Identity | None:
        """Who shows a credential that was found good before: it is not held up by others' failed attempts."""
        if shown.form is Form.TOKEN and self._tokens is not None:
            return self._tokens.known(shown.text)
        parts = parts_of(shown.text) if shown.form is Form.KEY else None
        key = self._book.known(parts.key_id) if parts is not None and self._book is not None else None
        if parts is None or key is None or not key.fits(parts.secret) or key.refusal(datetime.now(UTC)):
            return None
        return key.identity()

    async def _checked(self, shown: Shown) -> Identity:
        match shown.form:
            case Form.SESSION:
                return await self._of_session(self._seal.open(shown.text))
            case Form.TOKEN if self._tokens is not None:
                return await self._tokens.verify(shown.text)
            case Form.KEY if self._book is not None:
                return await self._of_key(parts_of(shown.text))
            case form:
                raise errors.AuthenticationError(f"this gateway takes no {form}")

    async def _of_key(self, parts: Parts | None) -> Identity:
        if parts is None:
            raise errors.AuthenticationError("the API key is not whole")
        key = await self._find(parts.key_id)
        if key is None or not key.fits(parts.secret):
            raise errors.AuthenticationError("there is no such API key")
        return _good(key).identity()

    async def _of_session(self, identity: Identity) -> Identity:
        """A session that was given for a key is as good as the key still is."""
        if identity.credential.startswith("token-"):
            return identity
        key = await self._find(identity.credential)
        if key is None:
            raise errors.AuthenticationError("there is no such API key any more")
        return replace(_good(key).identity(), expires_at=identity.expires_at)

    async def _find(self, key_id: str) -> ApiKey | None:
        return await self._book.find(key_id) if self._book is not None else None

    def _whose(self, connection: HTTPConnection, shown: Shown) -> str:
        """Whom failed attempts are counted for: an address, or where none is known the key that is tried."""
        # The last address is the one that the operator's own proxy has added.
        said = connection.headers.get(self._header, "").rpartition(",")[2].strip() if self._header else ""
        if said:
            return f"address {said[:MAX_ADDRESS_CHARS]!r}"
        parts = parts_of(shown.text)
        return f"{shown.form} {parts.key_id}" if parts is not None else f"{shown.form} of unknown address"


def _good(key: ApiKey) -> ApiKey:
    why = key.refusal(datetime.now(UTC))
    if why is not None:
        raise errors.AuthenticationError(why)
    return key
