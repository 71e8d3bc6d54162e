"""Every metric, declared once. ``docs/metrics.md`` is made from it.

No label names a session, a workspace or a user: the number of series follows from the number of processes.
Every series has the label ``process`` besides those that are declared.
"""

from __future__ import annotations

from typing import Final

from actors.metrics.metric import Label, Metric, Role, counter, gauge, histogram

_WORKER: Final = (Role.WORKER,)
_INGRESS: Final = (Role.INGRESS,)
_CAPACITY: Final = (Role.CAPACITY,)
_PROJECTOR: Final = (Role.PROJECTOR,)
_POOL: Final = (Role.POOL,)
_SERVING: Final = (Role.INGRESS, Role.REPORTING)
_LINKED: Final = (Role.WORKER, Role.INGRESS)
_ANSWERING: Final = (Role.WORKER, Role.INGRESS, Role.REPORTING)
_EACH: Final = tuple(Role)

_PROTOCOL: Final = Label("protocol", ("acp", "http"))
_CATEGORY: Final = Label("category", ("connection", "protocol", "application", "system"))
_CODE: Final = Label("code", bound="the codes of errors.md")
_FLOW: Final = Label("state", ("flowing", "congested"))
_OK: Final = Label("result", ("ok", "failed"))

# ---------------------------------------------------------------------- sessions and turns

SESSIONS: Final = gauge("lumilink_sessions", "Sessions that are loaded.", _WORKER, _PROTOCOL)
OPENINGS: Final = counter(
    "lumilink_session_openings_total",
    "Requests to make, load, resume or fork a session, as their clients were answered: ok; refused for want "
    "of room or by a limit; rejected as wrong; failed.",
    _SERVING,
    Label("result", ("ok", "refused", "rejected", "failed")),
)
TURNS: Final = counter(
    "lumilink_turns_total",
    "Turns that are over.",
    _WORKER,
    Label("outcome", ("completed", "cancelled", "failed", "interrupted", "never-started")),
)
TURNS_OPEN: Final = gauge(
    "lumilink_turns_open",
    "Turns that run, those of them that wait for a person, and prompts that wait for their turn.",
    _WORKER,
    Label("state", ("running", "asking", "queued")),
)
TURN_SECONDS: Final = histogram(
    "lumilink_turn_seconds",
    "From a prompt's entering the conversation to the end of its turn.",
    _WORKER,
    (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0),
)
FIRST_UPDATE_SECONDS: Final = histogram(
    "lumilink_first_update_seconds",
    "From a prompt's entering the conversation to the agent's first update.",
    _WORKER,
    (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0),
)
UPDATES: Final = counter("lumilink_updates_total", "Updates of agents.", _WORKER)
ADDED_SECONDS: Final = histogram(
    "lumilink_added_latency_seconds",
    "From an update's arrival at the worker until it is committed and was sent to whoever watches; one "
    "of 64 is timed.",
    _WORKER,
    (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
TAKEN_UP: Final = counter(
    "lumilink_sessions_taken_up_total",
    "Sessions that went on here from the journal: because their worker died (a failover), or for another "
    "reason, such as a drain or a client that came back late.",
    _WORKER,
    Label("cause", ("worker-died", "other")),
)

# ---------------------------------------------------------------------- attachments

ATTACHMENTS: Final = gauge("lumilink_attachments", "Clients' live views of sessions.", _WORKER)
LAGGING: Final = gauge(
    "lumilink_attachments_lagging", "Views that read from the journal instead of live.", _WORKER
)
LAG_EVENTS: Final = gauge(
    "lumilink_attachment_lag_events", "Events that the view which is furthest behind has not got.", _WORKER
)
CLIENT_VIEWS: Final = gauge("lumilink_client_views", "Views of sessions of a replica's clients.", _INGRESS)
VIEWS_CUT: Final = counter(
    "lumilink_views_cut_total", "Views that lost their worker and were to be brought back.", _SERVING
)

# ---------------------------------------------------------------------- agents and protocols

HANDSHAKES: Final = counter(
    "lumilink_handshakes_total", "Attempts to reach an agent and shake hands.", _WORKER, _PROTOCOL, _OK
)
HANDSHAKE_SECONDS: Final = histogram(
    "lumilink_handshake_seconds",
    "How long they took.",
    _WORKER,
    (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    _PROTOCOL,
)
ACP_SAMPLES: Final = counter(
    "lumilink_acp_samples_total",
    "What workspaces are judged by over ACP: handshakes, set-ups of sessions, turns.",
    _WORKER,
    Label("kind", ("handshake", "set-up", "turn")),
    _OK,
)
RECONNECTS: Final = counter(
    "lumilink_reconnects_total",
    "Agents that went away by themselves and were brought back, or were lost.",
    _WORKER,
    Label("result", ("back", "lost")),
)
FALLBACKS: Final = counter(
    "lumilink_fallbacks_total", "Sessions that went on over HTTP, by what failed ACP.", _WORKER, _CATEGORY
)
PROTOCOL_CHANGES: Final = counter(
    "lumilink_protocol_changes_total",
    "Changes of where workspaces stand; rollbacks are below-threshold, probes-failed and pinned.",
    _WORKER,
    Label(
        "change",
        (
            "admitted",
            "returned",
            "moved",
            "below-threshold",
            "pinned",
            "cooled-down",
            "probes-passed",
            "probes-failed",
        ),
    ),
)
AGENTS_WAITING: Final = gauge(
    "lumilink_agents_waiting", "Agents that wait for memory before they are started.", _WORKER
)

# ---------------------------------------------------------------------- inside

MAILBOX_DEPTH: Final = gauge("lumilink_mailbox_depth", "Messages in the fullest mailbox.", _WORKER)
COMMIT_SECONDS: Final = histogram(
    "lumilink_journal_commit_seconds",
    "How long a commit of the journal took, repeats included.",
    _WORKER,
    (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0),
)
COMMIT_ENTRIES: Final = histogram(
    "lumilink_journal_commit_entries",
    "Events and records that a commit took together.",
    _WORKER,
    (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
JOURNAL_WAITING: Final = gauge(
    "lumilink_journal_waiting_entries", "Events and records that wait for the journal.", _WORKER
)
JOURNAL_WAITING_BYTES: Final = gauge(
    "lumilink_journal_waiting_bytes", "Bytes that wait for the journal.", _WORKER
)
JOURNAL_RETRIES: Final = counter(
    "lumilink_journal_retries_total", "Commits that were repeated because the store was away.", _WORKER
)
JOURNAL_HEALTHY: Final = gauge(
    "lumilink_journal_healthy", "1 while the journal takes what is written, else 0.", _WORKER
)
LINK_BYTES: Final = gauge("lumilink_link_queue_bytes", "Bytes that wait on links to be sent.", _LINKED)
LINK_FRAMES: Final = gauge("lumilink_link_queue_frames", "Frames that are not with a socket yet.", _LINKED)
LINKS: Final = gauge(
    "lumilink_links", "Links that are open.", _LINKED, Label("state", ("flowing", "congested"))
)
FAULTS: Final = counter(
    "lumilink_errors_total",
    "Errors that clients were told of.",
    _ANSWERING,
    _CATEGORY,
    _CODE,
    Label("over", ("acp", "http")),
)

# ---------------------------------------------------------------------- capacity and admission

_WORKER_ID: Final = Label("worker", bound="at most 64 workers")

WORKERS: Final = gauge(
    "lumilink_workers", "Workers by state.", _CAPACITY, Label("state", ("alive", "silent", "draining"))
)
PLACES: Final = gauge(
    "lumilink_places", "Sessions that a worker takes; 0 while it drains or is silent.", _CAPACITY, _WORKER_ID
)
PLACES_TAKEN: Final = gauge(
    "lumilink_places_taken", "Places that are taken, promised ones included.", _CAPACITY, _WORKER_ID
)
INSTALLATION_SESSIONS: Final = gauge(
    "lumilink_installation_sessions",
    "Sessions of the installations that have most; those of all others are other.",
    _CAPACITY,
    Label("installation", bound="metrics_installations and other"),
)
ADMISSION_WAITING: Final = gauge("lumilink_admission_waiting", "New sessions that wait.", _CAPACITY)
ADMITTED: Final = counter("lumilink_admissions_total", "New sessions that got a place.", _CAPACITY)
REFUSED: Final = counter(
    "lumilink_admission_refusals_total",
    "New sessions that were refused; those that were shed have the code capacity-exhausted.",
    _CAPACITY,
    Label(
        "code",
        ("capacity-exhausted", "rate-limited", "quota-exceeded", "worker-unavailable"),
        "and others of errors.md",
    ),
)
ALERTS_OPEN: Final = gauge(
    "lumilink_alerts_open",
    "Capacity alerts that are open.",
    _CAPACITY,
    Label("cause", ("capacity", "retry-storm")),
    Label("trigger", ("warning", "critical")),
)
REPLICAS: Final = gauge("lumilink_ingress_replicas", "Ingress replicas that are heard.", _CAPACITY)
POOL_WORKERS: Final = gauge(
    "lumilink_pool_workers",
    "How many workers are always there, how many the load asks for, and how many it may.",
    _POOL,
    Label("bound", ("least", "desired", "most")),
)

# ---------------------------------------------------------------------- projections

PROJECTOR_LAG: Final = gauge(
    "lumilink_projector_lag_seconds",
    "From an entry's writing to its record's, of the last 10 to 20 seconds.",
    _PROJECTOR,
    Label("percentile", ("50", "95", "100")),
)
PROJECTOR_WAITING: Final = gauge(
    "lumilink_projector_waiting_streams", "Streams that are still to be read.", _PROJECTOR
)
PROJECTOR_ENTRIES: Final = counter(
    "lumilink_projector_entries_total", "Entries whose records were written.", _PROJECTOR
)
PROJECTOR_ASIDE: Final = counter(
    "lumilink_projector_set_aside_total", "Entries of which no record could be made.", _PROJECTOR
)
ANALYTICS_WAITING: Final = gauge(
    "lumilink_analytics_waiting_messages", "Messages that Kafka has not taken yet.", _PROJECTOR
)
ANALYTICS_OLDEST: Final = gauge(
    "lumilink_analytics_oldest_seconds", "How long the first of these has waited; 0: none waits.", _PROJECTOR
)
ANALYTICS_DEAD: Final = gauge(
    "lumilink_analytics_dead_letters", "Messages that Kafka has refused for good, and are kept.", _PROJECTOR
)
ANALYTICS_SENT: Final = counter("lumilink_analytics_sent_total", "Messages that Kafka has taken.", _PROJECTOR)
LIVE_EVENTS: Final = counter("lumilink_live_events_total", "Live events that were posted.", (Role.EVENTS,))

# ---------------------------------------------------------------------- automation

AUTOMATION_RUNS: Final = counter(
    "lumilink_automation_runs_total",
    "Runs of GitHub automation that are over.",
    _WORKER,
    Label("status", ("success", "skipped", "error")),
)
AUTOMATION_SECONDS: Final = histogram(
    "lumilink_automation_run_seconds",
    "How long they took.",
    _WORKER,
    (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0),
)

# ---------------------------------------------------------------------- processes

CPU_SECONDS: Final = counter("lumilink_process_cpu_seconds_total", "Time on a processor.", _EACH)
RESIDENT_BYTES: Final = gauge("lumilink_process_resident_memory_bytes", "Memory.", _EACH)
STARTED_SECONDS: Final = gauge("lumilink_process_start_time_seconds", "When it began, epoch seconds.", _EACH)
AGE_SECONDS: Final = gauge(
    "lumilink_process_report_age_seconds", "How old is what a process has told of itself.", _EACH
)

ALL: Final[tuple[Metric, ...]] = tuple(one for one in list(vars().values()) if isinstance(one, Metric))
"""In the order of their declaration."""
