"""Search spaces for tests: small enough for seconds."""

from __future__ import annotations

from typing import Any

from pipeline.config import SearchSpace, parse_space

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
