"""Judging an unlearned model on held-out prompts and fixed seeds, beside its base.

Legend: N pictures, (N, 3, H, W) in [-1, 1].
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import Tensor

from pipeline.config.experiment import Experiment
from pipeline.diffusion.load import load_model
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.sampling import Progress
from pipeline.diffusion.store import Store
from pipeline.evaluation.answers import answers, draw, kept_answers
from pipeline.evaluation.evidence import Evidence
from pipeline.evaluation.gallery import gallery
from pipeline.evaluation.judges.captions import captions_of
from pipeline.evaluation.jury import Jury
from pipeline.evaluation.locate import Seat
from pipeline.evaluation.questions import Questions, questions_of
from pipeline.evaluation.regression import regressions
from pipeline.evaluation.report import Report, Sampling
from pipeline.evaluation.reporting import report_on
from pipeline.evaluation.scoring import check_axes
from pipeline.evaluation.sensitive import is_blurred
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.prompt_set import PromptSet
from pipeline.prompts.vocabulary import vocabulary

_GALLERY_SIDE: Final = 128  # pixels that a small picture is enlarged to


@dataclass(frozen=True)
class Evaluation:
    """A report and the pictures it is about, those of forget prompts first.

    Attributes:
        report: the measures.
        images: the judged model's, (N, 3, H, W) in [-1, 1], at the 256 levels of a PNG.
        base_images: the base's of the same prompts and seeds.
        prompts: the N prompts.
        blurred: whether galleries show them beyond recognition.
        evidence: the answers that the report is made of; None of one that was put together by hand.
    """

    report: Report
    images: Tensor
    base_images: Tensor
    prompts: tuple[Prompt, ...]
    blurred: bool = False
    evidence: Evidence | None = None

    def shown(self, count: int) -> list[int]:
        """Rows of up to `count` pictures worth a look: half of forget prompts, they first."""
        # Of prompts, not of pictures: the repeats of a prompt follow each other.
        repeats = self.report.sampling.repeats
        forget, prompts = self.report.images.forget // repeats, len(self.prompts) // repeats
        chosen = [*_spread(0, forget, (count + 1) // 2), *_spread(forget, prompts, count // 2)]
        return [repeats * row for row in chosen]

    def draw_gallery(self, path: Path, count: int) -> None:
        """Write `count` pairs, before and after, as one PNG: half of forget prompts, they first.

        The pairs are spread evenly over the test prompts. Nothing is written for a count of 0.
        """
        rows = self.shown(count)
        if not rows:
            return
        kinds = ["forget" if row < self.report.images.forget else "retain" for row in rows]
        captions = [
            f"{kind}: {self.prompts[row].text}" for kind, row in zip(kinds, rows, strict=True)
        ]
        scale = max(1, _GALLERY_SIDE // self.images.shape[-1])
        before, after = self.base_images[rows], self.images[rows]
        gallery(before, after, captions, path, scale, blurred=self.blurred)


def evaluate(  # noqa: PLR0913  (what is judged, on what, by whom, and how often)
    model: DiffusionModel,
    prompt_set: PromptSet,
    experiment: Experiment,
    store: Store,
    *,
    seat: Seat = "first",
    base: DiffusionModel | None = None,
    seed: int | None = None,
    repeats: int = 1,
    pictures: Store | None = None,
    keeps_answers: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Sample the test prompts with a model and its base, and judge both.

    The base's pictures and verdicts are kept in the store, under the hash of all they depend on:
    of many trials only the first one waits for them. The model's own pictures are asked for this
    once; who keeps them until the report is written makes each only once all the same.

    Args:
        model: the model to judge.
        prompt_set: whose test prompts are sampled.
        experiment: says what was to be erased, from which base, and how to sample.
        store: where the base's part is kept.
        seat: whether the classifier that searches use judges, or the one that none uses.
        base: the model to compare with; loaded as `experiment.model` says if None.
        seed: added to each prompt's own seed; `experiment.evaluation.seed` if None.
        repeats: pictures of each prompt, each from its own noise; 1 or more.
        pictures: where the model's are kept while they are made, see `drawn_in`; if None, where
            nobody finds them again.
        keeps_answers: whether `pictures` gets the verdicts too, so that the same questions about
            the same model are answered from there the next time.
        progress: told how many of all pictures, the base's included, are done.

    Raises:
        ValueError: a judge is missing or does not know what the prompts name, the base draws
            nothing that agrees with its prompts, or there are no test prompts of a kind.
    """
    settings = experiment.evaluation
    questions = questions_of(prompt_set, settings, seed, repeats)
    captions = captions_of(vocabulary(experiment.prompts.vocabulary))
    jury = Jury.seated(settings, captions, seat, model.device)
    check_axes(jury.axes, prompt_set.concept, questions.prompts)
    if base is None:
        base = load_model(experiment.model.base, experiment.model.revision, model.device)
    count = len(questions)
    seconds: dict[str, float] = {}
    with _timed(seconds, "base"):
        before = kept_answers(base, questions, jury, store, _part(progress, 0, count))
    told = _part(progress, count, count)
    if model.fingerprint == base.fingerprint:
        after = before
        told(count, count)
    elif keeps_answers and pictures is not None:
        with _timed(seconds, "judging"):  # or finding that it was done
            after = kept_answers(model, questions, jury, pictures, told)
    else:
        with _timed(seconds, "sampling"):
            levels = _drawn(model, questions, store, pictures, told)
        with _timed(seconds, "judging"):
            after = answers(levels, questions, jury)
    # Pictures of earlier erasures come last, and are judged by themselves.
    rows = slice(0, repeats * (len(prompt_set.forget_test) + len(prompt_set.retain_test)))
    again = slice(rows.stop, count)
    earlier = regressions(
        after.verdicts.rows(again),
        before.verdicts.rows(again),
        questions.rows(again),
        list(zip(prompt_set.earlier, experiment.concept.erased, strict=True)),
        jury.axes,
        jury.identity.classifier.fingerprint,
    )
    asked_again = (questions.rows(again), after.verdicts.rows(again))
    after, before, questions = after.rows(rows), before.rows(rows), questions.rows(rows)
    report = report_on(
        after,
        before,
        questions,
        prompt_set.concepts,
        jury,
        earlier=earlier,
        config=experiment.concept,
        model=model.fingerprint,
        base=base.fingerprint,
        sampling=Sampling(
            steps=settings.steps,
            guidance=settings.guidance,
            seed=settings.seed if seed is None else seed,
            repeats=repeats,
        ),
        seconds=seconds,
    )
    blurred = is_blurred(experiment, [prompt.text for prompt in questions.prompts])
    evidence = Evidence(questions, after, before, asked_again, prompt_set, jury.axes, repeats)
    return Evaluation(report, after.images, before.images, questions.prompts, blurred, evidence)


def drawn_in(folder: Path, store: Store) -> Store:
    """A store of a judged model's pictures; its prompts' states are read from the shared one."""
    return Store(folder, behind=store)


def _drawn(
    model: DiffusionModel,
    questions: Questions,
    store: Store,
    pictures: Store | None,
    progress: Progress,
) -> Tensor:
    if pictures is not None:
        return draw(model, questions, pictures, progress)
    with tempfile.TemporaryDirectory() as folder:
        return draw(model, questions, drawn_in(Path(folder), store), progress)


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - started


def _part(progress: Progress | None, offset: int, count: int) -> Progress:
    """Progress on one of two models' pictures, told as progress on both."""

    def tell(done: int, _: int) -> None:
        if progress is not None:
            progress(offset + done, 2 * count)

    return tell


def _spread(start: int, end: int, count: int) -> list[int]:
    """Up to `count` of the rows from start to end, about evenly apart.

    Test prompts cycle through objects and styles: each stride ends one row further on, or all
    pairs of a gallery could show one style.
    """
    available = end - start
    kept = min(count, available)
    stride = max(1, available // max(1, kept))
    return [start + place * available // kept + place % stride for place in range(kept)]
