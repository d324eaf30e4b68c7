"""The search spaces that the project ships."""

from pathlib import Path

import pytest

from pipeline.config import (
    ONLY_WITH,
    Choice,
    dump_space,
    load_comparison,
    load_space,
    parse_space,
)
from pipeline.config.distributions import extremes
from pipeline.prompts import build_prompt_set

SHIPPED = Path(__file__).parents[2] / "search_spaces"
SPACES = sorted(SHIPPED.glob("*.yaml"))
METHODS = sorted((SHIPPED / "methods").glob("*.yaml"))
COMPARISONS = sorted((SHIPPED / "comparisons").glob("*.yaml"))


def test_all_spaces_are_there() -> None:
    names = {path.stem for path in SPACES}
    assert names >= {
        "cifar10_class",
        "demo",
        "fashion_chain",
        "fashion_neon",
        "fashion_sneaker",
        "fashion_three",
        "flux_style_lora",
        "sd15_church",
        "sd15_nudity",
        "sd15_van_gogh",
        "sd3_style_lora",
        "sdxl_object_lora",
        "smoke",
        "unlearncanvas_object",
        "unlearncanvas_style",
    }


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_it_loads_fills_and_has_prompts(path: Path) -> None:
    space = load_space(path)
    assert space.name == path.stem.replace("_", "-")
    assert space.distributions
    for last in (0, -1):
        values = {where: extremes(drawn)[last][1] for where, drawn in space.distributions.items()}
        experiment = space.fill(values)
        prompt_set = build_prompt_set(experiment.concept, experiment.prompts)
        assert len(prompt_set.forget_train) == experiment.prompts.train


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_a_copy_is_the_same_space(path: Path) -> None:
    space = load_space(path)
    assert parse_space(dump_space(space)) == space


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_settings_of_one_forget_loss_are_searched_only_where_that_is_drawn(path: Path) -> None:
    space = load_space(path)
    for where, (switch, values) in ONLY_WITH.items():
        if where in space.distributions and switch in space.distributions:
            drawn = space.distributions[switch]
            assert isinstance(drawn, Choice)
            assert set(values) & set(drawn.options)


def test_the_demo_runs_sixteen_one_core_trials_two_at_a_time() -> None:
    space = load_space(SPACES[[path.stem for path in SPACES].index("demo")])
    assert space.budget.trials >= 16
    assert space.budget.max_concurrent == 2
    assert (space.scaling.workers, space.scaling.cpus_per_worker) == (1, 1)
    assert space.objectives == {"erasure": "maximize", "alignment": "maximize"}


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.stem)
def test_each_method_has_a_space_of_its_own_name(path: Path) -> None:
    assert load_space(path).name == path.stem.replace("_", "-")


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_it_compares_methods_that_can_be_compared(path: Path) -> None:
    comparison = load_comparison(path)
    assert comparison.name == path.stem.replace("_", "-")
    assert len(comparison.spaces) == len(comparison.methods) * len(comparison.targets)


def test_the_large_comparison_has_every_searched_method() -> None:
    searched = {path.stem.replace("_", "-") for path in METHODS if load_space(path).distributions}
    comparison = load_comparison(SHIPPED / "comparisons" / "fashion.yaml")
    assert set(comparison.methods) >= searched
