"""A user's own vocabulary: a YAML file by its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import ConceptConfig, ConfigError, PromptsConfig, load_space
from pipeline.prompts import build_prompt_set, vocabulary

CARS = """
axes:
  car: [beetle, mini, pickup]
  colour: [red, blue, black]
concept_axes: [car]
sentences: ["a photo of {a} {colour} {car}"]
"""


def own(folder: Path, text: str) -> str:
    path = folder / "cars.yaml"
    path.write_text(text)
    return str(path)


def problems(folder: Path, text: str) -> dict[str, str]:
    path = own(folder, text)
    with pytest.raises(ConfigError) as caught:
        vocabulary(path)
    assert all(each.path.startswith(f"{path}, ") for each in caught.value.problems)
    found: dict[str, str] = {}
    for each in caught.value.problems:
        place = each.path.removeprefix(f"{path}, ")
        found[place] = "\n".join(filter(None, [found.get(place), str(each)]))
    return found


def test_a_short_file_is_enough(tmp_path: Path) -> None:
    words = vocabulary(own(tmp_path, CARS))
    assert words.caption("car", "beetle") == "a photo of a beetle"
    assert words.sources == ("same_context", "neighbours", "generic")
    found = build_prompt_set(
        ConceptConfig(kind="car", forget=("mini",)),
        PromptsConfig(vocabulary=words.name, train=12, test=8),
    )
    assert found.concept.neighbours == ("beetle", "pickup")
    taught = {prompt.text for prompt in found.forget_train}
    judged = {prompt.text for prompt in found.forget_test}
    assert (len(taught), len(judged)) == (2, 1)
    assert taught | judged == {f"a photo of a {each} mini" for each in ("red", "blue", "black")}


def test_a_path_is_taken_from_the_experiments_folder(tmp_path: Path) -> None:
    own(tmp_path, CARS)
    file = tmp_path / "space.yaml"
    file.write_text(
        "name: a\nconcept: {kind: car, forget: [mini]}\nprompts: {vocabulary: cars.yaml}\n"
    )
    experiment = load_space(file).fixed()
    assert experiment.prompts.vocabulary == str(tmp_path / "cars.yaml")
    assert build_prompt_set(experiment.concept, experiment.prompts).concept.forgotten == ("mini",)
    named = load_space(file, ["prompts.vocabulary=people"]).fixed()
    assert named.prompts.vocabulary == "people"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: expected a readable YAML file"):
        vocabulary(str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match="begin with `axes:`"):
        vocabulary(own(tmp_path, "- a\n"))


def test_every_wrong_setting_is_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
axes: {Car: [a, b], colour: [red, red], age: [1, 2], empty: []}
concept_axes: [a, b, c]
sentence: ["{car}"]
shares_sentences: perhaps
""",
    )
    assert set(found) == {
        "axes.Car",
        "axes.colour",
        "axes.age",
        "axes.empty",
        "concept_axes",
        "sentences",
        "sentence",
        "shares_sentences",
    }
    assert "did you mean sentences?" in found["sentence"]
    assert "each value once" in found["axes.colour"]


def test_every_contradiction_is_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
axes:
  car: {beetle: "", mini: "", "none": it, pickup: "pick[up]"}
  colour: [red, blue, mini]
  lonely: [one]
  a: [x]
concept_axes: [car, lonely]
sentences: ["{a} {colour} {car} {lonley}", "{car} {colour} {lonely} [", "{car} {colour} {lonely}"]
without: {colur: ["{car}"], car: ["{lonely} {colour} {car}"]}
neighbours: {beetle: [mini, red], mini: [mini], red: [blue]}
unnamed: {cars: thing}
plurals: [trousers]
plain: {colour: pink}
bare: {car: 3}
captions: {colour: "a {car}", car: "a {car}"}
held_out: {car: [beetle, mini, none, pickup], shade: [red]}
""",
    )
    assert set(found) == {
        "axes.car",
        "axes.car.none",
        "axes.car.pickup",
        "axes.colour.mini",
        "axes.lonely",
        "axes.a",
        "sentences.0",
        "sentences.1",
        "sentences.2",
        "without.colur",
        "without.car",
        "without.car.0",
        "without.colur.0",
        "neighbours.beetle",
        "neighbours.mini",
        "neighbours.red",
        "unnamed.cars",
        "plurals",
        "plain.colour",
        "bare.car",
        "captions.colour",
        "captions.car",
        "held_out.car",
        "held_out.shade",
        "held_out",
    }
    assert "did you mean colour?" in found["without.colur"]
    assert "a value of car" in found["neighbours.beetle"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("colour: [red, blue]", "axes"),
        ("colour: [red, blue, black]\nheld_out: {car: [mini]}", "held_out"),
        ("colour: [red, blue]\nheld_out: {colour: [red]}\nshares_sentences: true", "held_out"),
    ],
)
def test_what_leaves_nothing_held_out_is_refused(tmp_path: Path, change: str, place: str) -> None:
    axis, _, settings = change.partition("\n")
    text = CARS.replace("colour: [red, blue, black]", axis) + settings
    assert set(problems(tmp_path, text)) == {place}


def test_two_colours_are_enough_where_one_is_held_out_or_sentences_are_shared(
    tmp_path: Path,
) -> None:
    short = CARS.replace("colour: [red, blue, black]", "colour: [red, blue]")
    for settings in ("held_out: {colour: [red]}", "shares_sentences: true"):
        assert vocabulary(own(tmp_path, f"{short}{settings}"))


def test_concepts_of_both_axes_want_context_for_both(tmp_path: Path) -> None:
    text = CARS.replace("[car]", "[car, colour]").replace(
        "axes:\n", "axes:\n  place: [here, there, nowhere]\n", 1
    )
    path = own(tmp_path, text.replace("{car}", "{car} {place}"))
    concept = {"kind": "car", "forget": ["mini"], "also": [{"kind": "colour", "forget": ["red"]}]}
    with pytest.raises(ConfigError, match="too few contexts to hold some out for both") as caught:
        build_prompt_set(
            ConceptConfig.model_validate(concept), PromptsConfig(vocabulary=path, test=16)
        )
    assert caught.value.problems[0].path == "concept.also"
    alone = ConceptConfig(kind="colour", forget=("red",))
    assert build_prompt_set(alone, PromptsConfig(vocabulary=path))
