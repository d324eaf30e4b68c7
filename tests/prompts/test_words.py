import pytest

from pipeline.prompts.fashion import BACKGROUNDS, COLOURS, NEIGHBOURS, OBJECTS, STYLES
from pipeline.prompts.words import thing_phrase, with_article


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("ankle boot", "an ankle boot"),
        ("orange bag", "an orange bag"),
        ("sneaker", "a sneaker"),
        ("hourglass", "an hourglass"),
        ("unicorn", "a unicorn"),
        ("umbrella", "an umbrella"),
        ("European dress", "a European dress"),
    ],
)
def test_the_article_follows_the_sound(phrase: str, expected: str) -> None:
    assert with_article(phrase) == expected


def test_plurals_take_no_article() -> None:
    assert thing_phrase("trousers") == "trousers"
    assert thing_phrase("trousers", "orange") == "orange trousers"
    assert thing_phrase("ankle boot", "red") == "a red ankle boot"


def test_axes_share_no_word_and_neighbours_lie_on_the_same_axis() -> None:
    words = [*OBJECTS, *STYLES, *COLOURS, *BACKGROUNDS]
    assert len(set(words)) == len(words)
    assert set(NEIGHBOURS) == {*OBJECTS, *STYLES}
    for value, near in NEIGHBOURS.items():
        axis = OBJECTS if value in OBJECTS else STYLES
        assert value not in near
        assert set(near) <= set(axis)
