import pickle

import pytest
from pydantic import ValidationError

from pipeline.config import ConfigError, Experiment, Problem
from pipeline.config.problems import problems_of


def test_a_problem_reads_as_one_line() -> None:
    assert str(Problem("a.b", "a number", "x")) == "a.b: expected a number, got x"
    assert str(Problem("a.b", "a number", "x", "mend it")).endswith("got x (mend it)")


def test_an_error_lists_all_problems_and_crosses_processes() -> None:
    error = ConfigError([Problem("a", "b", "c"), Problem("d", "e", "f", "g")])
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - just written
    assert copy.problems == error.problems
    assert str(copy) == str(error) == "a: expected b, got c\nd: expected e, got f (g)"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"update": {"learning_rate": -1}},
            "update.learning_rate: expected a number above 0, got -1",
        ),
        ({"update": {"steps": "many"}}, "update.steps: expected a whole number, got many"),
        (
            {"update": {"stepz": 3}},
            "update.stepz: expected a known setting, got stepz (did you mean update.steps?)",
        ),
        (
            {"learning_rate": 3},
            "got learning_rate (did you mean update.learning_rate?)",
        ),
        (
            {"objectives": {"erasur": "maximize"}},
            "expected a metric of the report, got 'erasur' (did you mean erasure?)",
        ),
        ({"objectives": {}}, "objectives: expected at least 1 of them, got {}"),
        (
            {"concept": {"kind": "object", "forget": "sneaker"}},
            "concept.forget: expected a list, got sneaker (write [sneaker])",
        ),
        ({"update": {"monotone": 1}}, "update.monotone: expected true or false, got 1"),
        ({"update": {"rule": "mdga"}}, "got mdga (did you mean mgda?)"),
        ({"update": {"rule": "restricted_gradient"}}, "(write restriction: gradient, and leave"),
        ({"losses": 3}, "losses: expected a mapping of settings, got 3"),
        ({"concept": None}, "concept: expected a mapping of settings, got nothing"),
        ({"update": {"retain_weight": float("inf")}}, "expected a finite number, got .inf"),
        ({"name": "a\nb"}, "name: expected 1 to 64 of a-z"),
    ],
)
def test_pydantics_errors_in_plain_words(changes: dict[str, object], line: str) -> None:
    tree = {"name": "a", "concept": {"kind": "object", "forget": ["sneaker"]}, **changes}
    with pytest.raises(ValidationError) as caught:
        Experiment.model_validate(tree)
    (problem,) = problems_of(caught.value, Experiment)
    assert line in str(problem)
    assert "\n" not in str(problem)
