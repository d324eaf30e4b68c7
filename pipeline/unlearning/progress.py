"""All that changes from step to step, and that a resumed training takes up where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from pipeline.unlearning.loss_scale import LossScale

_SHARED: Final = ("qmap1", "qmap2")
"""Tables of bitsandbytes' optimisers, one for all parameters."""


@dataclass(frozen=True)
class Progress:
    """What a checkpoint holds.

    Attributes:
        parameters: those that move, by name.
        optimizer: of these parameters.
        scale: of losses in half precision; None in any other.
        average: of the parameters over steps; None where there is none.
    """

    parameters: Mapping[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    scale: LossScale | None = None
    average: EMAModel | None = None

    @property
    def result(self) -> dict[str, Tensor]:
        """What is saved and judged, by name: the average, or else the parameters themselves."""
        if self.average is None:
            return {name: parameter.detach() for name, parameter in self.parameters.items()}
        return dict(zip(self.parameters, self.average.shadow_params, strict=True))

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name; parameters and most of the optimiser's state in float32."""
        found: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            found[f"weights/{name}"] = parameter.detach()
            for key, value in self.optimizer.state[parameter].items():
                plain = torch.as_tensor(value)
                # safetensors refuses what shares memory.
                found[f"optimizer/{key}/{name}"] = plain.clone() if key in _SHARED else plain
        if self.scale is not None:
            found["loss_scale"] = self.scale.state()
        if self.average is not None:
            found |= {f"average/{name}": value for name, value in self.result.items()}
            found["average_steps"] = torch.tensor(self.average.optimization_step)
        return found

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` told."""
        fused = bool(self.optimizer.param_groups[0].get("fused"))
        for name, parameter in self.parameters.items():
            parameter.copy_(tensors[f"weights/{name}"])
            suffix = f"/{name}"
            own = {
                key.removeprefix("optimizer/").removesuffix(suffix): value
                for key, value in tensors.items()
                if key.startswith("optimizer/") and key.endswith(suffix)
            }
            self.optimizer.state[parameter] = {
                key: _steps(value, parameter, fused=fused)
                if key == "step"
                else _like(value, parameter)
                for key, value in own.items()
            }
        if self.scale is not None:
            self.scale.restore(tensors["loss_scale"])
        if self.average is not None:
            for name, value in self.result.items():
                value.copy_(tensors[f"average/{name}"])
            self.average.optimization_step = int(tensors["average_steps"])


def _like(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """Optimiser state on the parameter's device and in its memory format, as it was in training.

    Sums over another layout round differently, and a resumed run would drift from an
    uninterrupted one.
    """
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _steps(value: Tensor, parameter: nn.Parameter, *, fused: bool) -> Tensor | int:
    """Steps taken: bitsandbytes has a plain number, torch a float32, on the CPU unless fused."""
    if not value.is_floating_point():
        return int(value)
    return value.to(parameter.device) if fused else value
