"""How latents become noise, and what a denoiser should predict of it.

Legend: B pictures, C latent channels, H W latent sides, T timesteps of the training.
"""

from __future__ import annotations

from typing import Protocol

import torch
from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from torch import Tensor


class NoiseProcess(Protocol):
    """From a picture to noise. Times are what the denoiser is given; more is noisier."""

    def draw_times(self, count: int, generator: torch.Generator) -> Tensor:
        """Times to train at, drawn on the CPU: (B,)."""
        ...

    def add_noise(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Latents (B, C, H, W) at their times (B,)."""
        ...

    def target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """What the denoiser should predict there: (B, C, H, W)."""
        ...

    def sampler(self, steps: int) -> SchedulerMixin:
        """A deterministic scheduler with its `timesteps` set, from the noisiest down."""
        ...


class Diffusion:
    """Variance-preserving diffusion, with noise or velocity as what is predicted.

    Args:
        scheduler: whose configuration holds noise levels and prediction type.

    Raises:
        ValueError: it predicts something else.
    """

    def __init__(self, scheduler: SchedulerMixin) -> None:
        self._scheduler = scheduler
        self._signal: Tensor = scheduler.alphas_cumprod
        self._predicts: str = scheduler.config.prediction_type
        if self._predicts not in ("epsilon", "v_prediction"):
            raise ValueError(
                "expected a scheduler with prediction_type epsilon or v_prediction, got "
                f"{self._predicts}"
            )

    def draw_times(self, count: int, generator: torch.Generator) -> Tensor:
        """Uniform over all timesteps; int64."""
        return torch.randint(len(self._signal), (count,), generator=generator)

    def add_noise(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """sqrt(a_t) x + sqrt(1 - a_t) e, with a_t the share of variance left."""
        signal = self._signal_at(times)
        return signal.sqrt() * latents + (1 - signal).sqrt() * noise

    def target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """The noise, or the velocity sqrt(a_t) e - sqrt(1 - a_t) x (Salimans & Ho 2022)."""
        if self._predicts == "epsilon":
            return noise
        signal = self._signal_at(times)
        return signal.sqrt() * noise - (1 - signal).sqrt() * latents

    def sampler(self, steps: int) -> SchedulerMixin:
        """DDIM without noise of its own."""
        scheduler = DDIMScheduler.from_config(self._scheduler.config)
        scheduler.set_timesteps(steps)
        return scheduler

    def _signal_at(self, times: Tensor) -> Tensor:
        return self._signal.to(times.device)[times].view(-1, 1, 1, 1)


class Flow:
    """Rectified flow (Liu et al. 2022; Esser et al. 2024, arXiv 2403.03206), time from 0 to T.

    Args:
        scheduler: whose configuration holds T and how its steps are shifted towards noise.
        tokens: of one picture in the denoiser's attention. A scheduler that shifts dynamically
            shifts its steps the more, the more of them there are.
    """

    def __init__(self, scheduler: SchedulerMixin, tokens: int) -> None:
        # A new one: a pipeline's own has the steps of its last picture.
        euler = FlowMatchEulerDiscreteScheduler.from_config(scheduler.config)
        self._config = euler.config
        self._tokens = tokens
        self._times: Tensor = euler.timesteps

    def draw_times(self, count: int, generator: torch.Generator) -> Tensor:
        """The scheduler's training timesteps at logit-normal places (Esser et al. 2024, 3.1).

        A fixed shift moves them towards noise, as it moved those that the model was trained at; a
        dynamic one is for sampling alone.
        """
        places = torch.randn(count, generator=generator).sigmoid()
        return self._times[(places * len(self._times)).long()]

    def add_noise(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """(1 - s) x + s e, with s = t / T."""
        count: int = self._config.num_train_timesteps
        share = (times / count).view(-1, 1, 1, 1).to(latents.dtype)
        return (1 - share) * latents + share * noise

    def target(self, latents: Tensor, noise: Tensor, times: Tensor) -> Tensor:  # noqa: ARG002
        """The velocity e - x, the same at all times."""
        return noise - latents

    def sampler(self, steps: int) -> SchedulerMixin:
        """Euler's method without noise of its own, its steps shifted as for a whole picture."""
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(
            self._config, stochastic_sampling=False
        )
        scheduler.set_timesteps(steps, mu=self._dynamic_shift())
        return scheduler

    def _dynamic_shift(self) -> float | None:
        """Logarithm of the shift, linear in tokens between the two sizes of the configuration."""
        config = self._config
        if not config.use_dynamic_shifting:
            return None
        above = self._tokens - config.base_image_seq_len
        place = above / (config.max_image_seq_len - config.base_image_seq_len)
        return float(config.base_shift + place * (config.max_shift - config.base_shift))
