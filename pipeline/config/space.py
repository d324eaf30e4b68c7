"""A search space: an experiment with distributions in place of values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pydantic import ValidationError

from pipeline.config.budget import BudgetConfig
from pipeline.config.concept import ConceptConfig
from pipeline.config.distributions import Distribution, Simplex, extremes
from pipeline.config.experiment import Experiment, Objective
from pipeline.config.gate import GateConfig
from pipeline.config.problems import ConfigError, Problem, problems_of
from pipeline.config.scaling import ScalingConfig

ONLY_WITH: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "losses.forget_loss_cap": ("losses.forget", ("ascent",)),
    "losses.negative_guidance": ("losses.forget", ("anchor", "esd")),
    "update.margin": ("update.restriction", ("step", "both")),
    "update.cagrad_radius": ("update.rule", ("cagrad",)),
}
"""Settings that mean something with some values of another setting: path -> (path, values)."""


@dataclass(frozen=True)
class SearchSpace:
    """A validated search space; `parse_space` and `load_space` make it.

    Attributes:
        tree: plain data as written, distributions left in as mappings.
        distributions: dotted path -> what is drawn there, in the order of the file.
    """

    tree: dict[str, Any]
    distributions: dict[str, Distribution]

    def fill(self, values: Mapping[str, Any]) -> Experiment:
        """The experiment with a value in each distribution's place.

        Where a forget loss, a restriction or a rule is searched, what the drawn one has no use for
        is left out (`ONLY_WITH`): a cap beside `anchor`, a margin beside `none`.

        Args:
            values: dotted path -> value, one for each distribution; {name: share} for a simplex.

        Raises:
            ConfigError: a path is missing or is no distribution's, or a value does not fit.
        """
        problems = [
            Problem(path, "a value", "nothing", "every distribution needs one")
            for path in self.distributions.keys() - values.keys()
        ] + [
            Problem(path, "the path of a distribution", path, _searched(self.distributions))
            for path in values.keys() - self.distributions.keys()
        ]
        if problems:
            raise ConfigError(sorted(problems, key=lambda problem: problem.path))
        return validated(filled_tree(self.tree, self.distributions, values))

    def fixed(self) -> Experiment:
        """The experiment of a file without distributions.

        Raises:
            ConfigError: there are distributions; it names their paths.
        """
        if self.distributions:
            raise ConfigError(
                Problem(
                    path,
                    "a value",
                    "a distribution",
                    f"set it, for example with --set {path}=..., or run a sweep",
                )
                for path in self.distributions
            )
        return validated(self.tree)

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self._example.name

    @property
    def base(self) -> str:
        """The model that is unlearned; the same for all trials."""
        return self._example.model.base

    @property
    def concept(self) -> ConceptConfig:
        """What is and was erased; of all trials, save for an anchor that is searched."""
        return self._example.concept

    @property
    def objectives(self) -> dict[str, Objective]:
        """Metric -> direction, in the order of the file."""
        return dict(self._example.objectives)

    @property
    def gate(self) -> GateConfig | None:
        """What a promotion must be shown to reach."""
        return self._example.gate

    @property
    def budget(self) -> BudgetConfig:
        """How much is tried."""
        return self._example.budget

    @property
    def scaling(self) -> ScalingConfig:
        """What one trial runs on."""
        return self._example.scaling

    @cached_property
    def _example(self) -> Experiment:
        return self.fill(
            {path: extremes(drawn)[0][1] for path, drawn in self.distributions.items()}
        )


def validated(tree: Mapping[str, Any]) -> Experiment:
    """The experiment that a tree without distributions describes.

    Raises:
        ConfigError: it describes none; all problems are listed.
    """
    try:
        return Experiment.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(problems_of(error, Experiment)) from None


def filled_tree(
    tree: Mapping[str, Any],
    distributions: Mapping[str, Distribution],
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """A copy of the tree with values in the distributions' places, see `SearchSpace.fill`."""
    copy = deepcopy(dict(tree))
    for path, value in values.items():
        is_mapping = isinstance(distributions[path], Simplex) and isinstance(value, Mapping)
        put(copy, path, dict(value) if is_mapping else value)
    for path, (switch, needed) in ONLY_WITH.items():
        if switch in distributions and values[switch] not in needed:
            drop(copy, path)
    return copy


def put(tree: dict[str, Any], path: str, value: Any) -> None:
    """Set `a.b.c`, opening sections on the way.

    Raises:
        ConfigError: something on the way is a value or a distribution, not a section.
    """
    *sections, last = path.split(".")
    node = tree
    for depth, section in enumerate(sections, 1):
        node = node.setdefault(section, {})
        if not isinstance(node, dict):
            place = ".".join(sections[:depth])
            raise ConfigError([Problem(path, f"a section at {place}", "a value there")])
    node[last] = value


def drop(tree: dict[str, Any], path: str) -> None:
    """Remove `a.b.c` where it is there."""
    *sections, last = path.split(".")
    node: Any = tree
    for section in sections:
        node = node.get(section) if isinstance(node, dict) else None
    if isinstance(node, dict):
        node.pop(last, None)


def _searched(paths: Iterable[str]) -> str:
    listed = ", ".join(paths)
    return f"searched here: {listed}" if listed else "this space has no distributions"
