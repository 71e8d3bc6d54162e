"""``docs/errors.md``, made from the tree of errors: ``python -m topology.errors_page``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Final

from actors.errors import Category, LumiLinkError

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"

_HEAD: Final = """# Errors

Every failure has a **code**, which does not change, a **category**, whether it is **retryable** (a repeat of
the same request may succeed), and a **recovery** sentence for the user. They are in every answer:

| where | the members are in |
|---|---|
| JSON-RPC (`/acp`) | `error.data`; `error.code` is the number below, `error.message` says what was wrong |
| HTTP | the body, `application/problem+json`; `detail` says what was wrong |
| `_lumilink/notice` | its params |
| the command line | one line on standard error |

`retryAfter`, in seconds, is there where the time of a repeat is known; over HTTP it is also the header
`Retry-After`. An agent's own error is passed on to ACP clients as it came, without these members.

The category says where to look:

- **connection**: a peer is not there, or went away;
- **protocol**: a message that the protocol does not allow;
- **application**: a valid request that cannot be served now or here;
- **system**: LumiLink itself cannot, for now or at all.

[AgentAPI](http-api.md) answers some errors with another HTTP status, for clients of before.

This page is made from `actors/errors/`; a test holds them together, and another one holds every `raise` in
the product to these classes.
"""

_TABLE: Final = """
## {title}

| code | retryable | JSON-RPC | HTTP | when | what to do |
|---|---|---|---|---|---|
"""


def leaves() -> list[type[LumiLinkError]]:
    """Every class that is raised, in the order of the tree."""
    return [leaf for branch in LumiLinkError.__subclasses__() for leaf in branch.__subclasses__()]


def page() -> str:
    """The page's text."""
    parts = [_HEAD]
    for category in Category:
        parts.append(_TABLE.format(title=category.value.capitalize()))
        parts += [_row(leaf) for leaf in leaves() if leaf.category is category]
    return "".join(parts)


def _row(leaf: type[LumiLinkError]) -> str:
    cells = (
        f"`{leaf.code}`",
        "yes" if leaf.retryable else "no",
        str(leaf.rpc_code),
        str(leaf.http_status),
        meaning(leaf),
        leaf.recovery,
    )
    return f"| {' | '.join(cells)} |\n"


def meaning(leaf: type[LumiLinkError]) -> str:
    """The first sentence of the class's docstring, on one line."""
    text = " ".join((inspect.getdoc(leaf) or "").split("\n\n")[0].split())
    return text.replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
