"""A trial up to the model that is judged: what all of its workers do together.

Models are kept for the life of the process, so that a worker that runs several trials loads the
base once.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipeline.config import Experiment, load_space
from pipeline.diffusion import DiffusionModel, Store
from pipeline.diffusion.load import fastest_device, load_model
from pipeline.diffusion.share import Share
from pipeline.diffusion.synthesis import synthesize_share
from pipeline.diffusion.weights import apply_weights
from pipeline.prompts import PromptSet, build_prompt_set
from pipeline.search.laps import Laps
from pipeline.search.lineage import check_base
from pipeline.search.places import EXPERIMENT, WEIGHTS
from pipeline.search.rung_judge import RungJudge, Tell
from pipeline.search.shortage import with_less_at_once
from pipeline.unlearning import edit, prepare_training_set, train, training_pictures
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.rungs import NO_RUNGS, Rungs
from pipeline.unlearning.workers import Workers


@dataclass(frozen=True)
class Work:
    """One worker's part in a trial.

    Attributes:
        folder: of the trial.
        store: shared pictures and prompt states.
        workers: this worker and how many train together.
        laps: where its time goes.
        tell: sends to the sweep what is measured at rungs; None if nobody stops the trial early.
    """

    folder: Path
    store: Store
    workers: Workers
    laps: Laps
    tell: Tell | None


@dataclass(frozen=True)
class Unlearned:
    """A trial whose weights are there, and which is not judged yet.

    Attributes:
        experiment: as it was run, with smaller batches at a time where memory ran out.
        prompt_set: its prompts.
        base: the model before.
        model: the base with the weights in it.
    """

    experiment: Experiment
    prompt_set: PromptSet
    base: DiffusionModel
    model: DiffusionModel


def unlearned(work: Work) -> Unlearned:
    """Train or edit, going on where the folder's last checkpoint was.

    Args:
        work: whose part it is; all workers of the trial call this together.

    Returns:
        The same for every worker.

    Raises:
        DivergedError: a loss or a gradient became NaN or infinite.
        StoppedEarlyError: the sweep stopped it at a rung.
        ValueError: the base is not there, or is not the one that was erased from.
    """
    folder, store, workers, laps = work.folder, work.store, work.workers, work.laps
    experiment = with_less_at_once(load_space(folder / EXPERIMENT).fixed(), folder)
    with laps.lap("load"):
        base = base_model(experiment)
        prompt_set = build_prompt_set(experiment.concept, experiment.prompts)
    if experiment.is_trained:
        with laps.lap("synthesis"):
            data = _training_set(base, prompt_set, experiment, store, workers)
        rungs = _rungs(work, base, prompt_set, experiment)
        with laps.lap("training"):
            start = _start(base, prompt_set, experiment, store)
            weights = train(
                base, experiment, data, folder, workers=workers, start=start, rungs=rungs
            )
    else:
        with laps.lap("training"):
            weights = _edited(base, prompt_set, experiment, store, folder, workers)
    with laps.lap("judging"):
        return Unlearned(experiment, prompt_set, base, apply_weights(base, weights))


def _rungs(
    work: Work, base: DiffusionModel, prompt_set: PromptSet, experiment: Experiment
) -> Rungs:
    if work.tell is None or experiment.budget.early_stopping is None:
        return NO_RUNGS
    judge = RungJudge(
        work.folder, base, prompt_set, experiment, work.store, work.workers, work.tell
    )

    def ask(step: int, weights: Path) -> bool:
        with work.laps.lap("rungs"):
            return judge.ask(step, weights)

    return Rungs(judge.rungs, ask)


def _edited(
    base: DiffusionModel,
    prompt_set: PromptSet,
    experiment: Experiment,
    store: Store,
    folder: Path,
    workers: Workers,
) -> Path:
    assert experiment.closed_form is not None  # noqa: S101 - what is not trained is edited
    if workers.leads:
        edit(base, experiment.closed_form, prompt_set, store, folder)
    workers.wait()
    return folder / WEIGHTS


def _start(
    model: DiffusionModel,
    prompt_set: PromptSet,
    experiment: Experiment,
    store: Store,
) -> DiffusionModel:
    """Where the training begins: the base, or what the closed form makes of it.

    An edit takes a second and comes out the same everywhere: every worker makes its own.
    """
    if experiment.closed_form is None:
        return model
    with tempfile.TemporaryDirectory() as own:
        return apply_weights(
            model, edit(model, experiment.closed_form, prompt_set, store, Path(own))
        )


def _training_set(
    model: DiffusionModel,
    prompt_set: PromptSet,
    experiment: Experiment,
    store: Store,
    workers: Workers,
) -> TrainingSet:
    """Each worker makes its share of the pictures that are missing; then all read all of them."""
    if workers.count > 1:
        wanted = training_pictures(prompt_set, experiment)
        share = Share(workers.rank, workers.count)
        synthesize_share(model, wanted.texts, wanted.seeds, wanted.sampler, store, share)
        workers.wait()
    return prepare_training_set(model, prompt_set, experiment, store)


def base_model(experiment: Experiment) -> DiffusionModel:
    """The experiment's base model on this process's device, loaded once.

    Raises:
        ValueError: there is no such model, or it isn't the one whose erasures are recorded.
    """
    model = _loaded(experiment.model.base, experiment.model.revision)
    check_base(experiment.concept, model.fingerprint)
    return model


@lru_cache(maxsize=1)
def _loaded(base: str, revision: str | None) -> DiffusionModel:
    return load_model(base, revision, fastest_device())
