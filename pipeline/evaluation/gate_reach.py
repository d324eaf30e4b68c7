"""Gates that nobody can pass, told before anything runs: what isn't measured, or by too little."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pipeline.config.gate import MEASURES, GateConfig
from pipeline.config.problems import Problem
from pipeline.evaluation.confidence import best_bound
from pipeline.evaluation.evidence import distinct_prompts, earlier_rows, judged_rows
from pipeline.evaluation.measures import Numbers
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.prompt_set import PromptSet


def unmeasured(gate: GateConfig, prompt_set: PromptSet) -> Iterator[Problem]:
    """Thresholds that no model can meet on these prompts: nothing measures them, or too little.

    Whether a judge can see that a picture shows nothing is not known before it is loaded.

    Args:
        gate: with the thresholds.
        prompt_set: whose held-out prompts judge.
    """
    prompts = _prompts_by_metric(prompt_set)
    for side, metric, threshold in gate.thresholds:
        place, count = f"gate.{side}.{metric}", prompts.get(metric, 0)
        if count == 0:
            expected = f"a metric that is measured here ({', '.join(sorted(prompts))})"
            yield Problem(place, expected, metric, _why_not(metric, prompt_set))
            continue
        far = 1 - threshold if side == "at_least" else threshold
        reached = best_bound(count, gate.confidence)
        if MEASURES[metric].is_mean and far < 1 - reached:
            least = side == "at_least"
            end = (
                math.floor(1000 * reached) / 1000
                if least
                else math.ceil(1000 * (1 - reached)) / 1000
            )
            yield Problem(
                place,
                f"{'at most' if least else 'at least'} {end:.3f}, which is the bound when all of "
                f"the {count} prompts that measure it are right",
                f"{threshold:g}",
                "ask for less, or raise prompts.test before the sweep begins; a sweep, new or "
                "resumed, may do without: gate=null",
            )


def _why_not(metric: str, prompt_set: PromptSet) -> str:
    if metric.startswith("earlier_"):
        return "the base has forgotten nothing yet: take it out"
    if metric == "cra":
        words = prompt_set.concept.words.name
        return f"{words} has one axis of concepts: ask for ira, worst_neighbour or alignment"
    return "no held-out prompt names what it is over: raise prompts.test, or take it out"


def _prompts_by_metric(prompt_set: PromptSet) -> dict[str, int]:
    """How many prompts measure each metric; where it is the least of several, the fewest."""
    tests = (*prompt_set.forget_test, *prompt_set.retain_test)
    earlier = tuple(prompt for erasure in prompt_set.earlier for prompt in erasure.prompts)
    groups = {
        name: [_distinct(tests, rows, prompt_set) for rows in of_metric]
        for name, of_metric in judged_rows(tests, prompt_set.concepts).items()
    }
    again = [_distinct(earlier, rows, prompt_set) for _, rows in earlier_rows(prompt_set, earlier)]
    fewest = {
        name: min(counts, default=0)
        for name, counts in {**groups, "earlier_erasure": again, "earlier_ua": again}.items()
    }
    return {name: count for name, count in fewest.items() if count}


def _distinct(prompts: Sequence[Prompt], rows: Numbers, prompt_set: PromptSet) -> int:
    numbers = distinct_prompts(prompts, prompt_set.concept)
    return len(set(numbers[rows].tolist())) if len(rows) else 0
