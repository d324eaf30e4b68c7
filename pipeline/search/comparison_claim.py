"""Before a comparison runs: whether its settings can be, and are those that it began with."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from pipeline import __version__
from pipeline.config import Comparison, ConfigError, Pair, Problem, SearchSpace, dump_space
from pipeline.config.fairness import example
from pipeline.config.loading import load_tree
from pipeline.config.merging import differences
from pipeline.config.pairs import grouped
from pipeline.evaluation.locate import classifier_in
from pipeline.search.comparison_record import space_of
from pipeline.search.files import read_json, write_json, write_text
from pipeline.search.places import COMPARISON
from pipeline.search.requirements import check_requirements, check_words

_MAY_CHANGE = ("scaling.", "budget.max_concurrent", "evaluation.blur")
"""What decides how long a search takes or what its pictures look like, and not what it finds."""


def check_comparison(comparison: Comparison) -> None:
    """Find what the files alone do not show: words that no vocabulary has, a missing judge or rule.

    Raises:
        ValueError: with all the problems there are.
    """
    found: dict[Pair, tuple[Problem, ...]] = {}
    known: dict[str, tuple[Problem, ...]] = {}
    for pair, space in comparison.spaces.items():
        experiment = example(space)
        key = experiment.concept.model_dump_json() + experiment.prompts.model_dump_json()
        if key not in known:
            known[key] = _prompt_problems(space)
        found[pair] = known[key]
    problems = list(grouped(found, comparison.targets, comparison.methods))
    if problems:
        raise ConfigError(problems)
    for space in comparison.spaces.values():
        classifier_in("second", example(space).evaluation)
        check_requirements(space)


def claim(comparison: Comparison, folder: Path) -> None:
    """Begin a comparison in its folder, or make sure that it is the one that began there.

    Raises:
        ValueError: a pair that has begun has other settings now, or is judged otherwise.
    """
    manifest = read_json(folder / COMPARISON)
    judged = comparison.final.model_dump(mode="json", exclude={"seeds"})
    if manifest is None:
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        facts = {"name": comparison.name, "created": created, "version": __version__}
        write_json(folder / COMPARISON, {**facts, "final": judged})
    elif manifest["final"] != judged:
        raise ValueError(
            f"{folder}: expected the last judgement that the comparison began with "
            f"({manifest['final']}), got another one ({judged}); what is judged already could not "
            "be compared: give the comparison another name"
        )
    changed = [
        f"{pair.name}: {', '.join(paths)}"
        for pair, space in comparison.spaces.items()
        if (paths := _changed(space_of(folder, pair), space))
    ]
    if changed:
        listed = "\n".join(f"  {line}" for line in changed)
        raise ValueError(
            f"{folder}: expected the settings that these began with, got others:\n{listed}\n"
            "methods, targets and seeds may be added, and scaling, budget.max_concurrent and "
            "evaluation.blur changed; for the rest give the method or the comparison another name"
        )


def begin(comparison: Comparison, folder: Path, pair: Pair) -> None:
    """Note with which search space a pair begins."""
    place = space_of(folder, pair)
    if not place.is_file():
        write_text(place, dump_space(comparison.spaces[pair]))


def selected(
    comparison: Comparison, targets: Collection[str], methods: Collection[str]
) -> list[Pair]:
    """The pairs of some targets and methods; of all where none is named.

    Raises:
        ValueError: the comparison has none of that name.
    """
    for option, names, known in (
        ("--target", targets, comparison.targets),
        ("--method", methods, comparison.methods),
    ):
        for name in names:
            if name not in known:
                raise ValueError(
                    f"{option}: expected one of {', '.join(known)}, got {name}; name one of them"
                )
    return [
        pair
        for pair in comparison.spaces
        if (not targets or pair.target in targets) and (not methods or pair.method in methods)
    ]


def _prompt_problems(space: SearchSpace) -> tuple[Problem, ...]:
    try:
        check_words(space)
    except ConfigError as error:
        return error.problems
    return ()


def _changed(place: Path, space: SearchSpace) -> list[str]:
    if not place.is_file():
        return []
    paths = differences(load_tree(place), space.tree)
    return [path for path in paths if not path.startswith(_MAY_CHANGE)]
