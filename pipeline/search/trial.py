"""One trial, from its experiment to its report; knows nothing of Ray.

Models are kept for the life of the process, so that a worker that runs several trials loads the
base once.
"""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from pipeline.config import Experiment, load_space
from pipeline.diffusion import DiffusionModel, Store
from pipeline.diffusion.load import fastest_device, load_model
from pipeline.diffusion.weights import apply_weights
from pipeline.evaluation.judge import evaluate
from pipeline.evaluation.locate import Seat
from pipeline.evaluation.samples import save_samples
from pipeline.prompts import PromptSet, build_prompt_set
from pipeline.search.files import write_json, write_text
from pipeline.search.lineage import check_base
from pipeline.search.locking import folder_lock
from pipeline.search.outcome import Outcome
from pipeline.search.places import ERROR, EXPERIMENT, FAILURE, GALLERY, REPORT, SAMPLES, TIMING
from pipeline.unlearning import DivergedError, edit, prepare_training_set, train
from pipeline.unlearning.batches import TrainingSet
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


class Laps:
    """Seconds by part of a trial.

    Args:
        issued: Unix time at which the trial was handed out; what no part accounts for since then
            is overhead: starting a worker, importing, reporting.
    """

    def __init__(self, issued: float) -> None:
        self._issued = issued
        self.seconds: dict[str, float] = {}

    @contextmanager
    def lap(self, part: str) -> Iterator[None]:
        """Count what happens inside for a part."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[part] = self.seconds.get(part, 0.0) + spent

    def total(self) -> dict[str, float]:
        """All parts, with `overhead`; they sum to the time since the trial was handed out."""
        whole = max(time.time() - self._issued, 0.0)
        overhead = max(whole - sum(self.seconds.values()), 0.0)
        return {**self.seconds, "overhead": overhead}


def run_trial(
    folder: Path,
    store: Store,
    issued: float,
    workers: Workers = ALONE,
    judgement: Judgement = SEARCHED,
) -> Outcome:
    """Run the trial whose experiment lies in a folder, unless it has ended already.

    With several workers all of them call this; the leading one alone writes and judges.

    Args:
        folder: of the trial; gets weights, report, gallery and timing.
        store: shared pictures and prompt states.
        issued: Unix time at which the trial was handed out.
        workers: this worker and how many train together.
        judgement: who judges it, and on what.

    Returns:
        The end of the trial; for workers that don't lead, that of the training.

    Raises:
        Exception: whatever stopped it, apart from a divergence, which is an outcome. It may go
            better in another process, from the last checkpoint.
    """
    if not workers.leads:
        return _follow(folder, store, workers)
    with folder_lock(folder, wait=_STRAY_SECONDS):
        ended = Outcome.read(folder)
        if ended is not None:
            return ended
        laps = Laps(issued)
        try:
            _lead(folder, store, workers, laps, judgement)
        except DivergedError as error:
            failure = {"kind": type(error).__name__, "message": str(error)}
            write_json(folder / TIMING, laps.total())
            write_json(folder / FAILURE, failure)
        except Exception:
            write_text(folder / ERROR, traceback.format_exc())
            raise
        outcome = Outcome.read(folder)
    assert outcome is not None  # noqa: S101 - one of both files was just written
    return outcome


def _lead(folder: Path, store: Store, workers: Workers, laps: Laps, judgement: Judgement) -> None:
    experiment = load_space(folder / EXPERIMENT).fixed()
    with laps.lap("load"):
        model = base_model(experiment)
        prompt_set = build_prompt_set(experiment.concept, experiment.prompts)
    if not experiment.is_trained:
        assert experiment.closed_form is not None  # noqa: S101 - what is not trained is edited
        with laps.lap("training"):
            weights = edit(model, experiment.closed_form, prompt_set, store, folder)
    else:
        with laps.lap("synthesis"):
            data = _training_set(model, prompt_set, experiment, store, workers)
        with laps.lap("training"):
            start = _start(model, prompt_set, experiment, store)
            weights = train(model, experiment, data, folder, workers=workers, start=start)
    with laps.lap("judging"):
        evaluation = evaluate(
            apply_weights(model, weights),
            prompt_set,
            experiment,
            store,
            seat=judgement.seat,
            base=model,
            seed=judgement.seed,
            repeats=judgement.repeats,
        )
        evaluation.draw_gallery(folder / GALLERY, experiment.evaluation.gallery)
        if judgement.keeps_samples:
            save_samples(evaluation, experiment.evaluation.gallery, folder / SAMPLES)
    write_json(folder / TIMING, laps.total())
    # Last: with its report a trial has ended.
    evaluation.report.save(folder / REPORT)


def _follow(folder: Path, store: Store, workers: Workers) -> Outcome:
    experiment = load_space(folder / EXPERIMENT).fixed()
    if not experiment.is_trained:
        return Outcome({}, None, None)
    model = base_model(experiment)
    prompt_set = build_prompt_set(experiment.concept, experiment.prompts)
    data = _training_set(model, prompt_set, experiment, store, workers)
    try:
        start = _start(model, prompt_set, experiment, store)
        train(model, experiment, data, folder, workers=workers, start=start)
    except DivergedError as error:
        return Outcome({}, str(error), None)
    return Outcome({}, None, None)


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
    """Pictures that are missing are made by the leading worker; the others read them."""
    if not workers.leads:
        workers.wait()
    data = prepare_training_set(model, prompt_set, experiment, store)
    if workers.leads:
        workers.wait()
    return data


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
