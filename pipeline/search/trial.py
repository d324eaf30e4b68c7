"""One trial, from its experiment to its report; knows nothing of Ray."""

from __future__ import annotations

import shutil
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.config import load_space
from pipeline.diffusion import Store
from pipeline.diffusion.pulse import watched
from pipeline.diffusion.share import Share
from pipeline.evaluation.answers import draw_share
from pipeline.evaluation.judge import drawn_in, evaluate
from pipeline.evaluation.locate import Seat
from pipeline.evaluation.questions import questions_of
from pipeline.evaluation.samples import save_samples
from pipeline.evaluation.thumbnails import save_thumbnails
from pipeline.search.files import write_json, write_text
from pipeline.search.laps import Laps
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
)
from pipeline.search.rung import measured, verdict_on, why_stopped
from pipeline.search.rung_judge import Tell
from pipeline.search.shortage import note_shortage
from pipeline.search.unlearned import Unlearned, Work, unlearned
from pipeline.unlearning import DivergedError
from pipeline.unlearning.rungs import AT_A_RUNG, StoppedEarlyError
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
    work = Work(folder, store, workers, Laps(issued), tell)
    patience = 60 * load_space(folder / EXPERIMENT).fixed().scaling.hang_minutes
    with watched(folder / HANG.format(workers.rank), patience):
        if workers.leads:
            return _lead_once(work, judgement)
        # A group that was started anew may find that its trial has ended.
        return Outcome.read(folder) or _follow(work, judgement)


def _lead_once(work: Work, judgement: Judgement) -> Outcome:
    folder = work.folder
    with folder_lock(folder, wait=_STRAY_SECONDS):
        ended = Outcome.read(folder)
        if ended is not None:
            _drop_leftovers(folder)
            return ended
        try:
            _lead(work, judgement)
        except StoppedEarlyError as stop:
            write_json(folder / TIMING, work.laps.total())
            write_json(folder / STOPPED, {"step": stop.step, "reason": _why(folder, stop.step)})
            _drop_leftovers(folder)
        except DivergedError as error:
            failure = {"kind": type(error).__name__, "message": str(error)}
            write_json(folder / TIMING, work.laps.total())
            write_json(folder / FAILURE, failure)
            _drop_leftovers(folder)
        except Exception as error:
            note_shortage(folder, error)
            write_text(folder / ERROR, traceback.format_exc())
            raise
        outcome = Outcome.read(folder)
    assert outcome is not None  # noqa: S101 - one of the three files was just written
    return outcome


def _lead(work: Work, judgement: Judgement) -> None:
    folder = work.folder
    trial = unlearned(work)
    with work.laps.lap("judging"):
        pictures = drawn_in(folder / PICTURES, work.store)
        _draw_together(trial, work, pictures, judgement)
        evaluation = evaluate(
            trial.model,
            trial.prompt_set,
            trial.experiment,
            work.store,
            seat=judgement.seat,
            base=trial.base,
            seed=judgement.seed,
            repeats=judgement.repeats,
            pictures=pictures,
        )
        settings = trial.experiment.evaluation
        evaluation.draw_gallery(folder / GALLERY, settings.gallery)
        blur = settings.blur is True
        save_thumbnails(evaluation, settings.gallery, folder / THUMBNAILS, blur=blur)
        if judgement.keeps_samples:
            save_samples(evaluation, settings.gallery, folder / SAMPLES)
    write_json(folder / TIMING, work.laps.total())
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


def _follow(work: Work, judgement: Judgement) -> Outcome:
    try:
        trial = unlearned(work)
        pictures = drawn_in(work.folder / PICTURES, work.store)
        _draw_together(trial, work, pictures, judgement)
    except (DivergedError, StoppedEarlyError) as error:
        return Outcome({}, str(error), None)
    except Exception as error:
        note_shortage(work.folder, error)
        raise
    return Outcome({}, None, None)


def _draw_together(trial: Unlearned, work: Work, pictures: Store, judgement: Judgement) -> None:
    """Each worker makes its share of the test prompts' pictures; the leading one reads them all."""
    workers = work.workers
    if workers.count == 1:
        return
    questions = questions_of(
        trial.prompt_set, trial.experiment.evaluation, judgement.seed, judgement.repeats
    )
    share = Share(workers.rank, workers.count)
    draw_share(trial.model, trial.base, questions, work.store, pictures, share)
    workers.wait()
