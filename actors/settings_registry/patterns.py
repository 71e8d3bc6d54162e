"""Patterns that anybody may write: matched in time that is linear in the text, whatever they are.

The usual engines try one way after the other, and some patterns have more ways than there is time for. Here
all ways are followed at once (K. Thompson, "Regular Expression Search Algorithm", CACM 1968): a pattern is a
small machine, and a text is read once. So there is no looking back or around, and no group to refer to.

Known are: characters, ``.``, ``[a-z]``, ``[^a-z]``, ``\\d``, ``\\w``, ``\\s``, ``(…)``, ``|``, ``?``, ``*``,
``+``, ``{n}``, ``{n,}``, ``{n,m}``; a backslash before any other sign stands for the sign. A pattern is for
the whole text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from actors.errors import InvalidParamsError

MAX_CHARS: Final = 200
MAX_STATES: Final = 400
MAX_TEXT: Final = 1_000
"""What is longer matches no pattern."""
MAX_DEPTH: Final = 20

Test = Callable[[str], bool]
_CLASSES: Final[dict[str, Test]] = {
    "d": lambda char: char in "0123456789",
    "w": lambda char: char == "_" or (char.isascii() and char.isalnum()),
    "s": str.isspace,
}
_SIGNS: Final = frozenset("\\.[](){}|?*+^$-/")


@dataclass(slots=True, eq=False)
class _State:
    """``test`` is what a character must pass to go on; None: all ways are open without one."""

    test: Test | None = None
    ways: list[_State] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of the machine: where it begins, and where it has matched."""

    first: _State
    last: _State


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text is of the pattern. Raises InvalidParamsError for a pattern that is none."""
    machine = compiled(pattern)
    if len(text) > MAX_TEXT:
        return False
    now = _reached([machine.first])
    for char in text:
        now = _reached(way for state in now if state.test and state.test(char) for way in state.ways)
        if not now:
            return False
    return machine.last in now


@lru_cache(maxsize=256)
def compiled(pattern: str) -> _Part:
    """The machine of a pattern. Raises InvalidParamsError."""
    if len(pattern) > MAX_CHARS:
        raise InvalidParamsError(f"pattern: expected at most {MAX_CHARS} characters")
    reader = _Reader(pattern)
    machine = reader.alternatives(0)
    if reader.peek():
        raise reader.wrong("a ) without its (")
    return machine


def _reached(states: Iterable[_State]) -> set[_State]:
    found: set[_State] = set()
    ahead = list(states)
    while ahead:
        state = ahead.pop()
        if state not in found:
            found.add(state)
            if state.test is None:
                ahead.extend(state.ways)
    return found


class _Reader:
    """Reads a pattern from left to right, and makes its machine."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._states = 0

    def peek(self) -> str:
        """The next character; empty at the end."""
        return self._pattern[self._at : self._at + 1]

    def wrong(self, what: str) -> InvalidParamsError:
        """The error of what was just read."""
        return InvalidParamsError(f"pattern: {what}, at character {self._at}")

    def alternatives(self, depth: int) -> _Part:
        """Sequences with ``|`` between them."""
        if depth > MAX_DEPTH:
            raise self.wrong(f"more than {MAX_DEPTH} groups in each other")
        part = self._sequence(depth)
        while self.peek() == "|":
            self._take()
            other = self._sequence(depth)
            first, last = self._state(), self._state()
            first.ways += [part.first, other.first]
            part.last.ways.append(last)
            other.last.ways.append(last)
            part = _Part(first, last)
        return part

    def _sequence(self, depth: int) -> _Part:
        first = last = self._state()
        while self.peek() not in ("", "|", ")"):
            begin = self._at
            part = self._repeated(self._atom(depth), begin, depth)
            last.ways.append(part.first)
            last = part.last
        return _Part(first, last)

    def _repeated(self, part: _Part, begin: int, depth: int) -> _Part:
        end, sign = self._at, self.peek()
        if sign not in ("?", "*", "+", "{"):
            return part
        least, most = self._counts()
        after = self._at
        first = last = self._state()
        for number in range(max(least, 1) if most is None else most):
            # Each time is a copy of its own, made by reading it anew.
            if number:
                self._at = begin
                part = self._atom(depth)
                assert self._at == end
                self._at = after
            following = self._state()
            last.ways.append(part.first)
            part.last.ways.append(following)
            if number >= least:
                last.ways.append(following)
            last = following
        if most is None:
            last.ways.append(part.first)
        if self.peek() in ("?", "*", "+", "{") and self.peek():
            raise self.wrong("a repeat of a repeat; put the first into a group")
        return _Part(first, last)

    def _counts(self) -> tuple[int, int | None]:
        sign = self._take()
        if sign != "{":
            return {"?": (0, 1), "*": (0, None), "+": (1, None)}[sign]
        least = self._number()
        most: int | None = least
        if self.peek() == ",":
            self._take()
            most = None if self.peek() == "}" else self._number()
        if self._take() != "}" or (most is not None and most < least):
            raise self.wrong("expected {n}, {n,} or {n,m}")
        return least, most

    def _number(self) -> int:
        digits = ""
        while self.peek() and self.peek() in "0123456789":
            digits += self._take()
        if not 1 <= len(digits) <= 3:
            raise self.wrong("expected a number of at most three digits")
        return int(digits)

    def _atom(self, depth: int) -> _Part:
        char = self._take()
        if char == "(":
            part = self.alternatives(depth + 1)
            if self._take() != ")":
                raise self.wrong("a ( without its )")
            return part
        if char == "[":
            return self._one(self._set())
        if char == ".":
            return self._one(lambda one: one != "\n")
        if char == "\\":
            return self._one(self._escaped())
        if char in "?*+{":
            raise self.wrong(f"a {char} with nothing before it")
        if char in "^$":
            raise self.wrong(f"a {char}: a pattern is for the whole text anyway")
        return self._one(lambda one: one == char)

    def _escaped(self) -> Test:
        char = self._take()
        if char in _CLASSES:
            return _CLASSES[char]
        if char not in _SIGNS:
            raise self.wrong(f"a \\{char}, which is not known here")
        return lambda one: one == char

    def _set(self) -> Test:
        is_not = self.peek() == "^"
        if is_not:
            self._take()
        tests: list[Test] = []
        while self.peek() not in ("", "]"):
            tests.append(self._of_set())
        if not tests or self._take() != "]":
            raise self.wrong("expected [ with characters and ]")
        return lambda one: any(test(one) for test in tests) is not is_not

    def _of_set(self) -> Test:
        if self.peek() == "\\":
            self._take()
            return self._escaped()
        low = self._take()
        if self.peek() != "-" or self._pattern[self._at + 1 : self._at + 2] in ("", "]"):
            return lambda one: one == low
        self._take()
        high = self._take()
        if high == "\\" or high < low:
            raise self.wrong("a range that has its ends the wrong way round")
        return lambda one: low <= one <= high

    def _one(self, test: Test) -> _Part:
        first, last = self._state(test), self._state()
        first.ways.append(last)
        return _Part(first, last)

    def _state(self, test: Test | None = None) -> _State:
        self._states += 1
        if self._states > MAX_STATES:
            raise self.wrong("the pattern repeats too much")
        return _State(test)

    def _take(self) -> str:
        char = self.peek()
        if not char:
            raise self.wrong("it ends too early")
        self._at += 1
        return char
