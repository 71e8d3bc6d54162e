"""Questions that agents ask while nobody is there: listed and decided over HTTP, once."""

from __future__ import annotations

import httpx
import pytest
from support.gateway_process import GatewayProcess
from support.messages import texts
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120, func_only=True)]

NO = {"result": {"outcome": {"outcome": "selected", "optionId": "no"}}}
YES = {"result": {"outcome": {"outcome": "selected", "optionId": "yes"}}}


async def test_a_question_that_nobody_sees_is_decided_over_http_once(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as first:
        session_id = await first.new_session(workspace)
        await first.start_prompt(session_id, "ask\nsay 1")
        asked = await first.question(session_id)
    url = f"{gateway.url}/api/v1/sessions/{session_id}/questions"
    async with httpx.AsyncClient() as http:
        [listed] = (await http.get(url)).json()["questions"]
        assert listed["questionId"] == asked["id"]
        assert listed["params"]["sessionId"] == session_id
        place = f"{url}/{listed['questionId'].rpartition('/')[2]}"
        assert (await http.post(place, json=NO)).status_code == 204
        again = await http.post(place, json=YES)
        assert again.json()["code"] == "question-unknown"
        assert (await http.get(url)).json()["questions"] == []
    async with begun_peer(gateway.acp_over_websocket) as second:
        await second.load(session_id, workspace)
        await second.hears(session_id, "1 ")
        assert texts(second.messages, session_id) == ["chose no", "1 "]


async def test_who_watches_is_told_that_a_question_was_decided_elsewhere(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer, httpx.AsyncClient() as http:
        session_id = await peer.new_session(workspace)
        turn = await peer.start_prompt(session_id, "ask")
        asked = await peer.question(session_id)
        place = f"{gateway.url}/api/v1/sessions/{asked['id'].replace('/', '/questions/')}"
        assert (await http.post(place, json=YES)).status_code == 204
        [told] = await peer.told("$/cancel_request")
        assert told["requestId"] == asked["id"]
        assert told["_meta"]["lumilink"]["state"] == "answered"
        assert (await peer.result_of(turn))["stopReason"] == "end_turn"


async def test_what_makes_no_sense_is_refused_and_the_question_stays_open(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer, httpx.AsyncClient() as http:
        session_id = await peer.new_session(workspace)
        await peer.start_prompt(session_id, "ask")
        asked = await peer.question(session_id)
        url = f"{gateway.url}/api/v1/sessions/{session_id}/questions"
        place = f"{url}/{asked['id'].rpartition('/')[2]}"
        for body in (b"", b"yes", b'{"outcome": "yes"}'):
            assert (await http.post(place, content=body)).json()["code"] == "invalid-params"
        page = {"Origin": "https://evil.example"}
        assert (await http.post(place, json=YES, headers=page)).json()["code"] == "invalid-request"
        assert (await http.post(f"{url}/q99", json=YES)).json()["code"] == "question-unknown"
        unknown = await http.get(f"{gateway.url}/api/v1/sessions/sess_none/questions")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "session-not-found")
        assert len((await http.get(url)).json()["questions"]) == 1
