"""What a model is asked to draw when it is judged: the same for the base and for every trial."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config import EvaluationConfig
from pipeline.config.evaluation import REPEAT_STRIDE
from pipeline.diffusion.sampling import Sampler
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.prompt_set import PromptSet


@dataclass(frozen=True)
class Questions:
    """N prompts with the noise seed of one picture each: forget, then retain, then earlier ones."""

    prompts: tuple[Prompt, ...]
    seeds: tuple[int, ...]
    sampler: Sampler

    def __len__(self) -> int:
        return len(self.prompts)

    def rows(self, rows: slice) -> Questions:
        """Some of the questions."""
        return Questions(self.prompts[rows], self.seeds[rows], self.sampler)

    @property
    def guidances(self) -> tuple[float, ...] | None:
        """The guidance scale of each picture; None where no prompt has one of its own."""
        if all(prompt.guidance is None for prompt in self.prompts):
            return None
        usual = self.sampler.guidance
        return tuple(
            usual if prompt.guidance is None else prompt.guidance for prompt in self.prompts
        )

    @property
    def texts(self) -> list[str]:
        """The prompts' texts."""
        return [prompt.text for prompt in self.prompts]


def questions_of(
    prompt_set: PromptSet, settings: EvaluationConfig, seed: int | None, repeats: int
) -> Questions:
    """What an evaluation with these settings asks; `settings.seed` if `seed` is None.

    Raises:
        ValueError: `repeats` is below 1.
    """
    sampler = Sampler(settings.steps, settings.guidance, settings.batch)
    return ask(prompt_set, sampler, settings.seed if seed is None else seed, repeats)


def ask(prompt_set: PromptSet, sampler: Sampler, seed: int, repeats: int) -> Questions:
    """The test prompts, each `repeats` times in a row; those of earlier erasures come last.

    Args:
        prompt_set: whose test prompts are asked.
        sampler: how the pictures are to be sampled.
        seed: added to each prompt's own.
        repeats: pictures of each prompt, each from its own noise.

    Raises:
        ValueError: `repeats` is below 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats: expected at least 1 picture of each prompt, got {repeats}")
    asked = [
        (prompt, prompt.seed + seed + repeat * REPEAT_STRIDE)
        for prompt in (
            *prompt_set.forget_test,
            *prompt_set.retain_test,
            *(prompt for erasure in prompt_set.earlier for prompt in erasure.prompts),
        )
        for repeat in range(repeats)
    ]
    return Questions(
        tuple(prompt for prompt, _ in asked), tuple(number for _, number in asked), sampler
    )
