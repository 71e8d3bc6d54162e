"""Every failure has a code: whatever the product raises is an error of the tree, or never leaves it."""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors import errors

ROOT = Path(__file__).parents[2]
TREE = {
    name
    for name, one in vars(errors).items()
    if inspect.isclass(one) and issubclass(one, errors.LumiLinkError) and not one.__subclasses__()
}

PLAIN = {
    # In a validator of pydantic or msgspec: the library makes a validation error of it.
    "ValueError": ("actors/records/", "actors/protocol/", "topology/settings.py", "serve/rights/"),
    # Signals between two modules of ours: whoever raises one has a caller that waits for it.
    "HeldElsewhereError": ("actors/placement/leases.py",),
    "NotDeliveredError": ("actors/events/",),
    "SkippedError": ("actors/automation/",),
    "ApprovalNeededError": ("actors/automation/",),
    "StrangerError": ("actors/link/handshake.py",),
    # What the ACP SDK expects of a transport.
    "ConnectionError": ("topology/chat/",),
    # A program of its own, whose failures become tool calls that failed.
    "PermissionError": ("actors/agents/example/",),
    "NotADirectoryError": ("actors/agents/example/",),
    "FileNotFoundError": ("actors/agents/example/",),
    "OSError": ("actors/agents/example/",),
    # A test that would wait for ever.
    "RuntimeError": ("actors/kernel/testing.py",),
}
"""Other exceptions, and where they may be raised."""


def sources() -> list[Path]:
    return sorted(path for top in ("actors", "serve", "topology") for path in (ROOT / top).rglob("*.py"))


def raises(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the class of each ``raise`` that names one."""
    tree = ast.parse(path.read_text())
    private = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name[0] == "_"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Raise) or node.exc is None:
            continue
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        name = raised.attr if isinstance(raised, ast.Attribute) else getattr(raised, "id", "")
        # Not a variable or a function's result: that is what was caught, or what the tree has made. Nor a
        # private class of the same file, whose end is in sight.
        if name.lstrip("_")[:1].isupper() and name not in private:
            yield node.lineno, name


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_raised_has_a_code(path: Path):
    where = path.relative_to(ROOT).as_posix()
    strangers = [
        f"{where}:{line} raises {name}"
        for line, name in raises(path)
        if name not in TREE and not where.startswith(PLAIN.get(name, ("nowhere",)))
    ]
    assert strangers == []


def test_every_exception_that_is_allowed_elsewhere_is_still_raised_there():
    raised = {(path.relative_to(ROOT).as_posix(), name) for path in sources() for _, name in raises(path)}
    unused = [
        name
        for name, places in PLAIN.items()
        if not any(one == name and where.startswith(places) for where, one in raised)
    ]
    assert unused == []


@pytest.mark.parametrize("signal", ["HeldElsewhereError", "NotDeliveredError", "StrangerError"])
def test_a_signal_is_caught(signal: str):
    caught = [
        path
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and node.type is not None and signal in ast.unparse(node.type)
    ]
    assert caught != []


def test_the_check_finds_what_has_no_code(tmp_path: Path):
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    raise RuntimeError('no code')\n")
    assert list(raises(bad)) == [(2, "RuntimeError")]
    assert issubclass(builtins.RuntimeError, Exception)
    assert "RuntimeError" not in TREE
