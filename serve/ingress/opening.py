"""The requests that attach a client to a session: new, load, resume, fork, attach by cursor."""

from __future__ import annotations

import asyncio
import hashlib

import msgspec

from actors import errors
from actors.capacity.ledger import Place
from actors.capacity.roll import Owner
from actors.connection.roles import Role, role_of, wants_status, wants_turns
from actors.link.greeting import Greeting
from actors.protocol import compose
from actors.protocol.envelope import Envelope, params_of
from actors.protocol.identifiers import new_session_id
from actors.protocol.models import LoadSessionParams, NewSessionParams, ResumeSessionParams
from serve.ingress.admissions import Applicant, Queued
from serve.ingress.caller import Caller
from serve.ingress.reattaching import ATTACH, Reached
from serve.ingress.views import Opening
from serve.rights import Right, demand

METHODS = frozenset({"session/new", "session/load", "session/resume", "session/fork", ATTACH})

_SHAPES: dict[str, type[msgspec.Struct]] = {
    "session/load": LoadSessionParams,
    "session/resume": ResumeSessionParams,
    "session/fork": ResumeSessionParams,
}


class AttachParams(msgspec.Struct, frozen=True, rename="camel"):
    """``_lumilink/session/attach``: come back to a session and miss nothing after ``afterSeq``.

    A ``resumeToken`` says both which session and after which event.
    """

    session_id: str | None = None
    after_seq: int | None = None
    resume_token: str | None = None


class _LumiLinkMeta(msgspec.Struct, rename="camel"):
    workspace_id: str | None = None


class _Meta(msgspec.Struct):
    lumilink: _LumiLinkMeta = msgspec.field(default_factory=_LumiLinkMeta)


async def open_view(client: Caller, message: Envelope) -> None:
    """Find the worker and hand it the request; the answer comes back on the view."""
    if message.method == "session/new":
        await _open_new(client, message)
        return
    if message.method == "session/fork":
        await _open_fork(client, message)
        return
    assert message.method is not None
    session_id, after_seq = _target(client, message)
    demand(client.identity, Right.SESSIONS_READ)
    role = role_of(message) if client.identity.may(Right.SESSIONS_USE) else Role.OBSERVER
    reached = await client.gateway.reach(session_id)
    old = client.views.get(session_id)
    greeting = Greeting(
        method=message.method,
        request=message.frame,
        client=client.connection_id,
        installation=client.installation,
        after_seq=after_seq,
        pending=client.prompts_on(old) if old is not None else (),
        role=role,
        turns=wants_turns(message),
        status=wants_status(message),
    )
    _open(client, message, reached, session_id, greeting)
    if old is not None:
        # Loading what is attached already starts its view anew.
        client.gateway.links.close(old)


async def _open_fork(client: Caller, message: Envelope) -> None:
    """A fork is a new session, and has to be where the original is: that gets its place first."""
    demand(client.identity, Right.SESSIONS_USE)
    session_id, _ = _target(client, message)
    made, role = new_session_id(), role_of(message)
    await client.gateway.capacity.locate(session_id)
    await _admitted(client, message, made, Owner(client.installation, ""), beside=session_id)
    greeting = Greeting(
        method="session/fork",
        request=message.frame,
        client=client.connection_id,
        installation=client.installation,
        new_session_id=made,
        role=role,
        turns=wants_turns(message),
        status=wants_status(message),
    )
    try:
        _open(client, message, await client.gateway.reach(session_id), session_id, greeting)
    except (errors.LumiLinkError, asyncio.CancelledError):
        client.gateway.admissions.give_up(made)
        raise


async def _open_new(client: Caller, message: Envelope) -> None:
    demand(client.identity, Right.SESSIONS_USE)
    params = params_of(message, NewSessionParams)
    workspace_id, role = workspace_of(params, client.installation), role_of(message)
    session_id = new_session_id()
    admissions = client.gateway.admissions
    place = await _admitted(client, message, session_id, Owner(client.installation, workspace_id))
    greeting = Greeting(
        method="session/new",
        request=message.frame,
        client=client.connection_id,
        installation=client.installation,
        initialize=client.initialize,
        workspace_id=workspace_id,
        cwd=params.cwd,
        user=client.identity.user,
        role=role,
        turns=wants_turns(message),
        status=wants_status(message),
    )
    try:
        reached = await client.gateway.links.reach(session_id, place)
        _open(client, message, reached, session_id, greeting)
    except (errors.LumiLinkError, asyncio.CancelledError):
        admissions.give_up(session_id)
        raise


async def _admitted(
    client: Caller, message: Envelope, session_id: str, owner: Owner, beside: str = ""
) -> Place:
    """A place for a new session; the client is told where in the queue it waits for it."""

    def tell(waits: Queued) -> None:
        client.heard(message.raw_id)
        client.reply(_told(message, waits))

    applicant = Applicant(session_id, owner, client.identity.user, tell, beside)
    client.applicants[message.raw_id] = applicant
    try:
        place = await client.gateway.admissions.place(applicant)
    finally:
        del client.applicants[message.raw_id]
    client.heard(message.raw_id)
    return place


def _told(message: Envelope, waits: Queued) -> bytes:
    params = {
        "requestId": message.echo_id,
        "position": waits.position,
        "of": waits.of,
        "deadlineInMs": round(waits.left_s * 1000),
    }
    return compose.notification("_lumilink/admission", params)


def _open(client: Caller, message: Envelope, reached: Reached, session_id: str, greeting: Greeting) -> None:
    view = client.gateway.links.open(client, reached, Opening(message.raw_id, session_id, greeting))
    client.opens(message, view)


def _target(client: Caller, message: Envelope) -> tuple[str, int]:
    if message.method == ATTACH:
        return _cursor(client, params_of(message, AttachParams))
    params_of(message, _SHAPES[str(message.method)])
    if message.session_id is None:
        raise errors.InvalidParamsError("params.sessionId: missing")
    return message.session_id, 0


def _cursor(client: Caller, params: AttachParams) -> tuple[str, int]:
    if params.resume_token is None:
        if params.session_id is None:
            raise errors.InvalidParamsError("params.sessionId: missing, and so is resumeToken")
        return params.session_id, params.after_seq or 0
    if params.after_seq is not None:
        raise errors.InvalidParamsError("params: afterSeq and resumeToken exclude each other")
    point = client.gateway.tokens.read(params.resume_token, client.installation)
    if params.session_id not in (None, point.session_id):
        raise errors.InvalidRequestError("params.sessionId and params.resumeToken name different sessions")
    return point.session_id, point.position.seq


def workspace_of(params: NewSessionParams, installation: str) -> str:
    """``_meta.lumilink.workspaceId``, else a name derived from installation and ``cwd``."""
    if isinstance(params.meta, msgspec.Raw) and bytes(params.meta) != b"null":
        try:
            named = msgspec.json.decode(params.meta, type=_Meta).lumilink.workspace_id
        except msgspec.ValidationError as error:
            raise errors.InvalidParamsError(f"params._meta.lumilink.workspaceId: {error}") from None
        if named is not None:
            if not 1 <= len(named) <= 200:
                raise errors.InvalidParamsError(
                    "params._meta.lumilink.workspaceId: expected 1 to 200 characters"
                )
            return named
    return "ws_" + hashlib.sha256(f"{installation}\0{params.cwd}".encode()).hexdigest()[:24]
