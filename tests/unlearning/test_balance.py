"""Retain batches of class names: equally many pictures of every class that stays."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel, Store, load_model
from pipeline.diffusion.families.class_conditional import LABELS
from pipeline.prompts import build_prompt_set
from pipeline.prompts.fashion import OBJECTS
from pipeline.unlearning.balance import in_turn
from pipeline.unlearning.batches import TrainingSet, draw_batches
from pipeline.unlearning.trainer import train
from pipeline.unlearning.training_set import prepare_training_set
from tests.diffusion.tiny.class_unet import class_unet

SNEAKER, SANDAL = OBJECTS.index("sneaker"), OBJECTS.index("sandal")
KEPT = [label for label in range(len(OBJECTS)) if label != SNEAKER]

Rows = st.lists(st.integers(0, 4), min_size=1, max_size=20)


@given(of_prompt=Rows, wanted=st.integers(1, 60), seed=st.integers(0, 2**31))
def test_every_beginning_is_balanced(of_prompt: list[int], wanted: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = list(islice(in_turn(torch.tensor(of_prompt), generator), wanted))
    of_each = Counter(dict.fromkeys(of_prompt, 0))
    of_each.update(of_prompt[row] for row in rows)
    assert max(of_each.values()) - min(of_each.values()) <= 1
    times = Counter(rows)
    for prompt, pictures in Counter(of_prompt).items():
        drawn = [times[row] for row, other in enumerate(of_prompt) if other == prompt]
        assert len(drawn) == pictures
        assert max(drawn) - min(drawn) <= 1


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return load_model(class_unet(tmp_path_factory.mktemp("base"), null_class=False))


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """One class is forgotten and all others are kept, three pictures of each from own files."""
    folder = tmp_path_factory.mktemp("prompts")
    (folder / "forget.txt").write_text("sneaker\n")
    (folder / "retain.txt").write_text("\n".join(OBJECTS[label] for label in KEPT))
    files = {"forget_file": folder / "forget.txt", "retain_file": folder / "retain.txt"}
    return Experiment.model_validate(
        {
            "name": "classes",
            "concept": {"kind": "object", "forget": ["sneaker"], "anchor": "sandal"},
            "model": {"train": "all"},
            "prompts": {"train": 21, **files},
            "synthesis": {"steps": 2, "guidance": 1.0},
            "update": {"steps": 2, "forget_batch": 4, "retain_batch": 14, "balanced": True},
        }
    )


@pytest.fixture(scope="module")
def data(
    base: DiffusionModel, experiment: Experiment, tmp_path_factory: pytest.TempPathFactory
) -> TrainingSet:
    prompts = build_prompt_set(experiment.concept, experiment.prompts)
    return prepare_training_set(base, prompts, experiment, Store(tmp_path_factory.mktemp("store")))


def test_a_batch_holds_every_remaining_class_equally_often(
    base: DiffusionModel, experiment: Experiment, data: TrainingSet
) -> None:
    seen = set()
    for step in range(5):
        forget, retain = draw_batches(data, experiment.update, 0, step, base.noise)
        assert forget.conditions.tensors[LABELS].tolist() == [SNEAKER] * 4
        assert forget.anchor_conditions is not None
        assert forget.anchor_conditions.tensors[LABELS].tolist() == [SANDAL] * 4
        assert Counter(retain.conditions.tensors[LABELS].tolist()) == dict.fromkeys(KEPT, 2)
        seen |= {picture.numpy().tobytes() for picture in retain.latents}
    assert len(seen) == 21


def test_a_batch_of_all_is_the_whole_pool(
    base: DiffusionModel, experiment: Experiment, data: TrainingSet
) -> None:
    whole = experiment.update.model_copy(update={"retain_batch": 21})
    _, retain = draw_batches(data, whole, 0, 3, base.noise)
    pool = {picture.numpy().tobytes() for picture in data.retain["own"].latents}
    assert {picture.numpy().tobytes() for picture in retain.latents} == pool


def test_without_balance_batches_are_drawn_evenly(
    base: DiffusionModel, experiment: Experiment, data: TrainingSet
) -> None:
    uneven = experiment.update.model_copy(update={"balanced": False})
    counts = []
    for step in range(5):
        _, retain = draw_batches(data, uneven, 0, step, base.noise)
        counts.append(Counter(retain.conditions.tensors[LABELS].tolist()))
    assert any(count != dict.fromkeys(KEPT, 2) for count in counts)


def test_a_class_is_unlearned(
    base: DiffusionModel, experiment: Experiment, data: TrainingSet, tmp_path: Path
) -> None:
    """A few large steps bring what the model predicts for the class nearer to its anchor's."""
    faster = experiment.update.model_copy(update={"steps": 8, "learning_rate": 1e-2, "warmup": 0})
    chosen = experiment.model_copy(update={"update": faster})
    records: list[float] = []
    train(base, chosen, data, tmp_path, lambda record: records.append(record.values["forget_loss"]))
    assert records[-1] < 0.8 * records[0]
