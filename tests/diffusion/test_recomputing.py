"""Activations computed again give the same gradients, and far fewer of them are kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.config import LoraSettings, ModelConfig
from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.recomputing import recompute_activations
from pipeline.diffusion.trained import copy_to_train
from tests.diffusion.tiny import FAMILIES, build, prompts

TRAINED = {
    "full": ModelConfig(train="all"),
    "lora": ModelConfig(train="attention", lora=LoraSettings(rank=2)),
    "text": ModelConfig(train="text_encoder"),
}


@pytest.fixture(scope="module", params=FAMILIES)
def tiny(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> DiffusionModel:
    return load_model(build(request.param, tmp_path_factory.mktemp(request.param)))


def gradients(
    model: DiffusionModel, settings: ModelConfig, *, recomputes: bool
) -> tuple[dict[str, Tensor], int]:
    """Gradients of a prediction's square by name, and bytes that autograd keeps for them."""
    trained = copy_to_train(model, settings, seed=0)
    if recomputes:
        for part in trained.parts.values():
            recompute_activations(part)
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(2, *model.latent_shape, generator=generator)
    times = model.noise.draw_times(2, generator)
    texts = list(prompts("sd1" if model.family.text_encoders else "dit")[:2])
    told = model.encode_prompts(texts)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    denoiser = trained.parts.get(model.family.denoiser)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        if denoiser is None:
            pipeline = model.family.around(model.pipeline, dict(trained.parts))
            again = model.family.retell(pipeline, texts, told)
            total = sum(t.square().sum() for t in again.tensors.values() if t.requires_grad)
            loss = torch.as_tensor(total)
        else:
            loss = model.predict(denoiser, noisy, times, told).square().sum()
    own = {p.untyped_storage().data_ptr() for part in trained.parts.values() for p in weights(part)}
    loss.backward()
    return {name: p.grad for name, p in trained.parameters.items() if p.grad is not None}, sum(
        size for address, size in kept.items() if address not in own
    )


def weights(part: nn.Module) -> list[Tensor]:
    return [*part.parameters(), *part.buffers()]


@pytest.mark.parametrize("train", TRAINED)
def test_gradients_are_the_same_and_less_is_kept(tiny: DiffusionModel, train: str) -> None:
    if train == "text" and not tiny.family.text_encoders:
        return
    plain, all_of_it = gradients(tiny, TRAINED[train], recomputes=False)
    again, some_of_it = gradients(tiny, TRAINED[train], recomputes=True)
    assert plain.keys() == again.keys()
    assert any(value.any() for value in plain.values())
    for name, value in plain.items():
        torch.testing.assert_close(again[name], value, rtol=1e-5, atol=1e-6 * float(value.norm()))
    assert some_of_it < 0.7 * all_of_it


class Copies(TorchDispatchMode):
    """Which copies in half precision are made of frozen weights.

    Args:
        weights: of a network.
    """

    def __init__(self, weights: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._frozen = {p.untyped_storage().data_ptr() for p in weights if not p.requires_grad}
        self._made: list[tuple[StorageWeakRef, int]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if (
            func is torch.ops.aten._to_copy.default
            and args[0].untyped_storage().data_ptr() in self._frozen
        ):
            self._made.append((StorageWeakRef(result.untyped_storage()), result.nbytes))
        return result

    def alive(self) -> int:
        """Bytes of those that something still holds."""
        return sum(size for made, size in self._made if not made.expired())


def test_copies_of_frozen_weights_live_no_longer_than_a_block(tiny: DiffusionModel) -> None:
    held = []
    for recomputes in (False, True):
        denoiser = copy_to_train(tiny, TRAINED["lora"], seed=0).parts[tiny.family.denoiser]
        if recomputes:
            recompute_activations(denoiser)
        told = tiny.encode_prompts([prompts("sd1" if tiny.family.text_encoders else "dit")[0]])
        times = tiny.noise.draw_times(1, torch.Generator().manual_seed(0))
        copies = Copies(list(denoiser.parameters()))
        noisy = torch.zeros(1, *tiny.latent_shape)
        with copies:
            kept = tiny.predict(denoiser, noisy, times, told, torch.bfloat16)
        held.append(copies.alive())
        assert kept.requires_grad
    assert held[1] < 0.5 * held[0]


def test_the_base_does_not_notice(tiny: DiffusionModel) -> None:
    trained = copy_to_train(tiny, TRAINED["lora"], seed=0)
    recompute_activations(trained.parts[tiny.family.denoiser])
    assert not any(getattr(m, "gradient_checkpointing", False) for m in tiny.denoiser.modules())


def test_a_network_without_blocks_is_refused() -> None:
    with pytest.raises(ValueError, match="gradient_checkpointing: expected a network"):
        recompute_activations(nn.Linear(2, 2))
