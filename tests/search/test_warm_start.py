"""What a sweep takes from earlier ones: what is tried first, and what its sampler learns from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.config import dump_space
from pipeline.config.experiment import Objective
from pipeline.search.defaults import default_values
from pipeline.search.files import write_json
from pipeline.search.live import PlainView
from pipeline.search.outcome import Outcome
from pipeline.search.priors import Priors, PriorTrial, differ
from pipeline.search.records import read_sweep
from pipeline.search.study import Proposal, SweepStudy, _alike, load_study
from pipeline.search.sweep import _open_study
from pipeline.search.taken import Taken, compared_with
from pipeline.search.warm_start import (
    MOST_COMPARED,
    compared_trials,
    first_trials,
    read_priors,
)
from tests.search.earlier import put_sweep
from tests.search.spaces import sibling, smoke_space


def test_the_earlier_front_is_tried_first(tmp_path: Path) -> None:
    """Its widest spread: each next one adds the most to what those before it cover."""
    space = sibling(budget={"trials": 14, "warm_start": ["earlier"]})
    values = [(0.2, 0.9), (0.9, 0.3), (0.6, 0.8), (0.5, 0.7), (0.85, 0.4), (0.1, 0.95)]
    study = SweepStudy(tmp_path, space)
    draws = study._distributions
    ranges = {name: d.low for name, d in draws.items() if hasattr(d, "low")}
    options = {name: d.choices[0] for name, d in draws.items() if hasattr(d, "choices")}
    trials = tuple(
        PriorTrial(number, {**ranges, **options, "prompts.forget_diversity": number / 10}, each)
        for number, each in enumerate(values)
    )
    priors = Priors("earlier", trials)
    first = first_trials(priors, space)
    # 0.6 · 0.8 covers most; 4 and 1 add 0.25 · 0.4 and 0.05 · 0.3. By itself 0 covers only 0.18,
    # less than half as much, and 5 less than that.
    assert [trial.number for trial in first] == [2, 4, 1]
    assert [t.number for t in priors.best(6, ("maximize", "maximize"))] == [2, 4, 1]
    study.try_first("earlier", first)
    assert study.remaining == 14
    asked = [study.ask() for _ in range(4)]
    assert [proposal.number for proposal in asked] == [0, 1, 2, 3]
    diversity = [proposal.values["prompts.forget_diversity"] for proposal in asked]
    assert diversity[:3] == [0.2, 0.4, 0.1]
    assert diversity[3] not in {0.2, 0.4, 0.1}


@pytest.mark.parametrize(
    ("trials", "sweeps", "each"), [(4, 1, 1), (11, 1, 2), (99, 1, 4), (99, 2, 2), (3, 5, 1)]
)
def test_earlier_fronts_share_a_part_of_the_budget(trials: int, sweeps: int, each: int) -> None:
    names = [f"s{number}" for number in range(sweeps)]
    space = smoke_space(budget={"trials": trials, "warm_start": names})
    front = tuple(PriorTrial(n, {}, (n / 10, 1 - n / 10)) for n in range(1, 10))
    assert len(first_trials(Priors("s0", front), space)) == each


def test_the_process_is_told_of_the_front_and_of_trials_from_all_over_the_sweep() -> None:
    values = [(0.5, 0.5)] * 9 + [(0.9, 0.1), (0.1, 0.9)]
    priors = Priors("s0", tuple(PriorTrial(n, {}, each) for n, each in enumerate(values[::-1])))
    up: list[Objective] = ["maximize", "maximize"]
    assert priors.told(99, up) == priors.trials
    assert [t.number for t in Priors("s0", priors.trials[:5]).told(2, up)] == [0, 1]
    others = [PriorTrial(n, {}, (0.4, 0.4)) for n in range(11, 31)]
    more = Priors("s0", (*priors.trials, *others))
    chosen = [trial.number for trial in more.told(15, up)]
    assert chosen == [*range(11), 11, 16, 21, 26]
    space = smoke_space(budget={"warm_start": ["s0", "s1"]})
    many = Priors("s0", tuple(PriorTrial(n, {}, (n / 999, 0.5)) for n in range(999)))
    assert len(compared_trials(many, space)) == MOST_COMPARED // 2


def test_a_sweep_that_begins_with_an_earlier_front_goes_on_with_it(tmp_path: Path) -> None:
    """Killed while it took the front up, and resumed: nothing is tried twice or left out."""
    put_sweep("earlier", smoke_space(), trials=9)
    budget = {"warm_start": ["earlier"], "start_from_defaults": True, "trials": 12}
    space = sibling(budget=budget)
    first = first_trials(read_priors("earlier", space, tmp_path), space)
    assert len(first) > 1
    study = SweepStudy(tmp_path, space)
    study.begin_with(default_values(space))
    study.try_first("earlier", first[:1])
    study._study.set_user_attr("learned", [])
    again = SweepStudy(tmp_path, space)
    again.begin_with(default_values(space))
    again.try_first("earlier", first)
    assert SweepStudy(tmp_path, space).learned == ["earlier"]
    asked = [again.ask() for _ in range(1 + len(first))]
    assert asked[0].values["update.learning_rate"] == 1e-4  # the default
    rates = [trial.params["update.learning_rate"] for trial in first]
    assert [each.values["update.learning_rate"] for each in asked[1:]] == rates
    (tmp_path / "space.yaml").write_text(dump_space(space))
    write_json(tmp_path / "sweep.json", {"name": "smoke", "status": "running", "base": None})
    sweep = read_sweep(tmp_path)
    assert sweep.taken == {"earlier": Taken(tried=len(first), known=0)}
    assert len(sweep.trials) == 1 + len(first)


@pytest.mark.parametrize(
    ("sampler", "by", "told"),
    [
        (
            "auto",
            "front",
            "from earlier: 1 setting of its front tried first, 8 trials to learn from",
        ),
        ("gp", "trials", "from earlier: 8 trials to learn from"),
        ("tpe", "front", "from earlier: 1 setting of its front tried first"),
        ("tpe", "trials", "from earlier: 8 trials to learn from"),
        ("random", "trials", "from earlier: nothing"),
    ],
)
def test_a_sweep_says_what_its_sampler_made_of_an_earlier_one(
    sampler: str, by: str, told: str, tmp_path: Path
) -> None:
    put_sweep("earlier", smoke_space(), trials=9)
    budget = {"warm_start": ["earlier"], "warm_start_by": by, "sampler": sampler}
    space = sibling(budget=budget)
    (tmp_path / "space.yaml").write_text(dump_space(space))
    write_json(tmp_path / "sweep.json", {"name": "smoke", "status": "running", "base": None})
    study = _open_study(space, tmp_path, PlainView(Console(file=sys.stderr)))
    (taken,) = read_sweep(tmp_path).taken.values()
    assert taken.tried == 0
    study.ask()
    (taken,) = read_sweep(tmp_path).taken.values()
    assert taken.in_words("earlier") == told
    assert taken.in_words("/home/somebody/sweeps/earlier") == told


@pytest.mark.parametrize("by", ["front", "trials"])
def test_what_the_process_knows_is_there_when_a_sweep_goes_on(tmp_path: Path, by: str) -> None:
    put_sweep("earlier", smoke_space(), trials=9)
    put_sweep("another", smoke_space(budget={"seed": 5}), trials=9)

    def run(folder: Path, earlier: str = "earlier", *, anew: bool = False) -> list[Proposal]:
        budget = {"warm_start": [earlier], "warm_start_by": by, "trials": 16, "sampler": "gp"}
        space = sibling(budget=budget)
        folder.mkdir()
        view = PlainView(Console(file=sys.stderr))
        study = _open_study(space, folder, view)
        assert len(compared_with(study._study)[earlier]) == 8
        proposals = []
        for _ in range(7):
            study = _open_study(space, folder, view) if anew else study
            proposals.append(study.ask())
            value = proposals[-1].values["prompts.forget_diversity"]
            metrics = {"erasure": value, "alignment": 1 - value / 2}
            study.tell(proposals[-1].number, Outcome(metrics, None, 1.0))
        return proposals

    once, reopened = run(tmp_path / "once"), run(tmp_path / "reopened", anew=True)
    assert once == reopened
    # What is tried first is the sweep's own; trials that it only knows come before it in the study.
    assert once[0].number == (0 if by == "front" else 8)
    if by == "trials":
        another = run(tmp_path / "another", "another")
        assert another[:4] == once[:4]
        assert another[4] != once[4]


@pytest.mark.parametrize(
    ("other", "alike"), [(2.0, True), (2.0 * (1 + 1e-15), True), (2.1, False), (None, False)]
)
def test_settings_are_compared_up_to_their_last_bits(other: float | None, *, alike: bool) -> None:
    """A choice may be of a number or nothing, as of a gradient's norm."""
    assert _alike({"clip": 2.0}, {"clip": other}) == alike
    assert _alike({"clip": other}, {"clip": 2.0}) == alike


def test_settings_of_two_earlier_sweeps_are_tried_once(tmp_path: Path) -> None:
    """As where the second one began with the first one's front; but for their last bits."""
    put_sweep("earlier", smoke_space(), trials=9)
    space = sibling(budget={"warm_start": ["earlier", "again"], "trials": 16})
    first = first_trials(read_priors("earlier", space, tmp_path), space)
    moved = {
        name: v * (1 + 1e-15) if isinstance(v, float) else v for name, v in first[0].params.items()
    }
    study = SweepStudy(tmp_path, space)
    study.try_first("earlier", first)
    study.try_first("again", [PriorTrial(7, moved, first[0].values), *first[1:]])
    assert study.learned == ["earlier", "again"]
    marks = [trial.user_attrs for trial in load_study(tmp_path, "smoke").get_trials()]
    assert [mark["again_from"]["sweep"] for mark in marks] == ["earlier"] * len(first)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], False),
        ([(0.2, 0.3)], False),
        ([(0.2, 0.3), (0.2, 0.4)], False),
        ([(0.2, 0.3), (0.1, 0.4)], True),
    ],
)
def test_trials_that_are_all_alike_tell_nothing(
    values: list[tuple[float, ...]], *, expected: bool
) -> None:
    assert differ([PriorTrial(n, {}, each) for n, each in enumerate(values)]) is expected


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_warm_sweep_that_was_interrupted_proposes_what_it_would_have(
    tmp_path: Path, sampler: str
) -> None:
    put_sweep("earlier", smoke_space(), trials=9)
    budget = {"warm_start": ["earlier"], "start_from_defaults": True, "sampler": sampler}
    space = sibling(budget={**budget, "trials": 6})
    priors = read_priors("earlier", space, tmp_path)

    def opened(folder: Path) -> SweepStudy:
        study = SweepStudy(folder, space)
        if "earlier" not in study.learned:
            study.learn(priors)
        study.begin_with(default_values(space))
        return study

    def run(folder: Path, *, anew: bool) -> list[Proposal]:
        folder.mkdir()
        if anew:  # killed while it learned
            SweepStudy(folder, space).learn(type(priors)("earlier", priors.trials[:3]))
            study = SweepStudy(folder, space)
            study._study.set_user_attr("learned", [])
        study = opened(folder)
        proposals = []
        while study.remaining:
            study = opened(folder) if anew else study
            proposals.append(study.ask())
            value = proposals[-1].values["prompts.forget_diversity"]
            metrics = {"erasure": value, "alignment": 1 - value / 2}
            study.tell(proposals[-1].number, Outcome(metrics, None, 1.0))
        return proposals

    once, reopened = run(tmp_path / "once", anew=False), run(tmp_path / "anew", anew=True)
    assert once == reopened
    assert [proposal.number for proposal in once] == [8, 9, 10, 11, 12, 13]
    assert once[0].values["update.learning_rate"] == 1e-4  # the default
    if sampler == "tpe":
        cold = SweepStudy(tmp_path, space)
        assert cold.ask().values != once[1].values
