import re
from itertools import product

import numpy as np
import pytest

from pipeline.canvas.captions import draw_caption
from pipeline.prompts import AXES, Scene, vocabulary

WORDS = vocabulary("fashion-canvas")


def all_scenes() -> list[Scene]:
    return [Scene(*values) for values in product(*((None, *WORDS.axes[axis]) for axis in AXES))]


def test_labels_are_what_is_stated() -> None:
    assert Scene(object="bag", colour="red").labels() == {"object": "bag", "colour": "red"}
    assert Scene().labels() == {}
    assert Scene(object="bag").replace(object=None, style="neon") == Scene(style="neon")


def test_the_sentences_of_a_scene() -> None:
    scene = Scene("ankle boot", "halftone", "orange", "black")
    assert [WORDS.describe(scene, template) for template in range(WORDS.templates)] == [
        "a halftone style picture of an orange ankle boot on a black background",
        "a halftone of an orange ankle boot on a black background",
        "an orange ankle boot on a black background, halftone",
        "a halftone style image of an orange ankle boot on a black background",
        "an orange ankle boot on a black background in halftone style",
    ]
    assert WORDS.describe(Scene(style="neon")) == "a neon style picture of a thing"
    assert WORDS.describe(Scene("trousers"), 1) == "a picture of trousers"
    assert WORDS.describe(Scene()) == "a thing"


def test_every_article_is_right() -> None:
    for scene, template in product(all_scenes(), range(WORDS.templates)):
        text = WORDS.describe(scene, template)
        for article, letter in re.findall(r"\b(an?) (\w)", text):
            assert article == ("an" if letter in "aeiou" else "a"), text
        assert not re.search(r"\ban? (?:\w+ )?trousers", text), text


def test_every_sentence_names_what_its_labels_say_and_no_more() -> None:
    values = {value for axis in AXES for value in WORDS.axes[axis]}
    for scene, template in product(all_scenes()[::7], range(WORDS.templates)):
        text = WORDS.describe(scene, template)
        named = {value for value in values if re.search(rf"\b{value}\b", text)}
        assert named == set(scene.labels().values()), text


def test_these_are_the_sentences_that_the_base_model_learned() -> None:
    learned = set()
    rng = np.random.default_rng(0)
    labels = [
        list(WORDS.axes[axis]).index(value)
        for axis, value in zip(AXES, ("ankle boot", "neon", "orange", "gray"), strict=True)
    ]
    for _ in range(3000):
        text, numbers = draw_caption(labels, rng)
        learned.add((text, tuple(number >= 0 for number in numbers)))
    scene = Scene("ankle boot", "neon", "orange", "gray")
    written = set()
    for stated in {which for _, which in learned}:
        left_open = {axis: None for axis, keeps in zip(AXES, stated, strict=True) if not keeps}
        for template in range(WORDS.templates):
            written.add((WORDS.describe(scene.replace(**left_open), template), stated))
    assert written == learned


def test_another_vocabulary_is_refused_with_a_way_out() -> None:
    with pytest.raises(ValueError, match="forget_file"):
        vocabulary("imagenet")
