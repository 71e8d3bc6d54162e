"""What a database says, as errors of ours: no statement and no value of a row gets into their text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from actors.errors import InvalidParamsError, JournalUnavailableError

_DATA_EXCEPTION: Final = "22"
"""The class of PostgreSQL's codes for values that are too long, out of range or of another form."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises InvalidParamsError where the rows' own rules were hurt, JournalUnavailableError for all else."""
    try:
        yield
    except IntegrityError:
        raise InvalidParamsError(
            "records: one refers to what is not there, or is a second where there may be one"
        ) from None
    except DBAPIError as error:
        if str(getattr(error.orig, "sqlstate", "")).startswith(_DATA_EXCEPTION):
            raise InvalidParamsError("records: one has a value that the database does not take") from None
        raise unavailable(type(error.orig).__name__) from None
    except (SQLAlchemyError, OSError) as error:
        # TimeoutError is an OSError: the deadline of the whole, or that of a driver.
        raise unavailable(type(error).__name__) from None


def unavailable(why: str) -> JournalUnavailableError:
    """The records' database does not do what it should; ``why`` is a word for the operator."""
    return JournalUnavailableError(f"the records' database does not answer as it should ({why})")
