import json
from pathlib import Path

import pytest

from pipeline.config import ConceptConfig, ConfigError, PromptsConfig
from pipeline.prompts import build_prompt_set, resolve_concept, vocabulary
from pipeline.prompts.own_pools import swapped

SNEAKER = ConceptConfig(kind="object", forget=("sneaker",))


def written(path: Path, *entries: dict[str, object]) -> Path:
    path.write_text("\n".join(map(json.dumps, entries)))
    return path


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("A sneaker on grass", "ankle boot", "An ankle boot on grass"),
        ("an orange sneaker", "trousers", "orange trousers"),
        ("two red sneakers", "dress", "two red dresses"),
        ("my SNEAKER", "bag", "my bag"),
        ("a pair of trousers", "sandal", "a pair of sandals"),
        ("a sneaker", None, "a thing"),
        ("running shoes", "ankle boot", "a photo of an ankle boot"),
        ("running shoes", None, "a thing"),
        ("sneakerhead", "bag", "a photo of a bag"),
    ],
)
def test_a_value_takes_the_concepts_place(text: str, value: str | None, expected: str) -> None:
    config = ConceptConfig(kind="object", forget=("sneaker", "trousers"))
    concept = resolve_concept(config, vocabulary("fashion-canvas"))
    assert swapped(concept, text, value) == expected


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("a nude acrobat on a rope", None, "an acrobat on a rope"),
        ("a nude acrobat on a rope", "clothed", "an acrobat on a rope"),
        ("An angry nude man", None, "An angry man"),
        ("two nude men and a nude", None, "two men and"),
        ("someone without clothes", None, "a person"),
    ],
)
def test_a_silent_value_leaves_the_sentence_without_the_word(
    text: str, value: str | None, expected: str
) -> None:
    config = ConceptConfig(kind="attire", forget=("nude",))
    concept = resolve_concept(config, vocabulary("people"))
    assert swapped(concept, text, value) == expected


def test_own_prompts_whose_only_partner_judges_are_refused(tmp_path: Path) -> None:
    config = ConceptConfig(kind="attire", forget=("nude",))
    settings = {"vocabulary": "people", "test": 100, "train": 4}
    whole = build_prompt_set(config, PromptsConfig.model_validate(settings))
    asked = {prompt.text for prompt in whole.forget_test}
    turned = (each.text.replace(" person", " nude person", 1) for each in whole.retain_test)
    path = tmp_path / "own.txt"
    path.write_text(next(text for text in turned if text not in asked))
    with pytest.raises(ConfigError, match="partners are not held out"):
        build_prompt_set(config, PromptsConfig.model_validate({**settings, "forget_file": path}))


def test_a_class_takes_anothers_place() -> None:
    concept = resolve_concept(ConceptConfig(kind="class", forget=("cat",)), vocabulary("cifar10"))
    assert [swapped(concept, "cat", value) for value in ("dog", None)] == ["dog", ""]


def test_own_forget_prompts_replace_the_vocabularys(tmp_path: Path) -> None:
    path = written(
        tmp_path / "own.jsonl",
        {"prompt": "a sneaker on grass", "seed": 11},
        {"prompt": "my running shoes", "anchor": "my bare feet"},
    )
    prompt_set = build_prompt_set(SNEAKER, PromptsConfig(train=5, forget_file=path))
    prompts = prompt_set.forget_train
    assert [prompt.text for prompt in prompts[:3]] == [
        "a sneaker on grass",
        "my running shoes",
        "a sneaker on grass",
    ]
    assert [prompt.anchor for prompt in prompts[:2]] == ["a sandal on grass", "my bare feet"]
    assert prompts[0].seed == 11
    assert len({prompt.seed for prompt in prompts}) == len(prompts) == 5
    partners = prompt_set.retain_train["same_context"]
    assert [prompt.seed for prompt in partners] == [prompt.seed for prompt in prompts]
    assert all("sneaker" not in prompt.text for prompt in partners)
    assert partners[0].text.endswith(" on grass")
    assert prompt_set.coverage()["forget_train"] is None
    json.dumps(prompt_set.report())


def test_no_own_prompt_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("\n".join(f"a sneaker number {number}" for number in range(9)))
    prompt_set = build_prompt_set(SNEAKER, PromptsConfig(train=4, forget_file=path))
    assert prompt_set.distinct()["forget_train"] == 9
    assert {len(prompts) for prompts in prompt_set.retain_train.values()} == {9}


def test_own_retain_prompts_get_the_whole_mix(tmp_path: Path) -> None:
    path = tmp_path / "keep.txt"
    path.write_text("a dog\na cat\n")
    prompt_set = build_prompt_set(SNEAKER, PromptsConfig(train=6, retain_file=path))
    assert dict(prompt_set.retain_mix) == {"own": 1.0}
    assert [prompt.text for prompt in prompt_set.retain_train["own"]] == ["a dog", "a cat"] * 3
    assert len({prompt.seed for prompt in prompt_set.retain_train["own"]}) == 6


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"prompt": "two Sneakers"}, "without the concept"),
        ({"prompt": "running shoes", "labels": {"object": "sneaker"}}, "without the concept"),
        ({"prompt": "a bag", "labels": {"object": "bagg"}}, "did you mean bag"),
        ({"prompt": "a bag", "labels": {"color": "red"}}, "did you mean colour"),
    ],
)
def test_a_retain_line_that_cannot_be_is_named(
    tmp_path: Path, entry: dict[str, object], words: str
) -> None:
    path = written(tmp_path / "keep.jsonl", {"prompt": "a dog"}, entry)
    with pytest.raises(ConfigError, match=words) as caught:
        build_prompt_set(SNEAKER, PromptsConfig(retain_file=path))
    assert caught.value.problems[0].path == f"{path}, line 2"


def test_own_prompts_are_not_those_that_judge(tmp_path: Path) -> None:
    prompt_set = build_prompt_set(SNEAKER, PromptsConfig())
    path = tmp_path / "own.txt"
    for prompts, setting in (
        (prompt_set.forget_test, "forget_file"),
        (prompt_set.retain_test, "retain_file"),
    ):
        # A tokenizer takes both for the same sentence.
        for text in (prompts[3].text, prompts[3].text.upper().replace(" ", "  ")):
            path.write_text(f"# mine\n{text}\n")
            with pytest.raises(ConfigError, match="held out for judging") as caught:
                build_prompt_set(SNEAKER, PromptsConfig.model_validate({setting: path}))
            assert caught.value.problems[0].path == f"{path}, line 2"


def test_partners_of_own_prompts_are_not_those_that_judge(tmp_path: Path) -> None:
    concept = resolve_concept(SNEAKER, vocabulary("fashion-canvas"))
    judging = {prompt.text for prompt in build_prompt_set(SNEAKER, PromptsConfig()).retain_test}
    turned = [
        text.replace(value, "sneaker", 1)
        for text in sorted(judging)
        for value in ("sandal", "dress")
        if value in text
    ]
    mine = [
        text
        for text in turned
        if any(swapped(concept, text, v) in judging for v in ("sandal", "dress"))
    ]
    assert mine
    held_out = {prompt.text for prompt in build_prompt_set(SNEAKER, PromptsConfig()).forget_test}
    path = tmp_path / "own.txt"
    path.write_text("\n".join(text for text in mine if text not in held_out))
    prompt_set = build_prompt_set(SNEAKER, PromptsConfig(forget_file=path))
    assert not {prompt.text for prompt in prompt_set.retain_train["same_context"]} & judging
