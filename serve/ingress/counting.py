"""How requests for sessions end, counted as their clients are answered."""

from __future__ import annotations

from actors import errors
from actors.metrics.catalogue import OPENINGS
from actors.metrics.meters import meters
from serve.ingress.admissions import REFUSALS


def count_opening(error: errors.LumiLinkError | str | None) -> None:
    """A request that attaches a client to a session is answered.

    ``error`` is what kept it from that, a text where the agent said it. Of a refusal the client may come back
    later; what the request itself was to blame for is no fault of the gateway's.
    """
    meters().count(OPENINGS, _result(error))


def _result(error: errors.LumiLinkError | str | None) -> str:
    if error is None:
        return "ok"
    if isinstance(error, REFUSALS):
        return "refused"
    is_own_fault = isinstance(error, errors.ApplicationFault | errors.ProtocolFault)
    return "rejected" if is_own_fault and not isinstance(error, errors.AgentProtocolError) else "failed"
