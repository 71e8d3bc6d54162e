"""Right histories, made at random, and what their agent and their clients would have recorded."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from actors.connection import record
from actors.journal import Entry, Head
from topology.verify.agent_record import AgentLine, AgentRecords
from topology.verify.client_record import ClientLine, ClientRecords
from topology.verify.history import Verification
from topology.verify.report import Report
from topology.verify.timeline import Timeline, timeline_of
from topology.verify.violations import Rule

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SESSION = "s-1"
WORKSPACE = "local/w-1"
STREAM = f"local/{SESSION}"
AGENT = "a-1"
DRIVER, WATCHER = "driver", "watcher"
FIRST, SECOND = "conn-1", "conn-2"
END_TURN = {"result": {"stopReason": "end_turn"}}
INTERRUPTED = {"error": {"code": -32010, "data": {"code": "turn-interrupted", "retryable": True}}}
UNAVAILABLE = {"error": {"code": -32030, "data": {"code": "worker-unavailable", "retryable": True}}}
ANSWERS = {"completed": END_TURN, "interrupted": INTERRUPTED, "never-started": UNAVAILABLE}


@dataclass(frozen=True)
class Step:
    """An entry before it has a seq. ``body`` is the note, or the content of an update."""

    kind: str
    body: dict[str, object]
    client: str = ""

    def payload(self, seq: int) -> bytes:
        body = self.body
        if self.kind in ("update", "prompt"):
            meta = {"lumilink": {"seq": seq}}
            body = {
                "method": "session/update",
                "params": {"sessionId": SESSION, "_meta": meta, "update": body},
            }
        text = json.dumps(body).encode()
        return text if self.kind == "update" else f"{self.client}\n".encode() + text


def activated(fence: int, worker: str = "") -> Step:
    return Step("activated", {"worker": worker or f"life-{fence}", "fence": fence})


def started(turn: int, prompt_id: str | None = None, client: str = FIRST) -> Step:
    return Step("turn-started", {"turn": turn, "promptId": prompt_id, "client": client}, client)


def prompt(text: str, client: str = FIRST) -> Step:
    return Step("prompt", {"sessionUpdate": "user_message_chunk", "text": text}, client)


def update(text: str) -> Step:
    return Step("update", {"sessionUpdate": "agent_message_chunk", "text": text})


def ended(turn: int, outcome: str = "completed") -> Step:
    return Step("turn-ended", {"turn": turn, "outcome": outcome, "answer": ANSWERS[outcome]}, FIRST)


def question(number: int) -> Step:
    return Step("question", {"id": f"{SESSION}/q{number}", "method": "session/request_permission"})


def decision(number: int, state: str = "answered") -> Step:
    params = {"requestId": f"{SESSION}/q{number}", "_meta": {"lumilink": {"state": state}}}
    return Step("decision", {"method": "$/cancel_request", "params": params})


def timeline(steps: Sequence[Step], first_kept: int = 1) -> Timeline:
    """The timeline of a stream with these entries, the first ``first_kept - 1`` trimmed."""
    return timeline_of(head_of(len(steps), first_kept), entries_of(steps)[first_kept - 1 :])


def entries_of(steps: Sequence[Step]) -> list[Entry]:
    return [Entry(STREAM, seq, step.kind, step.payload(seq), 0) for seq, step in enumerate(steps, start=1)]


def head_of(last_seq: int, first_kept: int = 1) -> Head:
    return Head(STREAM, WORKSPACE, "epoch", first_kept, last_seq, 0, record_of_session())


def record_of_session() -> bytes:
    return record.encode(
        record.SessionRecord(
            "local", "w-1", SESSION, AGENT, "/", b"{}", b"{}", b"", None, "2026-01-01T00:00:00Z"
        )
    )


@dataclass
class History:
    """What one session did, and the records of it. Histories made by ``histories`` are right."""

    steps: list[Step]
    agents: list[AgentLine] = field(default_factory=list)
    clients: list[ClientLine] = field(default_factory=list)

    def report(self, *, live: bool = False) -> Report:
        agents = AgentRecords(self.agents) if self.agents else None
        clients = ClientRecords(self.clients) if self.clients else None
        verification = Verification(agents, clients, live)
        verification.take(timeline(self.steps))
        return verification.finish()

    def broken(self, *, live: bool = False) -> dict[Rule, int]:
        return dict(self.report(live=live).counts)

    def journal_alone(self) -> History:
        return replace(self, agents=[], clients=[])

    def places(self, *kinds: str) -> list[int]:
        return [place for place, step in enumerate(self.steps) if step.kind in kinds]

    def client_places(self, event: str, client: str = "") -> list[int]:
        lines = enumerate(self.clients)
        return [at for at, line in lines if line.event == event and client in ("", line.client)]


@st.composite
def histories(draw: st.DrawFn, min_turns: int = 0, min_updates: int = 0) -> History:
    """A session with turns, questions, failovers, a client that comes back and one that looks on."""
    steps = [activated(1)]
    numbers = iter(range(1, 10_000))
    fences = iter(range(2, 10_000))
    questions = iter(range(1, 10_000))
    for turn in range(1, draw(st.integers(min_turns, 4)) + 1):
        if draw(st.booleans()):
            steps.append(activated(next(fences)))
        outcome = draw(st.sampled_from(["completed", "completed", "interrupted", "never-started"]))
        steps.append(started(turn, f"p-{turn}"))
        steps += [prompt(f"prompt {turn}.{block}") for block in range(draw(st.integers(1, 2)))]
        if outcome != "never-started":
            for _ in range(draw(st.integers(min_updates, 4))):
                steps.append(update(f"update {next(numbers)}"))
                if draw(st.integers(0, 3)) == 0:
                    number = next(questions)
                    steps += [question(number), decision(number)][: draw(st.integers(1, 2))]
        steps.append(ended(turn, outcome))
    cut = draw(st.integers(1, len(steps)))
    steps = [replace(step, client=_driver_at(step, seq, cut)) for seq, step in enumerate(steps, start=1)]
    clients = _driven(steps, cut) + _watched(steps)
    return History(steps, _agent_lines(steps), clients)


def _driver_at(step: Step, seq: int, cut: int) -> str:
    if not step.client:
        return ""
    return FIRST if seq <= cut else SECOND


def _agent_lines(steps: Sequence[Step]) -> list[AgentLine]:
    outcomes = {step.body["turn"]: step.body["outcome"] for step in steps if step.kind == "turn-ended"}
    lines: list[AgentLine] = [AgentLine("opened", AGENT)]
    for step in steps:
        if step.kind == "turn-started" and outcomes[step.body["turn"]] != "never-started":
            lines.append(AgentLine("told", AGENT, prompt_id=str(step.body["promptId"])))
        elif step.kind == "update":
            lines.append(said(step))
    return lines


def said(step: Step) -> AgentLine:
    # Another order of the members says the same.
    members = dict(reversed(step.body.items()))
    return AgentLine("said", AGENT, update=json.dumps(members).encode())  # type: ignore[arg-type]  # Raw is bytes


def _driven(steps: Sequence[Step], cut: int) -> list[ClientLine]:
    """The driver's record: its socket is lost after event ``cut``, and it repeats what is unanswered."""
    lines = [_line("attached", connection=FIRST)]
    connection, asked, requests = FIRST, "", iter(range(1, 1000))
    cursor = 0
    for seq, step in enumerate(steps, start=1):
        if step.kind == "turn-started":
            asked = str(step.body["promptId"])
            lines.append(_line("prompted", prompt_id=asked, request=str(next(requests))))
        elif step.kind == "turn-ended":
            answer = step.body["answer"]
            assert isinstance(answer, dict)
            lines.append(_line("answered", prompt_id=asked, request=lines_request(lines), answer=answer))
            if answer is UNAVAILABLE:  # it was told to send it again; it is lost again, for good
                lines.append(_line("prompted", prompt_id=asked, request=str(next(requests))))
                lines.append(
                    _line("answered", prompt_id=asked, request=lines_request(lines), answer=INTERRUPTED)
                )
            asked = ""
        elif step.kind in ("update", "prompt") and not (step.kind == "prompt" and step.client == connection):
            lines.append(_received(step, seq, DRIVER))
            cursor = seq
        if seq == cut:
            connection = SECOND
            lines += [_line("detached"), _line("attached", connection=SECOND, after=cursor)]
            # What it said itself is shown to it too, now that it has another connection.
            late = [at for at in range(cursor, cut) if steps[at].kind == "prompt"]
            lines += [_received(steps[at], at + 1, DRIVER) for at in late]
            if asked:
                lines.append(_line("prompted", prompt_id=asked, request=str(next(requests))))
    return lines


def _watched(steps: Sequence[Step]) -> list[ClientLine]:
    lines = [replace_client(_line("attached", connection="conn-9"), WATCHER)]
    for seq, step in enumerate(steps, start=1):
        if step.kind in ("update", "prompt"):
            lines.append(_received(step, seq, WATCHER))
    return lines


def lines_request(lines: Sequence[ClientLine]) -> str:
    return next(line.request for line in reversed(lines) if line.event == "prompted")


def replace_client(line: ClientLine, client: str) -> ClientLine:
    return ClientLine(line.event, client, line.session, line.connection)


def _received(step: Step, seq: int, client: str) -> ClientLine:
    payload = step.payload(seq)
    message = payload if step.kind == "update" else payload.partition(b"\n")[2]
    return ClientLine("received", client, SESSION, seq=seq, crc=zlib.crc32(message))


def _line(event: str, **members: object) -> ClientLine:
    return ClientLine(event, DRIVER, SESSION, **members)  # type: ignore[arg-type]  # as the tests spell them
