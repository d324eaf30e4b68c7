"""A plan's counts and estimates against what a real preparation and a real training then take."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors import safe_open

from pipeline.config import parse_space
from pipeline.diffusion import Store, load_model
from pipeline.diffusion.trained import copy_to_train
from pipeline.search.files import write_json
from pipeline.search.machine import Memory, amount, memory_of_a_worker
from pipeline.search.planning.duration import from_trials
from pipeline.search.planning.fit import advice, in_words, why_close, why_not
from pipeline.search.planning.plan import Plan, corners, make_plan
from pipeline.search.preparation import prepare
from pipeline.unlearning.memory import rows
from tests.diffusion.tiny import build
from tests.search.spaces import put_trial, smoke_space

FACTOR = 1.6
"""How far a measured peak may be from the estimate."""

MEASURED = """
import sys, torch
from pathlib import Path
from pipeline.config import load_space
from pipeline.diffusion import Store, load_model
from pipeline.diffusion.trained import copy_to_train
from pipeline.prompts import build_prompt_set
from pipeline.search.unlearned import base_model
from pipeline.unlearning import prepare_training_set, train

def peak():
    # Not getrusage's: that one begins with the size of whoever started the process.
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))

torch.set_num_threads(1)
settings = load_space(Path(sys.argv[1])).fixed()
model = base_model(settings)
prompts = build_prompt_set(settings.concept, settings.prompts)
data = prepare_training_set(model, prompts, settings, Store(Path(sys.argv[2])))
start = peak()
train(model, settings, data, Path(sys.argv[3]))
print(peak() - start)
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan, Plan]:
    """A real preparation, with the plans before and after it."""
    folder = tmp_path_factory.mktemp("sweeps") / "smoke"
    store = Store(folder.parent / "cache")
    before = make_plan(smoke_space(), folder, store)
    folder.mkdir()
    write_json(folder / "sweep.json", {"name": "smoke", "status": "running", "base": None})
    prepare(smoke_space(), folder, store)
    return folder, before, make_plan(smoke_space(), folder, store)


def test_what_is_counted_is_what_a_preparation_makes(prepared: tuple[Path, Plan, Plan]) -> None:
    folder, before, after = prepared
    made = []
    for path in (folder.parent / "cache").rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            made.append(json.loads(file.metadata()["key"])["what"])
    wanted = before.wanted
    assert wanted.teaching.stored == wanted.judging.stored == 0
    assert wanted.teaching.missing + wanted.judging.missing == made.count("picture")
    assert wanted.judging.wanted == 16
    assert after.wanted.teaching.missing == after.wanted.judging.missing == 0
    assert after.made == 0
    report = json.loads((folder / "prompts.json").read_text())["report"]
    for name, judged in (("forget_test", "forget, judged"), ("retain_test", "retain, judged")):
        assert wanted.pools[judged].prompts == report["prompts"][name]
        assert wanted.pools[judged].distinct == report["distinct"][name]
    assert wanted.pools["forget"].prompts == 6


def test_pictures_take_the_room_that_was_planned(prepared: tuple[Path, Plan, Plan]) -> None:
    folder, before, _ = prepared
    sizes = 0
    for path in (folder.parent / "cache").rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            if json.loads(file.metadata()["key"])["what"] in ("picture", "text"):
                sizes += path.stat().st_size
    assert before.made / 2 < sizes < 2 * before.made


def test_steps_and_settings_come_from_the_edges_of_the_space() -> None:
    space = smoke_space(update={"forget_batch": {"choice": [4, 16]}, "optimizer": "adamw"})
    found = list(corners(space))
    assert {each.update.forget_batch for each in found} == {4, 16}
    assert {each.update.steps for each in found} == {6, 9}
    assert len(found) == 2 * 2 * 2  # and both restrictions


def test_the_estimated_memory_is_what_a_training_takes(tmp_path: Path) -> None:
    """Above what the loaded base takes: by the operating system's own count of a real process."""
    space = parse_space("""
name: measured
model: {train: all}
concept: {kind: object, forget: [sneaker]}
prompts: {train: 4, test: 16, retain_mix: {generic: 1.0}}
synthesis: {steps: 1}
update: {steps: 2, forget_batch: 8, retain_batch: 64, restriction: step, precision: fp32}
evaluation: {batch: 1}
""")
    (tmp_path / "file.yaml").write_text(json.dumps(space.tree))
    plan = make_plan(space, tmp_path / "sweep", Store(tmp_path / "cache"))
    there = sum(b.size for b in plan.buffers if b.name.startswith(("other parts", "base denoiser")))
    estimated = plan.peak[0] - there
    arguments = (tmp_path / "file.yaml", tmp_path / "cache", tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    measured = int(done.stdout.split()[-1])
    assert measured > 150e6
    assert estimated / FACTOR < measured < FACTOR * estimated, (estimated, measured)
    saved = {
        "weights": (tmp_path / "run" / "weights.safetensors").stat().st_size,
        "checkpoints": sum(
            path.stat().st_size
            for path in (tmp_path / "run" / "checkpoints").rglob("*.safetensors")
        ),
    }
    for name, size in plan.saved.items():
        assert saved[name] == pytest.approx(size, rel=0.02)


def test_a_training_that_may_be_stopped_early_is_judged_beside_itself(tmp_path: Path) -> None:
    spaces = smoke_space(), smoke_space(budget={"early_stopping": {}})
    never, early = (
        make_plan(space, tmp_path / "sweep", Store(tmp_path / "cache")) for space in spaces
    )
    more = {each.name: each.size for each in early.buffers if each not in never.buffers}
    assert more == {"weights that are judged at a rung": 4 * never.parameters.moving}
    assert early.disk - never.disk == 2 * never.saved["weights"]  # two trials at once


@pytest.mark.parametrize("name", ["sd1", "sd2", "sdxl", "sd3", "flux"])
def test_every_family_is_planned(name: str, tmp_path: Path) -> None:
    base = build(name, tmp_path / name)
    space = smoke_space(model={"base": str(base), "train": "all", "lora": {"rank": 2}})
    plan = make_plan(space, tmp_path / "sweep", Store(tmp_path / "cache"))
    assert 0 < plan.parameters.share < 1
    assert plan.peak[0] > 4 * 2 * plan.parameters.parts[plan.parameters.trained[0]]
    assert plan.wanted.teaching.missing > 0
    assert why_not(plan) is None


@pytest.mark.parametrize("name", ["dit", "class_unet"])
def test_a_model_of_classes_is_planned(name: str, tmp_path: Path) -> None:
    base = build(name, tmp_path / name)
    (tmp_path / "forget.txt").write_text("sneaker\n" * 4)
    (tmp_path / "retain.txt").write_text("bag\ndress\ncoat\nsandal\n")
    own = {
        "forget_file": str(tmp_path / "forget.txt"),
        "retain_file": str(tmp_path / "retain.txt"),
    }
    space = parse_space(
        {
            "name": "classes",
            "model": {"base": str(base), "train": "all"},
            "concept": {"kind": "object", "forget": ["sneaker"]},
            "prompts": {"train": 4, "test": 16, **own},
        }
    )
    plan = make_plan(space, tmp_path / "sweep", Store(tmp_path / "cache"))
    assert plan.parameters.share == 1
    assert plan.wanted.pools["forget"].distinct == 1


def test_what_cannot_fit_is_refused_with_advice(prepared: tuple[Path, Plan, Plan]) -> None:
    _, _, plan = prepared
    assert why_not(plan) is None
    needed = plan.peak[0]
    small = replace(plan, memory=Memory(needed - 1, "a small GPU"))
    reason = str(why_not(small))
    assert reason.startswith("smoke: expected a trial that fits the memory of a small GPU")
    for word in (in_words(needed), "model.lora", "update.accumulate", "scaling.workers"):
        assert word in reason
    assert "update.forget_batch" in reason
    assert why_not(replace(plan, memory=Memory(needed, "a GPU"))) is None
    assert why_not(replace(plan, memory=Memory(None, "unknown"))) is None
    assert "budget.trials" in str(why_not(replace(plan, free=plan.disk - 1)))
    assert advice(small)[-1].startswith("take a GPU")


def test_what_fits_only_just_is_warned_of(prepared: tuple[Path, Plan, Plan]) -> None:
    """Judges and libraries have no part in the sum."""
    _, _, plan = prepared
    needed = plan.peak[0]
    told = str(why_close(replace(plan, memory=Memory(int(1.1 * needed), "a GPU"))))
    assert "are left for judges and libraries" in told
    assert "model.lora" in told
    for size in (needed - 1, 2 * needed, None):
        assert why_close(replace(plan, memory=Memory(size, "a GPU"))) is None


def test_sharded_workers_divide_what_moves(tmp_path: Path) -> None:
    model = {"base": str(build("sd1", tmp_path / "sd1")), "train": "all"}
    spread, sharded = (
        make_plan(smoke_space(model=model, scaling=scaling), tmp_path / "sweep", Store(tmp_path))
        for scaling in ({"workers": 4}, {"workers": 4, "sharded": True})
    )
    whole, part = ({b.name: b.size for b in plan.buffers} for plan in (spread, sharded))
    divided = ("parameters that move", "optimiser states", "gradients f and r")
    for name in (*divided, "chunks of the step"):
        assert part[name] == pytest.approx(whole[name] / 4, rel=1e-3)
    assert whole.keys() - part.keys() == {"buckets of gradients for others"}
    assert part.keys() - whole.keys() == {"blocks gathered for a moment"}
    assert sharded.peak[0] < spread.peak[0]
    elastic = {"workers": 4, "least_workers": 2, "sharded": True}
    planned = smoke_space(model=model, scaling=elastic)
    fewer = make_plan(planned, tmp_path / "sweep", Store(tmp_path))
    held = next(b.size for b in fewer.buffers if b.name == "parameters that move")
    assert held == pytest.approx(whole["parameters that move"] / 2, rel=1e-3)
    assert any("sharded: true" in each for each in advice(spread))
    assert not any("sharded: true" in each for each in advice(sharded))


@pytest.mark.parametrize(
    "change",
    [
        {"update": {"accumulate": 4}},
        {"update": {"forget_batch": 1, "retain_batch": 1}},
        {"scaling": {"workers": 4}},
    ],
)
def test_advice_that_is_followed_divides_the_activations(change: dict[str, dict[str, int]]) -> None:
    as_it_was, changed = (next(corners(smoke_space(**each))) for each in ({}, change))
    assert rows(changed) == rows(as_it_was) / 4


def test_time_comes_from_timed_trials_of_the_same_base(tmp_path: Path) -> None:
    space = smoke_space()
    folder = put_trial(tmp_path / "other" / "trials" / "0000", space)
    write_json(folder / "timing.json", {"load": 1.0, "training": 12.0, "judging": 8.0})
    write_json(folder / "report.json", {"pictures": [{}] * 16})
    (longest,) = {each.update.steps: each for each in corners(space)}.keys() - {6}
    experiment = next(each for each in corners(space) if each.update.steps == longest)
    found = from_trials(experiment, tmp_path / "smoke", judged=32)
    assert found is not None
    assert found.seconds == pytest.approx(1 + 12 * 9 / 6 + 8 * 2)
    assert "other sweeps" in found.because
    changed = experiment.model_copy(
        update={"model": experiment.model.model_copy(update={"base": "another"})}
    )
    assert from_trials(changed, tmp_path / "smoke", judged=32) is None


def test_memory_is_what_a_worker_finds() -> None:
    scaling = smoke_space().scaling
    alone = memory_of_a_worker(scaling, 1, None)
    shared = memory_of_a_worker(scaling, 4, None)
    assert alone.size is not None
    assert shared.size == alone.size // 4
    half = smoke_space(scaling={"gpus_per_worker": 0.5}).scaling
    assert memory_of_a_worker(half, 4, amount("24GB")).size == 12 * 10**9
    assert amount("1.5 GiB") == 3 * 2**29
    with pytest.raises(ValueError, match="such as 24GB"):
        amount("lots")


@pytest.mark.parametrize("name", ["sd1", "sdxl", "sd3", "flux"])
@pytest.mark.parametrize("lora", [None, {"rank": 2}])
def test_a_training_of_text_encoders_is_planned(
    name: str, lora: dict[str, int] | None, tmp_path: Path
) -> None:
    base = build(name, tmp_path / name)
    settings = {"base": str(base), "train": "text_encoder", "lora": lora}
    plan = make_plan(smoke_space(model=settings), tmp_path / "sweep", Store(tmp_path / "cache"))
    trained = copy_to_train(load_model(base), plan.heaviest.model, seed=0)
    moving = sum(parameter.numel() for parameter in trained.parameters.values())
    assert set(plan.parameters.trained) == set(trained.parts)
    # Some families do not read their encoders' last layers.
    assert moving <= plan.parameters.moving < 2 * moving
    (activations,) = (each.size for each in plan.buffers if each.name == "activations")
    assert activations > 0
