"""How the weights move: by steps along two gradients, or by an edit in closed form."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.sections import (
    AtLeastZero,
    Count,
    CountOrZero,
    Positive,
    Section,
    rule_broken,
)


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
