"""A workspace's automations, as records: the summaries of runs that have ended, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from pydantic import JsonValue

from actors.analytics.happening import Happened
from actors.automation.stream import EntryKind
from actors.errors import InvalidParamsError
from actors.journal.contract import Entry
from actors.projector import live, metrics
from actors.projector.derived import Derived, identifier
from actors.projector.messages import parsed
from actors.projector.state import StreamState
from actors.projector.streams import Address
from actors.projector.versions import upcast
from actors.records.models import GitHubAutomationSummary, checked

_TOLD: Final = frozenset({EntryKind.ENDED.value, EntryKind.PULL_REQUEST.value})


class AutomationProjection:
    """Of one workspace. Its entries hold whole summaries, so each stands for itself."""

    has_waiting = False
    has_counted = False

    def __init__(self, address: Address, epoch: str, state: StreamState) -> None:
        self.address = address
        self.epoch = epoch
        self.state = state

    def project(self, entries: Sequence[Entry], applied: int, tell_after: int, derived: Derived) -> None:
        """See ``SessionProjection.project``."""
        for entry in entries:
            is_new, is_news = entry.seq > applied, entry.at >= tell_after and entry.seq > self.state.told
            if entry.kind.partition("@")[0] in _TOLD and (is_new or is_news):
                derived.attempt(entry, partial(self._handle, entry, derived, is_new, is_news))
            if is_new:
                derived.moments.append(entry.at)

    def _handle(self, entry: Entry, derived: Derived, is_new: bool, is_news: bool) -> None:
        kind, payload = upcast(entry.kind, entry.payload)
        told = parsed(payload)
        summaries = [told] if kind == EntryKind.ENDED else told.pop("summaries", [])
        assert isinstance(summaries, list)
        records = [self._summary(one) for one in summaries if isinstance(one, dict)]
        if is_new:
            for record in records:
                derived.put(entry.seq, record)
                if kind == EntryKind.ENDED:
                    _note(entry, record, derived)
        if is_news:
            data: JsonValue = told
            if kind == EntryKind.ENDED:
                data = records[0].model_dump(mode="json", by_alias=True, exclude={"logs", "logs_ref"})
            derived.events.append(live.automation_event(self.address, self.epoch, entry, data))

    def _summary(self, told: dict[str, JsonValue]) -> GitHubAutomationSummary:
        ids = {name: identifier(str(told.get(name, ""))) for name in ("sessionId", "workspaceId")}
        record = checked(GitHubAutomationSummary, {**told, **ids})
        if record.installation_id != self.address.installation:
            raise InvalidParamsError("installationId: is not that of the stream")
        return record

    def flush(self, seq: int, derived: Derived) -> None:
        """Nothing of an automation waits."""

    def break_off(self, derived: Derived) -> None:
        """Each entry stands for itself."""


def _note(entry: Entry, record: GitHubAutomationSummary, derived: Derived) -> None:
    installation, workspace_id = record.installation_id, record.workspace_id
    ended = f"{metrics.AUTOMATIONS}-{record.status}"
    metrics.count_one(derived, entry, installation, workspace_id, ended)
    took = float(record.duration_ms)
    metrics.count_one(derived, entry, installation, workspace_id, metrics.AUTOMATION_MS, took)
    about: dict[str, JsonValue] = {
        "summaryId": record.summary_id,
        "status": record.status.value,
        "skipReason": record.skip_reason.value if record.skip_reason else None,
        "durationMs": record.duration_ms,
        "errorCode": record.error.code if record.error else None,
        "issue": record.issue.number if record.issue else None,
        "pullRequest": record.pull_request.number if record.pull_request else None,
        "commit": record.commit.sha if record.commit else None,
    }
    derived.note(entry, Happened.AUTOMATION_ENDED, about, workspace_id, record.session_id)
