"""Every kind of notice: short, a sentence, an entry of the transcript; and made in one place."""

import json
import re
from pathlib import Path

import pytest

from actors.connection import notices
from actors.connection.notices import TOAST_CHARS, Entry, NoticeKind, Severity, notice

WORDS = {
    NoticeKind.AGENT_WAITS: {"queue": ": 3 are before it"},
    NoticeKind.CHOICE_LOST: {"what": "the mode"},
    NoticeKind.SWITCHED: {"protocol": "HTTP"},
    NoticeKind.REFUSED: {"why": "This client observes."},
    **{
        kind: {"toast": "GitHub automation did it."}
        for kind in NoticeKind
        if kind.value.startswith("automation-")
    },
}
FOLDER = Path(notices.__file__).parent


@pytest.mark.parametrize("kind", NoticeKind)
def test_every_kind_has_a_short_sentence_and_an_entry(kind: NoticeKind):
    made = notice(kind, **WORDS.get(kind, {}))

    assert re.fullmatch(r"[A-Z].{5,}\.", made.toast)
    assert len(made.toast) <= TOAST_CHARS
    assert "{" not in made.toast
    assert made.entry in Entry
    params = json.loads(notices.frame("ses_1", made, {"detail": "x"}))["params"]
    assert set(params) == {"sessionId", "kind", "severity", "toast", "entry", "detail"}
    assert params["kind"] == kind.value


@pytest.mark.parametrize("kind", NoticeKind)
def test_every_kind_is_used(kind: NoticeKind):
    sources = [path.read_text() for path in FOLDER.glob("*.py") if path.name != "notices.py"]

    assert any(f"NoticeKind.{kind.name}" in text for text in sources)


def test_nobody_else_makes_a_notice():
    for path in FOLDER.glob("*.py"):
        if path.name != "notices.py":
            assert "_lumilink/notice" not in path.read_text(), path


def test_a_long_text_is_cut():
    made = notice(NoticeKind.CHOICE_LOST, what="the option " + "x" * 500)

    assert len(made.toast) == TOAST_CHARS
    assert made.toast.endswith("…")


def test_secrets_are_taken_out_of_toasts_and_of_what_is_for_programs():
    secret = "sk-ant-" + "a1b2" * 10
    made = notices.told("rolled-back", f"key {secret}", Severity.WARNING)
    frame = notices.frame("ses_1", made, {"detail": f"Bearer {secret}", "count": 3})

    assert secret.encode() not in frame
    assert json.loads(frame)["params"]["count"] == 3
