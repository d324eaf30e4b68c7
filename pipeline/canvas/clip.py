"""The small CLIP that measures alignment, and whose text tower the base model starts from.

It is trained twice: on whole captions, which gives the text tower, and then with half of each
batch's captions naming the object alone. Among whole captions colour, style and background tell
most pictures of a batch apart, and the object is learned last.
"""

from __future__ import annotations

from dataclasses import replace

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

from pipeline.canvas.captions import UNSTATED
from pipeline.canvas.dataset import Dataset, as_floats, tokenize
from pipeline.canvas.schooling import Schedule
from pipeline.config import EMBEDDED_NAME
from pipeline.prompts.fashion import OBJECTS, STYLES
from pipeline.prompts.vocabulary import vocabulary
from pipeline.prompts.words import with_article

_WORDS = vocabulary(EMBEDDED_NAME)

SCHEDULE = Schedule(steps=4500, batch=128, learning_rate=1.5e-3, warmup=150, seed=2)
NAMING_SCHEDULE = replace(SCHEDULE, steps=2000, learning_rate=8e-4, warmup=50, seed=6)
_NAMING_SHARE = 0.5
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
    """Contrastive loss on whole captions, as `dataset` drew them."""
    rows = torch.randint(len(data), (batch,), generator=generator)
    column = torch.randint(data.token_ids.shape[1], (batch,), generator=generator)
    ids, said = data.token_ids[rows, column].long(), data.stated[rows, column].long()
    return _contrast(clip, _shifted(data.pictures[rows], generator), data.labels[rows], ids, said)


class NamingLoss:
    """The same loss with half of the captions naming the object alone: `a sneaker`."""

    def __init__(self, clip: CLIPModel, tokenizer: CLIPTokenizer, data: Dataset) -> None:
        self.clip, self.data = clip, data
        self.names = tokenize(tokenizer, list(map(_WORDS.thing, OBJECTS)))

    def __call__(self, generator: torch.Generator) -> Tensor:
        """The loss of one batch drawn from the generator."""
        data, batch = self.data, NAMING_SCHEDULE.batch
        rows = torch.randint(len(data), (batch,), generator=generator)
        column = torch.randint(data.token_ids.shape[1], (batch,), generator=generator)
        ids, said = data.token_ids[rows, column].long(), data.stated[rows, column].long()
        named = int(batch * _NAMING_SHARE)
        labels = data.labels[rows]
        ids[:named] = self.names[labels[:named, 0]]
        said[:named, 0], said[:named, 1:] = labels[:named, 0], UNSTATED
        pictures = _shifted(data.pictures[rows], generator)
        return _contrast(self.clip, pictures, labels, ids, said)


def _shifted(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Float pictures, moved by up to two pixels."""
    shift = torch.randint(-2, 3, (2,), generator=generator).tolist()
    return torch.roll(as_floats(pictures), shift, (2, 3))


def _contrast(
    clip: CLIPModel, pictures: Tensor, labels: Tensor, ids: Tensor, said: Tensor
) -> Tensor:
    """Contrastive loss in which every picture that a caption describes counts as its match.

    With few attributes many pictures of a batch share a caption; CLIP's one-match loss would push
    those apart.
    """
    matches = ((said[:, None] == labels[None]) | (said[:, None] < 0)).all(-1).float()
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
    objects = list(map(_WORDS.thing, OBJECTS))
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
