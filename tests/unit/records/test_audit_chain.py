"""An audit trail that was touched says so, and where."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from actors.records.audit import FORMAT, Form, Verdict, inspect
from actors.records.audit.chain import Chain, Line
from topology.cli import main

RECORDS = 6

both_forms = pytest.mark.parametrize("form", Form)


def chain_of(bodies: list[dict[str, JsonValue]]) -> list[Line]:
    chain = Chain()
    header: dict[str, JsonValue] = {"format": FORMAT, "installationId": "acme", "from": None, "to": "now"}
    lines = [chain.hang("header", header)]
    lines += [chain.hang("transcripts", body) for body in bodies]
    lines.append(chain.hang("trailer", {"count": len(bodies), "final": chain.last_hash}))
    return lines


def trail(form: Form, records: int = RECORDS) -> list[str]:
    """The lines of a trail, without CSV's heading."""
    bodies: list[dict[str, JsonValue]] = [
        {"entryId": f"id-{n}", "timestamp": "2026-03-01T12:00:00.000Z", "message": f'said {n}, "so"'}
        for n in range(records)
    ]
    return [form.write(line) for line in chain_of(bodies)]


def verdict_of(form: Form, lines: list[str], final: str | None = None) -> Verdict:
    return inspect([form.heading, *lines] if form.heading else lines, final)


def line_of(form: Form, n: int) -> int:
    """The number in the file of the line that has the number ``n`` in the chain."""
    return n + 1 + bool(form.heading)


@both_forms
@pytest.mark.parametrize("records", [0, 1, RECORDS])
def test_a_trail_as_it_was_written_is_whole(form: Form, records: int) -> None:
    verdict = verdict_of(form, trail(form, records))

    assert verdict.complaint is None
    assert verdict.records == records
    assert verdict.header is not None
    assert verdict.header["installationId"] == "acme"


def test_both_forms_of_a_trail_have_the_same_hashes() -> None:
    assert (
        verdict_of(Form.CSV, trail(Form.CSV)).final_hash
        == verdict_of(Form.NDJSON, trail(Form.NDJSON)).final_hash
    )


@both_forms
@pytest.mark.parametrize("n", [0, 1, 3, RECORDS, RECORDS + 1])
def test_a_line_that_was_dropped_is_missed_where_it_was(form: Form, n: int) -> None:
    lines = trail(form)
    del lines[n]

    verdict = verdict_of(form, lines)

    assert verdict.line == line_of(form, n)
    assert verdict.complaint is not None
    if n <= RECORDS:
        assert f"number {n} was dropped" in verdict.complaint
    else:
        assert "truncated" in verdict.complaint


@both_forms
@pytest.mark.parametrize("n", [0, 1, RECORDS])
def test_a_line_that_was_doubled_is_named(form: Form, n: int) -> None:
    lines = trail(form)
    lines.insert(n + 1, lines[n])

    verdict = verdict_of(form, lines)

    assert verdict.line == line_of(form, n + 1)
    assert "doubled" in (verdict.complaint or "")


@both_forms
def test_lines_that_changed_places_are_named(form: Form) -> None:
    lines = trail(form)
    lines[2], lines[4] = lines[4], lines[2]

    verdict = verdict_of(form, lines)

    assert verdict.line == line_of(form, 2)
    assert "moved" in (verdict.complaint or "")


@both_forms
def test_what_comes_after_the_trailer_was_added(form: Form) -> None:
    lines = trail(form)

    for more in (lines[-1], lines[2], "\n", "x\n"):
        verdict = verdict_of(form, [*lines, more])
        assert verdict.line == line_of(form, RECORDS + 2)
        assert "added" in (verdict.complaint or "")


@both_forms
@pytest.mark.parametrize("keep", [0, 1, 4])
def test_a_trail_that_was_cut_short_is_told_of(form: Form, keep: int) -> None:
    lines = trail(form)[:keep]

    assert "truncated" in (verdict_of(form, lines).complaint or "")
    if lines:
        lines[-1] = lines[-1].rstrip("\r\n")
        assert "truncated" in (verdict_of(form, lines).complaint or "")
        lines[-1] = lines[-1][:-9] + "\n"
        assert verdict_of(form, lines).line == line_of(form, keep - 1)


@both_forms
@settings(max_examples=150, deadline=None)
@given(seed=st.integers())
def test_any_character_that_is_changed_shows_in_its_line(form: Form, seed: int) -> None:
    chance = random.Random(seed)
    lines = trail(form)
    n = chance.randrange(len(lines))
    text = lines[n]
    place = chance.randrange(len(text.rstrip("\r\n")))
    other = chance.choice([char for char in 'a0" ,{}' if char != text[place]])
    lines[n] = text[:place] + chance.choice([other, "", text[place] + other]) + text[place + 1 :]

    verdict = verdict_of(form, lines)

    assert verdict.line == line_of(form, n)
    assert verdict.records == max(0, n - 1)


def test_a_member_that_stands_twice_in_a_line_is_seen() -> None:
    lines = trail(Form.NDJSON)
    lines[2] = '{"body":{"message":"other"},' + lines[2][1:]

    assert verdict_of(Form.NDJSON, lines).line == 3


def test_a_line_that_was_made_anew_does_not_hang_on_the_one_before_it() -> None:
    lines = trail(Form.NDJSON)
    chain = Chain()
    for _ in range(3):
        made = chain.hang("transcripts", {"message": "other"})
    lines[2] = Form.NDJSON.write(made)

    assert "made anew" in (verdict_of(Form.NDJSON, lines).complaint or "")


def test_a_trail_that_was_made_anew_is_seen_by_its_final_hash() -> None:
    lines = trail(Form.NDJSON)
    final = verdict_of(Form.NDJSON, lines).final_hash

    assert verdict_of(Form.NDJSON, lines, final).complaint is None
    assert "made anew" in (verdict_of(Form.NDJSON, trail(Form.NDJSON, 5), final).complaint or "")


@both_forms
@pytest.mark.parametrize("wrong", [{"count": 9, "final": "0" * 64}, {}])
def test_a_trailer_has_to_agree_with_its_trail(form: Form, wrong: dict[str, JsonValue]) -> None:
    chain = Chain()
    lines = [chain.hang("header", {"format": FORMAT}), chain.hang("trailer", wrong)]

    assert "trailer" in (verdict_of(form, [form.write(line) for line in lines]).complaint or "")


@both_forms
@pytest.mark.parametrize("text", ["", "hello\n", "[]\n", "{}\n", "1,2\n", '{"n":0}\n', "[" * 100_000 + "\n"])
def test_what_is_no_audit_trail_is_none(form: Form, text: str) -> None:
    assert verdict_of(form, [text] if text else []).complaint is not None


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_csv_is_taken_for_a_formula(begin: str) -> None:
    key = f"{begin}cmd|' /C calc'!A0"
    lines = [
        Form.CSV.write(line) for line in chain_of([{"entryId": key, "timestamp": "2026", "message": key}])
    ]

    cells = lines[1].split(",")
    assert not any(cell.strip('"').startswith(begin) for cell in cells)
    assert verdict_of(Form.CSV, lines).complaint is None


@both_forms
def test_large_records_and_any_text_survive_both_forms(form: Form) -> None:
    bodies: list[dict[str, JsonValue]] = [
        {"message": "ä\u2028\"',;\\" * 60_000, "n": 1.5e-7, "m": 2**53, "x": [None, True]}
    ]

    assert verdict_of(form, [form.write(line) for line in chain_of(bodies)]).complaint is None


def test_the_command_tells_a_whole_trail_from_a_changed_one(tmp_path: Path) -> None:
    file = tmp_path / "audit.ndjson"
    lines = trail(Form.NDJSON)
    file.write_text("".join(lines), newline="")

    whole = CliRunner().invoke(main, ["verify", "--audit", str(file)])
    assert whole.exit_code == 0
    assert "whole and unchanged: 6 records" in whole.output

    file.write_bytes("".join(lines).replace("said 3", "said 4").encode())
    changed = CliRunner().invoke(main, ["verify", "--audit", str(file)])
    assert changed.exit_code == 1
    assert "line 5: was changed" in changed.output

    file.write_bytes(b"\xff\xfe\n")
    assert CliRunner().invoke(main, ["verify", "--audit", str(file), "--json"]).exit_code == 1
    assert CliRunner().invoke(main, ["verify", "--audit", str(tmp_path / "none")]).exit_code == 2
