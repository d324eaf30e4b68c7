"""The small CLIP that measures alignment, and whose text tower the base model starts from."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
)

from pipeline.canvas.dataset import Dataset, as_floats, tokenize
from pipeline.canvas.schooling import Schedule
from pipeline.prompts.fashion import OBJECTS, STYLES
from pipeline.prompts.words import thing_phrase, with_article

SCHEDULE = Schedule(steps=4500, batch=128, learning_rate=1.5e-3, warmup=150, seed=2)
_MAX_SCALE = 100.0
_FOILS = 9


def new_clip(tokenizer: CLIPTokenizer) -> CLIPModel:
    """An untrained CLIP for 32 x 32 pictures in patches of 8 x 8."""
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        projection_dim=96,
    )
    vision = CLIPVisionConfig(
        image_size=32,
        patch_size=8,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        projection_dim=96,
    )
    config = CLIPConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=96
    )
    return CLIPModel(config)


def image_processor() -> CLIPImageProcessorPil:
    """The processor that belongs to `new_clip`."""
    return CLIPImageProcessorPil(
        size={"shortest_edge": 32},
        crop_size={"height": 32, "width": 32},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )


def clip_loss(clip: CLIPModel, data: Dataset, batch: int, generator: torch.Generator) -> Tensor:
    """Contrastive loss in which every picture that a caption describes counts as its match.

    With few attributes many pictures of a batch share a caption; CLIP's one-match loss would push
    those apart.
    """
    rows = torch.randint(len(data), (batch,), generator=generator)
    column = torch.randint(data.token_ids.shape[1], (batch,), generator=generator)
    shift = torch.randint(-2, 3, (2,), generator=generator).tolist()
    pictures = torch.roll(as_floats(data.pictures[rows]), shift, (2, 3))
    ids, said = data.token_ids[rows, column].long(), data.stated[rows, column].long()
    matches = ((said[:, None] == data.labels[rows][None]) | (said[:, None] < 0)).all(-1).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        images = clip.visual_projection(clip.vision_model(pictures).pooler_output)
        texts = clip.text_projection(clip.text_model(_trim(clip, ids)).pooler_output)
    similarity = F.normalize(texts.float(), dim=-1) @ F.normalize(images.float(), dim=-1).T
    logits = similarity * clip.logit_scale.exp().clamp(max=_MAX_SCALE)
    by_text = (F.log_softmax(logits, 1) * matches).sum(1) / matches.sum(1)
    by_image = (F.log_softmax(logits, 0) * matches).sum(0) / matches.sum(0)
    return -(by_text + by_image).mean() / 2


def _trim(clip: CLIPModel, ids: Tensor) -> Tensor:
    """Drop the columns behind every caption's end: attention is causal, nothing looks there."""
    ends = (ids == clip.config.text_config.eos_token_id).int().argmax(1)
    return ids[:, : int(ends.max()) + 1]


@torch.no_grad()
def image_features(clip: CLIPModel, pictures: Tensor) -> Tensor:
    """Unit features of float pictures in [-1, 1]: (N, 96)."""
    chunks = [
        clip.visual_projection(clip.vision_model(chunk).pooler_output)
        for chunk in pictures.split(500)
    ]
    return F.normalize(torch.cat(chunks), dim=-1)


@torch.no_grad()
def text_features(clip: CLIPModel, tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Unit features of captions: (N, 96)."""
    ids = tokenize(tokenizer, captions)
    return F.normalize(clip.text_projection(clip.text_model(ids).pooler_output), dim=-1)


def clip_measures(clip: CLIPModel, tokenizer: CLIPTokenizer, data: Dataset) -> dict[str, float]:
    """R-precision against nine foils, and zero-shot accuracy of object and style.

    A foil is the caption of another picture that does not describe this one.
    """
    images = image_features(clip, as_floats(data.pictures))
    ids, place = torch.unique(data.token_ids[:, 0].long(), dim=0, return_inverse=True)
    with torch.no_grad():
        unique = F.normalize(clip.text_projection(clip.text_model(ids).pooler_output), dim=-1)
    texts, said = unique[place], data.stated[:, 0].long()
    generator = torch.Generator().manual_seed(0)
    own = (images * texts).sum(1)
    beaten = torch.ones(len(data), dtype=torch.bool)
    for _ in range(_FOILS):
        foil = _other_captions(data.labels, said, generator)
        beaten &= own > (images * texts[foil]).sum(1)
    objects = [thing_phrase(name) for name in OBJECTS]
    styles = [f"{with_article(name)} style picture of a thing" for name in STYLES]
    named = (images @ text_features(clip, tokenizer, objects).T).argmax(1)
    styled = (images @ text_features(clip, tokenizer, styles).T).argmax(1)
    return {
        "r_precision": float(beaten.float().mean()),
        "zero_shot_object": float((named == data.labels[:, 0]).float().mean()),
        "zero_shot_style": float((styled == data.labels[:, 1]).float().mean()),
    }


def _other_captions(labels: Tensor, said: Tensor, generator: torch.Generator) -> Tensor:
    """For each picture the row of a caption that does not describe it."""
    rows = torch.randint(len(labels), (len(labels),), generator=generator)
    while True:
        fits = ((said[rows] == labels) | (said[rows] < 0)).all(1)
        if not fits.any():
            return rows
        rows[fits] = torch.randint(len(labels), (int(fits.sum()),), generator=generator)
