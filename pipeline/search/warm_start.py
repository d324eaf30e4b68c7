"""What a sweep takes from earlier ones: their fronts to begin with, and their trials to learn from.

An earlier sweep of the same base and objectives, as of a sibling concept, says which settings are
worth a try. Its trials' values lie at another level: the Gaussian process, which knows whose they
are, learns from them (`related`), and TPE, which takes them for this sweep's own, stays where the
other concept was easy (docs/measurements.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipeline.config import ConfigError, Experiment, SearchSpace, Simplex, load_space
from pipeline.config.fairness import example
from pipeline.config.user_path import user_path
from pipeline.search.distributions import to_params
from pipeline.search.files import read_json
from pipeline.search.places import EXPERIMENT, SWEEP, sweeps_folder
from pipeline.search.priors import Priors, PriorTrial
from pipeline.search.records import SweepRecord, TrialRecord, read_sweep

MOST_FIRST: Final = 4
"""Trials of earlier sweeps' fronts that are tried first; six were no better."""
MOST_COMPARED: Final = 256
"""Trials of earlier sweeps that the Gaussian process knows; a proposal then takes two seconds."""


def read_priors(sweep: str, space: SearchSpace, folder: Path) -> Priors:
    """Read an earlier sweep.

    A trial is left out if a setting that is searched here has another value in it than can be drawn
    here, or if one that was searched there is fixed here to another value. Settings of the concept
    itself may differ.

    Args:
        sweep: name of a sweep beside the others, or the path of its folder.
        space: what is searched now.
        folder: of this sweep, which says which base it has, once that is known.

    Raises:
        ValueError: there is no such sweep, it has another base or other objectives, or none of its
            trials fits.
    """
    record = read_sweep(_folder_of(sweep))
    _check(sweep, record, space, folder)
    now = example(space)
    trials, skipped = [], Counter[str]()
    for trial in record.trials:
        if trial.values is None:
            continue
        try:
            then = load_space(trial.folder / EXPERIMENT).fixed()
        except ConfigError:
            skipped[f"{EXPERIMENT} is not there, or none of this version"] += 1
            continue
        try:
            params = to_params(space.distributions, _values(space, trial, then))
        except ValueError as error:
            skipped[str(error)] += 1
            continue
        other = _fixed_otherwise(record.space, space, then, now)
        if other is not None:
            skipped[f"{other} is not searched here and has another value"] += 1
            continue
        named = dict(zip(record.objectives, trial.values, strict=True))
        values = tuple(named[name] for name in space.objectives)
        trials.append(PriorTrial(trial.number, params, values))
    priors = Priors(sweep, tuple(trials), dict(skipped))
    if not trials:
        raise ValueError(
            f"budget.warm_start: expected a sweep of which some trials fit this one, got {sweep}: "
            f"{priors.left_out() or 'none of its trials is complete'}; search here what is "
            "searched there, or leave it out"
        )
    return priors


def first_trials(priors: Priors, space: SearchSpace) -> tuple[PriorTrial, ...]:
    """What of an earlier sweep is tried before the sampler proposes: its front's best spread.

    A quarter of the budget at most, and `MOST_FIRST`, is for all earlier sweeps together; each has
    one trial at least, if any of its trials covers anything.
    """
    budget = space.budget
    together = min(MOST_FIRST, budget.trials // 4)
    most = max(1, together // max(1, len(budget.warm_start)))
    return priors.best(most, list(space.objectives.values()))


def compared_trials(priors: Priors, space: SearchSpace) -> tuple[PriorTrial, ...]:
    """What of an earlier sweep the Gaussian process learns from; all have an equal part."""
    most = MOST_COMPARED // max(1, len(space.budget.warm_start))
    return priors.told(most, list(space.objectives.values()))


def _folder_of(sweep: str) -> Path:
    return user_path(sweep) if "/" in sweep else sweeps_folder() / sweep


def _check(sweep: str, record: SweepRecord, space: SearchSpace, folder: Path) -> None:
    then, now = (each.model for each in (example(record.space), example(space)))
    bases = [(each.base, each.revision) for each in (then, now)]
    prints = [(read_json(each / SWEEP) or {}).get("base") for each in (record.folder, folder)]
    known = None not in prints
    if prints[0] != prints[1] if known else bases[0] != bases[1]:
        raise ValueError(
            f"budget.warm_start: expected sweeps of the base {now.base}, got {sweep}, whose base "
            f"is {then.base}{', with other weights' if bases[0] == bases[1] else ''}; leave it out"
        )
    if record.objectives != space.objectives:
        raise ValueError(
            f"budget.warm_start: expected sweeps with the objectives {_told(space.objectives)}, "
            f"got {sweep}, which has {_told(record.objectives)}; leave it out"
        )


def _told(objectives: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {direction}" for name, direction in objectives.items())


def _values(space: SearchSpace, trial: TrialRecord, then: Experiment) -> dict[str, Any]:
    """What a trial of an earlier sweep has at each distribution of this space."""
    values = {}
    for path, distribution in space.distributions.items():
        if isinstance(distribution, Simplex):
            values[path] = _shares(path, distribution, then)
        else:
            # What was drawn counts also where the experiment had no use for it.
            values[path] = trial.params.get(path, _setting(then, path))
    return values


def _shares(path: str, simplex: Simplex, then: Experiment) -> dict[str, float]:
    found = _setting(then, path)
    if found is None:  # equal shares, by default
        return {name: 1 / len(simplex.names) for name in simplex.names}
    shares: dict[str, float] = found.shares()
    return {name: share for name, share in shares.items() if share > 0 or name in simplex.names}


def _fixed_otherwise(
    before: SearchSpace, space: SearchSpace, then: Experiment, now: Experiment
) -> str | None:
    """A setting that was searched before, and has another value here."""
    for path in before.distributions:
        if path in space.distributions or path.startswith("concept."):
            continue
        if _setting(then, path) != _setting(now, path):
            return path
    return None


def _setting(experiment: Experiment, path: str) -> Any:
    value: Any = experiment
    for name in path.split("."):
        value = getattr(value, name, None)
    return value
