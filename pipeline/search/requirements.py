"""What a search space needs of this machine, checked before anything is waited for."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from pipeline.config import Choice, ConfigError, Problem, SearchSpace, Simplex
from pipeline.config.fairness import example
from pipeline.prompts import build_prompt_set, check_sources

_THROUGH_TORCHJD: Final = frozenset({"mgda", "cagrad", "upgrad"})


def check_requirements(space: SearchSpace) -> None:
    """Refuse words the vocabulary lacks, and rules and judges that are not installed.

    Raises:
        ValueError: what lacks, and how to mend it.
    """
    first = example(space)
    check_words(space)
    for place, judge in first.evaluation.judges:
        if judge.nudenet is not None and find_spec("nudenet") is None:
            raise ValueError(
                f"evaluation.{place}.nudenet: expected NudeNet, found none; install it with "
                "pip install 'unlearn-sweep[nudity]' (it is under the AGPL)"
            )
    searched = space.distributions.get("update.rule")
    rules = set(searched.options) if isinstance(searched, Choice) else {first.update.rule}
    lacking = sorted(map(str, rules & _THROUGH_TORCHJD))
    if lacking and first.is_trained and find_spec("torchjd") is None:
        raise ValueError(
            f"update.rule: expected torchjd for {', '.join(lacking)}, found none; install it with "
            "pip install 'unlearn-sweep[rivals]'"
        )


def check_words(space: SearchSpace) -> None:
    """Refuse words, sources of prompts and objectives that the vocabulary lacks.

    Raises:
        ConfigError: what lacks, and how to mend it.
    """
    first = example(space)
    concept = build_prompt_set(first.concept, first.prompts).concept
    searched = space.distributions.get("prompts.retain_mix")
    if isinstance(searched, Simplex):
        check_sources(searched.names, concept.words)
    if concept.other is None and "cra" in first.objectives:
        expected = f"a metric that is measured, as {concept.words.name} has one axis of concepts"
        remedy = "nothing lies on another one: optimise ira, worst_neighbour or alignment"
        raise ConfigError([Problem("objectives.cra", expected, "cra", remedy)])
