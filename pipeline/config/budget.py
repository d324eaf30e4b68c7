"""How much a sweep tries, who proposes it, and what stays."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from pipeline.config.early_stopping import EarlyStoppingConfig
from pipeline.config.sections import Count, Section, Seed, Text, each_once

SamplerName = Literal["gp", "tpe", "random", "nsga2"]

_MOST_OBJECTIVES_OF_GP: Final = 3
"""Of four or five it takes gigabytes and up to half a minute a proposal."""


class BudgetConfig(Section):
    """How much is tried, and who proposes it."""

    trials: Count = 16
    """Trials in all; 1 or more."""
    max_concurrent: Count | None = None
    """Trials at a time; 1 or more, none for as many as the machines hold."""
    sampler: Literal["auto", "gp", "tpe", "random", "nsga2"] = "auto"
    """A Gaussian process for each objective (half a second a proposal, up to two after earlier
    sweeps, 14 after a thousand trials), TPE, random search or NSGA-II; `auto` is `gp` for up to
    three objectives, and `tpe` for more, of which `gp` would take gigabytes."""
    seed: Seed = 0
    """The sampler's seed, 0 to 2^31 - 1."""
    keep_weights: Literal["all", "front"] = "all"
    """Whose weights stay on the disk: all trials', or the front's, of which one is promoted."""
    warm_start: Annotated[tuple[Text, ...], AfterValidator(each_once)] = ()
    """Earlier sweeps of the same base and objectives, by name or folder, as of other concepts; each
    once."""
    warm_start_by: Literal["front", "trials"] = "front"
    """What of them helps: `front` tries their fronts' settings first, four trials or a quarter of
    the budget at most, one at least of each sweep that erases anything; `trials` shows all of their
    trials to the sampler, where they count for nothing else. With either `gp` learns from their
    trials as those of other concepts; `tpe` takes them for this sweep's own, with `trials` alone,
    and `random` and `nsga2` learn nothing of them."""
    start_from_defaults: Annotated[bool, Field(strict=True)] = False
    """Whether the first trial takes of each searched setting the value nearest to its default."""
    early_stopping: EarlyStoppingConfig | None = None
    """When trials are stopped before their last step; none for never."""

    def sampler_of(self, objectives: int) -> SamplerName:
        """Who proposes the trials of so many objectives."""
        if self.sampler == "auto":
            return "gp" if objectives <= _MOST_OBJECTIVES_OF_GP else "tpe"
        return self.sampler
