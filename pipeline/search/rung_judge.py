"""A trial at its rungs: it is judged on a few test prompts, and asks whether it goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch

from pipeline.config import EarlyStoppingConfig, Experiment
from pipeline.diffusion import DiffusionModel, Store
from pipeline.diffusion.pulse import at_rest
from pipeline.diffusion.weights import apply_weights
from pipeline.evaluation.judge import evaluate
from pipeline.prompts import PromptSet
from pipeline.search.halving import Verdict
from pipeline.search.rung import RungReport, measured, note_measured, verdict_on
from pipeline.unlearning.workers import Workers

Tell = Callable[[Mapping[str, Any]], None]
"""Sends a flat mapping to the sweep. All workers call it, and what the leading one sends counts."""

_POLL_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 600.0
"""How long a trial waits for its sweep to decide: a shared disk may show a file late."""


@dataclass(frozen=True)
class RungJudge:
    """Judges a trial's weights at its rungs, and hears what the sweep decides.

    The judged model is made anew from the file of its weights, beside the one that is trained: at a
    rung a device holds both.

    Attributes:
        folder: of the trial.
        base: the model before the training.
        prompt_set: some of whose test prompts judge.
        experiment: of the trial; its budget stops trials early.
        store: of the base's pictures.
        workers: this worker and how many train together; the leading one judges.
        tell: sends a `RungReport` to the sweep, which then writes its verdict.
    """

    folder: Path
    base: DiffusionModel
    prompt_set: PromptSet
    experiment: Experiment
    store: Store
    workers: Workers
    tell: Tell

    @cached_property
    def rungs(self) -> dict[int, int]:
        """Step -> rung."""
        return _settings(self.experiment).rungs(self.experiment.update.steps)

    def ask(self, step: int, weights: Path) -> bool:
        """Whether the training goes on after a step; True of workers that don't lead."""
        rung = self.rungs[step]
        if not self.workers.leads:
            self.tell({})
            return True
        report = measured(self.folder, rung)
        if report is None:
            report = RungReport(rung, step, self._judge(weights))
            note_measured(self.folder, report)
        self.tell(report.as_result())
        return self._verdict(rung).goes_on

    def _judge(self, weights: Path) -> dict[str, float]:
        model = apply_weights(self.base, weights)
        # Pictures have generators of their own; a judge from elsewhere may not.
        with torch.random.fork_rng():
            metrics = judge_at_rung(model, self.base, self.prompt_set, self.experiment, self.store)
        return {name: metrics.get(name, math.nan) for name in self.experiment.objectives}

    def _verdict(self, rung: int) -> Verdict:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        with at_rest():
            while (said := verdict_on(self.folder, rung)) is None:
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"{self.folder}: expected the sweep to decide at rung {rung + 1}, heard "
                        f"nothing for {_PATIENCE_SECONDS / 60:.0f} minutes; is UNLEARN_HOME on a "
                        "disk that all machines share?"
                    )
                time.sleep(_POLL_SECONDS)
        return said


def judge_at_rung(
    model: DiffusionModel,
    base: DiffusionModel,
    prompt_set: PromptSet,
    experiment: Experiment,
    store: Store,
) -> dict[str, float]:
    """The metrics of a report on a few prompts: the same ones, and seeds, for every trial.

    Batches are as large as the pictures need. Where that is less than elsewhere the base's pictures
    are made for the rungs too, once, as those of another batch differ in their last bits.

    Args:
        model: to judge; the base itself, so that its pictures are there when trials ask.
        base: that it is compared with.
        prompt_set: some of whose test prompts judge.
        experiment: its budget says how many, and how the pictures are sampled.
        store: of the base's pictures.
    """
    settings = _settings(experiment)
    few = rung_prompts(prompt_set, settings.prompts)
    sampling = {
        "steps": experiment.evaluation.steps if settings.steps is None else settings.steps,
        "batch": even_batch(
            len(few.forget_test) + len(few.retain_test), experiment.evaluation.batch
        ),
    }
    changed = {
        "evaluation": experiment.evaluation.model_copy(update=sampling),
        "concept": experiment.concept.model_copy(update={"erased": ()}),
    }
    evaluation = evaluate(model, few, experiment.model_copy(update=changed), store, base=base)
    return dict(evaluation.report.metrics)


def even_batch(pictures: int, most: int) -> int:
    """The least batch that needs no more of them: the last one is filled up, and costs as any.

    Args:
        pictures: to make.
        most: pictures at once.
    """
    batches = math.ceil(pictures / most)
    return math.ceil(pictures / batches)


def rung_prompts(prompt_set: PromptSet, count: int) -> PromptSet:
    """The set with the first of its test prompts alone, without those of earlier erasures.

    Test prompts take concepts, values and contexts in turn: the first ones show as many of each as
    so few can.

    Args:
        prompt_set: whole.
        count: prompts that are left, as large a part of them of the concepts as in the whole, at
            least one of each concept, and two others.
    """
    forget, retain = prompt_set.forget_test, prompt_set.retain_test
    mine = round(count * len(forget) / (len(forget) + len(retain)))
    mine = min(max(mine, len(prompt_set.concepts)), count - 2)
    return replace(
        prompt_set, forget_test=forget[:mine], retain_test=retain[: count - mine], earlier=()
    )


def _settings(experiment: Experiment) -> EarlyStoppingConfig:
    settings = experiment.budget.early_stopping
    assert settings is not None  # noqa: S101 - only then are there rungs
    return settings
