"""``lumilink verify``: from files to an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from actors.errors import SettingsError
from actors.journal.sqlite import SqliteJournal
from topology.verify.agent_record import AgentRecords
from topology.verify.client_record import ClientRecords
from topology.verify.history import verify
from topology.verify.report import Report


@dataclass(frozen=True)
class Evidence:
    """The files of a history; see ``agent_record`` and ``client_record`` for the records."""

    journal: Path
    agents: Sequence[Path] = ()
    clients: Sequence[Path] = ()


async def verify_files(evidence: Evidence, *, live: bool = False) -> Report:
    """Verify a journal's file, and the records if there are any.

    Raises SettingsError for a file that is not there or not what it should be, JournalUnavailableError.
    """
    if not evidence.journal.is_file():
        raise SettingsError(f"{evidence.journal}: no journal is there")
    # The records first: what they tell of a history that goes on is in the journal by then.
    agents = AgentRecords.read(evidence.agents) if evidence.agents else None
    clients = ClientRecords.read(evidence.clients) if evidence.clients else None
    journal = await SqliteJournal.open(evidence.journal)
    try:
        return await verify(journal, agents, clients, live=live)
    finally:
        await journal.close()


async def run_verify(evidence: Evidence, *, live: bool, as_json: bool) -> int:
    """Verify and print; 0 if nothing is wrong. Raises as ``verify_files``."""
    report = await verify_files(evidence, live=live)
    if as_json:
        click.echo(report.json())
    else:
        for line in report.lines():
            click.echo(line)
    return 1 if report.total else 0
