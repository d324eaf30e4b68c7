"""Every file, command and program of docs/recipe.md."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from diffusers import UNet2DModel

from pipeline.config import load_space
from pipeline.config.distributions import extremes
from pipeline.config.space import put
from pipeline.prompts import build_prompt_set
from pipeline.search.records import read_sweep
from pipeline.search.requirements import check_requirements
from tests.cli.command import environment_of, run_unlearn
from tests.cli.recipe import Recipe, read_recipe
from tests.diffusion.tiny import build
from tests.diffusion.tiny.class_unet import class_unet
from tests.evaluation.judges.tiny import clip
from tests.search.shipped import SHORT

EXPERIMENT: Final = "my_teddy.yaml"
TAKES_SET: Final = ("plan", "sweep")


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe()


def merged_files(recipe: Recipe) -> list[dict[str, Any]]:
    """The experiment as the page has it, and with each of the page's pieces over it."""
    whole: dict[str, Any] = yaml.safe_load(recipe.files[EXPERIMENT])
    assert {name for name, _ in recipe.parts} == {EXPERIMENT}
    return [whole, *(with_piece(whole, part) for _, part in recipe.parts)]


def with_piece(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A file in which a piece stands in place of what was there: a setting, or an axis's judge."""
    tree = deepcopy(whole)
    for section, settings in part.items():
        for name, value in settings.items():
            if isinstance(value, dict):
                for axis, judge in value.items():
                    put(tree, f"{section}.{name}.{axis}", judge)
            else:
                put(tree, f"{section}.{name}", value)
    return tree


def test_every_yaml_block_is_a_search_space_with_prompts(recipe: Recipe, tmp_path: Path) -> None:
    recipe.write(tmp_path)
    experiments = merged_files(recipe)
    assert len(experiments) >= 3
    for tree in experiments:
        (tmp_path / EXPERIMENT).write_text(yaml.safe_dump(tree))
        space = load_space(tmp_path / EXPERIMENT)
        check_requirements(space)
        for last in (0, -1):
            ends = {path: extremes(drawn)[last][1] for path, drawn in space.distributions.items()}
            experiment = space.fill(ends)
            prompts = build_prompt_set(experiment.concept, experiment.prompts)
            assert len(prompts.forget_train) == experiment.prompts.train
            assert all("teddy bear" in prompt.text for prompt in prompts.forget_test)
            kept = [
                *prompts.retain_test,
                *(p for pool in prompts.retain_train.values() for p in pool),
            ]
            assert not any("teddy" in prompt.text for prompt in kept)


def test_every_command_has_the_verb_and_the_options_that_it_uses(
    recipe: Recipe, tmp_path: Path
) -> None:
    assert len(recipe.commands) >= 6
    shown: dict[str, str] = {}
    for program, verb, *arguments in recipe.commands:
        assert program == "unlearn"
        if verb not in shown:
            shown[verb] = run_unlearn(tmp_path, verb, "--help").stdout
        for option in arguments:
            assert not option.startswith("--") or option in shown[verb], (verb, option)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_command_and_program_runs(recipe: Recipe, tmp_path: Path) -> None:
    """In the page's order, as a reader would, on a tiny Stable Diffusion with tiny judges.

    Random weights pass no gate, and so few prompts show nothing: it alone is taken out.
    """
    recipe.write(tmp_path)
    build("sd1", tmp_path / "my-model")
    class_unet(tmp_path / "my-classes", names=[str(number) for number in range(10)])
    judges = {name: clip(tmp_path / name, seed=ord(name), agreeable=True) for name in "ab"}
    settings = [*SHORT, "gate=null", f"evaluation.clip={judges['a']}"]
    for at, name in (("classifier", "a"), ("second_classifier", "b")):
        settings += [
            f"evaluation.{at}.{axis}.zero_shot={judges[name]}" for axis in ("toy", "place")
        ]
    for _, verb, *arguments in recipe.commands:
        asked = list(arguments)
        if verb in TAKES_SET:
            asked += [word for each in settings for word in ("--set", each)]
        told = run_unlearn(tmp_path, verb, *asked)
        assert told.returncode == 0, (verb, told.stdout, told.stderr)
    sweep = read_sweep(tmp_path / "sweeps" / "my-teddy")
    assert [trial.state for trial in sweep.trials] == ["complete"] * 2
    assert (tmp_path / "before-and-after.png").is_file()
    # Both numbers stand for the trial's.
    (promoted,) = [path.name for path in (sweep.folder / "promoted").iterdir() if path.is_dir()]
    for program in recipe.programs:
        if "load_lora_weights" in program:
            told = run_unlearn(tmp_path, "promote", sweep.name, "--trial", promoted, "--as", "lora")
            assert told.returncode == 0, told.stderr
        subprocess.run(
            [sys.executable, "-c", program.replace("promoted/0000", f"promoted/{promoted}")],
            cwd=tmp_path,
            env=environment_of(tmp_path),
            check=True,
        )
    assert (tmp_path / "after.png").is_file()
    names = UNet2DModel.load_config(tmp_path / "my-classes" / "unet")["id2label"]
    assert names["1"] == "automobile"
