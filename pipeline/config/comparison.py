"""What a comparison is: methods by targets, each pair a search space, read from one YAML file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config.comparison_file import (
    ComparisonFile,
    FinalConfig,
    MethodConfig,
    as_method,
    is_name,
)
from pipeline.config.evaluation import are_fresh
from pipeline.config.fairness import differing_settings, example
from pipeline.config.loading import load_tree, read_file, resolve_files
from pipeline.config.merging import merged, with_concept
from pipeline.config.pairs import Pair, grouped, placed
from pipeline.config.parsing import parse_space
from pipeline.config.plain_tree import oddities, plain_value
from pipeline.config.problems import ConfigError, Problem, problems_of, quote
from pipeline.config.space import SearchSpace, put


@dataclass(frozen=True)
class Comparison:
    """A validated comparison; `load_comparison` makes it.

    Attributes:
        name: of its folder and its run.
        spaces: what is searched for each pair, target by target.
        again: the same with other seeds of the search, by seed; empty where nothing is searched.
        final: how the chosen ones are judged.
    """

    name: str
    spaces: dict[Pair, SearchSpace]
    again: dict[Pair, dict[int, SearchSpace]]
    final: FinalConfig

    @property
    def targets(self) -> tuple[str, ...]:
        """Names, in the order of the file."""
        return tuple(dict.fromkeys(pair.target for pair in self.spaces))

    @property
    def methods(self) -> tuple[str, ...]:
        """Names, in the order of the file."""
        return tuple(dict.fromkeys(pair.method for pair in self.spaces))


def load_comparison(path: Path) -> Comparison:
    """Read a comparison and all the search spaces that it names.

    Raises:
        ConfigError: with all the problems of the file, of the methods' files, and of what comes
            out when they are put together.
    """
    tree = _plain(path)
    problems: list[Problem] = []
    config: ComparisonFile | None = None
    try:
        config = ComparisonFile.model_validate(tree)
    except ValidationError as error:
        problems += problems_of(error, ComparisonFile)
    methods = dict(_method_trees(tree.get("methods"), path, problems))
    # Whatever else is wrong with the file, what could be read of it is put together.
    targets = _mappings(tree.get("targets"))
    same = _mappings({"same": tree.get("same")}).get("same", {})
    resolve_files(same, path.resolve().parent)
    spaces: dict[Pair, SearchSpace] = {}
    found: dict[Pair, list[Problem]] = {}
    for target, concept in targets.items():
        for method, own in methods.items():
            pair = Pair(target, method)
            whole = {**merged(with_concept(own, concept), same), "name": pair.name}
            try:
                spaces[pair] = parse_space(whole, pair.name)
            except ConfigError as error:
                found[pair] = [
                    # A pair's name is only as good as the two that it is made of.
                    problem
                    for problem in error.problems
                    if config is not None or problem.path != "name"
                ]
    problems += grouped(found, targets, methods)
    if config is not None:
        problems += _across(spaces, config)
    if config is None or problems:
        raise ConfigError(problems)
    again = {pair: _again(pair, space, config.search_again) for pair, space in spaces.items()}
    return Comparison(config.name, spaces, again, config.final)


def _again(pair: Pair, space: SearchSpace, seeds: Iterable[int]) -> dict[int, SearchSpace]:
    """The same search with other seeds."""
    if not space.distributions:
        return {}
    found = {}
    for seed in seeds:
        named = merged(space.tree, {"name": pair.name_again(seed), "budget": {"seed": seed}})
        found[seed] = parse_space(named, pair.name_again(seed))
    return found


def _plain(path: Path) -> dict[str, Any]:
    """The file's data; keys of `set` are dotted, and names may be: no other key is."""
    tree = plain_value(read_file(path), str(path))
    if not isinstance(tree, dict):
        remedy = "begin with `name:`, `methods:` and `targets:`"
        raise ConfigError([Problem(str(path), "a mapping of settings", quote(tree), remedy)])
    if problems := list(_oddities(tree)):
        raise ConfigError(problems)
    return tree


def _oddities(tree: dict[str, Any]) -> Iterator[Problem]:
    """As of any file, but for names of methods and targets: they may hold points."""
    named = {section: tree.get(section) for section in ("methods", "targets")}
    for section, node in named.items():
        if not isinstance(node, dict):
            yield from oddities(node, section)
            continue
        for name, entry in node.items():
            if section == "methods" and isinstance(entry, dict):
                puts = entry.get("set")
                values = list(puts.values()) if isinstance(puts, dict) else puts
                yield from oddities({**entry, "set": values}, f"{section}.{name}")
            else:
                yield from oddities(entry, f"{section}.{name}")
    yield from oddities({key: node for key, node in tree.items() if key not in named}, "")


def _method_trees(
    methods: Any, path: Path, problems: list[Problem]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each method's own settings; adds to the problems where there are none."""
    folder = path.resolve().parent
    for name, node in methods.items() if isinstance(methods, dict) else ():
        try:
            method = MethodConfig.model_validate(as_method(node))
            tree = load_tree(folder / method.file)
            for place, value in method.set.items():
                put(tree, place, deepcopy(value))
            resolve_files(tree, folder)
        except ValidationError:
            continue  # told with the rest of the file
        except ConfigError as error:
            problems += [placed(f"methods.{name}", problem) for problem in error.problems]
        else:
            yield name, tree


def _mappings(node: Any) -> dict[str, dict[str, Any]]:
    """The entries of a mapping that are mappings themselves; copies."""
    entries = node.items() if isinstance(node, dict) else ()
    return {key: deepcopy(value) for key, value in entries if isinstance(value, dict)}


def _across(spaces: dict[Pair, SearchSpace], config: ComparisonFile) -> Iterator[Problem]:
    """What no search space shows alone: names that meet, settings that forbid to compare."""
    again = [
        pair.name_again(seed)
        for pair, space in spaces.items()
        for seed in (config.search_again if space.distributions else ())
    ]
    if too_long := [name for name in again if not is_name(name)]:
        got = f"{too_long[0]} of {len(too_long[0])}"
        remedy = "shorten a method's or a target's name"
        yield Problem(
            "search_again", "names TARGET-METHOD-seed-N of at most 64 characters", got, remedy
        )
    names = [*(pair.name for pair in spaces), *again]
    for name in sorted({name for name in names if names.count(name) > 1}):
        remedy = "rename a method or a target"
        yield Problem("methods", "TARGET-METHOD to differ for all", f"{name} twice", remedy)
    for target in config.targets:
        of_target = {pair.method: space for pair, space in spaces.items() if pair.target == target}
        yield from (placed(f"targets.{target}", each) for each in differing_settings(of_target))
    searched = {space.budget.seed for space in spaces.values() if space.distributions}
    if repeated := searched.intersection(config.search_again):
        got = ", ".join(map(str, sorted(repeated)))
        remedy = "leave it out: the first search has it"
        yield Problem("search_again", "other seeds than `budget.seed`", got, remedy)
    seeds = {example(space).evaluation.seed for space in spaces.values()}
    final = config.final
    if not all(are_fresh(final.judging_seed, final.repeats, seed) for seed in seeds):
        yield Problem(
            "final.judging_seed",
            "another seed than evaluation.seed, and none whose repeats come to it",
            str(config.final.judging_seed),
            "the chosen ones were chosen on its pictures",
        )
