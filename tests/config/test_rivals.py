"""Settings that only some methods have a use for."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config import (
    ONLY_WITH,
    ConfigError,
    Experiment,
    LossesConfig,
    ModelConfig,
    RetainMix,
    SearchSpace,
    UpdateConfig,
    parse_space,
)

CONCEPT = {"kind": "object", "forget": ["sneaker"]}


def parsed(**sections: Any) -> SearchSpace:
    return parse_space({"name": "a", "concept": CONCEPT, **sections})


def problems(**sections: Any) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parsed(**sections)
    return {problem.path: str(problem) for problem in caught.value.problems}


@pytest.mark.parametrize("forget", ["anchor", "esd"])
def test_negative_guidance_goes_with_what_has_a_target(forget: str) -> None:
    losses = LossesConfig.model_validate({"forget": forget, "negative_guidance": 1.0})
    assert losses.negative_guidance == 1.0


@pytest.mark.parametrize(
    "forget", ["ascent", "concept_ablation", "concept_ablation_noise", "relabel"]
)
def test_other_forget_losses_refuse_it(forget: str) -> None:
    found = problems(losses={"forget": forget, "negative_guidance": 1.0})
    assert "set losses.forget to anchor or esd" in found["losses.negative_guidance"]
    assert parsed(losses={"forget": forget, "negative_guidance": 0.0}).fixed()


@pytest.mark.parametrize(
    "forget", ["anchor", "esd", "concept_ablation", "concept_ablation_noise", "relabel"]
)
def test_a_cap_goes_with_ascent_alone(forget: str) -> None:
    found = problems(losses={"forget": forget, "forget_loss_cap": 1.0})
    assert "set losses.forget to ascent" in found["losses.forget_loss_cap"]


@pytest.mark.parametrize("restriction", ["none", "gradient"])
def test_a_margin_goes_with_a_restricted_step(restriction: str) -> None:
    found = problems(update={"restriction": restriction, "margin": 0.1})
    assert "set update.restriction to step" in found["update.margin"]
    assert UpdateConfig.model_validate({"restriction": restriction, "margin": 0.0})
    for restricted in ("step", "both"):
        assert UpdateConfig.model_validate({"restriction": restricted, "margin": 0.1}).margin == 0.1


@pytest.mark.parametrize(
    ("setting", "good", "bad"),
    [
        ("margin", (0.0, 0.99), (-0.1, 1.0, float("nan"), True, "0.1")),
        ("cagrad_radius", (0.0, 0.99), (-0.1, 1.0, float("nan"), True)),
        ("momentum", (0.0, 0.99), (-0.1, 1.0, float("inf"))),
        ("saliency", (1e-6, 0.5, 1.0, None), (0.0, -0.5, 1.01, float("nan"), True)),
        ("monotone", (True, False), (1, "yes", None)),
        ("rule", ("mgda", "forget_only"), ("restricted_gradient", "pcgrad", None)),
        ("optimizer", ("adamw", "sgd"), ("adam", None)),
    ],
)
def test_update_settings_have_their_range(
    setting: str, good: tuple[Any, ...], bad: tuple[Any, ...]
) -> None:
    for value in good:
        tree = {"restriction": "step", setting: value}
        assert getattr(UpdateConfig.model_validate(tree), setting) == value
    for value in bad:
        assert set(problems(update={"restriction": "step", setting: value})) == {
            f"update.{setting}"
        }


def test_the_anchors_are_a_source_of_the_retain_mix() -> None:
    assert RetainMix(anchor=0.25, generic=0.75).shares()["anchor"] == 0.25
    space = parsed(prompts={"retain_mix": {"simplex": ["anchor", "generic"]}})
    filled = space.fill({"prompts.retain_mix": {"anchor": 0.6, "generic": 0.4}})
    assert filled.prompts.retain_mix is not None
    assert filled.prompts.retain_mix.shares()["anchor"] == 0.6


@pytest.mark.parametrize("train", ["all", "cross_attention", "without_cross_attention"])
def test_three_sets_of_parameters_can_be_trained(train: str) -> None:
    assert ModelConfig.model_validate({"train": train}).train == train
    assert "model.train" in problems(model={"train": f"{train}s"})


def test_an_edit_has_weights_of_its_own_and_they_can_be_searched() -> None:
    assert parsed().fixed().closed_form is None
    edit = parsed(closed_form={}).fixed().closed_form
    assert edit is not None
    assert (edit.preserve_weight, edit.ridge) == (1.0, 0.1)
    assert set(problems(closed_form={"ridge": 0.0, "preserve_weight": -1.0})) == {
        "closed_form.ridge",
        "closed_form.preserve_weight",
    }
    space = parsed(closed_form={"ridge": {"log_uniform": [1e-4, 10.0]}})
    filled = space.fill({"closed_form.ridge": 0.5}).closed_form
    assert filled is not None
    assert filled.ridge == 0.5


SEARCHED: dict[str, Any] = {
    "losses": {
        "forget": {"choice": ["ascent", "anchor", "esd", "relabel"]},
        "forget_loss_cap": 0.7,
        "negative_guidance": {"uniform": [0.5, 2.0]},
    },
    "update": {
        "rule": {"choice": ["weighted_sum", "cagrad", "mgda"]},
        "cagrad_radius": {"uniform": [0.1, 0.9]},
        "restriction": {"choice": ["none", "gradient", "step", "both"]},
        "margin": 0.2,
    },
}


def filled(forget: str, rule: str = "mgda", restriction: str = "none") -> Experiment:
    return parsed(**SEARCHED).fill(
        {
            "losses.forget": forget,
            "losses.negative_guidance": 1.5,
            "update.rule": rule,
            "update.cagrad_radius": 0.3,
            "update.restriction": restriction,
        }
    )


def test_a_setting_stays_with_each_of_several_values_and_is_left_out_with_others() -> None:
    guidance = {
        f: filled(f).losses.negative_guidance for f in ("ascent", "anchor", "esd", "relabel")
    }
    assert guidance == {"ascent": 0.0, "anchor": 1.5, "esd": 1.5, "relabel": 0.0}
    caps = {f: filled(f).losses.forget_loss_cap for f in ("ascent", "anchor", "esd", "relabel")}
    assert caps == {"ascent": 0.7, "anchor": None, "esd": None, "relabel": None}
    margins = {
        r: filled("esd", restriction=r).update.margin for r in ("none", "gradient", "step", "both")
    }
    assert margins == {"none": 0.0, "gradient": 0.0, "step": 0.2, "both": 0.2}
    radii = {rule: filled("esd", rule).update.cagrad_radius for rule in ("cagrad", "mgda")}
    assert radii == {"cagrad": 0.3, "mgda": UpdateConfig().cagrad_radius}


def test_every_switch_and_value_of_only_with_exists() -> None:
    plain = Experiment.model_validate({"name": "a", "concept": CONCEPT}).model_dump(mode="json")
    for path, (switch, values) in ONLY_WITH.items():
        for setting in (path, switch):
            section, key = setting.split(".")
            assert key in plain[section]
        section, key = switch.split(".")
        for value in values:
            assert parsed(**{section: {key: value}}).fixed()


def test_a_value_out_of_range_is_found_whatever_the_switch() -> None:
    tree = {**SEARCHED, "update": {**SEARCHED["update"], "margin": 1.5}}
    assert list(problems(**tree)) == ["update.margin"]
    tree = {**SEARCHED, "update": {**SEARCHED["update"], "cagrad_radius": {"uniform": [0.1, 1.0]}}}
    assert list(problems(**tree)) == ["update.cagrad_radius"]
