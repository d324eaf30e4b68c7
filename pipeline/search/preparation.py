"""What all trials of a sweep share, done once before the first one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pipeline.config import (
    Choice,
    Distribution,
    Experiment,
    IntUniform,
    SearchSpace,
    Simplex,
    Uniform,
)
from pipeline.diffusion import Store
from pipeline.diffusion.share import Share
from pipeline.diffusion.synthesis import synthesize_share
from pipeline.evaluation.judge import evaluate
from pipeline.evaluation.questions import Questions, questions_of
from pipeline.prompts import PromptSet, build_prompt_set
from pipeline.search.files import read_json, write_json
from pipeline.search.places import BASE, PROMPTS, SWEEP
from pipeline.search.preparation_progress import Teller
from pipeline.search.rung_judge import judge_at_rung
from pipeline.search.unlearned import base_model
from pipeline.unlearning import prepare_training_set, training_pictures
from pipeline.unlearning.training_set import TrainingPictures

_SECTIONS: Final = ("model.", "concept.", "prompts.", "synthesis.")
"""Where a distribution decides which pictures training wants."""

_MOST_CORNERS: Final = 16


def make_pictures(space: SearchSpace, folder: Path, store: Store, share: Share) -> None:
    """One process's share of the pictures that `prepare` looks for; it then finds them all.

    Raises:
        ValueError: as `prepare`.
    """
    tell = Teller(folder, share.rank)
    for part, experiment, wanted in wanted_pictures(space):
        model = base_model(experiment)
        _check_base(folder, model.fingerprint)
        synthesize_share(
            model, wanted.texts, wanted.seeds, wanted.sampler, store, share, tell.progress(part)
        )


def prepare(space: SearchSpace, folder: Path, store: Store) -> None:
    """Judge the base, and make the pictures that trials will want.

    Writes `base.json` and `prompts.json`, and how far it is into `preparation.json`. What a draw
    inside the space wants beyond its corners is made by the trial itself.

    Raises:
        ValueError: a model or a judge is missing, the concept has no prompts, or the base isn't
            the one that the sweep began with.
    """
    corners = list(corner_experiments(space))
    first = corners[0]
    model = base_model(first)
    _check_base(folder, model.fingerprint)
    _remember_base(folder, model.fingerprint, model.commit)
    prompt_set = build_prompt_set(first.concept, first.prompts)
    write_json(folder / PROMPTS, _texts(prompt_set))
    tell = Teller(folder)
    for number, corner in enumerate(corners, 1):
        if not corner.is_trained:
            continue  # an edit looks at no picture
        prepare_training_set(
            base_model(corner),
            build_prompt_set(corner.concept, corner.prompts),
            corner,
            store,
            tell.progress(_to_train_on(number, len(corners))),
            every_source=True,
        )
    if not (folder / BASE).exists():
        evaluation = evaluate(
            model,
            prompt_set,
            first,
            store,
            base=model,
            progress=tell.progress("judging the base model"),
        )
        write_json(folder / BASE, {"metrics": dict(evaluation.report.metrics)})
    if first.is_trained and first.budget.early_stopping is not None:
        judge_at_rung(model, model, prompt_set, first, store)


def wanted_pictures(
    space: SearchSpace,
) -> Iterator[tuple[str, Experiment, TrainingPictures | Questions]]:
    """All pictures of the preparation in parts: those to train on, and those the base is judged by.

    Each part comes in words, with the experiment whose base makes the pictures.
    """
    corners = list(corner_experiments(space))
    for number, corner in enumerate(corners, 1):
        if not corner.is_trained:
            continue  # an edit looks at no picture
        prompt_set = build_prompt_set(corner.concept, corner.prompts)
        wanted = training_pictures(prompt_set, corner, every_source=True)
        yield _to_train_on(number, len(corners)), corner, wanted
    first = corners[0]
    prompt_set = build_prompt_set(first.concept, first.prompts)
    questions = questions_of(prompt_set, first.evaluation, None, repeats=1)
    yield "pictures to judge the base model by", first, questions


def _to_train_on(number: int, corners: int) -> str:
    return f"pictures to train on ({number} of {corners})"


def corner_experiments(space: SearchSpace) -> Iterator[Experiment]:
    """Experiments at the corners of what decides pictures; all else at its first end.

    Prompts and pictures of a diversified set begin with those of a less diversified one, so that
    the corners hold (nearly) all that lies between.
    """
    ends = {
        path: _ends(distribution) if path.startswith(_SECTIONS) else _ends(distribution)[:1]
        for path, distribution in space.distributions.items()
    }
    combinations = itertools.product(*ends.values())
    for values in itertools.islice(combinations, _MOST_CORNERS):
        yield space.fill(dict(zip(ends, values, strict=True)))


def _ends(distribution: Distribution) -> tuple[Any, ...]:
    match distribution:
        case Uniform(low, high) | IntUniform(low, high):
            return (high, low)
        case Choice(options):
            return options
        case Simplex(names):
            return ({name: 1 / len(names) for name in names},)


def _check_base(folder: Path, fingerprint: str) -> None:
    began_with = (read_json(folder / SWEEP) or {}).get("base")
    if began_with not in (None, fingerprint):
        raise ValueError(
            f"model.base: expected the model that the sweep began with ({began_with[:12]}), got "
            f"{fingerprint[:12]}; its trials couldn't be compared with the earlier ones: start a "
            "new sweep, or put the old weights back"
        )


def _remember_base(folder: Path, fingerprint: str, commit: str | None) -> None:
    manifest = read_json(folder / SWEEP) or {}
    if manifest.get("base") is None:
        resolved = {} if commit is None else {"commit": commit}
        write_json(folder / SWEEP, {**manifest, "base": fingerprint, **resolved})


def _texts(prompt_set: PromptSet) -> dict[str, Any]:
    return {
        "report": prompt_set.report(),
        "forget_train": [prompt.text for prompt in prompt_set.forget_train],
        "retain_train": {
            source: [prompt.text for prompt in prompts]
            for source, prompts in prompt_set.retain_train.items()
        },
        "forget_test": [prompt.text for prompt in prompt_set.forget_test],
        "retain_test": [prompt.text for prompt in prompt_set.retain_test],
    }
