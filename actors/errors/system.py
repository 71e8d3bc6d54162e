"""LumiLink itself cannot, for now or at all."""

from __future__ import annotations

from actors.errors.base import Category, LumiLinkError


class SystemFault(LumiLinkError):  # noqa: N818 - a branch of the tree, never raised itself
    """LumiLink itself cannot, for now or at all."""

    category = Category.SYSTEM
    rpc_code = -32030
    http_status = 503


class CapacityError(SystemFault):
    """All places of all workers are taken."""

    code = "capacity-exhausted"
    retryable = True
    recovery = "Try again later, close sessions that are not needed, or add workers."


class AgentMemoryError(SystemFault):
    """The machine has no memory for one more agent."""

    code = "agent-memory"
    retryable = True
    recovery = "Try again when other agents have finished their turns, or add memory or workers."


class WorkerUnavailableError(SystemFault):
    """The worker that holds the session cannot be reached."""

    code = "worker-unavailable"
    retryable = True
    recovery = "Try again in a few seconds; the worker is being restarted or replaced."


class SessionMovedError(SystemFault):
    """The session is on another worker now."""

    code = "session-moved"
    retryable = True
    recovery = "Attach to the session again; nothing of it is lost."


class GatewayStoppingError(SystemFault):
    """The gateway is being stopped; its sessions stay in the journal."""

    code = "gateway-stopping"
    retryable = True
    recovery = "Connect again in a few seconds, and load the session."


class MailboxFullError(SystemFault):
    """An actor has as many unhandled messages as its mailbox takes."""

    code = "mailbox-full"
    retryable = True
    recovery = "Slow down and send it again."


class AskDeadlineError(SystemFault):
    """An ask got no answer before its deadline."""

    code = "deadline-exceeded"
    retryable = True
    recovery = "Send it again; if it keeps happening, look at the load of the worker."
    http_status = 504


class ActorStoppedError(SystemFault):
    """The actor stopped before it handled the message."""

    code = "actor-stopped"
    retryable = True
    recovery = "Send it again; the actor is activated anew."


class ActorFailedError(SystemFault):
    """The actor failed on the message; its supervisor decides what follows."""

    code = "actor-failed"
    rpc_code = -32603
    http_status = 500
    recovery = "Report this with the worker's log."


class InternalError(SystemFault):
    """Something that should not happen."""

    code = "internal"
    rpc_code = -32603
    http_status = 500


class SettingsError(SystemFault):
    """A setting that makes no sense; said before anything starts."""

    code = "settings-invalid"
    recovery = "Correct the setting that the message names."


class PortInUseError(SystemFault):
    """Another process listens on the port that was asked for."""

    code = "port-in-use"
    recovery = "Stop the other process, or choose another port with --port."


class RayUnavailableError(SystemFault):
    """Ray could not be started or joined."""

    code = "ray-unavailable"
    recovery = "Look at Ray's own log, check memory and ports, then start again."


class RightsUnavailableError(SystemFault):
    """What credentials are checked against cannot be read now: the store of keys, or an issuer's key set."""

    code = "rights-unavailable"
    retryable = True
    recovery = "Try again in a few seconds; if it goes on, check the records' database or the issuer's keys."


class JournalUnavailableError(SystemFault):
    """The journal's store cannot be written or read now: busy, full, unreachable, too slow."""

    code = "journal-unavailable"
    retryable = True
    recovery = "Try again in a few seconds; if it goes on, check the journal's disk or server."


class JournalBehindError(SystemFault):
    """As much waits for the journal as may wait."""

    code = "journal-behind"
    retryable = True
    recovery = "Slow down and send it again; if it keeps happening, look at the journal's disk or server."


class BrokerUnavailableError(SystemFault):
    """The broker that analytics go to does not take them now: away, or not as it should be set up."""

    code = "broker-unavailable"
    retryable = True
    recovery = "Nothing is lost; check the broker, its address, its topics and what the user may do there."


class RecordsUnavailableError(SystemFault):
    """The records' database cannot be read or written now: away, busy, or not migrated."""

    code = "records-unavailable"
    retryable = True
    recovery = "Try again in a few seconds; if it goes on, check the records' database and its address."


class FenceRefusedError(SystemFault):
    """A write under a placement that has been granted to another since, or never covered the stream."""

    code = "fence-refused"
    recovery = "Load the session again; another worker holds its workspace now."
    http_status = 409


class SeqConflictError(SystemFault):
    """An append that does not follow on the last entry of its stream."""

    code = "seq-conflict"
    recovery = "Load the session again; it goes on from what its journal holds."
    http_status = 409
