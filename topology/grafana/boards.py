"""The five dashboards: what each shows, and from which metrics."""

from __future__ import annotations

from typing import Final

from topology.grafana.panels import Dashboard, Panel, Query, quantile, quantiles, rate

OPERATIONS: Final = Dashboard(
    "operations",
    "operations",
    "Whether all is well, and where to look if it is not.",
    (
        Panel(
            "Requests that failed, 5 min and 1 h",
            "Turns and openings of sessions that failed or were refused; the goal is 0.5 % a month.",
            "percentunit",
            (
                Query("lumilink:request_errors:ratio_rate5m", "5 min"),
                Query("lumilink:request_errors:ratio_rate1h", "1 h"),
            ),
        ),
        Panel(
            "Updates a second", "Of all agents.", "ops", (Query(rate("lumilink_updates_total"), "updates"),)
        ),
        Panel(
            "Added latency",
            "From an update's arrival at the worker until it is committed and was sent on.",
            "s",
            quantiles("lumilink_added_latency_seconds", 0.5, 0.95, 0.99),
        ),
        Panel(
            "Errors by code",
            "What clients were told. The codes are those of docs/errors.md.",
            "ops",
            (Query(rate("lumilink_errors_total", "category, code"), "{{category}}: {{code}}"),),
            12,
        ),
        Panel(
            "Workers",
            "Silent ones have not reported for 6 s.",
            "short",
            (Query("sum by (state) (lumilink_workers)", "{{state}}"),),
            6,
        ),
        Panel(
            "Sessions that changed worker",
            "Taken up from the journal: after a worker's death, or for another reason.",
            "ops",
            (Query(rate("lumilink_sessions_taken_up_total", "cause"), "{{cause}}"),),
            6,
        ),
        Panel(
            "Journal: time of a commit",
            "Repeats included.",
            "s",
            quantiles("lumilink_journal_commit_seconds", 0.5, 0.99),
        ),
        Panel(
            "Journal: entries a commit",
            "How many go together; more under load.",
            "short",
            quantiles("lumilink_journal_commit_entries", 0.5, 0.99),
        ),
        Panel(
            "Journal: what waits",
            "Agents are paused above 25,000.",
            "short",
            (
                Query("sum by (process) (lumilink_journal_waiting_entries)", "{{process}}"),
                Query(rate("lumilink_journal_retries_total"), "repeats a second"),
            ),
        ),
        Panel(
            "Links: bytes that wait",
            "Above 4 MB a link is congested, and views read from the journal.",
            "bytes",
            (Query("sum by (process) (lumilink_link_queue_bytes)", "{{process}}"),),
        ),
        Panel(
            "Fullest mailbox",
            "Messages that wait in it.",
            "short",
            (Query("max by (process) (lumilink_mailbox_depth)", "{{process}}"),),
        ),
        Panel(
            "Records: how far behind",
            "From an entry's writing to its record's.",
            "s",
            (Query("max by (percentile) (lumilink_projector_lag_seconds)", "p{{percentile}}"),),
        ),
        Panel(
            "Processor",
            "Cores, by process.",
            "short",
            (Query(rate("lumilink_process_cpu_seconds_total", "process"), "{{process}}"),),
            12,
        ),
        Panel(
            "Memory",
            "By process, without agents.",
            "bytes",
            (Query("sum by (process) (lumilink_process_resident_memory_bytes)", "{{process}}"),),
            12,
        ),
    ),
)

SESSIONS: Final = Dashboard(
    "sessions",
    "sessions",
    "What users do, and how long it takes.",
    (
        Panel(
            "Sessions",
            "Loaded ones, by the protocol that carries them.",
            "short",
            (Query("sum by (protocol) (lumilink_sessions)", "{{protocol}}"),),
        ),
        Panel(
            "Views",
            "Clients that watch sessions, and those of them that are behind.",
            "short",
            (
                Query("sum(lumilink_client_views)", "at replicas"),
                Query("sum(lumilink_attachments)", "at workers"),
                Query("sum(lumilink_attachments_lagging)", "behind"),
            ),
        ),
        Panel(
            "Turns that run",
            "Those of them that wait for a person, and prompts that wait for their turn.",
            "short",
            (Query("sum by (state) (lumilink_turns_open)", "{{state}}"),),
        ),
        Panel(
            "Turns by outcome",
            "Turns that ended, a second.",
            "ops",
            (Query(rate("lumilink_turns_total", "outcome"), "{{outcome}}"),),
        ),
        Panel(
            "Turns that went well",
            "Completed, of those that nobody cancelled, in an hour.",
            "percentunit",
            (Query("lumilink:turn_success:ratio_rate1h", "success"),),
        ),
        Panel("Time of a turn", "From prompt to end.", "s", quantiles("lumilink_turn_seconds", 0.5, 0.95)),
        Panel(
            "Time to the first update",
            "From prompt to the agent's first word.",
            "s",
            quantiles("lumilink_first_update_seconds", 0.5, 0.95, 0.99),
        ),
        Panel(
            "Requests for sessions",
            "How they were answered.",
            "ops",
            (Query(rate("lumilink_session_openings_total", "result"), "{{result}}"),),
        ),
        Panel(
            "Furthest behind",
            "Events that the slowest view has not got, and views that lost their worker a second.",
            "short",
            (
                Query("max(lumilink_attachment_lag_events)", "events"),
                Query(rate("lumilink_views_cut_total"), "cut"),
            ),
        ),
    ),
)

CAPACITY: Final = Dashboard(
    "capacity",
    "capacity",
    "How much room there is, and who is kept waiting.",
    (
        Panel(
            "Places",
            "Taken and there.",
            "short",
            (Query("sum(lumilink_places_taken)", "taken"), Query("sum(lumilink_places)", "there")),
        ),
        Panel(
            "Places taken, as a share",
            "Alerts come at 85 and 95 %.",
            "percentunit",
            (Query("lumilink:places_taken:ratio", "taken"),),
        ),
        Panel(
            "Places taken by worker",
            "Promised ones included.",
            "short",
            (Query("sum by (worker) (lumilink_places_taken)", "{{worker}}"),),
        ),
        Panel(
            "Admission",
            "New sessions a second: admitted and refused, by reason.",
            "ops",
            (
                Query(rate("lumilink_admissions_total"), "admitted"),
                Query(rate("lumilink_admission_refusals_total", "code"), "{{code}}"),
            ),
        ),
        Panel(
            "Waiting for a place",
            "New sessions.",
            "short",
            (Query("sum(lumilink_admission_waiting)", "wait"),),
        ),
        Panel(
            "Agents that wait for memory",
            "Before they are started.",
            "short",
            (Query("sum(lumilink_agents_waiting)", "wait"),),
        ),
        Panel(
            "Capacity alerts",
            "Open ones.",
            "short",
            (Query("sum by (cause, trigger) (lumilink_alerts_open)", "{{cause}}: {{trigger}}"),),
        ),
        Panel(
            "Pool and replicas",
            "Workers that are always there, that the load asks for, that it may; ingress replicas.",
            "short",
            (
                Query("sum by (bound) (lumilink_pool_workers)", "{{bound}}"),
                Query("sum(lumilink_ingress_replicas)", "replicas"),
            ),
        ),
        Panel(
            "Sessions by installation",
            "Of those that have most.",
            "short",
            (Query("sum by (installation) (lumilink_installation_sessions)", "{{installation}}"),),
        ),
    ),
)

PROTOCOL: Final = Dashboard(
    "protocol",
    "protocol",
    "How ACP does, and how often HTTP has to take over.",
    (
        Panel(
            "Sessions over ACP, as a share",
            "Of all loaded sessions.",
            "percentunit",
            (
                Query(
                    'sum(lumilink_sessions{protocol="acp"}) / clamp_min(sum(lumilink_sessions), 1)',
                    "over ACP",
                ),
            ),
        ),
        Panel(
            "What workspaces are judged by",
            "Success over ACP within the last hour.",
            "percentunit",
            (Query("lumilink:acp_success:ratio_rate1h", "success"),),
        ),
        Panel(
            "Samples",
            "Handshakes, set-ups and turns over ACP, a second.",
            "ops",
            (Query(rate("lumilink_acp_samples_total", "kind, result"), "{{kind}}: {{result}}"),),
        ),
        Panel(
            "Handshakes",
            "By protocol and result.",
            "ops",
            (Query(rate("lumilink_handshakes_total", "protocol, result"), "{{protocol}}: {{result}}"),),
        ),
        Panel(
            "Time of a handshake",
            "Starting the agent included.",
            "s",
            (Query(quantile(0.95, "lumilink_handshake_seconds"), "p95"),),
        ),
        Panel(
            "Reconnects",
            "Agents that were brought back, or were lost.",
            "ops",
            (Query(rate("lumilink_reconnects_total", "result"), "{{result}}"),),
        ),
        Panel(
            "Fallbacks",
            "Sessions that went on over HTTP, by what failed.",
            "ops",
            (Query(rate("lumilink_fallbacks_total", "category"), "{{category}}"),),
            12,
        ),
        Panel(
            "Changes of workspaces",
            "Rollbacks, returns and what lies between, in an hour.",
            "short",
            (Query("sum by (change) (increase(lumilink_protocol_changes_total[1h]))", "{{change}}"),),
            12,
        ),
    ),
)

AUTOMATION: Final = Dashboard(
    "automation",
    "automation and events",
    "GitHub automation, and what is told of sessions.",
    (
        Panel(
            "Runs by status",
            "That ended, a second.",
            "ops",
            (Query(rate("lumilink_automation_runs_total", "status"), "{{status}}"),),
        ),
        Panel(
            "Time of a run",
            "From its being asked for to its end.",
            "s",
            quantiles("lumilink_automation_run_seconds", 0.5, 0.95),
        ),
        Panel(
            "Runs that failed, as a share",
            "Within an hour; skipped ones left out.",
            "percentunit",
            (Query("lumilink:automation_errors:ratio_rate1h", "failed"),),
        ),
        Panel(
            "Live events", "Posted a second.", "ops", (Query(rate("lumilink_live_events_total"), "events"),)
        ),
        Panel(
            "Entries that became records",
            "And those of which none could be made.",
            "ops",
            (
                Query(rate("lumilink_projector_entries_total"), "written"),
                Query(rate("lumilink_projector_set_aside_total"), "set aside"),
            ),
        ),
        Panel(
            "Analytics: messages for Kafka",
            "That wait for it, and that it has refused for good.",
            "short",
            (
                Query("sum(lumilink_analytics_waiting_messages)", "wait"),
                Query("sum(lumilink_analytics_dead_letters)", "refused"),
            ),
        ),
        Panel(
            "Analytics: taken by Kafka",
            "Messages a second.",
            "ops",
            (Query(rate("lumilink_analytics_sent_total"), "sent"),),
        ),
        Panel(
            "Analytics: how far behind",
            "How long the first that waits has waited.",
            "s",
            (Query("max(lumilink_analytics_oldest_seconds)", "oldest"),),
        ),
        Panel(
            "Streams that wait for the projector",
            "Changed, and not read yet.",
            "short",
            (Query("sum(lumilink_projector_waiting_streams)", "streams"),),
        ),
    ),
)

ALL: Final = (OPERATIONS, SESSIONS, CAPACITY, PROTOCOL, AUTOMATION)
