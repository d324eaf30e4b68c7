"""When a trial is stopped before its last step."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.config.sections import Count, Section


class EarlyStoppingConfig(Section):
    """Asynchronous successive halving for several objectives.

    At each *rung*, a share of its steps, a trial is judged on a few of the test prompts; of those
    that have come there one in `reduction` goes on (Schmucker et al. 2021, arXiv 2106.12639). An
    edit without training has no rungs.
    """

    reduction: Annotated[int, Field(strict=True, ge=2, le=16)] = 3
    """Of how many trials at a rung one goes on, and how many times as far the next rung is; 2 to
    16. The first `reduction` - 1 trials at a rung go on."""
    first_rung: Annotated[float, Field(strict=True, gt=0, lt=1, allow_inf_nan=False)] = 0.25
    """Share of a trial's steps before the first rung, in (0, 1)."""
    prompts: Annotated[int, Field(strict=True, ge=8, le=1_000_000)] = 32
    """Number of test prompts that judge at a rung, the same ones for every trial, as large a part
    of them of the concept as in the whole test; 8 or more, all if there are fewer."""
    steps: Count | None = None
    """Sampler steps an image at a rung; 1 or more, none for `evaluation.steps`."""

    def rungs(self, steps: int) -> dict[int, int]:
        """Step -> rung, from 0, of a training of so many steps.

        The share before each rung is `reduction` times that before the last one. Of rungs that fall
        on one step the later one counts, and none falls on the last step, after which a trial is
        judged in full.
        """
        found: dict[int, int] = {}
        share, rung = self.first_rung, 0
        while share < 1:
            step = max(1, round(share * steps))
            if step < steps:
                found[step] = rung
            share, rung = share * self.reduction, rung + 1
        return found
