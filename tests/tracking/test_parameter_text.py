"""Parameters as text: nothing is lost on the way."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.tracking.parameter_text import from_text, to_text

VALUES = st.one_of(
    st.text(),
    st.integers(),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none(),
    st.lists(st.one_of(st.text(), st.integers())),
    st.sampled_from(["1", "true", "null", "NaN", "1e-4", '"quoted"', "restricted_gradient"]),
)


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    back = from_text(to_text(value))
    assert back == value
    assert type(back) is type(value)


def test_words_and_numbers_read_as_they_are_written() -> None:
    assert to_text("restricted_gradient") == "restricted_gradient"
    assert to_text(0.0001) == "0.0001"
