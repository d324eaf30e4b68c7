"""What a model draws when it is asked, and what the judges see in it.

Legend: N pictures; `levels` are uint8, (N, 3, H, W), as a PNG would hold them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.sampling import Progress, decode
from pipeline.diffusion.share import Share
from pipeline.diffusion.store import Store
from pipeline.diffusion.synthesis import synthesize, synthesize_share
from pipeline.evaluation.jury import Features, Jury, Verdicts
from pipeline.evaluation.levels import levels_of
from pipeline.evaluation.questions import Questions

_DECODED: Final = 32
_PROBABILITIES: Final = "probabilities."
_SEEN: Final = "seen."


@dataclass(frozen=True)
class Answers:
    """A model's pictures and what the judges made of them.

    Attributes:
        levels: uint8, (N, 3, H, W).
        verdicts: on the N pictures.
        features: of the N pictures.
    """

    levels: Tensor
    verdicts: Verdicts
    features: Features

    @property
    def images(self) -> Tensor:
        """The pictures as floats in [-1, 1]."""
        return _floats(self.levels)

    def rows(self, rows: slice) -> Answers:
        """The answers to some of the questions."""
        return Answers(self.levels[rows], self.verdicts.rows(rows), self.features.rows(rows))


def draw(
    model: DiffusionModel, questions: Questions, pictures: Store, progress: Progress
) -> Tensor:
    """Levels of a model's pictures: (N, 3, H, W).

    Args:
        model: what draws.
        questions: what it is asked.
        pictures: which may have some already, and gets the others one by one.
        progress: told how many are done.
    """
    count = len(questions)
    latents = synthesize(
        model,
        questions.texts,
        questions.seeds,
        questions.sampler,
        pictures,
        lambda done, missing: progress(count - missing + done, count),
        questions.guidances,
    )
    progress(count, count)
    # Who samples few pictures at a time, as memory is short, cannot decode many either.
    size = min(_DECODED, questions.sampler.batch)
    # Filled up, as batches of sampling are: a picture must not depend on how many there are.
    lacking = latents[-1:].expand(-count % size, *latents.shape[1:])
    return levels_of(decode(model, torch.cat([latents, lacking]), size))[:count]


def draw_share(
    model: DiffusionModel,
    base: DiffusionModel,
    questions: Questions,
    store: Store,
    pictures: Store,
    share: Share,
) -> None:
    """Make one process's share of the pictures that an evaluation will look for.

    Args:
        model: the one to judge.
        base: the one that it is compared with.
        questions: what both are asked.
        store: of the base's pictures.
        pictures: of the judged model's.
        share: this process's.
    """
    for drawn, place in ((base, store), (model, pictures)):
        if drawn is base or drawn.fingerprint != base.fingerprint:
            synthesize_share(
                drawn,
                questions.texts,
                questions.seeds,
                questions.sampler,
                place,
                share,
                guidances=questions.guidances,
            )


def answers(levels: Tensor, questions: Questions, jury: Jury) -> Answers:
    """Have pictures judged at the 256 levels of a PNG, so that a saved one is the judged one."""
    return Answers(levels, *jury.judge(_floats(levels), questions.texts))


def kept_answers(
    model: DiffusionModel, questions: Questions, jury: Jury, store: Store, progress: Progress
) -> Answers:
    """A model's pictures, the verdicts on them and their features, from the store if it has them.

    Their key holds all they depend on: the model, the prompts, the seeds, the sampler, the judges.

    Args:
        model: the base, whose answers serve all trials, or a model that may be asked once more.
        questions: what it is asked.
        jury: who judges.
        store: has the answers already, or gets them.
        progress: told how many pictures are done.
    """
    key = {
        "what": "verdicts and features",
        "base": model.fingerprint,  # the name that older stores have
        "texts": questions.texts,
        "seeds": questions.seeds,
        "sampler": questions.sampler.key(),
        "classifier": jury.identity.classifier.fingerprint,
        "clip": jury.identity.clip.fingerprint,
    }
    if questions.guidances is not None:
        key["guidances"] = questions.guidances
    count = len(questions)
    found = store.get(key)
    if found is None:
        levels = draw(model, questions, store, progress)
        found = store.put(key, _tensors(answers(levels, questions, jury)))
    progress(count, count)
    return _from_tensors(found)


def _tensors(judged: Answers) -> dict[str, Tensor]:
    verdicts = judged.verdicts
    named = {f"{_PROBABILITIES}{axis}": table for axis, table in verdicts.probabilities.items()}
    named |= {f"{_SEEN}{axis}": numbers for axis, numbers in verdicts.seen.items()}
    return {
        "levels": judged.levels,
        "cosines": verdicts.cosines,
        "features.clip": judged.features.clip,
        "features.classifier": judged.features.classifier,
        **named,
    }


def _from_tensors(tensors: dict[str, Tensor]) -> Answers:
    return Answers(
        tensors["levels"],
        Verdicts(_named(tensors, _PROBABILITIES), tensors["cosines"], _named(tensors, _SEEN)),
        Features(tensors["features.clip"], tensors["features.classifier"]),
    )


def _named(tensors: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(start): tensor
        for name, tensor in tensors.items()
        if name.startswith(start)
    }


def _floats(levels: Tensor) -> Tensor:
    return levels.float() / 127.5 - 1
