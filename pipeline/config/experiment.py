"""What an experiment is: one typed, frozen tree for a single run, a trial and a promoted model."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.budget import BudgetConfig
from pipeline.config.concept import ConceptConfig
from pipeline.config.evaluation import EvaluationConfig, are_fresh
from pipeline.config.gate import GateConfig
from pipeline.config.model import ModelConfig
from pipeline.config.prompts import PromptsConfig
from pipeline.config.scaling import ScalingConfig
from pipeline.config.sections import (
    AtLeastZero,
    Count,
    Positive,
    Section,
    Seed,
    rule_broken,
)
from pipeline.config.suggestions import did_you_mean
from pipeline.config.update import ClosedFormConfig, UpdateConfig

Objective = Literal["maximize", "minimize"]

METRICS: Final = ("erasure", "ua", "ira", "cra", "worst_neighbour", "alignment", "clip")
"""What a search may optimise: some of the keys of a report's metrics; `cra` where the vocabulary
has a second axis of concepts."""


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
        gate = self.gate
        if gate is None or gate.seed is None:
            return self
        if not are_fresh(gate.seed, gate.repeats, self.evaluation.seed):
            raise rule_broken(
                "gate.seed",
                "another seed than evaluation.seed, and none whose repeats come to it",
                gate.seed,
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
        if self.losses.forget == "esd":
            raise rule_broken(
                "losses.forget",
                "another loss, as scaling.sharded is true: each worker samples for as long as its "
                "own times ask, and workers that share parameters have to move together",
                self.losses.forget,
                f"take anchor, {remedy}",
            )
        return self
