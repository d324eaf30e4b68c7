"""Prompts and pictures of a sweep, and which of them the store has already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.config import SearchSpace
from pipeline.diffusion import Store
from pipeline.diffusion.synthesis import picture_keys
from pipeline.prompts import build_prompt_set
from pipeline.search.preparation import corner_experiments, wanted_pictures
from pipeline.unlearning import training_pictures
from pipeline.unlearning.training_set import TrainingPictures


@dataclass(frozen=True)
class Pool:
    """Prompts of one kind, and how many of them differ."""

    prompts: int
    distinct: int


@dataclass(frozen=True)
class Pictures:
    """Pictures that are made once for all trials, and how many of them are there."""

    wanted: int
    stored: int

    @property
    def missing(self) -> int:
        """Those that will be made."""
        return self.wanted - self.stored


@dataclass(frozen=True)
class Wanted:
    """What a sweep asks of its base.

    Attributes:
        pools: prompts by name, those that teach first.
        teaching: pictures to train on, at all corners of the space.
        judging: the base's pictures of the prompts that judge; each trial makes as many.
    """

    pools: Mapping[str, Pool]
    teaching: Pictures
    judging: Pictures


def count_pictures(space: SearchSpace, fingerprint: str, store: Store) -> Wanted:
    """Count without making anything.

    Args:
        space: of the sweep.
        fingerprint: of its base, under which the store keeps pictures.
        store: of earlier sweeps.
    """
    # Corners share most of their pictures: each counts once.
    keys: dict[bool, dict[str, bool]] = {True: {}, False: {}}
    for _, _, wanted in wanted_pictures(space):
        teaches = isinstance(wanted, TrainingPictures)
        scales = None if isinstance(wanted, TrainingPictures) else wanted.guidances
        for key in picture_keys(fingerprint, wanted.texts, wanted.seeds, wanted.sampler, scales):
            name = json.dumps(key, sort_keys=True)
            if name not in keys[teaches]:
                keys[teaches][name] = store.has(key)
    teaching, judging = (
        Pictures(len(keys[teaches]), sum(keys[teaches].values())) for teaches in (True, False)
    )
    return Wanted(_pools(space), teaching, judging)


def _pools(space: SearchSpace) -> dict[str, Pool]:
    first = next(corner_experiments(space))
    prompts = build_prompt_set(first.concept, first.prompts)
    parts = (
        dict(training_pictures(prompts, first, every_source=True).parts)
        if first.is_trained
        else {"forget": prompts.forget_train}
    )
    parts |= {"forget, judged": prompts.forget_test, "retain, judged": prompts.retain_test}
    earlier = tuple(each for erasure in prompts.earlier for each in erasure.prompts)
    if earlier:
        parts["erased earlier, judged"] = earlier
    return {
        name: Pool(len(part), len({prompt.text for prompt in part})) for name, part in parts.items()
    }
