"""The kernel of attention follows the device and the number of latents."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from pipeline.diffusion.attention import quick_attention


def gradient(inputs: Tensor) -> Tensor:
    inputs = inputs.detach().requires_grad_()
    scaled_dot_product_attention(inputs, inputs, inputs).square().sum().backward()
    assert inputs.grad is not None
    return inputs.grad


def test_short_attention_on_the_cpu_is_plain_and_has_the_same_gradient() -> None:
    inputs = torch.randn(2, 4, 16, 40, generator=torch.Generator().manual_seed(5))
    fused = gradient(inputs)
    with quick_attention(torch.device("cpu"), (4, 8, 8)):
        assert not torch.backends.cuda.flash_sdp_enabled()
        plain = gradient(inputs)
    assert torch.backends.cuda.flash_sdp_enabled()
    torch.testing.assert_close(plain, fused, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("device", "side"), [("cpu", 64), ("meta", 8)], ids=["long", "not on the CPU"]
)
def test_other_attention_stays_fused(device: str, side: int) -> None:
    with quick_attention(torch.device(device), (4, side, side)):
        assert torch.backends.cuda.flash_sdp_enabled()
