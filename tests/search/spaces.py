"""Search spaces for tests: small enough for seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.config import SearchSpace, dump_experiment, parse_space

SMOKE = """
name: smoke
concept: {kind: object, forget: [sneaker]}
prompts:
  train: 6
  test: 16
  forget_diversity: {uniform: [0, 1]}
  retain_mix: {simplex: [same_context, neighbours, generic]}
synthesis: {steps: 2}
update:
  restriction: {choice: [gradient, none]}
  learning_rate: {log_uniform: [1e-5, 1e-3]}
  steps: {int_uniform: [6, 9]}
  forget_batch: 4
  retain_batch: 4
  warmup: 1
  telemetry_every: 1
  checkpoint_every: 2
evaluation: {steps: 2, gallery: 2, batch: 8}
objectives: {erasure: maximize, alignment: maximize}
budget: {trials: 4, max_concurrent: 2, sampler: random}
"""


def smoke_space(**sections: dict[str, Any]) -> SearchSpace:
    """The smoke space with some of its settings replaced: `update={"steps": 5}`."""
    tree = parse_space(SMOKE).tree
    for section, settings in sections.items():
        tree.setdefault(section, {}).update(settings)
    return parse_space(tree)


def sibling(**sections: Any) -> SearchSpace:
    """A space of another concept."""
    tree = smoke_space(**sections).tree
    return parse_space({**tree, "concept": {"kind": "object", "forget": ["bag"]}})


def values(space: SearchSpace, diversity: float = 0.5) -> dict[str, object]:
    """A value for each of the smoke space's distributions."""
    return {
        "prompts.forget_diversity": diversity,
        "prompts.retain_mix": {"same_context": 0.2, "neighbours": 0.3, "generic": 0.5},
        "update.restriction": "gradient",
        "update.learning_rate": 1e-4,
        "update.steps": space.distributions["update.steps"].low,  # type: ignore[union-attr]
    }


def put_trial(folder: Path, space: SearchSpace, diversity: float = 0.5) -> Path:
    """A trial's folder with its experiment."""
    folder.mkdir(parents=True)
    experiment = space.fill(values(space, diversity))
    (folder / "experiment.yaml").write_text(dump_experiment(experiment))
    return folder
