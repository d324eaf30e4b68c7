"""No step of a real training raises a loss to first order, whatever the optimiser makes of it.

The base ascends without a cap, with retain gradients that weigh little, so that most unrestricted
steps do raise the retain loss.
"""

from __future__ import annotations

import pytest

from pipeline.diffusion import DiffusionModel
from pipeline.unlearning.batches import TrainingSet
from tests.unlearning.short_runs import lopsided
from tests.unlearning.stepping import copy_of, flat, stepping, take_steps

ROUNDING = 1e-6
"""Largest cosine that counts as none. Parameters are float32: a step of 1e-3 of their size keeps
four digits an element, and over 369,280 elements the errors average to about 1e-7 of the step."""

OPTIMIZERS = ("adamw", "sgd")
VARIANTS: dict[str, dict[str, object]] = {
    "plain": {},
    "decay, clipping and warm-up": {"weight_decay": 0.1, "clip_norm": 0.05, "warmup": 4},
    "bf16": {"precision": "bf16"},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_step_raises_a_loss_and_unrestricted_ones_do(
    base: DiffusionModel, data: TrainingSet, optimizer: str, variant: str
) -> None:
    free = take_steps(base, lopsided(optimizer, "none", **VARIANTS[variant]), data)
    assert max(free.worst_cosine()) > 1e4 * ROUNDING
    for restriction in ("step", "both"):
        steps = take_steps(base, lopsided(optimizer, restriction, **VARIANTS[variant]), data)
        assert max(steps.worst_cosine()) <= ROUNDING
        assert restriction == "both" or max(steps.values("restricted")) == 1
        assert float(steps.change.norm()) > 0.1 * float(free.change.norm())


def test_what_a_mask_holds_still_is_not_moved_by_the_restriction(
    base: DiffusionModel, data: TrainingSet
) -> None:
    steps = take_steps(base, lopsided("adamw", "step", saliency=0.3, steps=2), data)
    assert max(steps.values("restricted")) == 1
    assert float((steps.change != 0).double().mean()) == pytest.approx(0.3, abs=1e-3)


def test_the_restricted_gradient_alone_does_not_survive_momentum(
    base: DiffusionModel, data: TrainingSet
) -> None:
    # It points elsewhere from the fourth step or so on: which one depends on the processor.
    steps = take_steps(base, lopsided("sgd", "gradient", steps=10), data)
    assert max(steps.worst_cosine()) > 1e3 * ROUNDING


@pytest.mark.parametrize("learning_rate", [1e-4, 1e-5])
def test_steps_that_rounding_swallows_in_part_are_restricted_too(
    base: DiffusionModel, data: TrainingSet, learning_rate: float
) -> None:
    """Steps of 1e-7 of the parameters, of which float32 keeps one digit or none."""
    settings = lopsided("sgd", "step", learning_rate=learning_rate, weight_decay=0.1)
    assert max(take_steps(base, settings, data).worst_cosine()) <= ROUNDING


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_with_a_margin_both_losses_fall(
    base: DiffusionModel, data: TrainingSet, optimizer: str
) -> None:
    steps = take_steps(base, lopsided(optimizer, "step", margin=0.1), data)
    assert max(steps.worst_cosine()) < -1e3 * ROUNDING


@pytest.mark.parametrize(
    ("optimizer", "restriction"),
    [
        ("adamw", "none"),
        ("adamw", "gradient"),
        ("adamw", "step"),
        ("adamw", "both"),
        ("sgd", "step"),
    ],
)
def test_accumulation_changes_nothing(
    base: DiffusionModel, data: TrainingSet, optimizer: str, restriction: str
) -> None:
    """Parameters change alike to 1e-3: parts are only summed in another order."""
    whole, halves, thirds = (
        take_steps(base, lopsided(optimizer, restriction, steps=2, accumulate=parts), data)
        for parts in (1, 2, 3)
    )
    for parts in (halves, thirds):
        apart = float((parts.change - whole.change).norm() / whole.change.norm())
        assert 0 < apart < 1e-3
        for ours, theirs in zip(parts.records, whole.records, strict=True):
            assert ours.values == pytest.approx(theirs.values, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(("optimizer", "tolerance"), [("adamw", 0.1), ("sgd", 0.02)])
@pytest.mark.parametrize("rule", ["weighted_sum", "forget_only"])
def test_bf16_takes_nearly_the_steps_of_float32(
    base: DiffusionModel, data: TrainingSet, rule: str, optimizer: str, tolerance: float
) -> None:
    """AdamW divides by magnitudes, so that small elements, of few right digits, count as much."""
    exact, rounded = (
        take_steps(base, lopsided(optimizer, "step", rule=rule, precision=precision), data)
        for precision in ("fp32", "bf16")
    )
    assert exact.values("restricted") == rounded.values("restricted")
    apart = float((rounded.change - exact.change).norm() / exact.change.norm())
    assert 0 < apart < tolerance


def test_no_parameter_jumps_where_the_optimiser_has_not_seen_a_gradient(
    base: DiffusionModel, data: TrainingSet
) -> None:
    """AdamW's second moment knows nothing of the retain gradient that restricts its steps."""
    trained = copy_of(base)
    settings = lopsided("adamw", "step", rule="forget_only")
    before = flat(trained)
    for _, record in stepping(base, settings, data, trained):
        after = flat(trained)
        assert record.values["restricted"] == 1
        assert float((after - before).abs().max()) < 10 * settings.update.learning_rate
        before = after
