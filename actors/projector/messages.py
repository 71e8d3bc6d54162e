"""Messages of a session, as records: prompts, what an agent said, questions and their decisions, notices."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct
from pydantic import JsonValue

from actors.journal.contract import Entry
from actors.projector.derived import moment
from actors.projector.folding import CHUNKS, Fold
from actors.projector.tidy import Tidy
from actors.records.models import AcpMessage, Direction, MessageType, record_id

_STATUS: Final = frozenset(
    {
        "available_commands_update",
        "config_option_update",
        "current_mode_update",
        "session_info_update",
        "usage_update",
    }
)


class Sender(Struct, frozen=True):
    """Whose messages they are: a session's, over its connection."""

    installation: str
    stream: str
    epoch: str
    session_id: str
    connection_id: str
    tidy: Tidy

    def message(
        self,
        entry: Entry,
        direction: Direction,
        kind: MessageType,
        payload: JsonValue,
        *,
        processing_time: float | None = None,
        error: str | None = None,
        failed: bool = False,
    ) -> AcpMessage:
        """The record of one entry. ``error`` is what is said of one that ``failed``."""
        return AcpMessage(
            installation_id=self.installation,
            id=record_id(self.stream, self.epoch, entry.seq, "message"),
            connection_id=self.connection_id,
            session_id=self.session_id,
            direction=direction,
            message_type=kind,
            payload=self.tidy.json(payload),
            timestamp=moment(entry.at),
            size=max(1, len(entry.payload)),
            processed=True,
            processing_time=processing_time,
            error=failed,
            error_message=self.tidy.text(error) if error and failed else None,
        )

    def folded(self, fold: Fold, *, is_whole: bool) -> AcpMessage:
        """The record of all entries of a fold: ``seq`` in its payload is the first of them."""
        told: dict[str, JsonValue] = {"seq": fold.first.seq, "lastSeq": fold.last_seq, "entries": fold.count}
        params: dict[str, JsonValue] = {"sessionId": self.session_id, "_meta": {"lumilink": told}}
        is_update = fold.key[1] in ("tool", "state") or fold.kind in CHUNKS
        if is_update:
            params["update"] = fold.update(is_whole=is_whole)
        else:
            params |= fold.update(is_whole=is_whole)
        method = "session/update" if is_update else fold.kind
        is_prompt = fold.kind == "user_message_chunk" and fold.key[0] == "client"
        return AcpMessage(
            installation_id=self.installation,
            id=record_id(self.stream, self.epoch, fold.first.seq, "message"),
            connection_id=self.connection_id,
            session_id=self.session_id,
            direction=Direction.OUTBOUND if is_prompt else Direction.INBOUND,
            message_type=_type_of(fold),
            payload=self.tidy.json({"jsonrpc": "2.0", "method": method, "params": params}),
            timestamp=moment(fold.first.at),
            size=max(1, fold.size),
            processed=True,
        )


def _type_of(fold: Fold) -> MessageType:
    if fold.kind in CHUNKS:
        return MessageType.MESSAGE
    return MessageType.STATUS if fold.kind in _STATUS else MessageType.EVENT


def parsed(message: bytes) -> dict[str, JsonValue]:
    """A message as JSON. Raises msgspec.MsgspecError for what is no object."""
    members: dict[str, JsonValue] = msgspec.json.decode(message, type=dict)
    return members
