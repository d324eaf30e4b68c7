"""Comparisons: what a file may say, how settings are put together, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import ConfigError, Pair, Simplex, Uniform, load_comparison
from pipeline.config.merging import differences, merged, with_concept

OWN = """
name: own
concept: {kind: object, forget: [sneaker], anchor: bag}
prompts: {train: 12, retain_mix: {simplex: [same_context, generic]}}
update: {rule: weighted_sum, learning_rate: {log_uniform: [1e-5, 1e-3]}, steps: 40}
"""

WHOLE = """
name: fashion
methods:
  own: methods/own.yaml
  narrow: {file: methods/own.yaml, set: {prompts.forget_diversity: 0.0, update.steps: 7}}
targets:
  sneaker: {forget: [sneaker]}
  neon: {kind: style, forget: [neon]}
same:
  prompts: {test: 96, retain_mix: {generic: 1.0}}
  update: {steps: 60}
final: {seeds: [1, 2], repeats: 3, judging_seed: 5}
"""


def written(folder: Path, text: str, own: str = OWN) -> Path:
    (folder / "methods").mkdir(exist_ok=True)
    (folder / "methods" / "own.yaml").write_text(own)
    path = folder / "comparison.yaml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str, own: str = OWN) -> dict[str, str]:
    """Text by path of every problem."""
    with pytest.raises(ConfigError) as caught:
        load_comparison(written(folder, text, own))
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_every_method_is_put_on_every_target(tmp_path: Path) -> None:
    comparison = load_comparison(written(tmp_path, WHOLE))
    assert comparison.name == "fashion"
    assert comparison.targets == ("sneaker", "neon")
    assert comparison.methods == ("own", "narrow")
    assert list(comparison.spaces) == [
        Pair("sneaker", "own"),
        Pair("sneaker", "narrow"),
        Pair("neon", "own"),
        Pair("neon", "narrow"),
    ]
    assert [space.name for space in comparison.spaces.values()] == [
        "sneaker-own",
        "sneaker-narrow",
        "neon-own",
        "neon-narrow",
    ]
    assert comparison.final.seeds == (1, 2)
    assert (comparison.final.repeats, comparison.final.judging_seed) == (3, 5)


def test_what_is_the_same_wins_over_what_a_method_sets(tmp_path: Path) -> None:
    spaces = load_comparison(written(tmp_path, WHOLE)).spaces
    own, narrow = spaces[Pair("sneaker", "own")], spaces[Pair("sneaker", "narrow")]
    assert own.tree["update"] == {
        "rule": "weighted_sum",
        "learning_rate": {"log_uniform": [1e-5, 1e-3]},
        "steps": 60,
    }
    assert narrow.tree["update"]["steps"] == 60
    assert "forget_diversity" not in own.tree["prompts"]
    assert narrow.tree["prompts"]["forget_diversity"] == 0.0
    assert own.tree["prompts"]["train"] == 12


def test_a_distribution_is_replaced_whole_and_replaces_whole(tmp_path: Path) -> None:
    spaces = load_comparison(written(tmp_path, WHOLE)).spaces
    mix = spaces[Pair("sneaker", "own")].tree["prompts"]["retain_mix"]
    assert mix == {"generic": 1.0}
    back = WHOLE.replace("{generic: 1.0}", "{simplex: [generic, neighbours]}")
    space = load_comparison(written(tmp_path, back)).spaces[Pair("sneaker", "own")]
    assert space.distributions == {
        "prompts.retain_mix": Simplex(("generic", "neighbours")),
        "update.learning_rate": Uniform(1e-5, 1e-3, log=True),
    }


def test_an_anchor_stays_with_its_own_concept(tmp_path: Path) -> None:
    spaces = load_comparison(written(tmp_path, WHOLE)).spaces
    concepts = {pair.target: spaces[pair].tree["concept"] for pair in spaces}
    assert concepts["sneaker"] == {"kind": "object", "forget": ["sneaker"], "anchor": "bag"}
    assert concepts["neon"] == {"kind": "style", "forget": ["neon"]}
    tree = {"concept": {"kind": "object", "forget": ["sneaker"], "anchor": "none"}}
    neon = {"kind": "style", "forget": ["neon"]}
    assert with_concept(tree, neon)["concept"] == {**neon, "anchor": "none"}
    assert with_concept({}, neon)["concept"] == neon


def test_merging_changes_neither_side() -> None:
    under = {"a": {"b": 1, "c": {"uniform": [0, 1]}}, "d": 2}
    over = {"a": {"c": {"choice": [1, 2]}, "e": {"f": 3}}, "d": {"g": 4}}
    whole = merged(under, over)
    assert whole == {"a": {"b": 1, "c": {"choice": [1, 2]}, "e": {"f": 3}}, "d": {"g": 4}}
    whole["a"]["e"]["f"] = 9
    assert over["a"] == {"c": {"choice": [1, 2]}, "e": {"f": 3}}
    assert under == {"a": {"b": 1, "c": {"uniform": [0, 1]}}, "d": 2}


def test_differences_are_dotted_paths() -> None:
    known = {"a": {"b": 1, "c": {"uniform": [0, 1]}}, "d": 2, "g": None}
    now = {"a": {"b": 1, "c": {"uniform": [0, 2]}}, "d": {"e": 2}}
    assert differences(known, now) == ["a.c", "d", "d.e", "g"]
    assert differences(known, known) == []


def test_files_are_found_from_the_file_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    own = OWN.replace("{train: 12,", "{forget_file: mine.txt, train: 12,")
    text = WHOLE.replace("update.steps: 7", "prompts.retain_file: kept.txt")
    spaces = load_comparison(written(tmp_path, text, own)).spaces
    prompts = spaces[Pair("neon", "narrow")].tree["prompts"]
    assert prompts["forget_file"] == str(tmp_path / "methods" / "mine.txt")
    assert prompts["retain_file"] == str(tmp_path / "kept.txt")


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    text = """
name: Fashion
methods:
  own: methods/own.yaml
  wild: {file: methods/own.yaml, set: {prompts.forget_diversity: 2.0}}
  lost: methods/lost.yaml
  typo: {fille: x}
targets:
  sneaker: {forget: [sneaker]}
  neon: {kind: style, forget: [neon], ancor: photo}
same: {update: {stepps: 60}}
final: {seeds: [1, 1], repeats: 0}
other: 3
"""
    found = problems(tmp_path, text)
    assert found.keys() == {
        "name",
        "methods.typo.file",
        "methods.typo.fille",
        f"methods.lost: {tmp_path / 'methods' / 'lost.yaml'}",
        "methods.wild: prompts.forget_diversity",
        "targets.neon: concept.ancor",
        "every method on every target: update.stepps",
        "final.seeds",
        "final.repeats",
        "other",
    }
    assert "did you mean update.steps?" in found["every method on every target: update.stepps"]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("name: fashion", "", "name"),
        ("name: fashion", "name: ../fashion", "name"),
        ("  own: methods/own.yaml", "  O wn: methods/own.yaml", "methods.O wn"),
        ("  sneaker: {forget", "  a/b: {forget", "targets.a/b"),
        ("final: {seeds: [1, 2]", "final: {seeds: []", "final.seeds"),
        ("judging_seed: 5", "judging_seed: 99", "final.judging_seed"),
        ("update.steps: 7", "name.first: 7", "methods.narrow: name.first"),
        ("update.steps: 7", "update.stepz: 7", "methods.narrow: update.stepz"),
        ("test: 96", "te.st: 96", "'same.prompts.te.st'"),
        ("same:\n", "same: 3\nsame2:\n", "same"),
        ("same:\n", "same:\n  concept: {forget: [bag]}\n", "same"),
        ("same:\n", "same:\n  name: other\n", "same"),
    ],
)
def test_a_problem_is_named_by_its_place(tmp_path: Path, old: str, new: str, path: str) -> None:
    assert old in WHOLE
    assert path in problems(tmp_path, WHOLE.replace(old, new))


def test_names_that_meet_are_refused(tmp_path: Path) -> None:
    text = WHOLE.replace("  neon:", "  sneaker-a: {forget: [sneaker]}\n  neon:")
    text = text.replace("  narrow:", "  a-own: methods/own.yaml\n  narrow:")
    assert "sneaker-a-own twice" in problems(tmp_path, text)["methods"]


def test_methods_must_be_judged_and_searched_alike(tmp_path: Path) -> None:
    text = WHOLE.replace("update.steps: 7", "budget.trials: 3, evaluation.steps: 9")
    found = problems(tmp_path, text)
    assert found["targets.sneaker: budget.trials"] == (
        "targets.sneaker: budget.trials: expected one value for all methods, got 16 for own, 3 for "
        "narrow (write it under `same`)"
    )
    assert "targets.neon: evaluation" in found
    other = problems(tmp_path, WHOLE.replace("update.steps: 7", "budget.sampler: random"))
    assert "targets.sneaker: budget.sampler" in other
    # An experiment that isn't searched has no use for its budget.
    fixed = WHOLE.replace("update.steps: 7", "budget.trials: 3, update.learning_rate: 1.0e-4")
    spaces = load_comparison(written(tmp_path, fixed)).spaces
    assert not spaces[Pair("neon", "narrow")].distributions


def test_names_may_hold_points(tmp_path: Path) -> None:
    text = WHOLE.replace("  narrow:", "  cap-0.3:").replace("  neon:", "  neon.1:")
    spaces = load_comparison(written(tmp_path, text)).spaces
    assert spaces[Pair("neon.1", "cap-0.3")].name == "neon.1-cap-0.3"


def test_methods_must_forget_the_same(tmp_path: Path) -> None:
    text = WHOLE.replace("update.steps: 7", "concept.forget: [bag], concept.anchor: dress")
    text = text.replace("sneaker: {forget: [sneaker]}", "any: {kind: object}")
    found = problems(tmp_path, text)
    assert found.keys() == {"targets.any: concept.forget"}
    assert "[sneaker] for own, [bag] for narrow" in found["targets.any: concept.forget"]


def test_every_pair_is_searched_again_with_other_seeds(tmp_path: Path) -> None:
    comparison = load_comparison(written(tmp_path, f"{WHOLE}search_again: [7, 3]\n"))
    pair = Pair("neon", "own")
    first, again = comparison.spaces[pair], comparison.again[pair]
    assert list(again) == [7, 3]
    assert again[3].name == "neon-own-seed-3"
    assert again[3].budget.seed == 3
    assert differences(again[3].tree, first.tree) == ["budget.seed", "name"]
    # Where nothing is searched there is nothing to search again.
    fixed = f"{WHOLE}search_again: [7]\n".replace("steps: 7", "learning_rate: 1.0e-4")
    again_of = load_comparison(written(tmp_path, fixed)).again
    assert [len(each) for each in again_of.values()] == [1, 0, 1, 0]


def test_a_search_is_not_run_again_with_its_own_seed(tmp_path: Path) -> None:
    found = problems(tmp_path, f"{WHOLE}search_again: [3, 3]\n")
    assert "each seed once" in found["search_again"]
    found = problems(tmp_path, f"{WHOLE}search_again: [3, 0]\n")
    assert "other seeds than `budget.seed`, got 0" in found["search_again"]
    seeded = WHOLE.replace("{steps: 60}", "{steps: 60}\n  budget: {seed: 3}")
    assert "got 3" in problems(tmp_path, f"{seeded}search_again: [3, 0]\n")["search_again"]


def test_names_of_searches_that_meet_are_refused(tmp_path: Path) -> None:
    text = WHOLE.replace("  narrow:", "  own-seed-3: methods/own.yaml\n  narrow:")
    found = problems(tmp_path, f"{text}search_again: [3]\n")
    assert "sneaker-own-seed-3 twice" in found["methods"]
    # What isn't searched is not searched again either.
    set_all = "{file: methods/own.yaml, set: {update.learning_rate: 1.0e-4}}"
    fixed = text.replace("own: methods/own.yaml", f"own: {set_all}")
    fixed = fixed.replace("own-seed-3: methods/own.yaml", f"own-seed-3: {set_all}")
    load_comparison(written(tmp_path, f"{fixed}search_again: [3]\n"))


def test_names_that_leave_no_room_for_a_seed_are_refused(tmp_path: Path) -> None:
    text = WHOLE.replace("  narrow:", f"  {'m' * 52}:")
    load_comparison(written(tmp_path, text))
    found = problems(tmp_path, f"{text}search_again: [3]\n")
    assert "at most 64 characters" in found["search_again"]
    assert f"sneaker-{'m' * 52}-seed-3 of 67 (shorten" in found["search_again"]
