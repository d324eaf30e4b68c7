"""The defaults as a sweep's first trial."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.search.defaults import default_values
from pipeline.search.study import SweepStudy
from tests.search.spaces import smoke_space


def test_defaults_are_moved_into_the_space() -> None:
    space = smoke_space(
        prompts={"forget_diversity": {"uniform": [0, 0.5]}},
        losses={"forget": {"choice": ["ascent", "anchor"]}, "forget_loss_cap": {"uniform": [1, 2]}},
        update={
            "restriction": {"choice": ["none", "step"]},
            "learning_rate": {"log_uniform": [1e-3, 1e-1]},
            "clip_norm": {"choice": [None, 2.0]},
            "saliency": {"log_uniform": [0.01, 1]},
        },
    )
    assert default_values(space) == {
        "prompts.forget_diversity": 0.5,
        "prompts.retain_mix": dict.fromkeys(("same_context", "neighbours", "generic"), 1 / 3),
        "losses.forget": "anchor",
        "losses.forget_loss_cap": 1.5,
        "update.restriction": "none",
        "update.learning_rate": 1e-3,
        "update.steps": 9,
        "update.clip_norm": None,
        "update.saliency": pytest.approx(0.1),
    }


def test_the_first_trial_takes_the_defaults_and_the_next_does_not(tmp_path: Path) -> None:
    space = smoke_space()
    study = SweepStudy(tmp_path, space)
    study.begin_with(default_values(space))
    assert study.remaining == 4
    study.begin_with(default_values(space))
    first, second = study.ask(), study.ask()
    expected = default_values(space)
    assert first.number == 0
    assert first.values["prompts.retain_mix"] == pytest.approx(expected.pop("prompts.retain_mix"))
    assert expected.items() <= first.values.items()
    assert second.values["update.learning_rate"] != first.values["update.learning_rate"]
    study.begin_with(default_values(space))
    assert study.remaining == 2
