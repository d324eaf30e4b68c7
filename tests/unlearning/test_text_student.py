"""Training text encoders: what is encoded anew, and that two workers take one worker's step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.multiprocessing.spawn import spawn

from pipeline.config import Experiment, ModelConfig
from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.conditions import PROMPT
from pipeline.diffusion.trained import copy_to_train
from pipeline.unlearning import train
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.text_student import TextStudent, with_texts
from pipeline.unlearning.workers import workers_of_this_process
from tests.gloo import free_port, one_of
from tests.unlearning.conftest import CONTEXTS
from tests.unlearning.short_runs import lopsided

TEXT = ModelConfig(train="text_encoder")


def prompts_of(name: str) -> tuple[str, ...]:
    return tuple(f"a photo style picture of a {colour} {name}" for colour in CONTEXTS)


@pytest.fixture(scope="module")
def told(data: TrainingSet) -> TrainingSet:
    texts = {"forget": "sneaker", "same_context": "sandal", "neighbours": "bag"}
    own = {source: prompts_of(name) for source, name in texts.items()}
    return with_texts(data, own, prompts_of("sandal"))


def settings(**update: object) -> Experiment:
    asked = lopsided("adamw", "step", **update)
    return asked.model_copy(update={"model": TEXT})


def test_rows_name_their_own_prompts(told: TrainingSet) -> None:
    pools = {"sneaker": told.forget, "sandal": told.retain["same_context"]}
    for name, pool in pools.items():
        places = pool.conditions.tensors[PROMPT].tolist()
        assert tuple(told.texts[place] for place in places) == prompts_of(name)
    anchors = told.forget.anchor_conditions
    assert anchors is not None
    assert [told.texts[place] for place in anchors.tensors[PROMPT]] == list(prompts_of("sandal"))


def test_before_training_it_predicts_what_the_base_predicts(
    base: DiffusionModel, told: TrainingSet
) -> None:
    student = TextStudent(base, copy_to_train(base, TEXT, 0).parts, told.texts)
    noisy = torch.randn(4, *base.latent_shape, generator=torch.Generator().manual_seed(0))
    times = torch.tensor([900, 600, 300, 10])
    predicted = student(noisy, times, told.forget.conditions)
    expected = base.predict(base.denoiser, noisy, times, told.forget.conditions)
    torch.testing.assert_close(predicted, expected, atol=1e-4, rtol=1e-4)
    predicted.pow(2).mean().backward()
    encoder = student.encoders["text_encoder"]
    assert all(p.grad is not None for p in encoder.parameters() if p.requires_grad)
    assert all(p.grad is None for p in base.denoiser.parameters())


def test_recomputed_activations_train_to_the_same_encoder(
    base: DiffusionModel, told: TrainingSet, tmp_path: Path
) -> None:
    plain, again = (
        load_file(
            train(base, settings(gradient_checkpointing=on), told, tmp_path / f"recomputing-{on}")
        )
        for on in (False, True)
    )
    own = {f"text_encoder.{n}": p for n, p in base.pipeline.text_encoder.named_parameters()}
    change = max(float((value.float() - own[key]).abs().max()) for key, value in plain.items())
    assert change > 1e-4
    for key, value in plain.items():
        torch.testing.assert_close(again[key], value, rtol=1e-3, atol=1e-2 * change)


def _work(rank: int, port: int, data: TrainingSet, folder: Path) -> None:
    with one_of(2, rank, port):
        base = load_model("fashion-canvas")
        train(base, settings(), data, folder, workers=workers_of_this_process())


def test_two_workers_equal_one_on_the_joint_batch(
    base: DiffusionModel, told: TrainingSet, tmp_path: Path
) -> None:
    spawn(_work, args=(free_port(), told, tmp_path / "together"), nprocs=2)
    train(base, settings(), told, tmp_path / "alone")
    states = [
        load_file(tmp_path / name / "checkpoints" / "step-000003" / "state.safetensors")
        for name in ("alone", "together")
    ]
    start = {f"text_encoder.{n}": p for n, p in base.pipeline.text_encoder.named_parameters()}
    square = apart = 0.0
    for name, before in start.items():
        one, two = (state[f"weights/{name}"] for state in states)
        square += float((one - before).pow(2).sum())
        apart += float((two - one).pow(2).sum())
    assert apart + square > 0
    assert apart < 1e-6 * square
