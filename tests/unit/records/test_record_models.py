"""What a record may hold and what it may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from unit.records import examples
from unit.records.examples import EXAMPLES, NOON, at

from actors.errors import InvalidParamsError
from actors.protocol import capacity_alert
from actors.records.models import CapacityAlert, Container, MigrationStatus, Record, checked, record_id

CANARY = "ghp_Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4fGh7j"
FORBIDDEN = {
    "connection status": (examples.connection, {"status": "broken"}),
    "connection without version": (examples.connection, {"protocol_version": None}),
    "version that is no semver": (examples.connection, {"protocol_version": "1.2"}),
    "version with a zero before": (examples.connection, {"protocol_version": "1.02.0"}),
    "rate over 1": (examples.connection, {"success_rate": 99.5}),
    "rate that is no number": (examples.connection, {"success_rate": float("nan")}),
    "latency below 0": (examples.connection, {"latency_p95": -1}),
    "rollback without cause": (examples.connection, {"rollback_triggered": True}),
    "large metadata": (examples.connection, {"metadata": "x" * 32767}),
    "transition to itself": (examples.transition, {"to_status": "connecting"}),
    "message direction": (examples.message, {"direction": "sideways"}),
    "message type": (examples.message, {"message_type": "request"}),
    "message of no size": (examples.message, {"size": 0}),
    "message of half a byte": (examples.message, {"size": 1.5}),
    "message with a text of no error": (examples.message, {"error_message": "no"}),
    "id that is no UUID": (examples.message, {"id": "1"}),
    "empty identifier": (examples.message, {"connection_id": ""}),
    "identifier with a line break": (examples.message, {"connection_id": "a\nb"}),
    "protocol unknown": (examples.container, {"supported_protocols": ["http", "smtp"]}),
    "preferred not supported": (examples.container, {"supported_protocols": ["http"]}),
    "supported twice": (examples.container, {"supported_protocols": ["acp", "acp"]}),
    "supports nothing": (examples.container, {"supported_protocols": []}),
    "acp without connection": (examples.session, {"acp_connection_id": None}),
    "closed before it began": (examples.session, {"closed_at": at(-1)}),
    "no delay": (examples.configuration, {"reconnect_delay": 0}),
    "delay over its maximum": (examples.configuration, {"reconnect_delay": 30_001}),
    "encryption level": (examples.configuration, {"encryption_level": "rot13"}),
    "timeout of nothing": (examples.configuration, {"idle_timeout": 0}),
    "migration to the same": (examples.migration, {"to_protocol": "http"}),
    "completed before it began": (examples.migration, {"completed_at": at(-1)}),
    "completed without success": (examples.migration, {"success": None}),
    "succeeded without success": (examples.migration, {"success": False}),
    "in progress and completed": (examples.migration, {"status": "in-progress"}),
    "rolled back without saying so": (examples.migration, {"status": "rolled-back", "success": False}),
    "rollback to the same": (examples.rollback, {"new_protocol": "acp"}),
    "rollback reason": (examples.rollback, {"reason_code": "mood"}),
    "rollback over before it began": (examples.rollback, {"completed_at": at(-1)}),
    "skipped without reason": (examples.skipped, {"skip_reason": None}),
    "skipped without toast": (examples.skipped, {"toast_message": None}),
    "skipped without note": (examples.skipped, {"transcript_note": None}),
    "skipped with an empty note": (examples.skipped, {"transcript_note": ""}),
    "reason without skip": (examples.automation, {"skip_reason": "other"}),
    "error without error": (examples.automation, {"status": "error"}),
    "toast of 141": (examples.skipped, {"toast_message": "x" * 141}),
    "toast with a secret": (examples.skipped, {"toast_message": f"push with {CANARY}"}),
    "commit of no hash": (examples.automation, {"commit": {"sha": "main", "message": ""}}),
    "address of no page": (
        examples.automation,
        {"pull_request": {"number": 1, "url": "javascript:alert(1)", "branch": "b"}},
    ),
    "alert trigger": (examples.alert, {"trigger": "full"}),
    "alert channel": (examples.alert, {"notification_channels": ["fax"]}),
    "alert told to nobody": (examples.alert, {"notification_channels": []}),
    "resolved before it opened": (examples.alert, {"resolved_at": at(-1)}),
    "moment without zone": (examples.metric, {"timestamp": datetime(2026, 1, 1)}),  # noqa: DTZ001
    "value that is no number": (examples.metric, {"value": float("inf")}),
    "metric not in kebab-case": (examples.metric, {"metric_type": "latencyP95"}),
    "event type": (examples.transcript, {"event_type": "other"}),
    "unknown member": (examples.metric, {"colour": "red"}),
}


@pytest.mark.parametrize(("example", "changed"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_what_breaks_a_rule_is_refused(example: Callable[..., Record], changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        example(**changed)


ALLOWED = {
    "version of a release candidate": (examples.connection, {"protocol_version": "1.2.0-rc.1+build.5"}),
    "toast of 140": (examples.skipped, {"toast_message": "ä" * 140}),
    "over as it began": (examples.migration, {"completed_at": NOON}),
    "delay at its maximum": (examples.configuration, {"reconnect_delay": 30_000}),
    "over capacity": (examples.alert, {"trigger": "critical", "capacity_percent": 1.02}),
    "not negotiated yet": (examples.connection, {"status": "connecting", "protocol_version": None}),
    "http": (examples.session, {"protocol_type": "http", "acp_connection_id": None}),
    "rolled back": (
        examples.migration,
        {"status": "rolled-back", "success": False, "rollback": True, "rollback_reason": "capacity"},
    ),
}


@pytest.mark.parametrize(("example", "changed"), ALLOWED.values(), ids=ALLOWED.keys())
def test_what_keeps_the_rules_is_taken(example: Callable[..., Record], changed: dict[str, object]) -> None:
    record = example(**changed)

    assert {name: getattr(record, name) for name in changed} == changed


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_a_record_survives_its_json(example: Callable[..., Record]) -> None:
    record = example()

    assert type(record).model_validate_json(record.model_dump_json()) == record


def test_json_has_camel_case_names_and_moments_with_z() -> None:
    shown = json.loads(examples.connection().model_dump_json())

    assert shown["latencyP95"] == 12.5
    assert shown["createdAt"] == "2026-03-01T12:00:00.000Z"
    assert shown["diagnostics"][0]["at"] == "2026-03-01T12:00:00.000Z"


def test_the_alert_of_a_live_event_is_a_record() -> None:
    told = capacity_alert.CapacityAlert(
        alert_id=examples.number(1),
        installation_id="acme",
        workspace_ids=("repo",),
        scope="worker:w1",
        cause="retry-storm",
        trigger="critical",
        active_connections=96,
        capacity_percent=0.96,
        timestamp="2026-03-01T12:00:00.000Z",
        notified=True,
        notification_channels=("email",),
        resolved_at="2026-03-01T12:10:00.000Z",
    )

    record = checked(CapacityAlert, msgspec.to_builtins(told))

    assert json.loads(record.model_dump_json()) == json.loads(msgspec.json.encode(told))


def test_the_defaults_of_a_configuration_are_those_of_the_data_model() -> None:
    shown = json.loads(examples.configuration().model_dump_json())
    for given_one in ("installationId", "id", "containerId", "createdAt", "updatedAt"):
        del shown[given_one]

    assert shown == {
        "maxReconnectAttempts": 5,
        "reconnectDelay": 1000,
        "maxReconnectDelay": 30000,
        "idleTimeout": 60000,
        "keepAliveInterval": 30000,
        "compressionEnabled": True,
        "encryptionLevel": "standard",
        "enableBulkOperations": True,
        "enableStatusEvents": True,
        "enableMetrics": True,
    }


def test_a_container_and_its_session_are_http_unless_told() -> None:
    container = Container(
        installation_id="a", container_id="b", workspace_id="c", created_at=NOON, updated_at=NOON
    )

    assert (container.supported_protocols, container.preferred_protocol) == (("http",), "http")


def test_no_text_and_no_json_of_a_record_holds_a_credential() -> None:
    leaky = {"env": [{"name": "TOKEN", "value": "swordfish"}], "text": f"use {CANARY}"}
    records = (
        examples.message(payload=leaky, error=True, error_message=f"refused {CANARY}"),
        examples.connection(metadata=leaky, rollback_cause=CANARY),
        examples.skipped(transcript_note=f"with {CANARY}", logs=[leaky]),
        examples.transcript(message=CANARY, context=leaky),
        examples.migration(error_message=CANARY, metrics_snapshot=leaky),
        examples.session(protocol_metadata=leaky),
    )
    for record in records:
        for shown in (record.model_dump_json(), repr(record)):
            assert CANARY not in shown
            assert "swordfish" not in shown


def test_what_was_said_stays_out_of_repr() -> None:
    assert "session/update" not in repr(examples.message())
    assert "repository" not in repr(examples.transcript())


def test_a_refusal_names_the_member_and_not_its_value() -> None:
    with pytest.raises(InvalidParamsError) as refused:
        checked(
            Container, {"containerId": "swordfish\n", "preferredProtocol": "swordfish", CANARY: "swordfish"}
        )

    said = str(refused.value)
    assert "preferredProtocol: Input should be 'http' or 'acp'" in said
    assert "containerId" in said
    assert "swordfish" not in said
    assert CANARY not in said


def test_a_rule_over_members_says_which_is_wrong() -> None:
    members = examples.migration().model_dump(by_alias=False) | {"completed_at": at(-1)}

    with pytest.raises(InvalidParamsError) as refused:
        checked(type(examples.migration()), members)

    assert str(refused.value) == "ProtocolMigrationLog: completedAt: is before startedAt"


def test_a_long_text_is_cut_and_says_so() -> None:
    note = examples.transcript(message="x" * 5000).message

    assert (len(note), note[-2:]) == (4000, "x…")


def test_the_id_of_an_entry_is_always_the_same_and_its_own() -> None:
    ids = [
        record_id("s", "e", 1),
        record_id("s", "e", 2),
        record_id("s", "e", 1, "note"),
        record_id("t", "e", 1),
    ]

    assert record_id("s", "e", 1) == ids[0]
    assert len(set(ids)) == len(ids)


zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=zones))
def test_a_moment_is_in_utc_and_whole_milliseconds(moment: datetime) -> None:
    try:
        taken = examples.metric(timestamp=moment).timestamp
    except ValidationError:
        assert not 1970 < moment.year < 9998
        return
    assert taken.tzinfo is UTC
    assert taken.microsecond % 1000 == 0
    assert timedelta(0) <= moment - taken < timedelta(milliseconds=1)


moments = st.integers(0, 3).map(at)


@given(
    status=st.sampled_from(MigrationStatus),
    completed_at=st.none() | moments,
    success=st.none() | st.booleans(),
    rollback=st.booleans(),
)
def test_a_migration_says_one_thing_of_its_end(
    status: MigrationStatus, completed_at: datetime | None, success: bool | None, rollback: bool
) -> None:
    said = {"status": status, "completed_at": completed_at, "success": success, "rollback": rollback}
    agrees = (completed_at is not None, success, rollback) == {
        MigrationStatus.IN_PROGRESS: (False, None, False),
        MigrationStatus.SUCCEEDED: (True, True, False),
        MigrationStatus.FAILED: (True, False, False),
        MigrationStatus.ROLLED_BACK: (True, False, True),
    }[status]

    try:
        examples.migration(**said)
        taken = True
    except ValidationError:
        taken = False

    assert taken == agrees


@given(delay=st.integers(-5, 5), longest=st.integers(-5, 5))
def test_a_reconnect_delay_is_positive_and_not_over_its_maximum(delay: int, longest: int) -> None:
    try:
        examples.configuration(reconnect_delay=delay, max_reconnect_delay=longest)
        taken = True
    except ValidationError:
        taken = False

    assert taken == (0 < delay <= longest)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(anything)
def test_any_json_can_be_a_payload_and_is_json_afterwards(value: object) -> None:
    try:
        message = examples.message(payload=value)
    except ValidationError:
        return
    assert "\\u0000" not in json.dumps(message.payload, allow_nan=False)
    assert type(message).model_validate_json(message.model_dump_json()) == message
