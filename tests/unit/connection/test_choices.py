"""Modes and options that clients chose, and what agents say of them."""

import json

import pytest
from msgspec import Raw

from actors.connection.choices import SET_MODE, SET_OPTION, Choice, Choices
from actors.errors import InvalidParamsError
from actors.protocol import compose
from actors.protocol.envelope import parse


def mode(mode_id: str) -> Choice:
    return Choice(SET_MODE, "", b'{"modeId":"%s"}' % mode_id.encode())


def option(config_id: str, value: object, **more: object) -> Choice:
    params = {"configId": config_id, "value": value, **more}
    return Choice(SET_OPTION, config_id, json.dumps(params, separators=(",", ":")).encode())


def chosen(method: str, **params: object) -> Choices:
    choices = Choices()
    choices.choose(parse(compose.request(1, method, {"sessionId": "s", **params})))
    return choices


def update(kind: str, **said: object) -> bytes:
    params = {"sessionId": "a", "update": {"sessionUpdate": kind, **said}}
    return compose.notification("session/update", params)


def test_what_is_kept_is_what_set_it_without_the_session():
    assert list(chosen(SET_MODE, modeId="plan", _meta={"x": 1})) == [mode("plan")]
    choices = chosen(SET_OPTION, configId="think", value=True, type="boolean")
    assert list(choices) == [option("think", True, type="boolean")]


@pytest.mark.parametrize("params", [{}, {"modeId": 1}, {"modeId": None}], ids=str)
def test_what_says_no_mode_is_no_choice(params: dict[str, object]):
    with pytest.raises(InvalidParamsError):
        chosen(SET_MODE, **params)


def test_the_last_choice_of_a_thing_counts_and_comes_last():
    choices = Choices([mode("plan"), option("model", "small")])
    choices.keep(mode("code"))

    assert list(choices) == [option("model", "small"), mode("code")]


def test_only_what_an_agent_reports_otherwise_differs():
    choices = Choices([mode("plan"), option("model", "small"), option("think", True)])
    report = {
        "modes": {"currentModeId": "code", "availableModes": []},
        "configOptions": [{"id": "model", "currentValue": "small", "type": "select"}],
    }

    assert choices.differing([json.dumps(report).encode()], unless_told=False) == [mode("plan")]


def test_what_an_agent_that_begins_anew_does_not_tell_differs_too():
    choices = Choices([mode("plan"), option("think", True)])

    assert choices.differing([b'{"modes":{"currentModeId":"plan"}}'], unless_told=True) == [
        option("think", True)
    ]


def test_of_two_reports_the_last_counts():
    choices = Choices([mode("plan")])
    earlier = update("current_mode_update", currentModeId="code")

    assert choices.differing([earlier, b'{"modes":{"currentModeId":"plan"}}'], unless_told=False) == []
    assert choices.differing([earlier, b"null"], unless_told=False) == [mode("plan")]


@pytest.mark.parametrize(
    "report",
    [b"null", b"[]", b"nonsense", b'{"modes":1}', b'{"modes":{"currentModeId":{}}}', b"[" * 100_000],
    ids=lambda report: str(report[:30]),
)
def test_a_report_that_cannot_be_read_reports_nothing(report: bytes):
    assert Choices([mode("plan")]).differing([report], unless_told=False) == []


def test_an_agent_that_chooses_otherwise_by_itself_is_followed():
    choices = Choices([mode("plan"), option("think", True, type="boolean")])

    assert choices.follow(update("current_mode_update", currentModeId="code"))
    assert choices.follow(
        update("config_option_update", configOptions=[{"id": "think", "currentValue": False}])
    )
    assert list(choices) == [mode("code"), option("think", False, type="boolean")]


def test_what_no_client_chose_is_not_kept():
    choices = Choices([option("model", "small")])

    assert not choices.follow(update("current_mode_update", currentModeId="code"))
    assert list(choices) == [option("model", "small")]


def test_what_is_as_it_was_is_no_change():
    choices = Choices([mode("plan")])

    assert not choices.follow(update("current_mode_update", currentModeId="plan"))
    assert not choices.follow(update("plan", entries=[]))


def test_a_client_that_loads_is_shown_what_is_chosen_now():
    setup = {
        "modes": Raw(b'{"currentModeId":"code","availableModes":[{"id":"code"}]}'),
        "configOptions": Raw(b'[{"id":"model","currentValue":"large"},{"id":"think","currentValue":false}]'),
    }
    Choices([mode("plan"), option("model", "small")]).show_in(setup)

    assert json.loads(bytes(setup["modes"])) == {"currentModeId": "plan", "availableModes": [{"id": "code"}]}
    assert [one["currentValue"] for one in json.loads(bytes(setup["configOptions"]))] == ["small", False]


@pytest.mark.parametrize("setup", [{}, {"modes": b"null"}, {"modes": b"7", "configOptions": b"[7]"}], ids=str)
def test_a_setup_of_another_shape_is_left_as_it_is(setup: dict[str, bytes]):
    members = {name: Raw(text) for name, text in setup.items()}
    Choices([option("model", "small")]).show_in(members)

    assert {name: bytes(text) for name, text in members.items()} == setup
