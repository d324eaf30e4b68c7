import pytest

from pipeline.config import Choice, Distribution, IntUniform, Problem, Simplex, Uniform
from pipeline.config.distributions import (
    DISTRIBUTION_NAMES,
    extremes,
    looks_like_distribution,
    read_distribution,
)


@pytest.mark.parametrize(
    ("node", "distribution"),
    [
        ({"uniform": [0, 1]}, Uniform(0.0, 1.0, log=False)),
        ({"log_uniform": [1e-5, 1]}, Uniform(1e-5, 1.0, log=True)),
        ({"int_uniform": [-2, 5]}, IntUniform(-2, 5, log=False)),
        ({"log_int_uniform": [1, 100]}, IntUniform(1, 100, log=True)),
        ({"choice": ["a", 1, 1.0, True, None]}, Choice(("a", 1, 1.0, True, None))),
        ({"simplex": ["a", "b"]}, Simplex(("a", "b"))),
    ],
)
def test_each_is_read(node: dict[str, object], distribution: Distribution) -> None:
    assert looks_like_distribution(node)
    assert read_distribution("here", node) == distribution


@pytest.mark.parametrize(
    "node",
    [
        {"uniform": [1, 0]},
        {"uniform": [1, 1]},
        {"uniform": [0]},
        {"uniform": [0, 1, 2]},
        {"uniform": ["0", 1]},
        {"uniform": [False, True]},
        {"uniform": [0, float("inf")]},
        {"uniform": {"low": 0, "high": 1}},
        {"uniform": [0, 1], "log": True},
        {"log_uniform": [0, 1]},
        {"int_uniform": [0.5, 3]},
        {"int_uniform": [1.0, 3.0]},
        {"log_int_uniform": [0, 3]},
        {"choice": []},
        {"choice": ["a", "a"]},
        {"choice": [["a"], ["b"]]},
        {"simplex": ["a"]},
        {"simplex": ["a", "a"]},
        {"simplex": ["a", 1]},
    ],
    ids=str,
)
def test_a_bad_one_is_a_problem_at_its_path(node: dict[str, object]) -> None:
    problem = read_distribution("here", node)
    assert isinstance(problem, Problem)
    assert problem.path.startswith("here")


def test_the_extremes_are_the_edges_of_what_can_be_drawn() -> None:
    assert [value for _, value in extremes(Uniform(0.0, 2.0))] == [0.0, 2.0]
    assert [value for _, value in extremes(Choice((None, "b")))] == [None, "b"]
    assert [value for _, value in extremes(Simplex(("a", "b")))] == [
        {"a": 1.0, "b": 0.0},
        {"a": 0.0, "b": 1.0},
    ]


def test_plain_values_are_no_distributions() -> None:
    assert len(DISTRIBUTION_NAMES) == 6
    assert not any(
        map(looks_like_distribution, [3, "uniform", ["uniform"], {}, {"steps": 3}, None])
    )
