"""Hypothesis strategies for JSON as it may come over the wire."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""No verdict depends on how busy the machine is."""

texts = st.text(alphabet='as_I:{}[]"\\/,\n\x00\x7fé€😀', max_size=6)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
"""What any member may hold."""

spelled = st.one_of(
    st.sampled_from(
        ["1.0", "1e5", "1E-7", "-0", "9" * 40, "0.10", r'"\u00e9"', r'"\/"', r'"A"', '{ "a" : [ 1.0 ] }']
    ),
    st.sampled_from(
        ['"old"', '{"sessionId":"old"}', '{"params":{"_meta":{}}}', '{"_meta":{"a":1.0},"_meta":null}']
    ),
    values.map(json.dumps),
    values.map(lambda value: json.dumps(value, ensure_ascii=False)),
)
"""JSON texts of values, in spellings that no encoder of ours would choose."""

spaces = st.sampled_from(["", "", "", " ", "\n\t"])


@st.composite
def objects(draw: st.DrawFn, members: list[tuple[str, str]]) -> str:
    """The JSON text of an object: its members in any order and spacing, now and then a key with an escape."""
    parts = []
    for name, text in draw(st.permutations(members)):
        key = json.dumps(name, ensure_ascii=False)
        if name.isascii() and name.isalpha() and draw(st.integers(0, 5)) == 0:
            key = f'"\\u{ord(name[0]):04x}{name[1:]}"'
        before, between, after = draw(spaces), draw(spaces), draw(spaces)
        parts.append(f"{before}{key}{between}:{after}{text}{before}")
    return "{" + ",".join(parts) + "}"
