"""How much disk a sweep takes, told before its first picture is made."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pipeline.config import SearchSpace
from pipeline.diffusion import Store
from pipeline.diffusion.skeleton import moving, skeleton
from pipeline.search.machine import trials_at_once
from pipeline.search.outcome import Outcome
from pipeline.search.planning.fit import in_words, room
from pipeline.search.planning.pictures import count_pictures
from pipeline.search.planning.plan import (
    bytes_of_trials,
    corners,
    free_bytes,
    known_text,
    least_kept,
    picture_bytes,
)
from pipeline.unlearning.memory import saved_bytes


def tell_disk(space: SearchSpace, sweep: Path, store: Store) -> str:
    """What a sweep adds to its disk at most, and what is free, in a few words.

    No weights are loaded: it takes a second, and some more where adapters and precisions are
    searched.

    Args:
        space: what is searched.
        sweep: folder that it has.
        store: of pictures and prompts' states.

    Raises:
        ValueError: it cannot fit.
    """
    # Those that have ended have left there what they leave.
    ended = sum(Outcome.read(trial) is not None for trial in sweep.glob("trials/*"))
    trials, keeps = max(0, space.budget.trials - ended), space.budget.keep_weights
    (least, most), free = _needed(space, store, trials), free_bytes(sweep)
    if least > free:
        raise ValueError(
            f"{sweep}: expected {in_words(least)} free for {trials} trials "
            f"and their pictures, found {in_words(free)}; {room(keeps)}"
        )
    told = f"at most {in_words(most)} on disk, {in_words(free)} free"
    return told if most <= free else f"{told}: enough unless most trials are on the front"


def _needed(space: SearchSpace, store: Store, trials: int) -> tuple[int, int]:
    """The least and the most."""
    examples = list(corners(space))
    model = skeleton(examples[0].model.base, examples[0].model.revision)
    wanted = count_pictures(space, model.fingerprint, store)
    number = cache(lambda settings: moving(model.students(settings)))
    saved = [saved_bytes(each, number(each.model), model.stored_bytes) for each in examples]
    most = max(saved, key=lambda each: sum(each.values()))
    made = picture_bytes(model, known_text(examples[0]), wanted)
    at_once = trials_at_once(space.scaling, space.budget.max_concurrent)
    kept = least_kept(space.budget.keep_weights, trials, at_once)
    least, all_of_them = (bytes_of_trials(most, number, at_once) for number in (kept, trials))
    return made + least, made + all_of_them
