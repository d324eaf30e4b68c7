"""Two gloo workers of a trial share its pictures; a judging that was killed goes on."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console
from safetensors import safe_open
from torch.multiprocessing.spawn import spawn

from pipeline.config import ScalingConfig, dump_experiment, parse_space
from pipeline.diffusion import DiffusionModel, Store, load_model
from pipeline.diffusion.weights import apply_weights
from pipeline.evaluation.judge import drawn_in, evaluate
from pipeline.evaluation.report import Report
from pipeline.prompts import build_prompt_set
from pipeline.search.cluster import largest_node_cores, ray_session
from pipeline.search.crew import Crew, crew_of, prepare_on_cluster
from pipeline.search.files import write_json
from pipeline.search.live import PlainView
from pipeline.search.outcome import Outcome
from pipeline.search.preparation import prepare
from pipeline.search.preparation_progress import Teller, forget, told
from pipeline.search.trial import run_trial
from pipeline.unlearning.workers import workers_of_this_process
from tests.gloo import free_port, one_of

EDIT = """
name: edit
concept: {kind: object, forget: [sneaker]}
prompts: {train: 4, test: 16}
closed_form: {}
evaluation: {steps: 2, gallery: 2, batch: 4}
"""
TRAINING = """
name: training
concept: {kind: object, forget: [sneaker]}
prompts: {train: 9, test: 16, retain_mix: {same_context: 0.5, generic: 0.5}}
synthesis: {steps: 1}
update: {steps: 1, forget_batch: 2, retain_batch: 2, warmup: 0}
evaluation: {steps: 2, gallery: 2, batch: 4}
scaling: {workers: 2}
"""
TRIALS = {"edit": EDIT, "training": TRAINING}


class Killed(BaseException):
    """Stands for a kill."""


def put_trials(root: Path) -> None:
    for name, text in TRIALS.items():
        (root / name).mkdir()
        (root / name / "experiment.yaml").write_text(dump_experiment(parse_space(text).fixed()))


def _work(rank: int, port: int, root: Path) -> None:
    with one_of(2, rank, port):
        for name in TRIALS:
            store = Store(root / "store")
            outcome = run_trial(root / name, store, time.time(), workers_of_this_process())
            assert outcome.reason is None


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("alone")
    put_trials(root)
    for name in TRIALS:
        assert run_trial(root / name, Store(root / "store"), time.time()).reason is None
    return root


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("together")
    put_trials(root)
    spawn(_work, args=(free_port(), root), nprocs=2)
    return root


def digests(folder: Path) -> dict[str, dict[str, str]]:
    """Key and digest by file: equal ones hold equal tensors."""
    found = {}
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            found[path.name] = dict(file.metadata())
    return found


def made(folder: Path) -> dict[str, dict[str, str]]:
    """Those of pictures and texts."""
    kinds = ("picture", "text")
    found = digests(folder)
    return {name: d for name, d in found.items() if json.loads(d["key"])["what"] in kinds}


def test_two_workers_leave_the_store_that_one_leaves(alone: Path, together: Path) -> None:
    one, two = digests(alone / "store"), digests(together / "store")
    assert len(one) > 40
    assert one == two


def test_two_workers_report_what_one_reports(alone: Path, together: Path) -> None:
    """Of the edit, which comes out the same: a training of two workers rounds differently."""
    one, two = (Report.load(root / "edit" / "report.json") for root in (alone, together))
    assert one.metrics == two.metrics
    assert one.pictures == two.pictures
    for root in (alone, together):
        for name in TRIALS:
            assert not (root / name / "pictures").exists()
            assert Outcome.read(root / name) is not None


def test_a_killed_judging_goes_on_where_it_was(alone: Path, tmp_path: Path) -> None:
    base = load_model("fashion-canvas")
    model = apply_weights(base, alone / "edit" / "weights.safetensors")
    shared = Store(alone / "store")
    # Eight of the sixteen pictures are made; the base's, which come first, are in the store.
    with pytest.raises(Killed):
        judge(model, base, shared, tmp_path, killed_at=16 + 8)
    made = list(tmp_path.rglob("*.safetensors"))
    assert len(made) == 8
    damaged = made[0]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    stamps = {path: path.stat().st_mtime_ns for path in made[1:]}
    calls = judge(model, base, shared, tmp_path)
    # Nine are missing: eight that were not made and the damaged one, in batches of four.
    assert [done - 16 for done in calls if done > 16] == [11, 15, 16, 16]
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert len(list(tmp_path.rglob("*.safetensors"))) == 16


def judge(
    model: DiffusionModel,
    base: DiffusionModel,
    store: Store,
    folder: Path,
    killed_at: int | None = None,
) -> list[int]:
    """Judge the edit; returns what progress told, and compares the report with the trial's."""
    settings = parse_space(EDIT).fixed()
    calls: list[int] = []

    def progress(done: int, _: int) -> None:
        calls.append(done)
        if done == killed_at:
            raise Killed

    evaluation = evaluate(
        model,
        build_prompt_set(settings.concept, settings.prompts),
        settings,
        store,
        base=base,
        pictures=drawn_in(folder, store),
        progress=progress,
    )
    told = Report.load(store.root.parent / "edit" / "report.json")
    assert evaluation.report.pictures == told.pictures
    return calls


@pytest.mark.parametrize(
    ("scaling", "concurrent", "largest_node", "crew"),
    [
        ({}, 2, 2, Crew(1, 2)),  # one machine: today's single process, on all of its cores
        ({"workers": 2}, 1, 8, Crew(1, 2)),
        ({"cpus_per_worker": 4}, 6, 8, Crew(3, 8)),  # three machines of eight cores
        ({"gpus_per_worker": 1.0, "cpus_per_worker": 4}, 8, 16, Crew(8, 4)),
        ({"gpus_per_worker": 1.0, "workers": 2}, 4, 16, Crew(8, 1)),
        ({"gpus_per_worker": 0.25}, 4, 16, Crew(1, 4)),  # four trials on one GPU
        ({"gpus_per_worker": 1.0}, 8, 0, Crew(8, 1)),  # no machine yet
    ],
)
def test_as_many_tasks_as_there_are_gpus_or_machines(
    scaling: dict[str, object], concurrent: int, largest_node: int, crew: Crew
) -> None:
    assert crew_of(ScalingConfig.model_validate(scaling), concurrent, largest_node) == crew


def test_tasks_of_a_cluster_make_what_one_process_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a real Ray; trials that would fill two machines are two tasks, one after the other."""
    space = parse_space(TRAINING)
    monkeypatch.setenv("UNLEARN_HOME", str(tmp_path))
    folders = [tmp_path / "alone", tmp_path / "sweep"]
    for folder in folders:
        write_json(folder / "sweep.json", {"name": "sweep", "base": None})
    prepare(space, folders[0], Store(tmp_path / "other"))
    said = io.StringIO()
    view = PlainView(Console(file=said))
    with ray_session():
        cores = largest_node_cores()
        # Two workers a trial.
        assert crew_of(space.scaling, cores, cores) == Crew(2, cores)
        prepare_on_cluster(space, folders[1], view, cores)
    one, two = (made(tmp_path / store) for store in ("other", "cache"))
    assert len(one) > 100
    assert one == two
    # A judge's sums round otherwise on other numbers of threads.
    metrics = [json.loads((folder / "base.json").read_text())["metrics"] for folder in folders]
    assert metrics[1] == pytest.approx(metrics[0], abs=1e-4)
    assert "preparing: loading" in said.getvalue()
    assert not list(folders[1].glob("preparation.json*"))


def test_progress_of_several_processes_is_told_as_one(tmp_path: Path) -> None:
    assert told(tmp_path)["part"] == "loading"
    for rank, done in ((0, 32), (1, 64)):
        Teller(tmp_path, rank).progress("pictures")(done, 96)
    assert told(tmp_path) == {"part": "pictures", "done": 96, "total": 192}
    Teller(tmp_path).progress("judging")(1, 2)
    assert told(tmp_path) == {"part": "judging", "done": 1, "total": 2}
    forget(tmp_path)
    assert told(tmp_path)["total"] == 0
