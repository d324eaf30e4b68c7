"""Paired differences by hand, and what their intervals hold."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.formulas import PAIRED_FORMULAS
from pipeline.evaluation.paired import paired_differences
from pipeline.evaluation.report import JudgedPicture, PairedDifference


def picture(
    text: str,
    seen: tuple[str, str],
    base_seen: tuple[str, str],
    clip: tuple[float, float],
    asked: dict[str, str] | None = None,
) -> JudgedPicture:
    """One picture of a sandal in neon, unless something else was asked for."""
    asked = {"object": "sandal", "style": "neon"} if asked is None else asked
    return JudgedPicture(
        text=text,
        seed=0,
        asked=asked,
        seen={"object": seen[0], "style": seen[1]},
        base_seen={"object": base_seen[0], "style": base_seen[1]},
        target_probability=0.5 if asked.get("object") == "sneaker" else None,
        clip=clip[0],
        base_clip=clip[1],
        image_distance=0.1,
    )


RIGHT = ("sandal", "neon")
FORGET = [
    picture("a", ("bag", "neon"), ("sneaker", "neon"), (0.2, 0.8), {"object": "sneaker"}),
    picture("b", ("bag", "neon"), ("sneaker", "neon"), (0.4, 0.8), {"object": "sneaker"}),
]


def differences(retain: list[JudgedPicture]) -> dict[str, PairedDifference]:
    return paired_differences([*FORGET, *retain], "object", "style")


def test_without_another_axis_nothing_is_compared_across() -> None:
    whole = differences(kept(4))
    found = paired_differences([*FORGET, *kept(4)], "object", None)
    assert found == {name: value for name, value in whole.items() if name != "cra"}


def test_prompts_of_one_sentence_are_told_apart_by_their_place() -> None:
    retain = [each.model_copy(update={"text": "bag"}) for each in kept(6)]
    forget = [each.model_copy(update={"text": "sneaker"}) for each in FORGET]
    together, apart, in_pairs = (
        paired_differences([*forget, *retain], "object", None, repeats) for repeats in (None, 1, 2)
    )
    assert [found["clip"].count for found in (together, apart, in_pairs)] == [1, 6, 3]
    assert together["clip"].mean == pytest.approx(apart["clip"].mean)
    assert apart["clip"] == differences(kept(6))["clip"]


def kept(count: int, seed: int = 0) -> list[JudgedPicture]:
    """Pictures that are as right as the base's, with cosines that differ by noise."""
    generator = np.random.default_rng(seed)
    cosines = generator.normal(0.7, 0.01, (count, 2)).tolist()
    return [
        picture(f"r{row}", RIGHT, RIGHT, (own, base)) for row, (own, base) in enumerate(cosines)
    ]


def test_differences_by_hand() -> None:
    found = differences(
        [
            picture("c", ("bag", "neon"), RIGHT, (0.6, 0.7)),
            picture("d", RIGHT, ("bag", "photo"), (0.8, 0.7)),
            picture("e", ("bag", "photo"), RIGHT, (0.5, 0.8)),
            picture("f", RIGHT, RIGHT, (0.7, 0.7)),
            # It leaves the object open, whatever was seen.
            picture("g", ("bag", "photo"), ("sandal", "neon"), (0.3, 0.7), {"style": "neon"}),
        ]
    )
    assert set(found) == set(PAIRED_FORMULAS)
    assert {name: each.mean for name, each in found.items()} == pytest.approx(
        {"ira": -1 / 4, "cra": -1 / 5, "clip": -0.7 / 5, "clip_forget": -0.5}
    )
    counts = {name: each.count for name, each in found.items()}
    assert counts == {"ira": 4, "cra": 5, "clip": 5, "clip_forget": 2}
    assert (found["clip_forget"].low, found["clip_forget"].high) == pytest.approx((-0.6, -0.4))


def test_noise_holds_zero_and_a_loss_does_not() -> None:
    same = kept(60)
    lost = [
        each.model_copy(update={"clip": each.clip - 0.02, "seen": {"object": "bag", "style": "x"}})
        if row % 4 == 0
        else each.model_copy(update={"clip": each.clip - 0.02})
        for row, each in enumerate(same)
    ]
    noise, loss = differences(same), differences(lost)
    for name in ("ira", "cra", "clip"):
        assert noise[name].low <= 0 <= noise[name].high
        assert loss[name].high < 0
    assert loss["ira"].mean == pytest.approx(-1 / 4)


def test_repeats_of_a_prompt_are_no_further_witnesses() -> None:
    once = kept(40)
    assert differences([each for each in once for _ in range(5)]) == differences(once)


def test_repeats_of_a_prompt_are_averaged() -> None:
    found = differences(
        [
            picture("c", ("bag", "neon"), RIGHT, (0.6, 0.7)),
            picture("c", RIGHT, RIGHT, (0.6, 0.5)),
            picture("d", RIGHT, RIGHT, (0.7, 0.7)),
            picture("d", RIGHT, RIGHT, (0.7, 0.7)),
        ]
    )
    assert found["ira"].model_dump() == pytest.approx(
        {"mean": -1 / 4, "low": -1 / 2, "high": 0.0, "count": 2}
    )


def test_what_is_hard_for_both_does_not_widen_the_interval() -> None:
    hard = np.linspace(0.2, 0.9, 50)
    shared = [picture(f"r{row}", RIGHT, RIGHT, (v - 0.01, v)) for row, v in enumerate(hard)]
    found = differences(shared)["clip"]
    assert (found.low, found.high) == pytest.approx((-0.01, -0.01))


def test_the_same_pictures_give_the_same_intervals() -> None:
    assert differences(kept(30)) == differences(kept(30))


def test_without_pictures_of_a_kind_there_is_no_difference() -> None:
    with pytest.raises(ValueError, match="got"):
        paired_differences(kept(3), "object", "style")
    with pytest.raises(ValueError, match="got"):
        paired_differences(FORGET, "object", "style")
