"""The mode and the options that clients chose for a session, so that an agent that begins anew is told again.

An agent may choose otherwise by itself, and says so; then that is what counts.

Source: https://agentclientprotocol.com/protocol/v1/schema (``session/set_mode``,
``session/set_config_option``, ``current_mode_update``, ``config_option_update``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw, Struct

from actors.protocol.envelope import Envelope, params_of
from actors.protocol.members import Members, members_of, split

SET_MODE: Final = "session/set_mode"
SET_OPTION: Final = "session/set_config_option"
METHODS: Final = frozenset({SET_MODE, SET_OPTION})

Value: TypeAlias = str | bool | int | float | None

_UPDATES: Final = (b'"current_mode_update"', b'"config_option_update"')
_VALUE_OF: Final = {SET_MODE: "modeId", SET_OPTION: "value"}


class Choice(Struct, frozen=True, array_like=True):
    """One choice. ``option`` is the id of a config option, empty for the mode.

    ``params`` are those that set it, without the session.
    """

    method: str
    option: str
    params: bytes

    @property
    def value(self) -> Value:
        """What was chosen."""
        found: Value = msgspec.json.decode(split(self.params)[_VALUE_OF[self.method]], type=Value)
        return found

    def with_value(self, value: Value) -> Choice:
        """The same with another value."""
        params = {**split(self.params), _VALUE_OF[self.method]: Raw(msgspec.json.encode(value))}
        return Choice(self.method, self.option, msgspec.json.encode(params))


class _SetMode(Struct, rename="camel"):
    mode_id: str


class _SetOption(Struct, rename="camel"):
    config_id: str
    value: Value


class _Option(Struct, rename="camel"):
    id: str = ""
    current_value: Value = None


class _Modes(Struct, rename="camel"):
    current_mode_id: str | None = None


class _Update(_Modes, rename="camel"):
    config_options: list[_Option] = []


class _Params(Struct):
    update: _Update = msgspec.field(default_factory=_Update)


class _Report(Struct, rename="camel"):
    """What an agent says of its state: a result with all of it, or an update."""

    modes: _Modes | None = None
    config_options: list[_Option] | None = None
    params: _Params | None = None


class Choices:
    """What is chosen in one session, in the order in which it was."""

    __slots__ = ("_chosen",)

    def __init__(self, chosen: Iterable[Choice] = ()) -> None:
        self._chosen = {(choice.method, choice.option): choice for choice in chosen}

    def __iter__(self) -> Iterator[Choice]:
        return iter(self._chosen.values())

    def choose(self, request: Envelope) -> None:
        """The agent did what this request of a client asks: one of ``METHODS``.

        Raises InvalidParamsError if they do not say what was chosen.
        """
        said = params_of(request, _SetMode if request.method == SET_MODE else _SetOption)
        params = params_of(request, dict[str, Raw])
        for name in ("sessionId", "_meta"):
            params.pop(name, None)
        option = said.config_id if isinstance(said, _SetOption) else ""
        self.keep(Choice(str(request.method), option, msgspec.json.encode(params)))

    def keep(self, choice: Choice) -> None:
        """This was chosen last."""
        self.drop(choice)
        self._chosen[choice.method, choice.option] = choice

    def drop(self, choice: Choice) -> None:
        """The agent does not take it any more."""
        self._chosen.pop((choice.method, choice.option), None)

    def follow(self, update: bytes) -> bool:
        """The agent says by itself how it is now; whether anything that was chosen is another now."""
        if not self._chosen or not any(kind in update for kind in _UPDATES):
            return False
        others = self.differing([update], unless_told=False)
        now = _reported([update])
        for choice in others:
            key = (choice.method, choice.option)
            self._chosen[key] = choice.with_value(now[key])
        return bool(others)

    def differing(self, reports: Iterable[bytes], *, unless_told: bool) -> list[Choice]:
        """What is chosen otherwise than an agent reports; of what it does not tell, ``unless_told`` all."""
        now = _reported(reports)
        return [
            choice
            for key, choice in self._chosen.items()
            if (now[key] != choice.value if key in now else unless_told)
        ]

    def show_in(self, setup: Members) -> None:
        """Put what is chosen now into the result of a ``session/new`` of earlier."""
        for choice in self:
            if choice.method == SET_MODE and "modes" in setup:
                modes = members_of(setup["modes"])
                if modes is not None:
                    modes["currentModeId"] = split(choice.params)["modeId"]
                    setup["modes"] = Raw(msgspec.json.encode(modes))
            elif choice.method == SET_OPTION and "configOptions" in setup:
                setup["configOptions"] = _with_option(setup["configOptions"], choice)


def _reported(reports: Iterable[bytes]) -> dict[tuple[str, str], Value]:
    """What reports say of modes and options; of two that say something of one the last."""
    found: dict[tuple[str, str], Value] = {}
    for text in reports:
        try:
            report = msgspec.json.decode(text, type=_Report)
        except (msgspec.DecodeError, RecursionError):
            continue
        update = report.params.update if report.params is not None else _Update()
        for modes in (report.modes, update):
            if modes is not None and modes.current_mode_id is not None:
                found[SET_MODE, ""] = modes.current_mode_id
        for option in (*(report.config_options or ()), *update.config_options):
            found[SET_OPTION, option.id] = option.current_value
    return found


def _with_option(options: Raw, choice: Choice) -> Raw:
    try:
        listed = msgspec.json.decode(options, type=list[Members])
    except msgspec.ValidationError:
        return options
    wanted = msgspec.json.encode(choice.option)
    for option in listed:
        if bytes(option.get("id", b"")) == wanted:
            option["currentValue"] = split(choice.params)["value"]
    return Raw(msgspec.json.encode(listed))
