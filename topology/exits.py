"""How a command ends: by its code, and with a word on what to do about an error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from actors import errors

P = ParamSpec("P")


def exits(command: Callable[P, int]) -> Callable[P, None]:
    """End the process with the command's code; an error of ours is told with what to do about it."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except errors.LumiLinkError as error:
            click.echo(f"lumilink: {error.detail}", err=True)
            click.echo(error.recovery, err=True)
            code = 2 if isinstance(error, errors.SettingsError) else 1
        sys.exit(code)

    return run
