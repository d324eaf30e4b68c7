"""An earlier sweep's trials: which of them fit, and what must not notice them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.config import dump_space, parse_space
from pipeline.search.files import write_json
from pipeline.search.live import PlainView
from pipeline.search.outcome import Outcome
from pipeline.search.places import sweeps_folder
from pipeline.search.priors import is_prior
from pipeline.search.records import read_sweep
from pipeline.search.study import SweepStudy, load_study
from pipeline.search.sweep import run_sweep
from pipeline.search.taken import Taken
from pipeline.search.warm_start import (
    read_priors,
)
from tests.search.earlier import put_sweep
from tests.search.spaces import sibling, smoke_space


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
