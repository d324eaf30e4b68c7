"""Find all that is wrong with the values of a search space, at the extremes of what is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from pipeline.config.distributions import DISTRIBUTION_NAMES, Distribution, extremes
from pipeline.config.problems import MOST_SHOWN, ConfigError, Problem, quote
from pipeline.config.space import ONLY_WITH, drop, filled_tree, validated


def value_problems(
    tree: dict[str, Any], distributions: dict[str, Distribution], unread: Sequence[str]
) -> list[Problem]:
    """All problems of the values, with every distribution at each of its extremes in turn.

    Args:
        tree: the file.
        distributions: those that could be read.
        unread: paths of the others; problems at or under them are known and not repeated.
    """
    left_out = [*unread, *(path for path, (switch, _) in ONLY_WITH.items() if switch in unread)]
    base = deepcopy(tree)
    for path in left_out:
        drop(base, path)
    problems: dict[tuple[str, str, str], Problem] = {}
    for words, path, values in _variations(distributions):
        if len(problems) >= MOST_SHOWN:
            break
        others = [*left_out, *(other for other in distributions if other != path)]
        for problem in _problems(filled_tree(base, distributions, values)):
            if any(_within(problem.path, other) for other in others):
                continue
            key = (problem.path, problem.expected, problem.got)
            here = path and _within(problem.path, path)
            problems.setdefault(key, _at_extreme(problem, words) if here else problem)
    return [_respelled(problem, tree) for problem in problems.values()]


def _variations(
    distributions: dict[str, Distribution],
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(what varies in words, where, values): each distribution through its extremes in turn.

    All of it is done once for each option of a switch in `ONLY_WITH`, since what one option
    leaves out, another one uses.
    """
    first = {path: extremes(drawn)[0][1] for path, drawn in distributions.items()}
    starts = [first]
    for switch, _ in ONLY_WITH.values():
        if switch in distributions:
            starts += [first | {switch: option} for _, option in extremes(distributions[switch])]
    for start in starts:
        yield "", "", start
        for path, drawn in distributions.items():
            for words, value in extremes(drawn):
                yield words, path, {**start, path: value}


def _problems(tree: dict[str, Any]) -> tuple[Problem, ...]:
    try:
        validated(tree)
    except ConfigError as error:
        return error.problems
    return ()


def _within(path: str, section: str) -> bool:
    return f"{path}.".startswith(f"{section}.")


def _at_extreme(problem: Problem, words: str) -> Problem:
    return replace(problem, remedy=f"{words}; {problem.remedy}" if problem.remedy else words)


def _respelled(problem: Problem, tree: Mapping[str, Any]) -> Problem:
    """The problem with the remedy for a mistyped distribution, where it is one."""
    section, _, last = problem.path.rpartition(".")
    node = _lookup(tree, problem.path)
    keyword, arguments = last, node
    if isinstance(node, dict) and len(node) == 1:
        section = problem.path
        ((keyword, arguments),) = node.items()
    near = get_close_matches(keyword, DISTRIBUTION_NAMES, n=1)
    if isinstance(arguments, list) and near and keyword not in DISTRIBUTION_NAMES:
        expected = "a value or a distribution"
        return Problem(section, expected, quote({keyword: arguments}), f"did you mean {near[0]}?")
    return problem


def _lookup(tree: Any, path: str) -> Any:
    for part in path.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return tree
