import re
from itertools import product

import numpy as np
import pytest

from pipeline.canvas.captions import draw_caption
from pipeline.config import ConfigError
from pipeline.prompts import Scene, vocabulary

WORDS = vocabulary("fashion-canvas")
AXES = tuple(WORDS.axes)


def scene_of(*values: str | None) -> Scene:
    return WORDS.scene(**dict(zip(AXES, values, strict=False)))


def all_scenes() -> list[Scene]:
    return [scene_of(*values) for values in product(*((None, *WORDS.axes[axis]) for axis in AXES))]


def test_labels_are_what_is_stated() -> None:
    assert WORDS.scene(object="bag", colour="red").labels() == {"object": "bag", "colour": "red"}
    assert WORDS.scene().labels() == {}
    assert WORDS.scene(object="bag").replace(object=None, style="neon") == WORDS.scene(style="neon")


def test_the_sentences_of_a_scene() -> None:
    scene = scene_of("ankle boot", "halftone", "orange", "black")
    assert [WORDS.describe(scene, template) for template in range(WORDS.templates)] == [
        "a halftone style picture of an orange ankle boot on a black background",
        "a halftone of an orange ankle boot on a black background",
        "an orange ankle boot on a black background, halftone",
        "a halftone style image of an orange ankle boot on a black background",
        "an orange ankle boot on a black background in halftone style",
    ]
    assert WORDS.describe(WORDS.scene(style="neon")) == "a neon style picture of a thing"
    assert WORDS.describe(scene_of("trousers"), 1) == "a picture of trousers"
    assert WORDS.describe(WORDS.scene()) == "a thing"


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
    scene = scene_of("ankle boot", "neon", "orange", "gray")
    written = set()
    for stated in {which for _, which in learned}:
        left_open = {axis: None for axis, keeps in zip(AXES, stated, strict=True) if not keeps}
        for template in range(WORDS.templates):
            written.add((WORDS.describe(scene.replace(**left_open), template), stated))
    assert written == learned


def test_another_vocabulary_is_refused_with_a_way_out() -> None:
    with pytest.raises(ConfigError, match=r"known: fashion-canvas, people.*forget_file"):
        vocabulary("imagenet")
    with pytest.raises(ConfigError, match="did you mean unlearncanvas"):
        vocabulary("unlearn-canvas")
