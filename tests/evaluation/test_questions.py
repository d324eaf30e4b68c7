"""Every model is asked the same prompts from the same noise."""

from __future__ import annotations

from pathlib import Path

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


def test_prompts_keep_their_own_guidance_and_seed(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("prompt,sd_seed,sd_guidance_scale\nrunning shoes,3706897150,8\nboots,2,\n")
    concept = ConceptConfig(kind="object", forget=("sneaker",))
    own = build_prompt_set(concept, PromptsConfig(train=4, test=8, test_forget_file=path))
    asked = ask(own, SAMPLER, seed=0, repeats=2)
    assert asked.guidances is not None
    assert asked.guidances[:6] == (8.0, 8.0, 3.0, 3.0, 3.0, 3.0)
    assert asked.seeds[0] == 3706897150
    assert asked.rows(slice(2, None)).guidances is None
    assert ask(SET, SAMPLER, seed=0, repeats=1).guidances is None
