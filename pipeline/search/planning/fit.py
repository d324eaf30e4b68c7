"""Whether a plan fits the machine, and what to change where it does not."""

from __future__ import annotations

from typing import Final

from pipeline.config import Experiment
from pipeline.search.planning.plan import Keeps, Plan
from pipeline.unlearning.memory import rows

_TO_SPARE: Final = 0.15
"""Of a GPU's memory; two CLIPs and a CUDA context take a few GB."""


def in_words(size: float) -> str:
    """Bytes as `1.5 GB`, `12 MB`."""
    for unit, least in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            return (
                f"{size / least:.3g} {unit}"
                if size < 999.5 * least
                else f"{size / least:.0f} {unit}"
            )
    return f"{size:.0f} B"


def why_not(plan: Plan) -> str | None:
    """Why a plan cannot fit, with advice; None if it does, or if nobody can tell."""
    needed, phase = plan.peak
    if plan.memory.size is not None and needed > plan.memory.size:
        return (
            f"{plan.name}: expected a trial that fits the memory of {plan.memory.of}, "
            f"{in_words(plan.memory.size)} a worker; one takes about {in_words(needed)} while "
            f"{_WORDS[phase]}; " + ", or ".join(advice(plan))
        )
    if plan.least_disk > plan.free:
        return (
            f"{plan.name}: expected {in_words(plan.least_disk)} free on the disk of sweeps and "
            f"pictures, found {in_words(plan.free)}; {room(plan.keeps)}"
        )
    return None


def why_close(plan: Plan) -> str | None:
    """Why a plan that fits may not fit after all, with advice; None if there is room to spare."""
    (needed, _), size = plan.peak, plan.memory.size
    if size is None or not (1 - _TO_SPARE) * size < needed <= size:
        return None
    return (
        f"memory: of {in_words(size)} {in_words(size - needed)} are left for judges and libraries, "
        f"which are not counted and may need more; to be sure, {', or '.join(advice(plan)[:2])}"
    )


def room(keeps: Keeps) -> str:
    """How a disk that is too small can do."""
    others = (
        "" if keeps == "front" else "keep the front's weights alone (budget.keep_weights: front), "
    )
    return (
        f"make room, set UNLEARN_HOME to a larger disk, {others}lower budget.trials, or train "
        "adapters (model.lora: {rank: 8}), which save less"
    )


_WORDS = {"backward": "it takes gradients", "step": "it takes a step", "sampling": "it is judged"}


def advice(plan: Plan) -> list[str]:
    """What to change, the most promising first."""
    _, phase = plan.peak
    experiment, memory = plan.heaviest, plan.memory.size or 0
    update, found = experiment.update, []
    always = sum(each.size for each in plan.buffers if each.phase == "always")
    if always > memory and experiment.model.lora is not None:
        return ["take a GPU or machine with more memory: the weights alone do not fit"]
    if phase == "sampling":
        if experiment.evaluation.batch > 1:
            found.append(f"lower evaluation.batch (now {experiment.evaluation.batch})")
        return [*found, "take a GPU or machine with more memory"]
    if experiment.is_trained and not experiment.scaling.sharded and _can_be_sharded(experiment):
        found.append(
            "share what moves among workers (scaling: {workers: 2 or more, sharded: true})"
        )
    if experiment.model.lora is None and experiment.closed_form is None:
        found.append("train adapters (model.lora: {rank: 8})")
        if experiment.model.train == "all":
            found.append("train fewer parameters (model.train: cross_attention)")
        if update.optimizer in ("adamw", "adamw_fused"):
            found.append("keep the optimiser's states in bytes (update.optimizer: adamw_8bit)")
    if phase == "backward" and not update.gradient_checkpointing:
        found.append("compute activations again (update.gradient_checkpointing: true)")
    if phase == "backward" and rows(experiment) > 1:
        found.append(f"accumulate gradients (update.accumulate: {2 * update.accumulate} or more)")
        found.append("lower update.forget_batch and update.retain_batch")
        workers = experiment.scaling.workers
        found.append(f"share the batches among more workers (scaling.workers, now {workers})")
    found.append("take a GPU or machine with more memory")
    return found


def _can_be_sharded(experiment: Experiment) -> bool:
    update = experiment.update
    return update.optimizer != "adamw_8bit" and update.saliency is None
