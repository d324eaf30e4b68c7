"""The metric is what torch's own optimisers divide by, as their steps show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.unlearning.descent import descend
from pipeline.unlearning.gradients import Direction
from pipeline.unlearning.preconditioner import denominators, metric
from pipeline.unlearning.step_restriction import restrict_step
from pipeline.unlearning.step_sums import StepSums
from tests.unlearning.stepping import cosines

RATE = 1e-3
SHAPES = ((4, 3), (5,), (2, 3, 2))

Make = Callable[[list[nn.Parameter]], torch.optim.Optimizer]

# Without momentum, the step is -rate D gradient.
DIAGONAL: dict[str, Make] = {
    "Adam": lambda p: torch.optim.Adam(p, lr=RATE, betas=(0.0, 0.99)),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=RATE, betas=(0.0, 0.9), weight_decay=0.0),
    "Adam with amsgrad": lambda p: torch.optim.Adam(p, RATE, (0.0, 0.5), amsgrad=True),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=RATE, betas=(0.0, 0.99)),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=RATE),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=RATE),
    "Adam with a large eps": lambda p: torch.optim.Adam(p, RATE, (0.0, 0.99), eps=0.5),
}
ANY: dict[str, Make] = {
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0),
    "Adafactor": lambda p: torch.optim.Adafactor(p, lr=RATE),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=RATE),
    "Adam": lambda p: torch.optim.Adam(p, lr=RATE),
    "Adam with amsgrad": lambda p: torch.optim.Adam(p, lr=RATE, amsgrad=True),
    "Adamax": lambda p: torch.optim.Adamax(p, lr=RATE),
    "AdamW without eps": lambda p: torch.optim.AdamW(p, lr=RATE, eps=0.0, weight_decay=0.1),
    "ASGD": lambda p: torch.optim.ASGD(p, lr=RATE),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=RATE),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=RATE),
    "RMSprop, centered": lambda p: torch.optim.RMSprop(p, lr=RATE, centered=True, momentum=0.9),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=RATE),
    "SGD": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9, weight_decay=0.1),
}


def parameters_of(seed: int, dtype: torch.dtype) -> tuple[list[nn.Parameter], torch.Generator]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(tensor) for tensor in random(generator, dtype)], generator


def random(generator: torch.Generator, dtype: torch.dtype) -> list[Tensor]:
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in SHAPES]


def take_step(
    optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], gradient: list[Tensor]
) -> list[Tensor]:
    """One step along a gradient: the parameters before it."""
    before = [p.detach().clone() for p in parameters]
    for parameter, tensor in zip(parameters, gradient, strict=True):
        parameter.grad = tensor.clone()
    optimizer.step()
    return before


@pytest.mark.parametrize("name", DIAGONAL)
@pytest.mark.parametrize("steps", [1, 4])
def test_equals_what_the_optimisers_own_step_divides_by(name: str, steps: int) -> None:
    parameters, generator = parameters_of(0, torch.float64)
    optimizer = DIAGONAL[name](parameters)
    for number in range(steps):
        # Smaller from step to step, so that amsgrad's largest moment is not the last one.
        gradient = [tensor * 0.3**number for tensor in random(generator, torch.float64)]
        before = take_step(optimizer, parameters, gradient)
    found = denominators(optimizer, parameters)
    assert found is not None
    rate = RATE
    if name == "NAdam":  # what its momentum schedule leaves of the rate, one number for all
        rate = float((found[0] * (before[0] - parameters[0]).detach() / gradient[0]).mean())
    for scale, old, new, tensor in zip(found, before, parameters, gradient, strict=True):
        torch.testing.assert_close(scale, rate * tensor / (old - new), rtol=1e-8, atol=0)


def test_gradient_descent_divides_by_nothing() -> None:
    parameters, generator = parameters_of(0, torch.float32)
    optimizer = torch.optim.SGD(parameters, lr=RATE, momentum=0.9)
    take_step(optimizer, parameters, random(generator, torch.float32))
    assert denominators(optimizer, parameters) is None
    both = random(generator, torch.float32), random(generator, torch.float32)
    assert metric(optimizer, parameters, both) is None


def test_a_parameter_without_state_is_divided_by_one_and_stays_without() -> None:
    parameters, generator = parameters_of(0, torch.float32)
    optimizer = torch.optim.Adam(parameters)
    for parameter, tensor in zip(parameters[:2], random(generator, torch.float32), strict=False):
        parameter.grad = tensor
    optimizer.step()
    found = denominators(optimizer, parameters)
    assert found is not None
    torch.testing.assert_close(found[2], torch.ones(SHAPES[2]))
    assert not torch.equal(found[0], torch.ones(SHAPES[0]))
    assert parameters[2] not in optimizer.state


def test_every_group_has_its_own_settings() -> None:
    parameters, generator = parameters_of(0, torch.float64)
    groups: list[dict[str, Any]] = [
        {"params": parameters[:1], "eps": 0.5},
        {"params": parameters[1:]},
    ]
    optimizer = torch.optim.Adam(groups, lr=RATE)
    gradient = random(generator, torch.float64)
    take_step(optimizer, parameters, gradient)
    found = denominators(optimizer, parameters)
    assert found is not None
    for scale, tensor, eps in zip(found, gradient, (0.5, 1e-8, 1e-8), strict=True):
        torch.testing.assert_close(scale, tensor.abs() + eps)


def test_the_metric_is_nowhere_below_a_gradient() -> None:
    """So that a correction of D g moves no element by more than its multiplier."""
    parameters, generator = parameters_of(0, torch.float64)
    optimizer = torch.optim.Adam(parameters)
    take_step(optimizer, parameters, [1e-3 * tensor for tensor in random(generator, torch.float64)])
    both = random(generator, torch.float64), random(generator, torch.float64)
    own, found = denominators(optimizer, parameters), metric(optimizer, parameters, both)
    assert own is not None
    assert found is not None
    for scale, divisor, *pair in zip(found, own, *both, strict=True):
        largest = torch.stack([divisor, *(gradient.abs() for gradient in pair)]).amax(0)
        torch.testing.assert_close(scale, largest, rtol=0, atol=0)


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_any_optimisers_step_can_be_restricted(name: str, margin: float) -> None:
    parameters, generator = parameters_of(1, torch.float32)
    optimizer = ANY[name](parameters)
    violated = []
    for _ in range(12):
        forget, other = random(generator, torch.float32), random(generator, torch.float32)
        retain = [tensor - f for f, tensor in zip(forget, other, strict=True)]
        before = [p.detach().clone() for p in parameters]
        sums = StepSums(parameters, (forget, retain), optimizer, own_length=True, lengths=True)
        # A chunk a parameter: what optimisers make of one does not depend on the others.
        parts = [slice(number, number + 1) for number in range(len(parameters))]
        along = Direction(forget, retain, (1.0, 0.2))
        descend(parameters, parts, along, optimizer, see=sums.see)
        violated.append(max(cosines(before, parameters, (forget, retain))) > 0)
        proposed = sums.table()
        restrict_step(parameters, parts, (forget, retain), optimizer, proposed.products(), margin)
        # Twenty-odd parameters of size 1 that move by 1e-3: float32 holds six digits of a step.
        after = cosines(before, parameters, (forget, retain))
        assert max(after) <= (1e-4 if margin == 0 else 0.0)
    assert any(violated)
