"""What an experiment is: one typed, frozen tree for a single run, a trial and a promoted model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from pipeline.config.suggestions import did_you_mean

Objective = Literal["maximize", "minimize"]

METRICS: Final = ("erasure", "ua", "ira", "cra", "worst_neighbour", "alignment", "clip")
"""What a search may optimise: the keys of a report's metrics that need no second judge."""

SHARES_TOLERANCE: Final = 1e-6
"""How far from one the sum of the retain mix's shares may be."""

# Strict: `true` is no number, and "3" is no count. YAML tells them apart, so do we.
_Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
_CountOrZero = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
_Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
_Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
_AtLeastZero = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
_Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
_Text = Annotated[str, Field(strict=True, min_length=1)]


def rule_broken(field: str, expected: str, got: object, remedy: str) -> PydanticCustomError:
    """A problem between fields, placed at `field` of the model whose validator raises it."""
    return PydanticCustomError(
        "rule",
        "expected {expected}, got {got}",
        {"field": field, "expected": expected, "got": repr(got), "remedy": remedy},
    )


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ModelConfig(_Section):
    """Which model is unlearned, and which of its parameters move."""

    base: _Text = "fashion-canvas"
    """`fashion-canvas` (embedded), a diffusers folder, or a hub id."""
    revision: _Text | None = None
    """Commit, tag or branch of a hub id; none for folders and the embedded model."""
    train: Literal["all", "cross_attention"] = "cross_attention"
    """Every parameter of the U-Net, or its cross-attention blocks only."""


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise rule_broken("", "each value once", list(values), "remove the repeated one")
    return values


class ConceptConfig(_Section):
    """What is erased."""

    kind: Literal["object", "style"]
    """The axis that the concept lies on."""
    forget: Annotated[tuple[_Text, ...], Field(min_length=1), AfterValidator(_each_once)]
    """Values of that axis to erase; at least one."""
    anchor: _Text | None = None
    """Value of the same axis that takes the concept's place, or `none`; absent: chosen for you."""

    @model_validator(mode="after")
    def _anchor_is_kept(self) -> Self:
        if self.anchor in self.forget:
            raise rule_broken(
                "anchor",
                "a value that is not forgotten",
                self.anchor,
                "name another value, `none`, or leave it out",
            )
        return self


class RetainMix(_Section):
    """Shares of the retain batch by source of prompts; each in [0, 1], together 1."""

    same_context: _Share = 0.0
    """Partners of the forget prompts: the same sentence with another value for the concept."""
    neighbours: _Share = 0.0
    """The values most like the concept."""
    other_axis: _Share = 0.0
    """Random retained scenes over all values of the other axis."""
    generic: _Share = 0.0
    """Captions that do not name the concept's axis."""

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        total = sum(self.shares().values())
        if abs(total - 1) > SHARES_TOLERANCE:
            raise rule_broken(
                "",
                "shares that sum to 1",
                round(total, 9),
                "scale them, or search them with {simplex: [same_context, neighbours, ...]}",
            )
        return self

    def shares(self) -> dict[str, float]:
        """Share by source, in the order of the fields."""
        return {
            "same_context": self.same_context,
            "neighbours": self.neighbours,
            "other_axis": self.other_axis,
            "generic": self.generic,
        }


def equal_shares() -> RetainMix:
    """The default mix: a quarter from each source."""
    return RetainMix(same_context=0.25, neighbours=0.25, other_axis=0.25, generic=0.25)


class PromptsConfig(_Section):
    """Which prompts teach, and which judge."""

    vocabulary: _Text = "fashion-canvas"
    """The words that prompts are written from."""
    train: _Count = 96
    """Number of forget prompts, and of retain prompts of each source; 1 or more."""
    test: Annotated[int, Field(strict=True, ge=4, le=1_000_000)] = 144
    """Number of held-out prompts, about a quarter of which show the concept; 4 or more."""
    forget_diversity: _Share = 1.0
    """Share of forget prompts that are diversified, in [0, 1]; the rest is the bare template."""
    retain_mix: RetainMix = Field(default_factory=equal_shares)
    """Shares of the sources of retain prompts."""
    forget_file: Path | None = None
    """Own forget prompts, `.txt` or `.jsonl`, in place of the vocabulary's."""
    retain_file: Path | None = None
    """Own retain prompts, `.txt` or `.jsonl`; all of the mix then goes to them."""
    seed: _Seed = 0
    """Seed of the split and of every prompt, 0 to 2^31 - 1."""


class SynthesisConfig(_Section):
    """How the base model makes the images that training uses."""

    steps: _Count = 20
    """Sampler steps an image; 1 or more."""
    guidance: _AtLeastZero = 2.5
    """Classifier-free guidance scale; 0 or more, 1 is none."""
    seed: _Seed = 7
    """Combined with each prompt's own seed, 0 to 2^31 - 1."""


class LossesConfig(_Section):
    """What is minimised on forget and on retain images."""

    forget: Literal["ascent", "anchor"] = "anchor"
    """Minus the denoising loss, or the distance to the base's prediction for the anchor."""
    retain: Literal["denoise", "distill"] = "distill"
    """The denoising loss, or the distance to the base's own prediction."""
    forget_loss_cap: _Positive | None = None
    """Denoising loss above which the forget gradient is off; `ascent` only; above 0."""
    negative_guidance: _AtLeastZero = 0.0
    """How far past the anchor, away from the concept, the target lies; `anchor` only; 0 or more."""

    @model_validator(mode="after")
    def _goes_with_the_forget_loss(self) -> Self:
        if self.forget_loss_cap is not None and self.forget != "ascent":
            raise rule_broken(
                "forget_loss_cap",
                "nothing, as losses.forget is anchor",
                self.forget_loss_cap,
                "remove the cap, or set losses.forget to ascent",
            )
        if self.negative_guidance > 0 and self.forget != "anchor":
            raise rule_broken(
                "negative_guidance",
                "0, as losses.forget is ascent",
                self.negative_guidance,
                "remove it, or set losses.forget to anchor",
            )
        return self


class UpdateConfig(_Section):
    """How two gradients become steps."""

    rule: Literal["restricted_gradient", "weighted_sum"] = "restricted_gradient"
    """Ko et al. 2024 (arXiv 2412.07808), or forget + retain_weight x retain."""
    learning_rate: _Positive = 1e-4
    """AdamW's step size; above 0."""
    retain_weight: _AtLeastZero = 1.0
    """Weight of the retain gradient; 0 or more."""
    steps: _Count = 80
    """Optimiser steps; 1 or more."""
    forget_batch: _Count = 16
    """Forget images a step, over all workers; 1 or more."""
    retain_batch: _Count = 32
    """Retain images a step, over all workers; 1 or more."""
    warmup: _CountOrZero = 5
    """Steps over which the learning rate rises to its value; 0 or more."""
    clip_norm: _Positive | None = 1.0
    """Largest norm of the combined gradient; above 0, none for no clipping."""
    weight_decay: _AtLeastZero = 0.0
    """AdamW's decoupled weight decay; 0 or more."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Arithmetic of forward and backward passes; weights and dot products are float32 always."""
    telemetry_every: _Count = 5
    """Steps between two records of losses, norms and cosines; 1 or more."""
    checkpoint_every: _Count = 20
    """Steps between two checkpoints that a killed run resumes from; 1 or more."""


class EvaluationConfig(_Section):
    """How every trial is judged: the same prompts and seeds for all of them."""

    classifier: _Text = "fashion-canvas"
    """`fashion-canvas` (embedded) or a folder."""
    clip: _Text = "fashion-canvas"
    """`fashion-canvas` (embedded), a folder, or a hub id."""
    steps: _Count = 15
    """Sampler steps an image; 1 or more."""
    guidance: _AtLeastZero = 2.5
    """Classifier-free guidance scale; 0 or more, 1 is none."""
    seed: _Seed = 99
    """Combined with each prompt's own seed, 0 to 2^31 - 1."""
    batch: _Count = 32
    """Images sampled at a time; 1 or more."""
    gallery: _CountOrZero = 8
    """Pairs of images, before and after, shown side by side; 0 or more."""


class BudgetConfig(_Section):
    """How much is tried, and who proposes it."""

    trials: _Count = 16
    """Trials in all; 1 or more."""
    max_concurrent: _Count | None = None
    """Trials at a time; 1 or more, none for as many as the machines hold."""
    sampler: Literal["tpe", "random", "nsga2"] = "tpe"
    """Optuna's sampler."""
    seed: _Seed = 0
    """The sampler's seed, 0 to 2^31 - 1."""


class ScalingConfig(_Section):
    """What one trial runs on."""

    workers: _Count = 1
    """Processes a trial; above 1 they train data-parallel and share the batches; 1 or more."""
    cpus_per_worker: _Count = 1
    """CPU cores a worker; 1 or more."""
    gpus_per_worker: _AtLeastZero = 0.0
    """GPUs a worker; 0 or more, fractions share one."""


def _known_metric(name: str) -> str:
    if name not in METRICS:
        raise rule_broken("", "a metric of the report", name, did_you_mean(name, METRICS))
    return name


def _both_ends() -> dict[str, Objective]:
    return {"erasure": "maximize", "alignment": "maximize"}


class Experiment(_Section):
    """All that decides a run's result."""

    name: Annotated[str, Field(strict=True, pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    """Lower-case letters, digits, `.`, `_`, `-`; it names folders and runs; 1 to 64 characters."""
    seed: _Seed = 0
    """Seed of batches, noise and timesteps, 0 to 2^31 - 1."""
    model: ModelConfig = Field(default_factory=ModelConfig)
    """Which model, and which of its parameters."""
    concept: ConceptConfig
    """What is erased."""
    prompts: PromptsConfig = Field(default_factory=PromptsConfig)
    """Which prompts teach, and which judge."""
    synthesis: SynthesisConfig = Field(default_factory=SynthesisConfig)
    """How training images are made."""
    losses: LossesConfig = Field(default_factory=LossesConfig)
    """What is minimised."""
    update: UpdateConfig = Field(default_factory=UpdateConfig)
    """How two gradients become steps."""
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    """How the result is judged."""
    objectives: dict[Annotated[str, AfterValidator(_known_metric)], Objective] = Field(
        default_factory=_both_ends, min_length=1
    )
    """Metric by direction: what the search optimises; at least one of `METRICS`."""
    budget: BudgetConfig = Field(default_factory=BudgetConfig)
    """How much is tried."""
    scaling: ScalingConfig = Field(default_factory=ScalingConfig)
    """What one trial runs on."""

    @model_validator(mode="after")
    def _every_worker_has_rows(self) -> Self:
        smallest = min(self.update.forget_batch, self.update.retain_batch)
        if self.scaling.workers > smallest:
            raise rule_broken(
                "scaling.workers",
                f"at most {smallest}, the smaller batch",
                self.scaling.workers,
                "lower it, or raise update.forget_batch and update.retain_batch",
            )
        return self
