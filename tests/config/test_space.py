import pickle
from copy import deepcopy
from typing import Any

import pytest

from pipeline.config import ConfigError, SearchSpace, parse_space

SPACE = """
name: a
concept: {kind: object, forget: [sneaker]}
prompts: {retain_mix: {simplex: [same_context, generic]}}
losses: {forget: {choice: [anchor, ascent]}, forget_loss_cap: 0.6, negative_guidance: 0.5}
update: {learning_rate: {log_uniform: [1e-5, 1e-3]}}
objectives: {alignment: maximize, ua: maximize}
budget: {trials: 3}
scaling: {workers: 2}
"""
VALUES: dict[str, Any] = {
    "prompts.retain_mix": {"generic": 0.75, "same_context": 0.25},
    "losses.forget": "anchor",
    "update.learning_rate": 1e-4,
}


@pytest.fixture(name="space")
def _space() -> SearchSpace:
    return parse_space(SPACE)


def test_filling_puts_values_where_distributions_were(space: SearchSpace) -> None:
    experiment = space.fill(VALUES)
    assert experiment.update.learning_rate == 1e-4
    assert experiment.prompts.retain_mix is not None
    assert experiment.prompts.retain_mix.shares() == {
        "same_context": 0.25,
        "neighbours": 0.0,
        "other_axis": 0.0,
        "generic": 0.75,
        "anchor": 0.0,
    }


def test_filling_changes_neither_the_space_nor_the_values(space: SearchSpace) -> None:
    before = deepcopy((space.tree, VALUES))
    space.fill(VALUES)
    space.fill(VALUES | {"losses.forget": "ascent"})
    assert (space.tree, VALUES) == before


def test_what_the_drawn_forget_loss_has_no_use_for_is_left_out(space: SearchSpace) -> None:
    anchored = space.fill(VALUES).losses
    ascending = space.fill(VALUES | {"losses.forget": "ascent"}).losses
    assert (anchored.forget_loss_cap, anchored.negative_guidance) == (None, 0.5)
    assert (ascending.forget_loss_cap, ascending.negative_guidance) == (0.6, 0.0)


def test_a_missing_or_unknown_path_is_named(space: SearchSpace) -> None:
    values = {path: value for path, value in VALUES.items() if path != "losses.forget"}
    with pytest.raises(ConfigError) as caught:
        space.fill(values | {"update.lr": 1})
    assert [problem.path for problem in caught.value.problems] == ["losses.forget", "update.lr"]


def test_a_value_that_does_not_fit_is_named(space: SearchSpace) -> None:
    with pytest.raises(ConfigError, match=r"update\.learning_rate: expected a number above 0"):
        space.fill(VALUES | {"update.learning_rate": -1.0})
    with pytest.raises(ConfigError, match="sum to 1"):
        space.fill(VALUES | {"prompts.retain_mix": {"generic": 0.5, "same_context": 0.4}})


def test_a_space_is_not_fixed_and_says_where(space: SearchSpace) -> None:
    with pytest.raises(ConfigError) as caught:
        space.fixed()
    assert {problem.path for problem in caught.value.problems} == set(VALUES)


def test_a_file_without_distributions_is_fixed() -> None:
    experiment = parse_space("name: b\nconcept: {kind: style, forget: [neon]}").fixed()
    assert experiment.concept.forget == ("neon",)


def test_what_all_trials_share_can_be_read_off(space: SearchSpace) -> None:
    assert space.name == "a"
    assert list(space.objectives.items()) == [("alignment", "maximize"), ("ua", "maximize")]
    assert space.budget.trials == 3
    assert space.scaling.workers == 2


def test_a_space_crosses_processes(space: SearchSpace) -> None:
    assert space.name == "a"
    assert pickle.loads(pickle.dumps(space)) == space  # noqa: S301 - just written
