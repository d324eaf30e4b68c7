"""Workers that each hold a part of what moves take the steps that one worker takes on all of it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pipeline.config import Experiment, LoraSettings, ModelConfig, ScalingConfig
from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.trained import copy_to_train
from pipeline.unlearning import train
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.preparing import make_stepper, step_batches
from pipeline.unlearning.shards import shard
from pipeline.unlearning.workers import workers_of_this_process
from tests.gloo import free_port, one_of
from tests.unlearning.same_training import assert_same_training
from tests.unlearning.short_runs import lopsided
from tests.unlearning.stage import Stage, stage_of

TRAINED = {
    "all": ModelConfig(train="all"),
    "lora": ModelConfig(train="attention", lora=LoraSettings(rank=3)),
    "text": ModelConfig(train="text_encoder"),
}
pytestmark = pytest.mark.timeout(900)

RESTRICTIONS = ("none", "gradient", "step")
COUNTS = (4, 2)
FAMILIES = ("dit", "sd3", "sd1", "class_unet", "flux")
"""One of each kind of denoiser; U-Nets have many tensors, slow for four workers on two cores."""


@dataclass(frozen=True)
class Case:
    """A training of a family's tiny model by so many workers that each hold a part."""

    family: str
    workers: int
    settings: Experiment


def case(family: str, workers: int, trained: str, *update: str, **others: Any) -> Case:
    settings = lopsided(*update, forget_batch=4, retain_batch=4, **others)
    scaling = ScalingConfig(workers=workers, sharded=True)
    changes = {"model": TRAINED[trained], "scaling": scaling}
    return Case(family, workers, settings.model_copy(update=changes))


def _cases() -> dict[str, Case]:
    """Every combination once, with families in turn; each restriction meets four workers once.

    The others have what else passes over parameters or sums over them.
    """
    combinations = product(("all", "lora"), ("sgd", "adamw"), RESTRICTIONS)
    cases = {}
    for number, (settings, family) in enumerate(zip(combinations, cycle(FAMILIES), strict=False)):
        workers = COUNTS[0 if number % 4 == 0 else 1]
        cases[" ".join(settings)] = case(family, workers, *settings)
    everything = {"clip_norm": 0.05, "ema_decay": 0.9, "margin": 0.1, "weight_decay": 0.1}
    again = {"accumulate": 2, "gradient_checkpointing": True}
    monotone = {"monotone": True, "retain_weight": 1.0, "rule": "nash_mtl"}
    return cases | {
        "everything": case("dit", 4, "all", "adamw", "both", **everything),
        "recomputed": case("class_unet", 2, "all", "adamw", "step", **everything, **again),
        "watched": case("sd1", 2, "lora", "adamw_fused", "step", **monotone),
        "text": case("sd1", 2, "text", "adamw", "step"),
    }


CASES = _cases()
RESUMED = ("everything", "recomputed", "lora adamw step")
COUNTED = case("sd1", 2, "all", "adamw", "step", clip_norm=0.05).settings


Stages = Mapping[str, tuple[Path, TrainingSet]]
"""Folder of a family's tiny model, and its pictures."""


class Sent(TorchDispatchMode):
    """Counts the numbers that operations inside hand to other workers, by operation."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.numbers: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = str(func)
        if name.startswith("c10d."):
            sizes = [t.numel() for t in tree_leaves(args) if isinstance(t, Tensor)]
            self.numbers[name.split(".")[1]] += max(sizes, default=0)
        return func(*args, **(kwargs or {}))


def _count(model: DiffusionModel, data: TrainingSet, path: Path) -> None:
    """Write down what a step sends, and what this worker holds."""
    workers = replace(workers_of_this_process(), sharded=True)
    trained = copy_to_train(model, COUNTED.model, COUNTED.seed)
    rows = [(p.shape[0], p.numel()) for p in trained.parameters.values()]
    student = trained.parts[model.family.denoiser]
    parameters = shard(student, trained, workers)
    stepper = make_stepper(model, COUNTED, data, (student, parameters), workers)
    batches = step_batches(model, COUNTED, data, 0)
    stepper.step(1, *batches, watch=False)  # the optimiser makes its state
    with Sent() as passes:
        _, *gradients = stepper.objectives.gradients(*batches)
    with Sent() as step:
        record = stepper.step(2, *batches, watch=True)
    assert record is not None
    states = [v for own in stepper.optimizer.state.values() for v in own.values() if v.ndim]
    told = {
        "whole": sum(size for _, size in rows),
        "padded": sum(-(-n // workers.count) * workers.count * size // n for n, size in rows),
        "parameters": _numbers(stepper.parameters),
        "gradients": [_numbers(gradient) for gradient in gradients],
        "states": _numbers(states),
        "restricted": record.values["restricted"],
        "passes": passes.numbers,
        "step": step.numbers - passes.numbers,
    }
    path.with_suffix(f".{workers.rank}.json").write_text(json.dumps(told))


def _numbers(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)


def _work(rank: int, count: int, port: int, stages: Stages, folder: Path) -> None:
    models = {name: load_model(path) for name, (path, _) in stages.items()}
    with one_of(count, rank, port):
        _train_all(count, models, stages, folder)
        _count(models["sd1"], stages["sd1"][1], folder / f"sent-{count}")


def _train_all(
    count: int, models: Mapping[str, DiffusionModel], stages: Stages, folder: Path
) -> None:
    workers = workers_of_this_process()
    for name, each in CASES.items():
        if each.workers != count:
            continue
        told = models[each.family], each.settings, stages[each.family][1]
        train(*told, folder / name, workers=workers)
        if name in RESUMED:
            if workers.leads:
                killed_after_two_steps(folder / name, folder / "resumed" / name)
            workers.wait()
            train(*told, folder / "resumed" / name, workers=workers)


def killed_after_two_steps(run: Path, folder: Path) -> None:
    """What is left of a run that was killed before its third step was written down."""
    shutil.copytree(run, folder)
    shutil.rmtree(folder / "checkpoints" / "step-000003")
    (folder / "weights.safetensors").unlink()


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    return {name: stage_of(name, tmp_path_factory.mktemp(name)) for name in FAMILIES}


@pytest.fixture(scope="module")
def together(stages: dict[str, Stage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of what the workers trained, one folder a case."""
    folder = tmp_path_factory.mktemp("together")
    told = {name: (stage.model.folder, stage.data) for name, stage in stages.items()}
    for count in COUNTS:
        # As in a sweep, one group a process: one that was of two has died of a damaged heap.
        spawn(_work, args=(count, free_port(), told, folder), nprocs=count)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_parts_take_the_steps_of_the_whole(
    stages: dict[str, Stage], tmp_path: Path, together: Path, name: str
) -> None:
    settings, stage = CASES[name].settings, stages[CASES[name].family]
    train(stage.model, settings, stage.data, tmp_path)
    ours = assert_same_training(stage.model, settings, tmp_path, together / name)
    if settings.update.restriction == "step" and settings.update.optimizer == "adamw":
        assert max(record.values["restricted"] for record in ours) == 1
    one, two = (load_file(run / "weights.safetensors") for run in (tmp_path, together / name))
    assert {n: t.shape for n, t in one.items()} == {n: t.shape for n, t in two.items()}


@pytest.mark.parametrize("name", RESUMED)
def test_a_resumed_training_is_an_uninterrupted_one(together: Path, name: str) -> None:
    resumed, whole = (
        (folder / name / "weights.safetensors").read_bytes()
        for folder in (together / "resumed", together)
    )
    assert resumed == whole


def test_any_number_of_workers_goes_on(
    stages: dict[str, Stage], tmp_path: Path, together: Path
) -> None:
    """From the checkpoint of four: one, which comes to the same but for rounding."""
    settings, stage = CASES["everything"].settings, stages[CASES["everything"].family]
    killed_after_two_steps(together / "everything", tmp_path / "alone")
    train(stage.model, settings, stage.data, tmp_path / "alone")
    assert_same_training(stage.model, settings, together / "everything", tmp_path / "alone")


@pytest.mark.parametrize("count", COUNTS)
def test_only_sums_of_products_are_sent_beside_the_passes(together: Path, count: int) -> None:
    """Parameters are gathered for the passes, gradients scattered; none is gathered."""
    for each in _told(together, count):
        assert each["restricted"] == 1
        # Of two losses each: a forward and a backward pass gather, the latter scatters.
        passes, whole = each["passes"], each["padded"]
        assert passes.pop("allreduce_") == 2
        assert passes == {"_allgather_base_": 4 * whole, "_reduce_scatter_base_": 2 * whole}
        # Three products, a norm, sixteen of the step, and two slopes for every correction.
        assert each["step"].keys() == {"allreduce_"}
        assert 3 + 1 + 16 + 2 <= each["step"]["allreduce_"] <= 3 + 1 + 16 + 2 * 8


@pytest.mark.parametrize("count", COUNTS)
def test_a_worker_holds_its_part_alone(together: Path, count: int) -> None:
    told = _told(together, count)
    assert sum(each["parameters"] for each in told) == told[0]["whole"]
    for each in told:
        assert each["parameters"] <= each["padded"] / count
        assert each["gradients"] == [each["parameters"]] * 2
        assert each["states"] == 2 * each["parameters"]
        assert each["padded"] < 1.05 * each["whole"]


def _told(folder: Path, count: int) -> list[dict[str, Any]]:
    return [json.loads((folder / f"sent-{count}.{rank}.json").read_text()) for rank in range(count)]
