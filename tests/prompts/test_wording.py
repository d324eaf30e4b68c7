import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.prompts.wording import slots, stray_signs, worded

words = st.text(alphabet="abeionstuv xyz", max_size=12).map(lambda text: " ".join(text.split()))


@pytest.mark.parametrize(
    ("template", "phrases", "expected"),
    [
        ("{a} {colour} {object}", {"colour": "orange", "object": "bag"}, "an orange bag"),
        ("{a} {colour} {object}", {"object": "bag"}, "a bag"),
        ("{A} {object} image.", {}, "An image."),
        ("{A} {object} image.", {"object": "Cats"}, "A Cats image."),
        ("{a} {object}[ in {style} style].", {"object": "bag"}, "a bag."),
        (
            "{a} {object}[ in {style} style].",
            {"object": "bag", "style": "neon"},
            "a bag in neon style.",
        ),
        ("{object} , {style}", {"object": "bag"}, "bag,"),
        ("{a} {object}, {style}", {"style": "neon"}, ", neon"),
        ("a picture of {a} {object}", {}, "a picture of"),
        ("{class}", {}, ""),
    ],
)
def test_sentences(template: str, phrases: dict[str, str], expected: str) -> None:
    assert worded(template, phrases) == expected


def test_a_plural_behind_an_article_takes_it_away() -> None:
    template = "{a} {style} picture of {a} {colour} {object}"
    phrases = {"style": "neon", "colour": "red", "object": "trousers"}
    assert worded(template, phrases, ["object"]) == "a neon picture of red trousers"


@given(mood=words, attire=words, place=words)
def test_spaces_are_single_and_articles_fit(mood: str, attire: str, place: str) -> None:
    phrases = {"mood": mood, "attire": attire, "place": place}
    text = worded("{a} {mood} {attire} person {place}.", phrases)
    assert text.split() == text.split(" ")
    said = " ".join(part for part in (mood, attire, "person", place) if part)
    assert text.partition(" ")[2] == f"{said}."
    article, following = re.findall(r"^(an?) (\w)", text)[0]
    assert (article == "an") == (following in "aeiou") or said.startswith(
        ("uni", "use", "one", "eu")
    )


def test_slots_are_those_that_axes_fill() -> None:
    assert slots("{A} {style} of {a} {object}[ on {place}]") == ["style", "object", "place"]


@pytest.mark.parametrize(
    "template", ["{a} {object", "object}", "[{style}", "{style}]", "[[{a}]]", "{}"]
)
def test_signs_without_a_partner_are_found(template: str) -> None:
    assert stray_signs(template)
    assert not stray_signs("{a} {style}[ of {object}][ at {time}]")
