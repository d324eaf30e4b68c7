"""What a model card says to do is Python that runs, whatever the base is called."""

from __future__ import annotations

import ast

import pytest

from pipeline.config import Experiment
from pipeline.tracking.card_usage import loading
from pipeline.tracking.forms import Form

HOSTILE = 'a/b"); print(1) #\n```\n<script>'


def test_the_code_of_a_card_says_nothing_of_the_machine_it_was_made_on() -> None:
    model = {"base": "/home/ada/sweeps/one/promoted/0008"}
    concept = {"kind": "object", "forget": ["bag"]}
    experiment = Experiment.model_validate({"name": "x", "concept": concept, "model": model})
    text = "\n".join(loading(experiment, "lora"))
    assert "ada" not in text
    assert "wherever it lies on your machine\npipeline = Diff" in text
    assert "from_pretrained('one/promoted/0008')" in text


@pytest.mark.parametrize("form", ["folder", "lora"])
@pytest.mark.parametrize("base", ["fashion-canvas", "owner/name", HOSTILE])
def test_the_code_of_a_card_is_python_and_ends_where_it_ends(form: Form, base: str) -> None:
    experiment = Experiment.model_validate(
        {
            "name": "x",
            "concept": {"kind": "object", "forget": ["bag"]},
            "model": {"base": base, "revision": "v1"},
        }
    )
    text = "\n".join(loading(experiment, form))
    assert text.count("```") == 2
    body = text.removeprefix("```python\n").removesuffix("\n```")
    named = {node.value for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Constant)}
    assert (base in named) is (form == "lora")
    calls = [node for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Call)]
    assert all(not isinstance(call.func, ast.Name) or call.func.id == "embedded" for call in calls)
