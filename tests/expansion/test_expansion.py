"""Whatever a language model writes, what is kept teaches the concept, or all but the concept."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from pipeline.config import ConceptConfig, PromptsConfig
from pipeline.expansion import (
    Expansion,
    LanguageModel,
    forget_brief,
    length_check,
    load_language_model,
    retain_brief,
    write_prompts,
)
from pipeline.prompts import PromptSet, build_prompt_set
from pipeline.prompts.sieve import Pool, Sieve
from tests.diffusion.tiny.tokenizers import clip_tokenizer
from tests.expansion.tiny import language_model

LIMIT = 120
SENTENCES = [
    f"a {adjective} {thing} {where}"
    for adjective, thing, where in product(
        ("worn", "tiny", "shining"),
        ("sneaker", "bag", "dress", "ankle boot"),
        ("in the rain", "beside two sneakers", "on a wooden table", "under a street lamp"),
    )
]


@pytest.fixture(scope="module")
def prompt_set() -> PromptSet:
    return build_prompt_set(
        ConceptConfig(kind="object", forget=("sneaker",)), PromptsConfig(train=24)
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of a diffusion model that is looked at: a CLIP's tokenizer, which spells most words."""
    folder = tmp_path_factory.mktemp("base")
    tokenizer = clip_tokenizer()
    tokenizer.model_max_length = LIMIT
    tokenizer.save_pretrained(folder / "tokenizer")
    return folder


@pytest.fixture(scope="module")
def gibberish(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return load_language_model(str(language_model(tmp_path_factory.mktemp("lm"), SENTENCES)))


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory, prompt_set: PromptSet) -> LanguageModel:
    """It has seen what judges, too."""
    judging = [prompt.text for prompt in (*prompt_set.forget_test, *prompt_set.retain_test)]
    folder = language_model(tmp_path_factory.mktemp("lm"), [*SENTENCES, *judging], steps=120)
    return load_language_model(str(folder))


def written(
    writer: LanguageModel,
    prompt_set: PromptSet,
    base: Path,
    pool: Pool,
    count: int = 12,
    seed: int = 0,
) -> Expansion:
    brief = forget_brief(prompt_set) if pool == "forget" else retain_brief(prompt_set)
    held_out = [each.text for each in (*prompt_set.forget_test, *prompt_set.retain_test)]
    sieve = Sieve(
        prompt_set.concept,
        pool,
        held_out=held_out,
        known=brief.examples,
        too_long=length_check(str(base)),
    )
    return write_prompts(writer, brief, sieve, pool, count=count, seed=seed)


@pytest.mark.parametrize("pool", ["forget", "retain"])
def test_of_gibberish_only_what_is_valid_is_kept(
    gibberish: LanguageModel, prompt_set: PromptSet, base: Path, pool: Pool
) -> None:
    found = written(gibberish, prompt_set, base, pool)
    assert len(found.prompts) == 12
    assert found.removed
    is_too_long = length_check(str(base))
    for prompt in found.prompts:
        assert ("sneaker" in prompt.lower()) == (pool == "forget")
        assert prompt.isprintable()
        assert not is_too_long(prompt)
    assert len(set(found.prompts)) == len(found.prompts)


def test_the_same_seed_writes_the_same_and_leaves_the_generator_alone(
    gibberish: LanguageModel, prompt_set: PromptSet, base: Path
) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = written(gibberish, prompt_set, base, "retain", count=8)
    assert torch.equal(torch.rand(3), expected)
    assert written(gibberish, prompt_set, base, "retain", count=8) == first
    longer = written(gibberish, prompt_set, base, "retain", count=20)
    assert longer.prompts[:8] == first.prompts
    assert written(gibberish, prompt_set, base, "retain", count=8, seed=1) != first


def test_a_model_that_has_learned_sentences_writes_such(
    taught: LanguageModel, prompt_set: PromptSet, base: Path
) -> None:
    found = written(taught, prompt_set, base, "forget", count=40)
    ways_on = ("in the rain", "on a wooden table", "under a street lamp", "beside two sneakers")
    # A few more letters may follow: what so small a model writes depends on the processor.
    assert any(way in prompt for prompt in found.prompts for way in ways_on)
    assert found.removed["held out for judging"] > 0


def test_leaks_of_the_concept_are_removed_from_what_is_kept(
    taught: LanguageModel, prompt_set: PromptSet, base: Path
) -> None:
    found = written(taught, prompt_set, base, "retain", count=60)
    assert found.removed["names what is forgotten"] > 0
    assert not any("sneaker" in prompt for prompt in found.prompts)


def test_a_model_that_writes_nothing_of_use_is_given_up(
    gibberish: LanguageModel, prompt_set: PromptSet
) -> None:
    sieve = Sieve(prompt_set.concept, "forget", held_out=(), known=(), too_long=lambda _text: True)
    told: list[tuple[int, int, int]] = []
    found = write_prompts(
        gibberish,
        forget_brief(prompt_set),
        sieve,
        "forget",
        count=2,
        seed=0,
        progress=lambda *done: told.append(done),
    )
    assert not found.prompts
    assert found.written == sum(found.removed.values()) == told[-1][-1] == 64


def test_a_chat_template_is_used_where_there_is_one(gibberish: LanguageModel) -> None:
    brief = retain_brief(
        build_prompt_set(ConceptConfig(kind="style", forget=("neon",)), PromptsConfig(train=4))
    )
    template = "{% for each in messages %}[{{ each.role }}] {{ each.content }}\n{% endfor %}"
    gibberish.tokenizer.chat_template = template
    try:
        context = gibberish._context(brief, ["a dress"], "a bag")
        assert context.startswith(f"[user] {brief.instruction}\n- a dress\n")
        assert context.endswith("[assistant] a bag")
        (told,) = gibberish.sentences(brief, [["a dress"]], ["a bag"], seed=0)
        assert told.startswith("a bag")
    finally:
        gibberish.tokenizer.chat_template = None


@pytest.mark.parametrize("name", ["./nowhere", "a/b/c", "no-such-model-anywhere"])
def test_a_missing_language_model_is_named(name: str) -> None:
    with pytest.raises(ValueError, match="language model"):
        load_language_model(name)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = language_model(tmp_path / "lm", SENTENCES)
    model = LlamaForCausalLM.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="safetensors"):
        load_language_model(str(folder))


def test_a_model_of_classes_has_nothing_to_expand(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="reads sentences"):
        length_check(str(tmp_path))


def test_the_embedded_models_own_limit_counts() -> None:
    is_too_long = length_check("fashion-canvas")
    assert not is_too_long("a red sneaker on a white background")
    assert is_too_long("a red sneaker on a white background " * 5)
