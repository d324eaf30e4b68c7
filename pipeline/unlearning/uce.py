"""UCE: unified concept editing (Gandikota et al. 2024, arXiv 2308.14761), without training.

Legend: P prompts, L tokens, D width of a token's state, O rows of a projection.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from pipeline.config import ClosedFormConfig
from pipeline.diffusion.conditions import STATES
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.store import Store
from pipeline.diffusion.synthesis import embed
from pipeline.diffusion.weights import save_weights
from pipeline.prompts import PromptSet
from pipeline.unlearning.trainer import WEIGHTS


def edit(
    model: DiffusionModel,
    settings: ClosedFormConfig,
    prompt_set: PromptSet,
    store: Store,
    folder: Path,
) -> Path:
    """Edit every cross-attention's keys and values, and write the changed weights.

    Forget prompts take their anchors' keys and values, token by token at the same place; the retain
    prompts of the mix keep theirs.

    Returns:
        Path of the changed weights.

    Raises:
        ValueError: the model's family has no keys and values of the prompt's own states.
    """
    if not model.family.prompt_projections:
        raise ValueError(
            "closed_form: expected a model whose cross-attention reads a prompt's states, got "
            f"{type(model.pipeline).__name__}; train instead: remove closed_form"
        )
    concepts = embed(model, [prompt.text for prompt in prompt_set.forget_train], store)
    anchors = embed(model, [prompt.anchor or "" for prompt in prompt_set.forget_train], store)
    kept = embed(model, _preserved(prompt_set), store)
    c, a, k = (part.tensors[STATES] for part in (concepts, anchors, kept))
    edited = {
        name: edited_projection(weight.detach(), c, a, k, settings)
        for name, weight in model.denoiser.named_parameters()
        if name.endswith(model.family.prompt_projections)
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS
    save_weights(edited, path, model.dtype, {"base": model.fingerprint, "edit": "uce"})
    return path


def edited_projection(
    weight: Tensor, concepts: Tensor, anchors: Tensor, kept: Tensor, settings: ClosedFormConfig
) -> Tensor:
    """The projection nearest to the old one that maps concepts as it mapped their anchors.

    With W the old matrix, c_i a token's state of a concept, a_i that of its anchor, k_j one that is
    kept, p the preservation's weight and g the ridge:

        (g W + sum_i W a_i c_i' + p sum_j W k_j k_j') (g I + sum_i c_i c_i' + p sum_j k_j k_j')^-1

    Sums are means over tokens here, so that p and g mean the same for any number of prompts.

    Args:
        weight: W, (O, D).
        concepts: (P, L, D).
        anchors: (P, L, D).
        kept: (Q, L, D); Q may be 0.
        settings: p and g.

    Returns:
        (O, D), float32.
    """
    old = weight.to("cpu", torch.float64)
    c, a, k = (
        states.flatten(0, 1).to("cpu", torch.float64) for states in (concepts, anchors, kept)
    )
    ridge = settings.ridge * torch.eye(old.shape[1], dtype=torch.float64)
    onto_anchors, own = a.T @ c / len(c), c.T @ c / len(c)
    keep = settings.preserve_weight * (k.T @ k) / max(1, len(k))
    wanted = old @ (ridge + onto_anchors + keep)
    # X M = wanted with M symmetric: solved as M X' = wanted'.
    new: Tensor = torch.linalg.solve(ridge + own + keep, wanted.T).T
    return new.float().contiguous()


def _preserved(prompt_set: PromptSet) -> list[str]:
    """Retain prompts, of each source as many as its share of the mix says; at least the empty one.

    Those of the source `anchor` are the forget prompts' anchors.
    """
    sources = {
        source: [prompt.text for prompt in prompts]
        for source, prompts in prompt_set.retain_train.items()
    } | {"anchor": [prompt.anchor or "" for prompt in prompt_set.forget_train]}
    mix = prompt_set.retain_mix
    kept = [
        text
        for source, texts in sources.items()
        for text in texts[: round(mix.get(source, 0) * len(texts))]
    ]
    return kept or [""]
