"""Between a search space's distributions and Optuna's.

A simplex is drawn as one uniform number a name: the shares -log(u_i) / sum_j -log(u_j) are
normalised exponential variables, which are uniform on the simplex (Dirichlet(1, ..., 1)).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, assert_never

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from pipeline.config.distributions import (
    Choice,
    Distribution,
    IntUniform,
    Scalar,
    Simplex,
    Uniform,
)

_EDGE: Final = 1e-9
"""How near a draw comes to 0 and 1, where its logarithm would be infinite or zero."""


def to_optuna(distributions: Mapping[str, Distribution]) -> dict[str, BaseDistribution]:
    """Optuna's distributions by parameter name, in a fixed order.

    A simplex at `path` becomes one parameter `path.NAME.draw` a name.
    """
    result: dict[str, BaseDistribution] = {}
    for path, distribution in sorted(distributions.items()):
        match distribution:
            case Uniform(low, high, log):
                result[path] = FloatDistribution(low, high, log=log)
            case IntUniform(low, high, log):
                result[path] = IntDistribution(low, high, log=log)
            case Choice(options):
                result[path] = CategoricalDistribution(_labels(options))
            case Simplex(names):
                for name in names:
                    result[_draw(path, name)] = FloatDistribution(_EDGE, 1 - _EDGE)
            case _:
                assert_never(distribution)
    return result


def from_optuna(
    distributions: Mapping[str, Distribution], params: Mapping[str, Any]
) -> dict[str, Any]:
    """Values by dotted path, as `SearchSpace.fill` wants them, of an Optuna trial's parameters.

    Raises:
        KeyError: the trial lacks a parameter.
    """
    values: dict[str, Any] = {}
    for path, distribution in distributions.items():
        match distribution:
            case Uniform() | IntUniform():
                values[path] = params[path]
            case Choice(options):
                values[path] = options[_labels(options).index(params[path])]
            case Simplex(names):
                values[path] = shares({name: params[_draw(path, name)] for name in names})
            case _:
                assert_never(distribution)
    return values


def to_params(
    distributions: Mapping[str, Distribution], values: Mapping[str, Any]
) -> dict[str, Any]:
    """The inverse of `from_optuna`, for values from elsewhere; of a simplex, one of its inverses.

    Raises:
        ValueError: a value is none that its distribution can draw.
    """
    params: dict[str, Any] = {}
    for path, distribution in distributions.items():
        value = values[path]
        match distribution:
            case Uniform(low, high) if _is_number(value) and low <= value <= high:
                params[path] = float(value)
            case IntUniform(low, high) if _is_number(value) and low <= value <= high:
                params[path] = int(value)
            case Choice(options) if (place := _place(value, options)) is not None:
                params[path] = _labels(options)[place]
            case Simplex(names) if set(value) == set(names):
                # Exponential variables with a mean of one, as those that are drawn have.
                draws = {name: math.exp(-len(names) * value[name]) for name in names}
                params |= {_draw(path, n): min(d, 1 - _EDGE) for n, d in draws.items()}
            case _:
                raise ValueError(f"{path} can't have its value here")
    return params


def shares(draws: Mapping[str, float]) -> dict[str, float]:
    """Shares that sum to one, of a uniform draw in (0, 1) a name."""
    exponentials = {name: -math.log(draw) for name, draw in draws.items()}
    total = math.fsum(exponentials.values())
    return {name: value / total for name, value in exponentials.items()}


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """One entry a number: a simplex at `path` becomes `path.NAME` -> share."""
    flat: dict[str, Any] = {}
    for path, value in values.items():
        if isinstance(value, Mapping):
            flat.update({f"{path}.{name}": share for name, share in value.items()})
        else:
            flat[path] = value
    return flat


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _place(value: Any, options: tuple[Scalar, ...]) -> int | None:
    """Where a value stands among options; a number also where another of its kind equals it."""
    same = [i for i, option in enumerate(options) if type(option) is type(value)]
    alike = [i for i, option in enumerate(options) if _is_number(option) and _is_number(value)]
    return next((i for i in (*same, *alike) if options[i] == value), None)


def _draw(path: str, name: str) -> str:
    return f"{path}.{name}.draw"


def _labels(options: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """The options, or their JSON where Optuna couldn't tell them apart: 1 == 1.0 == true."""
    if len(set(options)) == len(options):
        return options
    return tuple(json.dumps(option) for option in options)
