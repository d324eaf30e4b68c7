"""A schooling that is stopped goes on where it was, to the bit."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipeline.canvas import schooling
from pipeline.canvas.schooling import Schedule, school

SCHEDULE = Schedule(steps=60, batch=8, learning_rate=1e-2, warmup=5, seed=3, ema_decay=0.9)


class StoppedError(Exception):
    """Stands for a kill."""


def _loss(model: nn.Module, generator: torch.Generator) -> Tensor:
    inputs = torch.randn(SCHEDULE.batch, 4, generator=generator)
    error: Tensor = (model(inputs) - inputs.sum(1, keepdim=True)).pow(2).mean()
    return error


def _model() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))


def _ignore(name: str, done: int, total: int, loss: float) -> None:
    assert name
    assert done <= total
    assert loss >= 0


def test_stopped_and_resumed_equals_uninterrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schooling, "_SAVE_EVERY_SECONDS", 0.0)
    whole = _model()
    school("toy", {"model": whole}, partial(_loss, whole), SCHEDULE, tmp_path / "one", _ignore)

    def stop(_name: str, done: int, _total: int, _loss: float) -> None:
        if done == 40:
            raise StoppedError

    stopped = _model()
    with pytest.raises(StoppedError):
        school("toy", {"model": stopped}, partial(_loss, stopped), SCHEDULE, tmp_path / "two", stop)
    resumed = _model()
    school("toy", {"model": resumed}, partial(_loss, resumed), SCHEDULE, tmp_path / "two", _ignore)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


def test_it_learns_and_ends_with_averaged_weights(tmp_path: Path) -> None:
    model, before = _model(), _model()
    seen: list[float] = []
    school(
        "toy",
        {"model": model},
        partial(_loss, model),
        SCHEDULE,
        tmp_path,
        lambda _name, _done, _total, loss: seen.append(loss),
    )
    assert seen[-1] < seen[0]
    assert any(
        not torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True)
    )


def test_a_loss_that_is_not_finite_stops_it(tmp_path: Path) -> None:
    model = _model()

    def broken(_generator: torch.Generator) -> Tensor:
        return next(model.parameters()).sum() * float("nan")

    with pytest.raises(RuntimeError, match="loss of step 1 is nan"):
        school("toy", {"model": model}, broken, SCHEDULE, tmp_path, _ignore)
