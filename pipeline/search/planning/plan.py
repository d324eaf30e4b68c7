"""The plan of a sweep: counts, memory, disk and time, and whether it fits the machine."""

from __future__ import annotations

import itertools
import math
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pipeline.config import Experiment, SearchSpace
from pipeline.config.distributions import extremes
from pipeline.diffusion import Store
from pipeline.diffusion.activations import count_activations, widest_tensors
from pipeline.diffusion.model import PRECISIONS
from pipeline.diffusion.skeleton import Skeleton, moving, skeleton
from pipeline.prompts import build_prompt_set
from pipeline.search.machine import Memory, memory_of_a_worker, trials_at_once
from pipeline.search.planning.duration import UNKNOWN, Duration, from_trials
from pipeline.search.planning.pictures import Wanted, count_pictures
from pipeline.unlearning.memory import Buffer, Phase, Sizes, buffers, peak, saved_bytes
from pipeline.unlearning.shards import largest_block

Keeps = Literal["all", "front"]
"""`budget.keep_weights`."""

_MOST_CORNERS: Final = 32
_DECIDE_MEMORY: Final = ("model.", "update.", "losses.", "evaluation.", "scaling.")
_FLOAT: Final = 4


@dataclass(frozen=True)
class Parameters:
    """Numbers of parameters.

    Attributes:
        parts: by part of the model.
        trained: which of the parts are trained.
        moving: those that move, adapters included.
    """

    parts: Mapping[str, int]
    trained: tuple[str, ...]
    moving: int

    @property
    def share(self) -> float:
        """Of those that move, as a share of the trained parts'."""
        return self.moving / sum(self.parts[name] for name in self.trained)


@dataclass(frozen=True)
class Plan:
    """What a sweep will take.

    Attributes:
        name: of the sweep.
        base: of its model.
        wanted: prompts and pictures.
        trials: in all.
        at_once: that train at a time, at least.
        steps: the fewest and the most of a trial; 0 for an edit.
        parameters: of the heaviest trial.
        buffers: what a worker of it holds.
        memory: what a worker finds.
        saved: bytes by what a trial writes: weights that stay, checkpoints until it has ended.
        keeps: whose weights stay.
        made: bytes of the pictures and prompts' states that the store lacks.
        free: bytes on the disk of sweeps and store.
        duration: of the longest trial.
        heaviest: the trial that needs the most memory.
        longest: the one with the most steps.
    """

    name: str
    base: str
    wanted: Wanted
    trials: int
    at_once: int
    steps: tuple[int, int]
    parameters: Parameters
    buffers: tuple[Buffer, ...]
    memory: Memory
    saved: Mapping[str, int]
    keeps: Keeps
    made: int
    free: int
    duration: Duration
    heaviest: Experiment
    longest: Experiment

    @property
    def peak(self) -> tuple[int, Phase]:
        """The most bytes that a worker holds, and in which phase."""
        return peak(self.buffers)

    @property
    def disk(self) -> int:
        """Bytes that the sweep adds at most."""
        return self.made + bytes_of_trials(self.saved, self.trials, self.at_once)

    @property
    def least_disk(self) -> int:
        """Bytes that it cannot do without."""
        kept = least_kept(self.keeps, self.trials, self.at_once)
        return self.made + bytes_of_trials(self.saved, kept, self.at_once)


def make_plan(space: SearchSpace, sweep: Path, store: Store, memory: int | None = None) -> Plan:
    """Plan a sweep without loading a weight.

    Args:
        space: what is searched.
        sweep: folder that it has or would have.
        store: of pictures and prompts' states.
        memory: bytes of a GPU or a machine; looked up if None.

    Raises:
        ValueError: there is no such model, or it has none of the chosen parameters.
    """
    example = next(corners(space))
    at_once = trials_at_once(space.scaling, space.budget.max_concurrent)
    model = skeleton(example.model.base, example.model.revision)
    wanted = count_pictures(space, model.fingerprint, store)
    text = known_text(example)
    tables = _tables(space, model, text)
    heaviest, sizes, table = max(tables, key=lambda each: peak(each[2])[0])
    trained = [each for each, _, _ in tables if each.is_trained]
    steps = [each.update.steps for each in trained] or [0]
    longest = max(trained or [heaviest], key=lambda each: each.update.steps)
    saved = [saved_bytes(each, own.moving, model.stored_bytes) for each, own, _ in tables]
    return Plan(
        name=space.name,
        base=space.base,
        wanted=wanted,
        trials=space.budget.trials,
        at_once=min(space.budget.trials, at_once),
        steps=(min(steps), max(steps)),
        parameters=Parameters(sizes.parts, tuple(model.students(heaviest.model)), sizes.moving),
        buffers=tuple(table),
        memory=memory_of_a_worker(space.scaling, at_once, memory),
        saved=max(saved, key=lambda each: sum(each.values())),
        keeps=space.budget.keep_weights,
        made=picture_bytes(model, text, wanted),
        free=free_bytes(sweep),
        duration=from_trials(longest, sweep, wanted.judging.wanted) or UNKNOWN,
        heaviest=heaviest,
        longest=longest,
    )


def least_kept(keeps: Keeps, trials: int, at_once: int) -> int:
    """Trials whose weights are there at the same time at the least.

    Of a front that is one member, beside those that run. All may be on it, but hardly are: a sweep
    that fills the disk stops, and goes on where there is room.
    """
    return trials if keeps == "all" else min(trials, at_once + 1)


def bytes_of_trials(saved: Mapping[str, int], trials: int, at_once: int) -> int:
    """On disk at most: every trial's weights, and the checkpoints of those that are running.

    Args:
        saved: bytes by what a trial saves.
        trials: that are to run.
        at_once: that run at a time.
    """
    return trials * saved["weights"] + min(trials, at_once) * saved["checkpoints"]


def picture_bytes(model: Skeleton, text: str, wanted: Wanted) -> int:
    """Of the pictures that the store lacks, each with the states of a prompt of its own at most."""
    states = sum(tensor.nbytes for tensor in model.conditions(text).tensors.values())
    missing = wanted.teaching.missing + wanted.judging.missing
    return missing * (_FLOAT * math.prod(model.latent_shape) + states)


def free_bytes(folder: Path) -> int:
    """Free on the disk that a folder is on, or would be on."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free


def corners(space: SearchSpace) -> Iterator[Experiment]:
    """Experiments at the edges of what decides memory and steps; all else at its first edge."""
    edges = {
        path: [value for _, value in extremes(drawn)]
        if path.startswith(_DECIDE_MEMORY)
        else [extremes(drawn)[0][1]]
        for path, drawn in space.distributions.items()
    }
    combinations = itertools.product(*(_counted(values) for values in edges.values()))
    for values in itertools.islice(combinations, _MOST_CORNERS):
        yield space.fill(dict(zip(edges, values, strict=True)))


def known_text(experiment: Experiment) -> str:
    """A prompt of the experiment: any model that it is for knows it."""
    prompts = build_prompt_set(experiment.concept, experiment.prompts)
    return prompts.forget_train[0].text


def _counted(values: list[object]) -> list[object]:
    """The values that may decide memory or steps: of a real number's ends one is enough."""
    return values[:1] if all(isinstance(value, float) for value in values) else values


def _tables(
    space: SearchSpace, model: Skeleton, text: str
) -> list[tuple[Experiment, Sizes, list[Buffer]]]:
    parts, drawn = model.parameters(), widest_tensors(model, text)
    known: dict[str, Sizes] = {}
    found = []
    for experiment in corners(space):
        precision = PRECISIONS[experiment.update.precision]
        name = f"{experiment.model.model_dump_json()} {precision}"
        if name not in known:
            students = model.students(experiment.model)
            apart = model.family.called_apart
            block = max(largest_block(part, apart) for part in students.values())
            activations = count_activations(model, experiment.model, text, precision)
            known[name] = Sizes(
                parts, model.family.denoiser, moving(students), block, activations, drawn
            )
        found.append((experiment, known[name], buffers(known[name], experiment)))
    return found
