"""One trial, from its experiment to its report; knows nothing of Ray.

Models are kept for the life of the process, so that a worker that runs several trials loads the
base once.
"""

from __future__ import annotations

import shutil
import tempfile
import traceback
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from pipeline.config import Experiment, load_space
from pipeline.diffusion import DiffusionModel, Store
from pipeline.diffusion.load import fastest_device, load_model
from pipeline.diffusion.pulse import watched
from pipeline.diffusion.share import Share
from pipeline.diffusion.synthesis import synthesize_share
from pipeline.diffusion.weights import apply_weights
from pipeline.evaluation.answers import draw_share
from pipeline.evaluation.judge import drawn_in, evaluate
from pipeline.evaluation.locate import Seat
from pipeline.evaluation.questions import questions_of
from pipeline.evaluation.samples import save_samples
from pipeline.evaluation.thumbnails import save_thumbnails
from pipeline.prompts import PromptSet, build_prompt_set
from pipeline.search.files import write_json, write_text
from pipeline.search.laps import Laps
from pipeline.search.lineage import check_base
from pipeline.search.locking import folder_lock
from pipeline.search.outcome import Outcome
from pipeline.search.places import (
    CHECKPOINTS,
    ERROR,
    EXPERIMENT,
    FAILURE,
    GALLERY,
    HANG,
    PICTURES,
    REPORT,
    SAMPLES,
    STOPPED,
    THUMBNAILS,
    TIMING,
    WEIGHTS,
)
from pipeline.search.rung import measured, verdict_on, why_stopped
from pipeline.search.rung_judge import RungJudge, Tell
from pipeline.search.shortage import note_shortage, with_less_at_once
from pipeline.unlearning import (
    DivergedError,
    edit,
    prepare_training_set,
    train,
    training_pictures,
)
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.rungs import AT_A_RUNG, NO_RUNGS, Rungs, StoppedEarlyError
from pipeline.unlearning.workers import ALONE, Workers

_STRAY_SECONDS: Final = 120.0
"""How long a trial waits for a worker of a killed sweep that still writes into its folder."""


@dataclass(frozen=True)
class Judgement:
    """Who judges a trained model, and on what; the experiment says the rest.

    Attributes:
        seat: whether the classifier that searches use judges, or the one that none uses.
        seed: of the pictures; the experiment's own if None.
        repeats: pictures of each test prompt.
        keeps_samples: whether the gallery's pictures are kept one by one as well.
    """

    seat: Seat = "first"
    seed: int | None = None
    repeats: int = 1
    keeps_samples: bool = False


SEARCHED: Final = Judgement()
"""How the trials of a search are judged."""


def run_trial(
    folder: Path,
    store: Store,
    issued: float,
    workers: Workers = ALONE,
    judgement: Judgement = SEARCHED,
    tell: Tell | None = None,
) -> Outcome:
    """Run the trial whose experiment lies in a folder, unless it has ended already.

    With several workers all of them call this: they train together and share the pictures that are
    to be made. The leading one alone judges and writes.

    Args:
        folder: of the trial; gets weights, report, gallery and timing.
        store: shared pictures and prompt states.
        issued: Unix time at which the trial was handed out.
        workers: this worker and how many train together.
        judgement: who judges it, and on what.
        tell: sends to the sweep what is measured at the trial's rungs; None if it has no sweep,
            and is not stopped early.

    Returns:
        The end of the trial; for workers that don't lead, that of the training.

    Raises:
        Exception: whatever stopped it, apart from a divergence, which is an outcome. It may go
            better in another process, from the last checkpoint.
    """
    laps = Laps(issued)
    patience = 60 * load_space(folder / EXPERIMENT).fixed().scaling.hang_minutes
    with watched(folder / HANG.format(workers.rank), patience):
        if workers.leads:
            return _lead_once(folder, store, workers, laps, judgement, tell)
        # A group that was started anew may find that its trial has ended.
        return Outcome.read(folder) or _follow(folder, store, workers, laps, judgement, tell)


def _lead_once(
    folder: Path,
    store: Store,
    workers: Workers,
    laps: Laps,
    judgement: Judgement,
    tell: Tell | None,
) -> Outcome:
    with folder_lock(folder, wait=_STRAY_SECONDS):
        ended = Outcome.read(folder)
        if ended is not None:
            _drop_leftovers(folder)
            return ended
        try:
            _lead(folder, store, workers, laps, judgement, tell)
        except StoppedEarlyError as stop:
            write_json(folder / TIMING, laps.total())
            write_json(folder / STOPPED, {"step": stop.step, "reason": _why(folder, stop.step)})
            _drop_leftovers(folder)
        except DivergedError as error:
            failure = {"kind": type(error).__name__, "message": str(error)}
            write_json(folder / TIMING, laps.total())
            write_json(folder / FAILURE, failure)
            _drop_leftovers(folder)
        except Exception as error:
            note_shortage(folder, error)
            write_text(folder / ERROR, traceback.format_exc())
            raise
        outcome = Outcome.read(folder)
    assert outcome is not None  # noqa: S101 - one of the three files was just written
    return outcome


def _lead(
    folder: Path,
    store: Store,
    workers: Workers,
    laps: Laps,
    judgement: Judgement,
    tell: Tell | None,
) -> None:
    trial = _unlearn(folder, store, workers, laps, tell)
    experiment = trial.experiment
    with laps.lap("judging"):
        pictures = drawn_in(folder / PICTURES, store)
        _draw_together(trial, store, pictures, workers, judgement)
        evaluation = evaluate(
            trial.model,
            trial.prompt_set,
            experiment,
            store,
            seat=judgement.seat,
            base=trial.base,
            seed=judgement.seed,
            repeats=judgement.repeats,
            pictures=pictures,
        )
        settings = experiment.evaluation
        evaluation.draw_gallery(folder / GALLERY, settings.gallery)
        blur = settings.blur is True
        save_thumbnails(evaluation, settings.gallery, folder / THUMBNAILS, blur=blur)
        if judgement.keeps_samples:
            save_samples(evaluation, settings.gallery, folder / SAMPLES)
    write_json(folder / TIMING, laps.total())
    # Last: with its report a trial has ended.
    evaluation.report.save(folder / REPORT)
    _drop_leftovers(folder)


def _drop_leftovers(folder: Path) -> None:
    """What an ended trial has no more use for: of a whole U-Net, twenty gigabytes."""
    for name in (PICTURES, CHECKPOINTS):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / AT_A_RUNG).unlink(missing_ok=True)


def _why(folder: Path, step: int) -> str:
    """Why the sweep has stopped a trial after a step."""
    experiment = load_space(folder / EXPERIMENT).fixed()
    stopping = experiment.budget.early_stopping
    assert stopping is not None  # noqa: S101 - nothing else stops a trial
    rung = stopping.rungs(experiment.update.steps)[step]
    report, said = measured(folder, rung), verdict_on(folder, rung)
    assert report is not None  # noqa: S101 - the verdict is on it
    assert said is not None  # noqa: S101 - it was just heard
    return why_stopped(report, said, experiment.update.steps)


def _follow(
    folder: Path,
    store: Store,
    workers: Workers,
    laps: Laps,
    judgement: Judgement,
    tell: Tell | None,
) -> Outcome:
    try:
        trial = _unlearn(folder, store, workers, laps, tell)
        pictures = drawn_in(folder / PICTURES, store)
        _draw_together(trial, store, pictures, workers, judgement)
    except (DivergedError, StoppedEarlyError) as error:
        return Outcome({}, str(error), None)
    except Exception as error:
        note_shortage(folder, error)
        raise
    return Outcome({}, None, None)


@dataclass(frozen=True)
class _Unlearned:
    """A trial whose weights are there, and which is not judged yet."""

    experiment: Experiment
    prompt_set: PromptSet
    base: DiffusionModel
    model: DiffusionModel


def _unlearn(
    folder: Path, store: Store, workers: Workers, laps: Laps, tell: Tell | None
) -> _Unlearned:
    """What all workers do together, up to the model that is judged."""
    experiment = with_less_at_once(load_space(folder / EXPERIMENT).fixed(), folder)
    with laps.lap("load"):
        base = base_model(experiment)
        prompt_set = build_prompt_set(experiment.concept, experiment.prompts)
    if experiment.is_trained:
        with laps.lap("synthesis"):
            data = _training_set(base, prompt_set, experiment, store, workers)
        rungs = NO_RUNGS
        if tell is not None and experiment.budget.early_stopping is not None:
            judge = RungJudge(folder, base, prompt_set, experiment, store, workers, tell)
            rungs = _timed(judge, laps)
        with laps.lap("training"):
            start = _start(base, prompt_set, experiment, store)
            weights = train(
                base, experiment, data, folder, workers=workers, start=start, rungs=rungs
            )
    else:
        with laps.lap("training"):
            weights = _edited(base, prompt_set, experiment, store, folder, workers)
    with laps.lap("judging"):
        return _Unlearned(experiment, prompt_set, base, apply_weights(base, weights))


def _timed(judge: RungJudge, laps: Laps) -> Rungs:
    def ask(step: int, weights: Path) -> bool:
        with laps.lap("rungs"):
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


def _draw_together(
    trial: _Unlearned, store: Store, pictures: Store, workers: Workers, judgement: Judgement
) -> None:
    """Each worker makes its share of the test prompts' pictures; the leading one reads them all."""
    if workers.count == 1:
        return
    questions = questions_of(
        trial.prompt_set, trial.experiment.evaluation, judgement.seed, judgement.repeats
    )
    share = Share(workers.rank, workers.count)
    draw_share(trial.model, trial.base, questions, store, pictures, share)
    workers.wait()


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
