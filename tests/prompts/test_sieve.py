"""What is stopped on its way into a file of prompts, and that nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ConceptConfig, ErasedConfig
from pipeline.prompts import resolve_concept, vocabulary
from pipeline.prompts.resemblance import NEAR, Known, words_of
from pipeline.prompts.sieve import Pool, Sieve, naming_pattern

CONCEPT = resolve_concept(
    ConceptConfig(
        kind="object",
        forget=("sneaker",),
        erased=(ErasedConfig(kind="style", forget=("pencil sketch",)),),
    ),
    vocabulary("fashion-canvas"),
)


def sieve(pool: Pool) -> Sieve:
    return Sieve(
        CONCEPT,
        pool,
        held_out=["a red sneaker on a white background", "a red bag on a white background"],
        known=["a bag in the rain", "a sneaker in the rain"],
        too_long=lambda text: len(text.split()) > 12,
        without=["running"],
    )


@pytest.mark.parametrize(
    ("pool", "text", "reason"),
    [
        ("retain", "a dress under a street lamp", None),
        ("retain", "", "empty"),
        ("retain", "!? ...", "empty"),
        ("retain", "a dress\x1b[2J", "not printable"),
        ("retain", "a dress \ufffd", "not printable"),
        ("retain", "a dress of SNEAKERS", "names what is forgotten"),
        ("retain", "a sneaker-clad dress", "names what is forgotten"),
        ("retain", "the Sneakerhead's dress", "names what is forgotten"),
        ("retain", "a pencil-sketched dress", "names what is forgotten"),
        ("retain", "running dresses", "names what is forgotten"),
        ("retain", "a dress " * 7, "too long"),
        ("retain", "On a white background, a red bag", "held out for judging"),
        ("retain", "A  BAG in the rain.", "a duplicate"),
        ("retain", "in the rain, a bag", "nearly a duplicate"),
        ("forget", "two sneakers under a street lamp", None),
        ("forget", "a sneaker for running", None),
        ("forget", "a dress under a street lamp", "without the concept"),
        ("forget", "a sneakerhead", "without the concept"),
        ("forget", "a sneaker as pencilsketch", "names what is forgotten"),
        ("forget", "a sneaker for a sneakerhead", "its anchor names what is forgotten"),
        ("forget", "a red sneaker on white background", "held out for judging"),
    ],
)
def test_each_sentence_is_stopped_by_what_is_wrong_with_it(
    pool: Pool, text: str, reason: str | None
) -> None:
    assert sieve(pool).stopped_by(text) == reason


def test_a_sentence_passes_once() -> None:
    mine = sieve("retain")
    assert mine.stopped_by("a dress under a street lamp") is None
    assert mine.stopped_by("a dress under a street lamp") == "a duplicate"
    assert mine.stopped_by("a dress under the street a lamp") is not None
    assert mine.stopped_by("a dress on a street corner") is None


@pytest.mark.parametrize(
    ("value", "text", "names"),
    [
        ("nude", "nudity", True),
        ("church", "Churches", True),
        ("pony", "two ponies", True),
        ("trousers", "a trouser press", True),
        ("van gogh", "a Van-Gogh sky", True),
        ("Artist_Sketch", "artist sketches", True),
        ("sneaker", "supersneakers", True),
        ("dress", "an address", False),
        ("bag", "a garbage bin", False),
    ],
)
def test_inflections_and_compounds_name_a_value(value: str, text: str, *, names: bool) -> None:
    assert bool(naming_pattern([value]).search(text)) == names
    assert not naming_pattern([]).search(text)


FEW = ("a", "bb", "ccc", "dddd", "eeeee", "ffffff", "g", "hh")
WORDS = st.lists(st.sampled_from(FEW), min_size=1, max_size=9)


@given(known=st.lists(WORDS, max_size=12), asked=WORDS)
@settings(max_examples=300, deadline=None)
def test_the_index_finds_what_comparing_all_finds(known: list[list[str]], asked: list[str]) -> None:
    texts, text = [" ".join(words) for words in known], " ".join(asked)

    def is_near(other: str) -> bool:
        mine, its = set(words_of(text)), set(words_of(other))
        return len(mine & its) / len(mine | its) >= NEAR

    expected = "same" if text in texts else "near" if any(map(is_near, texts)) else None
    assert Known(texts).like(text) == expected
