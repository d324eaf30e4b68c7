"""The single pictures behind a report: what bounds are made of is what its numbers are made of."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel, Store, load_model
from pipeline.evaluation import Evaluation, evaluate
from pipeline.evaluation.evidence import bounds_of, distinct_prompts, judged_rows
from pipeline.prompts import build_prompt_set, resolve_concepts
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.vocabulary import vocabulary

ALONE = {"kind": "object", "forget": ["sneaker"]}
SEVERAL = {
    "kind": "object",
    "forget": ["sneaker"],
    "also": [{"kind": "style", "forget": ["neon"]}],
    "erased": [
        {"kind": "object", "forget": ["bag"], "also": [{"kind": "object", "forget": ["dress"]}]}
    ],
}
REPEATS = 2


@pytest.fixture(scope="module")
def base() -> DiffusionModel:
    return load_model("fashion-canvas")


@pytest.fixture(scope="module")
def noisy(base: DiffusionModel) -> DiffusionModel:
    unet = copy.deepcopy(base.denoiser)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in unet.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(0.5 * parameter.std(correction=0) * noise)
    return base.with_denoiser(unet, "noisy")


def judged(
    concept: dict[str, Any], model: DiffusionModel, base: DiffusionModel, folder: Path
) -> Evaluation:
    experiment = Experiment.model_validate(
        {
            "name": "judged",
            "concept": concept,
            "prompts": {"train": 4, "test": 24},
            "evaluation": {"steps": 2, "batch": 48},
        }
    )
    prompt_set = build_prompt_set(experiment.concept, experiment.prompts)
    store = Store(folder)
    return evaluate(model, prompt_set, experiment, store, base=base, repeats=REPEATS)


@pytest.mark.parametrize("concept", [ALONE, SEVERAL], ids=["alone", "several"])
def test_every_metric_of_a_report_has_bounds_around_it(
    concept: dict[str, Any], noisy: DiffusionModel, base: DiffusionModel, tmp_path: Path
) -> None:
    evaluation = judged(concept, noisy, base, tmp_path)
    report = evaluation.report
    assert evaluation.evidence is not None
    found = bounds_of(evaluation.evidence, 0.95)
    assert set(found) == set(report.metrics)
    values = {name: bounds.value for name, bounds in found.items()}
    assert values == pytest.approx(report.metrics, rel=1e-6, abs=1e-9)
    for name, bounds in found.items():
        assert bounds.low <= bounds.value <= bounds.high
        assert 1 <= bounds.prompts <= report.images.retain // REPEATS, name
    assert found["ira"].low < found["ira"].high
    assert found["ira"].prompts == report.images.retain // REPEATS


def test_a_metric_is_over_the_prompts_that_it_is_about() -> None:
    words = vocabulary("fashion-canvas")
    concepts = resolve_concepts(
        Experiment.model_validate({"name": "x", "concept": ALONE}).concept, words
    )
    prompts = [
        Prompt("a sneaker", {"object": "sneaker", "style": "photo"}),
        Prompt("a neon sandal", {"object": "sandal", "style": "neon"}),
        Prompt("something blue", {"colour": "blue"}),
        Prompt("a bag", {"object": "bag", "style": "photo"}),
    ]
    rows = judged_rows(prompts, concepts)
    plain = {name: [each.tolist() for each in groups] for name, groups in rows.items()}
    assert plain["ua"] == plain["erasure"] == plain["clip_forget"] == [[0]]
    assert plain["ira"] == plain["cra"] == [[1, 3]]
    assert plain["worst_neighbour"] == [[1]]  # the bag is none
    assert plain["clip"] == plain["kid"] == [[1, 2, 3]]


def test_the_same_sentence_is_the_same_prompt_unless_sentences_are_shared() -> None:
    prompts = [Prompt(text, {}) for text in ("a", "a", "b", "b", "a", "a")]
    sneaker, automobile = (
        resolve_concepts(
            Experiment.model_validate(
                {"name": "x", "concept": {"kind": kind, "forget": [value]}}
            ).concept,
            vocabulary(words),
        )[0]
        for kind, value, words in (
            ("object", "sneaker", "fashion-canvas"),
            ("class", "automobile", "cifar10"),
        )
    )
    assert np.array_equal(distinct_prompts(prompts, sneaker, 2), [0, 0, 1, 1, 0, 0])
    assert np.array_equal(distinct_prompts(prompts, automobile, 2), [0, 0, 1, 1, 2, 2])
