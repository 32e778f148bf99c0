from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.log.canonical import canonical

KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=4) | st.dictionaries(KEYS, part, max_size=4)
)
OBJECTS = st.dictionaries(KEYS, VALUES)


def independent(value: Any) -> bytes:
    """RFC 8785 for this subset, by the standard library."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


@given(OBJECTS)
def test_an_independent_canonicaliser_agrees(value: dict[str, Any]) -> None:
    assert canonical(value) == independent(value)


@given(OBJECTS)
def test_reading_and_writing_again_changes_nothing(value: dict[str, Any]) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(OBJECTS)
def test_the_order_of_insertion_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


def test_strings_are_escaped_as_rfc_8785_shows() -> None:
    # The string of RFC 8785 section 3.2.2, expected output of 3.2.4.
    text = '\u20ac$\u000f\nA\'B"\\\\"/'
    expected = b'{"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical({"string": text}) == expected


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        math.nan,
        None,
        b"bytes",
        2**53,
        -(2**53),
        "\ud800",
        {"ä": 1},
        {1: 1},
        {"a": [{"b": 0.5}]},
    ],
    ids=repr,
)
def test_what_has_no_one_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical({"value": value})
