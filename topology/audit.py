"""``lumilink verify --audit FILE``: whether an audit trail is whole and unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from actors.errors import SettingsError
from actors.records.audit import Verdict, inspect

LONGEST_LINE: Final = 16 * 1024 * 1024
"""In characters; no record comes near it. A longer line is taken for several, and so for a changed one."""


def run_audit(file: Path, expected_final: str | None, *, as_json: bool) -> int:
    """Prove a trail and say what was found; returns the exit code, 1 if it is not whole.

    ``expected_final`` is its final hash as it was noted elsewhere. Raises SettingsError for a file that
    cannot be read.
    """
    try:
        verdict = inspect(_lines(file), expected_final)
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror or type(error).__name__}") from None
    if as_json:
        told = msgspec.to_builtins(verdict)
        click.echo(json.dumps({"whole": verdict.complaint is None, **told}, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_sentences(file, verdict)))
    return 0 if verdict.complaint is None else 1


def _lines(file: Path) -> Iterator[str]:
    # What is no UTF-8 becomes another character, and so a line that was changed.
    with file.open(encoding="utf-8", errors="replace", newline="") as text:
        while line := text.readline(LONGEST_LINE):
            yield line


def _sentences(file: Path, verdict: Verdict) -> Iterator[str]:
    if verdict.header is not None:
        header = verdict.header
        since, until = header.get("from") or "the beginning", header.get("to")
        yield f"{file}: audit trail of installation {header.get('installationId')}, {since} to {until}"
    if verdict.complaint is None:
        yield f"whole and unchanged: {verdict.records} records, final hash {verdict.final_hash}"
    else:
        yield f"line {verdict.line}: {verdict.complaint}"
        yield f"{verdict.records} records before it are unchanged."
