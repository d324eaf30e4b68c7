from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from pipeline.config import (
    METRICS,
    ConceptConfig,
    ConfigError,
    Experiment,
    LossesConfig,
    RetainMix,
    parse_space,
)

SNEAKER = {"kind": "object", "forget": ["sneaker"]}


def sections(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The model and those in it; a list, so that all test processes agree on the order."""
    found = [model]
    for field in model.model_fields.values():
        for annotation in (field.annotation, *get_args(field.annotation)):
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                found += sections(annotation)
    return found


def test_a_name_and_a_concept_are_enough() -> None:
    experiment = Experiment.model_validate({"name": "a", "concept": SNEAKER})
    assert experiment.objectives == {"erasure": "maximize", "alignment": "maximize"}
    assert experiment.prompts.retain_mix is None


@pytest.mark.parametrize("section", sections(Experiment), ids=lambda section: section.__name__)
def test_every_setting_is_documented(section: type[BaseModel]) -> None:
    assert section.__doc__
    assert [name for name, field in section.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("section", sections(Experiment), ids=lambda section: section.__name__)
def test_every_section_is_frozen_and_refuses_unknown_settings(section: type[BaseModel]) -> None:
    assert section.model_config.get("frozen") is True
    assert section.model_config.get("extra") == "forbid"


def test_an_experiment_cannot_be_changed() -> None:
    experiment = Experiment.model_validate({"name": "a", "concept": SNEAKER})
    with pytest.raises(ValidationError):
        experiment.seed = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", ["a", "0", "a.b_c-d", "x" * 64])
def test_good_names(name: str) -> None:
    assert Experiment.model_validate({"name": name, "concept": SNEAKER}).name == name


@pytest.mark.parametrize("name", ["", "A", ".a", "../a", "a/b", "a b", "x" * 65, "a\n", "ä", 3])
def test_bad_names(name: object) -> None:
    with pytest.raises(ValidationError):
        Experiment.model_validate({"name": name, "concept": SNEAKER})


def test_every_metric_can_be_an_objective() -> None:
    tree = {"name": "a", "concept": SNEAKER, "objectives": dict.fromkeys(METRICS, "minimize")}
    assert set(Experiment.model_validate(tree).objectives) == set(METRICS)


def test_shares_sum_to_one() -> None:
    assert RetainMix(generic=1.0).shares() == {
        "same_context": 0.0,
        "neighbours": 0.0,
        "other_axis": 0.0,
        "generic": 1.0,
        "anchor": 0.0,
    }
    assert RetainMix(same_context=0.3333333, neighbours=0.3333333, generic=0.3333333)
    for wrong in ({}, {"generic": 0.9}, {"generic": 1.0, "neighbours": 0.1}):
        with pytest.raises(ValidationError):
            RetainMix(**wrong)


def test_a_cap_goes_with_ascent_and_negative_guidance_with_an_anchor() -> None:
    assert LossesConfig(forget="ascent", forget_loss_cap=1.0)
    assert LossesConfig(forget="anchor", negative_guidance=1.0)
    with pytest.raises(ValidationError):
        LossesConfig(forget="anchor", forget_loss_cap=1.0)
    with pytest.raises(ValidationError):
        LossesConfig(forget="ascent", negative_guidance=1.0)


def test_the_anchor_is_not_forgotten() -> None:
    assert ConceptConfig(kind="object", forget=("sneaker",), anchor="none")
    with pytest.raises(ValidationError):
        ConceptConfig(kind="object", forget=("sneaker", "bag"), anchor="bag")


def test_every_worker_has_a_row_of_each_batch() -> None:
    text = "name: a\nconcept: {kind: object, forget: [sneaker]}\nupdate: {forget_batch: 2}\n"
    assert parse_space(f"{text}scaling: {{workers: 2}}").fixed().scaling.workers == 2
    with pytest.raises(ConfigError) as caught:
        parse_space(f"{text}scaling: {{workers: 3}}").fixed()
    assert [problem.path for problem in caught.value.problems] == ["scaling.workers"]


@pytest.mark.parametrize("value", [True, "80", 80.0, 0, -1, None])
def test_a_count_is_a_whole_number_above_zero(value: object) -> None:
    with pytest.raises(ValidationError):
        Experiment.model_validate({"name": "a", "concept": SNEAKER, "update": {"steps": value}})


@pytest.mark.parametrize("value", [True, "1e-4", 0, -1e-4, float("nan"), float("inf")])
def test_a_learning_rate_is_a_finite_number_above_zero(value: object) -> None:
    tree = {"name": "a", "concept": SNEAKER, "update": {"learning_rate": value}}
    with pytest.raises(ValidationError):
        Experiment.model_validate(tree)


def test_parts_are_of_several_workers_and_of_what_can_be_parted() -> None:
    text = "name: a\nconcept: {kind: object, forget: [sneaker]}\n"
    parts = "scaling: {workers: 2, sharded: true}\n"
    assert parse_space(text + parts).fixed().scaling.sharded
    for settings, place in (
        ("scaling: {sharded: true}\n", "scaling.sharded"),
        ("scaling: {workers: 2, least_workers: 3}\n", "scaling.least_workers"),
        (f"{parts}update: {{optimizer: adamw_8bit}}\n", "update.optimizer"),
        (f"{parts}update: {{saliency: 0.5}}\n", "update.saliency"),
        (f"{parts}losses: {{forget: esd}}\n", "losses.forget"),
    ):
        with pytest.raises(ConfigError) as caught:
            parse_space(text + settings)
        (problem,) = caught.value.problems
        assert problem.path == place
        assert "scaling." in problem.remedy
