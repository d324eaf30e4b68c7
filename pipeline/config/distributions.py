"""Distributions that may stand in an experiment file where a value would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from pipeline.config.problems import Problem, quote

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Uniform:
    """A number from `low` to `high`, uniform in the number or, with `log`, in its logarithm."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class IntUniform:
    """A whole number from `low` to `high`, both included; `log` as in `Uniform`."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """One of a few plain values, in no order."""

    options: tuple[Scalar, ...]


@dataclass(frozen=True)
class Simplex:
    """Shares over the names, at least 0 and together 1, uniform on the simplex.

    A draw is {name: share}: share_i = -log u_i / sum_j -log u_j, with u uniform in (0, 1).
    """

    names: tuple[str, ...]


Distribution = Uniform | IntUniform | Choice | Simplex

_LARGEST: Final = 1e300
"""Bounds of what is drawn lie below it, so that widths and logarithms are numbers, too."""


def count_extremes(distribution: Distribution) -> int:
    """How many `extremes` there are."""
    match distribution:
        case Choice(options):
            return len(options)
        case Simplex(names):
            return len(names)
        case _:
            return 2


def extremes(distribution: Distribution) -> tuple[tuple[str, Any], ...]:
    """What the distribution can draw at its edges, each with words for it.

    If all of these are valid where the distribution stands, so is all that lies between.
    """
    match distribution:
        case Uniform(low, high) | IntUniform(low, high):
            return ("the lower bound", low), ("the upper bound", high)
        case Choice(options):
            return tuple((f"option {number}", option) for number, option in enumerate(options, 1))
        case Simplex(names):
            return tuple((f"all to {name}", _corner(names, name)) for name in names)


def looks_like_distribution(node: object) -> TypeGuard[dict[str, Any]]:
    """Whether a part of a file names a distribution, well or badly written."""
    return isinstance(node, dict) and any(key in _READERS for key in node)


def read_distribution(path: str, node: Mapping[str, Any]) -> Distribution | Problem:
    """Read `{uniform: [0, 1]}` and its like, which stands at `path`."""
    if len(node) != 1:
        return Problem(path, "a distribution alone", quote(node), "remove the other keys")
    ((keyword, arguments),) = node.items()
    if not isinstance(arguments, list):
        return Problem(f"{path}.{keyword}", "a list", quote(arguments), _EXAMPLES[keyword])
    return _READERS[keyword](f"{path}.{keyword}", arguments)


def _corner(names: tuple[str, ...], corner: str) -> dict[str, float]:
    return {name: float(name == corner) for name in names}


def _uniform(path: str, arguments: list[Any]) -> Distribution | Problem:
    if (problem := _misfit(path, arguments, whole=False, log=False)) is not None:
        return problem
    return Uniform(float(arguments[0]), float(arguments[1]), log=False)


def _log_uniform(path: str, arguments: list[Any]) -> Distribution | Problem:
    if (problem := _misfit(path, arguments, whole=False, log=True)) is not None:
        return problem
    return Uniform(float(arguments[0]), float(arguments[1]), log=True)


def _int_uniform(path: str, arguments: list[Any]) -> Distribution | Problem:
    if (problem := _misfit(path, arguments, whole=True, log=False)) is not None:
        return problem
    return IntUniform(arguments[0], arguments[1], log=False)


def _log_int_uniform(path: str, arguments: list[Any]) -> Distribution | Problem:
    if (problem := _misfit(path, arguments, whole=True, log=True)) is not None:
        return problem
    return IntUniform(arguments[0], arguments[1], log=True)


def _choice(path: str, arguments: list[Any]) -> Distribution | Problem:
    plain = all(option is None or isinstance(option, Scalar) for option in arguments)
    if not arguments or not plain:
        return Problem(path, "a list of plain values", quote(arguments), _EXAMPLES["choice"])
    # A pair of type and value: to Python, 1, 1.0 and true are the same.
    if len({(type(option), option) for option in arguments}) < len(arguments):
        return Problem(path, "each option once", quote(arguments), "remove the repeated one")
    return Choice(tuple(arguments))


def _simplex(path: str, arguments: list[Any]) -> Distribution | Problem:
    names = [name for name in arguments if isinstance(name, str)]
    if len(names) < max(2, len(arguments)) or len(set(names)) < len(names):
        expected = "at least two names, each once"
        return Problem(path, expected, quote(arguments), _EXAMPLES["simplex"])
    return Simplex(tuple(names))


def _misfit(path: str, arguments: list[Any], *, whole: bool, log: bool) -> Problem | None:
    keyword = path.rpartition(".")[2]
    kinds = (int,) if whole else (int, float)
    noun = "two whole numbers" if whole else "two finite numbers"
    # Compared rather than converted: a whole number may be too large for a float.
    numbers = all(
        isinstance(bound, kinds) and not isinstance(bound, bool) and abs(bound) < _LARGEST
        for bound in arguments
    )
    if len(arguments) != 2 or not numbers:  # noqa: PLR2004 - a pair
        return Problem(path, f"{noun}, [low, high]", quote(arguments), _EXAMPLES[keyword])
    low, high = arguments
    if low >= high:
        remedy = "swap them, or write one value without a distribution"
        return Problem(path, "low below high", quote(arguments), remedy)
    if log and low <= 0:
        remedy = f"raise the lower bound, or use {keyword.removeprefix('log_')}"
        return Problem(path, "bounds above 0", quote(arguments), remedy)
    return None


_READERS: Final[dict[str, Callable[[str, list[Any]], Distribution | Problem]]] = {
    "uniform": _uniform,
    "log_uniform": _log_uniform,
    "int_uniform": _int_uniform,
    "log_int_uniform": _log_int_uniform,
    "choice": _choice,
    "simplex": _simplex,
}
_EXAMPLES: Final = {
    "uniform": "for example {uniform: [0, 1]}",
    "log_uniform": "for example {log_uniform: [1e-5, 1e-3]}",
    "int_uniform": "for example {int_uniform: [40, 120]}",
    "log_int_uniform": "for example {log_int_uniform: [10, 1000]}",
    "choice": "for example {choice: [all, cross_attention]}",
    "simplex": "for example {simplex: [same_context, neighbours]}",
}
DISTRIBUTION_NAMES: Final = tuple(_READERS)
