"""What a ``session_info_update`` tells of a session."""

from __future__ import annotations

import msgspec


def title_of(frame: bytes, title: str | None) -> str | None:
    """The title that a ``session/update`` gives a session; ``title``, as it was, if it gives none."""
    try:
        update = msgspec.json.decode(frame, type=_Note).params.update
    except msgspec.ValidationError:
        return title
    if update.session_update != "session_info_update" or update.title is msgspec.UNSET:
        return title
    return update.title


class _Update(msgspec.Struct):
    session_update: str = msgspec.field(name="sessionUpdate")
    title: str | msgspec.UnsetType | None = msgspec.UNSET


class _Params(msgspec.Struct):
    update: _Update


class _Note(msgspec.Struct):
    params: _Params
