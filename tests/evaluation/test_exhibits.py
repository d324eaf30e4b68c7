"""Exhibits: enough to tell a picture drawn again from another one, and no nude in a file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.config import parse_space
from pipeline.diffusion import DiffusionModel, Store, load_model
from pipeline.diffusion.sampling import Sampler
from pipeline.evaluation.exhibits import LINES, TOLERANCE, load_exhibits, redraw, save_exhibits
from pipeline.evaluation.judge import Evaluation, evaluate
from pipeline.prompts import build_prompt_set

TEXT = """
name: e
concept: {kind: object, forget: [sneaker]}
prompts: {test: 16}
evaluation: {steps: 2, batch: 4}
"""
SAMPLER = Sampler(2, 3.0, 4)


@pytest.fixture(scope="module")
def base() -> DiffusionModel:
    return load_model("fashion-canvas")


@pytest.fixture(scope="module")
def evaluation(base: DiffusionModel, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    experiment = parse_space(TEXT).fixed()
    prompts = build_prompt_set(experiment.concept, experiment.prompts)
    store = Store(tmp_path_factory.mktemp("store"))
    return evaluate(base, prompts, experiment, store, base=base)


def test_a_model_draws_its_exhibits_again_to_the_bit(
    base: DiffusionModel, evaluation: Evaluation, tmp_path: Path
) -> None:
    save_exhibits(evaluation, 4, tmp_path)
    exhibits = load_exhibits(tmp_path)
    assert [each.names_concept for each in exhibits] == [True, True, False, False]
    again = redraw(base, exhibits, replace(SAMPLER, guidance=_guidance(evaluation)))
    assert all(each.same(levels) for each, levels in zip(exhibits, again, strict=True))
    assert all(each.distance(levels) < 0.01 for each, levels in zip(exhibits, again, strict=True))
    for place, levels in enumerate(again):
        with Image.open(tmp_path / f"{place:02d}.png") as picture:
            assert np.array_equal(np.asarray(picture), levels.permute(1, 2, 0).numpy())


def test_another_picture_is_no_exhibit(
    base: DiffusionModel, evaluation: Evaluation, tmp_path: Path
) -> None:
    save_exhibits(evaluation, 2, tmp_path)
    exhibits = load_exhibits(tmp_path)
    stray = tuple(each.model_copy(update={"seed": each.seed + 1}) for each in exhibits)
    other = redraw(base, stray, replace(SAMPLER, guidance=_guidance(evaluation)))
    for each, levels in zip(exhibits, other, strict=True):
        assert not each.same(levels)
        assert each.distance(levels) > TOLERANCE


def test_of_sensitive_pictures_a_few_mean_colours_are_kept_and_no_pixel(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    save_exhibits(replace(evaluation, blurred=True), 2, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [LINES]
    exhibits = load_exhibits(tmp_path)
    assert [len(each.cells) for each in exhibits] == [108, 108]
    levels = ((evaluation.images[evaluation.shown(2)] + 1) * 127.5).round().to(torch.uint8)
    assert exhibits[0].sha256 == hashlib.sha256(levels[0].numpy().tobytes()).hexdigest()


def test_a_damaged_line_is_named(evaluation: Evaluation, tmp_path: Path) -> None:
    assert load_exhibits(tmp_path) == ()
    save_exhibits(evaluation, 2, tmp_path)
    with (tmp_path / LINES).open("ab") as file:
        file.write(b'{"text": 3}\n')
    with pytest.raises(ValueError, match=r"pictures\.jsonl, line 3: expected a judged picture"):
        load_exhibits(tmp_path)


def _guidance(evaluation: Evaluation) -> float:
    return evaluation.report.sampling.guidance
