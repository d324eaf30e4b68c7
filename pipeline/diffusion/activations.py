"""What a forward pass keeps for its backward pass, counted on a model without weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.config import ModelConfig
from pipeline.diffusion.model import products_in
from pipeline.diffusion.skeleton import Skeleton


@dataclass(frozen=True)
class Activations:
    """Bytes of one training forward pass, of the text encoders too where these are trained.

    Attributes:
        row: that autograd keeps of one picture.
        widest: of the largest tensor among them.
        frozen_casts: of weights that stay, in the precision of matrix products; whatever the batch
            is.
        moving_casts: of those that move.
    """

    row: int
    widest: int
    frozen_casts: int
    moving_casts: int


def count_activations(
    model: Skeleton, settings: ModelConfig, text: str, precision: torch.dtype
) -> Activations:
    """Run the model on one picture of fake tensors, and count what autograd saves.

    Attention counts as a fused kernel has it, without its matrix of weights.

    Args:
        model: which.
        settings: which of its parameters move.
        text: a prompt that it knows.
        precision: in which matrix products are done.
    """
    students = model.students(settings)
    denoiser = students.get(model.family.denoiser, getattr(model.pipeline, model.family.denoiser))
    parts = (denoiser, *students.values())
    own = {_storage(p) for part in parts for p in part.parameters()}
    saved: dict[int, int] = {}
    kept: list[Tensor] = []  # or a storage's address could come twice

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        if _storage(tensor) not in own:
            saved[_storage(tensor)] = tensor.untyped_storage().nbytes()
        return tensor

    casts = _Casts(own)
    with model.mode, casts:
        noisy = torch.zeros(1, *model.latent_shape)
        times = torch.zeros(1, dtype=torch.int64)
        with (
            saved_tensors_hooks(pack, lambda tensor: tensor),
            products_in(precision, torch.device("cpu")),
        ):
            encodes = settings.train == "text_encoder"
            told = model.retold(students, text) if encodes else model.conditions(text)
            kept.append(model.family.predict(denoiser, noisy, times, told))
    of_rows = [size for storage, size in saved.items() if storage not in casts.found]
    moving = {_storage(p) for part in parts for p in part.parameters() if p.requires_grad}
    of_weights = {True: 0, False: 0}
    for storage in saved.keys() & casts.found.keys():
        of_weights[casts.found[storage] in moving] += saved[storage]
    return Activations(sum(of_rows), max(of_rows, default=0), of_weights[False], of_weights[True])


@torch.no_grad()
def widest_tensors(model: Skeleton, text: str) -> tuple[int, int]:
    """Bytes of the widest tensor in predicting for one picture, and in decoding it."""
    conditions = model.conditions(text)
    found = []
    for decodes in (False, True):
        widest = _Widest()
        with model.mode:
            noisy = torch.zeros(1, *model.latent_shape)
            with widest:
                if decodes:
                    model.family.decode(model.pipeline, noisy)
                else:
                    denoiser = getattr(model.pipeline, model.family.denoiser)
                    times = torch.zeros(1, dtype=torch.int64)
                    model.family.predict(denoiser, noisy, times, conditions)
        found.append(widest.size)
    return found[0], found[1]


class _Widest(TorchDispatchMode):
    """Notes the largest tensor that is computed of pictures; views of weights are none."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.size = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and not func.is_view:
            self.size = max(self.size, result.nbytes)
        return result


class _Casts(TorchDispatchMode):
    """Notes the storages of what weights are cast to, and those of the weights.

    Args:
        weights: their storages.
    """

    def __init__(self, weights: set[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: dict[int, int] = {}
        self._weights = weights
        self._kept: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if (
            func is torch.ops.aten._to_copy.default  # noqa: SLF001  (what autocast calls)
            and isinstance(args[0], Tensor)
            and _storage(args[0]) in self._weights
        ):
            self._kept.append(result)
            self.found[_storage(result)] = _storage(args[0])
        return result


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001  (fake ones share the address 0)
