"""What a model draws when it is asked, and what the judges see in it.

Legend: N pictures; `levels` are uint8, (N, 3, H, W), as a PNG would hold them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from pipeline.diffusion.conditions import Conditions, concatenate
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.sampling import Progress, decode, sample_latents
from pipeline.diffusion.store import Store
from pipeline.diffusion.synthesis import synthesize
from pipeline.evaluation.jury import Features, Jury, Verdicts
from pipeline.evaluation.questions import Questions

_TEXT_BATCH: Final = 32
_PROBABILITIES: Final = "probabilities."


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


def draw(model: DiffusionModel, questions: Questions, progress: Progress) -> Tensor:
    """Levels of a model's pictures; nothing is stored, as nobody will ask for them again."""
    texts = list(dict.fromkeys(["", *questions.texts]))
    encoded: list[Conditions] = []
    for start in range(0, len(texts), _TEXT_BATCH):
        chunk = texts[start : start + _TEXT_BATCH]
        # Filled up, as the base's are: matrix products round differently for other shapes.
        filled = [*chunk, *[""] * (_TEXT_BATCH - len(chunk))]
        encoded.append(model.encode_prompts(filled)[: len(chunk)].to("cpu"))
    conditions = concatenate(encoded)
    rows = {text: row for row, text in enumerate(texts)}
    latents = sample_latents(
        model,
        conditions[[rows[text] for text in questions.texts]],
        questions.seeds,
        questions.sampler,
        empty=conditions[rows[""] : rows[""] + 1],
        progress=progress,
        guidances=questions.guidances,
    )
    return _levels(decode(model, latents))


def answers(levels: Tensor, questions: Questions, jury: Jury) -> Answers:
    """Have pictures judged at the 256 levels of a PNG, so that a saved one is the judged one."""
    return Answers(levels, *jury.judge(_floats(levels), questions.texts))


def base_answers(
    base: DiffusionModel, questions: Questions, jury: Jury, store: Store, progress: Progress
) -> Answers:
    """The base's pictures, the verdicts on them and their features, from the store if it has them.

    Their key holds all they depend on: the base, the prompts, the seeds, the sampler, the judges.
    """
    key = {
        "what": "verdicts and features",
        "base": base.fingerprint,
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
        latents = synthesize(
            base,
            questions.texts,
            questions.seeds,
            questions.sampler,
            store,
            lambda done, missing: progress(count - missing + done, count),
            questions.guidances,
        )
        found = store.put(key, _tensors(answers(_levels(decode(base, latents)), questions, jury)))
    progress(count, count)
    return _from_tensors(found)


def _tensors(judged: Answers) -> dict[str, Tensor]:
    named = {f"{_PROBABILITIES}{axis}": p for axis, p in judged.verdicts.probabilities.items()}
    return {
        "levels": judged.levels,
        "cosines": judged.verdicts.cosines,
        "features.clip": judged.features.clip,
        "features.classifier": judged.features.classifier,
        **named,
    }


def _from_tensors(tensors: dict[str, Tensor]) -> Answers:
    probabilities = {
        name.removeprefix(_PROBABILITIES): tensor
        for name, tensor in tensors.items()
        if name.startswith(_PROBABILITIES)
    }
    return Answers(
        tensors["levels"],
        Verdicts(probabilities, tensors["cosines"]),
        Features(tensors["features.clip"], tensors["features.classifier"]),
    )


def _levels(images: Tensor) -> Tensor:
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _floats(levels: Tensor) -> Tensor:
    return levels.float() / 127.5 - 1
