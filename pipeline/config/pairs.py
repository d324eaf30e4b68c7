"""Pairs of a target and a method, and what is wrong with many of them at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from pipeline.config.problems import Problem


class Pair(NamedTuple):
    """A method on a target."""

    target: str
    method: str

    @property
    def name(self) -> str:
        """What its search space, its sweep and its folders are called."""
        return f"{self.target}-{self.method}"

    def name_again(self, seed: int) -> str:
        """What its search with another seed is called."""
        return f"{self.name}-seed-{seed}"


def grouped(
    found: Mapping[Pair, Iterable[Problem]], targets: Collection[str], methods: Collection[str]
) -> Iterator[Problem]:
    """Each problem once, at the method or the target that has it with all its partners."""
    having: dict[Problem, list[Pair]] = {}
    for pair, problems in found.items():
        for problem in problems:
            having.setdefault(problem, []).append(pair)
    for problem, pairs in having.items():
        if len(pairs) == len(targets) * len(methods) > 1:
            yield placed("every method on every target", problem)
            continue
        of_method = {m: sum(p.method == m for p in pairs) for _, m in pairs}
        of_target = {t: sum(p.target == t for p in pairs) for t, _ in pairs}
        everywhere = [m for m, count in of_method.items() if count == len(targets)]
        yield from (placed(f"methods.{method}", problem) for method in everywhere)
        rest = [pair for pair in pairs if pair.method not in everywhere]
        for_all = [t for t, count in of_target.items() if count == len(methods)]
        yield from (
            placed(f"targets.{target}", problem)
            for target in for_all
            if any(pair.target == target for pair in rest)
        )
        yield from (placed(pair.name, problem) for pair in rest if pair.target not in for_all)


def placed(where: str, problem: Problem) -> Problem:
    """The problem with what it is a problem of before its path."""
    return Problem(f"{where}: {problem.path}", problem.expected, problem.got, problem.remedy)
