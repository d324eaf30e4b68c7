"""The settings that a file would have if it searched nothing: where a sweep may begin."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, assert_never

from pipeline.config import Choice, Distribution, Experiment, IntUniform, SearchSpace, Simplex
from pipeline.config.distributions import Uniform
from pipeline.config.problems import setting_paths


def default_values(space: SearchSpace) -> dict[str, Any]:
    """For each distribution of a space the value nearest to the setting's default.

    A number is moved into its range; where the default is no number the middle is taken (of the
    logarithm, if that is drawn from). A choice without the default gives its first option, and the
    shares of a simplex are equal.
    """
    sections = setting_paths(Experiment)
    values = {}
    for path, distribution in space.distributions.items():
        section, _, name = path.rpartition(".")
        owner = sections[section] if section else Experiment
        field = owner.model_fields.get(name) if owner is not None else None
        default = None if field is None else field.get_default(call_default_factory=True)
        values[path] = _nearest(distribution, default)
    return values


def _nearest(distribution: Distribution, default: Any) -> Any:
    match distribution:
        case Uniform(low, high, log):
            return float(min(max(_number(default, low, high, log=log), low), high))
        case IntUniform(low, high, log):
            return round(min(max(_number(default, low, high, log=log), low), high))
        case Choice(options):
            return default if _is_one_of(default, options) else options[0]
        case Simplex(names):
            return {name: 1 / len(names) for name in names}
        case _:
            assert_never(distribution)


def _number(default: Any, low: float, high: float, *, log: bool) -> float:
    if isinstance(default, int | float) and not isinstance(default, bool):
        return default
    return math.sqrt(low) * math.sqrt(high) if log else (low + high) / 2


def _is_one_of(default: Any, options: Iterable[Any]) -> bool:
    # To Python, 1 and true are the same.
    return any(type(option) is type(default) and option == default for option in options)
