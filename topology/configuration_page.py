"""``docs/configuration.md``, made from the settings model: ``python -m topology.configuration_page``."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import SecretStr

from topology.settings import EXAMPLE_AGENT, Settings

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"

HEAD = """# Configuration

A setting comes from a flag of `lumilink up`, else from the environment, else from the TOML file that
`--config` names, else it is the default. All are checked before anything starts; a wrong one is told in one
line that names it, what it got and what it takes. Names ending in `_s` are seconds, in `_bytes` bytes.

This page is made from the model in `topology/settings.py`; a test holds them together.

| in the file | in the environment | takes | default | what it is |
|---|---|---|---|---|
"""


def page() -> str:
    """The page's text."""
    return HEAD + "".join(f"{_row(name)}\n" for name in Settings.model_fields)


def _row(name: str) -> str:
    field = Settings.model_fields[name]
    schema = Settings.model_json_schema()["properties"][name]
    default = "the bundled example" if field.default == EXAMPLE_AGENT else _spelled(field.default)
    cells = (f"`{name}`", f"`LUMILINK_{name.upper()}`", _takes(schema), default, field.description or "")
    return f"| {' | '.join(cells)} |"


def _spelled(default: object) -> str:
    if default == {}:
        return "none"
    if isinstance(default, tuple):
        return ", ".join(f"`{one}`" for one in default) or "none"
    if default in ("", SecretStr("")):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _takes(schema: dict[str, object]) -> str:
    word = _WORDS[str(schema["type"])]
    bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS.items() if key in schema]
    return " ".join([word, *bounds])


_WORDS = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "table",
}
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤"}


if __name__ == "__main__":
    PAGE.write_text(re.sub(r"[ \t]+\n", "\n", page()))
