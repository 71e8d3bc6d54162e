"""The gateway's data directory: one gateway at a time, the journal, its keys."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from actors import errors
from actors.connection.sealing import new_key

LOCK: Final = "lock"
JOURNAL: Final = "journal.db"
SEAL_KEY: Final = "seal.key"
TOKEN_KEY: Final = "token.key"  # noqa: S105 - the name of a file
SESSION_KEY: Final = "session.key"
RECORDS: Final = "records.db"


def records_url(setting: str, data_dir: Path) -> str:
    """The setting ``records`` as the records' database takes it."""
    if setting == "sqlite":
        return f"sqlite+aiosqlite:///{data_dir.absolute() / RECORDS}"
    return setting.replace("postgresql://", "postgresql+asyncpg://", 1)


class DataDirectory:
    """While entered, no other gateway can use the same directory."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    def __enter__(self) -> Self:
        """Make it if need be, and lock it. Raises SettingsError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # Closed by the end of the process, whatever that is; what we start does not inherit it.
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise errors.SettingsError(f"data_dir: {self.path} cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise errors.SettingsError(
                f"data_dir: {self.path} is in use by another gateway; stop it, or take another directory"
            ) from None
        self._lock = lock
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def journal_url(self, setting: str) -> str:
        """The setting ``journal`` as workers take it."""
        return {"sqlite": f"sqlite:{self.path / JOURNAL}", "memory": "memory:"}.get(setting, setting)

    def records_url(self, setting: str) -> str:
        """The setting ``records`` as the records' database takes it."""
        return records_url(setting, self.path)

    def session_key(self) -> str:
        """The key that the cookies of browsers are signed with."""
        return self._kept(SESSION_KEY)

    def seal_key(self) -> str:
        """The key of what the journal keeps sealed."""
        return self._kept(SEAL_KEY)

    def token_key(self) -> str:
        """The key that resume tokens are signed with."""
        return self._kept(TOKEN_KEY)

    def _kept(self, name: str) -> str:
        """A key that is made once, and is readable for this user alone."""
        path = self.path / name
        if not path.exists():
            partial = path.with_suffix(".new")
            partial.unlink(missing_ok=True)
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(new_key())
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
        return path.read_text().strip()
