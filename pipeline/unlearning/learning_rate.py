"""How long steps are over a run."""

from __future__ import annotations

from pipeline.config import UpdateConfig


def learning_rate(update: UpdateConfig, number: int) -> float:
    """The rate of step `number`, from 1: it rises over the warm-up and falls over the cooldown.

    A constant rate keeps the weights moving about by as much as a step is long, which costs
    alignment and buys nothing once the concept is gone.
    """
    rise = number / max(1, update.warmup)
    fall = (update.steps + 1 - number) / max(1, update.cooldown)
    return update.learning_rate * min(1.0, rise, fall)
