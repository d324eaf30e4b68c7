"""Ray Tune's calls, made by hand, against a real study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from ray.tune.search import Searcher

from pipeline.config import SearchSpace, load_space
from pipeline.search.outcome import Outcome
from pipeline.search.searcher import StudySearcher
from pipeline.search.study import SweepStudy, load_study
from tests.search.spaces import smoke_space

GOOD = Outcome({"erasure": 0.9, "alignment": 0.8}, None, 3.5)


def open_searcher(
    folder: Path, space: SearchSpace | None = None, concurrent: int = 9
) -> StudySearcher:
    space = space or smoke_space()
    return StudySearcher(SweepStudy(folder, space), folder, concurrent, lambda: None)


def suggest(searcher: StudySearcher, name: str) -> dict[str, Any]:
    config = searcher.suggest(name)
    assert isinstance(config, dict)
    return config


def states(folder: Path) -> list[str]:
    return [trial.state.name for trial in load_study(folder, "smoke").get_trials()]


def test_a_suggested_trial_lies_complete_in_its_folder(tmp_path: Path) -> None:
    folder = Path(suggest(open_searcher(tmp_path), "a")["folder"])
    assert folder == tmp_path / "trials" / "0000"
    params = json.loads((folder / "params.json").read_text())
    experiment = load_space(folder / "experiment.yaml").fixed()
    assert experiment.update.learning_rate == params["update.learning_rate"]
    mix = experiment.prompts.retain_mix
    assert mix is not None
    assert mix.shares()["neighbours"] == params["prompts.retain_mix.neighbours"]


def test_trials_are_handed_out_up_to_the_budget_and_the_limit(tmp_path: Path) -> None:
    searcher = open_searcher(tmp_path, smoke_space(budget={"trials": 3}), concurrent=2)
    assert searcher.planned == 3
    suggest(searcher, "a")
    suggest(searcher, "b")
    assert searcher.suggest("c") is None
    searcher.on_trial_complete("a", GOOD.as_result())
    suggest(searcher, "c")
    searcher.on_trial_complete("b", GOOD.as_result())
    assert searcher.suggest("d") == Searcher.FINISHED


def test_results_failures_and_deaths_reach_the_study(tmp_path: Path) -> None:
    searcher = open_searcher(tmp_path)
    for name in "abc":
        suggest(searcher, name)
    searcher.on_trial_complete("a", GOOD.as_result())
    searcher.on_trial_complete("b", Outcome({}, "DivergedError: NaN", 1.0).as_result())
    (tmp_path / "trials/0002/error.txt").write_text("Traceback\nOSError: disk full\n")
    searcher.on_trial_complete("c", error=True)
    found = load_study(tmp_path, "smoke").get_trials()
    assert states(tmp_path) == ["COMPLETE", "FAIL", "FAIL"]
    assert [trial.user_attrs.get("reason") for trial in found] == [
        None,
        "DivergedError: NaN",
        "OSError: disk full",
    ]


def test_a_trial_that_was_only_interrupted_stays_running(tmp_path: Path) -> None:
    searcher = open_searcher(tmp_path)
    suggest(searcher, "a")
    searcher.on_trial_complete("a", None, error=False)
    assert states(tmp_path) == ["RUNNING"]


def test_interrupted_trials_go_first_with_their_own_parameters(tmp_path: Path) -> None:
    before = open_searcher(tmp_path)
    configs = [suggest(before, name) for name in "abc"]
    before.on_trial_complete("b", GOOD.as_result())
    params = (tmp_path / "trials/0002/params.json").read_text()
    (tmp_path / "trials/0002/attempt.json").write_text("{}")
    after = open_searcher(tmp_path)
    # What the kernel kills while nobody sweeps says nothing of this trial.
    assert not (tmp_path / "trials/0002/attempt.json").exists()
    assert after.planned == 3
    resumed = [suggest(after, name)["folder"] for name in "def"]
    assert resumed == [configs[0]["folder"], configs[2]["folder"], str(tmp_path / "trials/0003")]
    assert (tmp_path / "trials/0002/params.json").read_text() == params


@pytest.mark.parametrize(
    ("name", "content", "state"),
    [
        ("report.json", {"metrics": {"erasure": 0.9, "alignment": 0.8}}, "COMPLETE"),
        ("failure.json", {"kind": "DivergedError", "message": "NaN"}, "FAIL"),
    ],
)
def test_a_trial_that_ended_unheard_is_told_not_repeated(
    tmp_path: Path, name: str, content: dict[str, Any], state: str
) -> None:
    folder = Path(suggest(open_searcher(tmp_path), "a")["folder"])
    (folder / name).write_text(json.dumps(content))
    after = open_searcher(tmp_path)
    assert states(tmp_path) == [state]
    assert suggest(after, "b")["folder"] == str(tmp_path / "trials/0001")


def test_every_change_is_announced(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    space = smoke_space()
    searcher = StudySearcher(
        SweepStudy(tmp_path, space), tmp_path, 2, lambda: seen.append(states(tmp_path))
    )
    suggest(searcher, "a")
    searcher.on_trial_complete("a", GOOD.as_result())
    assert seen == [["RUNNING"], ["COMPLETE"]]


def test_outcomes_pass_through_results_unchanged() -> None:
    for outcome in (GOOD, Outcome({}, "why", None), Outcome({"ua": 0.1}, None, None)):
        ray_adds = {"training_iteration": 1, "done": True}
        assert Outcome.from_result({**outcome.as_result(), **ray_adds}) == outcome
    assert Outcome.from_result(cast("dict[str, Any]", {"done": True})) is None


@pytest.mark.parametrize(("keep", "kept"), [("all", [0, 1, 2, 3]), ("front", [1, 2])])
def test_weights_stay_of_all_trials_or_of_the_front(
    keep: str, kept: list[int], tmp_path: Path
) -> None:
    searcher = open_searcher(tmp_path, smoke_space(budget={"keep_weights": keep}))
    ends = [
        Outcome({"erasure": 0.5, "alignment": 0.8}, None, 1.0),
        Outcome({"erasure": 0.6, "alignment": 0.8}, None, 1.0),
        Outcome({"erasure": 0.4, "alignment": 0.9}, None, 1.0),
        Outcome({}, "DivergedError: NaN", 1.0),
    ]
    for number, end in enumerate(ends):
        folder = Path(suggest(searcher, str(number))["folder"])
        (folder / "weights.safetensors").touch()
        searcher.on_trial_complete(str(number), end.as_result())
    there = sorted(tmp_path.glob("trials/*/weights.safetensors"))
    assert [int(path.parent.name) for path in there] == kept
