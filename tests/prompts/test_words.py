import pytest

from pipeline.prompts import vocabulary
from pipeline.prompts.words import with_article


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
    words = vocabulary("fashion-canvas")
    assert words.thing("trousers") == "trousers"
    assert words.thing("trousers", "orange") == "orange trousers"
    assert words.thing("ankle boot", "red") == "a red ankle boot"
