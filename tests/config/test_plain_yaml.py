import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.plain_yaml import MAX_BYTES, dump_yaml, load_yaml

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=12)
    | st.sampled_from(["1e5", "no", "on", "0x1f", "1:30", "2020-01-01", "~", "null", "=", "<<"])
)
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcdefgh_", min_size=1, max_size=6), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(DATA, st.booleans())
@settings(max_examples=100, deadline=None)
def test_what_is_dumped_loads_as_it_was(data: object, flow: bool) -> None:  # noqa: FBT001
    loaded = load_yaml(dump_yaml(data, flow=flow))
    assert loaded == data
    assert type(loaded) is type(data)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E+3", 1000.0),
        (".5", 0.5),
        ("-3.", -3.0),
        ("12", 12),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("007", "007"),
        ("2020-01-01", "2020-01-01"),
        ("", None),
        ("~", None),
        ("true", True),
    ],
)
def test_scalars_are_what_they_look_like(text: str, value: object) -> None:
    loaded = load_yaml(text)
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2",
        "a: &x 1\nb: *x",
        "a: {b: 1}\n<<: {c: 2}",
        "? [1, 2]\n: 3",
        "a: [",
        "a: !!python/object/apply:os.system [ls]",
        "{a: " * 5000,
        "1: " + "9" * 5000,
        "a: 1\n---\nb: 2",
        "#" * (MAX_BYTES + 1),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_plain_data_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)
