"""A comparison's record as a run leaves it: searches, judged trainings, pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from pipeline.config import FinalConfig, Pair, SearchSpace, parse_space
from pipeline.evaluation.formulas import METRIC_FORMULAS
from pipeline.evaluation.judge import Evaluation
from pipeline.evaluation.report import Report
from pipeline.evaluation.samples import save_samples
from pipeline.prompts.prompt import Prompt
from pipeline.search.comparison_record import (
    ComparisonRecord,
    FinalRecord,
    PairRecord,
    final_of,
)
from pipeline.search.member import chosen_member
from tests.evaluation.test_report import fields
from tests.search.comparisons import ended_trial, other_trial, sweep_of_trials

SPACE = """
name: sneaker-method
concept: {kind: object, forget: [sneaker]}
update: {learning_rate: {log_uniform: [1e-5, 1e-3]}}
objectives: {erasure: maximize, alignment: maximize}
"""

FRONTS = {
    "loser": ((0.5, 0.9), (0.4, 0.95), (0.3, 0.3)),
    "winner": ((0.99, 0.97), (0.9, 1.0)),
}
"""Erasure and alignment by trial; of the loser's, the last is dominated."""

TEXTS = ("a sneaker", "a neon sneaker", "a bag", "a neon bag", "a pink background")


def report(kept: float, seed: int = 0) -> Report:
    """A judgement of five prompts with two pictures each.

    The sneaker is seen in one of four pictures that ask for it. The last prompt names neither axis.

    Args:
        kept: CLIP cosine of retain prompts, where the base's is 0.5.
        seed: added to those of the pictures.
    """
    asked = (
        {"object": "sneaker", "style": "photo"},
        {"object": "sneaker", "style": "neon"},
        {"object": "bag", "style": "photo"},
        {"object": "bag", "style": "neon"},
        {"background": "pink"},
    )
    pictures = []
    for place, (text, wanted) in enumerate(zip(TEXTS, asked, strict=True)):
        for repeat in range(2):
            number = 2 * place + repeat
            right = {"object": "bag", "style": "photo", **wanted}
            gone = wanted.get("object") == "sneaker" and number != 0
            pictures.append(
                {
                    "text": text,
                    "seed": seed + number,
                    "asked": wanted,
                    "seen": {**right, "object": "bag"} if gone else right,
                    "base_seen": right,
                    "target_probability": 0.1 * number if place < 2 else None,
                    "clip": kept,
                    "base_clip": 0.5,
                    "image_distance": 0.0,
                }
            )
    own = {"alignment": kept / 0.5, "ua": 0.75, "erasure": 0.85}
    metrics = dict.fromkeys(METRIC_FORMULAS, 0.25) | own
    return Report.model_validate(
        fields(
            concept={"kind": "object", "forget": ["sneaker"]},
            metrics=metrics,
            base_metrics=dict.fromkeys(METRIC_FORMULAS, 0.125),
            images={"forget": 4, "retain": 6},
            sampling={"steps": 15, "guidance": 3.0, "seed": 99, "repeats": 2},
            pictures=pictures,
        )
    )


def put_samples(judged: Report, folder: Path, level: float) -> None:
    """Pictures of one brightness in a last training's folder; the base's are black."""
    count = len(judged.pictures)
    prompts = tuple(Prompt(each.text, each.asked, "test", None) for each in judged.pictures)
    images = torch.full((count, 3, 8, 8), level)
    folder.mkdir(parents=True)
    evaluation = Evaluation(judged, images, torch.full_like(images, -1.0), prompts)
    save_samples(evaluation, 4, folder / "samples.safetensors")


def space() -> SearchSpace:
    """A space with one distribution."""
    return parse_space(SPACE)


def pair(folder: Path, method: str, *, level: float = 0.0) -> PairRecord:
    """A method whose search has ended, with two judged trainings and a failed trial."""
    kept = {"ira": 0.8, "cra": 0.5}
    trials = [
        ended_trial(number, {**kept, "erasure": erasure, "alignment": alignment})
        for number, (erasure, alignment) in enumerate(FRONTS[method])
    ]
    sweep = sweep_of_trials(*trials, other_trial(len(trials), "failed"))
    finals = []
    for seed, clip in ((101, 0.5), (102, 0.48)):
        place = final_of(folder, Pair("sneaker", method), seed)
        judged = report(clip)
        put_samples(judged, place, level)
        finals.append(FinalRecord(seed, place, judged, None, {"training": 3.0, "judging": 1.0}))
    chosen = chosen_member(sweep)
    return PairRecord(Pair("sneaker", method), space(), sweep, chosen, tuple(finals))


def waiting(method: str) -> PairRecord:
    """A method that has not begun."""
    finals = tuple(FinalRecord(seed, Path("none"), None, None, {}) for seed in (101, 102))
    return PairRecord(Pair("sneaker", method), space(), None, None, finals)


def diverged(record: PairRecord) -> PairRecord:
    """The same, but its first training diverged."""
    first, *others = record.finals
    gone = replace(first, report=None, failure="DivergedError: the loss is NaN at step 3")
    return replace(record, finals=(gone, *others))


def comparison(folder: Path, *pairs: PairRecord) -> ComparisonRecord:
    """A comparison of these."""
    folder.mkdir(parents=True, exist_ok=True)
    final = FinalConfig(seeds=(101, 102))
    return ComparisonRecord("fashion", folder, "2026-01-02T12:00:00Z", final, pairs)
