"""Does a step raise a loss? First-order and actual rises of every rule and restriction.

Run `python benchmarks/guarantee.py`. Each run takes 30 steps from the embedded base. A first-order
violation is a step whose actual parameter change has a positive cosine (above 1e-6, the rounding of
float32 parameters) with a loss's gradient on the step's own batch; an actual rise is one after
which a loss on a fixed probe batch with the same noise is higher than before. The table goes to
`benchmarks/results/guarantee.md`, everything measured beside it as JSON, run by run: an interrupted
benchmark goes on where it was.
"""

from __future__ import annotations

import copy
import itertools
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel, Store, load_model
from pipeline.diffusion.parameters import trainable
from pipeline.prompts import build_prompt_set
from pipeline.search.places import store_root
from pipeline.unlearning import prepare_training_set
from pipeline.unlearning.batches import TrainingSet, draw_batches
from pipeline.unlearning.preparing import make_stepper, step_batches
from pipeline.unlearning.workers import ALONE

STEPS = 30
TOLERANCE = 1e-6
RESULTS = Path(__file__).parent / "results" / "guarantee.json"
SEEDS = (0,)

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "AdamW, momentum": {"optimizer": "adamw", "momentum": 0.9, "learning_rate": 5e-4},
    "AdamW": {"optimizer": "adamw", "momentum": 0.0, "learning_rate": 5e-4},
    # Steps of about the same length as AdamW's.
    "SGD, momentum": {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.15},
    "SGD": {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 1.5},
}
LOSSES: dict[str, dict[str, Any]] = {
    "ascent": {"forget": "ascent", "retain": "denoise"},
    "ascent, cap 0.3": {"forget": "ascent", "retain": "denoise", "forget_loss_cap": 0.3},
    "anchor": {"forget": "anchor", "retain": "distill"},
}
UPDATES: dict[str, dict[str, Any]] = {
    "weighted sum": {"restriction": "none"},
    "MGDA": {"rule": "mgda", "restriction": "none"},
    "CAGrad": {"rule": "cagrad", "restriction": "none"},
    "UPGrad": {"rule": "upgrad", "restriction": "none"},
    "Nash-MTL": {"rule": "nash_mtl", "restriction": "none"},
    "IMTL-G": {"rule": "imtl_g", "restriction": "none"},
    "restricted gradient": {"restriction": "gradient"},
    "restricted step": {"restriction": "step"},
    "both": {"restriction": "both"},
    "restricted step, margin 0.01": {"restriction": "step", "margin": 0.01},
    "restricted step, margin 0.1": {"restriction": "step", "margin": 0.1},
    "restricted step, monotone": {"restriction": "step", "monotone": True},
}


def experiment(losses: dict[str, Any], update: dict[str, Any], seed: int) -> Experiment:
    """Thirty steps without warm-up."""
    return Experiment.model_validate(
        {
            "name": "guarantee",
            "seed": seed,
            "concept": {"kind": "object", "forget": ["sneaker"], "anchor": "bag"},
            "prompts": {"train": 64, "test": 24},
            "losses": losses,
            "update": {
                "steps": STEPS,
                "warmup": 1,
                "forget_batch": 8,
                "retain_batch": 16,
                **update,
            },
        }
    )


def run(model: DiffusionModel, data: TrainingSet, settings: Experiment) -> dict[str, float]:
    """Shares of steps that raise a loss, to first order and in fact, and where both losses end."""
    unet = copy.deepcopy(model.denoiser)
    stepper = make_stepper(
        model, settings, data, (unet, trainable(unet, model.family, settings.model)), ALONE
    )
    large = settings.update.model_copy(update={"forget_batch": 32, "retain_batch": 64})
    probe = draw_batches(data, large, settings.seed, 10_000, model.noise)
    forget_cosines, retain_cosines, seconds, told = [], [], [], []
    first = last = stepper.objectives.measure(*probe)
    rises = {"forget": 0, "retain": 0, "either": 0}
    for number in range(1, STEPS + 1):
        forget, retain = step_batches(model, settings, data, number)
        started = time.perf_counter()
        record = stepper.step(number, forget, retain, watch=True)
        seconds.append(time.perf_counter() - started)
        assert record is not None  # noqa: S101  (it is watched)
        told.append(record.values)
        forget_cosines.append(record.values["change_forget_cosine"])
        retain_cosines.append(record.values["change_retain_cosine"])
        losses = stepper.objectives.measure(*probe)
        worse = [new > old for new, old in zip(losses, last, strict=True)]
        rises["forget"] += worse[0]
        rises["retain"] += worse[1]
        rises["either"] += any(worse)
        last = losses
    violated = [max(pair) > TOLERANCE for pair in zip(forget_cosines, retain_cosines, strict=True)]
    return {
        "violations": sum(violated) / STEPS,
        "forget_violations": sum(cosine > TOLERANCE for cosine in forget_cosines) / STEPS,
        "retain_violations": sum(cosine > TOLERANCE for cosine in retain_cosines) / STEPS,
        **{f"{name}_rises": count / STEPS for name, count in rises.items()},
        "restricted": sum(values.get("restricted", 0.0) for values in told) / STEPS,
        "halvings": sum(values.get("halvings", 0.0) for values in told) / STEPS,
        "forget_loss_change": last[0] - first[0],
        "retain_loss_change": last[1] - first[1],
        "seconds": statistics.median(seconds),
    }


WITH_EVERY_OPTIMIZER = ("weighted sum", "restricted gradient", "restricted step", "both")
"""The other updates are measured with AdamW and its momentum, as sweeps use it."""


def cases() -> Iterator[tuple[str, str, str, int]]:
    """(optimiser, losses, update, seed) of every run, one seed after the other."""
    for seed, optimizer, losses, update in itertools.product(SEEDS, OPTIMIZERS, LOSSES, UPDATES):
        if update in WITH_EVERY_OPTIMIZER or optimizer == next(iter(OPTIMIZERS)):
            yield optimizer, losses, update, seed


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown: violations, and in brackets actual rises, in percent of steps over all seeds."""
    heads = [f"{optimizer}; {losses}" for optimizer in OPTIMIZERS for losses in LOSSES]
    lines = ["| update | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for update in UPDATES:
        cells = []
        for head in heads:
            optimizer, losses = head.split("; ")
            found = [rows.get(f"{optimizer}|{losses}|{update}|{seed}") for seed in SEEDS]
            known = [row for row in found if row is not None]
            if known:
                violations = 100 * statistics.mean(row["violations"] for row in known)
                rises = 100 * statistics.mean(row["either_rises"] for row in known)
                cells.append(f"{violations:.0f} ({rises:.0f})")
            else:
                cells.append("")
        lines.append(f"| {update} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what is missing."""
    torch.set_num_threads(1)
    RESULTS.parent.mkdir(exist_ok=True)
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    model, store = load_model("fashion-canvas"), Store(store_root())
    sets: dict[str, TrainingSet] = {}
    for optimizer, losses, update, seed in cases():
        name = f"{optimizer}|{losses}|{update}|{seed}"
        if name in rows:
            continue
        settings = experiment(LOSSES[losses], {**OPTIMIZERS[optimizer], **UPDATES[update]}, seed)
        if not sets:
            prompt_set = build_prompt_set(settings.concept, settings.prompts)
            sets["all"] = prepare_training_set(model, prompt_set, settings, store)
        rows[name] = run(model, sets["all"], settings)
        print(name, {key: round(value, 4) for key, value in rows[name].items()}, flush=True)
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(table(rows))
    print(table(rows))


if __name__ == "__main__":
    main()
