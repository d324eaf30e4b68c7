"""Activations that are computed again in the backward pass in place of being kept."""

from __future__ import annotations

from diffusers import ModelMixin
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer


def recompute_activations(network: nn.Module) -> None:
    """Let a denoiser or a text encoder keep its blocks' inputs alone (Chen et al. 2016).

    Training Deep Nets with Sublinear Memory Cost, arXiv 1604.06174. What is computed stays the
    same: no dropout is switched on.

    Raises:
        ValueError: the network's class has no blocks that can be computed again.
    """
    match network:
        case ModelMixin():  # all of the families' denoisers can
            network.enable_gradient_checkpointing()
        case PreTrainedModel() if network.supports_gradient_checkpointing:
            network.activation_checkpointing_enable({"use_reentrant": False})
            for block in network.modules():
                if isinstance(block, GradientCheckpointingLayer):
                    # Blocks ask whether they are in training; the dropout inside of them is not.
                    block.training = True
        case _:
            raise ValueError(
                "update.gradient_checkpointing: expected a network with blocks that can be "
                f"computed again, got {type(network).__name__}; set it to false"
            )
