"""All that changes from step to step, and that a resumed training takes up where it was."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from pipeline.unlearning.loss_scale import LossScale
from pipeline.unlearning.shards import gathered, own_part

_SHARED: Final = ("qmap1", "qmap2")
"""Tables of bitsandbytes' optimisers, one for all parameters."""


@dataclass(frozen=True)
class Progress:
    """What a checkpoint holds.

    Attributes:
        parameters: those that move, by name; sharded or whole.
        held: what this worker steps on of each.
        optimizer: of these.
        scale: of losses in half precision; None in any other.
        average: of the parameters over steps; None where there is none.
    """

    parameters: Mapping[str, nn.Parameter]
    held: Sequence[nn.Parameter]
    optimizer: torch.optim.Optimizer
    scale: LossScale | None = None
    average: EMAModel | None = None

    def result(self) -> Iterator[tuple[str, Tensor]]:
        """What is saved and judged, by name: the average, or else the parameters themselves.

        Workers that hold parts ask for all of it together, and are told whole tensors.
        """
        for (name, parameter), part in zip(self.parameters.items(), self._lasting, strict=True):
            yield name, gathered(part, parameter)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """All of it by name; parameters and most of the optimiser's state in float32.

        Workers that hold parts ask for all of it together, and are told whole tensors.
        """
        for (name, parameter), part in zip(self.parameters.items(), self.held, strict=True):
            yield f"weights/{name}", gathered(part.detach(), parameter)
            for key, value in self.optimizer.state[part].items():
                plain = gathered(torch.as_tensor(value), parameter)
                # safetensors refuses what shares memory.
                yield f"optimizer/{key}/{name}", plain.clone() if key in _SHARED else plain
        if self.scale is not None:
            yield "loss_scale", self.scale.state()
        if self.average is not None:
            for name, value in self.result():
                yield f"average/{name}", value
            yield "average_steps", torch.tensor(self.average.optimization_step)

    @torch.no_grad()
    def restore(self, names: Collection[str], read: Callable[[str], Tensor]) -> None:
        """Take up what `tensors` told, one tensor at a time.

        Args:
            names: of all that was told.
            read: a whole tensor by its name.
        """
        fused = bool(self.optimizer.param_groups[0].get("fused"))
        for (name, parameter), part in zip(self.parameters.items(), self.held, strict=True):
            part.copy_(own_part(read(f"weights/{name}"), parameter))
            suffix = f"/{name}"
            state = {
                each.removeprefix("optimizer/").removesuffix(suffix): own_part(
                    read(each), parameter
                )
                for each in names
                if each.startswith("optimizer/") and each.endswith(suffix)
            }
            self.optimizer.state[part] = {
                key: _steps(value, part, fused=fused) if key == "step" else _like(value, part)
                for key, value in state.items()
            }
        if self.scale is not None:
            self.scale.restore(read("loss_scale"))
        if self.average is not None:
            for (name, parameter), own in zip(self.parameters.items(), self._lasting, strict=True):
                own.copy_(own_part(read(f"average/{name}"), parameter))
            self.average.optimization_step = int(read("average_steps"))

    @property
    def _lasting(self) -> list[Tensor]:
        """What this worker holds of the result."""
        if self.average is None:
            return [part.detach() for part in self.held]
        return list(self.average.shadow_params)


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
