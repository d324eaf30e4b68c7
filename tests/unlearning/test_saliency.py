"""SalUn's mask against numpy, and that a training leaves alone what it masks."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pipeline.config import ModelConfig
from pipeline.diffusion import DiffusionModel
from pipeline.diffusion.parameters import trainable
from pipeline.unlearning import train
from pipeline.unlearning.batches import TrainingSet, draw_batches
from pipeline.unlearning.objectives import denoising_loss
from pipeline.unlearning.saliency import saliency_mask
from tests.unlearning.short_runs import experiment, folder_of

SHAPES = ((10, 7), (30,), (4, 5, 20))


def draw(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_the_threshold_is_numpys_quantile_of_the_magnitudes(seed: int, share: float) -> None:
    gradient = draw(seed)
    mask = saliency_mask(gradient, share)
    magnitudes = np.concatenate([tensor.abs().numpy().ravel() for tensor in gradient])
    threshold = np.quantile(magnitudes, 1 - share, method="higher")
    for moves, tensor in zip(mask, gradient, strict=True):
        np.testing.assert_array_equal(moves.numpy(), np.abs(tensor.numpy()) >= threshold)
    assert sum(int(moves.sum()) for moves in mask) == round(share * len(magnitudes))


def test_half_of_the_elements_are_those_above_the_median() -> None:
    gradient = draw(0)
    median = np.median(np.concatenate([tensor.abs().numpy().ravel() for tensor in gradient]))
    for moves, tensor in zip(saliency_mask(gradient, 0.5), gradient, strict=True):
        np.testing.assert_array_equal(moves.numpy(), np.abs(tensor.numpy()) >= median)


def test_all_of_equal_magnitudes_at_the_threshold_pass() -> None:
    gradient = [torch.tensor([3.0, -2.0, 1.0]), torch.tensor([2.0, -0.5, 0.0])]
    for share in (0.4, 0.5):
        first, second = saliency_mask(gradient, share)
        assert first.tolist() == [1.0, 1.0, 0.0]
        assert second.tolist() == [1.0, 0.0, 0.0]


def test_the_whole_share_masks_nothing_and_the_least_one_keeps_the_largest() -> None:
    gradient = [torch.tensor([[3.0, -4.0]]), torch.tensor([0.0])]
    assert [moves.tolist() for moves in saliency_mask(gradient, 1.0)] == [[[1.0, 1.0]], [1.0]]
    assert [moves.tolist() for moves in saliency_mask(gradient, 1e-9)] == [[[0.0, 1.0]], [0.0]]


def salience(base: DiffusionModel, data: TrainingSet) -> Tensor:
    """Magnitudes of the ascent's gradient over eight batches that no training draws."""
    unet = copy.deepcopy(base.denoiser)
    parameters = list(trainable(unet, base.family, ModelConfig()).values())
    total = [torch.zeros_like(parameter) for parameter in parameters]
    for step in range(-8, 0):
        batch, _ = draw_batches(data, experiment().update, 0, step, base.noise)
        loss = denoising_loss(base, partial(base.predict, unet), batch).mean()
        for whole, part in zip(total, torch.autograd.grad(loss, parameters), strict=True):
            whole.add_(part)
    return torch.cat([tensor.flatten() for tensor in total]).abs()


def moved(base: DiffusionModel, folder: Path) -> Tensor:
    """Which of the trainable elements differ from the base's at a training's end."""
    state = load_file(max((folder / "checkpoints").glob("step-*")) / "state.safetensors")
    names = trainable(copy.deepcopy(base.denoiser), base.family, ModelConfig())
    own = base.denoiser.state_dict()
    return torch.cat([(state[f"weights/{name}"] != own[name]).flatten() for name in names])


@pytest.mark.parametrize(
    "update",
    [
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "rule": "upgrad", "restriction": "step"},
        {"weight_decay": 0.1, "optimizer": "sgd", "restriction": "both", "learning_rate": 0.1},
    ],
    ids=["adamw", "upgrad-step", "sgd-both"],
)
def test_a_training_moves_what_is_salient_and_nothing_else(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path, update: dict[str, Any]
) -> None:
    share = 0.3
    settings = experiment(
        {"forget": "relabel", "retain": "denoise"},
        saliency=share,
        steps=3,
        warmup=1,
        checkpoint_every=3,
        **update,
    )
    folder = folder_of(tmp_path, "run")
    train(base, settings, data, folder)
    magnitudes, changed = salience(base, data), moved(base, folder)
    threshold = float(np.quantile(magnitudes.numpy(), 1 - share, method="higher"))
    # Sums in another order only round differently.
    assert float(magnitudes[changed].min()) >= threshold * (1 - 1e-3)
    assert float(changed.float().mean()) == pytest.approx(share, abs=0.01)


def test_without_a_mask_decay_alone_moves_everything(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    shares = []
    for name, saliency in (("half", 0.5), ("all", 1.0), ("none", None)):
        settings = experiment(
            {"forget": "relabel", "retain": "denoise"},
            saliency=saliency,
            steps=2,
            warmup=1,
            weight_decay=0.1,
        )
        train(base, settings, data, folder_of(tmp_path, name))
        shares.append(float(moved(base, tmp_path / name).float().mean()))
    assert shares[0] == pytest.approx(0.5, abs=0.01)
    assert shares[1] > 0.97
    assert shares[2] > 0.97
    whole = (tmp_path / "none" / "weights.safetensors", tmp_path / "all" / "weights.safetensors")
    one, other = (load_file(path) for path in whole)
    assert all(torch.equal(one[name], other[name]) for name in one)
