"""What one trial runs on."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.sections import AtLeastZero, Count, Positive, Section, rule_broken


class ScalingConfig(Section):
    """What one trial runs on."""

    workers: Count = 1
    """Processes a trial; above 1 they train data-parallel and share the batches; 1 or more."""
    least_workers: Count | None = None
    """Fewest processes with which a trial goes on, or begins, where there is room for no more; the
    batches stay the same; 1 to `workers`, none for `workers`."""
    sharded: Annotated[bool, Field(strict=True)] = False
    """Whether each worker holds a part of the parameters that move, of their gradients and of the
    optimiser's states, in place of all of them: for models that fit no single GPU's memory."""
    cpus_per_worker: Count = 1
    """CPU cores a worker; 1 or more."""
    gpus_per_worker: AtLeastZero = 0.0
    """GPUs a worker; 0 or more, fractions share one."""
    out_of_memory: Literal["halve", "fail"] = "halve"
    """What becomes of a trial that ran out of memory: it is run once more with half the rows at a
    time, or it has failed."""
    hang_minutes: Positive = 30.0
    """Minutes without a step or a batch of pictures after which a worker is taken for hung and
    ended; its trial is run anew from its last checkpoint; more than 0."""

    @property
    def fewest(self) -> int:
        """The fewest processes that a trial runs on."""
        return self.workers if self.least_workers is None else self.least_workers

    @model_validator(mode="after")
    def _fewest_are_no_more(self) -> Self:
        if self.fewest > self.workers:
            raise rule_broken(
                "least_workers",
                f"at most {self.workers}, as scaling.workers is",
                self.least_workers,
                "lower it, or raise scaling.workers",
            )
        return self

    @model_validator(mode="after")
    def _parts_are_of_several(self) -> Self:
        if self.sharded and self.workers == 1:
            raise rule_broken(
                "sharded",
                "false, as scaling.workers is 1",
                self.sharded,
                "remove it, or raise scaling.workers",
            )
        return self
