"""What has to be the same for methods that are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pipeline.config.distributions import extremes
from pipeline.config.experiment import Experiment
from pipeline.config.parsing import FIXED
from pipeline.config.problems import Problem, quote
from pipeline.config.space import SearchSpace

ITS_OWN: Final = ("name", "gate", "budget", "scaling")
"""What may differ between sweeps of the same space: name, gate, size and machines."""

_JUDGED_ALIKE: Final = (*(path for path in FIXED if path not in ITS_OWN), "seed", "synthesis")
"""What no sweep may search, its own name, gate and size apart, and what training starts from."""

_SEARCHED_ALIKE: Final = (
    "budget.trials",
    "budget.seed",
    "budget.sampler",
    "budget.early_stopping",
    "budget.warm_start",
    "budget.warm_start_by",
    "budget.start_from_defaults",
)
"""For search spaces alone: an experiment without distributions isn't searched."""


def example(space: SearchSpace) -> Experiment:
    """One experiment of a space; what is never searched is as in all of them."""
    return space.fill({path: extremes(drawn)[0][1] for path, drawn in space.distributions.items()})


def differing_settings(spaces: Mapping[str, SearchSpace]) -> Iterator[Problem]:
    """Settings in which the spaces of methods differ and must not: the table would not be fair.

    Args:
        spaces: by method, all of one target.
    """
    plain = {name: example(space).model_dump(mode="json") for name, space in spaces.items()}
    searched = [name for name, space in spaces.items() if space.distributions]
    for paths, names in ((_JUDGED_ALIKE, list(spaces)), (_SEARCHED_ALIKE, searched)):
        for path in paths:
            values = {name: _at(plain[name], path) for name in names}
            first, *others = list(values.items()) or [("", None)]
            other = next(((name, v) for name, v in others if v != first[1]), None)
            if other is not None:
                got = f"{quote(first[1])} for {first[0]}, {quote(other[1])} for {other[0]}"
                remedy = "write it under `same`"
                yield Problem(path, "one value for all methods", got, remedy)


def _at(tree: Any, path: str) -> Any:
    for part in path.split("."):
        tree = tree[part]
    return tree
