"""Looking at a training on its way, and stopping it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipeline.diffusion import DiffusionModel
from pipeline.diffusion.weights import apply_weights
from pipeline.unlearning import train
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.rungs import Rungs, StoppedEarlyError
from tests.unlearning.short_runs import experiment, folder_of


def test_a_training_that_is_looked_at_ends_with_the_same_bits(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    settings = experiment()
    asked: list[int] = []

    def look(step: int, weights: Path) -> bool:
        asked.append(step)
        model = apply_weights(base, weights)
        noise = torch.Generator().manual_seed(step)
        latents = torch.randn(2, *base.latent_shape, generator=noise)
        model.predict(
            model.denoiser, latents, torch.tensor([3, 9]), model.encode_prompts(["a", "b"])
        )
        return True

    undisturbed = train(base, settings, data, folder_of(tmp_path, "undisturbed"))
    folder = folder_of(tmp_path, "watched")
    watched = train(base, settings, data, folder, rungs=Rungs({2, 5}, look))
    assert asked == [2, 5]
    assert watched.read_bytes() == undisturbed.read_bytes()
    assert not (folder / "rung.safetensors").exists()


def test_what_is_shown_at_a_rung_is_what_a_training_of_so_many_steps_saves(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    short = load_file(train(base, experiment(steps=3), data, folder_of(tmp_path, "short")))
    shown = {}

    def look(_step: int, weights: Path) -> bool:
        shown.update(load_file(weights))
        return True

    train(base, experiment(), data, folder_of(tmp_path, "long"), rungs=Rungs({3}, look))
    assert shown.keys() == short.keys()
    assert all(torch.equal(shown[name], value) for name, value in short.items())


def test_a_stopped_training_says_where_and_asks_again_when_it_is_run_anew(
    base: DiffusionModel, data: TrainingSet, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, "stopped")
    asked: list[int] = []

    def stop(step: int, _weights: Path) -> bool:
        asked.append(step)
        return False

    # A checkpoint of the very step lets the second run begin where the first one ended.
    for _ in range(2):
        with pytest.raises(StoppedEarlyError, match="after step 4") as stopped:
            train(base, experiment(), data, folder, rungs=Rungs({4}, stop))
        assert stopped.value.step == 4
    assert asked == [4, 4]
    assert not (folder / "weights.safetensors").exists()
    assert (folder / "checkpoints" / "step-000004").is_dir()
