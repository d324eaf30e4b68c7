"""A model of classes, taught and judged by an own vocabulary of their names."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import Experiment
from pipeline.diffusion import Sampler, Store, load_model
from pipeline.diffusion.families.class_conditional import LABELS
from pipeline.evaluation.questions import ask
from pipeline.prompts import build_prompt_set
from pipeline.prompts.fashion import OBJECTS
from pipeline.unlearning.training_set import prepare_training_set
from tests.diffusion.tiny.class_unet import class_unet

VOCABULARY = f"""
axes: {{class: [{", ".join(OBJECTS)}]}}
concept_axes: [class]
sentences: ["{{class}}"]
shares_sentences: true
neighbours: {{sneaker: [sandal]}}
"""
SNEAKER, SANDAL = OBJECTS.index("sneaker"), OBJECTS.index("sandal")


def test_a_class_is_taught_and_judged_by_its_name(tmp_path: Path) -> None:
    words = tmp_path / "classes.yaml"
    words.write_text(VOCABULARY)
    experiment = Experiment.model_validate(
        {
            "name": "classes",
            "concept": {"kind": "class", "forget": ["sneaker"]},
            "prompts": {"vocabulary": str(words), "train": 7, "test": 16},
            "synthesis": {"steps": 1, "guidance": 1.0},
        }
    )
    prompt_set = build_prompt_set(experiment.concept, experiment.prompts)
    base = load_model(class_unet(tmp_path / "base", null_class=False))
    data = prepare_training_set(base, prompt_set, experiment, Store(tmp_path / "store"))
    assert data.forget.anchor_conditions is not None
    assert data.forget.conditions.tensors[LABELS].tolist() == [SNEAKER] * 7
    assert data.forget.anchor_conditions.tensors[LABELS].tolist() == [SANDAL] * 7
    labels = {
        source: pool.conditions.tensors[LABELS].tolist() for source, pool in data.retain.items()
    }
    kept = sorted({*range(len(OBJECTS))} - {SNEAKER})
    assert {source: sorted(set(each)) for source, each in labels.items()} == {
        "same_context": kept,
        "neighbours": [SANDAL],
    }
    questions = ask(prompt_set, Sampler(1, 1.0, 4), seed=99, repeats=2)
    judged = base.encode_prompts(questions.texts).tensors[LABELS].tolist()
    assert sorted(set(judged)) == [*range(len(OBJECTS))]
    assert len(set(questions.seeds)) == len(questions.seeds) == 32
