"""Training: steps, telemetry, checkpoints, resume. Knows neither Ray nor MLflow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.config import Experiment
from pipeline.diffusion.attention import quick_attention
from pipeline.diffusion.lora import portable
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.pulse import beat
from pipeline.diffusion.recomputing import recompute_activations
from pipeline.diffusion.sharing import copy_around
from pipeline.diffusion.trained import Trained, copy_to_train, count_trained, write_count
from pipeline.diffusion.weights import save_weights
from pipeline.unlearning.batches import TrainingSet
from pipeline.unlearning.checkpoint_writer import CheckpointWriter
from pipeline.unlearning.checkpoints import Story, restore_checkpoint
from pipeline.unlearning.preparing import make_stepper, step_batches
from pipeline.unlearning.progress import Progress
from pipeline.unlearning.rungs import AT_A_RUNG, NO_RUNGS, Rungs, StoppedEarlyError
from pipeline.unlearning.shards import shard
from pipeline.unlearning.telemetry import StepRecord, TelemetryFile
from pipeline.unlearning.text_student import TextStudent
from pipeline.unlearning.workers import ALONE, Workers

WEIGHTS = "weights.safetensors"
TRAINED = "trained.json"


def train(  # noqa: PLR0913  (what is trained, on what, with whom, and who looks on)
    model: DiffusionModel,
    experiment: Experiment,
    data: TrainingSet,
    folder: Path,
    report: Callable[[StepRecord], None] = lambda _: None,
    workers: Workers = ALONE,
    start: DiffusionModel | None = None,
    *,
    rungs: Rungs = NO_RUNGS,
) -> Path:
    """Unlearn on a copy of a denoiser, going on from the folder's newest checkpoint.

    On the CPU a run that was killed and started again ends with the same bits as an uninterrupted
    one; a GPU's kernels may add in another order.

    Args:
        model: the base; it stays as it is and is the frozen teacher of the losses that have one.
        experiment: what to do.
        data: pools of the concept and of what is kept.
        folder: gets `trained.json`, `telemetry.jsonl`, `checkpoints/` and at the end
            `weights.safetensors`.
        report: told about every watched step, by the leading worker only.
        workers: this worker and how many train together.
        start: the base after an edit, whose denoiser the training begins with; if None, the base.
        rungs: steps at which it may be stopped.

    Returns:
        Path of the weights that differ from the base's.

    Raises:
        DivergedError: a loss or a gradient became NaN or infinite.
        StoppedEarlyError: it was stopped at a rung.
    """
    workers = replace(workers, sharded=experiment.scaling.sharded and workers.count > 1)
    weights, checkpoints = folder / WEIGHTS, folder / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    trained = copy_to_train(start or model, experiment.model, experiment.seed)
    parameters = trained.parameters
    if workers.leads:
        write_count(folder / TRAINED, count_trained(model, trained))
    make_student = _recomputing if experiment.update.gradient_checkpointing else _student
    student = make_student(start or model, trained, data)
    if workers.sharded:
        parameters = shard(student, trained, workers, model.family.called_apart)
    stepper = make_stepper(model, experiment, data, (student, parameters), workers)
    # What an edit changed, and the training leaves as it is, differs from the base all the same.
    edited = {} if start is None else _changed(start.denoiser, model.denoiser)
    story = Story(model.fingerprint, data.identity, _config_hash(experiment))

    def save(path: Path) -> None:
        changed = {**edited, **{n: value for n, value in progress.result() if workers.leads}}
        if workers.leads:
            _save(model, experiment, changed, path, {**asdict(story), "steps": str(done)})
        workers.wait()

    progress = Progress(
        parameters,
        stepper.parameters,
        stepper.optimizer,
        stepper.objectives.scale,
        stepper.average,
    )
    done = restore_checkpoint(checkpoints, progress, story)
    telemetry = TelemetryFile(folder / "telemetry.jsonl", done) if workers.leads else None
    update = experiment.update
    workers.wait()
    with (
        quick_attention(model.device, model.latent_shape),
        CheckpointWriter(checkpoints, story, leads=workers.leads) as writer,
    ):
        while done < update.steps:
            if done in rungs.steps and not _goes_on(rungs, done, folder, save, workers, model):
                raise StoppedEarlyError(done)
            forget, retain = step_batches(model, experiment, data, done)
            done += 1
            watch = done % update.telemetry_every == 0 or done in (1, update.steps)
            record = stepper.step(done, forget, retain, watch=watch)
            beat()
            if record is not None and telemetry is not None:
                telemetry.append(record)
            if done % update.checkpoint_every == 0 or done == update.steps:
                writer.save(done, progress)
            if record is not None and workers.leads:
                report(record)
    save(weights)
    return weights


def _goes_on(
    rungs: Rungs,
    step: int,
    folder: Path,
    save: Callable[[Path], None],
    workers: Workers,
    model: DiffusionModel,
) -> bool:
    """What the leading worker hears at a rung, told to all of them."""
    path = folder / AT_A_RUNG
    save(path)
    goes_on = rungs.ask(step, path)
    workers.wait()  # who leads may be judging for minutes
    if workers.leads:
        path.unlink()
    stopped = float(workers.leads and not goes_on)
    return float(workers.averaged(torch.tensor(stopped, device=model.device))) == 0


def _student(model: DiffusionModel, trained: Trained, data: TrainingSet) -> nn.Module:
    denoiser = trained.parts.get(model.family.denoiser)
    return TextStudent(model, trained.parts, data.texts) if denoiser is None else denoiser


def _recomputing(model: DiffusionModel, trained: Trained, data: TrainingSet) -> nn.Module:
    parts = dict(trained.parts)
    # Where text encoders are trained, gradients pass through the frozen denoiser all the same.
    frozen = parts.setdefault(model.family.denoiser, copy_around(model.denoiser, ()))
    for part in parts.values():
        recompute_activations(part)
    around = model.with_parts({model.family.denoiser: frozen}, model.fingerprint)
    return _student(around, trained, data)


def _save(
    model: DiffusionModel,
    experiment: Experiment,
    changed: dict[str, Tensor],
    path: Path,
    story: dict[str, str],
) -> None:
    lora = experiment.model.lora
    if lora is None:
        save_weights(changed, path, model.dtype, story)
    else:
        # Small beside the base, and small in value: half precision would save nothing and lose.
        named = experiment.model.train == "text_encoder"
        factors = portable(changed, lora, "" if named else model.family.denoiser)
        save_weights(factors, path, torch.float32, story)


def _changed(denoiser: nn.Module, base: nn.Module) -> dict[str, nn.Parameter]:
    own = dict(base.named_parameters())
    return {n: p for n, p in denoiser.named_parameters() if not torch.equal(p, own[n])}


def _config_hash(experiment: Experiment) -> str:
    """Hash of what decides the weights, so that a checkpoint of other settings is never resumed.

    In how many parts a batch is taken decides nothing but the last bits, and may change when memory
    ran out.
    """
    plain = experiment.model_dump(mode="json", exclude={"update": {"accumulate"}})
    deciding = {key: plain[key] for key in ("seed", "model", "losses", "update", "closed_form")}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()
