"""Every model is asked the same prompts from the same noise."""

from __future__ import annotations

import pytest

from pipeline.config import ConceptConfig, PromptsConfig
from pipeline.diffusion import Sampler
from pipeline.evaluation.questions import ask
from pipeline.prompts import build_prompt_set

SAMPLER = Sampler(steps=2, guidance=3.0)
SET = build_prompt_set(
    ConceptConfig(kind="object", forget=("sneaker",)), PromptsConfig(train=4, test=12)
)


def test_forget_prompts_come_first_each_with_its_seed_moved() -> None:
    asked = ask(SET, SAMPLER, seed=99, repeats=1)
    assert asked.prompts == SET.forget_test + SET.retain_test
    assert asked.seeds == tuple(prompt.seed + 99 for prompt in asked.prompts)


def test_repeats_ask_the_same_prompts_from_other_noise() -> None:
    once, thrice = (ask(SET, SAMPLER, 99, repeats) for repeats in (1, 3))
    assert thrice.prompts[::3] == once.prompts
    assert thrice.prompts[1::3] == once.prompts
    assert thrice.seeds[::3] == once.seeds
    assert len(set(thrice.seeds)) == 3 * len(once)


def test_another_seed_shares_no_noise() -> None:
    first, second = (ask(SET, SAMPLER, seed, repeats=4) for seed in (99, 100))
    assert not set(first.seeds) & set(second.seeds)


def test_no_repeat_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 picture of each prompt, got 0"):
        ask(SET, SAMPLER, 99, repeats=0)
