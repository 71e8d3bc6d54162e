"""Text on this page can be read: WCAG's contrast of every pair of colours that meet, by day and by night."""

from __future__ import annotations

import re

import pytest

from serve.console.assets import STATIC

TEXT = 4.5
SHAPE = 3.0

BACKS = ("page", "surface")
PAIRS = [
    *((text, back, TEXT) for text in ("text", "text-soft", "accent", "bad") for back in BACKS),
    *((text, "sunken", TEXT) for text in ("text", "text-soft")),
    *((tone, f"{tone}-back", TEXT) for tone in ("ok", "warn", "bad", "info", "calm")),
    ("on-accent", "accent", TEXT),
    *((shape, "surface", SHAPE) for shape in ("acp", "http", "edge", "ok")),
    ("acp", "sunken", SHAPE),
    ("http", "sunken", SHAPE),
    ("bad", "sunken", SHAPE),
    ("edge", "page", SHAPE),
]


def palettes() -> dict[str, dict[str, str]]:
    light, dark = (STATIC / "css/tokens.css").read_text().split("@media (prefers-color-scheme: dark)")
    found = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part)) for part in (light, dark)]
    return {"light": found[0], "dark": found[1]}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_has_the_contrast_that_the_formula_says():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_both_palettes_have_the_same_colours():
    found = palettes()

    assert len(found["light"]) >= 20
    assert found["light"].keys() == found["dark"].keys()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS, ids=lambda part: str(part))
def test_a_pair_of_colours_can_be_told_apart(scheme: str, front: str, back: str, least: float):
    colours = palettes()[scheme]

    assert contrast(colours[front], colours[back]) >= least
