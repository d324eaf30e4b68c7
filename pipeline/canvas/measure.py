"""What the embedded parts are worth, measured on what none of them was trained on."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPModel, CLIPTokenizer

from pipeline.canvas.autoencoder import reconstruction_psnr
from pipeline.canvas.captions import canonical_caption
from pipeline.canvas.clip import clip_measures, image_features, text_features
from pipeline.canvas.dataset import Dataset, as_floats, is_held_out
from pipeline.canvas.judges import classifier_measures
from pipeline.diffusion.load import load_model
from pipeline.diffusion.sampling import Progress, Sampler, decode, sample_latents
from pipeline.evaluation.classifier import AxisClassifier
from pipeline.evaluation.gallery import contact_sheet
from pipeline.prompts.fashion import BACKGROUNDS, COLOURS, OBJECTS, STYLES

SAMPLER = Sampler(steps=20, guidance=2.5, batch=32)
_AXES = {"object": OBJECTS, "style": STYLES, "colour": COLOURS, "background": BACKGROUNDS}

Measures = dict[str, float]


def held_out_labels(repeats: int) -> Tensor:
    """Every combination the base has never seen, `repeats` times: (137 x repeats, 4)."""
    grid = torch.cartesian_prod(*(torch.arange(len(names)) for names in _AXES.values()))
    return grid[is_held_out(grid)].repeat(repeats, 1)


def generate(
    folder: Path, labels: Tensor, seed: int, progress: Progress | None = None
) -> tuple[list[str], Tensor]:
    """Captions of labels (N, 4) and the base's pictures of them, (N, 3, 32, 32) in [-1, 1]."""
    model = load_model(folder)
    captions = [canonical_caption(row) for row in labels.tolist()]
    latents = sample_latents(
        model,
        model.encode_prompts(captions),
        [seed + place for place in range(len(captions))],
        SAMPLER,
        empty=model.encode_prompts([""]),
        progress=progress,
    )
    return captions, decode(model, latents)


def draw_contact_sheet(folder: Path, path: Path, seed: int = 40_000) -> None:
    """Write one picture of every object in every style, in combinations the base has never seen."""
    held_out = held_out_labels(1)
    rows = []
    for style in range(len(STYLES)):
        for thing in range(len(OBJECTS)):
            fitting = held_out[(held_out[:, 0] == thing) & (held_out[:, 1] == style)]
            rows.append(fitting[(thing + style) % len(fitting)])
    _, pictures = generate(folder, torch.stack(rows), seed)
    contact_sheet(pictures, STYLES, OBJECTS, path, scale=3)


@torch.no_grad()
def accuracy_by_axis(classifier: AxisClassifier, pictures: Tensor, labels: Tensor) -> Measures:
    """Accuracy on each axis, and on each object and style."""
    predicted = {
        axis: torch.cat([classifier(chunk)[axis].argmax(1) for chunk in pictures.split(500)])
        for axis in _AXES
    }
    measures = {}
    for column, axis in enumerate(_AXES):
        right = (predicted[axis] == labels[:, column]).float()
        measures[axis] = float(right.mean())
        if axis in ("object", "style"):
            for number, name in enumerate(_AXES[axis]):
                rows = labels[:, column] == number
                if rows.any():
                    measures[f"{axis}/{name}"] = float(right[rows].mean())
    return measures


def measure_generations(
    weights: Path, repeats: int, seed: int, progress: Progress | None = None
) -> dict[str, Measures]:
    """Accuracies and CLIP score of the base's pictures of combinations it has never seen.

    The base's last training stage uses pictures that both classifiers name with ease, so that
    their verdict on its pictures is a little kinder than a stranger's.
    """
    labels = held_out_labels(repeats)
    captions, pictures = generate(weights / "base", labels, seed, progress)
    clip, tokenizer = _clip(weights)
    score = (image_features(clip, pictures) * text_features(clip, tokenizer, captions)).sum(1)
    return {
        "classifier": accuracy_by_axis(
            AxisClassifier.load(weights / "classifier"), pictures, labels
        ),
        "second-classifier": accuracy_by_axis(
            AxisClassifier.load(weights / "second-classifier"), pictures, labels
        ),
        "clip": {"score": float(score.mean())},
    }


def measure_judges(weights: Path, data: Dataset) -> dict[str, Measures]:
    """Held-out numbers of both classifiers, the CLIP and the autoencoder on composed pictures."""
    clip, tokenizer = _clip(weights)
    autoencoder = AutoencoderKL.from_pretrained(weights / "base/vae", dtype=torch.float32)
    texts = text_features(clip, tokenizer, [canonical_caption(row) for row in data.labels.tolist()])
    matched = (image_features(clip, as_floats(data.pictures)) * texts).sum(1).mean()
    return {
        "classifier": classifier_measures(AxisClassifier.load(weights / "classifier"), data),
        "second-classifier": classifier_measures(
            AxisClassifier.load(weights / "second-classifier"), data
        ),
        "clip": {**clip_measures(clip, tokenizer, data), "score": float(matched)},
        "autoencoder": {"psnr_db": reconstruction_psnr(autoencoder, data)},
    }


def _clip(weights: Path) -> tuple[CLIPModel, CLIPTokenizer]:
    model = CLIPModel.from_pretrained(
        weights / "clip", dtype=torch.float32, use_safetensors=True
    ).eval()
    return model, CLIPTokenizer.from_pretrained(weights / "clip")
