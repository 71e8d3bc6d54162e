"""What a session's entries become."""

from __future__ import annotations

from datetime import datetime

import pytest
from unit.projector.projector_world import World, text_of

from actors.records import kinds


async def test_a_session_is_recorded_with_its_connection_and_container(world: World) -> None:
    await world.session().connected().save()
    await world.project()

    [session] = await world.all(kinds.SESSIONS)
    [connection] = await world.all(kinds.CONNECTIONS)
    [container] = await world.all(kinds.CONTAINERS)
    assert (session["sessionId"], session["workspaceId"], session["protocolType"]) == (
        "sess-1",
        "repo",
        "acp",
    )
    assert (session["acpConnectionId"], session["containerId"]) == ("conn_sess-1", "box-1")
    assert session["protocolMetadata"] == {"title": "Fix it", "cwd": "/w"}
    assert session["closedAt"] is None
    assert (connection["status"], connection["protocolVersion"]) == ("connected", "1.0.0")
    assert (container["supportedProtocols"], container["preferredProtocol"]) == (["acp"], "acp")


async def test_each_change_of_a_connection_is_a_transition_and_counted(world: World) -> None:
    script = world.session().connected()
    script.connection(
        "error", "connected", errorCode="agent-closed", errorCategory="connection", cause="gone"
    )
    script.connection("reconnecting", "error").connection("connected", "reconnecting", successRate=0.5)
    await script.save()
    await world.project()

    changes = await world.all(kinds.TRANSITIONS)
    assert [(one["fromStatus"], one["toStatus"]) for one in changes] == [
        (None, "connecting"),
        ("connecting", "connected"),
        ("connected", "error"),
        ("error", "reconnecting"),
        ("reconnecting", "connected"),
    ]
    [connection] = await world.all(kinds.CONNECTIONS)
    assert (connection["errorCount"], connection["reconnectCount"], connection["successRate"]) == (1, 1, 0.5)
    [diagnostic] = connection["diagnostics"]  # type: ignore[misc]
    assert (diagnostic["code"], diagnostic["category"], diagnostic["seq"]) == (
        "agent-closed",
        "connection",
        4,
    )
    kinds_of = [one["messageType"] for one in await world.all(kinds.MESSAGES)]
    assert kinds_of == ["status", "connect", "status", "status", "connect"]


async def test_a_turn_is_a_prompt_what_the_agent_said_and_its_end(world: World) -> None:
    script = world.session().connected().turn().prompt("Do it").chunk("Hel").chunk("lo.")
    script.update(sessionUpdate="tool_call", toolCallId="t1", title="Read", status="pending")
    script.update(sessionUpdate="tool_call_update", toolCallId="t1", status="completed")
    await script.chunk("Done.").ended().save()
    await world.project()

    messages = (await world.all(kinds.MESSAGES))[2:]
    assert [(one["direction"], one["messageType"]) for one in messages] == [
        ("outbound", "message"),
        ("inbound", "message"),
        ("inbound", "event"),
        ("inbound", "message"),
        ("inbound", "status"),
    ]
    assert [text_of(messages[place]) for place in (0, 1, 3)] == ["Do it", "Hello.", "Done."]
    assert messages[2]["payload"]["params"]["update"] == {  # type: ignore[index]
        "sessionUpdate": "tool_call_update",
        "toolCallId": "t1",
        "title": "Read",
        "status": "completed",
    }
    assert messages[1]["payload"]["params"]["_meta"] == {"lumilink": {"seq": 6, "lastSeq": 7, "entries": 2}}  # type: ignore[index]
    assert messages[4]["processingTime"] == 700.0
    assert not messages[4]["error"]


async def test_a_turn_that_failed_is_a_message_in_error(world: World) -> None:
    answer = {"error": {"code": -32000, "message": "The agent gave up."}}
    await world.session().connected().turn().ended(outcome="failed", answer=answer).save()
    await world.project()

    last = (await world.all(kinds.MESSAGES))[-1]
    assert (last["error"], last["errorMessage"]) == (True, "The agent gave up.")


async def test_a_question_and_its_decision_tell_how_long_it_waited(world: World) -> None:
    script = world.session().connected()
    asked = {"jsonrpc": "2.0", "id": "sess-1/q1", "method": "session/request_permission", "params": {}}
    decided = {"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": "sess-1/q1"}}
    await script.event("question", asked).later(5_000).event("decision", decided).commit()
    await script.save()
    await world.project()

    question, decision = (await world.all(kinds.MESSAGES))[-2:]
    assert (question["direction"], question["messageType"]) == ("inbound", "command")
    assert (decision["direction"], decision["processingTime"]) == ("outbound", 5_100.0)


async def test_a_notice_is_an_entry_of_the_transcript(world: World) -> None:
    script = world.session().connected().notice("The agent went away.")
    script.notice(
        "Skipped.", "automation-skipped", entry="automation", message="Skipped: the repository is blocked."
    )
    await script.save()
    await world.project()

    first, second = await world.all(kinds.TRANSCRIPTS)
    assert (first["eventType"], first["message"]) == ("toast", "The agent went away.")
    assert first["context"] == {"kind": "agent-closed", "severity": "warning"}
    assert (second["eventType"], second["message"]) == ("automation", "Skipped: the repository is blocked.")


async def test_a_session_that_falls_back_is_recorded_as_carried_over_http(world: World) -> None:
    script = world.session().connected()
    script.connection("rolled-back", "connected", cause="ACP failed it")
    script.event("protocol", {"from": "acp", "to": "http", "trigger": "fallback", "code": "agent-closed"})
    script.connection(
        "connected", None, connectionId="conn_sess-1-http", protocol="http", protocolVersion=None
    )
    await script.save()
    await world.project()

    [session] = await world.all(kinds.SESSIONS)
    assert (session["protocolType"], session["acpConnectionId"]) == ("http", "conn_sess-1-http")
    [container] = await world.all(kinds.CONTAINERS)
    assert (container["supportedProtocols"], container["preferredProtocol"]) == (["http", "acp"], "http")
    acp, http = sorted(await world.all(kinds.CONNECTIONS), key=lambda one: str(one["connectionId"]))
    assert (acp["status"], acp["rollbackTriggered"], acp["rollbackCause"]) == (
        "rolled-back",
        True,
        "ACP failed it",
    )
    assert (http["status"], http["protocolVersion"]) == ("connected", "0.0.0")
    metrics = {one["metricType"]: one["value"] for one in await world.all(kinds.METRICS)}
    assert metrics["fallbacks"] == 1.0


async def test_a_closed_session_is_recorded_as_closed(world: World) -> None:
    script = await world.session().connected().save()
    await world.project()
    await script.save(closed=True, updated_at="2026-03-01T13:00:00.000Z")
    await world.project()

    [session] = await world.all(kinds.SESSIONS)
    assert session["closedAt"] == session["updatedAt"] == "2026-03-01T13:00:00.000Z"


async def test_a_session_of_before_connections_were_told_of_has_one_of_its_own(world: World) -> None:
    script = world.session().activated().turn().prompt("Do it").ended()
    del script.record["carriage"]
    await script.save()
    await world.project()

    [session] = await world.all(kinds.SESSIONS)
    [connection] = await world.all(kinds.CONNECTIONS)
    assert session["acpConnectionId"] == connection["connectionId"] == "conn_sess-1"
    assert connection["status"] == "connecting"
    assert await world.texts() == ["Do it"]


async def test_what_was_counted_in_a_minute_is_a_metric_of_its_workspace(world: World) -> None:
    for number in (1, 2):
        script = world.session(f"sess-{number}").connected().turn().prompt("Do it").chunk("Yes.")
        await (
            script.ended(outcome="failed" if number == 1 else "completed")
            .later(60_000)
            .notice("Later.")
            .save()
        )
    await world.project()

    first, second = "2026-03-01T12:00:00.000Z", "2026-03-01T12:01:00.000Z"
    metrics = {(one["timestamp"], one["metricType"]): one["value"] for one in await world.all(kinds.METRICS)}
    assert metrics[first, "acp-messages"] == 14.0
    assert metrics[second, "acp-messages"] == 2.0
    assert (metrics[first, "acp-turns"], metrics[first, "acp-turns-failed"]) == (2.0, 1.0)
    assert metrics[first, "acp-turn-ms"] == 600.0


@pytest.mark.parametrize("outcome", ["completed", "cancelled"])
async def test_an_ordinary_end_of_a_turn_is_no_error(world: World, outcome: str) -> None:
    await world.session().connected().turn().ended(outcome=outcome).save()
    await world.project()

    assert not (await world.all(kinds.MESSAGES))[-1]["error"]


async def test_a_connection_was_heard_of_whenever_its_agent_has_said_something(world: World) -> None:
    script = world.session().connected().turn().prompt("Hello").chunk("I am here ")
    said_at = script.at
    script.later(40_000).ended()
    await script.save()
    await world.project()

    [connection] = await world.all(kinds.CONNECTIONS)
    heard = datetime.fromisoformat(str(connection["lastHeartbeat"]))
    assert round(heard.timestamp() * 1000) == said_at
    assert str(connection["lastActive"]) > str(connection["lastHeartbeat"])
