"""What a search space needs of this machine, checked before anything is waited for."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from pipeline.config import (
    Choice,
    ConfigError,
    EvaluationConfig,
    GateConfig,
    Problem,
    SearchSpace,
    Simplex,
)
from pipeline.config.fairness import example
from pipeline.prompts import PromptSet, build_prompt_set, check_sources

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
    """Refuse words, sources of prompts, objectives and gates that the vocabulary lacks.

    Raises:
        ConfigError: what lacks, and how to mend it.
    """
    first = example(space)
    prompt_set = build_prompt_set(first.concept, first.prompts)
    concept = prompt_set.concept
    searched = space.distributions.get("prompts.retain_mix")
    if isinstance(searched, Simplex):
        check_sources(searched.names, concept.words)
    if first.gate is not None:
        _check_gate(first.gate, prompt_set, first.evaluation)
    if concept.other is None and "cra" in first.objectives:
        expected = f"a metric that is measured, as {concept.words.name} has one axis of concepts"
        remedy = "nothing lies on another one: optimise ira, worst_neighbour or alignment"
        raise ConfigError([Problem("objectives.cra", expected, "cra", remedy)])


def _check_gate(gate: GateConfig, prompt_set: PromptSet, settings: EvaluationConfig) -> None:
    """Refuse a gate that no model can pass here.

    Raises:
        ConfigError: nothing measures one of its metrics, or too few prompts do.
        ValueError: there is no second classifier.
    """
    # Judges bring torch, which a space without a gate need not wait for.
    from pipeline.evaluation.gate_reach import unmeasured
    from pipeline.evaluation.locate import classifier_in

    problems = list(unmeasured(gate, prompt_set))
    if problems:
        raise ConfigError(problems)
    classifier_in("second", settings)
