"""What a sweep takes from earlier ones, and what must not notice: records, fronts, budgets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.config import SearchSpace, dump_space, parse_space
from pipeline.config.experiment import Objective
from pipeline.search.defaults import default_values
from pipeline.search.files import write_json
from pipeline.search.live import PlainView
from pipeline.search.outcome import Outcome
from pipeline.search.places import sweeps_folder
from pipeline.search.priors import Priors, PriorTrial, differ, is_prior
from pipeline.search.records import read_sweep
from pipeline.search.study import Proposal, SweepStudy, _alike, load_study
from pipeline.search.sweep import _open_study, run_sweep
from pipeline.search.taken import Taken, compared_with
from pipeline.search.warm_start import (
    MOST_COMPARED,
    compared_trials,
    first_trials,
    read_priors,
)
from tests.search.earlier import put_sweep
from tests.search.spaces import smoke_space


def sibling(**sections: Any) -> SearchSpace:
    """A space of another concept."""
    tree = smoke_space(**sections).tree
    return parse_space({**tree, "concept": {"kind": "object", "forget": ["bag"]}})


def test_complete_trials_of_a_sibling_become_prior_trials(tmp_path: Path) -> None:
    put_sweep("earlier", smoke_space())
    priors = read_priors("earlier", sibling(), tmp_path)
    assert [trial.number for trial in priors.trials] == [0, 1, 2, 3, 4]
    assert priors.skipped == {}
    study = SweepStudy(tmp_path, sibling())
    study.learn(priors)
    before = load_study(sweeps_folder() / "earlier", "smoke").get_trials()[:5]
    after = load_study(tmp_path, "smoke").get_trials()
    assert all(map(is_prior, after))
    for old, new in zip(before, after, strict=True):
        assert new.values == old.values
        for name in ("update.learning_rate", "update.restriction", "update.steps"):
            assert new.params[name] == old.params[name]
    # The same shares, though not by the same draws.
    old_folder = sweeps_folder() / "earlier"
    for trial, prior in zip(read_sweep(old_folder).trials, after, strict=False):
        draws = {n: prior.params[f"prompts.retain_mix.{n}.draw"] for n in ("neighbours", "generic")}
        assert 0 < min(draws.values()) <= max(draws.values()) < 1
        assert trial.params["prompts.retain_mix.generic"] > 0


def test_prior_trials_are_in_no_count_and_on_no_front(tmp_path: Path) -> None:
    put_sweep("earlier", smoke_space())
    space = sibling(budget={"warm_start": ["earlier"], "keep_weights": "front"})
    (tmp_path / "space.yaml").write_text(dump_space(space))
    write_json(tmp_path / "sweep.json", {"name": "smoke", "status": "running", "base": None})
    study = SweepStudy(tmp_path, space)
    study.learn(read_priors("earlier", space, tmp_path))
    assert study.remaining == 4
    first = study.ask()
    assert first.number == 5
    # All priors dominate it, and it is the front.
    study.tell(first.number, Outcome({"erasure": 0.0, "alignment": 0.0}, None, 1.0))
    assert study.beaten() == []
    assert study.remaining == 3
    sweep = read_sweep(tmp_path)
    assert [(trial.number, trial.state) for trial in sweep.trials] == [(5, "complete")]
    assert sweep.trials[0].folder == tmp_path / "trials" / "0005"
    # The smoke space's sampler draws at random, and learns nothing.
    assert sweep.taken == {"earlier": Taken(tried=0, known=0)}
    assert sweep.taken["earlier"].in_words("earlier") == "from earlier: nothing"


@pytest.mark.parametrize(
    ("sections", "reason", "left"),
    [
        (
            {"update": {"restriction": {"choice": ["none", "both"]}}},
            "update.restriction can't have its value here",
            {"none"},
        ),
        (
            {"update": {"restriction": "none"}},
            "update.restriction is not searched here and has another value",
            {"none"},
        ),
    ],
)
def test_trials_that_do_not_fit_are_left_out_with_a_reason(
    tmp_path: Path, sections: dict[str, Any], reason: str, left: set[str]
) -> None:
    folder = put_sweep("earlier", smoke_space())
    priors = read_priors("earlier", smoke_space(**sections), tmp_path)
    complete = {t.number: t.params for t in read_sweep(folder).trials if t.state == "complete"}
    kept = {trial.number for trial in priors.trials}
    assert {complete[number]["update.restriction"] for number in kept} == left
    assert priors.skipped == {reason: len(complete) - len(kept)}
    assert f"{len(complete) - len(kept)} left out: {reason}" in priors.in_words()


def test_a_narrower_range_leaves_out_what_lies_outside(tmp_path: Path) -> None:
    folder = put_sweep("earlier", smoke_space())
    narrow = smoke_space(prompts={"forget_diversity": {"uniform": [0.5, 1]}})
    kept = {trial.number for trial in read_priors("earlier", narrow, tmp_path).trials}
    inside = {
        trial.number
        for trial in read_sweep(folder).trials
        if trial.state == "complete" and trial.params["prompts.forget_diversity"] >= 0.5
    }
    assert kept == inside
    assert 0 < len(inside) < 5


def test_a_sweep_of_which_nothing_fits_is_refused(tmp_path: Path) -> None:
    put_sweep("earlier", smoke_space())
    narrow = smoke_space(prompts={"forget_diversity": {"uniform": [0.999, 1]}})
    with pytest.raises(
        ValueError, match=r"got earlier: 5 left out: prompts.forget_diversity can't"
    ):
        read_priors("earlier", narrow, tmp_path)
    put_sweep("failed", smoke_space(), trials=1)
    with pytest.raises(
        ValueError, match="got failed: none of its trials is complete; search here what is"
    ):
        read_priors("failed", smoke_space(), tmp_path)


def test_a_trial_whose_files_are_gone_is_left_out(tmp_path: Path) -> None:
    folder = put_sweep("earlier", smoke_space())
    (folder / "trials" / "0001" / "experiment.yaml").unlink()
    priors = read_priors("earlier", smoke_space(), tmp_path)
    assert [trial.number for trial in priors.trials] == [0, 2, 3, 4]
    assert list(priors.skipped.values()) == [1]


def test_what_is_fixed_in_the_earlier_sweep_is_known_too(tmp_path: Path) -> None:
    put_sweep("earlier", smoke_space(update={"learning_rate": 2e-4}))
    priors = read_priors("earlier", smoke_space(), tmp_path)
    assert {trial.params["update.learning_rate"] for trial in priors.trials} == {2e-4}


def test_other_bases_and_other_objectives_are_refused(tmp_path: Path) -> None:
    put_sweep("other-base", smoke_space(model={"base": "owner/model"}))
    with pytest.raises(ValueError, match=r"expected sweeps of the base fashion-canvas, got other"):
        read_priors("other-base", smoke_space(), tmp_path)
    put_sweep("other-weights", smoke_space())
    write_json(tmp_path / "sweep.json", {"name": "smoke", "base": "0" * 64})
    with pytest.raises(ValueError, match="with other weights"):
        read_priors("other-weights", smoke_space(), tmp_path)
    tree = smoke_space().tree
    less = parse_space({**tree, "objectives": {"erasure": "maximize"}})
    with pytest.raises(ValueError, match="with the objectives erasure: maximize, got other-w"):
        read_priors("other-weights", less, tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="no such folder; there are other-base, other-weights"):
        read_priors("nowhere", smoke_space(), tmp_path)


def test_a_sweep_that_names_what_is_not_there_does_not_begin(tmp_path: Path) -> None:
    space = smoke_space(budget={"warm_start": ["nowhere"]})
    with pytest.raises(ValueError, match="nowhere: expected a sweep"):
        run_sweep(space, tmp_path / "new", resume=False, view=PlainView(Console(file=sys.stderr)))
    assert not (tmp_path / "new").exists()


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


def test_defaults_are_moved_into_the_space() -> None:
    space = smoke_space(
        prompts={"forget_diversity": {"uniform": [0, 0.5]}},
        losses={"forget": {"choice": ["ascent", "anchor"]}, "forget_loss_cap": {"uniform": [1, 2]}},
        update={
            "restriction": {"choice": ["none", "step"]},
            "learning_rate": {"log_uniform": [1e-3, 1e-1]},
            "clip_norm": {"choice": [None, 2.0]},
            "saliency": {"log_uniform": [0.01, 1]},
        },
    )
    assert default_values(space) == {
        "prompts.forget_diversity": 0.5,
        "prompts.retain_mix": dict.fromkeys(("same_context", "neighbours", "generic"), 1 / 3),
        "losses.forget": "anchor",
        "losses.forget_loss_cap": 1.5,
        "update.restriction": "none",
        "update.learning_rate": 1e-3,
        "update.steps": 9,
        "update.clip_norm": None,
        "update.saliency": pytest.approx(0.1),
    }


def test_the_first_trial_takes_the_defaults_and_the_next_does_not(tmp_path: Path) -> None:
    space = smoke_space()
    study = SweepStudy(tmp_path, space)
    study.begin_with(default_values(space))
    assert study.remaining == 4
    study.begin_with(default_values(space))
    first, second = study.ask(), study.ask()
    expected = default_values(space)
    assert first.number == 0
    assert first.values["prompts.retain_mix"] == pytest.approx(expected.pop("prompts.retain_mix"))
    assert expected.items() <= first.values.items()
    assert second.values["update.learning_rate"] != first.values["update.learning_rate"]
    study.begin_with(default_values(space))
    assert study.remaining == 2
