"""What an experiment is: one typed, frozen tree for a single run, a trial and a promoted model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.budget import BudgetConfig
from pipeline.config.concept import ConceptConfig
from pipeline.config.evaluation import EvaluationConfig
from pipeline.config.gate import GateConfig
from pipeline.config.model import ModelConfig
from pipeline.config.rows import RowsConfig
from pipeline.config.scaling import ScalingConfig
from pipeline.config.sections import (
    AtLeastZero,
    Count,
    CountOrZero,
    Positive,
    Section,
    Seed,
    Share,
    Text,
    rule_broken,
)
from pipeline.config.suggestions import did_you_mean

Objective = Literal["maximize", "minimize"]

METRICS: Final = ("erasure", "ua", "ira", "cra", "worst_neighbour", "alignment", "clip")
"""What a search may optimise: some of the keys of a report's metrics; `cra` where the vocabulary
has a second axis of concepts."""

SHARES_TOLERANCE: Final = 1e-6
"""How far from one the sum of the retain mix's shares may be."""


class RetainMix(Section):
    """Shares of the retain batch by source of prompts; each in [0, 1], together 1."""

    same_context: Share = 0.0
    """Partners of the forget prompts: the same sentence with another value for the concept."""
    neighbours: Share = 0.0
    """The values most like the concept."""
    other_axis: Share = 0.0
    """Random retained scenes over all values of the other axis that concepts can lie on."""
    generic: Share = 0.0
    """Captions that do not name the concept's axis."""
    anchor: Share = 0.0
    """The forget prompts themselves with the anchor in the concept's place."""

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
            "anchor": self.anchor,
        }


class PromptsConfig(Section):
    """Which prompts teach, and which judge."""

    vocabulary: Text = "fashion-canvas"
    """The words that prompts are written from: `fashion-canvas`, `people`, `art-styles`, `things`,
    `unlearncanvas`, `cifar10`, or the path of an own `.yaml` file."""
    train: Count = 96
    """Number of forget prompts, and of retain prompts of each source; 1 or more."""
    test: Annotated[int, Field(strict=True, ge=4, le=1_000_000)] = 144
    """Number of held-out prompts, about a quarter of which show the concept; 4 or more."""
    retain: Count | None = None
    """Most retain prompts of each source, the forget prompts' own partners apart; 1 or more, none
    for as many as forget prompts."""
    forget_diversity: Share = 1.0
    """Share of forget prompts that are diversified, in [0, 1]; the rest is the bare template."""
    retain_mix: RetainMix | None = None
    """Shares of the sources of retain prompts; none for equal ones over those that the vocabulary
    has prompts for, `anchor` apart."""
    forget_file: Path | None = None
    """Own forget prompts, `.txt`, `.jsonl` or `.csv`, in place of the vocabulary's."""
    retain_file: Path | None = None
    """Own retain prompts, `.txt`, `.jsonl` or `.csv`; all of the mix then goes to them."""
    test_forget_file: Path | None = None
    """Own prompts that judge the erasure, in place of the vocabulary's; each may have a seed and a
    guidance scale of its own. With `evaluation.seed: 0`, a picture's noise is that of its seed."""
    test_retain_file: Path | None = None
    """The same for what is kept. They are judged on the axes that their labels state."""
    forget_rows: RowsConfig | None = None
    """Which rows of CSV files of forget prompts are used; all if absent."""
    retain_rows: RowsConfig | None = None
    """Which rows of CSV files of retain prompts are used; all if absent."""
    seed: Seed = 0
    """Seed of the split and of every prompt, 0 to 2^31 - 1."""

    @model_validator(mode="after")
    def _rows_are_of_a_csv_file(self) -> Self:
        for kind, rows, files in (
            ("forget", self.forget_rows, (self.forget_file, self.test_forget_file)),
            ("retain", self.retain_rows, (self.retain_file, self.test_retain_file)),
        ):
            if rows is not None and not any(
                file is not None and file.suffix.lower() == ".csv" for file in files
            ):
                raise rule_broken(
                    f"{kind}_rows",
                    "nothing, as no file of theirs is a .csv",
                    rows.model_dump(exclude_defaults=True),
                    f"remove it, or name a .csv as {kind}_file or test_{kind}_file",
                )
        return self


class SynthesisConfig(Section):
    """How the base model makes the images that training uses."""

    steps: Count = 20
    """Sampler steps an image; 1 or more."""
    guidance: AtLeastZero = 2.5
    """Classifier-free guidance scale; 0 or more, 1 is none."""
    seed: Seed = 7
    """Combined with each prompt's own seed, 0 to 2^31 - 1."""


class LossesConfig(Section):
    """What is minimised on forget and on retain images."""

    forget: Literal[
        "ascent", "anchor", "esd", "concept_ablation", "concept_ablation_noise", "relabel"
    ] = "anchor"
    """Minus the denoising loss; the distance to the base's prediction for the anchor; or a rival's:
    ESD, concept ablation (model- or noise-based), SalUn's relabelling."""
    retain: Literal["denoise", "distill"] = "distill"
    """The denoising loss, or the distance to the base's own prediction."""
    forget_loss_cap: Positive | None = None
    """Denoising loss above which the forget gradient is off; `ascent` only; above 0."""
    negative_guidance: AtLeastZero = 0.0
    """How far past the anchor (or the empty prompt), away from the concept, the target lies;
    `anchor` and `esd` only; 0 or more."""

    @model_validator(mode="after")
    def _goes_with_the_forget_loss(self) -> Self:
        if self.forget_loss_cap is not None and self.forget != "ascent":
            raise rule_broken(
                "forget_loss_cap",
                f"nothing, as losses.forget is {self.forget}",
                self.forget_loss_cap,
                "remove the cap, or set losses.forget to ascent",
            )
        if self.negative_guidance > 0 and self.forget not in ("anchor", "esd"):
            raise rule_broken(
                "negative_guidance",
                f"0, as losses.forget is {self.forget}",
                self.negative_guidance,
                "remove it, or set losses.forget to anchor or esd",
            )
        return self


class UpdateConfig(Section):
    """How two gradients become steps."""

    rule: Literal[
        "weighted_sum",
        "forget_only",
        "retain_only",
        "mgda",
        "cagrad",
        "upgrad",
        "nash_mtl",
        "imtl_g",
    ] = "weighted_sum"
    """How the two gradients are added: forget + retain_weight x retain, one of them alone, or a
    multi-objective rule on the forget and the weighted retain gradient."""
    restriction: Literal["none", "gradient", "step", "both"] = "gradient"
    """Where conflicts are removed: nowhere; in the gradients, each projected off the other (Ko et
    al. 2024, arXiv 2412.07808); in the optimiser's step, which then raises neither loss to first
    order whatever momentum and scaling do; or in both."""
    margin: Annotated[float, Field(strict=True, ge=0, lt=1, allow_inf_nan=False)] = 0.0
    """Least fall of each loss that a restricted step must bring, as a cosine in [0, 1); 0 asks for
    no rise only; with a restricted step only."""
    monotone: Annotated[bool, Field(strict=True)] = False
    """Halve a step until neither loss rises on a fixed probe batch."""
    cagrad_radius: Annotated[float, Field(strict=True, ge=0, lt=1, allow_inf_nan=False)] = 0.5
    """CAGrad's c: how far from the mean gradient the update may lie, in its length; [0, 1)."""
    optimizer: Literal["adamw", "adamw_fused", "adamw_8bit", "sgd"] = "adamw"
    """AdamW; the same in one kernel, faster on GPUs; the same with states of a byte a parameter
    (Dettmers et al. 2022, arXiv 2110.02861; needs bitsandbytes); or plain gradient descent."""
    momentum: Annotated[float, Field(strict=True, ge=0, lt=1, allow_inf_nan=False)] = 0.9
    """AdamW's first beta, or gradient descent's momentum; in [0, 1)."""
    learning_rate: Positive = 1e-4
    """The optimiser's step size; above 0."""
    retain_weight: AtLeastZero = 1.0
    """Weight of the retain gradient; 0 or more."""
    saliency: Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)] | None = None
    """Share of the parameters that may move: those with the largest ascent gradient at the start
    (SalUn, Fan et al. 2024, arXiv 2310.12508); in (0, 1], none for all."""
    steps: Count = 80
    """Optimiser steps; 1 or more."""
    forget_batch: Count = 16
    """Forget images a step, over all workers; 1 or more."""
    retain_batch: Count = 32
    """Retain images a step, over all workers; 1 or more."""
    balanced: Annotated[bool, Field(strict=True)] = False
    """Whether a retain batch holds equally many images of every prompt, to within one, such as of
    every remaining class (Ko et al. 2024); `same_context` follows the forget batch all the same."""
    accumulate: Count = 1
    """Parts that a worker's rows of a batch are cut into, to save memory; 1 or more."""
    gradient_checkpointing: Annotated[bool, Field(strict=True)] = False
    """Whether activations are computed again in the backward pass in place of being kept: about a
    third more time for a fraction of their memory."""
    warmup: CountOrZero = 5
    """Steps over which the learning rate rises to its value; 0 or more."""
    cooldown: CountOrZero = 0
    """Last steps over which it falls towards 0, in a straight line; 0 or more."""
    ema_decay: Annotated[float, Field(strict=True, gt=0, lt=1, allow_inf_nan=False)] | None = None
    """Decay of the running average over steps of what is trained, which is saved and judged in its
    place; in (0, 1), rising to it as (1 + n) / (10 + n) after n steps; none for no average."""
    clip_norm: Positive | None = 1.0
    """Largest norm of the combined gradient; above 0, none for no clipping."""
    weight_decay: AtLeastZero = 0.0
    """Decoupled weight decay (AdamW), or that of gradient descent; 0 or more."""
    precision: Literal["bf16", "fp16", "fp32"] = "bf16"
    """Arithmetic of forward and backward passes; weights and dot products are float32 always. With
    `fp16`, for GPUs that know no bf16, losses are scaled and steps whose gradients overflow are
    skipped."""
    telemetry_every: Count = 5
    """Steps between two records of losses, norms and cosines; 1 or more."""
    checkpoint_every: Count = 20
    """Steps between two checkpoints that a killed run resumes from; 1 or more."""

    @model_validator(mode="after")
    def _margin_has_a_use(self) -> Self:
        if self.margin > 0 and self.restriction not in ("step", "both"):
            raise rule_broken(
                "margin",
                f"0, as update.restriction is {self.restriction}",
                self.margin,
                "remove it, or set update.restriction to step",
            )
        return self


class ClosedFormConfig(Section):
    """An edit of the cross-attention's keys and values without training (UCE), or before it."""

    preserve_weight: AtLeastZero = 1.0
    """Weight of the retain prompts, whose keys and values stay; 0 or more."""
    ridge: Positive = 0.1
    """Weight of the base's own matrices; above 0."""
    then_train: Annotated[bool, Field(strict=True)] = False
    """Whether a training begins at the edit; else the edit is all there is."""


def _known_metric(name: str) -> str:
    if name not in METRICS:
        raise rule_broken("", "a metric of the report", name, did_you_mean(name, METRICS))
    return name


def _both_ends() -> dict[str, Objective]:
    return {"erasure": "maximize", "alignment": "maximize"}


class Experiment(Section):
    """All that decides a run's result."""

    name: Annotated[str, Field(strict=True, pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    """Lower-case letters, digits, `.`, `_`, `-`; it names folders and runs; 1 to 64 characters."""
    seed: Seed = 0
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
    closed_form: ClosedFormConfig | None = None
    """A closed-form edit before the training or, as a rule, in place of it; `losses`, `update`,
    `model.train` and `prompts.retain` are then not used."""
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)
    """How the result is judged."""
    objectives: dict[Annotated[str, AfterValidator(_known_metric)], Objective] = Field(
        default_factory=_both_ends, min_length=1
    )
    """Metric by direction: what the search optimises; at least one of `METRICS`."""
    gate: GateConfig | None = None
    """What a promotion must be shown to reach; it decides nothing about trials, and may change."""
    budget: BudgetConfig = Field(default_factory=BudgetConfig)
    """How much is tried."""
    scaling: ScalingConfig = Field(default_factory=ScalingConfig)
    """What one trial runs on."""

    @property
    def is_trained(self) -> bool:
        """Whether there are steps to take: always, but for an edit that is all there is."""
        return self.closed_form is None or self.closed_form.then_train

    @model_validator(mode="after")
    def _own_forget_prompts_are_of_one_concept(self) -> Self:
        for name in ("forget_file", "test_forget_file"):
            file = getattr(self.prompts, name)
            if file is not None and self.concept.also:
                raise rule_broken(
                    f"prompts.{name}",
                    "nothing, as concept.also names more concepts",
                    str(file),
                    "erase one concept at a time, or leave the file out",
                )
        return self

    @model_validator(mode="after")
    def _every_concept_has_its_judges(self) -> Self:
        for field in ("classifier", "second_classifier"):
            judges = getattr(self.evaluation, field)
            for target in self.concept.targets if isinstance(judges, dict) else ():
                if target.kind not in judges:
                    raise rule_broken(
                        f"evaluation.{field}",
                        f"a judge of the axis {target.kind}, which {target.name} lies on",
                        ", ".join(judges),
                        f"add {target.kind}: {{zero_shot: openai/clip-vit-large-patch14}}, or "
                        "another judge",
                    )
        return self

    @model_validator(mode="after")
    def _the_gate_looks_at_fresh_pictures(self) -> Self:
        if self.gate is not None and self.gate.seed == self.evaluation.seed:
            raise rule_broken(
                "gate.seed",
                "another seed than evaluation.seed",
                self.gate.seed,
                "the search has chosen by its pictures; name another one, or leave it out",
            )
        return self

    @model_validator(mode="after")
    def _adapters_begin_at_the_base(self) -> Self:
        if self.model.lora is not None and self.closed_form is not None:
            raise rule_broken(
                "model.lora",
                "nothing, as closed_form edits the weights themselves",
                self.model.lora.model_dump(),
                "remove one of the two",
            )
        return self

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

    @model_validator(mode="after")
    def _parts_can_be_stepped_on(self) -> Self:
        if not self.scaling.sharded:
            return self
        remedy = "or set scaling.sharded to false"
        if self.update.optimizer == "adamw_8bit":
            raise rule_broken(
                "update.optimizer",
                "a state of float32, as scaling.sharded is true: blocks of bytes have one scale, "
                "and would lie across workers",
                self.update.optimizer,
                f"take adamw or adamw_fused, {remedy}",
            )
        if self.update.saliency is not None:
            raise rule_broken(
                "update.saliency",
                "nothing, as scaling.sharded is true: the largest elements are found among all",
                self.update.saliency,
                f"remove it, {remedy}",
            )
        return self
