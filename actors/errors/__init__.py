"""Every error LumiLink raises on purpose: one tree, each leaf with a stable code.

The tree::

    LumiLinkError
    ├── ConnectionFault            category "connection": a peer is not there, or went away
    │   ├── AgentStartError
    │   ├── AgentUnreachableError
    │   ├── AgentClosedError
    │   ├── AgentTimeoutError
    │   ├── LinkBrokenError
    │   ├── ConnectionUnknownError
    │   ├── GatewayUnreachableError
    │   ├── TurnInterruptedError
    │   ├── SlowConsumerError
    │   └── ForgeUnreachableError
    ├── ProtocolFault              category "protocol": a message that the protocol does not allow
    │   ├── ParseError
    │   ├── InvalidRequestError
    │   ├── FrameTooLargeError
    │   ├── MethodNotFoundError
    │   ├── RouteUnknownError
    │   ├── HttpMethodError
    │   ├── InvalidParamsError
    │   ├── NotInitializedError
    │   ├── MediaTypeError
    │   ├── NotAcceptableError
    │   ├── BatchError
    │   ├── ResumeTokenError
    │   ├── AgentProtocolError
    │   └── ProtocolMismatchError
    ├── ApplicationFault           category "application": allowed, but not now or not here
    │   ├── AuthenticationError
    │   ├── ForbiddenError
    │   ├── SessionNotFoundError
    │   ├── RecordNotFoundError
    │   ├── SessionClosedError
    │   ├── ResumeTokenExpiredError
    │   ├── QuestionUnknownError
    │   ├── ObserverError
    │   ├── WorkspaceNotFoundError
    │   ├── WorkerNotFoundError
    │   ├── PreconditionError
    │   ├── ConflictError
    │   ├── AgentBusyError
    │   ├── PromptQueueFullError
    │   ├── QuotaExceededError
    │   ├── RateLimitedError
    │   ├── AgentCapabilityError
    │   ├── RequestCancelledError
    │   ├── ForgeLimitError
    │   ├── ForgeForbiddenError
    │   ├── ForgeRefusedError
    │   ├── CredentialMissingError
    │   ├── CredentialRefusedError
    │   ├── RepositoryUnknownError
    │   ├── RepositoryBlockedError
    │   ├── PushRefusedError
    │   ├── CheckoutError
    │   └── ChangesRefusedError
    └── SystemFault                category "system": LumiLink itself cannot, for now or at all
        ├── CapacityError
        ├── AgentMemoryError
        ├── WorkerUnavailableError
        ├── SessionMovedError
        ├── GatewayStoppingError
        ├── MailboxFullError
        ├── AskDeadlineError
        ├── ActorStoppedError
        ├── ActorFailedError
        ├── InternalError
        ├── SettingsError
        ├── PortInUseError
        ├── RayUnavailableError
        ├── RightsUnavailableError
        ├── JournalUnavailableError
        ├── JournalBehindError
        ├── BrokerUnavailableError
        ├── RecordsUnavailableError
        ├── FenceRefusedError
        └── SeqConflictError

An error crosses process borders (Ray, the link, JSON-RPC, HTTP), so its constructor takes exactly
its ``args`` and it survives a pickle round trip.
"""

from __future__ import annotations

from actors.errors.application import (
    AgentBusyError,
    AgentCapabilityError,
    ApplicationFault,
    AuthenticationError,
    ConflictError,
    ForbiddenError,
    ObserverError,
    PreconditionError,
    PromptQueueFullError,
    QuestionUnknownError,
    QuotaExceededError,
    RateLimitedError,
    RecordNotFoundError,
    RequestCancelledError,
    ResumeTokenExpiredError,
    SessionClosedError,
    SessionNotFoundError,
    WorkerNotFoundError,
    WorkspaceNotFoundError,
)
from actors.errors.automation import (
    ChangesRefusedError,
    CheckoutError,
    CredentialMissingError,
    CredentialRefusedError,
    ForgeForbiddenError,
    ForgeLimitError,
    ForgeRefusedError,
    ForgeUnreachableError,
    PushRefusedError,
    RepositoryBlockedError,
    RepositoryUnknownError,
)
from actors.errors.base import Category, LumiLinkError
from actors.errors.connection import (
    AgentClosedError,
    AgentStartError,
    AgentTimeoutError,
    AgentUnreachableError,
    ConnectionFault,
    ConnectionUnknownError,
    GatewayUnreachableError,
    LinkBrokenError,
    SlowConsumerError,
    TurnInterruptedError,
)
from actors.errors.protocol import (
    AgentProtocolError,
    BatchError,
    FrameTooLargeError,
    HttpMethodError,
    InvalidParamsError,
    InvalidRequestError,
    MediaTypeError,
    MethodNotFoundError,
    NotAcceptableError,
    NotInitializedError,
    ParseError,
    ProtocolFault,
    ProtocolMismatchError,
    ResumeTokenError,
    RouteUnknownError,
)
from actors.errors.system import (
    ActorFailedError,
    ActorStoppedError,
    AgentMemoryError,
    AskDeadlineError,
    BrokerUnavailableError,
    CapacityError,
    FenceRefusedError,
    GatewayStoppingError,
    InternalError,
    JournalBehindError,
    JournalUnavailableError,
    MailboxFullError,
    PortInUseError,
    RayUnavailableError,
    RecordsUnavailableError,
    RightsUnavailableError,
    SeqConflictError,
    SessionMovedError,
    SettingsError,
    SystemFault,
    WorkerUnavailableError,
)

__all__ = [
    "ActorFailedError",
    "ActorStoppedError",
    "AgentBusyError",
    "AgentCapabilityError",
    "AgentClosedError",
    "AgentMemoryError",
    "AgentProtocolError",
    "AgentStartError",
    "AgentTimeoutError",
    "AgentUnreachableError",
    "ApplicationFault",
    "AskDeadlineError",
    "AuthenticationError",
    "BatchError",
    "BrokerUnavailableError",
    "CapacityError",
    "Category",
    "ChangesRefusedError",
    "CheckoutError",
    "ConflictError",
    "ConnectionFault",
    "ConnectionUnknownError",
    "CredentialMissingError",
    "CredentialRefusedError",
    "FenceRefusedError",
    "ForbiddenError",
    "ForgeForbiddenError",
    "ForgeLimitError",
    "ForgeRefusedError",
    "ForgeUnreachableError",
    "FrameTooLargeError",
    "GatewayStoppingError",
    "GatewayUnreachableError",
    "HttpMethodError",
    "InternalError",
    "InvalidParamsError",
    "InvalidRequestError",
    "JournalBehindError",
    "JournalUnavailableError",
    "LinkBrokenError",
    "LumiLinkError",
    "MailboxFullError",
    "MediaTypeError",
    "MethodNotFoundError",
    "NotAcceptableError",
    "NotInitializedError",
    "ObserverError",
    "ParseError",
    "PortInUseError",
    "PreconditionError",
    "PromptQueueFullError",
    "ProtocolFault",
    "ProtocolMismatchError",
    "PushRefusedError",
    "QuestionUnknownError",
    "QuotaExceededError",
    "RateLimitedError",
    "RayUnavailableError",
    "RecordNotFoundError",
    "RecordsUnavailableError",
    "RepositoryBlockedError",
    "RepositoryUnknownError",
    "RequestCancelledError",
    "ResumeTokenError",
    "ResumeTokenExpiredError",
    "RightsUnavailableError",
    "RouteUnknownError",
    "SeqConflictError",
    "SessionClosedError",
    "SessionMovedError",
    "SessionNotFoundError",
    "SettingsError",
    "SlowConsumerError",
    "SystemFault",
    "TurnInterruptedError",
    "WorkerNotFoundError",
    "WorkerUnavailableError",
    "WorkspaceNotFoundError",
]
